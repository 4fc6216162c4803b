"""What has ended of each sentence, in which order it counts, and when nothing that is open can change it."""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from nmt.decoding.options import SearchOptions
from nmt.decoding.scoring import Scoring
from nmt.decoding.sentences import SearchBatch
from nmt.decoding.tree import Ending, Hypothesis, SearchStep, backtrack, beam_history


class Endings:
    """The ended hypotheses of a batch of sentences.

    Args:
        batch: the sentences.
        options: how they are ranked, and how many are wanted.

    Attributes:
        of: those of each sentence, as they came.
    """

    def __init__(self, batch: SearchBatch, options: SearchOptions) -> None:
        self._options, self._scoring = options, Scoring(options)
        self._wanted = options.n_best if options.mbr == "none" else options.beam_size
        self._may_repeat = options.groups > 1 and self._wanted > 1  # what two groups have found counts once
        sentences = len(batch.limits)
        self._goals = [0 if guide is None else guide.goal for guide in batch.guides or [None] * sentences]
        self._least = np.full(sentences, -np.inf)  # score of the last that is wanted, once there are enough
        self._covered = None if batch.covered is None else batch.covered.cpu().numpy()
        self.of: list[list[Ending]] = [[] for _ in range(sentences)]

    def add(self, sentence: int, ending: Ending, received: np.ndarray | None) -> None:
        """Scores one and notes it; `received` is the attention of each source position (S,), where coverage counts."""
        coverage = 0.0
        if received is not None:
            covered = slice(None) if self._covered is None else self._covered[sentence]
            coverage = self._scoring.coverage(received[covered])
        score = self._scoring.score(ending.log_prob, ending.depth + 1, coverage)
        self.of[sentence].append(ending._replace(score=score))
        complete = (ending for ending in self.of[sentence] if ending.met >= self._goals[sentence])
        scores = sorted((ending.score for ending in complete), reverse=True)
        if len(scores) >= self._wanted:
            self._least[sentence] = scores[self._wanted - 1]

    def needs_more(self, sentence: int) -> bool:
        """Whether fewer have ended than are wanted; with groups, which can find the same, perhaps."""
        return len(self.of[sentence]) < self._wanted or self._may_repeat

    def cannot_change(self, sentences: Sequence[int], best: np.ndarray, length: int, limits: np.ndarray) -> np.ndarray:
        """(B,) whether no open hypothesis can take the place of one that is wanted.

        Args:
            sentences: those that are still searched.
            best: (B,) highest log-probability of an open hypothesis.
            length: of the open hypotheses.
            limits: (B,) most tokens.
        """
        if not self._options.early_stopping or self._options.is_sampled or self._may_repeat:
            return np.zeros(len(sentences), bool)
        return self._least[list(sentences)] >= self._scoring.bound(best, length, limits)

    def hypotheses(self, steps: list[SearchStep]) -> list[list[Hypothesis]]:
        """The hypotheses of each sentence that are wanted, best first, no two alike; samples as they were drawn.

        Those that were cut off come behind those that have ended.
        """
        sampled = self._options.is_sampled
        ranked = [sorted(endings, key=_number if sampled else _rank) for endings in self.of]
        first = [endings if sampled or self._may_repeat else endings[: self._wanted] for endings in ranked]
        flat = [(sentence, ending) for sentence, endings in enumerate(first) for ending in endings]
        backtracked = iter(backtrack(steps, flat))
        hypotheses = [list(islice(backtracked, len(endings))) for endings in first]
        if sampled:
            return hypotheses
        wanted = [_different(alternatives)[: self._wanted] for alternatives in hypotheses]
        for sentence, ranking in enumerate(wanted if self._options.keep_beam else ()):
            ranking[:1] = [best._replace(beam=beam_history(steps, sentence)) for best in ranking[:1]]
        return wanted


def _different(hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    """The first of each that are alike."""
    first: dict[tuple[int, ...], Hypothesis] = {}
    for hypothesis in hypotheses:
        first.setdefault(tuple(hypothesis.ids), hypothesis)
    return list(first.values())


def _rank(ending: Ending) -> tuple[int, bool, float]:
    return -ending.met, not ending.finished, -ending.score


def _number(ending: Ending) -> int:
    return ending.group
