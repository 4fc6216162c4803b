"""Recurrent layers: fused over a whole sequence where torch has it, one step at a time where the context recurs.

One layer is one class with one set of parameters and two views of the same equations: `forward`, a whole sequence (by
torch's fused kernel if there is one for these settings), and `LayerStepper`, one position after the other. What does
not depend on the previous position is computed for all positions at once.

Letters: N rows, B sentences, S positions, E input size, H hidden size, G gates.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from nmt.config import CellKind, ModelConfig
from nmt.data.batch import beside
from nmt.model.dropout import dropout
from nmt.model.kernels.gru_sequence import gru_sequence
from nmt.model.kernels.linear import is_trained_on_cpu, linear, linear_layers
from nmt.model.kernels.repeated import Product, repeated

State = tuple[Tensor, ...]
"""What one layer remembers: (h,), or (h, c) of an LSTM, each (N, H). The output is always the first."""


class CellParameters(nn.Module):
    """The parameters of a cell that torch has no kernel for, named and drawn as those of torch's kernels.

    Args:
        gates: G.
        input_size: E.
        hidden_size: H.
        bias: of input and recurrence, one each.
    """

    def __init__(self, gates: int, input_size: int, hidden_size: int, bias: bool) -> None:
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.empty(gates * hidden_size, input_size))
        self.weight_hh_l0 = nn.Parameter(torch.empty(gates * hidden_size, hidden_size))
        if bias:
            self.bias_ih_l0 = nn.Parameter(torch.empty(gates * hidden_size))
            self.bias_hh_l0 = nn.Parameter(torch.empty(gates * hidden_size))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(hidden_size**-0.5), hidden_size**-0.5)


class RecurrentLayer(nn.Module, ABC):
    """One layer, read in one direction.

    Args:
        input_size: E.
        hidden_size: H.
        layer_norm: normalise the summed inputs of the gates (Ba et al. 2016); the cell's docstring says where.
        state_dropout: probability that an element of the previous state is hidden from the gates, by one mask for the
            whole sequence (Gal & Ghahramani 2016, eq. 7).
    """

    gates: int
    kernel_type: type[nn.RNN | nn.GRU | nn.LSTM] | None = None
    """Torch's kernel of the cell; None where it has none."""
    parts = 1
    """Tensors of a state."""

    def __init__(self, input_size: int, hidden_size: int, layer_norm: bool = False, state_dropout: float = 0.0) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.state_dropout = state_dropout
        self.has_kernel = self.kernel_type is not None
        self.kernel: nn.Module
        if self.kernel_type is not None:
            self.kernel = self.kernel_type(input_size, hidden_size, bias=not layer_norm, batch_first=True)
        else:
            self.kernel = CellParameters(self.gates, input_size, hidden_size, bias=not layer_norm)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for size in self.norm_sizes()) if layer_norm else None

    @abstractmethod
    def recur(self, projected: Tensor, state: State, hidden: Tensor, products: Sequence[Product]) -> State:
        """One step.

        What layer normalisation is for must go through `normed`, by its place in `norm_sizes`: with `layer_norm` there
        are no biases.

        Args:
            projected: (N, G * H) what the input adds to the gates, biases included.
            state: before the step.
            hidden: (N, H) the previous output as the gates see it, that is with dropout.
            products: with the matrices of `matrices`.
        """

    def norm_sizes(self) -> list[int]:
        """Sizes of what is normalised, for `normed` by index."""
        return [self.gates * self.hidden_size] * 2

    def matrices(self) -> list[Tensor]:
        """The recurrent matrices (H, F) of a step."""
        return [self.weight_hidden.t()]

    def late_bias(self) -> Tensor:
        """(G * H,) the share of the recurrent bias that can be added to the projected input."""
        return cast(Tensor, self.kernel.bias_hh_l0)

    @property
    def weight_hidden(self) -> Tensor:
        """(G * H, H)."""
        return cast(Tensor, self.kernel.weight_hh_l0)

    @property
    def weight_input(self) -> Tensor:
        """(G * H, E)."""
        return cast(Tensor, self.kernel.weight_ih_l0)

    @property
    def bias(self) -> Tensor | None:
        """(G * H,) what is added to the projected input; none under layer normalisation, which has its own."""
        if self.norms is not None:
            return None
        return cast(Tensor, self.kernel.bias_ih_l0) + self.late_bias()

    def project(self, inputs: Tensor) -> Tensor:
        """What inputs (..., E) add to the gates: (..., G * H). Of fewer elements, only the first columns are used."""
        return linear(inputs, self.weight_input[:, : inputs.shape[-1]], self.bias)

    def normed(self, index: int, values: Tensor) -> Tensor:
        """Layer normalisation, where there is one."""
        return values if self.norms is None else self.norms[index](values)

    def zero_state(self, rows: int) -> State:
        """All zeros."""
        zeros = self.weight_hidden.new_zeros(rows, self.hidden_size)
        return (zeros,) * self.parts

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, initial: State | None = None
    ) -> tuple[Tensor, State]:
        """A whole sequence.

        Args:
            inputs: (B, S, E), padded on the right.
            lengths: (B,), at least 1 each; without them, all are full.
            initial: state, zero by default.

        Returns:
            Outputs (B, S, H), zero on padding, and the state after the last real position.
        """
        initial = initial or self.zero_state(len(inputs))
        if self.has_kernel and self.norms is None and not (self.training and self.state_dropout):
            return self._fused(inputs, lengths, initial)
        return self._stepwise(inputs, lengths, initial)

    def _fused(self, inputs: Tensor, lengths: Tensor | None, initial: State) -> tuple[Tensor, State]:
        kind = inputs.device.type
        if not torch.is_autocast_enabled(kind) or self.has_kernel_of(kind, torch.get_autocast_dtype(kind)):
            return self._run_kernel(inputs, lengths, initial)
        with torch.autocast(kind, enabled=False):
            return self._run_kernel(inputs.float(), lengths, tuple(part.float() for part in initial))

    @staticmethod
    def has_kernel_of(kind: str, precision: torch.dtype) -> bool:
        """Whether torch's kernel on that kind of device keeps to autocast's precision.

        CuDNN's is called in float16 whatever is asked for, and float16 and bfloat16 do not go together.
        """
        return kind == "cpu" or precision == torch.float16

    def _run_kernel(self, inputs: Tensor, lengths: Tensor | None, initial: State) -> tuple[Tensor, State]:
        first = tuple(part.unsqueeze(0) for part in initial)
        state = first if self.parts > 1 else first[0]
        if lengths is None:
            outputs, last = self.kernel(inputs, state)
        else:
            packed, last = self.kernel(_packed(inputs, lengths.cpu()), state)
            unordered = PackedSequence(packed.data, packed.batch_sizes)
            outputs, _ = pad_packed_sequence(unordered, batch_first=True, total_length=inputs.shape[1])
            outputs = outputs.index_select(0, packed.unsorted_indices)
        return outputs, tuple(part.squeeze(0) for part in (last if self.parts > 1 else (last,)))

    def _stepwise(self, inputs: Tensor, lengths: Tensor | None, initial: State) -> tuple[Tensor, State]:
        step, state, outputs = LayerStepper(self), initial, []
        lengths = None if lengths is None else beside(lengths, inputs)
        for position, projected in enumerate(self.project(inputs).unbind(1)):
            after = step(projected, state)
            if lengths is not None:
                real = (lengths > position).unsqueeze(1)
                outputs.append(after[0] * real)
                after = tuple(torch.where(real, new, old) for new, old in zip(after, state, strict=True))
            else:
                outputs.append(after[0])
            state = after
        return torch.stack(outputs, dim=1), state


