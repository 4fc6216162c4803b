"""The model in every combination: steps equal teacher forcing, padding and batch change nothing, gradients hold."""

import pytest
import torch
from conftest import build, name_of

from nmt.config import ModelConfig
from nmt.data.batch import Batch
from nmt.model.seq2seq import Seq2Seq
from nmt.training.loss import sequence_loss

SRC = torch.tensor([[2, 5, 6, 7, 8], [2, 9, 4, 0, 0], [2, 0, 0, 0, 0]])
SRC_LENGTHS = torch.tensor([5, 3, 1])
PREVIOUS = torch.tensor([[2, 4, 5, 6], [2, 7, 8, 0], [2, 11, 0, 0]])


def test_steps_equal_teacher_forcing(network: ModelConfig) -> None:
    model = build(network)
    with torch.no_grad():
        readouts, attention = model(SRC, SRC_LENGTHS, PREVIOUS)
        expected = model.logits(readouts).log_softmax(-1)
        memory, state = model.encode(SRC, SRC_LENGTHS)
        for t in range(PREVIOUS.shape[1]):
            log_probs, state, weights = model.step(PREVIOUS[:, t], memory, state)
            torch.testing.assert_close(log_probs, expected[:, t], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(weights, attention[:, t], atol=1e-5, rtol=1e-5)


def test_several_hypotheses_of_a_sentence_share_its_memory(network: ModelConfig) -> None:
    model = build(network)
    with torch.no_grad():
        memory, state = model.encode(SRC, SRC_LENGTHS)
        rows = torch.arange(3).repeat_interleave(2)
        layers = [tuple(each[rows] for each in layer) for layer in state.layers]
        doubled = model.step(
            torch.tensor([4, 5, 6, 7, 8, 9]), memory, state._replace(layers=layers, feed=state.feed[rows])
        )
        for k in range(2):
            alone = model.step(torch.tensor([4, 6, 8]) + k, memory, state)
            torch.testing.assert_close(doubled[0][k::2], alone[0], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(doubled[2][k::2], alone[2], atol=1e-5, rtol=1e-5)


def test_padding_and_batch_change_neither_logits_nor_attention(network: ModelConfig) -> None:
    model = build(network)
    with torch.no_grad():
        readouts, attention = model(torch.cat([SRC, torch.zeros(3, 20, dtype=torch.long)], 1), SRC_LENGTHS, PREVIOUS)
        for row, length in enumerate(SRC_LENGTHS.tolist()):
            alone = model(SRC[row : row + 1, :length], SRC_LENGTHS[row : row + 1], PREVIOUS[row : row + 1])
            torch.testing.assert_close(readouts[row : row + 1], alone[0], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(attention[row : row + 1, :, :length], alone[1], atol=1e-5, rtol=1e-5)
            assert attention[row, :, length:].abs().sum() == 0
        torch.testing.assert_close(attention.sum(-1), torch.ones(3, 4))


def test_padding_changes_neither_loss_nor_gradients() -> None:
    model = build(ModelConfig(embedding_size=6, hidden_size=8, dropout=0.0))
    lengths, ids = torch.tensor([3, 5]), torch.tensor([[2, 4, 3, 0, 0], [2, 5, 6, 7, 3]])
    sources, src_lengths = torch.tensor([[2, 5, 0], [2, 5, 6]]), torch.tensor([2, 3])

    def loss_of(extra: int) -> tuple[float, list[torch.Tensor]]:
        model.zero_grad()
        wider = torch.zeros(2, extra, dtype=torch.long)
        batch = Batch(torch.cat([sources, wider], 1), src_lengths, torch.cat([ids, wider], 1), lengths, torch.arange(2))
        loss = sequence_loss(model, batch, label_smoothing=0.1)
        assert loss.tokens == 2 + 4
        loss.smoothed.backward()
        return loss.smoothed.item(), [parameter.grad.clone() for parameter in model.parameters()]

    (narrow, gradients), (wide, wide_gradients) = loss_of(0), loss_of(7)
    assert narrow == pytest.approx(wide, rel=1e-6)
    torch.testing.assert_close(gradients, wide_gradients, atol=1e-6, rtol=1e-5)


GRADCHECKED = [
    ModelConfig("gru", "bidirectional", "bahdanau", "additive", False, 1, 3, 4, 0.0, "none"),
    ModelConfig("lstm", "reversed", "luong", "general", True, 2, 3, 4, 0.0, "all"),
    ModelConfig("gru", "reversed", "luong", "general", False, 1, 3, 4, 0.0, "output"),
]


@pytest.mark.parametrize("network", GRADCHECKED, ids=name_of)
def test_gradients_of_the_whole_model_against_finite_differences(network: ModelConfig) -> None:
    model = build(network, vocab_size=10, dtype=torch.float64)
    batch = Batch(
        torch.tensor([[2, 5, 6], [2, 7, 0]]),
        torch.tensor([3, 2]),
        torch.tensor([[2, 4, 5, 3], [2, 6, 3, 0]]),
        torch.tensor([4, 3]),
        torch.arange(2),
    )
    loss = sequence_loss(model, batch).smoothed
    loss.backward()
    random = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        direction = torch.randn(parameter.shape, generator=random, dtype=torch.float64)
        step, values = 1e-5, []
        for sign in (1, -1):
            with torch.no_grad():
                parameter += sign * step * direction
                values.append(sequence_loss(model, batch).smoothed.item())
                parameter -= sign * step * direction
        slope = (values[0] - values[1]) / (2 * step)
        assert slope == pytest.approx(float((parameter.grad * direction).sum()), rel=1e-5, abs=1e-7), name


def test_tied_layers_are_one_parameter() -> None:
    sizes = {}
    for tied in ("none", "output", "all"):
        model = Seq2Seq(ModelConfig(embedding_size=8, hidden_size=8, tie_embeddings=tied), 11, 11)
        sizes[tied] = sum(1 for each in model.parameters() if each.shape == (11, 8))
        model.tie()
        assert (model.output.weight is model.decoder.embedding.weight) == (tied != "none")
        assert (model.encoder.embedding.weight is model.decoder.embedding.weight) == (tied == "all")
    assert sizes == {"none": 3, "output": 2, "all": 1}
