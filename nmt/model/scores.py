"""Score functions: how well an encoder state answers a query.

Each is split where the work is: `keys`, once a sentence; `queries`, once for each query; `match`, both together. All of
them work on M heads side by side, each with its own part of the key.

Letters: B sentences, M heads, T queries, S source positions, Q query size, H state size, A key size, a = A / M.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, assert_never

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from nmt.config import AttentionConfig
from nmt.model.kernels.linear import Linear
from nmt.model.kernels.repeated import LeftBehind, Product, repeated, shared

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


AT_ONCE = 1 << 17
"""Numbers that the logistic function gives at a time on a CPU: memory for many more is fetched anew at each step."""


FARTHEST = 40.0
"""`decay` clamps to this range, within which exp is neither 0 nor infinite: one may divide by it. The product of two
may be infinite; one over that is 0, which is right, for tanh is -1 there."""


def decay(vectors: Tensor) -> Tensor:
    """Makes a sum within tanh a product: ``d(x) = exp(-2 x)`` and ``tanh(x + y) = 2 / (1 + d(x) d(y)) - 1``.

    That holds while x and y are both within `FARTHEST` of zero. What is farther counts as that far: for 60 and -45 tanh
    is then 0, not 1. Those of a model trained on Multi30k reach 7.
    """
    exact = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
    return torch.exp(-2.0 * exact.clamp(-FARTHEST, FARTHEST))


class _AdditiveScores(Function):
    """``sum_a e_a l_a`` with ``l = 1 / (1 + d(q) d(k)) = sigmoid(2 (q + k))``, a query at a time.

    What l is for a query at all positions is the largest thing in a decoder's step; it is computed again in the
    backward pass, not kept. The gradient of the keys is summed in one place over all the steps that share them.
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, energy: Tensor, grad_keys: LeftBehind) -> Tensor:
        decayed, one = decay(queries), keys.new_ones(())
        scores, kind = keys.new_empty(*queries.shape[:3], keys.shape[2]), keys.device.type
        sentences = max(1, AT_ONCE // keys.shape[1:].numel()) if kind == "cpu" else len(keys)
        with torch.autocast(kind, enabled=False):  # without the constant scores are large: bfloat16 has not the digits
            for some in (slice(start, start + sentences) for start in range(0, len(keys), sentences)):
                logistic = torch.empty_like(keys[some])  # (b, M, S, a)
                for step in range(queries.shape[2]):
                    torch.addcmul(one, decayed[some, :, step, None], keys[some], out=logistic).reciprocal_()
                    scores[some, :, step] = _weighted(logistic, energy)
        ctx.save_for_backward(decayed, keys, energy)
        ctx.grad_keys = grad_keys
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        decayed, keys, energy = ctx.saved_tensors
        left = ctx.grad_keys.of_this_pass()
        if not left:
            left.append(torch.zeros_like(keys))
        grad_queries, grad_energy = torch.empty_like(decayed), torch.zeros_like(energy)
        logistic, one = torch.empty_like(keys), keys.new_ones(())
        for step, grad_scores in enumerate(grad_outputs[0].unsqueeze(3).unbind(2)):  # (B, M, 1, S)
            torch.addcmul(one, decayed[:, :, step, None], keys, out=logistic).reciprocal_()
            grad_energy += (grad_scores @ logistic).sum(dim=(0, 2))
            slope = logistic.addcmul_(logistic, logistic, value=-1.0)  # half of the derivative of sigmoid(2 x)
            torch.mul((grad_scores @ slope).squeeze(2), 2.0 * energy, out=grad_queries[:, :, step])
            left[0].addcmul_(grad_scores.mT, slope)  # times the energy over the key at the end, once
        return grad_queries, None, grad_energy, None


def _weighted(logistic: Tensor, energy: Tensor) -> Tensor:
    """(b, M, S, a), (M, a) -> (b, M, S); with one head by a matrix-vector product, which is much faster."""
    if len(energy) == 1:
        return torch.mv(logistic.view(-1, logistic.shape[3]), energy[0]).view(logistic.shape[:3])
    return (logistic @ energy.unsqueeze(2)).squeeze(3)


class Additive(Score):
    """``v^T tanh(W q + U h)`` (Bahdanau et al. 2015, section A.1.2), less the constant ``-sum v``.

    No normaliser minds a constant, and as ``tanh x = 2 sigmoid(2 x) - 1`` it leaves ``2 v^T sigmoid(2 (W q + U h))``.
    Keys are kept as `decay` gives them.

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
        """(B, S, H) -> (B, S, A): what tanh adds to a query, decayed."""
        return decay(self.key(states))

    def shifted(self, keys: Tensor, by: Tensor) -> Tensor:
        """Keys (B, S, A) with something added to what tanh adds to a query."""
        return (keys * decay(by)).clamp(math.exp(-2.0 * FARTHEST), math.exp(2.0 * FARTHEST))

    def queries(self) -> Product:
        """(B, T, Q) -> (B, T, A)."""
        return repeated(self.query.weight.t())

    def match(self, keys: Tensor) -> Match:
        """Keys (B, M, S, a) -> what scores queries against them."""
        energy = 2.0 * self.energy.to(keys.dtype)
        grad_keys = LeftBehind()
        if torch.is_grad_enabled() and keys.requires_grad and not torch.compiler.is_compiling():
            slope, constant = -energy.detach().unsqueeze(1), keys.detach()

            def collect() -> Tensor | None:
                left = grad_keys.of_this_pass()
                return left.pop() * slope / constant if left else None

            keys = shared(keys, collect)

        def score(queries: Tensor) -> Tensor:
            if torch.compiler.is_compiling():  # which writes none of the large tensors, but sees no list
                return (energy[:, None, None] / (1 + decay(queries).unsqueeze(3) * keys.unsqueeze(2))).sum(dim=4)
            return _AdditiveScores.apply(queries.to(keys.dtype), keys, energy, grad_keys)

        return score


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
