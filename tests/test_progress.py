"""What is seen on standard error while lines are translated: on a terminal how far it has come, elsewhere warnings."""

import sys

import pytest

from nmt.pipe import progress
from nmt.pipe.progress import Progress, watched


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that it is, to be set."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_a_terminal_shows_how_far_it_has_come_and_in_the_end_how_fast(
    clock: list[float], capsys: pytest.CaptureFixture
) -> None:
    shown = Progress(True)
    for seconds, tokens in ((0.1, 5), (0.15, 5), (0.5, 10), (0.6, 0)):
        clock[0] = 100.0 + seconds
        shown.add(tokens)
    assert capsys.readouterr().err == "\r\x1b[K3 lines in 0.5 s: 6.0 lines/s, 40 tokens/s", "once in a while only"
    shown.say("something is wrong")
    assert capsys.readouterr().err == "\r\x1b[Knmt translate: something is wrong\n"
    clock[0] = 102.0
    shown.close()
    assert capsys.readouterr().err == "\r\x1b[K4 lines in 2.0 s: 2.0 lines/s, 10 tokens/s\n"


def test_elsewhere_there_are_warnings_only(clock: list[float], capsys: pytest.CaptureFixture) -> None:
    hidden = Progress(False, "score")
    for _ in range(3):
        clock[0] += 60
        hidden.add(5)
    hidden.say("something is wrong")
    hidden.close()
    assert capsys.readouterr().err == "nmt score: something is wrong\n"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_is_shown_at_a_terminal_only(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    monkeypatch.setenv("TERM", "xterm")
    assert list(watched(iter("abc"), 3, "letters")) == ["a", "b", "c"]
    assert ("letters" in capsys.readouterr().err) == is_terminal
