"""Ancestral sampling: tokens drawn from the model's distribution, or from its most probable part.

What is drawn for a sentence depends on the seed, the sentence's number and the sample's, not on the batch.

Letters: L rows, V vocabulary, K samples of a sentence.
"""

import numpy as np
import torch
from torch import Tensor

from nmt.decoding.options import SearchOptions


def chances(seed: int, number: int, steps: int, samples: int) -> np.ndarray:
    """(steps, K) uniform numbers below 1 for the sentence of that number, from a counter-based generator."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, number], np.uint64))).random((steps, samples))


def draw(log_probs: Tensor, chance: Tensor, options: SearchOptions) -> Tensor:
    """One token for each row, by the inverse of the cumulative distribution.

    Args:
        log_probs: (L, V).
        chance: (L,) uniform numbers, at least 0 and below 1.
        options: temperature; top-k (Fan et al. 2018) and top-p (Holtzman et al. 2020), of which both hold.

    Returns:
        (L,) ids.
    """
    scaled = log_probs.double() / options.temperature
    order = None
    if options.top_k or options.top_p < 1:
        kept = min(options.top_k, log_probs.shape[1]) if options.top_k else log_probs.shape[1]
        scaled, order = scaled.topk(kept, dim=1)
    probs = torch.softmax(scaled, dim=1)
    if options.top_p < 1:  # the first token that reaches p is the last to stay
        before = probs.cumsum(dim=1) - probs
        probs = probs.masked_fill(before >= options.top_p, 0.0)
    cumulative = probs.cumsum(dim=1)
    column = torch.searchsorted(cumulative, chance.unsqueeze(1) * cumulative[:, -1:], right=True)
    return column.squeeze(1) if order is None else order.gather(1, column).squeeze(1)
