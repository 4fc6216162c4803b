"""Which evaluations of another run a report compares those of its own with."""

from dataclasses import replace
from pathlib import Path

import pytest
from test_results import evaluation

from nmt.cli import main
from nmt.report.read_run import read_run

SOURCES = "eins", "zwei"


def save(run: Path, split: str, name: str = "", checkpoint: str = "", sources: tuple[str, ...] = SOURCES) -> None:
    made = replace(evaluation(*sources), split=split, name=name, checkpoint=checkpoint)
    made.save(run / "evaluations" / made.label)


def compared(run: Path, baseline: Path) -> dict[str, str]:
    """The label of each evaluation that is compared, and the checkpoint, which tells what it is compared with."""
    found = read_run(run, baseline).baseline
    assert found is not None
    return {label: other.checkpoint for label, other in found.evaluations.items()}


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """A run with four evaluations of two splits, and one with two of one."""
    run, other = tmp_path / "run", tmp_path / "other"
    save(run, "test")
    save(run, "test", "greedy")
    save(run, "test", "wide")
    save(run, "dev", "small")
    save(other, "test", checkpoint="plain")
    save(other, "test", "wide", checkpoint="wide")
    return run, other


def test_the_same_label_comes_before_the_plain_one_of_the_split(runs: tuple[Path, Path]) -> None:
    assert compared(*runs) == {"test": "plain", "greedy": "plain", "wide": "wide"}


def test_a_label_of_another_split_is_passed_over(runs: tuple[Path, Path]) -> None:
    run, other = runs
    save(other, "dev", "wide", checkpoint="dev")
    save(other, "test", "small", checkpoint="test")
    assert compared(run, other) == {"test": "plain", "greedy": "plain", "wide": "plain"}
    save(other, "dev", checkpoint="dev")
    assert compared(run, other) == {"test": "plain", "greedy": "plain", "wide": "plain", "small": "dev"}


def test_the_plain_one_of_other_sentences_is_passed_over(runs: tuple[Path, Path]) -> None:
    run, other = runs
    save(run, "test", "web", sources=("drei", "vier"))
    assert "web" not in compared(run, other)


def test_a_broken_one_that_is_not_asked_for_does_not_count(runs: tuple[Path, Path]) -> None:
    run, other = runs
    (other / "evaluations" / "broken").mkdir()
    assert compared(run, other) == {"test": "plain", "greedy": "plain", "wide": "wide"}


def test_nothing_of_the_same_split_is_said(runs: tuple[Path, Path], tmp_path: Path) -> None:
    save(tmp_path / "third", "web", "test")
    with pytest.raises(FileNotFoundError, match="third has nothing to compare with test, greedy, "):
        read_run(runs[0], tmp_path / "third")


def test_an_evaluation_is_known_by_where_it_lies(runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run, other = runs
    everywhere = compared(run, other / "evaluations" / "test")
    monkeypatch.chdir(other / "evaluations")
    assert compared(run, Path("test")) == everywhere


def test_a_second_baseline_is_an_error_of_one_line(runs: tuple[Path, Path], capsys: pytest.CaptureFixture) -> None:
    run, other = map(str, runs)
    assert main(["report", run, "--baseline", other, "--baseline", run]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "a report has one" in line
    assert "nmt compare" in line
