"""A GRU over whole sequences: forward and backward pass written out, faster than autograd on a CPU.

Torch has a fused GRU for GPUs; on a CPU its backward pass goes step by step through autograd, with a gradient of the
recurrent matrix at each. Here that is one product over all steps, and nothing else is computed but what the equations
need. Several layers, such as two directions, go side by side: their products are one call, which threads share well.

Letters: L layers side by side, T steps, B sentences, H hidden size.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from nmt.model.kernels.products import layered_product, packed_layers, product_over_rows


class _GRUSequence(Function):
    """The equations of `nmt.model.cells.GRU`, step after step, in the memory that the backward pass needs."""

    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, weight: Tensor, bias: Tensor, initial: Tensor, padding: Tensor | None
    ) -> Tensor:
        steps, size = projected.shape[1], initial.shape[-1]
        states = initial.new_empty(steps + 1, *initial.shape)
        gates = initial.new_empty(steps, *initial.shape[:-1], 2 * size)
        inner, candidates = initial.new_empty(2, steps, *initial.shape)
        states[0], matrices = initial, packed_layers(weight)
        for t, input_terms in enumerate(projected.unbind(1)):
            recurrent = layered_product(states[t], matrices)
            torch.add(input_terms[..., : 2 * size], recurrent[..., size:], out=gates[t]).sigmoid_()
            reset, update = gates[t].chunk(2, dim=-1)
            if padding is not None:
                update.masked_fill_(padding[t], 1.0)  # the state stays as it is
            torch.add(recurrent[..., :size], bias, out=inner[t])
            torch.addcmul(input_terms[..., 2 * size :], reset, inner[t], out=candidates[t]).tanh_()
            torch.lerp(candidates[t], states[t], update, out=states[t + 1])
        ctx.save_for_backward(weight, states, gates, inner, candidates)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (grad_states,), (weight, states, gates, inner, candidates) = grad_outputs, ctx.saved_tensors
        steps, layers, sentences, size = candidates.shape
        joined = gates.new_empty(layers, steps, sentences, 4 * size)  # both have the gates' columns
        grad_projected, grad_recurrent = joined[..., size:], joined[..., : 3 * size]
        grad_state, matrices = torch.zeros_like(states[0]), packed_layers(weight.mT)
        for t in reversed(range(steps)):
            grad_inner, grad_gates, grad_candidate = joined[:, t].split([size, 2 * size, size], dim=-1)
            reset, update = gates[t].chunk(2, dim=-1)
            grad_state = grad_state + grad_states[t]
            grad_kept = grad_state * update
            torch.ops.aten.tanh_backward.grad_input(grad_state - grad_kept, candidates[t], grad_input=grad_candidate)
            torch.mul(grad_candidate, inner[t], out=grad_gates[..., :size])
            torch.mul(grad_state, states[t] - candidates[t], out=grad_gates[..., size:])
            torch.ops.aten.sigmoid_backward.grad_input(grad_gates, gates[t], grad_input=grad_gates)
            torch.mul(grad_candidate, reset, out=grad_inner)
            grad_state = layered_product(grad_recurrent[:, t], matrices, grad_kept)
        before = states[:-1].transpose(0, 1).flatten(1, 2)
        grad_weight = product_over_rows(grad_recurrent.flatten(1, 2), before)
        grad_bias = grad_recurrent[..., :size].sum(dim=(1, 2)).unsqueeze(1)
        return grad_projected, grad_weight, grad_bias, grad_state, None


def gru_sequence(
    projected: Tensor, weight: Tensor, bias: Tensor, initial: Tensor, padding: Tensor | None = None
) -> Tensor:
    """The states of GRUs after each step.

    Args:
        projected: (L, T, B, 3H) what the inputs add to reset gate, update gate and candidate.
        weight: (L, 3H, H) the recurrent matrices, from the state to candidate, reset gate and update gate.
        bias: (L, 1, H) the candidates' recurrent bias.
        initial: (L, B, H) the states before the first step.
        padding: (T, B, 1) bool, True where there is no token: there a state stays as it is.

    Returns:
        (T, L, B, H).
    """
    return _GRUSequence.apply(projected, weight, bias, initial, padding)
