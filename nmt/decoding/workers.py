"""Processes that work side by side, for a program that does nothing else meanwhile.

Threads of one Python wait for each other between any two operations: two of them search 1.3 to 1.9 times as fast as
one. A process waits for nobody. It is forked when the network is there, whose memory it then shares.
"""

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

import torch

Task = TypeVar("Task")
Result = TypeVar("Result")


def can_fork() -> bool:
    """Whether a process with torch in it may be forked here: elsewhere than on Linux, system libraries forbid it."""
    return sys.platform == "linux"


class Workers(Generic[Task, Result]):
    """Processes with one thread each, until they are closed or the program that has started them ends, in any way.

    Args:
        count: how many.
        work: what each does with a task; tasks and results go through pipes, what else it needs is there when it forks.

    Attributes:
        settled: True if no answer is outstanding, so that the workers can be reused.

    Raises:
        ValueError: if this process may have none.
    """

    def __init__(self, count: int, work: Callable[[Task], Result]) -> None:
        if current_process().daemon:
            raise ValueError("processes: this one is daemonic and may have none: load the translator without them")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")  # else each fork is warned of
        context = get_context("fork")
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(count):
            pipe, far_end = context.Pipe()
            self._pipes.append(pipe)
            process = context.Process(target=_serve, args=(far_end, list(self._pipes), work), daemon=True)
            process.start()
            far_end.close()
            self._processes.append(process)
        self.settled = True

    def map(self, tasks: Sequence[Task]) -> Iterator[Result]:
        """The results in the order of the tasks, of which each process has one at a time.

        Raises:
            ChildProcessError: if a process has died.
            Exception: what `work` raises.
        """
        self.settled = False
        waiting, busy = deque(enumerate(tasks)), dict[Connection, int]()
        done: dict[int, Result] = {}

        def give(pipe: Connection) -> None:
            if waiting:
                busy[pipe], task = waiting.popleft()
                pipe.send(task)

        try:
            for pipe in self._pipes:
                give(pipe)
            for number in range(len(tasks)):
                while number not in done:
                    ready = wait(list(busy))
                    for pipe in [pipe for pipe in busy if pipe in ready]:
                        ended = busy.pop(pipe)
                        done[ended] = _received(pipe)
                        give(pipe)
                yield done.pop(number)
        except (EOFError, ConnectionError) as error:
            raise ChildProcessError("a process that translates has died: is there enough memory?") from error
        except (GeneratorExit, Exception):
            for pipe in busy:  # what the caller does not wait for any more
                with suppress(Exception):
                    _received(pipe)
            self.settled = True
            raise
        self.settled = True

    def close(self) -> None:
        """Ends them; they have nothing to lose."""
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.close()
            process.kill()
            process.join()


def _received(pipe: Connection) -> Any:
    """What the work at the other end has given, or raised."""
    result, error = pipe.recv()
    if error is not None:
        raise error
    return result


def _serve(pipe: Connection, others: Sequence[Connection], work: Callable[[Task], Result]) -> None:
    """Works off the tasks that come, until no more can: with the last copy of its other end, the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the first process to end
    for other in others:
        other.close()
    torch.set_num_threads(1)
    with suppress(EOFError, ConnectionError):
        while True:
            task = pipe.recv()
            try:
                answer: tuple[Result | None, Exception | None] = work(task), None
            except Exception as error:  # noqa: BLE001 - whatever it is, it is raised at the other end
                answer = None, error
            pipe.send(answer)
