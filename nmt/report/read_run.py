"""Run folder, and that of a baseline -> Run: the saved records that a report is built from."""

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path

from nmt.data.json_files import load_json
from nmt.data.runs import check_run_folder, is_evaluation, run_of, saved_evaluations
from nmt.evaluation.comparison import of_same_sentences
from nmt.evaluation.results import Evaluation
from nmt.evaluation.samples import Samples, load_samples


@dataclass(frozen=True)
class Baseline:
    """What a run is compared with: its name, and for each label of the run, the evaluation to compare it with.

    `config` and `metrics` are as those of a `Run`, the latter none where it is the run itself.
    """

    name: str
    evaluations: dict[str, Evaluation]
    config: str | None
    metrics: list[dict[str, float]]


@dataclass(frozen=True)
class Run:
    """What a run folder holds: `config` is the text of its `config.yaml`, `metrics` the rows of its `metrics.csv`.

    `folder` is its path as the user gave it.
    `samples` is what its validations made of the same few sentences, `kept_step` the step in `metrics` whose weights
    were kept in the end.
    """

    name: str
    folder: str
    config: str | None
    metrics: list[dict[str, float]]
    evaluations: list[Evaluation]
    baseline: Baseline | None = None
    samples: list[Samples] = field(default_factory=list)
    kept_step: int | None = None


def read_run(folder: Path, baseline: Path | None = None) -> Run:
    """The saved records of a run; test splits come first.

    Args:
        folder: of the run.
        baseline: folder of the run to compare it with, each evaluation with that of the same split and label, or of
            the same split; or of an evaluation within one, to compare with all those of its split.

    Raises:
        FileNotFoundError: if there is no such folder, no evaluation in it, an evaluation lacks a file, or there is none
            to compare with.
        ValueError: if a file cannot be read, the files of an evaluation do not fit together, or the baseline is the
            run itself.
    """
    check_run_folder(folder)
    splits = saved_evaluations(folder)
    if not splits:
        raise FileNotFoundError(f"{folder} holds no evaluation to report on: make one with `nmt evaluate {folder}`")
    splits.sort(key=lambda path: (not path.name.startswith("test"), path.name))
    evaluations = [_read_evaluation(path, folder) for path in splits]
    return Run(
        name=folder.resolve().name,
        folder=str(folder),
        config=_read_config(folder),
        metrics=_read_metrics(folder / "metrics.csv"),
        evaluations=evaluations,
        baseline=None if baseline is None else _read_baseline(baseline, folder, evaluations),
        samples=load_samples(folder / "samples"),
        kept_step=_kept_step(folder / "model" / "config.json"),
    )


def _read_baseline(path: Path, run_folder: Path, evaluations: list[Evaluation]) -> Baseline:
    if path.resolve() == run_folder.resolve():
        raise ValueError(f"--baseline {path} is the run itself: name another, or one of its evaluations")
    check_run_folder(path, " or an evaluation within one")
    run = run_of(path).resolve()
    own = run == run_folder.resolve()
    if is_evaluation(path):
        one = _read_evaluation(path, run_of(path))
        others = [each for each in evaluations if each.split == one.split and not (own and each.label == path.name)]
        found, name = {each.label: one for each in others}, path.name if own else f"{run.name}, {path.name}"
    else:
        found, name = _of_same_splits(path, evaluations), path.resolve().name
    if not found:
        labels = [each.label for each in evaluations]
        raise FileNotFoundError(
            f"{path} has nothing to compare with {', '.join(labels)}: evaluate it on the same split"
        )
    return Baseline(name, found, _read_config(run), [] if own else _read_metrics(run / "metrics.csv"))


def _of_same_splits(run: Path, evaluations: list[Evaluation]) -> dict[str, Evaluation]:
    """By the label of each evaluation what it is compared with, as far as there is anything, in another run.

    That is the one of the same label and split, or else the one that has the split's name and is of the same sentences.
    """
    there = {each.name: each for each in saved_evaluations(run)}
    wanted = {name for each in evaluations for name in (each.label, each.split)}
    read = {name: _read_evaluation(there[name], run) for name in wanted & there.keys()}
    found = {}
    for each in evaluations:
        same, plain = read.get(each.label), read.get(each.split)
        if same is not None and same.split == each.split:
            found[each.label] = same
        elif plain is not None and plain.split == each.split and of_same_sentences(plain, each):
            found[each.label] = plain
    return found


def _read_evaluation(folder: Path, run_folder: Path) -> Evaluation:
    again = f"make it again with `{_command(folder) or f'nmt evaluate {run_folder} --split {folder.name}'}`"
    try:
        evaluation = Evaluation.load(folder)
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise FileNotFoundError(f"the evaluation {folder} lacks {missing}: {again}") from None
    if not evaluation.translations:
        raise ValueError(f"the evaluation {folder} holds no sentence: {again}")
    return evaluation


def _command(folder: Path) -> str | None:
    """The command that made an evaluation, as far as that can be read."""
    try:
        return str(load_json(folder / "scores.json")["command"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _kept_step(info: Path) -> int | None:
    """The step of the exported weights; None if it is not known."""
    try:
        return int(load_json(info)["training"]["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read_config(folder: Path) -> str | None:
    config = folder / "config.yaml"
    return config.read_text(encoding="utf-8") if config.exists() else None


def _read_metrics(path: Path) -> list[dict[str, float]]:
    """The numbers of each row by column, none without a file: empty cells and what is not finite are left out."""
    if not path.exists():
        return []
    rows = []
    with open(path, encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        for row in reader:
            try:
                numbers = {name: float(cell) for name, cell in row.items() if cell}
            except (TypeError, ValueError):
                raise ValueError(f"{path}:{reader.line_num}: a cell is not a number: {list(row.values())}") from None
            rows.append({name: number for name, number in numbers.items() if math.isfinite(number)})
    return rows
