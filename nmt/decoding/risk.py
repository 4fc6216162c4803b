"""Minimum Bayes risk: the hypothesis that the others agree with most (Kumar & Byrne 2004; Eikema & Aziz 2020)."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal

import numpy as np

Utility = Literal["chrf", "bleu"]


def expected_utilities(texts: Sequence[str], weights: Sequence[float], utility: Utility) -> list[float]:
    """The expected utility of each text, from 0 to 100, when each of them may be the reference.

    Args:
        texts: hypotheses of one sentence.
        weights: how probable each is, in any unit.
        utility: "chrf" or "bleu", of a sentence, as sacreBLEU defines them (BLEU with effective order).
    """
    measure = cache(_utility(utility))
    shares = np.asarray(weights, float) / np.sum(weights)
    return [float(sum(shares * [measure(text, other) for other in texts])) for text in texts]


def _utility(name: Utility) -> Callable[[str, str], float]:
    from sacrebleu.metrics import BLEU, CHRF

    if name == "chrf":
        chrf = CHRF()
        return lambda text, reference: chrf.sentence_score(text, [reference]).score
    if name == "bleu":
        bleu = BLEU(effective_order=True)
        return lambda text, reference: bleu.sentence_score(text, [reference]).score
    raise ValueError(f"unknown utility {name!r}: choose chrf or bleu")
