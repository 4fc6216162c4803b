"""Evaluations of the same sentences -> where each is good: sentences of which length, how rare words, which words.

The questions are those of compare-mt (Neubig et al. 2019, "compare-mt: A Tool for Holistic Comparison of Language
Generation Systems"). Lengths count words as `nmt.data.words` does; the words and n-grams that are listed, and those of
a frequency, are what BLEU counts as words.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nmt.data.words import word_texts
from nmt.evaluation.bleu_tokens import bleu_words
from nmt.evaluation.chance import interval, resampled_sums
from nmt.evaluation.metrics import bleu_of, bleu_statistics, sentence_chrf
from nmt.evaluation.phrases import Ngram, Word, Words, changed_ngrams, counted, matches, misused_words
from nmt.evaluation.results import Evaluation

LENGTHS = (0, 10, 15, 20, 30, 40, 60)
"""Words of a source from which each range of lengths begins; the first is long enough for BLEU's four words."""

RAREST = (0, 1, 5, 25, 100)
"""How often the rarest word of a source stands in the training data, the same."""

FREQUENCIES = (0, 1, 10, 100, 1000)
"""The same of any word."""

FEW = 30
"""Sentences; of fewer, resampling tells too little."""

Values = tuple[float, ...]
"""One of each evaluation, in their order: a baseline comes first."""


class SentenceRange(NamedTuple):
    """Those whose source has `least` to `most` of something; None is any number of it.

    `chrf` is the mean over the sentences, `bleu` that of all of them, both 0 to 100; `length_ratio` the words of the
    translations by those of the references. `intervals` has for each of the three, by its name, the ends of the 95%
    bootstrap interval: of the one evaluation's, or of the difference of the last from the first; none of `FEW`.
    """

    least: int
    most: int | None
    sentences: int
    chrf: Values
    bleu: Values
    length_ratio: Values
    intervals: dict[str, tuple[float, float]]


class FrequencyRange(NamedTuple):
    """The words that occur `least` to `most` times; None is any number of times.

    `words` is how many of them the references have, `f1` that of finding them in the right sentence, 0 to 100.
    """

    least: int
    most: int | None
    words: int
    f1: Values


class Breakdown(NamedTuple):
    """Where evaluations are good; ranges of which there is nothing are left out.

    Attributes:
        by_length: by the words of the source.
        by_rarest: by how often the rarest word of the source stands in the training data; none if that is not known.
        by_frequency: by how often a target word stands there, or else in the references.
        frequencies_of: which of the two: "training" or "references".
        too_often: words that the last evaluation wrote more often than the references, those first that are least like
            chance.
        too_seldom: the same of words that it wrote less often.
        gained: n-grams that the last evaluation has right more often than the first; none of one alone.
        lost: the same of less often.
    """

    by_length: list[SentenceRange]
    by_rarest: list[SentenceRange]
    by_frequency: list[FrequencyRange]
    frequencies_of: str
    too_often: list[Word]
    too_seldom: list[Word]
    gained: list[Ngram]
    lost: list[Ngram]

    def to_json(self) -> dict[str, Any]:
        """The same with rows as dictionaries."""
        return {
            name: value if isinstance(value, str) else [each._asdict() for each in value]
            for name, value in self._asdict().items()
        }


def breakdown(*evaluations: Evaluation) -> Breakdown:
    """Where an evaluation is good; or a baseline and another evaluation of the same sentences."""
    last = evaluations[-1]
    texts = [[each.text for each in evaluation.translations] for evaluation in evaluations]
    sources = [each.source for each in last.translations]
    written, references = [bleu_words(each, last.tgt) for each in texts], bleu_words(last.references, last.tgt)
    lengths = [len(word_texts(source)) for source in sources]
    counts = last.training_counts
    rarest = [counts.rarest(source) for source in sources] if counts else []
    frequencies, of = _frequencies(evaluations, references)
    too_often, too_seldom = misused_words(written, references)
    gained, lost = changed_ngrams(written[0], written[-1], references)
    return Breakdown(
        by_sentences(LENGTHS, lengths, texts, last.references, last.tgt),
        by_sentences(RAREST, rarest, texts, last.references, last.tgt),
        by_frequency(written, references, frequencies),
        of,
        too_often,
        too_seldom,
        gained,
        lost,
    )


