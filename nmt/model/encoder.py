"""Source ids -> encoder states, in reading order whatever the reading direction was, and what a decoder starts from."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config import ModelConfig
from nmt.data.batch import length_mask, on_device_of
from nmt.model.cells import recurrent_layer
from nmt.model.dropout import Embed, SequenceDropout
from nmt.model.rnn import RecurrentLayer, State
from nmt.model.stack import Bidirectional, RecurrentStack, reorder, reverse


class EncoderOutput(NamedTuple):
    """What a decoder attends to; anything that gives it can stand in the encoder's place.

    Attributes:
        states: (B, S, H), column s belongs to source position s in reading order.
        final_state: one state a layer, each tensor (B, H): what a decoder may start from.
        mask: (B, S) bool, True = a real token.
    """

    states: Tensor
    final_state: list[State]
    mask: Tensor


class Encoder(nn.Module):
    """A recurrent encoder (Sutskever et al. 2014; bidirectional: Bahdanau et al. 2015, section 3.2).

    Directions: forward; reversed (the special token, then the words from last to first); bidirectional, in every layer;
    gnmt, bidirectional in the lowest layer only (Wu et al. 2016, section 3.2).

    Args:
        config: cell, direction, sizes, layers, residual connections, summary and dropout.
        table: V x E, embeddings of the source tokens.
    """

    def __init__(self, config: ModelConfig, table: nn.Embedding) -> None:
        super().__init__()
        self.embedding = Embed(table, config.dropout, config.variational, config.word_dropout)
        self.direction, self.summary = config.encoder, config.summary
        size = config.hidden_size
        layers: list[RecurrentLayer | Bidirectional] = []
        for depth in range(config.layers):
            below = size if depth else config.embedding_size
            if config.encoder == "bidirectional" or (config.encoder == "gnmt" and depth == 0):
                layers.append(Bidirectional(*(recurrent_layer(config, below, size // 2) for _ in range(2))))
            else:
                layers.append(recurrent_layer(config, below, size))
        self.rnn = RecurrentStack(layers, SequenceDropout(config.dropout, config.variational), config.residual)

    def forward(self, src_ids: Tensor, src_lengths: Tensor) -> EncoderOutput:
        """Encodes (B, S) ids, BOS first and padded on the right; lengths (B,), there or on the host, include BOS."""
        size, lengths = src_ids.shape[1], on_device_of(src_lengths, src_ids)
        mask = length_mask(lengths, size)
        if self.direction == "reversed":
            order = reverse(lengths, size, keep=1)
            states, final_state = self.rnn(self.embedding(src_ids.gather(1, order)), src_lengths)
            states = reorder(states, order)
        else:
            states, final_state = self.rnn(self.embedding(src_ids), src_lengths)
        if self.summary == "mean":
            states = states * mask.unsqueeze(2)
            mean = states.sum(dim=1) / lengths.unsqueeze(1)
            final_state = [tuple(mean for _ in state) for state in final_state]
        return EncoderOutput(states, final_state, mask)


class Bridge(nn.Module):
    """Encoder summary -> first decoder state: ``tanh(W s + b)`` for each tensor of each layer.

    In Bahdanau et al. 2015, A.2.2, it is of the backward reading alone, and without a bias. Where encoder and decoder
    have not as many layers, the top ones belong together: what else the decoder has starts from the encoder's lowest.

    Args:
        summary_size: H.
        state_size: D.
        layers: of the decoder.
        parts: tensors of a layer's state.
    """

    def __init__(self, summary_size: int, state_size: int, layers: int, parts: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(summary_size, state_size) for _ in range(layers * parts))
        self.parts = parts

    def forward(self, summary: list[State]) -> list[State]:
        """One state for each layer of the encoder, tensors (B, H) -> one for each of the decoder, (B, D)."""
        layers = len(self.layers) // self.parts
        tops = summary[-layers:]
        read = [tops[0]] * (layers - len(tops)) + tops
        flat = [part for state in read for part in state]
        bridged = [torch.tanh(layer(part)) for layer, part in zip(self.layers, flat, strict=True)]
        return [tuple(bridged[first : first + self.parts]) for first in range(0, len(bridged), self.parts)]
