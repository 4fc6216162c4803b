"""Memory of the source and previous target tokens -> readouts (what the output layer sees), attention, next state.

Two decoders, by the order in which they attend and recur. Each has two views of the same equations: `forward`, all
steps of a given target (teacher forcing), and `step`, one token of every hypothesis. Nothing that does not depend on
the previous step is computed step by step.

Letters: B sentences, K hypotheses a sentence (rows of one sentence stand side by side), N = B * K, T target steps,
S source positions, H hidden size, R readout size, G gates.
"""

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from nmt.model.attention import Attention, Memory
from nmt.model.encoder import EncoderOutput
from nmt.model.rnn import RecurrentStack, State

DecoderKind = Literal["bahdanau", "luong"]


class DecoderState(NamedTuple):
    """What changes from step to step: one row a hypothesis.

    Attributes:
        layers: the recurrent state of each layer, tensors (N, H).
        feed: (N, R) the last readout, where the decoder feeds it to the next step; otherwise (N, 0).
    """

    layers: list[State]
    feed: Tensor


class DecoderMemory(NamedTuple):
    """What stays the same along a sentence: one row a sentence.

    Attributes:
        attended: what attention needs.
        inputs: (B, S, G * H) what each source position adds to the gates, if the context is an input; else (B, S, 0).
    """

    attended: Memory
    inputs: Tensor


class Decoder(nn.Module, ABC):
    """What both decoders share: embedding, recurrent stack, attention, bridge and readout.

    Args:
        embedding: V x E, of the target tokens.
        rnn: the recurrent stack; its lowest layer reads the embedding and what the decoder feeds beside it.
        attention: queried with the top layer's state.
        bridge: whether the encoder's final state passes through a learned layer: tanh(W s) (Bahdanau et al. 2015,
            section A.2.2); without it the decoder starts from the encoder's final state itself.
        readout_inputs: size of what the readout layer sees.
        readout_size: R.
        dropout: on embeddings and readouts.
    """

    def __init__(
        self,
        embedding: nn.Embedding,
        rnn: RecurrentStack,
        attention: Attention,
        bridge: bool,
        readout_inputs: int,
        readout_size: int,
        dropout: float,
    ) -> None:
        super().__init__()
        size = rnn.hidden_size
        self.embedding = embedding
        self.rnn = rnn
        self.attention = attention
        self.bridge = nn.ModuleList(nn.Linear(size, size) for _ in rnn.layers) if bridge else None
        self.readout = nn.Linear(readout_inputs, readout_size)
        self.dropout = nn.Dropout(dropout)

    def start(self, encoded: EncoderOutput) -> tuple[DecoderMemory, DecoderState]:
        """Prepares a batch of encoded sentences: their memory and the state before the first token."""
        memory = DecoderMemory(self.attention.prepare(encoded.states, encoded.mask), self._inputs(encoded.states))
        layers = encoded.final_state
        if self.bridge is not None:
            layers = [tuple(torch.tanh(b(s)) for s in state) for b, state in zip(self.bridge, layers, strict=True)]
        return memory, DecoderState(layers, encoded.states.new_zeros(len(encoded.states), self._feed_size()))

    @abstractmethod
    def forward(self, previous: Tensor, memory: DecoderMemory, state: DecoderState) -> tuple[Tensor, Tensor]:
        """Teacher forcing: previous ids (B, T) -> readouts (B, T, R) and attention (B, T, S)."""

    @abstractmethod
    def step(self, previous: Tensor, memory: DecoderMemory, state: DecoderState) -> tuple[Tensor, DecoderState, Tensor]:
        """One token: previous ids (N,) -> readouts (N, R), next state, attention (N, S)."""

    def _inputs(self, states: Tensor) -> Tensor:
        return states.new_zeros(*states.shape[:2], 0)

    def _feed_size(self) -> int:
        return 0

    def _embed(self, previous: Tensor) -> Tensor:
        return self.dropout(self.embedding(previous))

    def _read(self, *inputs: Tensor) -> Tensor:
        return self.dropout(torch.tanh(self.readout(torch.cat(inputs, dim=-1))))

    def _project(self, embedded: Tensor) -> Tensor:
        """What the embeddings (..., E) add to the lowest layer's gates: (..., G * H)."""
        layer = self.rnn.lowest
        return linear(embedded, layer.weight_ih_l0[:, : embedded.shape[-1]], layer.bias_ih_l0)

    def _project_fed(self, fed: Tensor) -> Tensor:
        """What is fed beside the embedding, (..., F), adds to the lowest layer's gates: (..., G * H)."""
        return linear(fed, self.rnn.lowest.weight_ih_l0[:, self.embedding.embedding_dim :])


