"""The model in every combination: steps equal teacher forcing, padding and batch change nothing, gradients hold."""

import doctest
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from conftest import CELL_KINDS, DECODERS, NETWORKS, PAIR, build, name_of, step_log_probs
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import PackedSequence
from torch.utils._python_dispatch import TorchDispatchMode

from nmt.config import AttentionConfig, ModelConfig, TrainingConfig
from nmt.data.batch import Batch
from nmt.decoding.search import select_rows
from nmt.model import attention
from nmt.model.cells import CELLS
from nmt.model.rnn import RecurrentLayer
from nmt.model.scores import Dot
from nmt.model.seq2seq import Seq2Seq
from nmt.training.cross_entropy import linear_cross_entropy
from nmt.training.loss import sequence_loss

SRC = torch.tensor([[2, 5, 6, 7, 8], [2, 9, 4, 0, 0], [2, 0, 0, 0, 0]])
SRC_LENGTHS = torch.tensor([5, 3, 1])
PREVIOUS = torch.tensor([[2, 4, 5, 6], [2, 7, 8, 0], [2, 11, 0, 0]])


def test_steps_equal_teacher_forcing(network: ModelConfig) -> None:
    model = build(network)
    with torch.no_grad():
        readouts, attention = model(SRC, SRC_LENGTHS, PREVIOUS)
        expected = model.log_probs(readouts, attention)
        memory, state = model.encode(SRC, SRC_LENGTHS)
        for t in range(PREVIOUS.shape[1]):
            log_probs, state, weights = step_log_probs(model, PREVIOUS[:, t], memory, state)
            torch.testing.assert_close(log_probs, expected[:, t], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(weights, attention[:, t], atol=1e-5, rtol=1e-5)


def test_several_hypotheses_of_a_sentence_share_its_memory(network: ModelConfig) -> None:
    model = build(network)
    with torch.no_grad():
        memory, state = model.encode(SRC, SRC_LENGTHS)
        previous = torch.tensor([4, 5, 6, 7, 8, 9])
        doubled = select_rows(state, torch.arange(3).repeat_interleave(2))
        alone = [state, state]
        for _ in range(2):
            log_probs, doubled, attention = step_log_probs(model, previous, memory, doubled)
            for k in range(2):
                expected = step_log_probs(model, previous[k::2], memory, alone[k])
                alone[k] = expected[1]
                torch.testing.assert_close(log_probs[k::2], expected[0], atol=1e-5, rtol=1e-5)
                torch.testing.assert_close(attention[k::2], expected[2], atol=1e-5, rtol=1e-5)


def test_padding_and_batch_change_neither_probabilities_nor_attention(network: ModelConfig) -> None:
    model = build(network)
    with torch.no_grad():
        padded = torch.cat([SRC, torch.zeros(3, 20, dtype=torch.long)], 1)
        readouts, attention = model(padded, SRC_LENGTHS, PREVIOUS)
        together = model.log_probs(readouts, attention)
        for row, length in enumerate(SRC_LENGTHS.tolist()):
            alone = model(SRC[row : row + 1, :length], SRC_LENGTHS[row : row + 1], PREVIOUS[row : row + 1])
            torch.testing.assert_close(together[row], model.log_probs(*alone)[0], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(attention[row, :, :length], alone[1][0], atol=1e-5, rtol=1e-5)
            assert attention[row, :, length:].abs().sum() == 0
        torch.testing.assert_close(attention.sum(-1), torch.ones(3, 4))


def test_gradients_against_finite_differences(network: ModelConfig) -> None:
    """All parameters along one direction: the slope of the loss is the gradient's part in it."""
    model = build(network, vocab_size=10, dtype=torch.float64)
    sequence_loss(model, PAIR).total.backward()
    random = torch.Generator().manual_seed(0)
    directions = [torch.randn(each.shape, generator=random, dtype=torch.float64) for each in model.parameters()]
    assert [name for name, each in model.named_parameters() if each.grad is None] == []
    expected = sum((each.grad * way).sum().item() for each, way in zip(model.parameters(), directions, strict=True))
    values, size = [], 1e-6
    with torch.no_grad():
        for move in (size, -2 * size):
            for each, direction in zip(model.parameters(), directions, strict=True):
                each += move * direction
            values.append(sequence_loss(model, PAIR).total.item())
    assert (values[0] - values[1]) / (2 * size) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_the_chunked_loss_is_torchs_cross_entropy(dtype: torch.dtype, error: float) -> None:
    torch.manual_seed(0)
    sizes = (1100, 6), (9, 6), (9,)
    readouts, weight, bias = (torch.randn(*size, dtype=dtype, requires_grad=True) for size in sizes)
    targets = torch.randint(9, (1100,))
    expected = cross_entropy(readouts @ weight.T + bias, targets, reduction="sum", label_smoothing=0.1)
    gradients = torch.autograd.grad(expected, (readouts, weight, bias))
    smoothed, nll = linear_cross_entropy(readouts, weight, bias, targets, 0.1)
    torch.testing.assert_close(smoothed, expected)
    torch.testing.assert_close(nll, cross_entropy(readouts @ weight.T + bias, targets, reduction="sum"))
    found = torch.autograd.grad(smoothed, (readouts, weight, bias))
    torch.testing.assert_close(found, gradients, rtol=error, atol=error)  # sums of 1,100 tokens


def test_padding_changes_neither_loss_nor_gradients() -> None:
    model = build(ModelConfig(embedding_size=6, hidden_size=8, dropout=0.0))
    lengths, ids = torch.tensor([3, 5]), torch.tensor([[2, 4, 3, 0, 0], [2, 5, 6, 7, 3]])
    sources, src_lengths = torch.tensor([[2, 5, 0], [2, 5, 6]]), torch.tensor([2, 3])

    def loss_of(extra: int) -> tuple[float, list[torch.Tensor]]:
        model.zero_grad()
        wider = torch.zeros(2, extra, dtype=torch.long)
        batch = Batch(torch.cat([sources, wider], 1), src_lengths, torch.cat([ids, wider], 1), lengths, torch.arange(2))
        loss = sequence_loss(model, batch, TrainingConfig())
        assert loss.tokens == 2 + 4
        loss.total.backward()
        return loss.total.item(), [parameter.grad.clone() for parameter in model.parameters()]

    (narrow, gradients), (wide, wide_gradients) = loss_of(0), loss_of(7)
    assert narrow == pytest.approx(wide, rel=1e-6)
    torch.testing.assert_close(gradients, wide_gradients, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("decoder", "plain"), [("bahdanau", 1), ("conditional", 1), ("luong", 1), ("gnmt", 2)])
def test_residual_layers_are_all_but_the_lowest(decoder: str, plain: int) -> None:
    for layers in range(2 if decoder == "gnmt" else 1, 4):
        config = ModelConfig(decoder=decoder, layers=layers, encoder="forward", embedding_size=6, hidden_size=8)
        memory, state = build(config).encode(SRC, SRC_LENGTHS)
        one, other = (
            build(replace(config, residual=residual)).decoder(PREVIOUS, memory, state)[0] for residual in (False, True)
        )
        assert torch.equal(one, other) == (layers <= plain)


def test_parameters_of_ones_own_keep_what_they_were_made_with(monkeypatch: pytest.MonkeyPatch) -> None:
    class Warm(Dot):
        """Divided by a temperature that is learned."""

        def __init__(self, state_size: int) -> None:
            super().__init__(state_size)
            self.temperature = torch.nn.Parameter(torch.tensor(10.0))

    monkeypatch.setattr(attention, "build_score", lambda config, query_size, state_size: Warm(state_size))
    model = Seq2Seq(ModelConfig(embedding_size=6, hidden_size=8, layer_norm=True), 10, 10)
    assert model.decoder.attention.score.temperature.item() == 10
    for name, parameter in model.named_parameters():
        assert "temperature" in name or "norms" in name or 0 < parameter.abs().mean().item() < 0.3


@pytest.mark.parametrize("cell", CELL_KINDS)
@pytest.mark.parametrize("decoder", DECODERS, ids=str)
def test_gradients_stay_bounded_where_words_are_dropped_before_layer_normalisation(
    decoder: dict[str, Any], cell: Any
) -> None:
    """As a state of zeros would be normalised, again and again, in sentences that begin with dropped words."""
    sizes = {"embedding_size": 32, "hidden_size": 32}
    network = ModelConfig(**decoder, **sizes, cell=cell, layers=2, layer_norm=True, word_dropout=0.5)
    chance = torch.Generator().manual_seed(0)
    src_ids, tgt_ids = (torch.randint(4, 50, (8, 12), generator=chance) for _ in range(2))
    batch = Batch(src_ids, torch.full((8,), 12), tgt_ids, torch.full((8,), 12), torch.arange(8))
    torch.manual_seed(1)
    model = Seq2Seq(network, 50, 50).train()
    for _ in range(3):
        model.zero_grad()
        loss = sequence_loss(model, batch)
        (loss.total / loss.tokens).backward()
        assert nn.utils.get_total_norm([each.grad for each in model.parameters()]) < 20


@pytest.mark.parametrize("network", NETWORKS[::20], ids=name_of)
def test_tables_are_of_a_copy_and_change_nothing_of_the_network(network: ModelConfig) -> None:
    model = build(network)

    def found(by: Seq2Seq) -> Tensor:
        return step_log_probs(by, PREVIOUS[:, 0], *by.encode(SRC, SRC_LENGTHS))[0]

    with torch.inference_mode():
        expected, tabulated = found(model), model.tabulated()
        torch.testing.assert_close(found(tabulated), expected)
    model.zero_grad()
    found(model).amax(dim=1).sum().backward()  # the network itself is trained as ever,
    assert model.decoder.embedding.table.weight.grad is not None
    with torch.no_grad():
        model.decoder.embedding.table.weight.neg_()  # layer normalisation would undo a change of size
        assert not torch.allclose(found(model), expected)  # and never sees an old table


def test_tables_are_looked_up() -> None:
    model = build(ModelConfig(embedding_size=8, hidden_size=8)).eval()
    with torch.inference_mode():
        tabulated = model.tabulated()
        memory, state = model.encode(SRC, SRC_LENGTHS)
        expected = step_log_probs(model, PREVIOUS[:, 0], memory, state)[0]
        model.decoder.embedding.table.weight.zero_()
        torch.testing.assert_close(step_log_probs(tabulated, PREVIOUS[:, 0], memory, state)[0], expected)


def test_tied_layers_are_one_parameter() -> None:
    sizes = {}
    for tied in ("none", "output", "source", "all"):
        model = Seq2Seq(ModelConfig(embedding_size=8, hidden_size=8, tie_embeddings=tied), 11, 11)
        sizes[tied] = sum(1 for each in model.parameters() if each.shape == (11, 8))
        model.tie()
        table = model.decoder.embedding.table.weight
        assert (model.output.weight is table) == (tied in ("output", "all"))
        assert (model.encoder.embedding.table.weight is table) == (tied in ("source", "all"))
    assert sizes == {"none": 3, "output": 2, "source": 2, "all": 1}
    for tied in ("source", "all"):
        with pytest.raises(ValueError, match=f"'{tied}' .* none or output: there are 50 source types and 11 target"):
            Seq2Seq(ModelConfig(embedding_size=8, hidden_size=8, tie_embeddings=tied), 50, 11)
    assert ModelConfig(embedding_size=8, hidden_size=16, tie_embeddings="source").readout_features == 16


def in_precision(tree: Any, precision: torch.dtype) -> Any:
    is_one = isinstance(tree, Tensor | PackedSequence)
    return tree.to(precision) if is_one else tuple(in_precision(each, precision) for each in tree)


def as_cudnn(patch: pytest.MonkeyPatch) -> None:
    """Makes torch's kernels do under autocast what cuDNN's do: give float16 whatever is asked for."""
    for kernel in (nn.RNN, nn.GRU, nn.LSTM):

        def forward(self: nn.RNNBase, *inputs: Any, usual: Callable = kernel.forward) -> Any:
            if not torch.is_autocast_enabled("cpu"):
                return usual(self, *inputs)
            with torch.autocast("cpu", enabled=False):
                return in_precision(usual(self, *in_precision(inputs, torch.float32)), torch.float16)

        patch.setattr(kernel, "forward", forward)
    of_cuda = partial(RecurrentLayer.has_kernel_of, "cuda")
    for cell in CELLS.values():
        patch.setattr(cell, "has_kernel_of", staticmethod(lambda kind, precision: of_cuda(precision)))


@pytest.mark.parametrize("like_cudnn", [False, True])
@pytest.mark.parametrize("network", NETWORKS[::9], ids=name_of)
def test_under_autocast_a_step_trains_and_translates(
    network: ModelConfig, like_cudnn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if like_cudnn:
        as_cudnn(monkeypatch)
    model = build(network, vocab_size=10).train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = sequence_loss(model, PAIR, TrainingConfig()).total
        memory, state = model.encode(PAIR.src_ids, PAIR.src_lengths)
        log_probs, state, attention = step_log_probs(model, torch.tensor([4, 5]), memory, state)
    if network.cell != "elman":  # which carries nothing along
        assert {part.dtype for layer in state.layers for part in layer} == {torch.float32}
    loss.backward()
    assert loss.dtype == log_probs.dtype == torch.float32
    assert all(each.grad.dtype == torch.float32 and each.grad.isfinite().all() for each in model.parameters())
    torch.testing.assert_close(attention.sum(-1).float(), torch.ones(2), atol=0.01, rtol=0)
    full = sequence_loss(model, PAIR, TrainingConfig()).total
    assert loss.item() == pytest.approx(full.item(), rel=0.1)


@pytest.mark.parametrize("network", NETWORKS[::8], ids=name_of)
def test_a_look_at_a_gradient_leaves_nothing_to_the_next_backward_pass(network: ModelConfig) -> None:
    """As for saliency: the pass goes to the encoder's states only, and no product is told of its matrix's gradient."""
    model = build(network)
    targets = torch.tensor([[4, 5, 6, 3], [7, 8, 3, 0], [11, 3, 0, 0]]).unsqueeze(2)

    def gradients(look: bool) -> list[Tensor | None]:
        encoded = model.encoder(SRC, SRC_LENGTHS)
        readouts, attention = model.decoder(PREVIOUS, *model.decoder.start(encoded))
        loss = -model.log_probs(readouts, attention).gather(2, targets).sum()
        if look:
            torch.autograd.grad(loss, encoded.states, retain_graph=True)
        return list(torch.autograd.grad(loss, list(model.parameters()), allow_unused=True))

    for plain, looked in zip(gradients(False), gradients(True), strict=True):
        assert (plain is None) == (looked is None)
        if plain is not None:
            torch.testing.assert_close(looked, plain)


def test_the_example_of_the_package_holds() -> None:
    import nmt.model

    assert doctest.testmod(nmt.model).attempted > 5
    assert doctest.testmod(nmt.model).failed == 0


class _Casts(TorchDispatchMode):
    """Notes the shapes of what is rounded to bfloat16."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if (kwargs or {}).get("dtype") == torch.bfloat16:
            self.shapes.append(tuple(args[0].shape))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", ["bahdanau", "conditional", "luong"])
def test_a_step_in_bfloat16_rounds_neither_the_states_nor_a_matrix_that_it_does_not_need(kind: str) -> None:
    network = ModelConfig(decoder=kind, embedding_size=6, hidden_size=8)  # type: ignore[arg-type]
    model, noted = build(network), _Casts()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        memory, state = model.encode(PAIR.src_ids, PAIR.src_lengths, single=True)
        with noted:
            model.advance(torch.tensor([2, 2]), memory, state)
    assert (8, 24) in noted.shapes  # the recurrent matrix
    assert tuple(memory.attended.values.shape) not in noted.shapes
    assert tuple(model.decoder.rnn.layers[0].weight_input.t().shape) not in noted.shapes


@pytest.mark.parametrize("coverage", ["none", "linguistic"])
@pytest.mark.parametrize("decoder", DECODERS, ids=str)
def test_attention_is_the_mean_of_heads(decoder: dict[str, Any], coverage: str) -> None:
    attention = AttentionConfig(heads=2, coverage=coverage)
    model = build(ModelConfig(**decoder, layers=2, attention=attention, embedding_size=6, hidden_size=8, dropout=0.0))
    with torch.no_grad():
        _, mean = model(PAIR.src_ids, PAIR.src_lengths, PAIR.tgt_ids[:, :-1])
        heads = model.decoder.heads(PAIR.tgt_ids[:, :-1], *model.encode(PAIR.src_ids, PAIR.src_lengths))
    assert heads.shape == (2, 3, 2, 3)
    torch.testing.assert_close(heads.mean(dim=2), mean)
    torch.testing.assert_close(heads.sum(dim=3), torch.ones(2, 3, 2))
