r"""Files that may be compressed, as streams of bytes and as lines.

Lines end at ``\n`` or ``\r\n`` only, so that other separators of Unicode inside a sentence make no new line.
"""

import io
import zlib
from collections.abc import Iterator
from lzma import LZMAError
from pathlib import Path
from typing import BinaryIO, cast

MAGIC = {b"\x1f\x8b\x08": "gzip", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "Zstandard"}
"""How compressed files begin, and what they are."""

DAMAGED = (OSError, EOFError, zlib.error, LZMAError)
"""What reading on raises where an archive is damaged or cut off."""


def open_binary(path: Path) -> BinaryIO:
    """The file, decompressed where its name ends in .gz, .xz or .zst."""
    if path.suffix == ".gz":
        import gzip

        return cast(BinaryIO, gzip.open(path))
    if path.suffix == ".xz":
        import lzma

        return cast(BinaryIO, lzma.open(path))
    if path.suffix == ".zst":
        import pyarrow

        return io.BufferedReader(pyarrow.input_stream(path, compression="zstd"))
    return open(path, "rb")


def file_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, decompressed, without their ends.

    Raises:
        OSError: if it cannot be opened.
        ValueError: if it cannot be read to its end.
    """
    number = 0
    with open_binary(path) as stream:
        try:
            for line in stream:
                yield without_end(line)
                number += 1
        except DAMAGED as error:
            raise ValueError(f"{path}: cannot be read after line {number}: {error}") from error


def without_end(line: bytes) -> bytes:
    """A line without what ends it."""
    return line.removesuffix(b"\n").removesuffix(b"\r")


def create_binary(path: Path, suffix: str) -> BinaryIO:
    """A new file in place of one that is there, compressed where the suffix is .gz, .xz or .zst."""
    if suffix == ".gz":
        import gzip

        return cast(BinaryIO, gzip.GzipFile(path, "wb", mtime=0))  # the same bytes each time
    if suffix == ".xz":
        import lzma

        return cast(BinaryIO, lzma.open(path, "wb"))
    if suffix == ".zst":
        import pyarrow

        return cast(BinaryIO, pyarrow.output_stream(path, compression="zstd"))
    return open(path, "wb")