class BahdanauDecoder(Decoder):
    """Attends with the previous state, then recurs over the context (Bahdanau et al. 2015, sections 3.1 and A.2.2).

    ``a_t = attend(s_{t-1})``, ``c_t = a_t h``, ``s_t = f(s_{t-1}, [y_{t-1}; c_t])``,
    ``readout_t = tanh(W [s_t; y_{t-1}; c_t])``. As ``W c_t = a_t (W h)``, the states are projected to the gates once a
    sentence and mixed there; the contexts themselves are made for all steps at once.
    """

    def _inputs(self, states: Tensor) -> Tensor:
        return self._project_fed(states)

    def _attend_and_recur(
        self, projected: Tensor, memory: DecoderMemory, layers: list[State]
    ) -> tuple[list[State], Tensor]:
        """Projected embeddings (N, G * H) -> next states and attention (B, K, S)."""
        queries = layers[-1][0].unflatten(0, (len(memory.inputs), -1))  # (B, K, H)
        weights = self.attention.weights(queries, memory.attended)
        return self.rnn.recur(projected + (weights @ memory.inputs).flatten(0, 1), layers), weights

    def forward(self, previous: Tensor, memory: DecoderMemory, state: DecoderState) -> tuple[Tensor, Tensor]:
        """Teacher forcing: previous ids (B, T) -> readouts (B, T, R) and attention (B, T, S)."""
        embedded = self._embed(previous)
        layers, outputs, attention = state.layers, [], []
        for projected in self._project(embedded).unbind(1):
            layers, weights = self._attend_and_recur(projected, memory, layers)
            outputs.append(layers[-1][0])
            attention.append(weights)
        weights = torch.cat(attention, dim=1)
        return self._read(torch.stack(outputs, dim=1), embedded, weights @ memory.attended.states), weights

    def step(self, previous: Tensor, memory: DecoderMemory, state: DecoderState) -> tuple[Tensor, DecoderState, Tensor]:
        """One token: previous ids (N,) -> readouts (N, R), next state, attention (N, S)."""
        embedded = self._embed(previous)
        layers, weights = self._attend_and_recur(self._project(embedded), memory, state.layers)
        contexts = (weights @ memory.attended.states).flatten(0, 1)
        return self._read(layers[-1][0], embedded, contexts), DecoderState(layers, state.feed), weights.flatten(0, 1)


class LuongDecoder(Decoder):
    """Recurs, then attends with the new state (Luong et al. 2015, section 3).

    ``s_t = f(s_{t-1}, [y_{t-1}; readout_{t-1}])``, ``c_t = attend(s_t) h``, ``readout_t = tanh(W [c_t; s_t])`` (eq. 5).
    Without input feeding (section 3.3) the step does not depend on the last readout: then a whole target is one fused
    recurrent call and one batched attention.
    """

    @property
    def input_feeding(self) -> bool:
        """Whether the lowest layer reads the last readout beside the embedding."""
        return self._feed_size() > 0

    def _feed_size(self) -> int:
        return self.rnn.lowest.input_size - self.embedding.embedding_dim

    def _attend(self, outputs: Tensor, memory: DecoderMemory) -> tuple[Tensor, Tensor]:
        """Top-layer states (B, T, H) -> readouts (B, T, R) and attention (B, T, S)."""
        contexts, weights = self.attention(outputs, memory.attended)
        return self._read(contexts, outputs), weights

    def _recur_and_attend(
        self, projected: Tensor, memory: DecoderMemory, state: DecoderState
    ) -> tuple[Tensor, DecoderState, Tensor]:
        """Projected embeddings (N, G * H) -> readouts (N, R), next state, attention (B, K, S)."""
        if self.input_feeding:
            projected = projected + self._project_fed(state.feed)
        layers = self.rnn.recur(projected, state.layers)
        readouts, weights = self._attend(layers[-1][0].unflatten(0, (len(memory.inputs), -1)), memory)
        readouts = readouts.flatten(0, 1)
        return readouts, DecoderState(layers, readouts if self.input_feeding else state.feed), weights

    def forward(self, previous: Tensor, memory: DecoderMemory, state: DecoderState) -> tuple[Tensor, Tensor]:
        """Teacher forcing: previous ids (B, T) -> readouts (B, T, R) and attention (B, T, S)."""
        embedded = self._embed(previous)
        if not self.input_feeding:
            outputs, _ = self.rnn.unroll(embedded, state.layers)
            return self._attend(outputs, memory)
        readouts, attention = [], []
        for projected in self._project(embedded).unbind(1):
            readout, state, weights = self._recur_and_attend(projected, memory, state)
            readouts.append(readout)
            attention.append(weights)
        return torch.stack(readouts, dim=1), torch.cat(attention, dim=1)

    def step(self, previous: Tensor, memory: DecoderMemory, state: DecoderState) -> tuple[Tensor, DecoderState, Tensor]:
        """One token: previous ids (N,) -> readouts (N, R), next state, attention (N, S)."""
        readouts, state, weights = self._recur_and_attend(self._project(self._embed(previous)), memory, state)
        return readouts, state, weights.flatten(0, 1)
