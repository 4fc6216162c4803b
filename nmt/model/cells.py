"""The recurrent cells: Elman, GRU in both forms, LSTM; and GRUs side by side, written out.

Letters: N rows, B sentences, S positions, E input size, H hidden size, G gates, L layers side by side.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from nmt.config import CellKind, ModelConfig
from nmt.data.batch import length_mask
from nmt.model.kernels.gru_sequence import gru_sequence
from nmt.model.kernels.linear import is_trained_on_cpu, linear_layers
from nmt.model.kernels.repeated import Product
from nmt.model.rnn import RecurrentLayer, State


class Elman(RecurrentLayer):
    """The next state is ``tanh(W x + U h + b)`` (Elman 1990); the sum can be normalised (Ba et al. 2016, eq. 4)."""

    gates = 1
    normed_parts = (1,)
    kernel_type = nn.RNN

    def recur(self, projected: Tensor, state: State, hidden: Tensor, products: Sequence[Product]) -> State:
        """One step."""
        return (torch.tanh(self.normed(0, projected + products[0](hidden))),)


class GRU(RecurrentLayer):
    """The reset gate acts after the recurrent product (the first arXiv version of Cho et al. 2014; torch and cuDNN).

    ``r = sigmoid(W_r x + U_r h + b_r)``, ``z = sigmoid(W_z x + U_z h + b_z)``, ``n = tanh(W_n x + b_n + r * (U_n h +
    c_n))``, and the next state is ``(1 - z) * n + z * h``. Layer normalisation of each product, gates and candidate
    apart (Ba et al. 2016, eq. 27 to 29).
    """

    gates = 3
    normed_parts = (2, 1, 2, 1)
    kernel_type = nn.GRU

    def late_bias(self) -> Tensor:
        """Only that of the gates: the candidate's is reset too."""
        gates = 2 * self.hidden_size
        return torch.cat([cast(Tensor, self.kernel.bias_hh_l0)[:gates], self.weight_hidden.new_zeros(self.hidden_size)])

    def is_written_out(self, inputs: Tensor) -> bool:
        """Whether `gru_sequences` serves: training on a CPU, with nothing between the gates and the state."""
        is_plain = self.has_kernel and self.norms is None and not (self.training and self.state_dropout)
        return is_plain and is_trained_on_cpu(inputs)

    def inner_bias(self) -> Tensor:
        """(H,) the candidate's recurrent bias, which is reset too."""
        return cast(Tensor, self.kernel.bias_hh_l0)[2 * self.hidden_size :]

    def _fused(self, inputs: Tensor, lengths: Tensor | None, initial: State) -> tuple[Tensor, State]:
        if self.is_written_out(inputs):
            return gru_sequences([self], [inputs], lengths, [initial])[0]
        return super()._fused(inputs, lengths, initial)

    def recur(self, projected: Tensor, state: State, hidden: Tensor, products: Sequence[Product]) -> State:
        """One step."""
        sizes = [2 * self.hidden_size, self.hidden_size]
        input_gates, input_candidate = projected.split(sizes, dim=1)
        recurrent_gates, recurrent_candidate = products[0](hidden).split(sizes, dim=1)
        if self.norms is None:
            recurrent_candidate = recurrent_candidate + self.inner_bias()
        gates = torch.sigmoid(self.normed(0, input_gates) + self.normed(2, recurrent_gates))
        reset, update = gates.chunk(2, dim=1)
        recurrent_candidate = self.normed(3, recurrent_candidate)
        candidate = torch.tanh(torch.addcmul(self.normed(1, input_candidate), reset, recurrent_candidate))
        return (_between(candidate, state[0], update),)


def gru_sequences(
    layers: Sequence[GRU], inputs: Sequence[Tensor], lengths: Tensor | None, initial: Sequence[State]
) -> list[tuple[Tensor, State]]:
    """What `RecurrentLayer.forward` returns, of GRUs of one size side by side, each with its own inputs (B, S, E)."""
    rows = torch.stack([sequence.transpose(0, 1) for sequence in inputs])  # (L, S, B, E)
    matrices = torch.stack([layer.weight_input for layer in layers])
    biases = torch.stack([cast(Tensor, layer.bias) for layer in layers])
    projected = linear_layers(rows.flatten(1, 2), matrices, biases).unflatten(1, rows.shape[1:3])
    padding = None if lengths is None else ~length_mask(lengths, rows.shape[1]).t().unsqueeze(2)
    size = layers[0].hidden_size
    parts = [layer.weight_hidden.split([2 * size, size]) for layer in layers]
    recurrent = torch.stack([torch.cat([candidate, gates]) for gates, candidate in parts])
    inner = torch.stack([layer.inner_bias() for layer in layers]).unsqueeze(1)
    states = gru_sequence(projected, recurrent, inner, torch.stack([state for (state,) in initial]), padding)
    outputs = states if padding is None else states.masked_fill(padding.unsqueeze(1), 0.0)
    return [(every.transpose(0, 1), (last,)) for every, last in zip(outputs.unbind(1), states[-1], strict=True)]


