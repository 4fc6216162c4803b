"""Attention: worked by hand, on padding, and its gradients against finite differences."""

import math

import pytest
import torch

from nmt.model.attention import build_attention


@pytest.fixture(params=["additive", "general"])
def score(request: pytest.FixtureRequest) -> str:
    return request.param


def test_general_two_queries_three_states_by_hand() -> None:
    attention = build_attention("general", 2, 2)
    with torch.no_grad():
        attention.key.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
    states = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    queries = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    memory = attention.prepare(states, torch.tensor([[True, True, True]]))
    contexts, weights = attention(queries, memory)
    # q W h: rows (1, 0, 1) and (0, 2, 2)
    a, b = math.e / (2 * math.e + 1), math.e**2 / (2 * math.e**2 + 1)
    expected = torch.tensor([[[a, 1 - 2 * a, a], [1 - 2 * b, b, b]]])
    torch.testing.assert_close(weights, expected)
    # c = sum of a h: ((a1 + a3), (a2 + a3))
    torch.testing.assert_close(contexts, torch.tensor([[[2 * a, 1 - a], [1 - b, 2 * b]]]))


def test_additive_two_queries_three_states_by_hand() -> None:
    attention = build_attention("additive", 1, 1)
    with torch.no_grad():
        attention.query.weight.fill_(1.0)
        attention.key.weight.fill_(2.0)
        attention.key.bias.fill_(0.5)
        attention.energy.weight.fill_(3.0)
    states = torch.tensor([[[0.0], [1.0], [-1.0]]])
    memory = attention.prepare(states, torch.tensor([[True, True, True]]))
    weights = attention.weights(torch.tensor([[[0.0], [1.0]]]), memory)
    energies = [[3 * math.tanh(q + 2 * h + 0.5) for h in (0, 1, -1)] for q in (0, 1)]
    expected = [[math.exp(e) / sum(math.exp(x) for x in row) for e in row] for row in energies]
    torch.testing.assert_close(weights[0], torch.tensor(expected))


def test_rows_sum_to_one_and_nothing_falls_on_padding(score: str) -> None:
    torch.manual_seed(0)
    attention = build_attention(score, 4, 6)
    mask = torch.tensor([[True, True, False, False, False], [True] * 5])
    contexts, weights = attention(torch.randn(2, 3, 4), attention.prepare(torch.randn(2, 5, 6) * 30, mask))
    assert weights.shape == (2, 3, 5)
    assert contexts.shape == (2, 3, 6)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3))
    assert weights[0, :, 2:].abs().max() == 0


def test_what_stands_on_padding_does_not_matter(score: str) -> None:
    torch.manual_seed(0)
    attention = build_attention(score, 4, 6)
    states, mask = torch.randn(1, 5, 6), torch.tensor([[True, True, True, False, False]])
    other = states.clone()
    other[:, 3:] = 1000.0
    queries = torch.randn(1, 2, 4)
    torch.testing.assert_close(
        attention(queries, attention.prepare(states, mask)), attention(queries, attention.prepare(other, mask))
    )


def test_gradients_against_finite_differences(score: str) -> None:
    torch.manual_seed(0)
    attention = build_attention(score, 3, 4).double()
    states = torch.randn(2, 4, 4, dtype=torch.float64, requires_grad=True)
    queries = torch.randn(2, 2, 3, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True, True, False, False], [True] * 4])
    parameters = tuple(attention.parameters())

    def run(queries: torch.Tensor, states: torch.Tensor, *_: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return attention(queries, attention.prepare(states, mask))

    assert torch.autograd.gradcheck(run, (queries, states, *parameters))


def test_an_unknown_score_is_named() -> None:
    with pytest.raises(ValueError, match="unknown attention 'adaptive': choose additive or general"):
        build_attention("adaptive", 4, 4)
