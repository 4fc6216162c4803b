"""Windows: the source positions among which a step may choose, and what it prefers among them before it looks at them.

A window is a term that is added to the scores, so that it goes with every score function and every normaliser: zero
where a position is open, `CLOSED` where it is not.

Letters: B sentences, T steps, S source positions, Q query size.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import assert_never

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from nmt.config import AttentionConfig
from nmt.model.kernels.repeated import repeated

CLOSED = -1e9
"""Added to the score of a position that gets nothing: its weight is then exactly zero, and nothing overflows."""

ScoreBias = Callable[[Tensor, Tensor], Tensor]
"""Queries (B, T, Q) and steps (B, T), counted from 0 -> what is added to the scores, broadcasts to (B, T, S)."""


class Window(nn.Module, ABC):
    """Which positions are open to a step."""

    @abstractmethod
    def score_bias(self, mask: Tensor) -> ScoreBias:
        """The window along one sequence; mask (B, S) is True on real tokens."""


class Global(Window):
    """Every real token, at every step (Luong et al. 2015, section 3.1)."""

    def score_bias(self, mask: Tensor) -> ScoreBias:
        """Closed on padding."""
        padding = closed(~mask).unsqueeze(1)
        return lambda queries, steps: padding


class Monotonic(Window):
    """Positions within D of the step's own: local-m (Luong et al. 2015, section 3.2).

    The word that step t predicts is taken to stand for source position t + 1, as position 0 is the special token; past
    the end of the source, for its last token.

    Args:
        reach: D.
    """

    def __init__(self, reach: int) -> None:
        super().__init__()
        self.reach = reach

    def extra_repr(self) -> str:
        """As of any module."""
        return f"reach={self.reach}"

    def score_bias(self, mask: Tensor) -> ScoreBias:
        """Closed on padding and out of reach."""
        padding, last = closed(~mask).unsqueeze(1), mask.sum(dim=1, keepdim=True) - 1
        positions = torch.arange(mask.shape[1], device=mask.device)

        def score_bias(queries: Tensor, steps: Tensor) -> Tensor:
            centre = torch.minimum(steps + 1, last)
            return padding + closed((positions - centre.unsqueeze(2)).abs() > self.reach)

        return score_bias


class Predictive(Window):
    """Positions within D of a predicted one, the nearer the better: local-p (Luong et al. 2015, eq. 9 and 10).

    ``p = (S - 1) sigmoid(v^T tanh(W q))``, and the weights are multiplied by ``exp(-(s - p)^2 / (2 sigma^2))``,
    with ``sigma = D / 2``. Here the exponent is added to the scores: the normaliser comes last, and rows sum to one.

    Args:
        query_size: Q.
        reach: D.
    """

    def __init__(self, query_size: int, reach: int) -> None:
        super().__init__()
        self.reach = reach
        self.hidden = nn.Linear(query_size, query_size, bias=False)
        self.position = nn.Linear(query_size, 1, bias=False)

    def extra_repr(self) -> str:
        """As of any module."""
        return f"reach={self.reach}"

    def score_bias(self, mask: Tensor) -> ScoreBias:
        """Closed on padding and out of reach; lower with the distance."""
        padding, last = closed(~mask).unsqueeze(1), mask.sum(dim=1)[:, None, None] - 1
        positions = torch.arange(mask.shape[1], device=mask.device)
        exact = torch.promote_types(self.position.weight.dtype, torch.float32)
        with _without_autocast(mask.device.type):
            hidden, position = repeated(self.hidden.weight.to(exact).t()), self.position.weight.to(exact)

        def score_bias(queries: Tensor, steps: Tensor) -> Tensor:
            with _without_autocast(mask.device.type):  # bfloat16 has not the digits for a place in a long sentence
                centre = last * torch.sigmoid(linear(torch.tanh(hidden(queries)), position))  # (B, T, 1)
            distance = positions - centre
            return padding + closed(distance.abs() > self.reach) - 2 * (distance / self.reach) ** 2

        return score_bias


def _without_autocast(kind: str) -> AbstractContextManager[object]:
    """Within it products on that kind of device are as exact as what is multiplied; export knows no such change."""
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


def closed(where: Tensor) -> Tensor:
    """Bool -> float32, `CLOSED` where it is True, zero elsewhere."""
    return where.float() * CLOSED


def build_window(config: AttentionConfig, query_size: int) -> Window:
    """The window by its name."""
    if config.window == "global":
        return Global()
    if config.window == "local_m":
        return Monotonic(config.reach)
    if config.window == "local_p":
        return Predictive(query_size, config.reach)
    assert_never(config.window)
