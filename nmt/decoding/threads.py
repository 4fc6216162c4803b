"""Threads that work side by side, each of which computes its products alone."""

import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch

from nmt.decoding.workers import can_fork

Task = TypeVar("Task")
Result = TypeVar("Result")

SWITCH_SECONDS = 2e-4
"""How long a thread may keep others from Python: with its usual 5 ms, searches wait for whoever reads their results."""


class _Switching:
    """How often Python's threads take turns: oftener while any work goes on in several of them."""

    def __init__(self) -> None:
        self._lock, self._inside, self._usual = threading.Lock(), 0, 0.0

    @contextmanager
    def often(self) -> Iterator[None]:
        """Within it, a thread does not keep the others from Python for more than `SWITCH_SECONDS`."""
        with self._lock:
            if not self._inside:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(self._usual, SWITCH_SECONDS))
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    sys.setswitchinterval(self._usual)


_SWITCHING = _Switching()


def in_threads(count: int, work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
    """What `work` gives for each task, in their order, in so many threads; there are no fewer tasks than that."""
    threads = list[int]()
    begun = threading.Barrier(count + 1)
    pool = ThreadPoolExecutor(count, initializer=_begin_alone, initargs=(threads, begun))
    with _SWITCHING.often():
        try:
            found = pool.map(work, tasks)
            begun.wait()
            torch.set_num_threads(torch.get_num_threads())  # all other threads that are to come get as many as this
            yield from found
        finally:  # what has not begun is given up, if the caller is
            begun.abort()
            pool.shutdown(cancel_futures=True)
            _await_ends(threads)


def _begin_alone(threads: list[int], begun: threading.Barrier) -> None:
    """Begins a thread that shares no product with others, adds it to those that have begun, and waits for them all."""
    threads.append(threading.get_native_id())
    torch.get_num_threads()  # else a thread takes the number that was set last when it first computes
    torch.set_num_threads(1)
    begun.wait()


def _await_ends(threads: Collection[int]) -> None:
    """Waits until ended threads, by their native ids, have left the system as well, if a process may be forked here.

    Python joins a thread before its last act, in which MKL gives back the thread's memory and holds all locks of it.
    A process that is forked meanwhile holds them for ever, and waits for them at its first product.
    """
    while can_fork() and any(Path(f"/proc/self/task/{thread}").exists() for thread in threads):
        time.sleep(1e-4)
