"""An evaluation -> how the heads of its attention differ."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nmt.decoding.alignment import attention_entropy
from nmt.decoding.translation import Translation
from nmt.evaluation.aer import attention_error_rate
from nmt.evaluation.insight import records_of_heads
from nmt.evaluation.results import Evaluation


def head_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The figures of the mean of the heads, and of each; none where there is one head only.

    Of the hypotheses: `entropy` in nats a token, and the shares of the attention on the `first` token, the special one
    before the source, and on the `last`. `aer` is that of the references, None without gold.
    """
    insight = evaluation.insight
    if not insight.heads:
        return []
    found = [evaluation.translations, *records_of_heads(evaluation.translations, insight.heads)]
    forced = [evaluation.forced, *records_of_heads(evaluation.forced, insight.forced_heads)]
    return [
        {**_figures(own), "aer": attention_error_rate(of, evaluation.gold).aer if any(evaluation.gold) else None}
        for own, of in zip(found, forced, strict=True)
    ]


def _figures(translations: Sequence[Translation]) -> dict[str, float | None]:
    """Means over all target tokens; None where there is none."""
    matrices = [each.attention for each in translations if len(each.tokens)]
    if not matrices:
        return dict.fromkeys(("entropy", "first", "last"))
    each = {
        "entropy": [attention_entropy(matrix) for matrix in matrices],
        "first": [matrix[:, 0] for matrix in matrices],
        "last": [matrix[:, -1] for matrix in matrices],
    }
    return {name: round(float(np.concatenate(parts).mean()), 4) for name, parts in each.items()}
