"""The archive of attention matrices: what `numpy.load` reads, whole or in pieces, whatever ended the writing."""

from pathlib import Path

import numpy as np
import pytest

from nmt.decoding.attention_file import attention_archive, attention_pieces, load_attention, write_archive

NO_ARCHIVE = r"^\S*a\.npz is no archive of attention that nmt has written, or damaged: make it again$"

MATRICES = [np.random.default_rng(1).random((rows, rows + 2), np.float32) for rows in (3, 0, 1)]


def assert_equal(loaded: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert len(loaded) == len(expected)
    for one, other in zip(loaded, expected, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


def test_matrices_come_back_and_nothing_else_is_left(tmp_path: Path) -> None:
    with attention_archive(tmp_path / "a.npz") as add:
        for matrix in MATRICES:
            add(matrix)
    assert_equal(load_attention(tmp_path / "a.npz"), MATRICES)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    with np.load(tmp_path / "a.npz") as arrays:
        np.testing.assert_array_equal(arrays["shapes"], [[3, 5], [0, 2], [1, 3]])
        np.testing.assert_array_equal(arrays["weights"], np.concatenate([matrix.ravel() for matrix in MATRICES]))


def test_none_are_an_empty_archive(tmp_path: Path) -> None:
    with attention_archive(tmp_path / "a.npz"):
        pass
    assert load_attention(tmp_path / "a.npz") == []


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_half_an_archive_is_named(tmp_path: Path, keep: int) -> None:
    with attention_archive(tmp_path / "a.npz") as add:
        add(MATRICES[0])
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:keep])
    with pytest.raises(ValueError, match=NO_ARCHIVE):
        load_attention(tmp_path / "a.npz")


def numbers(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    "arrays",
    [
        {"weights": numbers(1, 1)},
        {"weights": np.array(["a"]), "shapes": np.array([[1, 1]])},
        {"weights": np.array([{}]), "shapes": np.array([[1, 1]])},
        {"weights": numbers(1, 1, 1), "shapes": np.array([[2, 2]])},
        {"weights": numbers(1, 1, 1), "shapes": np.array([[2, 1]])},
        {"weights": numbers(1, 1, 1), "shapes": np.array([[1.5, 2]])},
        {"weights": numbers(1, 1, 1, 1), "shapes": np.array([[-2, -2]])},
        {"weights": numbers(1, 1, 1), "shapes": np.array([3])},
        {"weights": numbers(1, 1), "shapes": np.array([[1, 2, 1]])},
    ],
)
def test_arrays_that_are_no_matrices_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=NO_ARCHIVE):
        load_attention(tmp_path / "a.npz")


def test_other_files_are_refused_without_advice_to_unpickle_them(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", MATRICES[0])
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    for content in ((tmp_path / "a.npz").read_bytes(), b"0.5 0.5\n"):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(ValueError, match=NO_ARCHIVE):
            load_attention(tmp_path / "a.npz")


def test_what_was_written_before_an_interruption_is_there(tmp_path: Path) -> None:
    def interrupted() -> None:
        with attention_archive(tmp_path / "a.npz") as add:
            add(MATRICES[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert_equal(load_attention(tmp_path / "a.npz"), MATRICES[:1])


@pytest.mark.parametrize("raw", ["weights", "shapes"])
def test_a_piece_that_was_cut_off_is_named_and_the_archive_stays(tmp_path: Path, raw: str) -> None:
    with attention_archive(tmp_path / "a.npz") as add:
        add(MATRICES[0])
    with attention_pieces(tmp_path / "0") as add:
        add(MATRICES[0])
    path = tmp_path / f"0.{raw}"
    path.write_bytes(path.read_bytes()[:8])
    with pytest.raises(ValueError, match="0.weights is damaged, it does not fit 0.shapes"):
        write_archive(tmp_path / "a.npz", [tmp_path / "0"])
    assert_equal(load_attention(tmp_path / "a.npz"), MATRICES[:1])


def test_a_matrix_whose_shape_was_not_written_is_left_out(tmp_path: Path) -> None:
    class Interrupted:
        def astype(self, _: str) -> np.ndarray:
            return MATRICES[2]

        @property
        def shape(self) -> None:
            raise KeyboardInterrupt

    def interrupted() -> None:
        with attention_archive(tmp_path / "a.npz") as add:
            add(MATRICES[0])
            add(Interrupted())

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert_equal(load_attention(tmp_path / "a.npz"), MATRICES[:1])


def test_pieces_are_joined_in_order(tmp_path: Path) -> None:
    for number, part in enumerate((MATRICES[:2], [], MATRICES[2:])):
        with attention_pieces(tmp_path / str(number)) as add:
            for matrix in part:
                add(matrix)
    write_archive(tmp_path / "a.npz", [tmp_path / "0", tmp_path / "1", tmp_path / "2"])
    assert_equal(load_attention(tmp_path / "a.npz"), MATRICES)
