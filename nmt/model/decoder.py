"""Memory of the source and previous target tokens -> readouts (what the output layer sees), attention, next state.

A decoder has two views of the same equations: `forward`, all steps of a given target (teacher forcing), and `advance`,
one token of every hypothesis. Nothing that does not depend on the previous step is computed step by step. Gates and
readout read the context; in which order states are mixed and projected for them, `nmt.model.context` says.

Letters: B sentences, K hypotheses a sentence (rows of one sentence stand side by side), N = B * K, T target steps,
S source positions, M heads, E embedding size, H encoder state size, D decoder state size, R readout size, G gates.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from nmt.config import ModelConfig
from nmt.model.attention import Attention, AttentionState, Memory
from nmt.model.cells import CELLS, recurrent_layer
from nmt.model.context import Context, Mixer, joined, mixer
from nmt.model.dropout import Embed, SequenceDropout
from nmt.model.encoder import Bridge, EncoderOutput
from nmt.model.kernels.compiled import compiled
from nmt.model.kernels.linear import Linear
from nmt.model.kernels.repeated import repeated
from nmt.model.rnn import RecurrentLayer, State
from nmt.model.stack import RecurrentStack


class DecoderState(NamedTuple):
    """What changes from step to step: one row a hypothesis.

    Attributes:
        layers: the recurrent state of each layer, tensors (N, D).
        attention: what attention remembers.
        feed: (N, R) the last readout, where the decoder feeds it to the next step; otherwise (N, 0).
    """

    layers: list[State]
    attention: AttentionState
    feed: Tensor


class DecoderMemory(NamedTuple):
    """What stays the same along a sentence: one row a sentence.

    Attributes:
        attended: what attention needs.
        gates: (B, M * S, G * D) what each source position adds to the gates that read the context.
        readouts: (B, M * S, R) what each source position adds to the readout.

    The last two are the encoder states projected first; (B, M * S, 0) where they are mixed first, and gates where the
    recurrence does not read the context.
    """

    attended: Memory
    gates: Tensor
    readouts: Tensor


class Stepped(NamedTuple):
    """What a step gives: the output (N, D), the state after it, and the context of K hypotheses a sentence."""

    output: Tensor
    state: DecoderState
    context: Context


class Unrolled(NamedTuple):
    """What all steps give: outputs (B, T, D), their contexts, and the states' feed (B, T, R), where there is any."""

    outputs: Tensor
    context: Context
    feed: Tensor


Step = Callable[[Tensor, Tensor, DecoderState], Stepped]
"""One step: what the previous tokens add to the lowest gates (N, G * D) and to a deep output (N, R), and the state."""


