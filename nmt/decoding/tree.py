"""The tree of hypotheses: what each step found, and how one hypothesis is read along its parents.

Each place of a step has a parent, a place of the step before; whatever belongs to a step (token, attention,
alternatives) is read along the parents once a hypothesis has ended.

Letters: B sentences still searched at a step, W places of a sentence before it, P after it, S source positions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Place(NamedTuple):
    """What a place of the beam holds after a step.

    Attributes:
        parent: the place of the step before that it continues; 0 in the first step.
        token: id of the token that it took; EOS if the hypothesis has ended there.
        log_prob: natural logarithm of the token's probability.
    """

    parent: int
    token: int
    log_prob: float


class Hypothesis(NamedTuple):
    """One finished or cut-off hypothesis of T tokens.

    Attributes:
        ids: T token ids; the last is EOS if it is finished.
        token_log_probs: T natural logarithms.
        attention: float32 (T, S).
        alternatives: T lists of the most probable (id, log-probability), best first.
        log_prob: sum of `token_log_probs`.
        score: by which hypotheses were ranked.
        finished: False if it was cut off at its limit.
        met: tokens of what the translation must include that it has; 0 where nothing is asked for.
        beam: of the first hypothesis of a sentence, if it was asked for: what the beam held after each step.
    """

    ids: list[int]
    token_log_probs: list[float]
    attention: np.ndarray
    alternatives: list[list[tuple[int, float]]]
    log_prob: float
    score: float
    finished: bool
    met: int = 0
    beam: Sequence[Sequence[Place]] = ()

    def renamed(self, ids: np.ndarray) -> "Hypothesis":
        """The same, with ``ids[token]`` in place of each token; what is not possible is no alternative."""
        best = [[(int(ids[token]), value) for token, value in step if value > -np.inf] for step in self.alternatives]
        beam = [[place._replace(token=int(ids[place.token])) for place in step] for step in self.beam]
        return self._replace(ids=[int(ids[token]) for token in self.ids], alternatives=best, beam=beam)


class SearchStep(NamedTuple):
    """One step, for the sentences that were still searched then.

    Attributes:
        row: (all sentences,) where a sentence stands in the other arrays; -1 if it was done before.
        tokens: (B, P) the token that each place took.
        log_probs: (B, P) of those tokens.
        parents: (B, P) the place of the step before that each continues.
        kept: (B, P) whether there is a hypothesis in the place, open or ended; the open ones come first.
        attention: (B, W, S) of the parents, as they predicted.
        best_tokens: (B, W, m) of the parents, most probable first.
        best_log_probs: (B, W, m).
    """

    row: np.ndarray
    tokens: np.ndarray
    log_probs: np.ndarray
    parents: np.ndarray
    kept: np.ndarray
    attention: np.ndarray
    best_tokens: np.ndarray
    best_log_probs: np.ndarray


class Ending(NamedTuple):
    """Where a hypothesis ends: in step `depth` and there in `place`.

    Attributes:
        met: tokens of what the translation must include that it has; 0 where nothing is asked for.
        log_prob: natural logarithm of its probability.
        depth: of the step that took its last token.
        place: of the last token in that step.
        finished: whether that token is EOS.
        group: of the beam that it belongs to, or the number of the sample.
        score: by which it is ranked among those that have met as much; `nmt.decoding.endings` sets it.
    """

    met: int
    log_prob: float
    depth: int
    place: int
    finished: bool
    group: int
    score: float = 0.0


def backtrack(steps: Sequence[SearchStep], endings: Sequence[tuple[int, Ending]]) -> list[Hypothesis]:
    """Reads hypotheses along their parents, side by side from their ends to their beginnings.

    Args:
        steps: all steps.
        endings: each with the sentence that it belongs to.
    """
    if not endings:
        return []
    sentences = np.array([sentence for sentence, _ in endings])
    depths, places = (np.array([getattr(each, name) for _, each in endings]) for name in ("depth", "place"))
    first, shape = steps[0], (len(endings), depths.max() + 1)
    ids, log_probs = np.zeros(shape, first.tokens.dtype), np.zeros(shape, first.log_probs.dtype)
    attention, best_tokens, best_log_probs = (
        np.zeros((*shape, each.shape[2]), each.dtype)
        for each in (first.attention, first.best_tokens, first.best_log_probs)
    )
    for depth in reversed(range(shape[1])):
        step, open_rows = steps[depth], np.flatnonzero(depths >= depth)
        row, place = step.row[sentences[open_rows]], places[open_rows]
        ids[open_rows, depth], log_probs[open_rows, depth] = step.tokens[row, place], step.log_probs[row, place]
        places[open_rows] = parent = step.parents[row, place]
        attention[open_rows, depth] = step.attention[row, parent]
        best_tokens[open_rows, depth] = step.best_tokens[row, parent]
        best_log_probs[open_rows, depth] = step.best_log_probs[row, parent]
    hypotheses = []
    for number, (_, ending) in enumerate(endings):
        path = number, slice(ending.depth + 1)
        alternatives: list[list[tuple[int, float]]] = [[] for _ in range(ending.depth + 1)]
        if best_tokens.shape[2]:
            best = zip(best_tokens[path].tolist(), best_log_probs[path].tolist(), strict=True)
            alternatives = [list(zip(*pairs, strict=True)) for pairs in best]
        along = ids[path].tolist(), log_probs[path].tolist(), attention[path].copy(), alternatives
        hypotheses.append(Hypothesis(*along, ending.log_prob, ending.score, finished=ending.finished, met=ending.met))
    return hypotheses


def beam_history(steps: Sequence[SearchStep], sentence: int) -> list[list[Place]]:
    """What the beam of a sentence held after each step, the places in order."""
    history = []
    for step in steps:
        row = step.row[sentence]
        if row < 0:
            break
        kept = step.kept[row]
        parts = (each[row][kept].tolist() for each in (step.parents, step.tokens, step.log_probs))
        history.append([Place(*place) for place in zip(*parts, strict=True)])
    return history
