"""Two evaluations of the same sentences -> by how much they differ, in all and sentence by sentence."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sacrebleu.metrics import CHRF

from nmt.evaluation.metrics import LITERATURE, Difference, score_differences
from nmt.evaluation.results import Evaluation


class Comparison(NamedTuple):
    """What came of it.

    Attributes:
        differences: of the corpus scores.
        gains: (N,) chrF of each sentence's translation, 0 to 100, above that of the baseline's.
    """

    differences: list[Difference]
    gains: np.ndarray


def compare(baseline: Evaluation, other: Evaluation, bootstrap: int = 1000) -> Comparison:
    """Compares an evaluation with a baseline.

    Args:
        baseline: one evaluation.
        other: another of the same sentences.
        bootstrap: resampled test sets.

    Raises:
        ValueError: if they are not of the same sentences and references.
    """
    sources = [[record.source for record in each.translations] for each in (baseline, other)]
    if sources[0] != sources[1] or baseline.references != other.references:
        raise ValueError(
            f"the two evaluations of '{other.label}' are not of the same sentences and references: "
            "evaluate one of them again, with the other's corpus (--path)"
        )
    one, two = ([record.text for record in each.translations] for each in (baseline, other))
    literature = all(any(score.form == LITERATURE for score in each.scores) for each in (baseline, other))
    differences = score_differences(one, two, other.references, other.tgt, literature, bootstrap)
    gains = _sentence_scores(two, other.references) - _sentence_scores(one, other.references)
    return Comparison(differences, gains)


def _sentence_scores(texts: Sequence[str], references: Sequence[str]) -> np.ndarray:
    chrf = CHRF()
    scores = (chrf.sentence_score(text, [right]).score for text, right in zip(texts, references, strict=True))
    return np.array(list(scores))
