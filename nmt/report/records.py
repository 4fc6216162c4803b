"""Run folder -> Run: the saved records that a report is built from."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from nmt.evaluation.results import Evaluation, saved_evaluations


@dataclass(frozen=True)
class Run:
    """What a run folder holds: `config` is the text of its `config.yaml`, `metrics` the rows of its `metrics.csv`."""

    name: str
    config: str | None
    metrics: list[dict[str, float]]
    evaluations: list[Evaluation]


def read_run(folder: Path) -> Run:
    """The saved records of a run; test splits come first.

    Raises:
        FileNotFoundError: if there is no such folder, no evaluation in it, or an evaluation lacks a file.
        ValueError: if a file cannot be read, or the files of an evaluation do not fit together.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no run folder {folder}: `nmt train` makes one")
    splits = saved_evaluations(folder)
    if not splits:
        raise FileNotFoundError(f"{folder} holds no evaluation to report on: make one with `nmt evaluate {folder}`")
    splits.sort(key=lambda path: (not path.name.startswith("test"), path.name))
    config, metrics = folder / "config.yaml", folder / "metrics.csv"
    return Run(
        name=folder.resolve().name,
        config=config.read_text(encoding="utf-8") if config.exists() else None,
        metrics=_read_metrics(metrics) if metrics.exists() else [],
        evaluations=[_read_evaluation(path, folder) for path in splits],
    )


def _read_evaluation(folder: Path, run_folder: Path) -> Evaluation:
    again = f"make it with `nmt evaluate {run_folder} --split {folder.name}`"
    try:
        evaluation = Evaluation.load(folder)
    except FileNotFoundError as error:
        missing = Path(error.filename or folder).name
        raise FileNotFoundError(f"the evaluation {folder} lacks {missing}: {again}") from None
    if not evaluation.translations:
        raise ValueError(f"the evaluation {folder} holds no sentence: {again}")
    return evaluation


def _read_metrics(path: Path) -> list[dict[str, float]]:
    """The numbers of each row by column: empty cells and numbers that are not finite are left out."""
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
