"""Ranking: the formulas worked by hand, and the bound that early stopping relies on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.decoding.options import SearchOptions
from nmt.decoding.risk import expected_utilities
from nmt.decoding.scoring import Scoring


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
