"""Files that outlast a power cut, errors that name their file, and folders that one process has for itself."""

import os
import threading
from pathlib import Path

import pytest

from nmt.data import files
from nmt.data.files import digest, lock_folder, locked, naming, put, put_folder, sibling


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is flushed, and of what takes its place, in order."""
    names: list[str] = []
    flush, replace, rename = files.fsync, os.replace, Path.rename

    def flushed(*paths: Path) -> None:
        flush(*paths)
        names.extend(path.name for path in paths)

    def replaced(unfinished: Path, path: Path) -> None:
        replace(unfinished, path)
        names.append(f"{unfinished.name} -> {path.name}")

    def renamed(unfinished: Path, path: Path) -> Path:
        names.append(f"{unfinished.name} -> {path.name}")
        return rename(unfinished, path)

    monkeypatch.setattr(files, "fsync", flushed)
    monkeypatch.setattr(os, "replace", replaced)
    monkeypatch.setattr(Path, "rename", renamed)
    return names


def test_a_file_takes_its_place_once_it_and_the_others_are_on_the_disk(tmp_path: Path, done: list[str]) -> None:
    new, other, place = (tmp_path / name for name in ("new", "other", "place"))
    for path, text in ((new, "new"), (other, "other"), (place, "old")):
        path.write_text(text)
    put(new, place, other)
    assert place.read_text() == "new"
    assert done == ["new", "other", "new -> place", tmp_path.name]


def test_a_folder_takes_its_place_once_all_of_it_is_on_the_disk(tmp_path: Path, done: list[str]) -> None:
    place = tmp_path / "above" / "place"
    for text in ("one", "two"):
        with put_folder(place) as fresh:
            (fresh / "deep").mkdir()
            (fresh / "deep" / "file").write_text(text)
            assert not place.exists() or (place / "deep" / "file").read_text() == "one"
        assert (place / "deep" / "file").read_text() == text
        assert [path.name for path in place.parent.iterdir()] == ["place"]
    flushed = ["deep", "file", ".place.new"]
    assert done == [*flushed, ".place.new -> place", *flushed, "place -> .place.old", ".place.new -> place"]


def test_what_a_killed_process_has_left_of_a_folder_is_in_nobodys_way(tmp_path: Path) -> None:
    place = tmp_path / "place"
    for folder in (place, sibling(place, "new"), sibling(place, "old")):
        folder.mkdir()
        (folder / "left").touch()
    with put_folder(place) as fresh:
        (fresh / "file").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["place", "file"]


def test_a_folder_that_fails_leaves_the_old_one_and_is_named(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "file").write_text("old")
    with pytest.raises(OSError, match="No space left on device: '.*/.place.new'"), put_folder(place):
        raise OSError(28, "No space left on device")
    assert (place / "file").read_text() == "old"


def test_an_error_is_named_only_where_it_has_no_name() -> None:
    for error, told in (
        (OSError(28, "full"), "[Errno 28] full: 'here'"),
        (OSError(28, "full", "there"), "[Errno 28] full: 'there'"),
        (OSError("unlike the system's"), "unlike the system's"),
    ):
        with pytest.raises(OSError) as caught, naming(Path("here")):  # noqa: PT011
            raise error
        assert str(caught.value) == told


def test_what_stands_beside_a_folder_has_its_name_even_from_within(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    (run / "model").mkdir(parents=True)
    assert sibling(run, "new") == tmp_path / ".run.new"
    monkeypatch.chdir(run)
    assert sibling(Path("."), "new") == tmp_path / ".run.new"
    monkeypatch.chdir(run / "model")
    assert sibling(Path(".."), "new") == tmp_path / ".run.new"


def test_a_digest_is_that_of_all_files_in_their_order(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("one")
    two.write_text("two")
    assert digest(one, two) == digest(one, two)
    assert len({digest(), digest(one), digest(two), digest(one, two), digest(two, one), digest(one, one)}) == 6


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait() -> None:
        with locked(tmp_path):
            pass

    before = len(os.listdir("/dev/fd"))
    with locked(tmp_path):
        with pytest.raises(BlockingIOError):
            lock_folder(tmp_path)
        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive(), "it waits"
    waiting.join(10)
    assert not waiting.is_alive()
    assert len(os.listdir("/dev/fd")) == before
    assert lock_folder(tmp_path / "none") is None

    def unable(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(files.fcntl, "flock", unable)
    with locked(tmp_path):
        pass
    monkeypatch.setattr(files, "fcntl", None)
    assert lock_folder(tmp_path) is None
