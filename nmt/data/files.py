"""Files that outlast a power cut, and errors that name them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def flush(*paths: Path) -> None:
    """Waits until files are on the disk; of a folder, the names in it."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def naming(where: object) -> Iterator[None]:
    """Within it, an error of the system that names no file, such as that a disk is full, names this."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(where)
        raise
