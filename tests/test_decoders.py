"""The decoders against their published equations, written out here over layers and attention, which have own tests."""

from typing import Any

import pytest
import torch
from conftest import DECODERS, build
from torch import Tensor

from nmt.config import ModelConfig
from nmt.model.rnn import State

SRC = torch.tensor([[2, 5, 6, 7, 8], [2, 9, 4, 0, 0]])
SRC_LENGTHS = torch.tensor([5, 3])
PREVIOUS = torch.tensor([[2, 4, 5, 6], [2, 7, 8, 0]])


class Equations:
    """One step after the other, with the parameters of a decoder."""

    def __init__(self, decoder: Any, states: Tensor, memory: Any) -> None:
        self.decoder, self.states, self.memory = decoder, states, memory

    def attend(self, query: Tensor) -> tuple[Tensor, Tensor]:
        """``a`` and ``c = sum_s a_s h_s``."""
        weights = self.decoder.attention(query.unsqueeze(1), self.memory.attended)
        return weights.squeeze(1), (weights @ self.states).squeeze(1)

    @staticmethod
    def recur(layer: Any, inputs: Tensor, state: State) -> State:
        return layer(inputs.unsqueeze(1), None, state)[1]

    def climb(self, layers: Any, inputs: Tensor, before: list[State], *context: Tensor) -> list[State]:
        """Layers on top of each other, which all read the context, where there is one."""
        after: list[State] = []
        for layer, state in zip(layers, before, strict=True):
            after.append(self.recur(layer, torch.cat([inputs, *context], dim=1), state))
            inputs = after[-1][0]
        return after

    def readout(self, output: Tensor, context: Tensor, embedded: Tensor) -> Tensor:
        """``tanh(W s + V c + U y)``, the last of a deep output only."""
        part = self.decoder.readout
        deep = 0.0 if part.embedding is None else part.embedding(embedded)
        return torch.tanh(part.state(output) + part.context(context) + deep)

    def bahdanau(self, y: Tensor, s: list[State], feed: Tensor) -> tuple[Tensor, Tensor, list[State]]:
        """Bahdanau et al. 2015, A.2.2: attends with the state before."""
        weights, context = self.attend(s[-1][0])
        lowest, *above = self.decoder.rnn.layers
        first = self.recur(lowest, torch.cat([y, context], dim=1), s[0])
        after = [first, *self.climb(above, first[0], s[1:])]
        return self.readout(after[-1][0], context, y), weights, after

    def conditional(self, y: Tensor, s: list[State], feed: Tensor) -> tuple[Tensor, Tensor, list[State]]:
        """Sennrich et al. 2017, section 2.1: attends between two transitions."""
        between = self.recur(self.decoder.rnn.layers[0], y, s[0])
        weights, context = self.attend(between[0])
        lowest = self.recur(self.decoder.transition, context, between)
        after = [lowest, *self.climb(self.decoder.upper.layers, lowest[0], s[1:])]
        return self.readout(after[-1][0], context, y), weights, after

    def luong(self, y: Tensor, s: list[State], feed: Tensor) -> tuple[Tensor, Tensor, list[State]]:
        """Luong et al. 2015, sections 3 and 3.3: attends with the new state; the readout goes into the next step."""
        after = self.climb(self.decoder.rnn.layers, torch.cat([y, feed], dim=1), s)
        weights, context = self.attend(after[-1][0])
        return self.readout(after[-1][0], context, y), weights, after

    def gnmt(self, y: Tensor, s: list[State], feed: Tensor) -> tuple[Tensor, Tensor, list[State]]:
        """Wu et al. 2016, section 3: attends from the lowest layer; all others read the context."""
        lowest = self.recur(self.decoder.rnn.layers[0], y, s[0])
        weights, context = self.attend(lowest[0])
        after = [lowest, *self.climb(self.decoder.upper.layers, lowest[0], s[1:], context)]
        return self.readout(after[-1][0], context, y), weights, after


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("deep_output", [False, True])
@pytest.mark.parametrize(("layers", "decoder_layers"), [(1, 1), (2, 2), (1, 3), (3, 2)])
@pytest.mark.parametrize("chosen", DECODERS, ids=lambda each: "-".join(map(str, each.values())))
@torch.no_grad()
def test_a_decoder_follows_its_equations(
    chosen: dict[str, Any], layers: int, decoder_layers: int, deep_output: bool, cell: Any
) -> None:
    if chosen["decoder"] == "gnmt":
        layers, decoder_layers = layers + 1, decoder_layers + 1
    depths = {"layers": layers, "decoder_layers": decoder_layers}
    sizes = {"embedding_size": 6, "hidden_size": 8, "decoder_size": 10, "readout_size": 7}
    config = ModelConfig(**chosen, **sizes, **depths, cell=cell, deep_output=deep_output, dropout=0.0)
    model = build(config, dtype=torch.float64)
    encoded, decoder = model.encoder(SRC, SRC_LENGTHS), model.decoder
    found, attention = model(SRC, SRC_LENGTHS, PREVIOUS)
    below = [max(0, layers - decoder_layers + depth) for depth in range(decoder_layers)]
    summary = [part for depth in below for part in encoded.final_state[depth]]
    first = [torch.tanh(bridge(part)) for bridge, part in zip(decoder.bridge.layers, summary, strict=True)]
    parts = len(first) // decoder_layers
    states = [tuple(first[layer * parts : (layer + 1) * parts]) for layer in range(decoder_layers)]
    feed = torch.zeros(2, 7 if chosen.get("input_feeding") else 0, dtype=torch.float64)
    equations = Equations(decoder, encoded.states, model.encode(SRC, SRC_LENGTHS)[0])
    for step, y in enumerate(decoder.embedding.table(PREVIOUS).unbind(1)):
        readout, weights, states = getattr(equations, chosen["decoder"])(y, states, feed)
        feed = readout if feed.shape[1] else feed
        torch.testing.assert_close(found[:, step], readout)
        torch.testing.assert_close(attention[:, step], weights)
