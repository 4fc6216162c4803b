"""By what hypotheses are ranked, and the highest rank that an open one can still reach."""

import numpy as np

from nmt.decoding.options import SearchOptions

LEAST_COVERAGE = 1e-4
"""A source position that got less attention than this in all counts as this much, so that its logarithm is finite."""


class Scoring:
    """``log P / norm(T) + word_reward * T + coverage_penalty * sum_s log(min(sum_t a_ts, 1))``, T counting EOS.

    Args:
        options: the norm and the three weights.
    """

    def __init__(self, options: SearchOptions) -> None:
        self.options = options

    def score(self, log_prob: float, length: int, coverage: float = 0.0) -> float:
        """The rank of a hypothesis of `length` tokens; coverage is what `coverage` gives."""
        return float(log_prob / self._norm(length) + self.options.word_reward * length + coverage)

    def bound(self, log_probs: np.ndarray, length: int, limits: np.ndarray) -> np.ndarray:
        """The most that open hypotheses (B,) of `length` tokens can reach with at most `limits` (B,) tokens.

        No token raises a log-probability; the norm is largest at the limit; the reward is largest at the limit, or
        one token on, if it is negative; and coverage adds nothing above zero.
        """
        reward = np.maximum(self.options.word_reward * limits, self.options.word_reward * (length + 1))
        return log_probs / self._norm(limits) + reward

    def coverage(self, attention: np.ndarray) -> float:
        """The weighted penalty for attention received by each source position (S,) (Wu et al. 2016, eq. 14)."""
        return float(self.options.coverage_penalty * np.log(attention.clip(LEAST_COVERAGE, 1.0)).sum())

    def _norm(self, length: int | np.ndarray) -> float | np.ndarray:
        gnmt = self.options.length_norm == "gnmt"
        return np.power((5 + length) / 6 if gnmt else np.asarray(length, float), self.options.length_penalty)
