"""What `nmt compare` prints of two evaluations, in 80 columns but for the texts and the signatures."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nmt.evaluation.comparison import Comparison
    from nmt.evaluation.metrics import Difference
    from nmt.evaluation.results import Evaluation


class Compared(NamedTuple):
    """One of the two: what the user called it, and what it is."""

    path: Path
    evaluation: "Evaluation"


def show(baseline: Compared, other: Compared, found: "Comparison", examples: int) -> None:
    """Prints what came of the comparison, and the `examples` sentences that gained and that lost most."""
    one, two = baseline.evaluation, other.evaluation
    names = _names(baseline.path, other.path)
    print(f"{other.path} against {baseline.path}: {len(two.references):,} sentences of {two.split}")
    _show_origins(names, one, two)
    for difference in found.differences:
        print(_line(difference))
    if one.alignment and two.alignment:
        print(f"  AER   {one.alignment.aer:6.3f} -> {two.alignment.aer:6.3f}  lower is better")
    _show_sentences(names, one, two, found, examples)
    print()


def show_signatures(found: "Iterable[Comparison]") -> None:
    """Prints, once for all comparisons, of which form of text each score is and by which settings."""
    of_all = (difference for comparison in found for difference in comparison.differences)
    for name, form, signature in dict.fromkeys((each.name, each.form, each.signature) for each in of_all):
        print(f"{name}, {form}:\n  {signature}")


def _names(baseline: Path, other: Path) -> tuple[str, str]:
    """The two in short, as far as that tells them apart."""
    short = baseline.resolve().name, other.resolve().name
    return short if short[0] != short[1] else (str(baseline), str(other))


def _show_origins(names: tuple[str, str], one: "Evaluation", two: "Evaluation") -> None:
    """How the translations of either came about, and what is not alike in that."""
    from nmt.evaluation.comparison import search_changes

    width = max(map(len, names))
    for name, evaluation in zip(names, (one, two), strict=True):
        print(f"  {name:<{width}}  {evaluation.search['decoding']}; {evaluation.checkpoint}")
    changes = [f"{name} {before} and {after}" for name, (before, after) in search_changes(one, two).items()]
    if changes:
        print(f"  not searched alike: {', '.join(changes)}")


def _line(of: "Difference") -> str:
    interval = f"[{of.low:+.2f}, {of.high:+.2f}]"
    change = f"{of.name:<5} {of.baseline:6.2f} -> {of.score:6.2f}  {of.score - of.baseline:+6.2f} {interval:>16}"
    remark = "lower is better" if of.name == "TER" else of.form.partition(",")[0]
    return f"  {change}  p {of.p_text:>7}  {remark}"


def _show_sentences(
    names: tuple[str, str], one: "Evaluation", two: "Evaluation", found: "Comparison", examples: int
) -> None:
    """Counts, and the sentences that gained and lost most: what both made of them."""
    gains = found.gains
    better, worse = int((gains > 0).sum()), int((gains < 0).sum())
    print(f"  by the chrF of each sentence: {better:,} better, {worse:,} worse, {len(gains) - better - worse:,} alike")
    order = gains.argsort(kind="stable").tolist()
    gained = [row for row in reversed(order) if gains[row] > 0][:examples]
    lost = [row for row in order if gains[row] < 0][:examples]
    width = max(map(len, ("reference", *names)))
    for row in gained + lost:
        print(f"\n  sentence {row + 1}, chrF {gains[row]:+.1f}: {_shown(one.translations[row].source)}")
        texts = one.references[row], one.translations[row].text, two.translations[row].text
        for name, text in zip(("reference", *names), texts, strict=True):
            print(f"    {name:<{width}}  {_shown(text)}")


def _shown(text: str) -> str:
    """Text in one line, without what would move a terminal's cursor."""
    return "".join(each if each.isprintable() else " " for each in text)
