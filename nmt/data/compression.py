"""Files that may be compressed, as streams of bytes."""

import io
import zlib
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
