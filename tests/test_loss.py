"""What is minimised: each settings against its definition, written out over whole tensors."""

import math
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from conftest import PAIR, build
from torch import Tensor, nn
from torch.nn.utils.prune import l1_unstructured

from nmt.config import AttentionConfig, ModelConfig, TrainingConfig
from nmt.model.context import Context
from nmt.model.decoder import Unrolled
from nmt.model.seq2seq import Seq2Seq
from nmt.training import loss as losses
from nmt.training.cross_entropy import PIECE_LOGITS, PIECE_TOKENS, ROUNDED_ROWS, linear_cross_entropy, piece_rows
from nmt.training.loss import PLAIN, sampled_previous, sequence_loss, tokens_at_once

SOFT = ModelConfig(embedding_size=6, hidden_size=8, dropout=0.0)
LATENT = replace(SOFT, alignment="latent", decoder="luong", input_feeding=False)
REAL = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
"""Sentence and step of each token to predict."""


def predict(model: Seq2Seq) -> tuple[Tensor, Tensor]:
    """Log-probabilities (B, T, V) and attention (B, T, S) under teacher forcing."""
    readouts, attention = model(PAIR.src_ids, PAIR.src_lengths, PAIR.tgt_ids[:, :-1])
    return model.log_probs(readouts, attention), attention


def nll_of(log_probs: Tensor) -> Tensor:
    return -sum(log_probs[b, t, PAIR.tgt_ids[b, t + 1]] for b, t in REAL)


@pytest.mark.parametrize("network", [SOFT, LATENT], ids=["soft", "latent"])
def test_cross_entropy_is_summed_over_real_tokens_and_smoothed_over_the_vocabulary(network: ModelConfig) -> None:
    model = build(network, vocab_size=10)
    log_probs, _ = predict(model)
    loss = sequence_loss(model, PAIR, TrainingConfig())
    even = -sum(log_probs[b, t].mean() for b, t in REAL)
    assert loss.tokens == 5
    torch.testing.assert_close(loss.nll, nll_of(log_probs).detach())
    torch.testing.assert_close(loss.total, 0.9 * nll_of(log_probs) + 0.1 * even)
    torch.testing.assert_close(sequence_loss(model, PAIR).total, nll_of(log_probs))
    assert not loss.nll.requires_grad


def test_a_loss_knows_what_each_real_token_attended_to() -> None:
    model = build(SOFT, vocab_size=10)
    _, attention = predict(model)
    for settings in (PLAIN, replace(PLAIN, r_drop=1.0)):
        found = sequence_loss(model, PAIR, settings).attention
        torch.testing.assert_close(found, torch.stack([attention[b, t] for b, t in REAL]).detach())
        assert not found.requires_grad


def test_a_latent_alignment_is_the_sum_over_source_positions() -> None:
    """Deng et al. 2018: p(y) = sum_s a_s p(y | s), where p(y | s) sees the state of position s for the context."""
    model = build(LATENT, vocab_size=10)
    readouts, attention = model(PAIR.src_ids, PAIR.src_lengths, PAIR.tgt_ids[:, :-1])
    assert readouts.shape == (2, 3, 3, 8)
    found = model.log_probs(readouts, attention)
    expected = torch.stack(
        [attention[..., s, None] * model.output(readouts[:, :, s]).softmax(-1) for s in range(3)]
    ).sum(0)
    torch.testing.assert_close(found.exp(), expected)
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(2, 3))


