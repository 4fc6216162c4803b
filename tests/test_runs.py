"""The folder of a run: one that was put aside is named by whatever asks for it, and its evaluations are found."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nmt.data.runs import (
    aside,
    check_in_place,
    check_run,
    check_run_folder,
    config_with_corpus,
    run_config,
    saved_evaluations,
)
from nmt.model.hub import model_folder
from nmt.report.read_run import read_run


@pytest.mark.parametrize(
    "ask", [check_in_place, check_run, check_run_folder, config_with_corpus, run_config, model_folder, read_run]
)
def test_a_run_that_was_put_aside_is_named(tmp_path: Path, ask: Callable[[Path], object]) -> None:
    aside(tmp_path / "run").mkdir()
    with pytest.raises(FileNotFoundError, match="was put aside, as .*run.replaced, by a training that has not begun"):
        ask(tmp_path / "run")


def test_the_evaluations_of_a_run_are_whole_ones(tmp_path: Path) -> None:
    folder = tmp_path / "evaluations"
    for name in ("flickr", ".flickr.new", ".coco.old", ".web.new"):
        (folder / name).mkdir(parents=True)
    (folder / "notes.txt").touch()
    assert saved_evaluations(tmp_path) == [folder / "coco", folder / "flickr"]
    assert saved_evaluations(tmp_path / "none") == []


def test_what_was_put_aside_of_a_run_that_is_in_its_place_does_not_count(tmp_path: Path) -> None:
    aside(tmp_path).mkdir()
    (tmp_path / "config.yaml").write_text("name: mine\n")
    assert run_config(tmp_path).name == "mine"


@pytest.mark.parametrize("path", ["phrasebook", "hub:owner/name", "~/texts", "texts"])
def test_a_corpus_is_looked_for_where_it_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(f"data: {{path: '{path}'}}\n")
    if path.endswith("texts"):
        with pytest.raises(FileNotFoundError, match=f"^the corpus of .*, {path}, is not there: say where with --path"):
            config_with_corpus(tmp_path)
        (tmp_path / "texts").mkdir()
    assert config_with_corpus(tmp_path).data.path == path
    assert config_with_corpus(tmp_path, "elsewhere").data.path == "elsewhere"
    with pytest.raises(ValueError, match="corpus: the name is empty"):
        config_with_corpus(tmp_path, "")


def test_what_else_a_folder_could_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"give a run \(runs/<name>\) or a model$"):
        check_run_folder(tmp_path / "none", " or a model")
