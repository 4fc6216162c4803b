"""A file in shards: however it was stopped, and by however many processes, the output is that of one go."""

import errno
import gzip
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import SENTENCES

from nmt.cli import main
from nmt.cli.translate import _job, _parser
from nmt.data import files
from nmt.data.compression import MAGIC, file_lines
from nmt.decoding.attention_file import load_attention
from nmt.pipe import shards
from nmt.pipe.pipe import Pipe
from nmt.pipe.processes import Processes
from nmt.pipe.shards import Parts

LINES = [source for source, _ in SENTENCES] * 10 + ["", "last"]
FLAGS = ("--shard-lines", "10", "--format", "tsv", "--scores", "--method", "sample", "--beam-size", "2")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.txt"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return path


@pytest.fixture
def translate(model_folder: Path, source: Path, tmp_path: Path) -> Callable[..., int]:
    """Translates the file into `out.txt`, with the attention beside it."""

    def run(*arguments: str) -> int:
        files = (
            "--input",
            str(source),
            "--output",
            str(tmp_path / "out.txt"),
            "--attention",
            str(tmp_path / "out.npz"),
        )
        return main(["translate", str(model_folder), *files, *FLAGS, *arguments])

    return run


@pytest.fixture
def whole(translate: Callable[..., int], tmp_path: Path) -> tuple[bytes, list[np.ndarray]]:
    """The output and the attention of one go, which are then removed."""
    assert translate() == 0
    result = (tmp_path / "out.txt").read_bytes(), load_attention(tmp_path / "out.npz")
    (tmp_path / "out.txt").unlink()
    (tmp_path / "out.npz").unlink()
    return result


def assert_whole(folder: Path, whole: tuple[bytes, list[np.ndarray]]) -> None:
    output, attention = whole
    assert (folder / "out.txt").read_bytes() == output
    for one, other in zip(load_attention(folder / "out.npz"), attention, strict=True):
        np.testing.assert_array_equal(one, other)
    assert {path.name for path in folder.iterdir()} == {"in.txt", "model", "out.txt", "out.npz"}


def stop_at(monkeypatch: pytest.MonkeyPatch, line: int) -> None:
    """Lets the first process that comes to a line be interrupted there."""
    translated = Pipe.run

    def stopped(self: Pipe, windows: object, write: Callable, add: Callable, first: int) -> int:
        if first + 10 <= line:
            return translated(self, windows, write, add, first)
        monkeypatch.setattr(Pipe, "run", translated)
        write(b"half a li")
        raise KeyboardInterrupt

    monkeypatch.setattr(Pipe, "run", stopped)


def test_shards_make_the_output_of_a_stream(
    whole: tuple, model_folder: Path, source: Path, capfdbinary: pytest.CaptureFixture
) -> None:
    assert main(["translate", str(model_folder), "--input", str(source), *FLAGS]) == 0
    assert capfdbinary.readouterr().out == whole[0]
    assert whole[0].count(b"\n") == len(whole[1]) == len(LINES)


def test_an_interrupted_file_is_gone_on_with(
    whole: tuple, translate: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    stop_at(monkeypatch, 25)
    assert translate() == 130
    assert "stopped, shards finished: 2; go on with --resume" in capsys.readouterr().err
    assert not (tmp_path / "out.txt").exists()
    finished = {path: path.stat().st_mtime_ns for path in (tmp_path / "out.txt.parts").glob("*.lines")}
    assert len(finished) == 2
    assert translate() == 2
    assert "holds finished shards of a stopped run: go on with --resume, or delete it" in capsys.readouterr().err
    stop_at(monkeypatch, 35)
    assert translate("--resume") == 130
    assert all(path.stat().st_mtime_ns == changed for path, changed in finished.items())
    assert translate("--resume") == 0
    assert_whole(tmp_path, whole)


def test_nothing_is_left_of_a_file_that_was_interrupted_at_once(
    translate: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: tuple
) -> None:
    stop_at(monkeypatch, 0)
    assert translate() == 130
    assert {path.name for path in tmp_path.iterdir()} == {"in.txt", "model"}
    assert translate("--resume") == 0  # from the start
    assert_whole(tmp_path, whole)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (["--seed", "7"], "was made with --seed 1, not 7"),
        (["--format", "text"], "was made with --format 'tsv', not 'text'"),
        (["--shard-lines", "11"], "was made with --shard-lines 10, not 11"),
        (["--prefix", "das"], "was made with --prefix '', not 'das'"),
        (["input"], "was made with another input: give the same, or delete it"),
        (["model"], "was made with another model"),
    ],
)
def test_another_job_does_not_go_on_with_the_shards(
    translate: Callable,
    source: Path,
    model_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    change: list[str],
    told: str,
) -> None:
    stop_at(monkeypatch, 25)
    assert translate() == 130
    capsys.readouterr()
    if change == ["input"]:
        source.write_text("\n".join(["Ja", *LINES[1:]]), encoding="utf-8")
    elif change == ["model"]:
        with open(model_folder / "config.json", "a") as file:
            file.write("\n")
    assert translate("--resume", *(change if change[0].startswith("--") else [])) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(("job", "told"), [({}, "--size 3, not None"), ({"size": 3, "more": 7}, "--more None, not 7")])