def by_sentences(
    begins: Sequence[int],
    values: Sequence[int | None],
    texts: Sequence[Sequence[str]],
    references: Sequence[str],
    tgt: str,
) -> list[SentenceRange]:
    """How good translations are of the sentences in each range.

    Args:
        begins: the number from which each range begins.
        values: the number of each sentence; it is left out where that is None.
        texts: the translations of each evaluation.
        references: of the sentences.
        tgt: the language of them all.
    """
    counts = [_counts(each, references, tgt) for each in texts]
    ranges = []
    for (least, most), rows in _ranges(begins, values).items():
        own = [each[rows] for each in counts]
        chrf, bleu, ratio = zip(*(_scores(each.sum(axis=0)) for each in own), strict=True)
        intervals = _intervals(own) if len(rows) >= FEW else {}
        ranges.append(SentenceRange(least, most, len(rows), chrf, bleu, ratio, intervals))
    return ranges


def _counts(texts: Sequence[str], references: Sequence[str], tgt: str) -> np.ndarray:
    """(N, 14) of each sentence: itself, its chrF, its words and those of its reference, and what BLEU counts."""
    chrf = [sentence_chrf(*pair) for pair in zip(texts, references, strict=True)]
    written, wanted = ([len(word_texts(text)) for text in each] for each in (texts, references))
    return np.column_stack([np.ones(len(chrf)), chrf, written, wanted, bleu_statistics(texts, references, tgt)])


def _scores(sums: np.ndarray) -> tuple[float, float, float]:
    """Mean chrF, BLEU and length ratio of the sums (14,) of `_counts` over sentences."""
    sentences, chrf, written, wanted = sums[:4].tolist()
    return chrf / sentences, bleu_of(sums[4:]), written / max(1, wanted)


def _intervals(counts: Sequence[np.ndarray]) -> dict[str, tuple[float, float]]:
    """The `intervals` of `SentenceRange`, from the counts (N, 14) of each evaluation."""
    samples = [np.array([_scores(sums) for sums in resampled_sums(each)]) for each in counts]  # (bootstrap, 3) each
    wanted = samples[-1] - samples[0] if len(samples) > 1 else samples[0]
    return {name: interval(each) for name, each in zip(("chrf", "bleu", "length_ratio"), wanted.T, strict=True)}


def by_frequency(written: Sequence[Words], references: Words, frequencies: Mapping[str, int]) -> list[FrequencyRange]:
    """How well each finds the words of each frequency: a word is found once for each time it is in the reference."""
    found = [matches(each, references, 1) for each in written]
    *said, wanted = (counted(each) for each in (*written, references))
    vocabulary = sorted({word for counts in (*said, wanted) for word in counts})
    ranges = []
    for (least, most), numbers in _ranges(FREQUENCIES, [frequencies.get(word, 0) for word in vocabulary]).items():
        words = [vocabulary[number] for number in numbers]
        in_references = sum(wanted[word] for word in words)
        f1 = tuple(
            200 * sum(right[(word,)] for word in words) / max(1, sum(own[word] for word in words) + in_references)
            for right, own in zip(found, said, strict=True)
        )
        if in_references:
            ranges.append(FrequencyRange(least, most, in_references, f1))
    return ranges


def _frequencies(evaluations: Sequence[Evaluation], references: Words) -> tuple[Mapping[str, int], str]:
    """How often each target word occurs in the training data of the first, or else in the references; and in which."""
    known = [each.training_counts.tgt for each in evaluations if each.training_counts]
    if len(known) < len(evaluations):
        return counted(references), "references"
    return {word: times for counts in reversed(known) for word, times in counts.items()}, "training"


def _ranges(begins: Sequence[int], values: Iterable[int | None]) -> dict[tuple[int, int | None], list[int]]:
    """The numbers of the values, from 0, in each range that has any, in order."""
    ranges = list(zip(begins, [*(begin - 1 for begin in begins[1:]), None], strict=True))
    found: dict[tuple[int, int | None], list[int]] = {each: [] for each in ranges}
    for number, value in enumerate(values):
        if value is not None:
            found[ranges[bisect_right(begins, value) - 1]].append(number)
    return {each: numbers for each, numbers in found.items() if numbers}
