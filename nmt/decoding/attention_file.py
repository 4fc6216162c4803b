"""Attention matrices <-> one `.npz` file, written one matrix at a time: memory does not grow with their number.

The archive holds two arrays: `weights`, float32, all matrices one behind the other, row by row; and `shapes` (N, 2),
int64, the rows (target tokens) and columns (source tokens) of each. How long they are is known at the end only, so
that their values wait in two raw files, which also may come from several writers, each with its part of the matrices.
"""

import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from nmt.data.files import flush


@contextmanager
def attention_pieces(path: Path) -> Iterator[Callable[[np.ndarray], None]]:
    """A function that appends one matrix (T, S) to the raw files `<path>.weights` and `<path>.shapes`."""
    weights_path, shapes_path = _raw_files(path)
    with open(weights_path, "wb") as weights, open(shapes_path, "wb") as shapes:

        def add(attention: np.ndarray) -> None:
            weights.write(attention.astype("<f4").tobytes())
            shapes.write(np.array(attention.shape, "<i8").tobytes())

        yield add


@contextmanager
def attention_archive(path: Path) -> Iterator[Callable[[np.ndarray], None]]:
    """A function that appends one matrix (T, S) to the archive, which is there at the end, whatever ends it."""
    with TemporaryDirectory(prefix=f"{path.name}.", dir=path.parent) as folder:
        pieces = Path(folder) / "pieces"
        try:
            with attention_pieces(pieces) as add:
                yield add
        finally:
            write_archive(path, [pieces])


def write_archive(path: Path, pieces: Sequence[Path]) -> None:
    """Writes the archive of all matrices of `pieces`, paths of `attention_pieces`, in order."""
    raw = [_raw_files(piece) for piece in pieces]
    unfinished = path.with_name(f"{path.name}.unfinished")
    with zipfile.ZipFile(unfinished, "w") as archive:
        for column, (name, dtype, width) in enumerate((("weights", "<f4", 0), ("shapes", "<i8", 2))):
            files = [each[column] for each in raw]
            items = sum(file.stat().st_size for file in files) // np.dtype(dtype).itemsize
            header = {"descr": dtype, "fortran_order": False, "shape": (items // width, width) if width else (items,)}
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, header)
                for file in files:
                    with open(file, "rb") as values:
                        shutil.copyfileobj(values, member, 1 << 20)
    flush(unfinished)
    os.replace(unfinished, path)


def load_attention(path: Path) -> list[np.ndarray]:
    """The matrices (T, S) of an archive, in order.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it holds anything but numbers.
    """
    with np.load(path, allow_pickle=False) as arrays:
        weights, shapes = arrays["weights"], arrays["shapes"]
    ends = np.cumsum(shapes.prod(axis=1))
    return [
        weights[end - rows * columns : end].reshape(rows, columns)
        for end, (rows, columns) in zip(ends, shapes, strict=True)
    ]


def _raw_files(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}.weights"), path.with_name(f"{path.name}.shapes")
