"""What `nmt compare` prints of evaluations: text, in 80 columns but for sentences and signatures, or JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from nmt.evaluation.breakdown import Breakdown, SentenceRange, Values
    from nmt.evaluation.comparison import Comparison
    from nmt.evaluation.metrics import Difference, Score
    from nmt.evaluation.results import Evaluation


class Compared(NamedTuple):
    """One of them: what the user called it, and what it is."""

    path: Path
    evaluation: "Evaluation"


class Found(NamedTuple):
    """What came of comparing the two."""

    comparison: "Comparison"
    breakdown: "Breakdown"


def show(baseline: Compared, other: Compared, found: Found, examples: int) -> None:
    """Prints by how much they differ, and where, with the `examples` sentences that gained and that lost most."""
    one, two = baseline.evaluation, other.evaluation
    names = _names(baseline.path, other.path)
    print(f"{other.path} against {baseline.path}: {len(two.references):,} sentences of {two.split}")
    _show_origins(names, one, two)
    differences, aer = found.comparison.differences, found.comparison.aer
    width = _width(differences)
    for difference in differences:
        print(_line(difference, width))
    if aer:
        print(_line(aer, width, digits=3))
    _show_breakdown(found.breakdown)
    _show_ngrams(found.breakdown)
    print()
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
        **found.breakdown.to_json(),
    }


def show_one(of: Compared) -> None:
    """Prints the scores of an evaluation, and where it is good."""
    from nmt.evaluation.breakdown import breakdown

    own = of.evaluation
    print(f"{of.path}: {len(own.references):,} sentences of {own.split}")
    print(f"  {own.search['decoding']}; {own.checkpoint}")
    width = _width(own.scores)
    for score in own.scores:
        print(f"  {score.name:<{width}} {score.score:6.2f}  {score.form}")
    if own.alignment:
        print(f"  {'AER':<{width}} {own.alignment.aer:6.3f}  lower is better")
    _show_breakdown(breakdown(own))


def fields_of_one(of: Compared) -> dict[str, Any]:
    """The same as JSON values."""
    from nmt.evaluation.breakdown import breakdown

    own = of.evaluation
    aer = own.alignment.aer if own.alignment else None
    scores = [asdict(each) for each in own.scores]
    return {"other": _origin(of), "scores": scores, "aer": aer, **breakdown(own).to_json()}


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


def _width(scores: "Iterable[Score | Difference]") -> int:
    """Of the column of their names."""
    return max((len(each.name) for each in scores), default=3)


def _line(of: "Difference", width: int, digits: int = 2) -> str:
    interval = f"[{of.low:+.{digits}f}, {of.high:+.{digits}f}]"
    remark = of.form.partition(",")[0] if of.higher_is_better else "lower is better"
    return f"  {of.name:<{width}} {_change(of.baseline, of.score, digits)} {interval:>16}  p {of.p_text:>7}  {remark}"


def _show_breakdown(found: "Breakdown") -> None:
    """By length and rare words of the sources, by frequency of words, and words: tables whose columns stand alike."""
    ratios = [_beside(each.length_ratio, ".2f") for each in found.by_length]
    chrf = [_beside(each.chrf, ".1f") for each in found.by_rarest]
    _show_sources("words in the source", found.by_length, "length ratio", ratios)
    _show_sources("rarest word, in training", found.by_rarest, "mean chrF", chrf)
    print(f"\n  {f'frequency in {found.frequencies_of}':<26}{'words':>9}   F1 of words")
    for frequency in found.by_frequency:
        print(_row(range_text(frequency.least, frequency.most), frequency.words, _scores(frequency.f1)))
    for what, words in (("written too often", found.too_often), ("written too seldom", found.too_seldom)):
        if words:
            print(f"\n  {what:<26}{'wanted':>9}   written")
        for word in words:
            print(_row(_shown(word.word), word.references, _counts(word.written)))


def _show_sources(what: str, ranges: "Sequence[SentenceRange]", last: str, values: Sequence[str]) -> None:
    """The sentences in each range, with their BLEU and another value."""
    scores = [_scores(each.bleu) for each in ranges]
    if ranges:
        print(f"\n  {what:<26}{'sentences':>9}   {'BLEU':<{len(scores[0])}}   {last}")
    for row, score, value in zip(ranges, scores, values, strict=True):
        print(f"{_row(range_text(row.least, row.most), row.sentences, score)}   {value}")


def _show_ngrams(found: "Breakdown") -> None:
    """Those that were gained and lost."""
    for what, ngrams in (("gained", found.gained), ("lost", found.lost)):
        if ngrams:
            print(f"\n  {f'n-grams {what}':<26}{'wanted':>9}   right")
        for each in ngrams:
            print(_row(_shown(each.words), each.references, _counts(each.right)))
    if not (found.gained or found.lost):
        print("\n  no n-gram gained or lost by more than chance")


def _row(label: str, count: int, values: str) -> str:
    return f"  {label:<26}{count:>9,}   {values}"


def range_text(least: int, most: int | None) -> str:
    """A range of whole numbers from 0 on, in words; None where it has no end. `rangeText` of the report is the same."""
    if most is None:
        return f"{least:,} and more"
    if least == most:
        return f"{least:,}"
    return f"{least:,} to {most:,}" if least else f"below {most + 1:,}"


def _scores(values: "Values") -> str:
    """A score, or that of the baseline and the other with how much it has changed."""
    return _change(*values) if len(values) == 2 else f"{values[0]:6.2f}"


def _counts(counts: tuple[int, ...]) -> str:
    """The same of counts."""
    change = f"  {counts[1] - counts[0]:+6,}" if len(counts) == 2 else ""
    return _beside(counts, "6,") + change


def _beside(values: "Values", form: str) -> str:
    """A value, or that of the baseline and the other."""
    return " -> ".join(format(value, form) for value in values)


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
