"""Attention: scores, windows, normalisers and coverage worked by hand, and what holds for every combination."""

import math
from itertools import product

import pytest
import torch
from conftest import NORMALIZERS, SCORES, WINDOWS
from torch import Tensor

from nmt.config import AttentionConfig
from nmt.model.attention import Attention, AttentionState, Memory
from nmt.model.kernels.additive import decay
from nmt.model.scores import Additive
from nmt.model.windows import build_window

COVERAGES = ["none", "linguistic", "neural"]
COMBINATIONS = list(product(SCORES, WINDOWS, NORMALIZERS, COVERAGES, [1, 2]))


def build(config: AttentionConfig, query_size: int = 6, state_size: int = 6) -> Attention:
    torch.manual_seed(0)
    attention = Attention(config, query_size, state_size).double()
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.normal_(std=0.7)
    return attention


def states_and_mask() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    mask = torch.tensor([[True, True, True, False, False], [True] * 5])
    return torch.randn(2, 5, 6, dtype=torch.float64), mask


def weights_of(attention: Attention, states: Tensor, queries: Tensor, mask: Tensor | None = None) -> Tensor:
    mask = torch.ones(states.shape[:2], dtype=torch.bool) if mask is None else mask
    return attention(queries, attention.prepare(states, mask))


def tensor(values: list) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


# Two queries and three states: rows of S are the states, rows of Q the queries.
STATES = tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
QUERIES = tensor([[[1.0, 0.0], [0.0, 2.0]]])


def softmax_rows(rows: list[list[float]]) -> Tensor:
    return tensor([[[math.exp(each) / sum(map(math.exp, row)) for each in row] for row in rows]])


def test_dot_by_hand() -> None:
    found = weights_of(Attention(AttentionConfig("dot"), 2, 2), STATES, QUERIES)
    torch.testing.assert_close(found, softmax_rows([[1, 0, 1], [0, 2, 2]]))


def test_scaled_dot_by_hand() -> None:
    found = weights_of(Attention(AttentionConfig("scaled_dot"), 2, 2), STATES, QUERIES)
    root = math.sqrt(2)
    torch.testing.assert_close(found, softmax_rows([[1 / root, 0, 1 / root], [0, root, root]]))


def test_general_by_hand() -> None:
    attention = Attention(AttentionConfig("general"), 2, 2).double()
    attention.score.key.weight.data = tensor([[1.0, 2.0], [0.0, 1.0]])  # W h: (1, 0), (2, 1), (3, 1)
    torch.testing.assert_close(weights_of(attention, STATES, QUERIES), softmax_rows([[1, 2, 3], [0, 2, 2]]))


def test_additive_by_hand() -> None:
    attention = Attention(AttentionConfig("additive", size=1), 2, 2).double()
    attention.score.query.weight.data = tensor([[1.0, -1.0]])
    attention.score.key.weight.data = tensor([[2.0, 1.0]])
    attention.score.key.bias.data = tensor([0.5])
    attention.score.energy.data = tensor([[3.0]])
    rows = [[3 * math.tanh(q + h + 0.5) for h in (2, 1, 3)] for q in (1, -2)]
    torch.testing.assert_close(weights_of(attention, STATES, QUERIES), softmax_rows(rows))


def test_additive_saturates_far_from_zero() -> None:
    attention = Attention(AttentionConfig("additive", size=2), 2, 2)
    for linear in (attention.score.query, attention.score.key):
        linear.weight.data = torch.eye(2)
    attention.score.key.bias.data.zero_()
    attention.score.energy.data = torch.tensor([[3.0, 1.0]])
    states = torch.tensor([[[1000.0, 0.0], [-1000.0, 0.5], [0.2, -1000.0]]])
    queries = torch.tensor([[[0.3, 0.1], [18.0, -18.0]]])
    expected = (torch.tanh(queries.unsqueeze(2) + states.unsqueeze(1)) @ attention.score.energy[0]).softmax(dim=2)
    torch.testing.assert_close(weights_of(attention, states, queries), expected)
    assert weights_of(attention, states, -1e30 * queries).isfinite().all()