def _between(candidate: Tensor, state: Tensor, update: Tensor) -> Tensor:
    """``(1 - z) * n + z * h`` in the precision of the state; under autocast the others may have another."""
    return torch.lerp(candidate.to(state.dtype), state, update.to(state.dtype))


class GRUResetFirst(RecurrentLayer):
    """The reset gate acts before the recurrent product (Cho et al. 2014 as published; Bahdanau et al. 2015, A.1.1).

    As `GRU`, but ``n = tanh(W_n x + U_n (r * h) + b_n)``. In Bahdanau et al. ``z`` and ``1 - z`` stand the other way
    round. Torch has no kernel for it. Layer normalisation as in `GRU`.
    """

    gates = 3
    normed_parts = GRU.normed_parts

    def matrices(self) -> list[Tensor]:
        """Of the gates, and of the candidate."""
        gates, candidate = self.weight_hidden.split([2 * self.hidden_size, self.hidden_size])
        return [gates.t(), candidate.t()]

    def recur(self, projected: Tensor, state: State, hidden: Tensor, products: Sequence[Product]) -> State:
        """One step."""
        input_gates, input_candidate = projected.split([2 * self.hidden_size, self.hidden_size], dim=1)
        gates = torch.sigmoid(self.normed(0, input_gates) + self.normed(2, products[0](hidden)))
        reset, update = gates.chunk(2, dim=1)
        recurrent_candidate = self.normed(3, products[1](reset * hidden))
        candidate = torch.tanh(self.normed(1, input_candidate) + recurrent_candidate)
        return (_between(candidate, state[0], update),)


class LSTM(RecurrentLayer):
    """Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    ``i = sigmoid(W_i x + U_i h + b_i)``, and so ``f`` and ``o``; ``g = tanh(W_g x + U_g h + b_g)``; the next cell is
    ``f * c + i * g``, the next state ``o * tanh`` of that. Layer normalisation of both products, and of the next cell
    before its tanh (Ba et al. 2016, eq. 20 to 22).
    """

    gates = 4
    normed_parts = (4, 4, 1)
    kernel_type = nn.LSTM
    parts = 2

    @staticmethod
    def has_kernel_of(kind: str, precision: torch.dtype) -> bool:
        """The same. On a CPU, LSTMs run in oneDNN, which has bf16 and fp16 kernels only on some processors."""
        if kind != "cpu" or not torch.backends.mkldnn.is_available():
            return RecurrentLayer.has_kernel_of(kind, precision)
        is_bfloat, ops = precision == torch.bfloat16, torch.ops.mkldnn
        return bool(ops._is_mkldnn_bf16_supported() if is_bfloat else ops._is_mkldnn_fp16_supported())

    def recur(self, projected: Tensor, state: State, hidden: Tensor, products: Sequence[Product]) -> State:
        """One step."""
        gates = self.normed(0, projected) + self.normed(1, products[0](hidden))
        input_gate, forget_gate, candidate, output_gate = gates.chunk(4, dim=1)
        cell = torch.sigmoid(forget_gate) * state[1] + torch.sigmoid(input_gate) * torch.tanh(candidate)
        return torch.sigmoid(output_gate) * torch.tanh(self.normed(2, cell)), cell


CELLS: dict[CellKind, type[RecurrentLayer]] = {
    "elman": Elman,
    "gru": GRU,
    "gru_reset_first": GRUResetFirst,
    "lstm": LSTM,
}


def recurrent_layer(config: ModelConfig, input_size: int, hidden_size: int) -> RecurrentLayer:
    """One layer of the configured cell, with its normalisation and state dropout."""
    return CELLS[config.cell](input_size, hidden_size, config.layer_norm, config.recurrent_dropout)
