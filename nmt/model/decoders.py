"""The four decoders, by the order in which they attend and recur.

====================  ==========================================================================================
bahdanau              attends with the state before, then recurs over token and context
conditional           recurs over the token, attends, recurs over the context
luong                 recurs over the token (and the last readout), then attends
gnmt                  the lowest layer recurs and attends, the others recur over its output and the context
====================  ==========================================================================================
"""

from typing import assert_never

import torch
from torch import Tensor, nn

from nmt.config import ModelConfig
from nmt.model.attention import Attention
from nmt.model.cells import GRU, recurrent_layer
from nmt.model.context import Context, mixer, reader
from nmt.model.decoder import Decoder, DecoderMemory, DecoderState, Step, Stepped, Unrolled
from nmt.model.dropout import SequenceDropout
from nmt.model.kernels.attentive_gru import attentive_gru
from nmt.model.kernels.linear import linear
from nmt.model.kernels.repeated import repeated
from nmt.model.rnn import LayerStepper
from nmt.model.scores import Additive
from nmt.model.stack import RecurrentStack, StackStepper
from nmt.model.windows import Global, closed


class BahdanauDecoder(Decoder):
    """``a_t = attend(s_{t-1})``, ``s_t = f(s_{t-1}, [y_{t-1}; a_t h])`` (Bahdanau et al. 2015, sections 3.1, A.2.2).

    With several layers it is the top layer's own state that attends, without the residual.
    """

    def __init__(self, config: ModelConfig, table: nn.Embedding) -> None:
        super().__init__(config, table, extra_size=config.hidden_size, lowest_layers=config.state_layers)

    def _stepper(self, memory: DecoderMemory, hypotheses: int) -> Step:
        attend, recur = self.attention.stepper(memory.attended, hypotheses), StackStepper(self.rnn)
        mix, read = self._mixer(memory), reader(memory.gates, self._extra_weight())

        def step(projected: Tensor, deep: Tensor, state: DecoderState) -> Stepped:
            weights, attention = attend(state.layers[-1][0], state.attention)
            context = mix(weights)
            output, layers = recur(projected + read(context).flatten(0, 1), state.layers)
            return Stepped(output, DecoderState(layers, attention, state.feed), context)

        return step

    def _project_to_gates(self, values: Tensor) -> Tensor:
        return linear(values, self._extra_weight())

    def _unroll(self, embedded: Tensor, deep: Tensor, memory: DecoderMemory, state: DecoderState) -> Unrolled:
        if not self._is_written_out(memory.attended.values):
            return super()._unroll(embedded, deep, memory, state)
        layer, score = self._lowest, self.attention.score
        assert isinstance(layer, GRU)
        assert isinstance(score, Additive)
        gates, candidate = layer.weight_hidden.split([2 * layer.hidden_size, layer.hidden_size])
        outputs, weights, contexts = (
            each.transpose(0, 1)
            for each in attentive_gru(  # where tanh(x) is 2 sigmoid(2 x) - 1: see `Additive`
                layer.project(embedded.transpose(0, 1).contiguous()),
                memory.attended.values,
                memory.attended.keys,
                2.0 * score.energy[0],
                closed(~memory.attended.mask),
                self._extra_weight(),
                torch.cat([2.0 * score.query.weight, candidate, gates]),
                layer.inner_bias(),
                state.layers[0][0],
            )
        )
        return Unrolled(outputs, Context(weights, contexts), state.feed)

    def _mixes_first(self, values: Tensor) -> bool:
        return self._is_written_out(values)

    def _is_written_out(self, values: Tensor) -> bool:
        """Whether `attentive_gru` serves: training on a CPU, with nothing in the step but what it computes."""
        return self._is_plain and isinstance(self._lowest, GRU) and self._lowest.is_written_out(values)

    @property
    def _is_plain(self) -> bool:
        """Whether it is one layer with Bahdanau's attention (2015), not one derived from it, with keys of its size."""
        attention = self.attention
        return (
            (type(attention), type(attention.score), type(attention.window)) == (Attention, Additive, Global)
            and attention.normalize is torch.softmax
            and attention.coverage is None
            and attention.heads == 1
            and len(self.rnn.layers) == 1
            and attention.score.key_size == self._lowest.hidden_size
        )


class ConditionalDecoder(Decoder):
    """``s' = f(s_{t-1}, y_{t-1})``, ``a_t = attend(s')``, ``s_t = g(s', a_t h)`` (Nematus: Sennrich et al. 2017, 2.1).

    Further layers, if any, recur over ``s_t``.
    """

    def __init__(self, config: ModelConfig, table: nn.Embedding) -> None:
        super().__init__(config, table, extra_size=0, lowest_layers=1)
        size = config.state_size
        self.transition = recurrent_layer(config, config.hidden_size, size)
        above = [recurrent_layer(config, size, size) for _ in range(config.state_layers - 1)]
        self.upper = RecurrentStack(
            above, SequenceDropout(config.dropout, config.variational), config.residual, plain=0
        )

    def _stepper(self, memory: DecoderMemory, hypotheses: int) -> Step:
        attend = self.attention.stepper(memory.attended, hypotheses)
        mix, read = self._mixer(memory), reader(memory.gates, self.transition.weight_input)
        recur, upper = StackStepper(self.rnn), StackStepper(self.upper, on_top=True)
        transition, bias = LayerStepper(self.transition), self.transition.bias

        def step(projected: Tensor, deep: Tensor, state: DecoderState) -> Stepped:
            query, (between,) = recur(projected, state.layers[:1])
            weights, attention = attend(query, state.attention)
            context = mix(weights)
            gates = read(context).flatten(0, 1)
            lowest = transition(gates if bias is None else gates + bias, between)
            output, above = upper.read(lowest[0], state.layers[1:])
            return Stepped(output, DecoderState([lowest, *above], attention, state.feed), context)

        return step

    def _project_to_gates(self, values: Tensor) -> Tensor:
        return linear(values, self.transition.weight_input)


