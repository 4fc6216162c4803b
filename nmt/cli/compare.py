"""`nmt compare`: runs that were evaluated on one split, each against the first; of one run, where it is good."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.cli.parsing import Parser, at_least, file_path
from nmt.data.runs import check_run_folder, is_evaluation, saved_evaluations

if TYPE_CHECKING:
    from nmt.cli.differences import Compared, Found
    from nmt.evaluation.results import Evaluation

LEAST_SAMPLES = 100
"""Resampled test sets; fewer tell nothing of an interval of 95%."""


def run(arguments: list[str]) -> int:
    """Prints the differences; the exit code."""
    options = _parser().parse_args(arguments)
    runs = [each.parent if each.name == "evaluations" else each for each in options.runs]
    from nmt.cli.differences import Compared, fields, fields_of_one, show, show_one, show_signatures

    compared = list(map(Compared, runs, _evaluations(runs, options.split)))
    (baseline, *others), found = compared, _found(compared, options.bootstrap)
    if options.format == "json":
        told = [fields(baseline, *each) for each in zip(others, found, strict=True)] or [fields_of_one(baseline)]
        print(json.dumps(told))
        return 0
    if not others:
        show_one(baseline)
    for other, each in zip(others, found, strict=True):
        show(baseline, other, each, options.examples)
    show_signatures(each.comparison for each in found)
    return 0


def _found(compared: "list[Compared]", bootstrap: int) -> "list[Found]":
    """What comes of comparing each but the first with that."""
    from nmt.cli.differences import Found
    from nmt.evaluation.breakdown import breakdown
    from nmt.evaluation.comparison import compare

    (_, baseline), *others = compared
    return [Found(compare(baseline, other, bootstrap), breakdown(baseline, other)) for _, other in others]


def _parser() -> Parser:
    told = (
        "By how much the scores of runs differ, whether by more than chance, and where; of one run, where it is good."
    )
    parser = Parser("nmt compare", told)
    which = "one or more, or folders of evaluations within runs; of several the first is the baseline"
    parser.add_argument("runs", type=file_path, nargs="+", metavar="RUN", help=which)
    told = "the evaluation of each run; default: test, or the only one that all of them have"
    parser.add_argument("--split", metavar="NAME", help=told)
    parser.add_argument(
        "--bootstrap", type=at_least(LEAST_SAMPLES), default=1000, metavar="N", help="resampled test sets"
    )
    told = "in text: sentences with the largest gains, losses"
    parser.add_argument("--examples", type=at_least(0), default=3, metavar="N", help=told)
    told = "text; or json: a list of what is known of each comparison, with the gain of every sentence, or of one run"
    parser.add_argument("--format", choices=("text", "json"), default="text", help=told)
    return parser


def _evaluations(paths: list[Path], label: str | None) -> "list[Evaluation]":
    """Of each path the evaluation that it is, or that of the run.

    Args:
        paths: runs, or evaluations within runs.
        label: of the evaluation of a run; by default the split of the evaluations among the paths, or "test", or the
            only one that all runs have.

    Raises:
        FileNotFoundError: if there is no such run or evaluation.
        ValueError: if the runs have several in common, and none of them is the default, or have none.
    """
    from nmt.evaluation.results import Evaluation

    named = {path: Evaluation.load(path) for path in paths if is_evaluation(path)}
    there = {path: [folder.name for folder in saved_evaluations(path)] for path in paths if path not in named}
    for path, found in there.items():
        check_run_folder(path, " or an evaluation within one")
        if not found:
            raise FileNotFoundError(f"there is no evaluation of a run in {path}: `nmt evaluate` makes one")
        if label is not None and label not in found:
            raise FileNotFoundError(f"{path} has no evaluation {label!r}, it has {', '.join(found)}")
    chosen = label or _label(there, next((each.split for each in named.values()), "test"))
    return [named.get(path) or Evaluation.load(path / "evaluations" / chosen) for path in paths]


def _label(there: dict[Path, list[str]], default: str) -> str:
    """The label that all runs have an evaluation of: the default, or the only one."""
    common = sorted(set.intersection(*map(set, there.values()))) if there else [default]
    if default in common or len(common) == 1:
        return default if default in common else common[0]
    if common:
        raise ValueError(f"choose what is to be compared with --split: all have {', '.join(common)}")
    told = "; ".join(f"{path} has {', '.join(found)}" for path, found in there.items())
    raise ValueError(f"no evaluation that all have: {told}")
