"""Source ids -> encoder states and final state, in reading order whatever the reading direction was."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from nmt.model.rnn import Cell, RecurrentStack, State

Direction = Literal["forward", "reversed", "bidirectional"]


class EncoderOutput(NamedTuple):
    """What a decoder attends to; anything that gives it can stand in the encoder's place.

    Attributes:
        states: (B, S, H), column s belongs to source position s in reading order.
        final_state: one state a layer, each tensor (B, H).
        mask: (B, S) bool, True = a real token.
    """

    states: Tensor
    final_state: list[State]
    mask: Tensor


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """(B,) lengths -> (B, size) bool mask, True = a real position."""
    return torch.arange(size, device=lengths.device) < lengths.unsqueeze(1)


def reversed_positions(lengths: Tensor, size: int) -> Tensor:
    """Where each position stands when the words, but not the first special token nor the padding, are reversed.

    For length 4 of size 6: ``0 3 2 1 4 5``. The map is its own inverse.
    """
    positions = torch.arange(size, device=lengths.device).expand(len(lengths), size)
    last = lengths.unsqueeze(1)
    return torch.where((positions > 0) & (positions < last), last - positions, positions)


class Encoder(nn.Module):
    """A recurrent encoder (Sutskever et al. 2014; bidirectional: Bahdanau et al. 2015, section 3.2).

    Args:
        embedding: V x E, of the source tokens.
        cell: gru or lstm.
        direction: forward; reversed (the special token, then the words from last to first); or bidirectional.
        hidden_size: H, size of a state; half of it a direction if bidirectional.
        layers: of the recurrent stack.
        dropout: on the embeddings and between layers.
    """

    def __init__(
        self, embedding: nn.Embedding, cell: Cell, direction: Direction, hidden_size: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.direction = direction
        self.dropout = nn.Dropout(dropout)
        bidirectional = direction == "bidirectional"
        self.rnn = RecurrentStack(cell, embedding.embedding_dim, hidden_size, layers, dropout, bidirectional)

    def forward(self, src_ids: Tensor, src_lengths: Tensor) -> EncoderOutput:
        """Encodes (B, S) ids, BOS first and padded on the right; lengths (B,) include BOS."""
        size = src_ids.shape[1]
        if self.direction == "reversed":
            order = reversed_positions(src_lengths, size)
            src_ids = src_ids.gather(1, order)
        states, final_state = self.rnn(self.dropout(self.embedding(src_ids)), src_lengths)
        if self.direction == "reversed":
            states = states.gather(1, order.unsqueeze(2).expand_as(states))
        return EncoderOutput(states, final_state, length_mask(src_lengths, size))