def test_a_setting_that_only_one_of_two_jobs_has_tells_them_apart(tmp_path: Path, job: dict, told: str) -> None:
    parts = Parts(tmp_path / "out", None, shard_lines=10)
    parts.open({"size": 3}, resume=False)
    (parts.folder / "00000000.lines").touch()
    parts.close()
    with pytest.raises(ValueError, match=f"was made with {told}"):
        parts.open(job, resume=True)
    parts.close()


def test_a_shortlist_counts_only_where_it_is_asked_for(
    whole: tuple, translate: Callable, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, 25)
    assert translate() == 130
    (model_folder / "shortlist.safetensors").write_bytes(b"made meanwhile")
    assert translate("--resume") == 0
    assert_whole(tmp_path, whole)
    arguments = [str(model_folder), "--input", str(tmp_path / "in.txt"), "--shortlist"]
    before = _job(_parser().parse_args(arguments))
    (model_folder / "shortlist.safetensors").write_bytes(b"made again")
    after = _job(_parser().parse_args(arguments))
    assert [key for key in before if before[key] != after[key]] == ["shortlist file"]


@pytest.mark.parametrize("job", ["[]", "3", "{", None])
def test_a_damaged_folder_is_named(
    translate: Callable, tmp_path: Path, capsys: pytest.CaptureFixture, job: str | None
) -> None:
    folder = tmp_path / "out.txt.parts"
    folder.mkdir()
    (folder / "00000000.lines").touch()
    if job is not None:
        (folder / "job.json").write_text(job)
    assert translate("--resume") == 2
    error = capsys.readouterr().err
    assert f"--resume: {folder / 'job.json'} is damaged (" in error
    assert f"delete {folder}, and start without --resume" in error
    assert error.count("\n") == 1


def test_a_full_disk_is_named(
    translate: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Pipe, "run", full)
    assert translate() == 2
    assert f"No space left on device: '{tmp_path / 'out.txt.parts'}'" in capsys.readouterr().err


KILLED_WITHIN_A_SHARD = """
import os, signal, sys
from nmt.cli import main
from nmt.pipe.pipe import Pipe
translated = Pipe.run
def run(pipe, windows, write, add, first):
    if first == 20:
        write(b"half a li")
        os.kill(os.getpid(), signal.SIGKILL)
    return translated(pipe, windows, write, add, first)
Pipe.run = run
sys.exit(main())
"""


def test_a_killed_file_is_gone_on_with(whole: tuple, model_folder: Path, source: Path, tmp_path: Path) -> None:
    files = ("--input", str(source), "--output", str(tmp_path / "out.txt"), "--attention", str(tmp_path / "out.npz"))
    arguments = ["translate", str(model_folder), *files, *FLAGS]
    done = subprocess.run([sys.executable, "-c", KILLED_WITHIN_A_SHARD, *arguments], timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "out.txt").exists()
    assert len(list((tmp_path / "out.txt.parts").glob("*.lines"))) == 2
    assert main([*arguments, "--resume"]) == 0
    assert_whole(tmp_path, whole)


