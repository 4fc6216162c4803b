"""Recurrent layers in both directions and on top of each other."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from nmt.data.batch import on_device_of
from nmt.model.cells import GRU, gru_sequences
from nmt.model.dropout import SequenceDropout
from nmt.model.kernels.repeated import repeated
from nmt.model.rnn import LayerStepper, RecurrentLayer, State


def reverse(lengths: Tensor, size: int, keep: int = 0) -> Tensor:
    """Where each position stands when the real ones are reversed, but for the first `keep`, and padding stays.

    For length 4 of size 6, and keep 1: ``0 3 2 1 4 5``. The map (B, size) is its own inverse.
    """
    positions = torch.arange(size, device=lengths.device).expand(lengths.shape[0], size)
    last = lengths.unsqueeze(1) - 1
    return torch.where((positions >= keep) & (positions <= last), last + keep - positions, positions)


def reorder(sequence: Tensor, order: Tensor) -> Tensor:
    """(B, S, F) with its positions in another order (B, S)."""
    return sequence.gather(1, order.unsqueeze(2).expand_as(sequence))


class Bidirectional(nn.Module):
    """Two layers that read in opposite directions; outputs and states side by side (Schuster & Paliwal 1997).

    Args:
        forwards: reads from the first position to the last.
        backwards: reads from the last real position to the first.
    """

    def __init__(self, forwards: RecurrentLayer, backwards: RecurrentLayer) -> None:
        super().__init__()
        self.forwards, self.backwards = forwards, backwards

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """(B, S, E), lengths (B,) -> outputs (B, S, 2H), zero on padding, and final states (B, 2H)."""
        order = reverse(on_device_of(lengths, inputs), inputs.shape[1])
        (outputs, state), (reversed_outputs, reversed_state) = self._read(inputs, reorder(inputs, order), lengths)
        merged = tuple(torch.cat(pair, dim=-1) for pair in zip(state, reversed_state, strict=True))
        return torch.cat([outputs, reorder(reversed_outputs, order)], dim=-1), merged

    def _read(self, inputs: Tensor, backwards: Tensor, lengths: Tensor) -> list[tuple[Tensor, State]]:
        """Each layer along its own order of the inputs: both at once where that is written out."""
        one, other = self.forwards, self.backwards
        if isinstance(one, GRU) and isinstance(other, GRU) and one.is_written_out(inputs):
            initial = [layer.zero_state(len(inputs)) for layer in (one, other)]
            return gru_sequences([one, other], [inputs, backwards], lengths, initial)
        return [one(inputs, lengths), other(backwards, lengths)]


class RecurrentStack(nn.Module):
    """Layers on top of each other, with dropout and, if wanted, residual connections between them.

    Args:
        layers: the lowest first; each reads the output of the one below, and the context if there is one.
        dropout: between layers.
        residual: a layer's output is added to its input (Wu et al. 2016, eq. 6).
        plain: how many of the lowest layers do without.
    """

    def __init__(
        self, layers: Sequence[RecurrentLayer | Bidirectional], dropout: SequenceDropout, residual: bool, plain: int = 1
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.dropout = dropout
        self.residual, self.plain = residual, plain

    def forward(
        self,
        inputs: Tensor,
        lengths: Tensor | None = None,
        initial: Sequence[State] | None = None,
        contexts: Tensor | None = None,
    ) -> tuple[Tensor, list[State]]:
        """Whole sequences.

        Args:
            inputs: (B, S, E), padded on the right.
            lengths: (B,), at least 1 each; without them, all are full.
            initial: one state a layer.
            contexts: (B, S, C), read by every layer beside the output of the layer below.

        Returns:
            Outputs of the top layer (B, S, H), and each layer's final state.
        """
        final = []
        for depth, layer in enumerate(self.layers):
            below = self.dropout(inputs) if depth else inputs
            read = below if contexts is None else torch.cat([below, contexts], dim=-1)
            outputs, state = layer(read, lengths) if initial is None else layer(read, lengths, initial[depth])
            final.append(state)
            inputs = inputs + outputs if self.adds(depth) else outputs
        return inputs, final

    def adds(self, depth: int) -> bool:
        """Whether the layer's output is added to its input."""
        return self.residual and depth >= self.plain


class StackStepper:
    """A stack along one sequence: the matrices and dropout masks that all its steps share.

    Args:
        stack: the layers.
        on_top: they stand on another layer: steps are made by `read`.
    """

    def __init__(self, stack: RecurrentStack, on_top: bool = False) -> None:
        self._adds = stack.adds
        layers = [cast(RecurrentLayer, layer) for layer in stack.layers]
        self._layers = [LayerStepper(layer) for layer in layers]
        self._inputs = {  # matrix and bias of what reads another layer
            depth: (repeated(layer.weight_input.t()), layer.bias)
            for depth, layer in enumerate(layers)
            if depth or on_top
        }
        self._dropouts = [stack.dropout.stepper() for _ in stack.layers]

    def __call__(
        self, projected: Tensor, states: Sequence[State], context: Tensor | None = None
    ) -> tuple[Tensor, list[State]]:
        """One step from what the lowest layer's input adds to its gates (N, G * H).

        Args:
            projected: (N, G * H).
            states: one a layer, before the step.
            context: (N, C), read by every layer above the lowest.

        Returns:
            The output (N, H) and the next states.
        """
        lowest = self._layers[0](projected, states[0])
        return self._climb(lowest[0], [lowest], states, context)

    def read(
        self, inputs: Tensor, states: Sequence[State], context: Tensor | None = None
    ) -> tuple[Tensor, list[State]]:
        """One step on top of another layer, from its output (N, E); every layer reads the context beside it."""
        return self._climb(inputs, [], states, context)

    def _climb(
        self, output: Tensor, after: list[State], states: Sequence[State], context: Tensor | None
    ) -> tuple[Tensor, list[State]]:
        for depth in range(len(after), len(self._layers)):
            below = self._dropouts[depth](output)
            after.append(self._layers[depth](self._project(depth, below, context), states[depth]))
            output = output + after[-1][0] if self._adds(depth) else after[-1][0]
        return output, after

    def _project(self, depth: int, inputs: Tensor, context: Tensor | None) -> Tensor:
        read = inputs if context is None else torch.cat([inputs, context], dim=-1)
        product, bias = self._inputs[depth]
        return product(read) if bias is None else product(read) + bias