class Readout(nn.Module):
    """``tanh(W s + U y + V c)``, of state, context and, for a deep output (Pascanu et al. 2014), previous embedding.

    Luong et al. 2015, eq. 5, without U; in Bahdanau et al. 2015, A.2.2, maxout stands for tanh and the state before the
    step for s.

    Args:
        config: sizes and dropout.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.readout_features
        self.state = Linear(config.state_size, size)
        self.context = Linear(config.hidden_size, size, bias=False)
        self.embedding = Linear(config.embedding_size, size, bias=False) if config.reads_embedding else None
        self.dropout = SequenceDropout(config.dropout, config.variational)

    def project(self, embedded: Tensor) -> Tensor:
        """What embeddings (..., E) add: ``U y`` (..., R), or (..., 0) without a deep output."""
        return embedded[..., :0] if self.embedding is None else self.embedding(embedded)

    def forward(self, outputs: Tensor, deep: Tensor, contexts: Tensor) -> Tensor:
        """Outputs (..., D), ``U y`` of `project`, and projected contexts ``V c`` (..., R) -> (..., R)."""
        return self._activate(self.state(outputs) + contexts, deep, self.dropout)

    def stepper(self) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        """The same, one step (N, .) at a time, for one sequence."""
        product, drop = repeated(self.state.weight.t()), self.dropout.stepper()
        return lambda output, deep, context: self._activate(context + self.state.bias + product(output), deep, drop)

    @staticmethod
    def _activate(summed: Tensor, deep: Tensor, drop: Callable[[Tensor], Tensor]) -> Tensor:
        return drop(torch.tanh(summed + deep if deep.shape[-1] else summed))


class Decoder(nn.Module, ABC):
    """What all decoders share: embedding, lowest layers, attention, bridge and readout.

    Args:
        config: cell, sizes, layers, attention, bridge, readout and dropout.
        table: V x E, embeddings of the target tokens.
        extra_size: of what the lowest layer reads beside the embedding.
        lowest_layers: how many layers stand below the point where the decoder attends.

    Attributes:
        feed_size: of the last readout, where the decoder feeds it to the next step; otherwise 0.
        compiles: in training, torch compiles the step where not all steps are computed at once.
    """

    feed_size = 0

    def __init_subclass__(cls) -> None:
        """A class makes one step after the other unless it says itself how all are made, also where it is derived."""
        if "_unroll" not in vars(cls):
            cls._unroll = Decoder._unroll  # type: ignore[method-assign]

    def __init__(self, config: ModelConfig, table: nn.Embedding, extra_size: int, lowest_layers: int) -> None:
        super().__init__()
        size, state_size = config.state_size, config.hidden_size
        between = SequenceDropout(config.dropout, config.variational)
        self.embedding = Embed(table, config.dropout, config.variational, config.word_dropout)
        sizes = [config.embedding_size + extra_size] + [size] * (lowest_layers - 1)
        self.rnn = RecurrentStack([recurrent_layer(config, below, size) for below in sizes], between, config.residual)
        self.attention = Attention(config.attention, size, state_size)
        parts = CELLS[config.cell].parts
        self.bridge = Bridge(state_size, size, config.state_layers, parts) if config.bridged else None
        self.readout = Readout(config)
        self.latent = config.alignment == "latent"
        self.compiles = False
        self._tables: tuple[Tensor, Tensor] | None = None

    def start(self, encoded: EncoderOutput, single: bool = False) -> tuple[DecoderMemory, DecoderState]:
        """Prepares a batch of encoded sentences: their memory and the state before the first token.

        Args:
            encoded: B sentences.
            single: each sentence will have one hypothesis only. Then there are no more contexts to project than source
                positions, and mixing first leaves a fraction of the memory to be read at each step.
        """
        attended = self.attention.prepare(encoded.states, encoded.mask)
        gates = readouts = attended.values[:, :, :0]
        if self.latent or not (single or self._mixes_first(attended.values)):
            gates, readouts = self._project_to_gates(attended.values), self.readout.context(attended.values)
        memory = DecoderMemory(attended, gates, readouts)
        layers = encoded.final_state if self.bridge is None else self.bridge(encoded.final_state)
        if torch.is_autocast_enabled(encoded.states.device.type):  # what is carried along keeps its digits
            layers = [tuple(part.float() for part in state) for state in layers]
        feed = encoded.states.new_zeros(encoded.states.shape[0], self.feed_size)
        return memory, DecoderState(layers, self.attention.start(attended), feed)

    def forward(self, previous: Tensor, memory: DecoderMemory, state: DecoderState) -> tuple[Tensor, Tensor]:
        """Teacher forcing.

        Args:
            previous: (B, T) ids.
            memory: B rows.
            state: B rows.

        Returns:
            Readouts (B, T, R), of a latent alignment one for each position (B, T, S, R), and attention (B, T, S).
        """
        embedded = self.embedding(previous)
        deep = self.readout.project(embedded)
        unrolled = self._unroll(embedded, deep, memory, state)
        return self._readouts(unrolled, deep, memory), self.attention.alignment(unrolled.context.weights)

    def heads(self, previous: Tensor, memory: DecoderMemory, state: DecoderState) -> Tensor:
        """The weights of each head, (B, T, M, S), where `forward` of the same gives their mean."""
        embedded = self.embedding(previous)
        unrolled = self._unroll(embedded, self.readout.project(embedded), memory, state)
        return unrolled.context.weights.unflatten(2, (self.attention.heads, -1))

    def advance(
        self, previous: Tensor, memory: DecoderMemory, state: DecoderState
    ) -> tuple[Tensor, DecoderState, Tensor]:
        """One token of every hypothesis: previous ids (N,) -> readouts (N, R), next state, attention (N, S)."""
        shape = (memory.attended.mask.shape[0], -1)
        projected, deep = self._input_terms(previous.unflatten(0, shape))
        step = self._stepper(memory, deep.shape[1])
        output, state, context = step(projected.flatten(0, 1), deep.flatten(0, 1), state)
        unrolled = Unrolled(output.unflatten(0, shape), context, state.feed.unflatten(0, shape))
        readouts = self._readouts(unrolled, deep, memory)
        return readouts.flatten(0, 1), state, self.attention.alignment(context.weights).flatten(0, 1)

    def tabulated(self) -> "Decoder":
        """The same for `advance` in inference, in the precision of now: it looks up what each type adds to a step.

        Two tables of V rows say what it adds to gates and readout. They are of the weights of now.
        """
        ids = torch.arange(self.embedding.table.num_embeddings, device=self.readout.state.bias.device)
        other = copy(self)
        other._tables = self._input_terms(ids)
        return other

    def _input_terms(self, previous: Tensor) -> tuple[Tensor, Tensor]:
        """What tokens (...,) add to the lowest layer's gates (..., G * D), and to a deep output (..., R)."""
        if self._tables is not None:
            gates, deep = self._tables
            return embedding(previous, gates), embedding(previous, deep)
        embedded = self.embedding(previous)
        return self._lowest.project(embedded), self.readout.project(embedded)

    @abstractmethod
    def _stepper(self, memory: DecoderMemory, hypotheses: int) -> Step:
        """The decoder along one sequence: what makes one step."""

    def _unroll(self, embedded: Tensor, deep: Tensor, memory: DecoderMemory, state: DecoderState) -> Unrolled:
        """All steps of embeddings (B, T, E), which add (B, T, R) to a deep output; memory and state have B rows."""
        step, results = self._stepper(memory, 1), []
        if self.compiles and torch.is_grad_enabled():
            step = compiled(step)
        for projected, deep_term in zip(self._lowest.project(embedded).unbind(1), deep.unbind(1), strict=True):
            results.append(step(projected, deep_term, state))
            state = results[-1].state
        outputs, states, contexts = zip(*results, strict=True)
        feed = torch.stack([after.feed for after in states], dim=1)
        return Unrolled(torch.stack(outputs, dim=1), joined(contexts), feed)

    def _mixes_first(self, values: Tensor) -> bool:
        """Whether the recurrence needs the context as such: then there is no use in projecting what it is mixed of."""
        return False

    def _project_to_gates(self, values: Tensor) -> Tensor:
        """What values (B, M * S, H) add to the gates that read the context: (B, M * S, G * D), or (B, M * S, 0)."""
        return values[:, :, :0]

    @property
    def _lowest(self) -> RecurrentLayer:
        return cast(RecurrentLayer, self.rnn.layers[0])

    def _extra_weight(self) -> Tensor:
        """(G * D, F) the lowest layer's, of what it reads beside the embedding."""
        return self._lowest.weight_input[:, self.embedding.table.embedding_dim :]

    def _readouts(self, unrolled: Unrolled, deep: Tensor, memory: DecoderMemory) -> Tensor:
        """What `forward` returns, with deep outputs (B, T, R)."""
        if self.latent:
            return self.readout(unrolled.outputs.unsqueeze(2), deep.unsqueeze(2), memory.readouts.unsqueeze(1))
        context, projected = unrolled.context, memory.readouts
        if projected.shape[2]:
            return self.readout(unrolled.outputs, deep, repeated(projected)(context.weights))
        return self.readout(unrolled.outputs, deep, self.readout.context(context.vectors))

    @staticmethod
    def _mixer(memory: DecoderMemory) -> Mixer:
        """What makes contexts, for readers that project first if the memory holds what they need."""
        return mixer(memory.attended.values, project_first=bool(memory.readouts.shape[2]))
