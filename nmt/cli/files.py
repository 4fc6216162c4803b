"""The files of a command: what cannot be read or written, or would be lost, is found before anything is loaded."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from nmt.cli.parsing import Parser, file_path


def add_output_flags(parser: Parser, form: str, of: str, best: str = "") -> "argparse._ArgumentGroup":
    """The flags of what a command writes: `form` says what text and TSV hold, `of` what a line is about."""
    output = parser.add_argument_group("output")
    told = "plain, .gz, .xz or .zst; default: standard output"
    output.add_argument("--output", type=file_path, metavar="FILE", help=told)
    told = f"{form}; jsonl: all there is of a translation but its attention"
    output.add_argument("--format", choices=("text", "tsv", "jsonl"), default="text", help=told)
    told = f"links such as 0-1 (soft: 0-1:0.93) between words and punctuation marks of source and {of}"
    output.add_argument("--alignments", choices=("none", "hard", "soft"), default="none", help=told)
    told = f"save the attention of each {of}{best} in this .npz (`nmt.load_attention` reads it)"
    output.add_argument("--attention", type=file_path, metavar="FILE", help=told)
    return output


def output_stream(output: Path | None, stack: ExitStack) -> BinaryIO:
    """Where a command writes: the file, until the end of `stack`, or standard output."""
    from nmt.data.compression import create_binary

    return stack.enter_context(create_binary(output, output.suffix)) if output else sys.stdout.buffer


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