class LuongDecoder(Decoder):
    """``s_t = f(s_{t-1}, [y_{t-1}; readout_{t-1}])``, ``a_t = attend(s_t)`` (Luong et al. 2015, section 3).

    Without input feeding (section 3.3) the step does not depend on the last readout: then a whole target is one fused
    recurrent call and one batched attention.
    """

    def __init__(self, config: ModelConfig, table: nn.Embedding) -> None:
        self.feed_size = config.readout_features if config.input_feeding else 0
        super().__init__(config, table, extra_size=self.feed_size, lowest_layers=config.state_layers)

    def _stepper(self, memory: DecoderMemory, hypotheses: int) -> Step:
        attend, recur = self.attention.stepper(memory.attended, hypotheses), StackStepper(self.rnn)
        project_feed, read_out = repeated(self._extra_weight().t()), self.readout.stepper()
        mix, read = self._mixer(memory), reader(memory.readouts, self.readout.context.weight)

        def step(projected: Tensor, deep: Tensor, state: DecoderState) -> Stepped:
            if self.feed_size:
                projected = projected + project_feed(state.feed)
            output, layers = recur(projected, state.layers)
            weights, attention = attend(output, state.attention)
            context = mix(weights)
            feed = read_out(output, deep, read(context).flatten(0, 1)) if self.feed_size else state.feed
            return Stepped(output, DecoderState(layers, attention, feed), context)

        return step

    def _unroll(self, embedded: Tensor, deep: Tensor, memory: DecoderMemory, state: DecoderState) -> Unrolled:
        if self.feed_size:
            return super()._unroll(embedded, deep, memory, state)
        outputs, _ = self.rnn(embedded, initial=state.layers)
        weights = self.attention(outputs, memory.attended)
        return Unrolled(outputs, self._mixer(memory)(weights), state.feed)

    def _readouts(self, unrolled: Unrolled, deep: Tensor, memory: DecoderMemory) -> Tensor:
        if self.feed_size and not self.latent:
            return unrolled.feed
        return super()._readouts(unrolled, deep, memory)


class GNMTDecoder(Decoder):
    """Attends from the lowest layer; the others read its output and the context (Wu et al. 2016, section 3).

    As in NVIDIA's GNMT v2 the lowest layer does not read the context, so that a whole target is a few fused calls.
    """

    def __init__(self, config: ModelConfig, table: nn.Embedding) -> None:
        super().__init__(config, table, extra_size=0, lowest_layers=1)
        size = config.state_size
        self.between = SequenceDropout(config.dropout, config.variational)
        above = [recurrent_layer(config, size + config.hidden_size, size) for _ in range(config.state_layers - 1)]
        self.upper = RecurrentStack(above, self.between, config.residual)

    def _stepper(self, memory: DecoderMemory, hypotheses: int) -> Step:
        attend, mix = self.attention.stepper(memory.attended, hypotheses), mixer(memory.attended.values)
        recur, upper = StackStepper(self.rnn), StackStepper(self.upper, on_top=True)

        def step(projected: Tensor, deep: Tensor, state: DecoderState) -> Stepped:
            query, lowest = recur(projected, state.layers[:1])
            weights, attention = attend(query, state.attention)
            context = mix(weights)
            output, above = upper.read(query, state.layers[1:], context.vectors.flatten(0, 1))
            return Stepped(output, DecoderState([*lowest, *above], attention, state.feed), context)

        return step

    def _mixes_first(self, values: Tensor) -> bool:
        return True

    def _unroll(self, embedded: Tensor, deep: Tensor, memory: DecoderMemory, state: DecoderState) -> Unrolled:
        queries, _ = self.rnn(embedded, initial=state.layers[:1])
        context = mixer(memory.attended.values)(self.attention(queries, memory.attended))
        outputs, _ = self.upper(self.between(queries), initial=state.layers[1:], contexts=context.mixed)
        return Unrolled(outputs, context, state.feed)


def build_decoder(config: ModelConfig, table: nn.Embedding) -> Decoder:
    """The decoder by the name of its kind."""
    if config.decoder == "bahdanau":
        return BahdanauDecoder(config, table)
    if config.decoder == "conditional":
        return ConditionalDecoder(config, table)
    if config.decoder == "luong":
        return LuongDecoder(config, table)
    if config.decoder == "gnmt":
        return GNMTDecoder(config, table)
    assert_never(config.decoder)
