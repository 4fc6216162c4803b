"""Attention matrices <-> one `.npz` file, written one matrix at a time: memory does not grow with their number.

The archive holds two arrays: `weights`, float32, all matrices one behind the other, row by row; and `shapes` (N, 2),
int64, the rows (target tokens) and columns (source tokens) of each. How long they are is known at the end only, so
that their values wait in two raw files, which also may come from several writers, each with its part of the matrices.
"""

import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from nmt.data.files import put

FLOAT_BYTES, SHAPE_BYTES = 4, 16


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
            _cut_to_whole(pieces)
            write_archive(path, [pieces])


def _cut_to_whole(piece: Path) -> None:
    """Leaves the matrices of which all is there; what ended the writing may have come within one."""
    weights, shapes = _raw_files(piece)
    ends = FLOAT_BYTES * np.cumsum(_shapes(shapes).prod(axis=1))
    whole = int(np.searchsorted(ends, weights.stat().st_size, side="right"))
    os.truncate(weights, ends[whole - 1] if whole else 0)
    os.truncate(shapes, whole * SHAPE_BYTES)


def write_archive(path: Path, pieces: Sequence[Path]) -> None:
    """Writes the archive of all matrices of `pieces`, paths of `attention_pieces`, in order.

    Raises:
        ValueError: if a piece has not as many weights as its shapes say; an archive that was there stays.
    """
    raw = [_raw_files(piece) for piece in pieces]
    for weights, shapes in raw:
        expected = _shapes(shapes)
        found = weights.stat().st_size, shapes.stat().st_size
        if found != (FLOAT_BYTES * expected.prod(axis=1).sum(), expected.nbytes):
            raise ValueError(f"{weights} is damaged, it does not fit {shapes.name}: delete {weights.parent}")
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
    put(unfinished, path)


def load_attention(path: str | Path) -> list[np.ndarray]:
    """The matrices (T, S) of an archive, in order.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is damaged, or another file.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return _matrices(arrays["weights"], arrays["shapes"])
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError) as error:
        told = "is no archive of attention that nmt has written, or damaged: make it again"
        raise ValueError(f"{path} {told}") from error  # without numpy's advice to load what would be executed


def _matrices(weights: np.ndarray, shapes: np.ndarray) -> list[np.ndarray]:
    """The matrices (T, S) that are these weights one behind the other; ValueError or TypeError if they are none."""
    ends = np.cumsum(shapes.prod(axis=1))
    matrices = [
        weights[end - rows * columns : end].reshape(rows, columns)
        for end, (rows, columns) in zip(ends, shapes, strict=True)
    ]
    if weights.dtype != np.float32 or weights.size != sum(each.size for each in matrices):
        raise ValueError("not the weights of these shapes")
    return matrices


def load_shaped(path: Path, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """The matrices of an archive that has one, or as many, of each of these shapes; none where there is no such file.

    Raises:
        ValueError: if it is damaged, or of other shapes.
    """
    if not path.exists():
        return []
    matrices = load_attention(path)
    of_each = len(matrices) // max(1, len(shapes))
    if [each.shape for each in matrices] != [shape for shape in shapes for _ in range(of_each)]:
        raise ValueError(f"{path} is of other translations: evaluate again")
    return matrices


def _shapes(path: Path) -> np.ndarray:
    """The shapes (N, 2) in a raw file, without one that is cut off."""
    return np.fromfile(path, "<i8", count=path.stat().st_size // SHAPE_BYTES * 2).reshape(-1, 2)


def _raw_files(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}.weights"), path.with_name(f"{path.name}.shapes")
