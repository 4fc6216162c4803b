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
