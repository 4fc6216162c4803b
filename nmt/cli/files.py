"""The files of a command: what cannot be read or written, or would be lost, is found before anything is loaded."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def check_files(
    options: argparse.Namespace, reads: Sequence[str], writes: Sequence[str], reads_stdin: bool = False
) -> None:
    """Makes sure of what a command reads and writes; in `options`, links become the files that they lead to.

    Args:
        options: holds the paths, each None where it was not given.
        reads: names of the arguments to read, such as "--input" or "SOURCES".
        writes: names of the arguments to write; without an "--output", standard output is written to.
        reads_stdin: standard input is read, too.

    Raises:
        ValueError: if a file is missing, cannot be written, or is there twice.
    """
    seen: dict[Path, str] = {}
    for name in (*reads, *writes):
        path: Path | None = getattr(options, _field(name))
        if path is None:
            continue
        if name in reads and not path.exists():
            raise ValueError(f"{name} {path}: there is no such file")
        if name in writes and not path.parent.is_dir():
            raise ValueError(f"{name} {path}: there is no folder {path.parent}")
        if path.is_dir():
            raise ValueError(f"{name} {path} is a folder: give the name of a file")
        if is_special(path):
            continue
        path = path.resolve()
        setattr(options, _field(name), path)
        if name in writes and path in seen:
            raise ValueError(f"{name} and {seen[path]} are the same file, {path}: give another name")
        seen[path] = name
        if name in writes and reads_stdin and path.exists() and os.path.samestat(path.stat(), os.fstat(0)):
            raise ValueError(f"{name} {path} is what standard input is read from: give another name")
        if name in reads and not options.output and _is_standard_output(path):
            raise ValueError(f"{name} {path} is what standard output is written to: give another name")
    if options.attention and is_special(options.attention):
        raise ValueError(f"--attention {options.attention} is not a regular file: give the name of one")


def is_special(path: Path) -> bool:
    """Whether there is something that is written to, not replaced: a device, a pipe."""
    return path.exists() and not path.is_file()


def _field(name: str) -> str:
    return name.removeprefix("--").lower()


def _is_standard_output(path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    except OSError:  # it is no file
        return False
