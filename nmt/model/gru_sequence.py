"""A GRU over whole sequences, to be trained on a CPU: forward and backward pass written out.

Torch has a fused GRU for GPUs; on a CPU its backward pass goes step by step through autograd, with a gradient of the
recurrent matrix at each. Here that is one product over all steps, and nothing else is computed but what the equations
need.

Letters: T steps, B sentences, H hidden size.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class _GRUSequence(Function):
    """The equations of `nmt.model.rnn.GRU`, step after step, in the memory that the backward pass needs."""

    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, weight: Tensor, bias: Tensor, initial: Tensor, padding: Tensor | None
    ) -> Tensor:
        steps, sentences, size = len(projected), *initial.shape
        states = projected.new_empty(steps + 1, sentences, size)
        gates = projected.new_empty(steps, sentences, 2 * size)
        inner, candidates = projected.new_empty(2, steps, sentences, size)
        recurrent = projected.new_empty(sentences, 3 * size)
        states[0] = initial
        for t in range(steps):
            torch.mm(states[t], weight.t(), out=recurrent)
            torch.add(projected[t, :, : 2 * size], recurrent[:, : 2 * size], out=gates[t]).sigmoid_()
            reset, update = gates[t].chunk(2, dim=1)
            if padding is not None:
                update.masked_fill_(padding[t], 1.0)  # the state stays as it is
            torch.add(recurrent[:, 2 * size :], bias, out=inner[t])
            torch.addcmul(projected[t, :, 2 * size :], reset, inner[t], out=candidates[t]).tanh_()
            torch.lerp(candidates[t], states[t], update, out=states[t + 1])
        ctx.save_for_backward(weight, states, gates, inner, candidates)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weight, states, gates, inner, candidates = ctx.saved_tensors
        steps, sentences, size = candidates.shape
        of_projected, of_recurrent = gates.new_empty(2, steps, sentences, 3 * size)
        of_state = torch.zeros_like(states[0])
        for t in reversed(range(steps)):
            of_gates, of_candidate = of_projected[t].split([2 * size, size], dim=1)
            reset, update = gates[t].chunk(2, dim=1)
            of_state = of_state + gradients[0][t]
            held = of_state * update
            torch.ops.aten.tanh_backward.grad_input(of_state - held, candidates[t], grad_input=of_candidate)
            torch.mul(of_candidate, inner[t], out=of_gates[:, :size])
            torch.mul(of_state, states[t] - candidates[t], out=of_gates[:, size:])
            torch.ops.aten.sigmoid_backward.grad_input(of_gates, gates[t], grad_input=of_gates)
            of_recurrent[t, :, : 2 * size] = of_gates
            torch.mul(of_candidate, reset, out=of_recurrent[t, :, 2 * size :])
            of_state = torch.addmm(held, of_recurrent[t], weight)
        of_weight = of_recurrent.flatten(0, 1).t() @ states[:-1].flatten(0, 1)
        return of_projected, of_weight, of_recurrent[:, :, 2 * size :].sum(dim=(0, 1)), of_state, None


def gru_sequence(
    projected: Tensor, weight: Tensor, bias: Tensor, initial: Tensor, padding: Tensor | None = None
) -> Tensor:
    """The states of a GRU after each step.

    Args:
        projected: (T, B, 3H) what the inputs add to reset gate, update gate and candidate.
        weight: (3H, H) the recurrent matrix.
        bias: (H,) the candidate's recurrent bias.
        initial: (B, H) the state before the first step.
        padding: (T, B, 1) bool, True where there is no token: there the state stays as it is.

    Returns:
        (T, B, H).
    """
    return _GRUSequence.apply(projected, weight, bias, initial, padding)
