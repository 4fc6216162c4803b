"""Output layer and cross entropy in one, a piece at a time: the logits of a whole batch never exist.

Letters: N tokens, R readout size, V vocabulary size.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from nmt.model.products import packed, product, transposed_product

PIECE_TOKENS = 256
"""Tokens whose logits exist at once, at most: few enough to be small, enough for the matrix products to be fast."""

ROUNDED_ROWS = 64
"""Rows of a piece are a multiple of it: so few sizes, which oneDNN compiles products for, and memory serves again."""


def piece_rows(tokens: int) -> int:
    """Rows of each piece, at most `PIECE_TOKENS`: as equal as rounding allows, and the last has what is left."""
    pieces = max(1, -(-tokens // PIECE_TOKENS))
    return -(-tokens // (pieces * ROUNDED_ROWS)) * ROUNDED_ROWS


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
        of_readouts = torch.empty_like(readouts_low)
        of_weight, of_bias = torch.zeros_like(weight[:0], dtype=full), torch.zeros_like(bias, dtype=full)
        matrix, step = packed(weight_low), piece_rows(len(targets))
        total, nll = weight.new_zeros(2, dtype=full).unbind()
        with torch.autocast(kind, enabled=False):
            for begin in range(0, len(targets), step):
                piece = slice(begin, begin + step)
                read, target = readouts_low[piece], targets[piece, None]
                read = pad(read, (0, 0, 0, step - len(target)))
                rows = product(read, matrix, bias_low).to(full)
                logits = rows[: len(target)]
                of_target, mean = logits.gather(1, target).sum(), logits.mean(dim=1).sum() if smoothing else 0.0
                largest = logits.amax(dim=1)
                errors = torch.softmax(logits, dim=1, out=logits)  # in the place of the logits
                log_normalizer = (largest - errors.amax(dim=1).log()).sum()
                nll = nll + log_normalizer - of_target
                total = total + log_normalizer - (1 - smoothing) * of_target - smoothing * mean
                if not train:
                    continue
                if smoothing:
                    errors.sub_(smoothing / size)
                errors.scatter_add_(1, target, errors.new_full((len(target), 1), smoothing - 1))
                of_bias.add_(errors.sum(dim=0))
                rows[len(target) :] = 0.0
                errors = rows.to(low)
                of_readouts[piece] = product(errors, weight_low.t())[: len(target)]
                of_piece = transposed_product(errors, read)
                of_weight = of_weight.add_(of_piece) if begin else of_piece.to(full)
        ctx.gradients = (of_readouts, of_weight, of_bias)
        ctx.mark_non_differentiable(nll)
        return total, nll

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        computed, ctx.gradients = ctx.gradients, None  # scaled in place: the graph serves once
        return *(each.mul_(gradients[0]) for each in computed), None, None, None


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