def test_an_output_is_written_by_one_run_at_a_time(
    translate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    other = Parts(tmp_path / "out.txt", None, 10)
    other.open({}, resume=False)
    for resume in ([], ["--resume"]):
        assert translate(*resume) == 2
        assert "out.txt is being written by another process: wait for it, or give another" in capsys.readouterr().err
    other.close()
    assert translate() == 0


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
@pytest.mark.parametrize("streamed", [False, True])
def test_an_output_is_compressed_as_its_name_says(
    model_folder: Path, source: Path, tmp_path: Path, suffix: str, streamed: bool
) -> None:
    plain, packed = tmp_path / "out", tmp_path / f"out{suffix}"
    lines = [line.decode() for line in file_lines(source)]
    for output in (plain, packed):
        given = ["--", *lines] if streamed else ["--input", str(source), "--shard-lines", "10"]
        assert main(["translate", str(model_folder), "--beam-size", "1", "--output", str(output), *given]) == 0
    assert list(file_lines(packed)) == list(file_lines(plain))
    assert packed.read_bytes().startswith(tuple(MAGIC))


def test_an_input_that_cannot_be_read_leaves_the_shards_that_could(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    packed = gzip.compress("\n".join(LINES * 40).encode())
    for cut, finished in ((20, 0), (len(packed) - 1, 1)):
        (tmp_path / "in.gz").write_bytes(packed[:cut])
        files = "--input", str(tmp_path / "in.gz"), "--output", str(tmp_path / "out"), "--shard-lines", "20"
        assert main(["translate", str(model_folder), "--beam-size", "1", "--max-length", "2", *files]) == 2
        assert "in.gz: cannot be read after line" in capsys.readouterr().err
        assert bool(list((tmp_path / "out.parts").glob("*.lines"))) == bool(finished)
        assert (tmp_path / "out.parts").exists() == bool(finished)


def test_processes_share_the_shards_and_any_number_of_them_goes_on(tmp_path: Path, source: Path) -> None:
    parts = Parts(tmp_path / "out", None, 10)
    parts.open({}, resume=False)
    seen: list[tuple[int, int]] = []

    def translate(rank: int) -> Callable:
        def run(lines: object, write: Callable, add: None, first: int) -> None:
            seen.append((rank, first))
            for line in lines:
                write(line + b"\n")

        return run

    for rank in (2, 0):
        assert parts.translate(source, Processes(rank, 3), translate(rank)) == 6
    assert seen == [(2, 20), (2, 50), (0, 0), (0, 30)]
    assert parts.translate(source, Processes(), translate(9)) == 6
    assert seen[4:] == [(9, 10), (9, 40)]
    parts.join(6)
    assert (tmp_path / "out").read_text(encoding="utf-8") == source.read_text(encoding="utf-8") + "\n"
    assert not parts.folder.exists()


def test_what_a_killed_run_left_does_not_stop_the_next(whole: tuple, translate: Callable, tmp_path: Path) -> None:
    joined = tmp_path / "out.txt.parts.joined"
    joined.mkdir()
    (joined / "00000000.lines").touch()
    assert translate() == 0
    assert_whole(tmp_path, whole)


def test_a_shard_counts_once_it_is_on_the_disk(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(tmp_path / "out", tmp_path / "out.npz", 100)
    flushed: list[tuple[set[Path], bool]] = []
    finished = parts.folder / "00000000.lines"
    for module in (files, shards):
        monkeypatch.setattr(module, "fsync", lambda *paths: flushed.append((set(paths), finished.exists())))
    parts.open({}, resume=False)
    parts.translate(source, Processes(), lambda lines, write, add, first: add(np.ones((1, 2), np.float32)))
    raw = {parts.folder / f"00000000.{name}" for name in ("unfinished", "weights", "shapes")}
    folders = {parts.folder, tmp_path}
    assert flushed == [({parts.folder / "job.json", *folders}, False), (raw, False), ({parts.folder}, True)]


def test_an_empty_file_has_an_empty_output(translate: Callable, source: Path, tmp_path: Path) -> None:
    source.write_bytes(b"")
    assert translate() == 0
    assert (tmp_path / "out.txt").read_bytes() == b""
    assert load_attention(tmp_path / "out.npz") == []


def test_standard_input_cannot_be_shared(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["translate", str(model_folder), "--beam-size", "1"]) == 2
    assert capsys.readouterr().err == (
        "nmt translate: several processes share a file: give --input FILE and --output FILE\n"
    )


@pytest.mark.slow
def test_two_processes_of_torchrun_make_the_same_output(
    whole: tuple, model_folder: Path, source: Path, tmp_path: Path
) -> None:
    torchrun, nmt = (str(Path(sys.executable).with_name(name)) for name in ("torchrun", "nmt"))
    files = ("--input", str(source), "--output", str(tmp_path / "out.txt"), "--attention", str(tmp_path / "out.npz"))
    start = [torchrun, "--nproc-per-node", "2", "--no-python", nmt, "translate", str(model_folder)]
    done = subprocess.run([*start, *files, *FLAGS], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert_whole(tmp_path, whole)
    (tmp_path / "out.txt.parts").mkdir()
    (tmp_path / "out.txt.parts" / "00000000.lines").touch()
    refused = subprocess.run([*start, *files, *FLAGS], capture_output=True, text=True, timeout=300)
    assert refused.returncode != 0
    assert refused.stderr.count("holds finished shards of a stopped run") == 1
