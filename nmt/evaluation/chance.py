"""Resampled test sets -> intervals, and whether a difference is chance."""

import math

import numpy as np

SEED = 12345
"""sacreBLEU's, of resampled test sets."""


def resampled_sums(statistics: np.ndarray, bootstrap: int = 1000, seed: int = SEED) -> np.ndarray:
    """(bootstrap, K) sums of the rows (N, K) of as many sentences, drawn at random.

    They are the same sentences for all statistics of N rows, so that two systems can be compared.
    """
    rng, sentences = np.random.default_rng(seed), len(statistics)
    return np.array([statistics[rng.choice(sentences, sentences)].sum(axis=0) for _ in range(bootstrap)])


def interval(samples: np.ndarray) -> tuple[float, float]:
    """The ends of the 95% interval of what was resampled: the 2.5% and the 97.5% quantile."""
    ordered, outside = np.sort(samples), len(samples) // 40
    return float(ordered[outside]), float(ordered[-1 - outside])


def beyond_chance(difference: float, samples: np.ndarray, sentences: int) -> tuple[float, float, float, str]:
    """How sure a difference is: `low`, `high`, `p_value` and `p_text` of a `Difference`.

    Args:
        difference: between two systems.
        samples: (bootstrap,) the same of resampled test sets.
        sentences: of the test set.
    """
    as_large = np.abs(samples - samples.mean()) >= abs(difference)  # were there none: around their mean
    chance = float(as_large.sum() + 1) / (len(samples) + 1) if sentences > 1 else 1.0
    return *interval(samples), chance, _p_text(chance, len(samples))


def _p_text(p_value: float, bootstrap: int) -> str:
    """A p-value in three digits; the least that so many samples can give is an upper bound."""
    bound = max(1 / (bootstrap + 1), 0.001)
    return f"≤ {math.ceil(bound * 1000) / 1000:.3f}" if p_value <= bound else f"{p_value:.3f}"
