"""Recurrent layers: fused over a whole sequence where torch has it, one step at a time where the context recurs.

One layer is one class with one set of parameters and two views of the same equations: `forward`, a whole sequence (by
torch's fused kernel if there is one for these settings), and `LayerStepper`, one position after the other. What does
not depend on the previous position is computed for all positions at once.

Letters: N rows, B sentences, S positions, E input size, H hidden size, G gates.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from nmt.data.batch import on_device_of
from nmt.model.dropout import dropout
from nmt.model.kernels.compiled import compiled
from nmt.model.kernels.linear import linear
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

    Attributes:
        compiles: in training, torch compiles the step where there is no kernel for the whole sequence.
    """

    gates: int
    normed_parts: tuple[int, ...]
    """What is normalised, each in multiples of H, for `normed` by index."""
    kernel_type: type[nn.RNN | nn.GRU | nn.LSTM] | None = None
    """Torch's kernel of the cell; None where it has none, and in a class that is derived and names none."""
    parts = 1
    """Tensors of a state."""

    def __init_subclass__(cls) -> None:
        """A kernel is of the equations of the class that names it, which one that is derived may change anywhere."""
        if "kernel_type" not in vars(cls):
            cls.kernel_type = None

    def __init__(self, input_size: int, hidden_size: int, layer_norm: bool = False, state_dropout: float = 0.0) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.state_dropout = state_dropout
        self.compiles = False
        self.has_kernel = self.kernel_type is not None
        self.kernel: nn.Module
        if self.kernel_type is not None:
            self.kernel = self.kernel_type(input_size, hidden_size, bias=not layer_norm, batch_first=True)
        else:
            self.kernel = CellParameters(self.gates, input_size, hidden_size, bias=not layer_norm)
        self.norms = nn.ModuleList(nn.LayerNorm(n * hidden_size) for n in self.normed_parts) if layer_norm else None

    @abstractmethod
    def recur(self, projected: Tensor, state: State, hidden: Tensor, products: Sequence[Product]) -> State:
        """One step.

        What is to be normalised must go through `normed`, by its place in `normed_parts`: with `layer_norm` there
        are no biases.

        Args:
            projected: (N, G * H) what the input adds to the gates, biases included.
            state: before the step.
            hidden: (N, H) the previous output as the gates see it, that is with dropout.
            products: with the matrices of `matrices`.
        """

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
        step: Callable[[Tensor, State], State] = LayerStepper(self)
        state, outputs = initial, []
        if self.compiles and torch.is_grad_enabled():
            step = compiled(step)
        lengths = None if lengths is None else on_device_of(lengths, inputs)
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
    order = on_device_of(order, inputs)
    packed = pack_padded_sequence(inputs.index_select(0, order), falling, batch_first=True)
    return PackedSequence(packed.data, packed.batch_sizes, order)


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
