"""`nmt compare`: runs that were evaluated on one split, each against the first."""

import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, cast

from nmt.cli.parsing import Parser, file_path

if TYPE_CHECKING:
    import numpy as np

    from nmt.evaluation.metrics import Difference
    from nmt.evaluation.results import Evaluation


def run(arguments: list[str]) -> int:
    """Prints the differences; the exit code."""
    told = "By how much the scores of runs differ, whether by more than chance, and in which sentences."
    parser = Parser("nmt compare", told)
    which = "two or more, or folders of evaluations within runs; the first is the baseline"
    parser.add_argument("runs", type=file_path, nargs="+", metavar="RUN", help=which)
    parser.add_argument("--split", default="test", metavar="NAME", help="that all of them were evaluated on")
    parser.add_argument("--bootstrap", type=int, default=1000, metavar="N", help="resampled test sets")
    parser.add_argument("--examples", type=int, default=3, metavar="N", help="sentences with the largest gains, losses")
    options = parser.parse_args(arguments)
    if len(options.runs) < 2:
        raise ValueError("one is given: name two or more, the baseline first")
    for name, least in (("bootstrap", 1), ("examples", 0)):
        if getattr(options, name) < least:
            raise ValueError(f"--{name} {getattr(options, name)} is not allowed, it must be at least {least}")
    from nmt.evaluation.comparison import compare
    from nmt.evaluation.results import Evaluation

    cast(TextIOWrapper, sys.stdout).reconfigure(errors="replace")
    folders = [
        each if each.parent.name == "evaluations" else each / "evaluations" / options.split for each in options.runs
    ]
    baseline, *others = map(Evaluation.load, folders)
    for folder, other in zip(options.runs[1:], others, strict=True):
        found = compare(baseline, other, options.bootstrap)
        print(f"{folder} against {options.runs[0]}: {len(other.references):,} sentences of {other.label}")
        for difference in found.differences:
            print(_line(difference))
        if baseline.alignment and other.alignment:
            print(f"  AER    {baseline.alignment.aer:.3f} -> {other.alignment.aer:.3f}  lower is better")
        _show_sentences({str(options.runs[0]): baseline, str(folder): other}, found.gains, options.examples)
    return 0


def _line(of: "Difference") -> str:
    interval = f"[{of.low:+.2f}, {of.high:+.2f}]"
    change = f"{of.name:<5}  {of.baseline:.2f} -> {of.score:.2f}  {of.score - of.baseline:+.2f} {interval}"
    form = f"{of.form}, lower is better" if of.name == "TER" else of.form
    return f"  {change}  p = {of.p_value:.3f}  {form}  {of.signature}"


def _show_sentences(runs: dict[str, "Evaluation"], gains: "np.ndarray", examples: int) -> None:
    """Counts, and the sentences that gained and lost most: what both runs, the baseline first, made of them."""
    better, worse = int((gains > 0).sum()), int((gains < 0).sum())
    print(f"  by the chrF of each sentence: {better:,} better, {worse:,} worse, {len(gains) - better - worse:,} alike")
    order = gains.argsort(kind="stable").tolist()
    gained = [row for row in reversed(order) if gains[row] > 0][:examples]
    lost = [row for row in order if gains[row] < 0][:examples]
    width = max(map(len, ("reference", *runs)))
    for row in gained + lost:
        any_of_them = next(iter(runs.values()))
        print(f"\n  sentence {row + 1}, chrF {gains[row]:+.1f}: {_shown(any_of_them.translations[row].source)}")
        print(f"    {'reference':<{width}}  {_shown(any_of_them.references[row])}")
        for name, evaluation in runs.items():
            print(f"    {name:<{width}}  {_shown(evaluation.translations[row].text)}")


def _shown(text: str) -> str:
    """Text in one line, without what would move a terminal's cursor."""
    return "".join(each if each.isprintable() else " " for each in text)
