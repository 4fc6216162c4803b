"""Coverage: what each source position has received of attention so far, told to the score function (Tu et al. 2016).

Letters: N rows, S source positions, H state size, Q query size, C coverage size, P size of what is prepared.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import assert_never

import torch
from torch import Tensor, nn

from nmt.config import AttentionConfig
from nmt.model.cells import GRU
from nmt.model.kernels.repeated import repeated
from nmt.model.rnn import LayerStepper

Update = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Coverage (N, S, C), the step's attention (N, S) and queries (N, Q) -> coverage (N, S, C)."""


class Coverage(nn.Module, ABC):
    """A vector for each source position, zero at first and updated with each step's attention.

    Args:
        size: C.
        key_size: A, of the keys to which the coverage is added: ``score(q, k + V C)`` (Tu et al. 2016, section 3.1).
    """

    def __init__(self, size: int, key_size: int) -> None:
        super().__init__()
        self.size = size
        self.key = nn.Linear(size, key_size, bias=False)

    def of_keys(self, coverage: Tensor) -> Tensor:
        """What coverage adds to the keys: (N, S, C) -> (N, S, A)."""
        return self.key(coverage.to(self.key.weight.dtype))

    @abstractmethod
    def prepare(self, states: Tensor) -> Tensor:
        """What does not depend on the step, once a sentence: (B, S, H) -> (B, S, P)."""

    @abstractmethod
    def updates(self, prepared: Tensor) -> Update:
        """What updates the coverage along one sequence; prepared (N, S, P)."""


class LinguisticCoverage(Coverage):
    """The attention received, in proportion to the fertility ``2 sigmoid(U h)`` of its position (Tu et al. 2016).

    Args:
        state_size: H.
        key_size: A.
    """

    def __init__(self, state_size: int, key_size: int) -> None:
        super().__init__(1, key_size)
        self.fertility = nn.Linear(state_size, 1)

    def prepare(self, states: Tensor) -> Tensor:
        """(B, S, H) -> (B, S, 1): one over the fertility, which is at least a thousandth of its highest value."""
        return 0.5 / torch.sigmoid(self.fertility(states)).clamp(min=1e-3)

    def updates(self, prepared: Tensor) -> Update:
        """Adds what each step gave."""
        return lambda coverage, weights, queries: coverage + weights.unsqueeze(2) * prepared


class NeuralCoverage(Coverage):
    """A GRU for each position, which reads the attention, the state and the query (Tu et al. 2016, neural).

    Args:
        query_size: Q.
        state_size: H.
        size: C.
        key_size: A.
    """

    def __init__(self, query_size: int, state_size: int, size: int, key_size: int) -> None:
        super().__init__(size, key_size)
        self.rnn = GRU(state_size + query_size + 1, size)
        self.sizes = [state_size, query_size, 1]

    def prepare(self, states: Tensor) -> Tensor:
        """(B, S, H) -> (B, S, 3C): what the state adds to the gates."""
        return self.rnn.project(states)

    def updates(self, prepared: Tensor) -> Update:
        """One step of the GRU at all positions."""
        _, weight_query, weight_attention = self.rnn.weight_input.split(self.sizes, dim=1)
        step, product, weight = LayerStepper(self.rnn), repeated(weight_query.t()), weight_attention[:, 0]

        def update(coverage: Tensor, weights: Tensor, queries: Tensor) -> Tensor:
            projected = prepared + product(queries).unsqueeze(1) + weights.unsqueeze(2).to(weight.dtype) * weight
            (after,) = step(projected.flatten(0, 1), (coverage.flatten(0, 1),))
            return after.view_as(coverage)

        return update


def build_coverage(config: AttentionConfig, query_size: int, state_size: int, key_size: int) -> Coverage | None:
    """The coverage by its name; None without."""
    if config.coverage == "none":
        return None
    if config.coverage == "linguistic":
        return LinguisticCoverage(state_size, key_size)
    if config.coverage == "neural":
        return NeuralCoverage(query_size, state_size, config.coverage_size, key_size)
    assert_never(config.coverage)
