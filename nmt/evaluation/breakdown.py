"""Two evaluations -> where they differ: in sentences of which length, words of which frequency, and which n-grams.

The questions are those of compare-mt (Neubig et al. 2019, "compare-mt: A Tool for Holistic Comparison of Language
Generation Systems"); a word is what BLEU counts as one. Of two values the first is the baseline's.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from nmt.evaluation.metrics import bleu, bleu_words
from nmt.evaluation.results import Evaluation

LENGTHS = (0, 10, 15, 20, 30, 40, 60)
"""Words of a reference from which each range of lengths begins; the first is long enough for BLEU's four words."""

FREQUENCIES = (0, 1, 10, 100, 1000)
"""The same of frequencies of words."""

LONGEST_NGRAM = 4
SHOWN_NGRAMS = 5

LEAST_DEVIATIONS = 2.0
"""By chance the change of a number of matches deviates by the root of both numbers' sum; what is less is not listed."""

Pair = tuple[float, float]
Words = Sequence[Sequence[str]]


class Lengths(NamedTuple):
    """The sentences whose reference has `least` to `most` words; None is any number of them.

    `bleu` is 0 to 100, `length_ratio` the words of the translations by those of the references.
    """

    least: int
    most: int | None
    sentences: int
    bleu: Pair
    length_ratio: Pair


class Frequencies(NamedTuple):
    """The words that occur `least` to `most` times; None is any number of times.

    `words` is how many of them the references have, `f1` that of finding them in the right sentence, 0 to 100.
    """

    least: int
    most: int | None
    words: int
    f1: Pair


class Ngram(NamedTuple):
    """Some words in a row: how often the references have them, and how often a translation has them where they do."""

    words: str
    references: int
    right: tuple[int, int]


class Breakdown(NamedTuple):
    """Where two evaluations differ; ranges of which the references have nothing are left out."""

    by_length: list[Lengths]
    by_frequency: list[Frequencies]
    gained: list[Ngram]
    lost: list[Ngram]


def breakdown(baseline: Evaluation, other: Evaluation, frequencies: Mapping[str, int] | None = None) -> Breakdown:
    """Where an evaluation differs from a baseline of the same sentences.

    Args:
        baseline: one evaluation.
        other: another.
        frequencies: how often each word occurs in the training data; by default in the references.
    """
    texts = [[each.text for each in evaluation.translations] for evaluation in (baseline, other)]
    before, now, references = (bleu_words(each, other.tgt) for each in (*texts, other.references))
    if frequencies is None:
        frequencies = Counter(word for words in references for word in words)
    return Breakdown(
        by_length(texts[0], texts[1], other.references, other.tgt),
        by_frequency(before, now, references, frequencies),
        *changed_ngrams(before, now, references),
    )


def by_length(baseline: Sequence[str], other: Sequence[str], references: Sequence[str], tgt: str) -> list[Lengths]:
    """BLEU and length of the translations of sentences of each length; `tgt` is the language of them all."""
    *lengths, right = ([len(words) for words in bleu_words(each, tgt)] for each in (baseline, other, references))
    ranges = []
    for (least, most), rows in _ranges(LENGTHS, right).items():
        scores, ratios = [], []
        for texts, own in zip((baseline, other), lengths, strict=True):
            scores.append(bleu([texts[row] for row in rows], [references[row] for row in rows], tgt))
            ratios.append(sum(own[row] for row in rows) / max(1, sum(right[row] for row in rows)))
        ranges.append(Lengths(least, most, len(rows), (scores[0], scores[1]), (ratios[0], ratios[1])))
    return ranges


def by_frequency(baseline: Words, other: Words, references: Words, frequencies: Mapping[str, int]) -> list[Frequencies]:
    """How well each finds the words of each frequency: a word is found once for each time it is in the reference."""
    found = [_matches(each, references, 1) for each in (baseline, other)]
    said = [Counter(word for words in each for word in words) for each in (baseline, other, references)]
    vocabulary = sorted({word for counts in said for word in counts})
    ranges = []
    for (least, most), numbers in _ranges(FREQUENCIES, (frequencies.get(word, 0) for word in vocabulary)).items():
        words = [vocabulary[number] for number in numbers]
        in_references = sum(said[-1][word] for word in words)
        f1 = [
            200 * sum(right[(word,)] for word in words) / max(1, sum(own[word] for word in words) + in_references)
            for right, own in zip(found, said[:2], strict=True)
        ]
        if in_references:
            ranges.append(Frequencies(least, most, in_references, (f1[0], f1[1])))
    return ranges


def changed_ngrams(baseline: Words, other: Words, references: Words) -> tuple[list[Ngram], list[Ngram]]:
    """The n-grams that the other one has right more often, and less often, those first that are least like chance.

    None is a part of one that was listed, or has one as a part.
    """
    before, now = (_matches(each, references, LONGEST_NGRAM) for each in (baseline, other))
    there = _matches(references, references, LONGEST_NGRAM)
    deviations = {each: (now[each] - before[each]) / math.sqrt(now[each] + before[each]) for each in before | now}
    lists = []
    for sign in (1, -1):
        ranked = sorted(deviations, key=lambda each: (-sign * deviations[each], -len(each), each))
        listed: list[Ngram] = []
        for each in ranked:
            if len(listed) == SHOWN_NGRAMS or sign * deviations[each] < LEAST_DEVIATIONS:
                break
            words = " ".join(each)
            if not any(f" {words} " in f" {one.words} " or f" {one.words} " in f" {words} " for one in listed):
                listed.append(Ngram(words, there[each], (before[each], now[each])))
        lists.append(listed)
    return lists[0], lists[1]


def _matches(texts: Words, references: Words, longest: int) -> Counter[tuple[str, ...]]:
    """How often each n-gram of up to `longest` words is in a text and in its reference."""
    found: Counter[tuple[str, ...]] = Counter()
    for text, reference in zip(texts, references, strict=True):
        found.update(_ngrams(text, longest) & _ngrams(reference, longest))
    return found


def _ngrams(words: Sequence[str], longest: int) -> Counter[tuple[str, ...]]:
    starts = range(len(words))
    return Counter(tuple(words[i : i + n]) for n in range(1, longest + 1) for i in starts if i + n <= len(words))


def _ranges(begins: Sequence[int], values: Iterable[int]) -> dict[tuple[int, int | None], list[int]]:
    """The numbers of the values, from 0, in each range that has any, in order."""
    ranges = list(zip(begins, [*(begin - 1 for begin in begins[1:]), None], strict=True))
    found: dict[tuple[int, int | None], list[int]] = {each: [] for each in ranges}
    for number, value in enumerate(values):
        found[ranges[bisect_right(begins, value) - 1]].append(number)
    return {each: numbers for each, numbers in found.items() if numbers}
