"""Evaluations of the same sentences -> by how much two differ, in all and sentence by sentence; BLEU of all pairs."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from unicodedata import normalize

import numpy as np

from nmt.decoding.alignment import attention_alignment
from nmt.evaluation.aer import LinkCounts, attention_error_rate, count_links, error_rate
from nmt.evaluation.chance import beyond_chance, resampled_sums
from nmt.evaluation.metrics import (
    LITERATURE,
    Difference,
    bleu_of,
    bleu_statistics,
    score_differences,
    sentence_chrf,
)
from nmt.evaluation.results import Evaluation

_WITHOUT_EFFECT = ("corpus", "references", "alternatives", "keep_beam", "early_stopping")
"""What `Evaluation.search` says beside what a translation can depend on."""


class Comparison(NamedTuple):
    """What came of it.

    Attributes:
        differences: of the corpus scores.
        aer: of the alignment error rate of the attention; None where it is not known of both against the same links.
        gains: (N,) chrF of each sentence's translation, 0 to 100, above that of the baseline's.
    """

    differences: list[Difference]
    aer: Difference | None
    gains: np.ndarray


class Gain(NamedTuple):
    """By how much the BLEU of one evaluation is above another's: as in `Difference`, its interval and `p_text`."""

    difference: float
    low: float
    high: float
    p_text: str


def compare(baseline: Evaluation, other: Evaluation, bootstrap: int = 1000) -> Comparison:
    """Compares an evaluation with a baseline.

    Args:
        baseline: one evaluation.
        other: another of the same sentences.
        bootstrap: resampled test sets.

    Raises:
        ValueError: if they are not of the same sentences and references.
    """
    if not of_same_sentences(baseline, other):
        told = f"'{baseline.label}' and '{other.label}' are not of the same sentences and references"
        raise ValueError(f"{told}: {_where_they_part(baseline, other)}")
    one, two = ([record.text for record in each.translations] for each in (baseline, other))
    literature = all(any(score.form == LITERATURE for score in each.scores) for each in (baseline, other))
    differences = score_differences(one, two, other.references, other.tgt, literature, bootstrap)
    sentences = zip(one, two, other.references, strict=True)
    gains = [sentence_chrf(now, right) - sentence_chrf(before, right) for before, now, right in sentences]
    return Comparison(differences, _aer_difference(baseline, other, bootstrap), np.array(gains))


def bleu_gains(evaluations: Sequence[Evaluation], bootstrap: int = 1000) -> list[dict[str, Gain]]:
    """Of each evaluation, by how much the BLEU of each other of the same sentences is above its own, by their labels.

    Each is resampled once, all with the same draws, so that many evaluations take little more time than few.
    """
    scores, samples = [], []
    for each in evaluations:
        counts = bleu_statistics([record.text for record in each.translations], each.references, each.tgt)
        scores.append(bleu_of(counts.sum(axis=0)))
        samples.append(np.array([bleu_of(sums) for sums in resampled_sums(counts, bootstrap)]))

    def gain(one: int, two: int) -> Gain:
        difference, sentences = scores[two] - scores[one], len(evaluations[one].references)
        low, high, _, p_text = beyond_chance(difference, samples[two] - samples[one], sentences)
        return Gain(difference, low, high, p_text)

    return [
        {
            other.label: gain(one, two)
            for two, other in enumerate(evaluations)
            if two != one and of_same_sentences(own, other)
        }
        for one, own in enumerate(evaluations)
    ]


def _aer_difference(baseline: Evaluation, other: Evaluation, bootstrap: int) -> Difference | None:
    """How the error rates of the attention differ, over the same resampled sentences that have gold links."""
    if not any(other.gold) or baseline.gold != other.gold:
        return None
    one, two = (attention_error_rate(each.forced, each.gold) for each in (baseline, other))
    counts = [np.array(_link_counts(each)) for each in (baseline, other)]  # (N, 4) each
    before, now = (
        np.array([error_rate(LinkCounts(*sums)) for sums in resampled_sums(each, bootstrap)]) for each in counts
    )
    sure = beyond_chance(two.aer - one.aer, now - before, len(counts[0]))
    return Difference("AER", one.aer, two.aer, *sure, two.method, f"{two.links:,} gold links", higher_is_better=False)


def _link_counts(evaluation: Evaluation) -> list[LinkCounts]:
    """Of each sentence with gold links."""
    pairs = zip(attention_alignment(evaluation.forced), evaluation.gold, strict=True)
    return [count_links([links], [gold]) for links, gold in pairs if gold is not None]


def of_same_sentences(one: Evaluation, other: Evaluation) -> bool:
    """Whether sources and references are the same, and so can be compared."""
    return _sources(one) == _sources(other) and one.references == other.references


def _sources(evaluation: Evaluation) -> list[str]:
    """In composed characters, as references are: however a letter is spelled, a sentence is the same sentence."""
    return [normalize("NFC", record.source) for record in evaluation.translations]


def _where_they_part(one: Evaluation, other: Evaluation) -> str:
    """Why two evaluations are not of the same sentences, in words, and from which sentence on."""
    if one.split != other.split:
        return f"one is of {one.split}, the other of {other.split}"
    mend = "evaluate one of them again, with what the other has (--path, --references)"
    for what, of_both in (
        ("sources", (_sources(one), _sources(other))),
        ("references", (one.references, other.references)),
    ):
        for number, (mine, others) in enumerate(zip(*of_both, strict=False), start=1):
            if mine != others:
                return f"their {what} differ, first in sentence {number:,}: {mine!r} and {others!r}; {mend}"
    return f"one has {len(one.references):,} of them, the other {len(other.references):,}; {mend}"


def search_changes(baseline: Evaluation, other: Evaluation) -> dict[str, tuple[Any, Any]]:
    """The options of the search that are not alike, by name; of those that cannot change a translation, none.

    Where all are alike but the form of the model is not, such as its precision, that is "decoding". Where not both were
    searched there are none.
    """
    if baseline.given or other.given:
        return {}
    both = [each.search for each in (baseline, other)]
    names = [name for name in both[0] if name in both[1] and name not in _WITHOUT_EFFECT]
    found = {name: (both[0][name], both[1][name]) for name in names if both[0][name] != both[1][name]}
    if len(found) > 1:
        found.pop("decoding", None)  # which the others say
    return found