def test_concat_is_a_product_with_query_and_state_one_after_the_other() -> None:
    attention = build(AttentionConfig("concat"), 2, 2)
    joined = torch.cat([attention.score.query.weight, attention.score.key.weight], dim=1)  # W_a of [q; h]
    rows = [
        [(attention.score.energy[0] @ torch.tanh(joined @ torch.cat([q, h]))).item() for h in STATES[0]]
        for q in QUERIES[0]
    ]
    torch.testing.assert_close(weights_of(attention, STATES, QUERIES), softmax_rows(rows))


def test_location_by_hand_and_the_last_score_is_shared_by_what_lies_beyond() -> None:
    attention = Attention(AttentionConfig("location", positions=2), 2, 2).double()
    attention.score.query.weight.data = tensor([[1.0, 0.0], [3.0, 1.0]])
    torch.testing.assert_close(weights_of(attention, STATES, QUERIES), softmax_rows([[1, 3, 3], [0, 2, 2]]))


def test_the_context_is_the_mixture_of_the_states() -> None:
    attention = Attention(AttentionConfig("dot"), 2, 2)
    memory = attention.prepare(STATES, torch.ones(1, 3, dtype=torch.bool))
    weights = tensor([[[0.5, 0.25, 0.25]]])
    torch.testing.assert_close(weights @ memory.values, tensor([[[0.75, 0.5]]]))


def test_heads_mix_their_own_part_of_the_states() -> None:
    attention = Attention(AttentionConfig("dot", heads=2), 2, 2)
    memory = attention.prepare(STATES, torch.ones(1, 3, dtype=torch.bool))
    weights = attention(QUERIES, memory)
    first, second = softmax_rows([[1, 0, 1], [0, 0, 0]]), softmax_rows([[0, 0, 0], [0, 2, 2]])
    torch.testing.assert_close(weights, torch.cat([first, second], dim=2))
    contexts = torch.stack([(first @ STATES)[..., 0], (second @ STATES)[..., 1]], dim=-1)
    torch.testing.assert_close(weights @ memory.values, contexts)
    torch.testing.assert_close(attention.alignment(weights), (first + second) / 2)


def test_local_m_opens_the_neighbourhood_of_the_step_and_stays_within_the_source() -> None:
    attention = Attention(AttentionConfig("location", "local_m", reach=1, positions=9), 1, 1).double()
    attention.score.query.weight.data.zero_()
    mask = torch.tensor([[True] * 5 + [False], [True] * 2 + [False] * 4])
    weights = weights_of(attention, torch.zeros(2, 6, 1).double(), torch.zeros(2, 6, 1).double(), mask)
    third = 1 / 3
    expected = [
        [third, third, third, 0, 0, 0],
        [0, third, third, third, 0, 0],
        [0, 0, third, third, third, 0],
        *[[0, 0, 0, 0.5, 0.5, 0]] * 3,
    ]
    torch.testing.assert_close(weights[0], tensor(expected))
    torch.testing.assert_close(weights[1], tensor([[0.5, 0.5, 0, 0, 0, 0]] * 6))


def test_local_p_by_hand() -> None:
    """Luong et al. 2015, eq. 9 and 10: p = (S - 1) s(v tanh(W q)), then a Gaussian of deviation D / 2 around it."""
    attention = Attention(AttentionConfig("location", "local_p", reach=2, positions=9), 1, 1).double()
    attention.score.query.weight.data.zero_()
    attention.window.hidden.weight.data.fill_(1.0)
    attention.window.position.weight.data.fill_(2.0)
    weights = weights_of(attention, torch.zeros(1, 5, 1).double(), tensor([[[0.3]]]))
    centre = 4 / (1 + math.exp(-2 * math.tanh(0.3)))
    gaussian = [math.exp(-((s - centre) ** 2) / 2) if abs(s - centre) <= 2 else 0.0 for s in range(5)]
    torch.testing.assert_close(weights, tensor([[[each / sum(gaussian) for each in gaussian]]]))


@pytest.mark.parametrize("kind", ["mixed", "true"])
def test_local_p_finds_its_place_in_bfloat16(kind: str) -> None:
    """Between 0.5 and 1 bfloat16 has 128 numbers: in a sentence of 250 tokens two positions would share one."""
    torch.manual_seed(0)
    window = build_window(AttentionConfig(window="local_p", reach=5), 64)
    for parameter in window.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    mask, queries, steps = torch.ones(1, 250, dtype=torch.bool), torch.randn(1, 40, 64), torch.arange(40)[None]
    window.bfloat16() if kind == "true" else None
    queries = queries.bfloat16() if kind == "true" else queries
    with torch.autocast("cpu", torch.bfloat16, enabled=kind == "mixed"):
        found = window.score_bias(mask)(queries, steps)
    torch.testing.assert_close(found, window.float().score_bias(mask)(queries.float(), steps))


