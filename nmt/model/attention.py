"""Attention: how well each source position answers a query, as weights, and the mixture of states that they give."""

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

Score = Literal["additive", "general"]


class Memory(NamedTuple):
    """What attention needs of a sentence, prepared once: one row a sentence.

    Attributes:
        states: (B, S, H) encoder states, to be mixed.
        keys: (B, S, A) the states as the score function wants them.
        mask: (B, S) bool, True = a real token.
    """

    states: Tensor
    keys: Tensor
    mask: Tensor


class Attention(nn.Module, ABC):
    """A score function, softmax over the real source positions, and the weighted sum.

    Subclasses define `keys`, once a sentence, and `scores`, for any number of queries.
    """

    @abstractmethod
    def keys(self, states: Tensor) -> Tensor:
        """(B, S, H) -> (B, S, A)."""

    @abstractmethod
    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """(B, T, Q) and (B, S, A) -> (B, T, S)."""

    def prepare(self, states: Tensor, mask: Tensor) -> Memory:
        """Does once a sentence what does not depend on the query; mask (B, S) is True on real tokens."""
        return Memory(states, self.keys(states), mask)

    def weights(self, queries: Tensor, memory: Memory) -> Tensor:
        """Attention of queries (B, T, Q): (B, T, S), rows sum to one, exactly zero on padding."""
        scores = self.scores(queries, memory.keys)
        return torch.softmax(scores.masked_fill(~memory.mask.unsqueeze(1), -torch.inf), dim=-1)

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Queries (B, T, Q) -> contexts (B, T, H) and weights (B, T, S)."""
        weights = self.weights(queries, memory)
        return weights @ memory.states, weights


class AdditiveAttention(Attention):
    """``score(q, h) = v' tanh(W q + U h)`` (Bahdanau et al. 2015, section A.1.2).

    Args:
        query_size: Q, of the decoder state.
        state_size: H, of an encoder state.
        attention_size: A, of the hidden layer.
    """

    def __init__(self, query_size: int, state_size: int, attention_size: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, attention_size, bias=False)
        self.key = nn.Linear(state_size, attention_size)
        self.energy = nn.Linear(attention_size, 1, bias=False)

    def keys(self, states: Tensor) -> Tensor:
        """(B, S, H) -> (B, S, A)."""
        return self.key(states)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """(B, T, Q) and (B, S, A) -> (B, T, S)."""
        hidden = torch.tanh(self.query(queries).unsqueeze(2) + keys.unsqueeze(1))  # (B, T, S, A)
        return hidden @ self.energy.weight[0]


class GeneralAttention(Attention):
    """``score(q, h) = q' W h`` (Luong et al. 2015, eq. 8, general).

    Args:
        query_size: Q, of the decoder state.
        state_size: H, of an encoder state.
    """

    def __init__(self, query_size: int, state_size: int) -> None:
        super().__init__()
        self.key = nn.Linear(state_size, query_size, bias=False)

    def keys(self, states: Tensor) -> Tensor:
        """(B, S, H) -> (B, S, Q): the product with W is done once a sentence."""
        return self.key(states)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """(B, T, Q) and (B, S, Q) -> (B, T, S)."""
        return queries @ keys.transpose(1, 2)


def build_attention(score: Score, query_size: int, state_size: int) -> Attention:
    """An attention by the name of its score function; the additive hidden layer has the size of the query."""
    if score == "additive":
        return AdditiveAttention(query_size, state_size, query_size)
    if score == "general":
        return GeneralAttention(query_size, state_size)
    raise ValueError(f"unknown attention {score!r}: choose additive or general")
