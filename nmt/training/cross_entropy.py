"""Output layer and cross entropy in one, a piece at a time: the logits of a whole batch never exist.

Letters: N tokens, R readout size, V vocabulary size.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from nmt.model.kernels.products import add_product, product

PIECE_TOKENS = 512
"""Tokens whose logits exist at once on a CPU, at most: few enough to be small, enough for fast matrix products."""

ROUNDED_ROWS = 32
"""Rows of a piece are a multiple of it: there are few sizes, so that oneDNN compiles little and memory is reused."""

PIECE_LOGITS = 1 << 26
"""Logits that exist at once elsewhere, at most: there it is the number of calls that takes time."""


def piece_rows(tokens: int, vocab_size: int, device: str) -> int:
    """Rows of each piece, to which the last one is filled up; on a CPU the size that leaves the least to fill."""
    if device != "cpu":
        pieces = -(-tokens // max(1, PIECE_LOGITS // vocab_size))
        return max(1, -(-tokens // max(1, pieces)))
    most = max(1, min(PIECE_TOKENS, -(-tokens // ROUNDED_ROWS) * ROUNDED_ROWS))
    return min(range(most, most // 2, -ROUNDED_ROWS), key=lambda rows: -(-tokens // rows) * rows)


class _LinearCrossEntropy(Function):
    """Computes the gradients on the way, while the probabilities of a piece are at hand."""

    @staticmethod
    def forward(
        ctx: Any, readouts: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float, train: bool
    ) -> tuple[Tensor, Tensor]:
        size, kind = len(weight), weight.device.type
        full = torch.promote_types(weight.dtype, torch.float32)
        low = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
        weight_low, bias_low, readouts_low = weight.to(low), bias.to(low), readouts.to(low)
        grad_readouts = torch.empty_like(readouts_low)
        grad_weight: Tensor | None = None
        grad_bias = torch.zeros_like(bias, dtype=full)
        step = piece_rows(len(targets), size, kind)
        total, nll = weight.new_zeros(2, dtype=full).unbind()
        with torch.autocast(kind, enabled=False):
            for begin in range(0, len(targets), step):
                piece = slice(begin, begin + step)
                read, target = readouts_low[piece], targets[piece, None]
                read = pad(read, (0, 0, 0, step - len(target)))
                rows = product(read, weight_low, bias_low).to(full)
                logits = rows[: len(target)]
                target_logits, mean = logits.gather(1, target).sum(), logits.mean(dim=1).sum() if smoothing else 0.0
                largest = logits.amax(dim=1)
                errors = torch.softmax(logits, dim=1, out=logits)  # in the place of the logits
                log_normalizer = (largest - errors.amax(dim=1).log()).sum()
                nll = nll + log_normalizer - target_logits
                total = total + log_normalizer - (1 - smoothing) * target_logits - smoothing * mean
                if not train:
                    continue
                if smoothing:
                    errors.sub_(smoothing / size)
                errors.scatter_add_(1, target, errors.new_full((len(target), 1), smoothing - 1))
                grad_bias.add_(errors.sum(dim=0))
                rows[len(target) :] = 0.0
                errors = rows.to(low)
                grad_readouts[piece] = product(errors, weight_low.t())[: len(target)]
                if low == full:
                    grad_weight = add_product(grad_weight, errors, read)
                else:
                    part = (errors.t() @ read).to(full)
                    grad_weight = part if grad_weight is None else grad_weight.add_(part)
        ctx.gradients = (grad_readouts, grad_weight, grad_bias)
        ctx.mark_non_differentiable(nll)
        return total, nll

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.gradients is None:
            raise RuntimeError("the way back through this loss serves once; for another, compute `Seq2Seq.log_probs`")
        grad_total, (grad_readouts, grad_weight, grad_bias) = grad_outputs[0], ctx.gradients
        ctx.gradients = None  # for they are scaled in place
        # In the order of the weight, whatever it was summed in.
        rows = grad_weight if grad_weight.is_contiguous() else grad_weight.new_empty(grad_weight.shape)
        scaled = torch.mul(grad_weight, grad_total, out=rows)
        return grad_readouts.mul_(grad_total), scaled, grad_bias.mul_(grad_total), None, None, None


def linear_cross_entropy(
    readouts: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, label_smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Cross entropy of ``softmax(W r + b)`` with smoothed targets (Szegedy et al. 2016, section 7).

    Args:
        readouts: (N, R).
        weight: (V, R).
        bias: (V,).
        targets: (N,) ids.
        label_smoothing: probability mass spread evenly over the vocabulary.

    Returns:
        Sums over the tokens, in nats: the smoothed cross entropy, and the negative log-likelihood, which gives no
        gradient.
    """
    return _LinearCrossEntropy.apply(readouts, weight, bias, targets, label_smoothing, torch.is_grad_enabled())
