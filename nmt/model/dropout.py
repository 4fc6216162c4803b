"""Dropout along a sequence: anew at each position, or one mask for all of them; and of whole words.

The masks are torch's own random numbers, so that the seed gives them; cuDNN's dropout between layers would not.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


def dropout(inputs: Tensor, p: float) -> Tensor:
    """Zeroes elements with probability p, and divides the others by 1 - p.

    On a CPU from 16 random bits for each element, the probability rounded to 1 / 65,536: four times as fast as torch's,
    which draws each element on its own in one thread.
    """
    if inputs.device.type != "cpu":
        return functional.dropout(inputs, p)
    words = torch.empty(-(-inputs.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    chance = words.view(torch.int16)[: inputs.numel()].view(inputs.shape)
    least = min(round(p * 2**16), 2**16 - 1) - 2**15
    return inputs * (chance >= least).to(inputs.dtype).div_(1 - p)


class SequenceDropout(nn.Module):
    """Zeroes elements of vectors along a sequence, and scales the others so that the expectation stays.

    Args:
        p: probability that an element is zeroed.
        variational: one mask for all positions of a sentence (Gal & Ghahramani 2016, section 4), otherwise one each.
    """

    def __init__(self, p: float, variational: bool) -> None:
        super().__init__()
        self.p, self.variational = p, variational

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (B, T, F) -> (B, T, F)."""
        if not (self.training and self.p):
            return inputs
        if not self.variational:
            return dropout(inputs, self.p)
        return inputs * dropout(torch.ones_like(inputs[:, :1]), self.p)

    def stepper(self) -> Callable[[Tensor], Tensor]:
        """The same, one position (N, F) at a time, for one sequence."""
        if not (self.training and self.p):
            return lambda inputs: inputs
        if not self.variational:
            return lambda inputs: dropout(inputs, self.p)
        mask: list[Tensor] = []

        def masked(inputs: Tensor) -> Tensor:
            if not mask:
                mask.append(dropout(torch.ones_like(inputs), self.p))
            return inputs * mask[0]

        return masked


class Embed(nn.Module):
    """Token ids -> embeddings with dropout, in training of whole words too (Sennrich et al. 2016, WMT, section 3.3).

    Args:
        table: V x E.
        p: probability that an element is zeroed.
        variational: with one mask for all positions of a sentence.
        word_p: probability that a token's whole embedding is zeroed.
    """

    def __init__(self, table: nn.Embedding, p: float, variational: bool, word_p: float) -> None:
        super().__init__()
        self.table = table
        self.dropout = SequenceDropout(p, variational)
        self.word_p = word_p

    def forward(self, ids: Tensor) -> Tensor:
        """Ids (B, T) -> (B, T, E)."""
        embedded = self.table(ids)
        if self.training and self.word_p:
            kept = torch.rand(ids.shape, device=ids.device) >= self.word_p
            embedded = embedded * kept.unsqueeze(-1)
        return self.dropout(embedded)
