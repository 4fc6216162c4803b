"""How each open hypothesis could go on: its best continuations among those that are allowed, or one that is drawn.

Log-probabilities of a whole vocabulary stay on the device; what leaves it is a few numbers for each hypothesis.

Letters: L open hypotheses, V vocabulary, m proposals of each.
"""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from nmt.decoding.guides import Guide, State
from nmt.decoding.options import SearchOptions
from nmt.decoding.sampling import draw

Array = TypeVar("Array")

BLOCK = 64
"""Columns whose maximum is taken first when the largest few of many are wanted."""


class Proposals(NamedTuple, Generic[Array]):
    """Continuations of each hypothesis, and what would be most probable if it were free.

    Attributes:
        log_probs: (L, m), -inf for what is not possible.
        tokens: (L, m).
        best_log_probs: (L, alternatives), in falling order.
        best_tokens: (L, alternatives).
    """

    log_probs: Array
    tokens: Array
    best_log_probs: Array
    best_tokens: Array


class Guided(NamedTuple):
    """An open hypothesis with a guide: its row among the L, the guide, and the guide's state."""

    row: int
    guide: Guide
    state: State


def largest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest of each row (L, V) in falling order, or all, and their columns.

    They lie in the `count` blocks with the largest maxima: of 8,000 columns a third of the time of `topk`.
    """
    count, blocks = min(count, values.shape[1]), values.shape[1] // BLOCK
    if blocks <= 2 * count:
        return values.topk(count, dim=1)
    tail = torch.arange(blocks * BLOCK, values.shape[1], device=values.device)
    maxima = values[:, : blocks * BLOCK].unflatten(1, (blocks, BLOCK)).amax(dim=2)
    columns = maxima.topk(count, dim=1).indices.unsqueeze(2) * BLOCK + torch.arange(BLOCK, device=values.device)
    columns = torch.cat([columns.flatten(1), tail.expand(len(values), -1)], dim=1)
    best, index = values.gather(1, columns).topk(count, dim=1)
    return best, columns.gather(1, index)


class Proposer:
    """What makes proposals out of log-probabilities.

    Args:
        options: beam or samples, minimal length, alternatives.
        eos: id that ends a hypothesis.
    """

    def __init__(self, options: SearchOptions, eos: int) -> None:
        self._options, self._eos = options, eos

    def __call__(
        self, log_probs: Tensor, length: int, guided: Sequence[Guided], chance: np.ndarray
    ) -> Proposals[Tensor]:
        """The proposals of hypotheses of `length` tokens.

        Args:
            log_probs: (L, V).
            length: tokens before this step.
            guided: those that are not free.
            chance: (L,) uniform numbers, for samples.
        """
        alternatives, possible = self._options.alternatives, self._restrict(log_probs, length, guided)
        free = possible is log_probs
        if self._options.is_sampled:
            tokens = draw(possible, torch.from_numpy(chance), self._options).to(possible.device).unsqueeze(1)
            return Proposals(possible.gather(1, tokens), tokens, *largest(log_probs, alternatives))
        values, tokens = largest(possible, max(self._options.beam_size, alternatives if free else 0))
        best = (values[:, :alternatives], tokens[:, :alternatives]) if free else largest(log_probs, alternatives)
        return Proposals(*self._with_wanted(possible, values, tokens, guided), *best)

    def _restrict(self, log_probs: Tensor, length: int, guided: Sequence[Guided]) -> Tensor:
        """(L, V) with -inf for what is not allowed; the tensor itself if all is. Where nothing is left, EOS is."""
        allowed = ((each.row, each.guide.allowed(each.state)) for each in guided)
        masks = {row: mask for row, mask in allowed if mask is not None}
        if not masks and length >= self._options.min_length:
            return log_probs
        possible = log_probs.clone()
        if masks:
            closed = torch.from_numpy(~np.stack(list(masks.values()))).to(log_probs.device)
            rows = torch.tensor(list(masks), device=log_probs.device)
            possible[rows] = possible[rows].masked_fill(closed, -torch.inf)
        if length < self._options.min_length:
            possible[:, self._eos] = -torch.inf
        stuck = possible.amax(dim=1) == -torch.inf
        possible[stuck, self._eos] = log_probs[stuck, self._eos]
        return possible

    def _with_wanted(
        self, log_probs: Tensor, values: Tensor, tokens: Tensor, guided: Sequence[Guided]
    ) -> tuple[Tensor, Tensor]:
        """The proposals (L, m), and beside them what would bring a hypothesis nearer to its goal."""
        wanted = {each.row: each.guide.wanted(each.state) for each in guided}
        most = max(map(len, wanted.values()), default=0)
        if not most:
            return values, tokens
        more = torch.full((len(tokens), most), -1)
        for row, ids in wanted.items():
            more[row, : len(ids)] = torch.tensor(ids)
        more = more.to(tokens.device)
        known = (more.unsqueeze(2) == tokens.unsqueeze(1)).any(dim=2) | (more < 0)
        more = more.clamp(min=0)
        more_values = log_probs.gather(1, more).masked_fill(known, -torch.inf)
        return torch.cat([values, more_values], dim=1), torch.cat([tokens, more], dim=1)