def test_a_latent_alignment_is_summed_over_in_pieces_in_inference(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(LATENT, vocab_size=10)
    with torch.no_grad():
        readouts, attention = model(PAIR.src_ids, PAIR.src_lengths, PAIR.tgt_ids[:, :-1])
        with torch.enable_grad():  # as in training
            at_once = model.log_probs(readouts, attention).detach()
        monkeypatch.setattr("nmt.model.seq2seq.LATENT_LOGITS", 2 * attention.shape[-1] * 10)
        torch.testing.assert_close(model.log_probs(readouts, attention), at_once)
        torch.testing.assert_close(model.log_probs(readouts[:, 0], attention[:, 0]), at_once[:, 0])


def test_a_latent_alignment_that_is_certain_is_a_soft_one() -> None:
    attention = AttentionConfig("location", "local_m", reach=1, positions=4)
    latent = build(replace(LATENT, attention=attention), vocab_size=10)
    soft = build(replace(LATENT, attention=attention, alignment="soft"), vocab_size=10)
    with torch.no_grad():
        for model in (latent, soft):
            model.decoder.attention.score.query.weight.zero_()
    outputs = torch.randn(2, 1, 8)
    deep, certain = torch.zeros(2, 1, 8), torch.tensor([[[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]]])
    memory, state = latent.encode(PAIR.src_ids, PAIR.src_lengths)
    unrolled = Unrolled(outputs, Context(certain, None), state.feed)
    results = [each.decoder._readouts(unrolled, deep, memory) for each in (latent, soft)]
    torch.testing.assert_close(latent.log_probs(results[0], certain), soft.log_probs(results[1], certain))


def test_guided_alignment_is_the_cross_entropy_between_links_and_attention() -> None:
    model = build(SOFT, vocab_size=10)
    gold = torch.zeros(2, 3, 3)
    gold[0, 0, 1], gold[0, 1, 1:], gold[1, 0, 1] = 1.0, 0.5, 1.0  # EOS and what is not aligned: nothing
    log_probs, attention = predict(model)
    found = sequence_loss(model, PAIR._replace(alignment=gold), replace(PLAIN, guided_alignment=0.3)).total
    logs = attention.log()
    expected = -(logs[0, 0, 1] + 0.5 * (logs[0, 1, 1] + logs[0, 1, 2]) + logs[1, 0, 1])
    torch.testing.assert_close(found, nll_of(log_probs) + 0.3 * expected)


def test_guided_alignment_goes_to_what_is_within_reach_of_a_window() -> None:
    config = replace(SOFT, attention=replace(SOFT.attention, window="local_m", reach=1))
    model = build(config, vocab_size=10)
    gold = torch.zeros(2, 3, 3)
    gold[0, 0, 1], gold[0, 2, 0], gold[0, 2, 2] = 1.0, 0.5, 0.5  # of the last, only one position is open
    log_probs, attention = predict(model)
    assert attention[0, 2, 0] == 0
    found = sequence_loss(model, PAIR._replace(alignment=gold), replace(PLAIN, guided_alignment=1.0))
    expected = -(attention[0, 0, 1].log() + attention[0, 2, 2].log())
    torch.testing.assert_close(found.added["guided_alignment"], expected)
    torch.testing.assert_close(found.total, nll_of(log_probs) + expected)


def test_r_drop_without_dropout_is_the_plain_loss() -> None:
    model = build(SOFT, vocab_size=10)
    plain, r_drop = (sequence_loss(model, PAIR, TrainingConfig(r_drop=alpha)) for alpha in (0.0, 5.0))
    torch.testing.assert_close(r_drop.total, plain.total)
    torch.testing.assert_close(r_drop.nll, plain.nll)
    guided = PAIR._replace(alignment=torch.eye(3).expand(2, 3, 3))
    plain, r_drop = (
        sequence_loss(model, guided, TrainingConfig(guided_alignment=0.3, r_drop=alpha)) for alpha in (0.0, 5.0)
    )
    torch.testing.assert_close(r_drop.total, plain.total)
    torch.testing.assert_close(r_drop.added["guided_alignment"], plain.added["guided_alignment"])


@pytest.mark.parametrize("network", [SOFT, LATENT], ids=["soft", "latent"])
def test_r_drop_adds_the_divergence_between_two_dropout_masks(network: ModelConfig) -> None:
    model = build(replace(network, dropout=0.4), vocab_size=10).train()
    torch.manual_seed(4)
    found = sequence_loss(model, PAIR, replace(PLAIN, r_drop=5.0))
    torch.manual_seed(4)
    (one, _), (other, _) = predict(model), predict(model)
    divergence = sum(
        (p[b, t].exp() * (p[b, t] - q[b, t])).sum() for b, t in REAL for p, q in ((one, other), (other, one))
    )
    assert divergence.item() > 0.01
    torch.testing.assert_close(found.total, (nll_of(one) + nll_of(other)) / 2 + 5.0 / 4 * divergence)


def test_gradients_are_the_same_whatever_the_size_of_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    for network in (SOFT, LATENT):
        model = build(network, vocab_size=10)
        results = []
        for size in (512, 2):
            monkeypatch.setattr(losses, "PIECE_TOKENS", size)
            monkeypatch.setattr("nmt.training.cross_entropy.PIECE_TOKENS", size)
            model.zero_grad()
            sequence_loss(model, PAIR, TrainingConfig()).total.backward()
            results.append([parameter.grad.clone() for parameter in model.parameters()])
        torch.testing.assert_close(*results)


@pytest.mark.usefixtures("library")
def test_a_loss_that_serves_once_says_so() -> None:
    model = build(SOFT, vocab_size=10)
    total = sequence_loss(model, PAIR).total
    total.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match=r"serves once; for another, compute `Seq2Seq.log_probs`"):
        total.backward()


