"""What is found about the texts of the translations, beside those of references and sources."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from nmt.evaluation.metrics import bleu
from nmt.evaluation.results import Evaluation
from nmt.report.finding import Finding, Row, beside, told

_SERIOUS_CHANGE = 0.1
"""Of the number of words, from that of the references."""

_SERIOUS_UNTRANSLATED = 0.05
"""Of the words of the translations."""

_SERIOUS_CASE = 2.0
"""Points of BLEU that only lower and upper case cost; more where they are less than `_SERIOUS_CASE_SHARE` of it."""

_SERIOUS_CASE_SHARE = 0.05


def text_findings(evaluation: Evaluation, rows: Sequence[Row]) -> list[Finding]:
    """What is found about words, their case and their number, and about chrF, in no order."""
    return [
        *_length(rows),
        *quality(rows),
        *_quality_by_length(rows),
        *_untranslated(rows),
        *_case(evaluation),
    ]


def _sides(rows: Sequence[Row]) -> list[list[Row]]:
    """The translations of an evaluation, each with its `chrf` and `words`, and those of its baseline."""
    own = [{"chrf": row["chrf"], "words": row["hypothesis"]["words"]} for row in rows]
    return [own, [row["baseline"] for row in rows]] if rows[0]["baseline"] else [own]


def _length(rows: Sequence[Row]) -> list[Finding]:
    reference = sum(len(row["reference"]["words"]) for row in rows)
    if not reference:
        return []
    own, *before = (sum(len(each["words"]) for each in side) for side in _sides(rows))
    text = f"The translations are {_relation(own, reference)} the references ({own:,} words against {reference:,})"
    if before:
        text += f", the baseline’s {_relation(before[0], reference)} them"
    return [told(f"{text}.", abs(own / reference - 1) / _SERIOUS_CHANGE)]


def _relation(words: int, reference: int) -> str:
    change = words / reference - 1
    if abs(change) < 0.0005:
        return "as long as"
    return f"{abs(change):.1%} {'longer' if change > 0 else 'shorter'} than"


def quality(rows: Sequence[Row]) -> list[Finding]:
    """Median and lowest tenth of chrF."""
    figures = np.array([np.percentile([each["chrf"] for each in side], [10, 50]) for side in _sides(rows)])
    tenth, half = (beside(each, ".1f") for each in figures.T)
    best = f"At least half of the sentences have a chrF of {half}"
    most = best if figures[0, 1] == 100 else f"Half of the sentences have a chrF of {half} or more"
    return [told(f"{most}; the weakest tenth have {tenth} at most.")]


def _quality_by_length(rows: Sequence[Row]) -> list[Finding]:
    """Mean chrF of the quarter with the fewest and of that with the most source words, from 40 sentences on."""
    if len(rows) < 40:
        return []
    lengths = np.array([len(row["source"]["words"]) for row in rows])
    chrf = np.array([[each["chrf"] for each in side] for side in _sides(rows)])
    few, many = np.percentile(lengths, [25, 75], method="nearest")
    short, long = (beside(chrf[:, among].mean(axis=1), ".1f") for among in (lengths <= few, lengths >= many))
    text = (
        f"Sources of at most {few} words have a mean sentence chrF of {short}, those of at least {many} words {long}."
    )
    return [told(text)] if few < many else []


def _untranslated(rows: Sequence[Row]) -> list[Finding]:
    """Whether words of the source are left as they are; names, which the references have too, do not count.

    Two languages that share words have some by chance; so many the references have that the translations lack.
    """
    left = Counter(word for row in rows for word in _from_source(row, "hypothesis", "reference"))
    if not left:
        return []
    by_chance = sum(len(_from_source(row, "reference", "hypothesis")) for row in rows)
    words, references = (sum(len(row[side]["words"]) for row in rows) for side in ("hypothesis", "reference"))
    share = left.total() / words
    often = ", ".join(f"“{word}”" for word, _ in left.most_common(3))
    text = (
        f"{left.total():,} of {words:,} words of the translations ({share:.1%}) stand in their source and not in the "
        f"reference, most often {often}: they may be left untranslated."
    )
    return [told(text, max(share - by_chance / max(references, 1), 0) / _SERIOUS_UNTRANSLATED)]


def _from_source(row: Row, side: str, other: str) -> list[str]:
    """The words with letters on one side that stand in the source too, and not on the other side, in any case."""
    own, source, others = ([word.lower() for word in row[each]["words"]] for each in (side, "source", other))
    left = set(source) - set(others)
    return [word for word in own if word in left and any(map(str.isalpha, word))]


def _case(evaluation: Evaluation) -> list[Finding]:
    """Whether translations and references write capital letters by different rules."""
    texts, references = [each.text for each in evaluation.translations], evaluation.references
    cased = bleu(texts, references, evaluation.tgt)
    lowered = bleu(map(str.lower, texts), map(str.lower, references), evaluation.tgt)
    weight = (lowered - cased) / max(_SERIOUS_CASE, _SERIOUS_CASE_SHARE * cased)
    if weight < 1:
        return []
    ours, theirs = (sum(text != text.lower() for text in side) for side in (texts, references))
    text = (
        f"All in lower case, BLEU would be {lowered:.1f}, not {cased:.1f}: {ours:,} of {len(texts):,} translations "
        f"have a capital letter, {theirs:,} of the references."
    )
    return [told(text, weight)]
