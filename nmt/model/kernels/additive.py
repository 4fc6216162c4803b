"""The additive score ``v^T tanh(q + k)`` of every query and key, without a tanh of each pair.

With ``d(x) = exp(-2 x)`` a sum within tanh is a product, ``tanh(q + k) = 2 / (1 + d(q) d(k)) - 1``: keys are decayed
once a sentence, queries once each, and what is left for a pair is a product and a reciprocal. The constant ``-sum v``
is left out: no normaliser minds it.

Letters: B sentences, M heads, T queries, S source positions, A key size, a = A / M.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from nmt.model.kernels.repeated import LeftBehind, shared

AT_ONCE = 1 << 17
"""Numbers that the logistic function gives at a time on a CPU: memory for many more is fetched anew at each step."""

FARTHEST = 40.0
"""`decay` clamps to this range, within which exp is neither 0 nor infinite: one may divide by it. The product of two
may be infinite; one over that is 0, which is right, for tanh is -1 there."""


def decay(vectors: Tensor) -> Tensor:
    """``exp(-2 x)``, for x within `FARTHEST` of zero.

    What is farther counts as that far: for 60 and -45 tanh is then 0, not 1. Those of a model trained on Multi30k
    reach 7.
    """
    exact = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
    return torch.exp(-2.0 * exact.clamp(-FARTHEST, FARTHEST))


def shift(keys: Tensor, by: Tensor) -> Tensor:
    """Decayed keys (B, S, A) with (B, S, A) added to what was decayed."""
    return (keys * decay(by)).clamp(math.exp(-2.0 * FARTHEST), math.exp(2.0 * FARTHEST))


def additive_match(keys: Tensor, energy: Tensor) -> Callable[[Tensor], Tensor]:
    """What scores queries against keys that many steps share: ``2 v^T sigmoid(2 (q + k))``.

    Args:
        keys: (B, M, S, a) decayed.
        energy: (M, a), v.

    Returns:
        Queries (B, M, T, a) -> scores (B, M, T, S).
    """
    energy = 2.0 * energy.to(keys.dtype)
    grad_keys = LeftBehind()
    if torch.is_grad_enabled() and keys.requires_grad and not torch.compiler.is_compiling():
        slope, constant = -energy.detach().unsqueeze(1), keys.detach()

        def collect() -> Tensor | None:
            left = grad_keys.of_this_pass()
            return left.pop() * slope / constant if left else None

        keys = shared(keys, collect)

    def match(queries: Tensor) -> Tensor:
        if torch.compiler.is_compiling():  # which writes none of the large tensors, but sees no list
            return (energy[:, None, None] / (1 + decay(queries).unsqueeze(3) * keys.unsqueeze(2))).sum(dim=4)
        return _AdditiveScores.apply(queries.to(keys.dtype), keys, energy, grad_keys)

    return match


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
