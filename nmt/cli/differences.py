"""What `nmt compare` prints of two evaluations: text, in 80 columns but for sentences and signatures, or JSON."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from nmt.evaluation.breakdown import Breakdown
    from nmt.evaluation.comparison import Comparison
    from nmt.evaluation.metrics import Difference
    from nmt.evaluation.results import Evaluation


class Compared(NamedTuple):
    """One of the two: what the user called it, and what it is."""

    path: Path
    evaluation: "Evaluation"


class Found(NamedTuple):
    """What came of comparing the two; `frequencies_of` says where words were counted: "training" or "references"."""

    comparison: "Comparison"
    breakdown: "Breakdown"
    frequencies_of: str


def show(baseline: Compared, other: Compared, found: Found, examples: int) -> None:
    """Prints by how much they differ, and where, with the `examples` sentences that gained and that lost most."""
    one, two = baseline.evaluation, other.evaluation
    names = _names(baseline.path, other.path)
    print(f"{other.path} against {baseline.path}: {len(two.references):,} sentences of {two.split}")
    _show_origins(names, one, two)
    for difference in found.comparison.differences:
        print(_line(difference))
    if found.comparison.aer:
        print(_line(found.comparison.aer, digits=3))
    _show_breakdown(found.breakdown, found.frequencies_of)
    _show_sentences(names, one, two, found.comparison, examples)
    print()


def fields(baseline: Compared, other: Compared, found: Found) -> dict[str, Any]:
    """The same as JSON values, with the gain of every sentence; of two values the first is the baseline's."""
    from nmt.evaluation.comparison import search_changes

    one, two = baseline.evaluation, other.evaluation
    return {
        "baseline": _origin(baseline),
        "other": _origin(other),
        "not_searched_alike": search_changes(one, two),
        "scores": [asdict(each) for each in found.comparison.differences],
        "aer": asdict(found.comparison.aer) if found.comparison.aer else None,
        "gains": [round(gain, 2) for gain in found.comparison.gains.tolist()],
        "frequencies_of": found.frequencies_of,
        **{name: [each._asdict() for each in rows] for name, rows in found.breakdown._asdict().items()},
    }


def _origin(of: Compared) -> dict[str, str]:
    own = of.evaluation
    told = {"split": own.split, "label": own.label, "decoding": own.search["decoding"], "checkpoint": own.checkpoint}
    return {"path": str(of.path), **told}


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


def _line(of: "Difference", digits: int = 2) -> str:
    interval = f"[{of.low:+.{digits}f}, {of.high:+.{digits}f}]"
    remark = of.form.partition(",")[0] if of.higher_is_better else "lower is better"
    return f"  {of.name:<5} {_change(of.baseline, of.score, digits)} {interval:>16}  p {of.p_text:>7}  {remark}"


def _show_breakdown(found: "Breakdown", frequencies_of: str) -> None:
    """By the length of sentences, by the frequency of words, and the n-grams: tables whose columns stand alike."""
    print(f"\n  {'words in the reference':<26}{'sentences':>9}   {'BLEU':<26} length ratio")
    for length in found.by_length:
        ratios = f"{length.length_ratio[0]:.2f} -> {length.length_ratio[1]:.2f}"
        print(f"{_row(_range(length.least, length.most), length.sentences, _change(*length.bleu))}   {ratios}")
    print(f"\n  {f'frequency in {frequencies_of}':<26}{'words':>9}   F1 of words")
    for frequency in found.by_frequency:
        print(_row(_range(frequency.least, frequency.most), frequency.words, _change(*frequency.f1)))
    for what, ngrams in (("gained", found.gained), ("lost", found.lost)):
        if ngrams:
            print(f"\n  {f'n-grams {what}':<26}{'wanted':>9}   right")
        for each in ngrams:
            before, now = each.right
            print(_row(_shown(each.words), each.references, f"{before:6,} -> {now:6,}  {now - before:+6,}"))
    if not (found.gained or found.lost):
        print("\n  no n-gram gained or lost by more than chance")
    print()


def _row(label: str, count: int, change: str) -> str:
    return f"  {label:<26}{count:>9,}   {change}"


def _range(least: int, most: int | None) -> str:
    """A range of whole numbers from 0 on, in words."""
    if most is None:
        return f"{least:,} and more"
    if least == 0:
        return f"below {most + 1:,}" if most else "0"
    return f"{least:,} to {most:,}"


def _change(before: float, now: float, digits: int = 2) -> str:
    return f"{before:6.{digits}f} -> {now:6.{digits}f}  {now - before:+6.{digits}f}"


def _show_sentences(
    names: tuple[str, str], one: "Evaluation", two: "Evaluation", found: "Comparison", examples: int
) -> None:
    """Counts, and the sentences that gained and lost most: what both made of them."""
    gains = found.gains
    better, worse = int((gains > 0).sum()), int((gains < 0).sum())
    same = sum(before.text == now.text for before, now in zip(one.translations, two.translations, strict=True))
    alike = len(gains) - better - worse - same
    counts = {"better": better, "worse": worse, "alike": alike, "same text": same}
    print(f"  by sentence chrF: {', '.join(f'{count:,} {name}' for name, count in counts.items())}")
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