class _Adapted(nn.Module):
    """A layer in whose place another stands: frozen, with something beside it, and dropout."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.adapter = nn.Sequential(nn.Dropout(0.5), nn.Linear(8, 2), nn.Linear(2, 10))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs) + self.adapter(inputs)


@pytest.mark.parametrize("network", [SOFT, LATENT], ids=["soft", "latent"])
@pytest.mark.parametrize("r_drop", [0.0, 1.0])
def test_what_stands_in_place_of_the_output_layer_is_trained(network: ModelConfig, r_drop: float) -> None:
    model = build(network, vocab_size=10)
    model.output = _Adapted(model.output).eval()
    torch.testing.assert_close(sequence_loss(model, PAIR).total, nll_of(predict(model)[0]))
    model.train()
    losses, gradients = [], []
    for _ in range(2):
        torch.manual_seed(1)
        losses.append(sequence_loss(model, PAIR, replace(PLAIN, r_drop=r_drop)).total)
        torch.manual_seed(len(losses))  # the way back draws what the way there drew
        gradients.append(torch.autograd.grad(losses[-1], list(model.output.adapter.parameters())))
    torch.testing.assert_close(gradients[0], gradients[1])
    assert all(gradient.abs().sum() > 0 for gradient in gradients[0])


def test_hooks_of_the_output_layer_have_their_say() -> None:
    model = build(SOFT, vocab_size=10)
    model.output.register_forward_hook(lambda layer, inputs, outputs: 0.0 * outputs)
    assert sequence_loss(model, PAIR).total.item() == pytest.approx(5 * math.log(10))
    pruned = build(SOFT, vocab_size=10)
    l1_unstructured(pruned.output, "weight", 0.5)
    for _ in range(2):  # a hook makes the weight anew each time
        sequence_loss(pruned, PAIR).total.backward()
    assert pruned.output.weight_orig.grad.abs().sum() > 0


def test_the_gradient_of_a_wide_output_layer_lies_as_its_weight() -> None:
    """torch's fused Adam reads both one after the other, in the order of memory."""
    readouts, weight, bias = torch.randn(150, 6), torch.randn(40, 6), torch.randn(40)
    targets = torch.randint(40, (150,))
    leaves = [each.requires_grad_() for each in (readouts, weight, bias)]
    total, _ = linear_cross_entropy(*leaves, targets, 0.1)
    found = torch.autograd.grad(2.0 * total, leaves)
    logits = torch.nn.functional.linear(*leaves)
    expected = torch.nn.functional.cross_entropy(logits, targets, reduction="sum", label_smoothing=0.1)
    torch.testing.assert_close(found, torch.autograd.grad(2.0 * expected, leaves), rtol=1e-4, atol=1e-4)
    assert all(gradient.stride() == leaf.stride() for gradient, leaf in zip(found, leaves, strict=True))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_in_low_precision_too_the_gradients_are_those_of_all_pieces(smoothing: float) -> None:
    torch.manual_seed(0)
    readouts, weight, bias = torch.randn(2 * PIECE_TOKENS + 100, 6), torch.randn(40, 6), torch.randn(40)
    targets = torch.randint(40, (len(readouts),))
    leaves = [each.requires_grad_() for each in (readouts, weight, bias)]
    with torch.autocast("cpu", torch.bfloat16):
        total, nll = linear_cross_entropy(*leaves, targets, smoothing)
    found = torch.autograd.grad(total, leaves)
    logits = torch.nn.functional.linear(*leaves)
    expected = torch.nn.functional.cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)
    plain = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    torch.testing.assert_close((total, nll), (expected, plain), rtol=0.01, atol=0.0)
    for own, right in zip(found, torch.autograd.grad(expected, leaves), strict=True):
        assert (own - right).norm() < 0.02 * right.norm()


