"""Files that may be compressed, as streams of bytes."""

import io
import zlib
from lzma import LZMAError
from pathlib import Path
from typing import BinaryIO, cast

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
