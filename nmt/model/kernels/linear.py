"""A linear layer of all positions of a batch: forward and backward pass written out, faster than autograd on a CPU.

Letters: N rows, K input size, F output size, L layers side by side.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from nmt.model.kernels.products import gapless, long_product, product_over_rows


def is_trained_on_cpu(inputs: Tensor) -> bool:
    """Whether a pass that is written out is the one to take: with gradients, on a CPU, in float32 or float64 alone."""
    precise = inputs.dtype in (torch.float32, torch.float64) and not torch.is_autocast_enabled("cpu")
    return inputs.device.type == "cpu" and torch.is_grad_enabled() and precise


class _Linear(Function):
    """``x W' + b``."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        return long_product(inputs, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        grad_output, (inputs, weight), needed = gapless(grad_outputs[0]), ctx.saved_tensors, ctx.needs_input_grad
        return (
            long_product(grad_output, weight.mT) if needed[0] else None,
            product_over_rows(grad_output, inputs) if needed[1] else None,
            grad_output.sum(dim=-2) if needed[2] else None,
        )


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x W' + b``: (..., K), (F, K), (F,) -> (..., F)."""
    if not is_trained_on_cpu(inputs):
        return nn.functional.linear(inputs, weight, bias)
    return _Linear.apply(inputs.reshape(-1, inputs.shape[-1]), weight, bias).unflatten(0, inputs.shape[:-1])


def linear_layers(inputs: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
    """Each layer's ``x W' + b``: (L, N, K), (L, F, K), (L, F) -> (L, N, F); with gradients, on a CPU."""
    return _Linear.apply(inputs, weights, biases)


def is_plain(layer: nn.Module) -> bool:
    """Whether the weight and the bias of a layer are all that has a say in it: it is not wrapped, and without hooks."""
    hooks = (layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks, layer._backward_pre_hooks)
    return type(layer) is nn.Linear and not any(hooks)


class Linear(nn.Linear):
    """The same, with parameters of its own."""

    def forward(self, input: Tensor) -> Tensor:
        """(..., K) -> (..., F)."""
        return linear(input, self.weight, self.bias)
