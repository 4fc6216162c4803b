"""What a user sees on standard error while something goes on: warnings, and on a terminal how far it has come."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

SECONDS_BETWEEN = 0.2


class Progress:
    """Counts lines and tokens, and shows them.

    Args:
        shown: whether to show them: a line that is written over and over, and in the end one that stays.
        command: whose warnings they are.
    """

    def __init__(self, shown: bool, command: str = "translate") -> None:
        self._shown, self._command = shown, command
        self._began = self._last = time.perf_counter()
        self._lines = self._tokens = 0

    def add(self, tokens: int) -> None:
        """Counts one line whose translation has so many tokens."""
        self._lines += 1
        self._tokens += tokens
        if self._shown and time.perf_counter() - self._last > SECONDS_BETWEEN:
            self._last = time.perf_counter()
            sys.stderr.write(f"\r\x1b[K{self._figures()}")
            sys.stderr.flush()

    def say(self, message: str) -> None:
        """Prints one line."""
        clear = "\r\x1b[K" if self._shown else ""
        print(f"{clear}nmt {self._command}: {message}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leaves the last figures."""
        if self._shown:
            print(f"\r\x1b[K{self._figures()}", file=sys.stderr, flush=True)

    def _figures(self) -> str:
        seconds = time.perf_counter() - self._began
        lines, tokens = self._lines / seconds, self._tokens / seconds
        return f"{self._lines:,} lines in {seconds:.1f} s: {lines:,.1f} lines/s, {tokens:,.0f} tokens/s"


def watched(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """The same items, with a bar on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return iter(track(items, what, total, console=console, transient=True, disable=not console.is_terminal))
