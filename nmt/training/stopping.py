"""Signals that stop a training: noted, so that no step is lost, and given back in the end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = signal.SIGINT, signal.SIGTERM, *((signal.SIGUSR1,) if hasattr(signal, "SIGUSR1") else ())
"""The last is what SLURM is often told to send before a job's time is over; not every system has it."""


class Stopped(Exception):
    """Training was stopped by a signal, after a checkpoint was written.

    Attributes:
        signal_number: of the signal.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.signal_number = signal_number


class Signals:
    """SIGINT, SIGTERM and SIGUSR1, which are noted once they are taken; a second one ends the process at once.

    They are those of the main thread: a training in another one leaves them to it.

    Attributes:
        received: number of the signal that was noted; 0 before.
    """

    def __init__(self) -> None:
        self.received = 0

    def take(self) -> None:
        """From now on they are noted."""
        if _is_main_thread():
            for number in STOPPING:
                signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        for each in STOPPING:
            signal.signal(each, signal.SIG_DFL)

    @contextmanager
    def given_back(self) -> Iterator[None]:
        """Gives them back in the end to what had them at the beginning, whatever has taken them, Lightning too."""
        before = {number: signal.getsignal(number) for number in STOPPING}
        try:
            yield
        finally:
            for number, handler in before.items():
                if _is_main_thread() and handler is not None:  # None: of a program that is not Python
                    signal.signal(number, handler)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
