"""int8 weights: near the model's own, the same in every batch, a quarter of the size; every network has them."""

import copy
import math
from typing import Any

import pytest
import torch
from conftest import NETWORKS, build, name_of, step_log_probs
from torch import Tensor, nn
from torch.nn import functional

from nmt.config import ModelConfig
from nmt.model.inference import quantized
from nmt.model.inference.quantized import Int8Matrix, can_multiply_bytes, quantize
from nmt.model.seq2seq import Seq2Seq

pytestmark = pytest.mark.skipif(not can_multiply_bytes(), reason="this processor has no fast products of bytes")

SRC = torch.tensor([[2, 5, 6, 7, 8], [2, 9, 4, 0, 0], [2, 0, 0, 0, 0]])
SRC_LENGTHS = torch.tensor([5, 3, 1])
PREVIOUS = torch.tensor([[2, 4, 5, 6], [2, 7, 8, 0], [2, 11, 0, 0]])


linear: Any = functional.linear  # whose stubs know tensors only


def log_probs(model: Seq2Seq, rows: slice = slice(None)) -> Tensor:
    return model.log_probs(*model(SRC[rows], SRC_LENGTHS[rows], PREVIOUS[rows]))


@pytest.mark.parametrize("largest", [0.01, 1.0, 300.0])
@torch.inference_mode()
def test_a_matrix_is_rounded_row_by_row_and_a_product_hardly_more(largest: float) -> None:
    matrix = torch.randn(1500, 40) * torch.logspace(-3, 3, 1500).unsqueeze(1)  # rows of all sizes, two pieces
    rounded = Int8Matrix.of(matrix)
    step = matrix.abs().amax(1, keepdim=True) / 127
    assert ((rounded.float() - matrix).abs() <= 0.501 * step).all()
    inputs, bias = (2 * torch.rand(3, 7, 40) - 1) * largest, torch.randn(1500)
    exact = linear(inputs.double(), rounded.float().double())
    half = max(1.0, 2.0 ** math.ceil(math.log2(largest))) / (2 * 32000)  # of a unit
    most = half * rounded.float().double().abs().sum(1)
    assert ((linear(inputs, rounded) - exact).abs() <= most).all()
    assert ((inputs @ rounded.t() - exact).abs() <= most).all()
    torch.testing.assert_close(linear(inputs, rounded, bias), linear(inputs, rounded) + bias, atol=1e-3, rtol=1e-5)


@torch.inference_mode()
def test_the_largest_sums_fit_and_zeros_stay_zero() -> None:
    inputs = torch.cat([torch.ones(1, 5000), torch.zeros(1, 5000)])
    rounded = Int8Matrix.of(torch.cat([torch.ones(2, 5000), torch.zeros(1, 5000)]))
    product = linear(inputs, rounded)
    torch.testing.assert_close(product[0, :2], torch.full((2,), 5000.0), atol=150.0, rtol=0.0)
    assert product[0, 2] == 0
    assert not product[1].any()


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_not_finite_stays_so(value: float) -> None:
    inputs = torch.tensor([[value, 0.5]])
    assert linear(inputs, Int8Matrix.of(torch.ones(3, 2))).isnan().all()


@torch.inference_mode()
def test_pieces_are_those_of_the_matrix() -> None:
    matrix = torch.randn(12, 10)
    rounded = Int8Matrix.of(matrix)
    whole = rounded.float()
    ids = torch.tensor([3, 1, 7])
    assert torch.equal(rounded[ids].float(), whole[ids])
    assert torch.equal(rounded[:, 4:].float(), whole[:, 4:])
    assert all(map(torch.equal, (each.float() for each in rounded.split([8, 4])), whole.split([8, 4])))
    assert all(map(torch.equal, (each.float() for each in rounded.split([3, 7], dim=1)), whole.split([3, 7], dim=1)))


@pytest.mark.parametrize("network", NETWORKS[::20], ids=name_of)
@torch.inference_mode()
def test_every_network_multiplies_by_the_rounded_weights(network: ModelConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(network)
    fast = quantize(model)
    monkeypatch.setattr(quantized, "can_multiply_bytes", lambda: False)
    slow = quantize(model)
    assert [type(each.output.weight) for each in (fast, slow)] == [Int8Matrix, Tensor]
    torch.testing.assert_close(log_probs(fast), log_probs(slow), atol=5e-3, rtol=1e-3)
    assert (log_probs(slow) - log_probs(model)).abs().mean() < 0.1
    memory, state = fast.encode(SRC, SRC_LENGTHS)
    expected = log_probs(fast)
    for t in range(PREVIOUS.shape[1]):
        each, state, _ = step_log_probs(fast, PREVIOUS[:, t], memory, state)
        torch.testing.assert_close(each, expected[:, t], atol=5e-3, rtol=1e-3)


@pytest.fixture
def model() -> Seq2Seq:
    return build(ModelConfig(embedding_size=32, hidden_size=64, dropout=0.0), vocab_size=300)


@torch.inference_mode()
def test_a_sentence_has_the_same_probabilities_alone_and_in_a_batch(model: Seq2Seq) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.3)  # as large as a trained model's
    model = quantize(model)
    lengths = torch.arange(64) % 13 + 2
    src_ids = torch.randint(4, 300, (64, 14)).masked_fill(torch.arange(14) >= lengths.unsqueeze(1), 0)
    previous = torch.randint(4, 300, (64, 9))
    together = model.log_probs(*model(src_ids, lengths, previous))
    for row, length in enumerate(lengths.tolist()):
        only = slice(row, row + 1)
        alone = model.log_probs(*model(src_ids[only, :length], lengths[only], previous[only]))
        torch.testing.assert_close(together[only], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("tied", ["none", "output", "source", "all"])
def test_the_model_that_is_given_stays_as_it_was(tied: Any) -> None:
    model = build(ModelConfig(embedding_size=8, hidden_size=8, tie_embeddings=tied))
    before = copy.deepcopy(model.state_dict())
    expected = log_probs(model)
    small = quantize(model)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    torch.testing.assert_close(log_probs(model), expected)
    kept = dict(small.named_parameters())
    assert all(each is kept[name] for name, each in model.named_parameters() if name.startswith("encoder.rnn"))
    tables = small.encoder.embedding.table.weight, small.decoder.embedding.table.weight, small.output.weight
    assert len({id(table) for table in tables}) == {"none": 3, "output": 2, "source": 2, "all": 1}[tied]


def test_weights_take_a_quarter_of_the_memory(model: Seq2Seq) -> None:
    small = quantize(model)
    kept = {id(each) for each in small.parameters()}
    replaced = [each for each in model.parameters() if id(each) not in kept]
    matrices = [each for module in small.modules() for each in vars(module).values() if isinstance(each, Int8Matrix)]
    assert sum(each.rows.numel() for each in matrices) == sum(each.numel() for each in replaced)
    assert len(replaced) == 11  # three tables, two of the cell, bridge, two of attention, three of the readout
    assert sum(each.rows.nbytes + each.scales.nbytes for each in matrices) < 0.3 * sum(each.nbytes for each in replaced)
    cells = [module for module in small.modules() if isinstance(module, nn.RNNBase)]
    assert not any(each is old for cell in cells for each in cell._flat_weights for old in replaced)
