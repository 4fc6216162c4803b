"""Files that outlast a power cut, errors that name their file, and folders that one process has for itself."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None  # type: ignore[assignment]


def fsync(*paths: Path) -> None:
    """Waits until files are on the disk; of a folder, the names in it."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def naming(where: object) -> Iterator[None]:
    """Gives an error of the system that names no file, such as a full disk, the name `where`."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(where)
        raise


def lock_folder(folder: Path) -> int | None:
    """Locks a folder until the returned descriptor is closed; None where the system has no locks for folders.

    Raises:
        BlockingIOError: if another process holds it.
    """
    if fcntl is None or not folder.is_dir():
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:  # a file system without
        pass
    return handle
