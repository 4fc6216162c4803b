"""Processes that search side by side: the results of threads, whatever happens to a task, a caller or a process."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from conftest import SENTENCES

from nmt.data.special import EOS_ID
from nmt.decoding import searcher, threads
from nmt.decoding.options import SearchOptions
from nmt.decoding.translator import Translator
from nmt.decoding.workers import Workers, can_fork

pytestmark = pytest.mark.skipif(not can_fork(), reason="no processes are forked on this system")


def half(number: int) -> int:
    time.sleep(0.01 * (number % 3))  # so that they do not end in their order
    if number < 0:
        raise ValueError(f"{number} is negative")
    if number == 13:
        os._exit(1)
    return number // 2


@pytest.fixture
def workers():
    made = Workers(2, half)
    yield made
    made.close()


def test_results_come_in_the_order_of_the_tasks(workers):
    for count in (0, 1, 7):
        assert list(workers.map(range(count))) == [number // 2 for number in range(count)]


def test_they_work_in_processes_of_one_thread():
    workers = Workers(2, lambda _: (time.sleep(0.05), os.getpid(), torch.get_num_threads())[1:])
    found = set(workers.map(range(4)))
    workers.close()
    assert len(found) == 2
    assert {threads for _, threads in found} == {1}
    assert os.getpid() not in {process for process, _ in found}


def test_what_a_task_raises_is_raised_and_the_next_tasks_are_done(workers):
    with pytest.raises(ValueError, match="-1 is negative"):
        list(workers.map([4, -1, 8]))
    assert workers.settled
    assert list(workers.map([4, 8])) == [2, 4]


def test_a_caller_may_leave_before_the_end(workers):
    left = workers.map([2, 4, 6, 8])
    assert next(left) == 1
    left.close()
    assert workers.settled
    assert list(workers.map([20, 40])) == [10, 20]


def test_what_was_interrupted_is_not_settled(workers, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("nmt.decoding.workers.wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            list(workers.map([2, 4, 6]))
    assert not workers.settled


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("upset", ["interrupt", "death"])
def test_after_an_interrupt_or_a_death_other_processes_translate(model_folder, monkeypatch, upset):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(searcher, "MANY_SENTENCES", 4)
    sources = [source for source, _ in SENTENCES for _ in range(6)]
    translator = Translator.load(model_folder, "cpu", processes=True)
    expected = [each.text for each in translator.translate(sources, batch_sentences=3)]
    with monkeypatch.context() as patch:
        if upset == "interrupt":
            patch.setattr("nmt.decoding.workers.wait", interrupted)
        else:
            os.kill(translator.engine._workers._processes[0].pid, signal.SIGKILL)
        with pytest.raises((KeyboardInterrupt, ChildProcessError)):
            list(translator.translate(sources[::-1], batch_sentences=3))
    assert [each.text for each in translator.translate(sources, batch_sentences=3)] == expected
    translator.close()


def test_a_dead_process_is_reported(workers):
    with pytest.raises(ChildProcessError, match="has died"):
        list(workers.map([2, 13, 4, 6]))


ENDLESS = """
import os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has it ignored
from nmt.decoding.workers import Workers
workers = Workers(2, lambda _: (time.sleep(0.1), os.getpid())[1])
print(*set(workers.map(range(4))), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_none_is_left_when_the_program_is_killed(number):
    program = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    processes = [int(each) for each in program.stdout.readline().split()]
    assert len(processes) == 2
    program.send_signal(number)
    program.wait()
    program.stdout.close()
    for _ in range(100):
        if not any(map(is_running, processes)):
            return
        time.sleep(0.1)
    pytest.fail("a process is still running")


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("options", [SearchOptions(beam_size=2), SearchOptions(method="sample", beam_size=1, seed=3)])
def test_translations_are_those_of_threads(model_folder, monkeypatch, options):
    monkeypatch.setattr(searcher, "MANY_SENTENCES", 4)
    sources = [source for source, _ in SENTENCES for _ in range(6)]
    threaded, processes = (Translator.load(model_folder, "cpu", processes=each) for each in (False, True))
    network, tabulated = processes.engine.network, []
    usual = network.tabulated
    monkeypatch.setattr(network, "tabulated", lambda: tabulated.append(usual()) or tabulated[-1])
    expected = list(threaded.translate(sources, options, batch_sentences=3))
    for _ in range(2):  # by the same processes
        found = list(processes.translate(sources, options, batch_sentences=3))
        assert [each.text for each in found] == [each.text for each in expected]
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(torch.tensor(one.attention), torch.tensor(other.attention))
    assert processes.engine._workers is not None
    assert len(tabulated) == 1
    assert threaded.engine._workers is None
    other = list(processes.translate(sources, SearchOptions(beam_size=3), batch_sentences=3))
    again = list(threaded.translate(sources, SearchOptions(beam_size=3), batch_sentences=3))
    assert [each.text for each in other] == [each.text for each in again]
    with torch.no_grad():
        processes.engine.network.output.bias[EOS_ID] = 100.0
    other = list(processes.translate(sources, SearchOptions(beam_size=3), batch_sentences=3))
    assert not any(each.text for each in other)  # by the weights that there are now
    processes.close()


@pytest.mark.usefixtures("two_threads")
def test_a_process_that_is_forked_too_late_is_refused_and_told_what_to_do(model_folder):
    def translate(count):
        torch.set_num_threads(count)
        return translator.translate("ja").text

    def score(count):
        torch.set_num_threads(count)
        return translator.score("ja", "yes").text

    translator = Translator.load(model_folder, "cpu")
    expected = translator.translate("ja").text
    for work, result in ((translate, expected), (score, "yes")):
        workers = Workers(1, work)
        with pytest.raises(RuntimeError, match=r"was forked after .*: call torch.set_num_threads\(1\) in it first"):
            list(workers.map([2]))
        assert list(workers.map([1])) == [result]
        workers.close()
    assert translator.translate("ja").text == expected


def test_a_process_that_may_have_none_says_so():
    workers = Workers(1, lambda _: Workers(1, half))
    with pytest.raises(ValueError, match="daemonic and may have none: load the translator without them"):
        list(workers.map([0]))
    workers.close()


@pytest.mark.usefixtures("two_threads")
def test_threads_have_left_the_system_when_they_have_translated(model_folder, monkeypatch):
    """Else a process that is forked then holds the locks of what they do at their very end, and waits for ever."""
    usual, began, here = threads._begin_alone, [], ctypes.CDLL(None)
    key = ctypes.c_uint()
    here.pthread_key_create(ctypes.byref(key), here.usleep)  # a thread sleeps at its end for as long as it has set

    def begin(started: list[int], begun: threading.Barrier) -> None:
        usual(started, begun)
        here.pthread_setspecific(key, ctypes.c_void_p(200_000))
        began.extend(started)

    monkeypatch.setattr(threads, "_begin_alone", begin)
    sources = [source for source, _ in SENTENCES for _ in range(6)]
    list(Translator.load(model_folder, "cpu").translate(sources, SearchOptions(), batch_sentences=3))
    assert began
    assert not any(Path(f"/proc/self/task/{each}").exists() for each in began)