@pytest.mark.parametrize(("normalizer", "alpha"), [("sparsemax", 2.0), ("entmax15", 1.5)])
def test_sparse_normalisers_solve_their_equation(normalizer: str, alpha: float) -> None:
    """Peters et al. 2019, eq. 5: p = [(alpha - 1) z - tau]_+ ** (1 / (alpha - 1)), with tau so that p sums to one."""
    scores = tensor([0.4, 2.3, -1.2, 1.9])
    attention = Attention(AttentionConfig("location", normalizer=normalizer, positions=4), 1, 1).double()
    attention.score.query.weight.data = scores.unsqueeze(1)
    found = weights_of(attention, torch.zeros(1, 4, 1).double(), tensor([[[1.0]]]))[0, 0]

    low, high = -5.0, 5.0
    for _ in range(100):
        tau = (low + high) / 2
        expected = ((alpha - 1) * scores - tau).clamp(min=0) ** (1 / (alpha - 1))
        low, high = (tau, high) if expected.sum() > 1 else (low, tau)
    torch.testing.assert_close(found, expected)
    assert found.min() == 0


def test_linguistic_coverage_by_hand() -> None:
    """Tu et al. 2016: what a position received, over its fertility 2 s(U h), is added to what is scored."""
    attention = Attention(AttentionConfig("location", coverage="linguistic", positions=3), 1, 1).double()
    attention.score.query.weight.data.zero_()
    attention.coverage.key.weight.data = tensor([[-2.0]])
    attention.coverage.fertility.weight.data = tensor([[1.0]])
    attention.coverage.fertility.bias.data = tensor([0.0])
    states = tensor([[[0.0], [1.0], [-1.0]]])
    weights = weights_of(attention, states, torch.zeros(1, 3, 1).double())
    fertility = [2 / (1 + math.exp(-h)) for h in (0, 1, -1)]
    received, rows = [0.0] * 3, []
    for _ in range(3):
        scores = [math.exp(-2 * each) for each in received]
        row = [each / sum(scores) for each in scores]
        received = [r + a / f for r, a, f in zip(received, row, fertility, strict=True)]
        rows.append(row)
    torch.testing.assert_close(weights, tensor([rows]))
    assert attention.coverage.prepare(tensor([[[-99.0]]])).item() == pytest.approx(500), "no fertility is quite zero"


def test_neural_coverage_is_a_gru_over_state_query_and_weight() -> None:
    attention = build(AttentionConfig("general", coverage="neural", coverage_size=3), query_size=4)
    states, mask = states_and_mask()
    memory, queries = attention.prepare(states, mask), torch.randn(2, 4).double()
    weights, state = attention.stepper(memory)(queries, attention.start(memory))
    cell = torch.nn.GRUCell(11, 3).double()
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        setattr(cell, name, getattr(attention.coverage.rnn.kernel, name + "_l0"))
    for row, position in product(range(2), range(5)):
        read = torch.cat([states[row, position], queries[row], weights[row, 0, position, None]])
        torch.testing.assert_close(state.coverage[row, position], cell(read[None], torch.zeros(1, 3).double())[0])


@pytest.mark.parametrize(("kind", "dtype"), [("mixed", torch.float32), ("true", torch.bfloat16)])
@pytest.mark.parametrize("coverage", ["linguistic", "neural"])
def test_coverage_is_carried_in_float32_by_a_model_of_bfloat16(coverage: str, kind: str, dtype: torch.dtype) -> None:
    attention = build(AttentionConfig("general", coverage=coverage, coverage_size=3)).to(dtype)
    states, mask = states_and_mask()
    with torch.autocast("cpu", torch.bfloat16, enabled=kind == "mixed"):
        memory = attention.prepare(states.to(dtype), mask)
        start = attention.start(memory)
        _, state = attention.stepper(memory)(torch.randn(2, 6, dtype=dtype), start)
    assert start.coverage.dtype == state.coverage.dtype == torch.float32


