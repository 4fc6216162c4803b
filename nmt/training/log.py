"""What a training says: printed, and kept in the folder of its run."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

LOG = "train.log"
"""Name of the log in the folder of a run."""


class RunLog:
    """Prints what a training says, and keeps it in a file: the time before each line, and no progress bars.

    What is said before the training has begun waits until the folder may change (`begin`). After that each line is in
    the file once it is said, behind those of earlier trainings of the run. A training goes on without its log where
    that cannot be written.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[str] = []
        self._file: BinaryIO | None = None

    def say(self, text: str) -> None:
        """Prints and keeps it."""
        print(text, flush=True)
        self.note(text)

    def note(self, text: str) -> None:
        """Keeps it, and does not print it."""
        now = datetime.now().isoformat(" ", "seconds")
        self._waiting += [f"{now} {line}\n" for line in text.splitlines() if line.strip()]
        if self._file is not None:
            self._write(self._file)

    def begin(self) -> None:
        """Opens the file and writes what has waited."""
        try:
            self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115 - `attending` closes it
        except OSError as error:
            self._give_up(error)
        else:
            self._write(self._file)

    @contextmanager
    def attending(self) -> Iterator[None]:
        """Keeps warnings too, and the error that ends what runs within; closes the file in the end."""
        with warnings.catch_warnings():
            show = warnings.showwarning

            def showing(message: Any, category: type[Warning], *place: Any, **given: Any) -> None:
                show(message, category, *place, **given)
                self.note(f"{category.__name__}: {message}")

            warnings.showwarning = showing
            try:
                yield
            except BaseException as error:
                self.note(f"{type(error).__name__}: {error}".removesuffix(": "))
                raise
            finally:
                if self._file is not None:
                    self._file.close()

    def _write(self, file: BinaryIO) -> None:
        text, self._waiting = "".join(self._waiting), []
        try:
            file.write(text.encode(errors="backslashreplace"))
        except OSError as error:
            self._file = None
            file.close()
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        print(f"{self._path} cannot be written ({error.strerror}): training goes on without", file=sys.stderr)
