"""The recurrence of Bahdanau et al. 2015 over whole targets, to be trained on a CPU, with both passes written out.

Step by step through autograd, each of its small operations costs a node of the graph, memory of its own and a gradient;
here they write where the next one reads, and each matrix has its gradient by one product over all steps. The query goes
with the recurrent products: all are products with the previous state.

Letters: T steps, B sentences, S source positions, D size of the state and of the keys.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from nmt.model.products import packed, product, sum_of_product
from nmt.model.scores import FARTHEST


class _AttentiveGRU(Function):
    """``a_t = softmax(e' / (1 + exp(-q_t) d) + p)``, then a step of `nmt.model.rnn.GRU` over ``x_t + a_t g``.

    The fraction at all positions is the largest thing in a step; it is computed again in the backward pass, not kept.
    """

    @staticmethod
    def forward(
        ctx: Any,
        projected: Tensor,
        values: Tensor,
        keys: Tensor,
        energy: Tensor,
        preference: Tensor,
        weight: Tensor,
        bias: Tensor,
        initial: Tensor,
    ) -> tuple[Tensor, Tensor]:
        (sentences, size), steps = initial.shape, projected.shape[1]
        states = initial.new_empty(steps + 1, sentences, size)
        decayed, inner, candidates = initial.new_empty(3, steps, sentences, size)
        gates = initial.new_empty(steps, sentences, 2 * size)
        weights = initial.new_empty(steps, sentences, keys.shape[1])
        logistic, scores = torch.empty_like(keys), weights.new_empty(sentences * keys.shape[1])
        matrix, parts = packed(weight), [2 * size, size, size]
        states[0], one, limit = initial, initial.new_ones(()), 2.0 * FARTHEST
        for t in range(steps):
            of_gates, of_candidate, query = product(states[t], matrix).split(parts, dim=1)
            torch.clamp(query, -limit, limit, out=decayed[t]).neg_().exp_()
            torch.addcmul(one, keys, decayed[t].unsqueeze(1), out=logistic).reciprocal_()
            torch.mv(logistic.flatten(0, 1), energy, out=scores)
            torch.softmax(preference + scores.view_as(preference), dim=1, out=weights[t])
            read = torch.baddbmm(projected[:, t : t + 1], weights[t].unsqueeze(1), values).squeeze(1)
            reset, update = torch.add(read[:, : 2 * size], of_gates, out=gates[t]).sigmoid_().chunk(2, dim=1)
            torch.add(of_candidate, bias, out=inner[t])
            torch.addcmul(read[:, 2 * size :], reset, inner[t], out=candidates[t]).tanh_()
            torch.lerp(candidates[t], states[t], update, out=states[t + 1])
        ctx.save_for_backward(values, keys, energy, weight, states, decayed, inner, candidates, gates, weights)
        return states[1:].transpose(0, 1), weights.transpose(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, keys, energy, weight, states, decayed, inner, candidates, gates, weights = ctx.saved_tensors
        steps, sentences, size = candidates.shape
        of_projected = states.new_empty(steps, sentences, 3 * size)
        of_products = states.new_empty(steps, sentences, 4 * size)
        of_state, of_keys, of_energy = torch.zeros_like(states[0]), torch.zeros_like(keys), torch.zeros_like(energy)
        logistic, one, matrix = torch.empty_like(keys), states.new_ones(()), packed(weight.t())
        for t in reversed(range(steps)):
            of_state = of_state + gradients[0][:, t]
            reset, update = gates[t].chunk(2, dim=1)
            held = of_state * update
            of_gates, of_candidate = of_projected[t].split([2 * size, size], dim=1)
            torch.ops.aten.tanh_backward.grad_input(of_state - held, candidates[t], grad_input=of_candidate)
            torch.mul(of_candidate, inner[t], out=of_gates[:, :size])
            torch.mul(of_state, states[t] - candidates[t], out=of_gates[:, size:])
            torch.ops.aten.sigmoid_backward.grad_input(of_gates, gates[t], grad_input=of_gates)
            of_products[t, :, : 2 * size] = of_gates
            torch.mul(of_candidate, reset, out=of_products[t, :, 2 * size : 3 * size])

            of_read = of_projected[t].unsqueeze(1)  # a row: by a column, MKL takes thirteen times as long
            of_weights = torch.bmm(of_read, values.mT).squeeze(1).add_(gradients[1][:, t])
            of_scores = torch.ops.aten._softmax_backward_data(of_weights, weights[t], 1, weights.dtype).unsqueeze(1)
            torch.addcmul(one, keys, decayed[t].unsqueeze(1), out=logistic).reciprocal_()
            of_energy.addmv_(logistic.flatten(0, 1).t(), of_scores.flatten())
            slope = logistic.addcmul_(logistic, logistic, value=-1.0)
            torch.mul(torch.bmm(of_scores, slope).squeeze(1), energy, out=of_products[t, :, 3 * size :])
            of_keys.addcmul_(of_scores.mT, slope)  # times the energy over the key at the end, once
            of_state = sum_of_product(held, of_products[t], matrix)
        of_weight = of_products.flatten(0, 1).t() @ states[:-1].flatten(0, 1)
        of_bias = of_products[:, :, 2 * size : 3 * size].sum(dim=(0, 1))
        of_projected = of_projected.transpose(0, 1)
        of_values = torch.bmm(weights.permute(1, 2, 0), of_projected)
        of_keys.mul_(-energy).div_(keys)
        return of_projected, of_values, of_keys, of_energy, None, of_weight, of_bias, of_state


def attentive_gru(
    projected: Tensor,
    values: Tensor,
    keys: Tensor,
    energy: Tensor,
    preference: Tensor,
    weight: Tensor,
    bias: Tensor,
    initial: Tensor,
) -> tuple[Tensor, Tensor]:
    """The states of a GRU that attends with its previous state and reads what it finds, and its attention.

    Args:
        projected: (B, T, 3D) what the inputs add to reset gate, update gate and candidate.
        values: (B, S, 3D) what each source position adds to them.
        keys: (B, S, D) as `nmt.model.scores.decay` gives them.
        energy: (D,) by which the logistic function of query and key is weighted.
        preference: (B, S) added to the scores; no gradient flows here.
        weight: (4D, D) from the previous state to reset gate, update gate, candidate and query.
        bias: (D,) the candidate's recurrent bias.
        initial: (B, D) the state before the first step.

    Returns:
        States (B, T, D) after each step, and weights (B, T, S).
    """
    return _AttentiveGRU.apply(projected, values, keys, energy, preference, weight, bias, initial)
