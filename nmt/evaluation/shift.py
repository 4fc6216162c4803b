"""Translations and references -> whether the references stand in the wrong line."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nmt.evaluation.metrics import sentence_chrf

LEAST_SENTENCES = 10
"""In a row: fewer can fit other references better by chance."""

LEAST_GAIN = 20.0
"""ChrF, on average: sentences that are only alike gain less."""


class Shift(NamedTuple):
    """A stretch of sentences whose translations fit the references of other lines.

    Attributes:
        first: its first sentence, from 0.
        last: its last one.
        lines: where their references seem to stand: 1 for the next line, -1 for the one before.
        chrf: mean chrF of the translations against their own references.
        shifted: against those of that line.
    """

    first: int
    last: int
    lines: int
    chrf: float
    shifted: float


def shift_of(translations: Sequence[str], references: Sequence[str]) -> Shift | None:
    """The stretch in which most chrF is gained if each translation is set against the next line, or the one before.

    None where that is less than can come about by chance.
    """
    own = np.array([sentence_chrf(*each) for each in zip(translations, references, strict=True)])
    found = (_shift(own, translations, references, lines) for lines in (1, -1))
    return max(filter(None, found), key=lambda each: each.last - each.first, default=None)


def _shift(own: np.ndarray, translations: Sequence[str], references: Sequence[str], lines: int) -> Shift | None:
    numbers = range(max(0, -lines), min(len(own), len(own) - lines))
    other = np.array([sentence_chrf(translations[number], references[number + lines]) for number in numbers])
    if len(other) < LEAST_SENTENCES:
        return None
    sums = np.concatenate([[0.0], np.cumsum(other - own[numbers])])
    end = int((sums - np.minimum.accumulate(sums)).argmax())
    first = int(sums[: end + 1].argmin())
    if end - first < LEAST_SENTENCES or sums[end] - sums[first] < LEAST_GAIN * (end - first):
        return None
    chrf = own[numbers][first:end].mean(), other[first:end].mean()
    return Shift(numbers[first], numbers[end - 1], lines, *map(float, chrf))
