"""Packed weights: the results of the plain ones, by every network, in every shape."""

from typing import Any

import pytest
import torch
from conftest import NETWORKS, build, name_of, step_log_probs
from torch.nn.functional import linear

from nmt.config import ModelConfig
from nmt.model.ensemble import Ensemble
from nmt.model.inference.packed import PackedMatrix, _rounded, pack
from nmt.model.inference.quantized import quantize
from nmt.model.kernels.products import has_onednn

pytestmark = [
    pytest.mark.skipif(not has_onednn(), reason="this torch has no packed products"),
    pytest.mark.usefixtures("library"),
]

SRC = torch.tensor([[2, 5, 6, 7, 8], [2, 9, 4, 0, 0], [2, 0, 0, 0, 0]])
SRC_LENGTHS = torch.tensor([5, 3, 1])
PREVIOUS = torch.tensor([[2, 4, 5, 6], [2, 7, 8, 0], [2, 11, 0, 0]])


@torch.inference_mode()
def test_products_and_pieces_are_those_of_the_matrix() -> None:
    matrix, bias = torch.randn(70, 33), torch.randn(70)
    packed = PackedMatrix(matrix)
    for rows in (1, 2, 31, 33, 100, 257):
        inputs = torch.randn(rows, 33)
        torch.testing.assert_close(linear(inputs, packed, bias), linear(inputs, matrix, bias))  # type: ignore[arg-type]
        torch.testing.assert_close(inputs @ packed.t(), inputs @ matrix.t())
    inputs = torch.randn(2, 3, 20)
    torch.testing.assert_close(linear(inputs, packed[:, 13:]), linear(inputs, matrix[:, 13:]))  # type: ignore[arg-type]
    assert packed[:, 13:] is packed[:, 13:]
    assert packed[torch.tensor([3, 1])].shape == (2, 33)
    for piece, expected in zip(packed.split([50, 20]), matrix.split([50, 20]), strict=True):
        assert torch.equal(piece.float(), expected)
    for piece, expected in zip(packed.chunk(5), matrix.chunk(5), strict=True):
        assert torch.equal(piece.float(), expected)


def test_there_are_few_numbers_of_rows_and_none_is_much_larger() -> None:
    for rows in range(1, 2000):
        assert rows <= _rounded(rows) <= rows * 1.125
    assert len({_rounded(rows) for rows in range(1, 641)}) < 60


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("network", NETWORKS[::7], ids=name_of)
@torch.inference_mode()
def test_every_network_steps_and_reads_as_with_plain_weights(network: ModelConfig, single: bool) -> None:
    model = build(network)
    packed = pack(model)
    expected = model.log_probs(*model(SRC, SRC_LENGTHS, PREVIOUS))
    torch.testing.assert_close(packed.log_probs(*packed(SRC, SRC_LENGTHS, PREVIOUS)), expected, atol=1e-4, rtol=1e-4)
    for each in (model, packed, packed.tabulated()):
        memory, state = each.encode(SRC, SRC_LENGTHS, single)
        for t in range(PREVIOUS.shape[1]):
            log_probs, state, _ = step_log_probs(each, PREVIOUS[:, t], memory, state)
            torch.testing.assert_close(log_probs, expected[:, t], atol=1e-4, rtol=1e-4)


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize("form", [pack, quantize])
@pytest.mark.parametrize("network", [ModelConfig(embedding_size=8, hidden_size=8), *NETWORKS[::20]], ids=name_of)
@torch.inference_mode()
def test_it_computes_in_float32_whatever_torch_makes_by_default(network: ModelConfig, form: Any) -> None:
    model = form(build(network, dtype=torch.float32))
    log_probs, _, attention = step_log_probs(model, PREVIOUS[:, 0], *model.encode(SRC, SRC_LENGTHS))
    readouts, whole = model(SRC, SRC_LENGTHS, PREVIOUS)
    assert {each.dtype for each in (log_probs, attention, readouts, whole)} == {torch.float32}


@pytest.mark.parametrize("form", [pack, quantize])
def test_weights_that_are_not_all_there_cannot_be_saved(form: Any) -> None:
    """What is in another form is no parameter: saved, a third of a network would be missing without a word."""
    model = build(ModelConfig(embedding_size=8, hidden_size=8))
    for network in (form(model), Ensemble([form(model), form(model)])):
        with pytest.raises(TypeError, match="no state_dict: take that of nmt.model.saved.load_model"):
            network.state_dict()
    assert len(model.state_dict()) == len(list(model.parameters()))
