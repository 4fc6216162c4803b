"""Score functions: how well an encoder state answers a query.

Each is split where the work is: `keys`, once a sentence; `queries`, once for each query; `match`, both together. All of
them work on M heads side by side, each with its own part of the key.

Letters: B sentences, M heads, T queries, S source positions, Q query size, H state size, A key size, a = A / M.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import assert_never

import torch
from torch import Tensor, nn

from nmt.config import AttentionConfig
from nmt.model.kernels.additive import additive_match, decay, shift
from nmt.model.kernels.linear import Linear
from nmt.model.kernels.repeated import Product, repeated

Match = Callable[[Tensor], Tensor]
"""Projected queries (B, M, T, a) -> scores (B, M, T, S)."""


class Score(nn.Module, ABC):
    """A score function.

    Parameters of its own, beside those of modules such as `nn.Linear`, are to be drawn where they are made.

    Attributes:
        key_size: A, over all heads.
    """

    key_size: int

    @abstractmethod
    def keys(self, states: Tensor) -> Tensor:
        """(B, S, H) -> (B, S, A)."""

    @abstractmethod
    def match(self, keys: Tensor) -> Match:
        """Keys (B, M, S, a) -> what scores queries against them."""

    def shifted(self, keys: Tensor, by: Tensor) -> Tensor:
        """Keys (B, S, A) with something added to them."""
        return keys + by

    def queries(self) -> Product:
        """What projects queries (B, T, Q) -> (B, T, A), at each step of a sequence."""
        return lambda queries: queries


class Additive(Score):
    """``v^T tanh(W q + U h)`` (Bahdanau et al. 2015, section A.1.2), less a constant: see `additive_match`.

    Without the bias and as wide as the query it is ``v^T tanh(W [q; h])``, concat (Luong et al. 2015, section 3.1): the
    product with ``[q; h]`` is the sum of two, so that the one with ``h`` is done once a sentence.

    Args:
        query_size: Q.
        state_size: H.
        key_size: A.
        heads: M.
        bias: one beside U h.
    """

    def __init__(self, query_size: int, state_size: int, key_size: int, heads: int, bias: bool = True) -> None:
        super().__init__()
        self.key_size = key_size
        self.query = nn.Linear(query_size, key_size, bias=False)
        self.key = Linear(state_size, key_size, bias)
        size = key_size // heads
        self.energy = nn.Parameter(torch.full((heads, size), size**-0.5))

    def keys(self, states: Tensor) -> Tensor:
        """(B, S, H) -> (B, S, A): ``U h``, decayed."""
        return decay(self.key(states))

    def shifted(self, keys: Tensor, by: Tensor) -> Tensor:
        """Keys (B, S, A) with something added to ``U h``."""
        return shift(keys, by)

    def queries(self) -> Product:
        """(B, T, Q) -> (B, T, A): ``W q``."""
        return repeated(self.query.weight.t())

    def match(self, keys: Tensor) -> Match:
        """Keys (B, M, S, a) -> what scores queries against them."""
        return additive_match(keys, self.energy)


class Dot(Score):
    """``q^T h`` (Luong et al. 2015, section 3.1), or ``q^T h / sqrt(a)`` (Vaswani et al. 2017, eq. 1); Q = H.

    Args:
        state_size: H.
        scale: what the product is multiplied by.
    """

    def __init__(self, state_size: int, scale: float = 1.0) -> None:
        super().__init__()
        self.key_size = state_size
        self.scale = scale

    def extra_repr(self) -> str:
        """As of any module."""
        return f"scale={self.scale:.4g}"

    def keys(self, states: Tensor) -> Tensor:
        """(B, S, H) -> (B, S, H): the states themselves, scaled."""
        return states * self.scale

    def match(self, keys: Tensor) -> Match:
        """Keys (B, M, S, a) -> what scores queries against them."""
        return repeated(keys.mT)


class General(Dot):
    """``q^T W h`` (Luong et al. 2015, section 3.1).

    Args:
        query_size: Q.
        state_size: H.
    """

    def __init__(self, query_size: int, state_size: int) -> None:
        super().__init__(query_size)
        self.key = Linear(state_size, query_size, bias=False)

    def keys(self, states: Tensor) -> Tensor:
        """(B, S, H) -> (B, S, Q): the product with W is done once a sentence."""
        return self.key(states)


class Location(Score):
    """``(W q)_s``: by the position alone, not by what stands there (Luong et al. 2015, eq. 8).

    Positions beyond the last that W knows share its score. The key of a position is a number that is added to its
    score: zero, but for what coverage puts there.

    Args:
        query_size: Q.
        positions: P, that W knows.
        heads: M.
    """

    def __init__(self, query_size: int, positions: int, heads: int) -> None:
        super().__init__()
        self.key_size = heads
        self.query = nn.Linear(query_size, heads * positions, bias=False)
        self.positions = positions

    def keys(self, states: Tensor) -> Tensor:
        """(B, S, H) -> (B, S, M), all zeros."""
        return states.new_zeros(*states.shape[:2], self.key_size)

    def queries(self) -> Product:
        """(B, T, Q) -> (B, T, M * P)."""
        return repeated(self.query.weight.t())

    def match(self, keys: Tensor) -> Match:
        """Keys (B, M, S, 1) -> what scores queries (B, M, T, P)."""
        known = torch.arange(keys.shape[2], device=keys.device).clamp(max=self.positions - 1)
        return lambda queries: queries.index_select(3, known) + keys.mT


def build_score(config: AttentionConfig, query_size: int, state_size: int) -> Score:
    """The score function by its name."""
    heads = config.heads
    if config.score == "additive":
        return Additive(query_size, state_size, config.size or query_size, heads)
    if config.score == "concat":
        return Additive(query_size, state_size, query_size, heads, bias=False)
    if config.score == "dot":
        return Dot(state_size)
    if config.score == "scaled_dot":
        return Dot(state_size, (state_size // heads) ** -0.5)
    if config.score == "general":
        return General(query_size, state_size)
    if config.score == "location":
        return Location(query_size, config.positions, heads)
    assert_never(config.score)
