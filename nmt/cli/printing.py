"""Output that a training does without where it cannot be written."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast


class Dispensable:
    """A stream of text that is given up once it cannot be written to: what reads it has ended, or a disk is full.

    Args:
        stream: standard output or standard error.
        name: what it is called when it is given up.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream, self._name = stream, name

    def write(self, text: str) -> int:
        """Writes, if that is possible; how many characters were given."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        """Writes what has been kept back, if that is possible."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """From now on all goes nowhere, also what has been kept back."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        print(f"nmt train: {self._name} cannot be written ({error}): training goes on without", file=sys.stderr)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def dispensable_output() -> Iterator[None]:
    """Whatever happens to standard output and standard error, what runs within goes on."""
    with ExitStack() as stack:
        for stream, name, redirect in (
            (sys.stderr, "standard error", redirect_stderr),
            (sys.stdout, "standard output", redirect_stdout),
        ):
            if stream is not None:  # it may be closed
                stack.enter_context(redirect(cast(TextIO, Dispensable(stream, name))))
        yield