@pytest.fixture(params=COMBINATIONS, ids=lambda each: "-".join(map(str, each)))
def attention(request: pytest.FixtureRequest) -> Attention:
    score, window, normalizer, coverage, heads = request.param
    config = AttentionConfig(score, window, normalizer, coverage, heads, reach=2, positions=4, coverage_size=3)
    return build(config)


def test_rows_sum_to_one_nothing_falls_on_padding_and_nothing_comes_from_it(attention: Attention) -> None:
    states, mask = states_and_mask()
    queries = torch.randn(2, 4, 6).double()
    weights = attention.alignment(weights_of(attention, states, queries, mask))
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4).double())
    assert weights[0, :, 3:].abs().max() == 0
    assert weights.min() >= 0
    other = states.clone()
    other[0, 3:] = 1000.0
    torch.testing.assert_close(attention.alignment(weights_of(attention, other, queries, mask)), weights)


def test_steps_equal_the_whole_sequence_for_several_hypotheses(attention: Attention) -> None:
    states, mask = states_and_mask()
    memory = attention.prepare(states, mask)
    queries = torch.randn(2, 2, 4, 6).double()  # (B, K, T, Q)
    expected = [attention(queries[:, k], memory) for k in range(2)]
    steps = attention.stepper(memory, hypotheses=2)
    state = AttentionState(*(each.repeat_interleave(2, dim=0) for each in attention.start(memory)))
    for t in range(4):
        weights, state = steps(queries[:, :, t].flatten(0, 1), state)
        for k in range(2):
            torch.testing.assert_close(weights[:, k], expected[k][:, t])


def test_gradients_against_finite_differences(attention: Attention) -> None:
    """Of every parameter, of states and of queries, along one direction."""
    states, mask = states_and_mask()
    queries = torch.randn(2, 3, 6).double()
    leaves = [states, queries, *attention.parameters()]
    for leaf in leaves:
        leaf.requires_grad_()
    target, directions = torch.randn(2, 3, 6).double(), [torch.randn_like(leaf) for leaf in leaves]

    def run() -> Tensor:
        memory: Memory = attention.prepare(states, mask)
        return ((attention(queries, memory) @ memory.values) * target).sum()

    found = torch.autograd.grad(run(), leaves, allow_unused=True)
    slope = sum(float((g * d).sum()) for g, d in zip(found, directions, strict=True) if g is not None)
    values = []
    with torch.no_grad():
        for move in (1e-6, -2e-6):
            for leaf, direction in zip(leaves, directions, strict=True):
                leaf += move * direction
            values.append(float(run()))
    assert (values[0] - values[1]) / 2e-6 == pytest.approx(slope, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("heads", [1, 2])
def test_additive_scores_keep_their_digits_under_autocast(heads: int) -> None:
    score = Additive(query_size=6, state_size=6, key_size=8, heads=heads)
    torch.nn.init.normal_(score.energy, std=3.0)
    keys = decay(torch.randn(3, heads, 5, 8 // heads)).requires_grad_()
    queries = torch.randn(3, heads, 4, 8 // heads)
    expected = score.match(keys)(queries)
    with torch.autocast("cpu", torch.bfloat16):
        found = score.match(keys)(queries)
    torch.testing.assert_close(found, expected, atol=0, rtol=0)


def test_an_attention_made_by_hand_has_parameters_that_are_drawn() -> None:
    weights = []
    for _ in range(2):
        torch.manual_seed(0)
        attention = Attention(AttentionConfig(), 6, 6)
        memory = attention.prepare(torch.randn(2, 3, 6), torch.ones(2, 3, dtype=torch.bool))
        weights.append(attention(torch.randn(2, 4, 6), memory))
        assert attention.score.energy.norm().item() == pytest.approx(1)
    torch.testing.assert_close(weights[0], weights[1], atol=0, rtol=0)
    assert "scale=0.4082" in repr(Attention(AttentionConfig("scaled_dot"), 6, 6))
    assert "heads=2, normalize=sparsemax" in repr(Attention(AttentionConfig(heads=2, normalizer="sparsemax"), 6, 6))
    assert "reach=5" in repr(Attention(AttentionConfig(window="local_p"), 6, 6))
