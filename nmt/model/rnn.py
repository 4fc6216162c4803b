"""Recurrent layers: fused over a whole sequence where torch has it, one step at a time where the context recurs.

One layer is one class with one set of parameters and three views of the same equations: `forward` (a whole sequence,
torch's fused implementation), `project` (the input products of all steps at once) and `recur` (one step from a
projected input). State is a tuple of tensors (N, H): ``(h,)`` for a GRU, ``(h, c)`` for an LSTM; the output is always
its first.
"""

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

Cell = Literal["gru", "lstm"]
State = tuple[Tensor, ...]
"""What one layer remembers: (h,) of a GRU, (h, c) of an LSTM, each (N, H)."""


class GRU(nn.GRU):
    """One gated recurrent layer; the reset gate acts after the recurrent product (torch's and cuDNN's form).

    ``r, z = s(W x + U h)``, ``n = tanh(W x + r * (U h))``, ``h' = (1 - z) * n + z * h`` (Cho et al. 2014, arXiv v3).
    """

    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor
    bias_hh_l0: Tensor

    def project(self, inputs: Tensor) -> Tensor:
        """The part of all gates that comes from the input: (..., E) -> (..., 3H)."""
        return linear(inputs, self.weight_ih_l0, self.bias_ih_l0)

    def recur(self, projected: Tensor, state: State) -> State:
        """One step: projected input (N, 3H) and state (N, H) to the next state."""
        (hidden,) = state
        size = self.hidden_size
        recurrent = linear(hidden, self.weight_hh_l0, self.bias_hh_l0)
        reset, update = torch.sigmoid(projected[:, : 2 * size] + recurrent[:, : 2 * size]).chunk(2, dim=1)
        candidate = torch.tanh(torch.addcmul(projected[:, 2 * size :], reset, recurrent[:, 2 * size :]))
        return (torch.lerp(candidate, hidden, update),)


class LSTM(nn.LSTM):
    """One long short-term memory layer (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    ``i, f, o = s(W x + U h)``, ``g = tanh(W x + U h)``, ``c' = f * c + i * g``, ``h' = o * tanh(c')``.
    """

    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor
    bias_hh_l0: Tensor

    def project(self, inputs: Tensor) -> Tensor:
        """The part of all gates that comes from the input: (..., E) -> (..., 4H)."""
        return linear(inputs, self.weight_ih_l0, self.bias_ih_l0)

    def recur(self, projected: Tensor, state: State) -> State:
        """One step: projected input (N, 4H) and state (N, H) twice to the next state."""
        hidden, memory = state
        gates = projected + linear(hidden, self.weight_hh_l0, self.bias_hh_l0)
        update, forget, candidate, output = gates.chunk(4, dim=1)
        memory = torch.sigmoid(forget) * memory + torch.sigmoid(update) * torch.tanh(candidate)
        return torch.sigmoid(output) * torch.tanh(memory), memory


def recurrent_layer(cell: Cell, input_size: int, hidden_size: int, bidirectional: bool = False) -> GRU | LSTM:
    """One recurrent layer by the name of its cell."""
    if cell == "gru":
        return GRU(input_size, hidden_size, batch_first=True, bidirectional=bidirectional)
    if cell == "lstm":
        return LSTM(input_size, hidden_size, batch_first=True, bidirectional=bidirectional)
    raise ValueError(f"unknown cell {cell!r}: choose gru or lstm")


class RecurrentStack(nn.Module):
    """Layers on top of each other, with dropout between them (own masks: cuDNN's cannot be reproduced by seed).

    Args:
        cell: gru or lstm.
        input_size: E, of the lowest layer's input.
        hidden_size: H, of each layer's output; half of it a direction where the stack is bidirectional.
        layers: how many.
        dropout: probability that an element between two layers is zeroed.
        bidirectional: each layer reads both ways and hands on both outputs side by side.
    """

    def __init__(
        self, cell: Cell, input_size: int, hidden_size: int, layers: int, dropout: float, bidirectional: bool = False
    ) -> None:
        super().__init__()
        size = hidden_size // 2 if bidirectional else hidden_size
        sizes = [input_size] + [hidden_size] * (layers - 1)
        self.layers = nn.ModuleList(recurrent_layer(cell, each, size, bidirectional) for each in sizes)
        self.hidden_size = hidden_size
        self.dropout = nn.Dropout(dropout)

    @property
    def lowest(self) -> GRU | LSTM:
        """The layer that reads the input."""
        return cast(GRU | LSTM, self.layers[0])

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, list[State]]:
        """Reads sequences of different lengths; nothing is read or computed from the padding.

        Args:
            inputs: (B, S, E), padded on the right.
            lengths: (B,), at least 1 each.

        Returns:
            The top layer's outputs (B, S, H), zero on padding, and each layer's final state.
        """
        packed = pack_padded_sequence(inputs, lengths.cpu(), batch_first=True, enforce_sorted=False)
        final = []
        for depth, layer in enumerate(self.layers):
            if depth:
                packed = PackedSequence(self.dropout(packed.data), *packed[1:])
            packed, state = layer(packed)
            # (directions, B, H / directions) -> (B, H)
            final.append(
                tuple(torch.cat(tuple(each), dim=-1) for each in (state if isinstance(state, tuple) else (state,)))
            )
        outputs, _ = pad_packed_sequence(packed, batch_first=True, total_length=inputs.shape[1])
        return outputs, final

    def unroll(self, inputs: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
        """Reads (B, T, E) from the given initial states, all steps at once; the fused teacher-forced path."""
        final = []
        for depth, (layer, state) in enumerate(zip(self.layers, states, strict=True)):
            if depth:
                inputs = self.dropout(inputs)
            initial = tuple(each.unsqueeze(0) for each in state)
            inputs, last = layer(inputs, initial if len(initial) > 1 else initial[0])
            final.append(tuple(each.squeeze(0) for each in (last if isinstance(last, tuple) else (last,))))
        return inputs, final

    def recur(self, projected: Tensor, states: list[State]) -> list[State]:
        """One step of all layers from the lowest layer's projected input (N, gates * H)."""
        after: list[State] = []
        for depth, (layer, state) in enumerate(zip(self.layers, states, strict=True)):
            layer = cast(GRU | LSTM, layer)
            if depth:
                projected = layer.project(self.dropout(after[-1][0]))
            after.append(layer.recur(projected, state))
        return after
