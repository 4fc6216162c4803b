"""The recurrence of Bahdanau et al. 2015 over whole targets, to be trained on a CPU, with both passes written out.

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

from nmt.model.kernels.products import gapless, packed, product, product_over_rows, sum_of_product
from nmt.model.scores import FARTHEST


class _AttentiveGRU(Function):
    """``a_t = softmax(e' / (1 + exp(-q_t) d) + p)``, then a step of `nmt.model.rnn.GRU` over ``x_t + C a_t h``.

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
        of_context: Tensor,
        of_state: Tensor,
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
        context_matrix, state_matrix, parts = packed(of_context), packed(of_state), [size, size, 2 * size]
        states[0], one, limit = initial, initial.new_ones(()), 2.0 * FARTHEST
        for t in range(steps):
            query, of_candidate, of_gates = product(states[t], state_matrix).split(parts, dim=1)
            torch.clamp(query, -limit, limit, out=decayed[t]).neg_().exp_()
            torch.addcmul(one, keys, decayed[t].unsqueeze(1), out=logistic).reciprocal_()
            torch.mv(logistic.flatten(0, 1), energy, out=scores)
            torch.softmax(preference + scores.view_as(preference), dim=1, out=weights[t])
            torch.bmm(weights[t].unsqueeze(1), values, out=contexts[t].unsqueeze(1))
            read = sum_of_product(projected[t], contexts[t], context_matrix)
            reset, update = torch.add(read[:, : 2 * size], of_gates, out=gates[t]).sigmoid_().chunk(2, dim=1)
            torch.add(of_candidate, bias, out=inner[t])
            torch.addcmul(read[:, 2 * size :], reset, inner[t], out=candidates[t]).tanh_()
            torch.lerp(candidates[t], states[t], update, out=states[t + 1])
        kept = states, contexts, decayed, inner, candidates, gates, weights
        ctx.save_for_backward(values, keys, energy, of_context, of_state, *kept)
        return states[1:], weights, contexts

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, keys, energy, of_context, of_state, *kept = ctx.saved_tensors
        states, contexts, decayed, inner, candidates, gates, weights = kept
        steps, sentences, size = candidates.shape
        joined = states.new_empty(steps, sentences, 5 * size)  # both have the gates' columns
        of_products, of_projected = joined[:, :, : 4 * size], joined[:, :, 2 * size :]
        of_contexts, one = torch.empty_like(contexts), states.new_ones(())
        carried, of_keys, of_energy = torch.zeros_like(states[0]), torch.zeros_like(keys), torch.zeros_like(energy)
        logistic, context_matrix, state_matrix = torch.empty_like(keys), packed(of_context.t()), packed(of_state.t())
        for t in reversed(range(steps)):
            carried = carried + gradients[0][t]
            reset, update = gates[t].chunk(2, dim=1)
            held = carried * update
            of_query, of_inner, of_gates, of_candidate = joined[t].split([size, size, 2 * size, size], dim=1)
            torch.ops.aten.tanh_backward.grad_input(carried - held, candidates[t], grad_input=of_candidate)
            torch.mul(of_candidate, inner[t], out=of_gates[:, :size])
            torch.mul(carried, states[t] - candidates[t], out=of_gates[:, size:])
            torch.ops.aten.sigmoid_backward.grad_input(of_gates, gates[t], grad_input=of_gates)
            torch.mul(of_candidate, reset, out=of_inner)

            torch.add(product(of_projected[t], context_matrix), gradients[2][t], out=of_contexts[t])
            of_row = of_contexts[t].unsqueeze(1)  # a row: by a column, MKL takes thirteen times as long
            of_weights = torch.bmm(of_row, values.mT).squeeze(1).add_(gradients[1][t])
            of_scores = torch.ops.aten._softmax_backward_data(of_weights, weights[t], 1, weights.dtype).unsqueeze(1)
            torch.addcmul(one, keys, decayed[t].unsqueeze(1), out=logistic).reciprocal_()
            of_energy.addmv_(logistic.flatten(0, 1).t(), of_scores.flatten())
            slope = logistic.addcmul_(logistic, logistic, value=-1.0)
            torch.mul(torch.bmm(of_scores, slope).squeeze(1), energy, out=of_query)
            of_keys.addcmul_(of_scores.mT, slope)  # times the energy over the key at the end, once
            carried = sum_of_product(held, of_products[t], state_matrix)
        of_values = torch.bmm(weights.permute(1, 2, 0), of_contexts.transpose(0, 1))
        of_keys.mul_(-energy).div_(keys)
        of_projected = gapless(of_projected)
        by_context = product_over_rows(of_projected.flatten(0, 1), contexts.flatten(0, 1))
        by_state = product_over_rows(of_products.flatten(0, 1), states[:-1].flatten(0, 1))
        of_bias = joined[:, :, size : 2 * size].sum(dim=(0, 1))
        return of_projected, of_values, of_keys, of_energy, None, by_context, by_state, of_bias, carried


def attentive_gru(
    projected: Tensor,
    values: Tensor,
    keys: Tensor,
    energy: Tensor,
    preference: Tensor,
    of_context: Tensor,
    of_state: Tensor,
    bias: Tensor,
    initial: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """The states of a GRU that attends with its previous state and reads what it finds, and what that is.

    Args:
        projected: (T, B, 3D) what the inputs add to reset gate, update gate and candidate.
        values: (B, S, H) what the context is mixed of.
        keys: (B, S, D) as `nmt.model.scores.decay` gives them.
        energy: (D,) by which the logistic function of query and key is weighted.
        preference: (B, S) added to the scores; no gradient flows here.
        of_context: (3D, H) from the context to reset gate, update gate and candidate.
        of_state: (4D, D) from the previous state to query, candidate, reset gate and update gate.
        bias: (D,) the candidate's recurrent bias.
        initial: (B, D) the state before the first step.

    Returns:
        States (T, B, D) after each step, weights (T, B, S) and contexts (T, B, H).
    """
    return _AttentiveGRU.apply(projected, values, keys, energy, preference, of_context, of_state, bias, initial)
