"""The recurrence of Bahdanau et al. 2015 written out: the values and gradients of the decoder's own steps."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from conftest import PAIR, build
from torch import Tensor
from torch.nn.functional import cross_entropy

from nmt.config import AttentionConfig, ModelConfig
from nmt.model import decoders
from nmt.model.decoder import Decoder, DecoderMemory, Step
from nmt.model.decoders import BahdanauDecoder
from nmt.model.kernels.attentive_gru import attentive_gru
from nmt.model.seq2seq import Seq2Seq

PLAIN = ModelConfig(embedding_size=6, hidden_size=8, dropout=0.0)


def arguments(sentences: int = 2, steps: int = 3, positions: int = 4, size: int = 3) -> list[Tensor]:
    torch.manual_seed(0)
    shapes = [(steps, sentences, 3 * size), (sentences, positions, 5), (sentences, positions, size), (size,)]
    shapes += [(sentences, positions), (3 * size, 5), (4 * size, size), (size,), (sentences, size)]
    made = [torch.randn(shape, dtype=torch.float64) for shape in shapes]
    made[2].mul_(-1.0).exp_()
    made[4] = torch.tensor([[0.0] * positions, [0.0] * (positions - 1) + [-1e9]])
    return [each.requires_grad_(place != 4) for place, each in enumerate(made)]


def test_gradients_against_finite_differences() -> None:
    assert torch.autograd.gradcheck(attentive_gru, arguments())


def test_it_follows_the_equations() -> None:
    """Bahdanau et al. 2015, A.1.2 and A.2.2, with the GRU of Cho et al. 2014 (v3)."""
    x, values, keys, energy, score_bias, weight_context, weight_state, bias, state = arguments()
    parts, states, attention, contexts = weight_state.chunk(4), [], [], []
    for t in range(len(x)):
        scores = torch.sigmoid((state @ parts[0].T)[:, None] - keys.log()) @ energy + score_bias
        attention.append(torch.softmax(scores, 1))
        contexts.append((attention[-1][:, :, None] * values).sum(1))
        r, z, n = (x[t] + contexts[-1] @ weight_context.T).chunk(3, 1)
        r, z = torch.sigmoid(r + state @ parts[2].T), torch.sigmoid(z + state @ parts[3].T)
        state = (1 - z) * torch.tanh(n + r * (state @ parts[1].T + bias)) + z * state
        states.append(state)
    expected = tuple(torch.stack(each) for each in (states, attention, contexts))
    torch.testing.assert_close(attentive_gru(*arguments()), expected)
    weights = expected[1]
    assert weights[:, 1, -1].abs().sum() == 0


def losses(model: Seq2Seq) -> tuple[Tensor, list[Tensor]]:
    """A function of readouts and attention, and its gradients."""
    readouts, attention = model(PAIR.src_ids, PAIR.src_lengths, PAIR.tgt_ids[:, :-1])
    loss = cross_entropy(model.output(readouts).flatten(0, 1), PAIR.tgt_ids[:, 1:].flatten())
    loss = loss + (attention * torch.arange(attention.shape[2])).square().sum()
    return loss, list(torch.autograd.grad(loss, list(model.parameters())))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one each time that the decoder takes the written-out recurrence."""
    taken: list[str] = []

    def spy(*each: Tensor) -> tuple[Tensor, ...]:
        taken.append("")
        return attentive_gru(*each)

    monkeypatch.setattr(decoders, "attentive_gru", spy)
    return taken


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("score", ["additive", "concat"])
def test_it_equals_the_steps_in_values_and_gradients(
    dtype: torch.dtype, tolerance: float, score: str, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = replace(PLAIN, attention=AttentionConfig(score))
    model = build(network, dtype=dtype)
    found = losses(model)
    assert len(calls) == 1
    monkeypatch.setattr(BahdanauDecoder, "_unroll", Decoder._unroll)
    expected = losses(model)
    assert len(calls) == 1
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)


def changed(**settings: object) -> ModelConfig:
    return replace(PLAIN, **settings)


def attending(**settings: object) -> ModelConfig:
    return replace(PLAIN, attention=AttentionConfig(**settings))


OTHERS = {
    "cell": changed(cell="gru_reset_first"),
    "lstm": changed(cell="lstm"),
    "layers": changed(layers=2),
    "layer_norm": changed(layer_norm=True),
    "recurrent_dropout": changed(recurrent_dropout=0.3),
    "score": attending(score="general"),
    "size": attending(size=4),
    "heads": attending(heads=2),
    "window": attending(window="local_m"),
    "normalizer": attending(normalizer="entmax15"),
    "coverage": attending(coverage="linguistic"),
}


@pytest.mark.parametrize("network", OTHERS.values(), ids=OTHERS.keys())
def test_other_networks_go_step_by_step(network: ModelConfig, calls: list[str]) -> None:
    losses(build(network).train())
    assert calls == []


def test_so_does_a_decoder_with_a_step_of_its_own(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(BahdanauDecoder):
        def _stepper(self, memory: DecoderMemory, hypotheses: int) -> Step:
            step = super()._stepper(memory, hypotheses)
            return lambda projected, deep, state: step(2.0 * projected, deep, state)

    model = build(PLAIN)
    monkeypatch.setattr(model.decoder, "__class__", Other)
    trained, _ = model(PAIR.src_ids, PAIR.src_lengths, PAIR.tgt_ids[:, :-1])
    assert calls == []
    with torch.no_grad():
        torch.testing.assert_close(trained, model(PAIR.src_ids, PAIR.src_lengths, PAIR.tgt_ids[:, :-1])[0])


@pytest.mark.parametrize("context", [torch.no_grad, lambda: torch.autocast("cpu", torch.bfloat16)])
def test_so_does_what_is_not_trained_in_full_precision(context: Callable, calls: list[str]) -> None:
    model = build(PLAIN).train()
    with context():
        model(PAIR.src_ids, PAIR.src_lengths, PAIR.tgt_ids[:, :-1])
    assert calls == []
    model(PAIR.src_ids, PAIR.src_lengths, PAIR.tgt_ids[:, :-1])
    assert len(calls) == 1