def _packed(inputs: Tensor, lengths: Tensor) -> PackedSequence:
    """Inputs (B, S, E) for torch's kernels, by lengths (B,) on the host.

    As `pack_padded_sequence` with `enforce_sorted=False`, which waits for a GPU, as does the way back of its result.
    """
    falling, order = torch.sort(lengths, descending=True)
    order = beside(order, inputs)
    packed = pack_padded_sequence(inputs.index_select(0, order), falling, batch_first=True)
    return PackedSequence(packed.data, packed.batch_sizes, order)


class Elman(RecurrentLayer):
    """The next state is ``tanh(W x + U h + b)`` (Elman 1990); the sum can be normalised (Ba et al. 2016, eq. 4)."""

    gates = 1
    kernel_type = nn.RNN

    def norm_sizes(self) -> list[int]:
        """One, of the sum."""
        return [self.hidden_size]

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
    kernel_type = nn.GRU

    def norm_sizes(self) -> list[int]:
        """Gates and candidate, of the input's and of the recurrent product."""
        return [2 * self.hidden_size, self.hidden_size] * 2

    def late_bias(self) -> Tensor:
        """Only that of the gates: the candidate's is reset too."""
        gates = 2 * self.hidden_size
        return torch.cat([cast(Tensor, self.kernel.bias_hh_l0)[:gates], self.weight_hidden.new_zeros(self.hidden_size)])

    def is_written_out(self, inputs: Tensor) -> bool:
        """Whether `gru_sequences` serves: training on a CPU, with nothing between the gates and the state."""
        is_plain = self.norms is None and not (self.training and self.state_dropout)
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
    padding = None if lengths is None else (torch.arange(rows.shape[1]).unsqueeze(1) >= lengths).unsqueeze(2)
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

    def norm_sizes(self) -> list[int]:
        """Gates and candidate, of the input's and of the recurrent product."""
        return [2 * self.hidden_size, self.hidden_size] * 2

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
    kernel_type = nn.LSTM
    parts = 2

    @staticmethod
    def has_kernel_of(kind: str, precision: torch.dtype) -> bool:
        """The same. On a CPU, LSTMs run in oneDNN, which has bf16 and fp16 kernels only on some processors."""
        if kind != "cpu" or not torch.backends.mkldnn.is_available():
            return RecurrentLayer.has_kernel_of(kind, precision)
        is_bfloat, ops = precision == torch.bfloat16, torch.ops.mkldnn
        return bool(ops._is_mkldnn_bf16_supported() if is_bfloat else ops._is_mkldnn_fp16_supported())

    def norm_sizes(self) -> list[int]:
        """Of the input's product, of the recurrent product, and of the cell."""
        return [4 * self.hidden_size, 4 * self.hidden_size, self.hidden_size]

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
    if config.cell not in CELLS:
        raise ValueError(f"unknown cell {config.cell!r}: choose {', '.join(CELLS)}")
    return CELLS[config.cell](input_size, hidden_size, config.layer_norm, config.recurrent_dropout)


class LayerStepper:
    """One layer along one sequence: the matrices and the dropout mask that all its steps share."""

    def __init__(self, layer: RecurrentLayer) -> None:
        self.layer = layer
        self._products = [repeated(matrix) for matrix in layer.matrices()]
        self._mask: Tensor | None = None

    def __call__(self, projected: Tensor, state: State) -> State:
        """One step: what the input adds to the gates (N, G * H), and the state, to the next state."""
        layer, hidden = self.layer, state[0]
        if layer.training and layer.state_dropout:
            if self._mask is None:
                self._mask = dropout(torch.ones_like(hidden), layer.state_dropout)
            hidden = hidden * self._mask
        return layer.recur(projected, state, hidden, self._products)
