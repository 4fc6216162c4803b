"""Ancestral sampling: tokens drawn from the model's distribution, or from its most probable part.

What is drawn for a sentence depends on the seed, the sentence's number and the sample's, and on the batch only where
the chance lies between two tokens but for the last digits of their probabilities.

Letters: L rows, V vocabulary, K samples of a sentence.
"""

import numpy as np
import torch
from torch import Tensor

from nmt.decoding.options import SearchOptions


def generator(seed: int, number: int) -> np.random.Generator:
    """What gives the sentence of that number its chances, K at each step; it counts, and keeps nothing else."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, number], np.uint64)))


def draw(log_probs: Tensor, chance: Tensor, options: SearchOptions) -> Tensor:
    """One token for each row, by the inverse of the cumulative distribution.

    Args:
        log_probs: (L, V).
        chance: (L,) uniform numbers in double precision on the CPU, at least 0 and below 1.
        options: temperature; top-k (Fan et al. 2018) and top-p (Holtzman et al. 2020), of which both hold.

    Returns:
        (L,) ids, where double precision is: on the CPU for "mps", which has none.
    """
    has_doubles = log_probs.device.type != "mps"
    scaled = (log_probs if has_doubles else log_probs.cpu()).double() / options.temperature
    order = None
    if options.top_k or options.top_p < 1:
        kept = min(options.top_k, log_probs.shape[1]) if options.top_k else log_probs.shape[1]
        scaled, order = scaled.topk(kept, dim=1)
    probs = torch.softmax(scaled, dim=1)
    if options.top_p < 1:  # the first token that reaches p is the last to stay
        before = probs.cumsum(dim=1) - probs
        probs = probs.masked_fill(before >= options.top_p, 0.0)
    cumulative = probs.cumsum(dim=1)
    threshold = chance.to(scaled.device).unsqueeze(1) * cumulative[:, -1:]
    column = torch.searchsorted(cumulative, threshold, right=True).clamp(max=probs.shape[1] - 1)  # NaN lies beyond
    return column.squeeze(1) if order is None else order.gather(1, column).squeeze(1)
