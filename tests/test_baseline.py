"""What a report reads of a run, and which evaluations of another run it compares those with."""

import json
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
    (other / "metrics.csv").write_text("step\n7\n")
    everywhere = read_run(run, other / "evaluations" / "test").baseline
    assert everywhere is not None
    assert everywhere.name == "other, test"
    assert everywhere.metrics == [{"step": 7}]
    assert everywhere.evaluations.keys() == {"test", "greedy", "wide"}, "also that of the same name"
    monkeypatch.chdir(other / "evaluations")
    assert compared(run, Path("test")) == dict.fromkeys(everywhere.evaluations, "plain")


def test_a_run_is_known_by_any_path_to_it(runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run, other = runs
    (run / "metrics.csv").write_text("step\n7\n")
    monkeypatch.chdir(other)
    baseline = read_run(run, Path()).baseline
    assert baseline is not None
    assert baseline.name == "other"
    monkeypatch.chdir(run)
    here = read_run(Path())
    assert (here.name, here.folder) == ("run", ".")
    for path in (run, Path()):
        with pytest.raises(ValueError, match="is the run itself"):
            read_run(Path("../run"), path)
    within = read_run(run, Path("../run/evaluations/greedy")).baseline
    assert within is not None
    assert (within.name, within.metrics) == ("greedy", [])
    assert within.evaluations.keys() == {"test", "wide"}


def test_an_evaluation_is_made_again_by_its_command_or_one_that_does_as_well(tmp_path: Path) -> None:
    save(tmp_path, "test", sources=())
    with pytest.raises(ValueError, match=r"test holds no sentence: make it again with `nmt evaluate runs/x`$"):
        read_run(tmp_path)
    folder = tmp_path / "evaluations" / "test"
    (folder / "references.jsonl").unlink()
    scores = json.loads((folder / "scores.json").read_text())
    del scores["command"]
    (folder / "scores.json").write_text(json.dumps(scores))
    with pytest.raises(FileNotFoundError, match=rf"lacks references.jsonl: .* `nmt evaluate {tmp_path} --split test`$"):
        read_run(tmp_path)
    for damaged, told in (("[]", "holds no whole evaluation"), ("{", r"scores.json: not JSON")):
        (folder / "scores.json").write_text(damaged)
        with pytest.raises(ValueError, match=told):
            read_run(tmp_path)


@pytest.mark.parametrize(
    ("info", "step"),
    [('{"training": {"step": 7}}', 7), ("{}", None), ('{"training": null}', None), ("{", None), (None, None)],
)
def test_the_step_of_the_kept_weights_may_not_be_known(tmp_path: Path, info: str | None, step: int | None) -> None:
    save(tmp_path, "test")
    if info is not None:
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "config.json").write_text(info)
    assert read_run(tmp_path).kept_step == step


def test_a_row_of_more_cells_than_columns_is_named(tmp_path: Path) -> None:
    save(tmp_path, "test")
    (tmp_path / "metrics.csv").write_text("step\n1\n2,3\n")
    with pytest.raises(ValueError, match=r"metrics.csv:3: a cell is not a number: \['2', \['3'\]\]"):
        read_run(tmp_path)


def test_a_second_baseline_is_an_error_of_one_line(runs: tuple[Path, Path], capsys: pytest.CaptureFixture) -> None:
    run, other = map(str, runs)
    assert main(["report", run, "--baseline", other, "--baseline", run]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "a report has one" in line
    assert "nmt compare" in line
