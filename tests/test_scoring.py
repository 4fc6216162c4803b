"""Scores: ranking worked by hand, the bound that early stopping relies on, attention far from zero."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nmt.decoding.options import SearchOptions
from nmt.decoding.risk import expected_utilities
from nmt.decoding.scoring import Scoring
from nmt.model.scores import Additive


def test_the_norms_by_hand() -> None:
    assert Scoring(SearchOptions(length_penalty=0.0)).score(-6.0, 4) == -6.0
    assert Scoring(SearchOptions(length_penalty=1.0)).score(-6.0, 4) == -1.5
    assert Scoring(SearchOptions(length_penalty=0.5)).score(-6.0, 4) == -3.0
    assert Scoring(SearchOptions(length_norm="gnmt", length_penalty=1.0)).score(-6.0, 7) == -3.0
    assert Scoring(SearchOptions(length_norm="gnmt", length_penalty=0.5)).score(-6.0, 19) == -3.0
    assert Scoring(SearchOptions(length_penalty=1.0, word_reward=0.25)).score(-6.0, 4) == -0.5


def test_the_coverage_penalty_by_hand() -> None:
    scoring = Scoring(SearchOptions(coverage_penalty=0.2))
    assert scoring.coverage(np.array([1.0, 3.0])) == 0.0
    assert scoring.coverage(np.array([0.5, 0.25, 2.0])) == pytest.approx(0.2 * np.log(0.125))
    assert scoring.coverage(np.array([0.0])) == pytest.approx(0.2 * np.log(1e-4))


@given(
    st.builds(
        SearchOptions,
        length_norm=st.sampled_from(["power", "gnmt"]),
        length_penalty=st.floats(0, 2),
        word_reward=st.floats(-2, 2),
    ),
    st.floats(-50, 0),
    st.integers(1, 30),
    st.integers(1, 30),
    st.floats(0, 20),
)
def test_nothing_that_follows_exceeds_the_bound(
    options: SearchOptions, log_prob: float, length: int, more: int, cost: float
) -> None:
    scoring, limit = Scoring(options), length + 30
    (bound,) = scoring.bound(np.array([log_prob]), length, np.array([limit]))
    assert scoring.score(log_prob - cost, length + more) <= bound + 1e-9


def test_the_least_risk_by_hand() -> None:
    same, other = "a b c d e f", "x y z"
    utilities = expected_utilities([same, same, other], [1.0, 1.0, 1.0], "bleu")
    assert utilities == pytest.approx([200 / 3, 200 / 3, 100 / 3], abs=0.5)
    assert expected_utilities([same, other], [3.0, 1.0], "chrf") == pytest.approx([75, 25], abs=0.5)
    with pytest.raises(ValueError, match="unknown utility 'ter': choose chrf or bleu"):
        expected_utilities(["a"], [1.0], "ter")  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", [1.0, 30.0, 1e3])
@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_keys_that_coverage_shifts_far_keep_their_gradients_finite(scale: float, signs: tuple[int, int]) -> None:
    torch.manual_seed(0)
    score = Additive(3, 3, 4, heads=1)
    torch.nn.init.normal_(score.energy)
    states, by, queries = torch.rand(2, 5, 3), torch.rand(2, 5, 4).add(0.5), torch.randn(2, 1, 6, 4)
    score.key.weight.data = torch.rand(4, 3).add(0.5) * scale * signs[0]
    by = (by * scale * signs[1]).requires_grad_()
    parameters = [by, score.key.weight]
    keys = score.shifted(score.keys(states), by)
    found = score.match(keys.unsqueeze(1))(queries) - score.energy.sum()  # a constant that no normaliser minds
    gradients = torch.autograd.grad(found.sum(), parameters, retain_graph=True)
    assert all(each.isfinite().all() for each in (found, *gradients))
    if scale > 1 and signs[0] != signs[1]:  # each counts as less than it is, so that they do not cancel out alike
        return
    added = score.key(states) + by
    expected = (torch.tanh(queries.unsqueeze(3) + added[:, None, None]) * score.energy[0]).sum(-1)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    wanted = torch.autograd.grad(expected.sum(), parameters)
    for gradient, other in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient, other, atol=1e-3, rtol=1e-3)
