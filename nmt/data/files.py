"""Files that outlast a power cut, errors that name their file, and folders that one process has for itself."""

import hashlib
import os
import shutil
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


def put(unfinished: Path, path: Path, *others: Path) -> None:
    """Moves a file into its place, once it and the others are on the disk: whatever happens, what is there is whole."""
    fsync(unfinished, *others)
    os.replace(unfinished, path)
    fsync(path.parent)


def sibling(path: Path, state: str) -> Path:
    """The hidden file or folder beside another that is what will take its place, or what had it."""
    if not path.name.strip("."):  # the folder one is in, or that above it
        path = path.resolve()
    return path.with_name(f".{path.name}.{state}")


@contextmanager
def put_folder(folder: Path) -> Iterator[Path]:
    """A new folder, which takes the place of another once all of it is on the disk: a crash leaves one of the two.

    Between its two moves the old one is its `sibling`, as "old".
    """
    fresh, old = sibling(folder, "new"), sibling(folder, "old")
    shutil.rmtree(fresh, ignore_errors=True)  # of a process that was killed
    fresh.mkdir(parents=True)
    with naming(fresh):
        yield fresh
        fsync(*fresh.rglob("*"), fresh)
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def naming(where: object) -> Iterator[None]:
    """Gives an error of the system that names no file, such as a full disk, the name `where`."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(where)
        raise


def digest(*paths: Path) -> str:
    """What tells the contents of these files from any others."""
    hashes = []
    for path in paths:
        with open(path, "rb") as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()


@contextmanager
def locked(folder: Path, wait: bool = True) -> Iterator[None]:
    """Has a folder for oneself, as `lock_folder` locks it."""
    handle = lock_folder(folder, wait)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def lock_folder(folder: Path, wait: bool = False) -> int | None:
    """Locks a folder until the returned descriptor is closed; None where the system has no locks for folders.

    Raises:
        BlockingIOError: if another process holds it and is not to be waited for.
    """
    if fcntl is None or not folder.is_dir():
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:  # a file system without
        pass
    return handle
