"""The log of a run: all that its trainings say, with the time, as soon as it is said."""

import io
import os
import re
import signal
import warnings
from pathlib import Path

import pytest
from conftest import TINY_RUN

import nmt.training.module
from nmt.cli import main
from nmt.training.log import RunLog

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (.*)\n")


def texts(path: Path) -> list[str]:
    """What the lines of a log say; each has the time before it."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    assert all(LINE.fullmatch(line) for line in lines)
    return [LINE.fullmatch(line)[1] for line in lines]


def open_files() -> set[Path]:
    """What this process has open."""
    return {each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()}


def test_a_run_keeps_what_its_trainings_say(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    log = Path("runs/told/train.log")
    idle = ("--training.halving_steps", "9")
    command = ["train", "--name", "told", "--data.path", str(corpus_folder), *TINY_RUN, *idle]
    real, steps, known = nmt.training.module.sequence_loss, [], []

    def stopped(*given: object) -> object:
        steps.append(1)
        if len(steps) == 10:
            known.extend(texts(log))  # as a process that ends here would leave it
            warnings.warn("something is strange", stacklevel=1)
            os.kill(os.getpid(), signal.SIGTERM)
        return real(*given)

    monkeypatch.setattr(nmt.training.module, "sequence_loss", stopped)
    assert not log.exists()
    with pytest.warns(UserWarning, match="something is strange"):
        assert main([*command, "--trainer.max_epochs", "2"]) == 128 + signal.SIGTERM
    printed = [line for line in capsys.readouterr().out.splitlines() if line]
    assert known[:2] == [
        "training.halving_steps 9 changes nothing without training.schedule halving",
        f"reading {corpus_folder}",
    ]
    assert "train: dropped 0 of 120 pairs" in known
    assert known[-4].startswith("step 8 (epoch 1)  train_nll ")
    assert known[-1].startswith("  reference ")
    assert known == printed
    assert texts(log) == [*known, "UserWarning: something is strange", "Stopped: stopped by SIGTERM"]

    before = log.read_bytes()
    assert main(["train", "--resume", "runs/told", "--data.path", "nowhere"]) == 2
    assert main(["train", "--resume", "runs/told", "--trainer.fast_dev_run", "true"]) == 0
    assert log.read_bytes() == before
    capsys.readouterr()
    assert main(["train", "--resume", "runs/told"]) == 0
    printed = [line for line in capsys.readouterr().out.splitlines() if line]
    assert printed.pop() == "model: runs/told/model"
    assert printed[-2].startswith("ended at step 16")
    assert log.read_bytes().startswith(before)
    assert texts(log)[len(known) + 2 :] == printed


def test_lines_wait_until_the_folder_may_change_and_are_then_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    log = RunLog(path)
    with pytest.raises(OSError, match="no space"), log.attending():  # noqa: PT012 - what is there at each point
        log.say("first\n\n  second\n")
        assert not path.exists()
        log.begin()
        assert texts(path) == ["first", "  second"]
        log.say("third: \ud800")
        assert texts(path)[2:] == ["third: \\ud800"]
        raise OSError("no space")
    assert texts(path)[3:] == ["OSError: no space"]
    assert path not in open_files()
    with pytest.raises(KeyboardInterrupt), RunLog(path).attending():
        raise KeyboardInterrupt
    assert len(texts(path)) == 4
    again = RunLog(path)
    with pytest.raises(KeyboardInterrupt), again.attending():  # noqa: PT012
        again.begin()
        assert path in open_files()
        raise KeyboardInterrupt
    assert texts(path)[4:] == ["KeyboardInterrupt"]


def test_what_is_said_is_shown_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe(io.StringIO):
        shown = ""

        def flush(self) -> None:
            self.shown = self.getvalue()

    pipe = Pipe()
    monkeypatch.setattr("sys.stdout", pipe)
    RunLog(Path("unused")).say("first")
    assert pipe.shown == "first\n"


@pytest.mark.parametrize("path", ["/dev/full", "/nowhere/train.log"])
def test_a_training_goes_on_without_its_log(path: str, capsys: pytest.CaptureFixture) -> None:
    log = RunLog(Path(path))
    with log.attending():
        log.say("before")
        log.begin()
        log.say("after")
    printed = capsys.readouterr()
    assert printed.out == "before\nafter\n"
    (told,) = printed.err.splitlines()
    assert told.startswith(f"{path} cannot be written (No ")
    assert told.endswith("): training goes on without")


def test_a_warning_is_kept_and_shown_as_before(tmp_path: Path) -> None:
    def warned(log: RunLog) -> None:
        show = warnings.showwarning
        with log.attending():
            warnings.warn("strange", stacklevel=1)
            log.begin()
        assert warnings.showwarning is show

    with pytest.warns(UserWarning, match="strange"):
        warned(RunLog(tmp_path / "train.log"))
    assert texts(tmp_path / "train.log") == ["UserWarning: strange"]
