"""Attention: how well each source position answers a query, as weights; `nmt.model.context` mixes by them.

A score function, a window and a normaliser, each chosen on its own, coverage if wanted, and any number of heads.

Letters: B sentences, K hypotheses a sentence, N = B * K, T steps, S source positions, M heads, H state size, Q query
size, A key size, C coverage size. With several heads the weights of a step stand side by side, (B, T, M * S).
"""

from collections.abc import Callable
from typing import NamedTuple, assert_never

import torch
from torch import Tensor, nn

from nmt.config import AttentionConfig
from nmt.model.coverage import build_coverage
from nmt.model.kernels.repeated import as_multiplied
from nmt.model.scores import Match, build_score
from nmt.model.windows import build_window

Normalizer = Callable[..., Tensor]
"""Scores -> weights along `dim`, which sum to one."""


class Memory(NamedTuple):
    """What attention needs of a sentence, prepared once: one row a sentence.

    Attributes:
        values: (B, M * S, H) what is mixed: the encoder states; of several heads, each its part of them.
        keys: (B, S, A) the states as the score function wants them.
        mask: (B, S) bool, True = a real token.
        coverage: (B, S, P) the states as the coverage wants them; P = 0 without.
    """

    values: Tensor
    keys: Tensor
    mask: Tensor
    coverage: Tensor


class AttentionState(NamedTuple):
    """What attention remembers from step to step: one row a hypothesis.

    Attributes:
        step: (N,) int64, from 0.
        coverage: (N, S, C) what each position has received; C = 0 without coverage.
    """

    step: Tensor
    coverage: Tensor


class Attention(nn.Module):
    """Weights over the source positions.

    Args:
        config: score function, window, normaliser, coverage and heads.
        query_size: Q, of the decoder state.
        state_size: H, of an encoder state.
    """

    def __init__(self, config: AttentionConfig, query_size: int, state_size: int) -> None:
        super().__init__()
        self.heads = config.heads
        self.score = build_score(config, query_size, state_size)
        self.window = build_window(config, query_size)
        self.normalize = build_normalizer(config)
        self.coverage = build_coverage(config, query_size, state_size, self.score.key_size)

    def extra_repr(self) -> str:
        """As of any module."""
        return f"heads={self.heads}, normalize={self.normalize.__name__}"

    def prepare(self, states: Tensor, mask: Tensor) -> Memory:
        """Does once a sentence what does not depend on the query: states (B, S, H), mask (B, S) True on real tokens."""
        values = states
        if self.heads > 1:  # (B, M, S, H), each head's part of H in its own place, zero elsewhere
            part = torch.eye(self.heads, device=states.device, dtype=states.dtype)
            part = part.repeat_interleave(states.shape[2] // self.heads, dim=1)  # (M, H)
            values = (states.unsqueeze(1) * part.unsqueeze(1)).flatten(1, 2)
        coverage = states[:, :, :0] if self.coverage is None else self.coverage.prepare(states)
        if not torch.is_grad_enabled():
            values = as_multiplied(values)  # once, not at each step of a search
        return Memory(values, self.score.keys(states), mask, coverage)

    def start(self, memory: Memory) -> AttentionState:
        """The state before the first step, one row a sentence."""
        size = 0 if self.coverage is None else self.coverage.size
        step = torch.zeros(memory.mask.shape[0], dtype=torch.int64, device=memory.mask.device)
        exact = torch.promote_types(memory.coverage.dtype, torch.float32)  # what is carried along keeps its digits
        return AttentionState(step, memory.coverage.new_zeros(*memory.mask.shape, size, dtype=exact))

    def stepper(self, memory: Memory, hypotheses: int = 1) -> "AttentionStepper":
        """The attention along one sequence, step by step, for K hypotheses a sentence."""
        return AttentionStepper(self, memory, hypotheses)

    def forward(self, queries: Tensor, memory: Memory) -> Tensor:
        """Weights of a whole sequence of queries (B, T, Q), from the first step on: (B, T, M * S)."""
        stepper, state = self.stepper(memory), self.start(memory)
        if self.coverage is None:
            numbers = torch.arange(queries.shape[1], device=queries.device)
            return stepper.weights(queries, numbers.expand(len(queries), -1))
        weights = []
        for query in queries.unbind(1):
            each, state = stepper(query, state)
            weights.append(each)
        return torch.cat(weights, dim=1)

    def alignment(self, weights: Tensor) -> Tensor:
        """What to show and to score, (B, T, S): the mean over the heads' weights (B, T, M * S)."""
        return weights if self.heads == 1 else weights.unflatten(2, (self.heads, -1)).mean(dim=2)


class AttentionStepper:
    """Attention along one sequence: what all its steps share."""

    def __init__(self, attention: Attention, memory: Memory, hypotheses: int) -> None:
        self._attention, self._coverage = attention, attention.coverage
        sentences = memory.mask.shape[0]
        self._shape = self._rows = sentences, hypotheses
        if self._coverage is not None and hypotheses > 1:  # each hypothesis has keys of its own
            several = (each.unsqueeze(1).expand(-1, hypotheses, *each.shape[1:]) for each in memory[1:])
            memory = Memory(memory.values, *(each.flatten(0, 1) for each in several))
            self._rows = sentences * hypotheses, 1
        self._memory = memory
        self._queries = attention.score.queries()
        self._score_bias = attention.window.score_bias(memory.mask)
        if self._coverage is None:
            self._match = self._matcher(memory.keys)
        else:
            self._update = self._coverage.updates(memory.coverage)

    def __call__(self, queries: Tensor, state: AttentionState) -> tuple[Tensor, AttentionState]:
        """One step: queries (N, Q), the hypotheses of a sentence side by side -> weights (B, K, M * S), next state."""
        coverage = state.coverage
        if self._coverage is not None:
            keys = self._attention.score.shifted(self._memory.keys, self._coverage.of_keys(coverage))
            self._match = self._matcher(keys)
        weights = self.weights(queries.view(*self._rows, -1), state.step.view(self._rows))
        if self._coverage is not None:
            coverage = self._update(coverage, self._attention.alignment(weights).squeeze(1), queries)
        return weights.view(*self._shape, -1), AttentionState(state.step + 1, coverage)

    def weights(self, queries: Tensor, steps: Tensor) -> Tensor:
        """Weights (B, T, M * S) of queries (B, T, Q) at steps (B, T); rows of a head sum to one, zero on padding."""
        scores = self._match(self._split(self._queries(queries)))  # (B, M, T, S)
        scores = scores + self._score_bias(queries, steps).unsqueeze(1)  # in single precision at least
        return self._attention.normalize(scores, dim=-1).transpose(1, 2).flatten(2)

    def _matcher(self, keys: Tensor) -> Match:
        return self._attention.score.match(self._split(keys))

    def _split(self, vectors: Tensor) -> Tensor:
        """(B, T, A) -> (B, M, T, a)."""
        return vectors.unflatten(2, (self._attention.heads, -1)).transpose(1, 2)


def build_normalizer(config: AttentionConfig) -> Normalizer:
    """The normaliser by its name: softmax; sparsemax (Martins & Astudillo 2016) and entmax-1.5 (Peters et al. 2019)."""
    if config.normalizer == "softmax":
        return torch.softmax
    import entmax

    if config.normalizer == "sparsemax":
        return entmax.sparsemax
    if config.normalizer == "entmax15":
        return entmax.entmax15
    assert_never(config.normalizer)
