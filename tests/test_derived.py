"""A class derived from one of the model's own is trained by its own equations, not by those of the other."""

from collections.abc import Callable, Sequence

import pytest
import torch
from conftest import PAIR, build
from torch import Tensor

from nmt.config import CellKind, ModelConfig
from nmt.model.attention import Attention, AttentionStepper, Memory
from nmt.model.cells import CELLS, GRU, LSTM
from nmt.model.decoder import DecoderMemory, DecoderState, Step, Stepped
from nmt.model.decoders import BahdanauDecoder, GNMTDecoder, LuongDecoder
from nmt.model.kernels.repeated import Product
from nmt.model.rnn import RecurrentLayer, State
from nmt.model.scores import Additive, Match
from nmt.model.seq2seq import Seq2Seq
from nmt.model.windows import Global, ScoreBias


class Sharper(Additive):
    def match(self, keys: Tensor) -> Match:
        match = super().match(keys)
        return lambda queries: 5 * match(queries)


class Leaning(Global):
    def score_bias(self, mask: Tensor) -> ScoreBias:
        bias = super().score_bias(mask)
        return lambda queries, steps: bias(queries, steps) + torch.arange(mask.shape[1])


class Even(Attention):
    def stepper(self, memory: Memory, hypotheses: int = 1) -> AttentionStepper:
        return super().stepper(memory._replace(keys=torch.ones_like(memory.keys)), hypotheses)


class Halved(GRU):
    def recur(self, projected: Tensor, state: State, hidden: Tensor, products: Sequence[Product]) -> State:
        (after,) = super().recur(projected, state, hidden, products)
        return (0.5 * after,)


class Forgetless(LSTM):
    def late_bias(self) -> Tensor:
        return super().late_bias() - 2.0


class Doubled:
    """A decoder whose output is twice that of the other."""

    def _stepper(self, memory: DecoderMemory, hypotheses: int) -> Step:
        step = super()._stepper(memory, hypotheses)  # type: ignore[misc]

        def doubled(projected: Tensor, deep: Tensor, state: DecoderState) -> Stepped:
            stepped = step(projected, deep, state)
            return stepped._replace(output=2 * stepped.output)

        return doubled


class DoubledBahdanau(Doubled, BahdanauDecoder):
    pass


class DoubledLuong(Doubled, LuongDecoder):
    pass


class DoubledGNMT(Doubled, GNMTDecoder):
    pass


BAHDANAU = ModelConfig(embedding_size=6, hidden_size=8, dropout=0.0)
LUONG = ModelConfig(embedding_size=6, hidden_size=8, dropout=0.0, decoder="luong", input_feeding=False)
GNMT = ModelConfig(embedding_size=6, hidden_size=8, dropout=0.0, decoder="gnmt", layers=2)


def derive(part: str, kind: type) -> Callable[[Seq2Seq], None]:
    def change(model: Seq2Seq) -> None:
        model.get_submodule(part).__class__ = kind

    return change


DERIVED = [
    (BAHDANAU, derive("decoder.attention.score", Sharper)),
    (BAHDANAU, derive("decoder.attention.window", Leaning)),
    (BAHDANAU, derive("decoder.attention", Even)),
    (BAHDANAU, derive("decoder", DoubledBahdanau)),
    (LUONG, derive("decoder", DoubledLuong)),
    (GNMT, derive("decoder", DoubledGNMT)),
]


@pytest.mark.parametrize(("network", "change"), DERIVED)
def test_training_goes_as_inference_does(network: ModelConfig, change: Callable[[Seq2Seq], None]) -> None:
    model, as_it_was = build(network), build(network)
    change(model)
    inputs = PAIR.src_ids, PAIR.src_lengths, PAIR.tgt_ids[:, :-1]
    trained = model(*inputs)
    with torch.no_grad():
        for position in range(inputs[2].shape[1]):
            memory, state = model.encode(*inputs[:2])
            for t in range(position + 1):
                readouts, state, _ = model.advance(inputs[2][:, t], memory, state)
            torch.testing.assert_close(trained[0][:, position], readouts, atol=1e-5, rtol=1e-5)
        assert not torch.allclose(trained[0], as_it_was(*inputs)[0], atol=1e-3)


@pytest.mark.parametrize("encoder", ["forward", "bidirectional"])
@pytest.mark.parametrize(("cell", "kind"), [("gru", Halved), ("lstm", Forgetless)])
def test_a_cell_derived_from_another_runs_its_own_step(
    encoder: str, cell: CellKind, kind: type[RecurrentLayer], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = ModelConfig(cell=cell, embedding_size=6, hidden_size=8, dropout=0.0, encoder=encoder)  # type: ignore[arg-type]
    model = build(network)
    monkeypatch.setitem(CELLS, cell, kind)
    derived = build(network)
    derived.load_state_dict(model.state_dict())
    inputs = PAIR.src_ids, PAIR.src_lengths, PAIR.tgt_ids[:, :-1]
    trained = derived(*inputs)[0]
    with torch.no_grad():
        torch.testing.assert_close(trained, derived(*inputs)[0], atol=1e-5, rtol=1e-5)
        assert not torch.allclose(trained, model(*inputs)[0], atol=1e-3)
        assert not torch.allclose(derived.encoder(*inputs[:2]).states, model.encoder(*inputs[:2]).states, atol=1e-3)