def test_pieces_are_of_few_sizes_and_leave_little_to_fill() -> None:
    rows = {tokens: piece_rows(tokens, 8000, "cpu") for tokens in range(1, 4000)}
    assert len(set(rows.values())) <= PIECE_TOKENS // ROUNDED_ROWS
    assert max(rows.values()) == PIECE_TOKENS
    assert sum(-tokens % each for tokens, each in rows.items()) < 0.03 * sum(rows)
    assert piece_rows(5000, 8000, "cuda") == 5000
    for tokens in (0, 1, 10_000, 50_000):
        size = piece_rows(tokens, 8000, "cuda")
        assert 8000 <= size * 8000 <= PIECE_LOGITS
        assert tokens == 0 or -tokens % size < 10


def test_pieces_with_gradients_are_as_small_as_memory_needs() -> None:
    assert tokens_at_once(1, 8000, "cpu") == PIECE_TOKENS
    assert tokens_at_once(30, 8000, "cpu") == PIECE_TOKENS // 30
    assert PIECE_LOGITS / 8 < tokens_at_once(30, 8000, "cuda") * 30 * 8000 <= PIECE_LOGITS / 4
    assert tokens_at_once(1, PIECE_LOGITS, "cuda") == 1


def test_scheduled_sampling_replaces_previous_words_but_never_the_first_token_or_the_padding() -> None:
    model = build(SOFT, vocab_size=10)
    with torch.no_grad():
        model.output.bias[8] += 1000.0  # the model is certain of type 8
    torch.testing.assert_close(sampled_previous(model, PAIR, 0.0), PAIR.tgt_ids[:, :-1])
    assert sampled_previous(model, PAIR, 1.0).tolist() == [[2, 8, 8], [2, 8, 3]]
    torch.manual_seed(0)
    replaced = sum((sampled_previous(model, PAIR, 0.3) == 8).sum().item() for _ in range(400))
    assert replaced / (3 * 400) == pytest.approx(0.3, abs=0.05)


def test_scheduled_sampling_draws_from_the_model() -> None:
    model = build(SOFT, vocab_size=10)
    log_probs, _ = predict(model)
    torch.manual_seed(0)
    drawn = torch.stack([sampled_previous(model, PAIR, 1.0)[0, 1] for _ in range(2000)])
    share = (drawn == int(log_probs[0, 0].argmax())).float().mean().item()
    assert share == pytest.approx(math.exp(log_probs[0, 0].max().item()), abs=0.05)


def test_word_dropout_zeroes_whole_embeddings() -> None:
    model = build(replace(SOFT, word_dropout=0.5), vocab_size=10).train()
    torch.manual_seed(0)
    embedded = model.encoder.embedding(torch.full((20, 10), 5))
    zero = (embedded == 0).all(-1)
    assert zero.float().mean().item() == pytest.approx(0.5, abs=0.1)
    torch.testing.assert_close(embedded[~zero], model.encoder.embedding.table.weight[5].expand_as(embedded[~zero]))
    assert not (model.eval().encoder.embedding(torch.full((20, 10), 5)) == 0).any()


@pytest.mark.parametrize("settings", [TrainingConfig(), replace(PLAIN, guided_alignment=0.5, r_drop=1.0)])
@pytest.mark.parametrize("sampling", [0.0, 0.5])
@pytest.mark.parametrize("network", [SOFT, LATENT])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_a_step_asks_the_device_for_nothing(
    network: ModelConfig, settings: TrainingConfig, sampling: float, layer_norm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On meta, where there are no values: what needs one, such as the number of real tokens, the host must know."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda *_: False)
    model = build(replace(network, layer_norm=layer_norm), vocab_size=10).train().to("meta")
    batch = PAIR._replace(alignment=torch.rand(2, 3, 3)).to(torch.device("meta"))
    loss = sequence_loss(model, batch, settings, sampling)
    assert loss.tokens == len(REAL)
    loss.total.backward()
    assert all(each.grad is not None and each.grad.is_meta for each in model.parameters())
