"""Bahdanau's recurrence over whole targets: forward and backward pass written out, faster than autograd on a CPU.

Step by step through autograd, each of its small operations costs a node of the graph, memory of its own and a gradient;
here they write where the next one reads, and each matrix has its gradient by one product over all steps. The query goes
with the recurrent products: all are products with the previous state. Tensors lie step by step.

Letters: T steps, B sentences, S source positions, D size of the state and of the keys, H size of the values.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from nmt.model.kernels.additive import FARTHEST
from nmt.model.kernels.products import gapless, packed, product, product_over_rows, sum_of_product


class _AttentiveGRU(Function):
    """``a_t = softmax(e' / (1 + exp(-q_t) d) + p)``, then a step of `nmt.model.cells.GRU` over ``x_t + C a_t h``.

    The fraction at all positions is the largest thing in a step; it is computed again in the backward pass, not kept.
    """

    @staticmethod
    def forward(
        ctx: Any,
        projected: Tensor,
        values: Tensor,
        keys: Tensor,
        energy: Tensor,
        score_bias: Tensor,
        weight_context: Tensor,
        weight_state: Tensor,
        bias: Tensor,
        initial: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        (sentences, size), steps = initial.shape, len(projected)
        states = initial.new_empty(steps + 1, sentences, size)
        contexts = initial.new_empty(steps, sentences, values.shape[2])
        decayed, inner, candidates = initial.new_empty(3, steps, sentences, size)
        gates = initial.new_empty(steps, sentences, 2 * size)
        weights = initial.new_empty(steps, sentences, keys.shape[1])
        logistic, scores = torch.empty_like(keys), weights.new_empty(sentences * keys.shape[1])
        context_matrix, state_matrix, parts = packed(weight_context), packed(weight_state), [size, size, 2 * size]
        states[0], one, limit = initial, initial.new_ones(()), 2.0 * FARTHEST
        for t in range(steps):
            query, recurrent_candidate, recurrent_gates = product(states[t], state_matrix).split(parts, dim=1)
            torch.clamp(query, -limit, limit, out=decayed[t]).neg_().exp_()
            torch.addcmul(one, keys, decayed[t].unsqueeze(1), out=logistic).reciprocal_()
            torch.mv(logistic.flatten(0, 1), energy, out=scores)
            torch.softmax(score_bias + scores.view_as(score_bias), dim=1, out=weights[t])
            torch.bmm(weights[t].unsqueeze(1), values, out=contexts[t].unsqueeze(1))
            read = sum_of_product(projected[t], contexts[t], context_matrix)
            reset, update = torch.add(read[:, : 2 * size], recurrent_gates, out=gates[t]).sigmoid_().chunk(2, dim=1)
            torch.add(recurrent_candidate, bias, out=inner[t])
            torch.addcmul(read[:, 2 * size :], reset, inner[t], out=candidates[t]).tanh_()
            torch.lerp(candidates[t], states[t], update, out=states[t + 1])
        saved = states, contexts, decayed, inner, candidates, gates, weights
        ctx.save_for_backward(values, keys, energy, weight_context, weight_state, *saved)
        return states[1:], weights, contexts

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        values, keys, energy, weight_context, weight_state, *saved = ctx.saved_tensors
        states, contexts, decayed, inner, candidates, gates, weights = saved
        given_states, given_attention, given_contexts = grad_outputs  # gradients of what `forward` gives
        steps, sentences, size = candidates.shape
        joined = states.new_empty(steps, sentences, 5 * size)  # both have the gates' columns
        grad_products, grad_projected = joined[:, :, : 4 * size], joined[:, :, 2 * size :]
        grad_contexts, one = torch.empty_like(contexts), states.new_ones(())
        grad_state, grad_energy = torch.zeros_like(states[0]), torch.zeros_like(energy)
        grad_keys, logistic = torch.zeros_like(keys), torch.empty_like(keys)
        context_matrix, state_matrix = packed(weight_context.t()), packed(weight_state.t())
        for t in reversed(range(steps)):
            grad_state = grad_state + given_states[t]
            reset, update = gates[t].chunk(2, dim=1)
            grad_kept = grad_state * update
            grad_query, grad_inner, grad_gates, grad_candidate = joined[t].split([size, size, 2 * size, size], dim=1)
            torch.ops.aten.tanh_backward.grad_input(grad_state - grad_kept, candidates[t], grad_input=grad_candidate)
            torch.mul(grad_candidate, inner[t], out=grad_gates[:, :size])
            torch.mul(grad_state, states[t] - candidates[t], out=grad_gates[:, size:])
            torch.ops.aten.sigmoid_backward.grad_input(grad_gates, gates[t], grad_input=grad_gates)
            torch.mul(grad_candidate, reset, out=grad_inner)

            torch.add(product(grad_projected[t], context_matrix), given_contexts[t], out=grad_contexts[t])
            grad_row = grad_contexts[t].unsqueeze(1)  # a row: by a column, MKL takes thirteen times as long
            grad_attention = torch.bmm(grad_row, values.mT).squeeze(1).add_(given_attention[t])
            grad_scores = torch.ops.aten._softmax_backward_data(grad_attention, weights[t], 1, weights.dtype)
            grad_scores = grad_scores.unsqueeze(1)
            torch.addcmul(one, keys, decayed[t].unsqueeze(1), out=logistic).reciprocal_()
            grad_energy.addmv_(logistic.flatten(0, 1).t(), grad_scores.flatten())
            slope = logistic.addcmul_(logistic, logistic, value=-1.0)
            torch.mul(torch.bmm(grad_scores, slope).squeeze(1), energy, out=grad_query)
            grad_keys.addcmul_(grad_scores.mT, slope)  # times the energy over the key at the end, once
            grad_state = sum_of_product(grad_kept, grad_products[t], state_matrix)
        grad_values = torch.bmm(weights.permute(1, 2, 0), grad_contexts.transpose(0, 1))
        grad_keys.mul_(-energy).div_(keys)
        grad_projected = gapless(grad_projected)
        grad_weight_context = product_over_rows(grad_projected.flatten(0, 1), contexts.flatten(0, 1))
        grad_weight_state = product_over_rows(grad_products.flatten(0, 1), states[:-1].flatten(0, 1))
        grad_bias = joined[:, :, size : 2 * size].sum(dim=(0, 1))
        grad_weights = grad_weight_context, grad_weight_state
        return grad_projected, grad_values, grad_keys, grad_energy, None, *grad_weights, grad_bias, grad_state


def attentive_gru(
    projected: Tensor,
    values: Tensor,
    keys: Tensor,
    energy: Tensor,
    score_bias: Tensor,
    weight_context: Tensor,
    weight_state: Tensor,
    bias: Tensor,
    initial: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """The states of a GRU that attends with its previous state and reads what it finds, and what that is.

    Args:
        projected: (T, B, 3D) what the inputs add to reset gate, update gate and candidate.
        values: (B, S, H) what the context is mixed of.
        keys: (B, S, D) as `nmt.model.kernels.additive.decay` gives them.
        energy: (D,) by which the logistic function of query and key is weighted.
        score_bias: (B, S) added to the scores; no gradient flows here.
        weight_context: (3D, H) from the context to reset gate, update gate and candidate.
        weight_state: (4D, D) from the previous state to query, candidate, reset gate and update gate.
        bias: (D,) the candidate's recurrent bias.
        initial: (B, D) the state before the first step.

    Returns:
        States (T, B, D) after each step, weights (T, B, S) and contexts (T, B, H).
    """
    return _AttentiveGRU.apply(projected, values, keys, energy, score_bias, weight_context, weight_state, bias, initial)
