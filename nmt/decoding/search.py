"""Beam search over any step function; greedy search is the beam of one.

Search knows a step function, the BOS and EOS ids and its own options: neither Lightning nor a concrete model. All
sentences of a batch advance together; a sentence that is done leaves the batch, so that no work is spent on it. The
beam tree keeps a parent for each hypothesis and step; whatever belongs to a step (token, attention, alternatives) is
read along the parents at the end.

Letters: B sentences still searched, K hypotheses each, N = B * K rows, V vocabulary, S source positions.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from nmt.decoding.options import SearchOptions

Step = Callable[[Tensor, Any, Any], tuple[Tensor, Any, Tensor]]
"""(previous ids (N,), memory of B rows, state of N rows) -> log-probabilities (N, V), next state, attention (N, S)."""


class Hypothesis(NamedTuple):
    """One finished or cut-off hypothesis of T tokens.

    Attributes:
        ids: T token ids; the last is EOS if it is finished.
        token_log_probs: T natural logarithms.
        attention: float32 (T, S).
        alternatives: T lists of the most probable (id, log-probability), best first.
        log_prob: sum of `token_log_probs`.
        score: `log_prob` with length normalisation, by which hypotheses were ranked.
        finished: False if it was cut off at its limit.
    """

    ids: list[int]
    token_log_probs: list[float]
    attention: np.ndarray
    alternatives: list[list[tuple[int, float]]]
    log_prob: float
    score: float
    finished: bool


class _Layer(NamedTuple):
    """One step of the beam tree, for the sentences that were still searched then; on the host.

    Attributes:
        row: (all sentences,) where a sentence stands in the other arrays.
        tokens: (B, K) the token that each surviving hypothesis took.
        log_probs: (B, K) of those tokens.
        parents: (B, K) the hypothesis of the layer before that it continues.
        attention: (B, K, S) of the parents, as they predicted.
        best_ids: (B, K, m) of the parents, most probable first.
        best_log_probs: (B, K, m).
    """

    row: np.ndarray
    tokens: np.ndarray
    log_probs: np.ndarray
    parents: np.ndarray
    attention: np.ndarray
    best_ids: np.ndarray
    best_log_probs: np.ndarray


class _Ending(NamedTuple):
    """Where a hypothesis ends: at `depth` it continued hypothesis `parent` with `token`."""

    score: float
    depth: int
    log_prob: float
    parent: int
    token: int
    token_log_prob: float
    finished: bool


def select_rows(tree: Any, rows: Tensor) -> Any:
    """The same tree of tensors (tuples, named tuples, lists) with the given rows of each."""
    if isinstance(tree, Tensor):
        return tree.index_select(0, rows)
    children = [select_rows(child, rows) for child in tree]
    return type(tree)(*children) if hasattr(tree, "_fields") else type(tree)(children)


def search(
    step: Step, memory: Any, state: Any, limits: Tensor, options: SearchOptions, bos: int, eos: int
) -> list[list[Hypothesis]]:
    """The best hypotheses of each sentence, best first, at most `beam_size` of them and at least one.

    A sentence is done when `beam_size` hypotheses have ended, or when no open one can overtake the best of those:
    log-probabilities only fall, so that an open hypothesis of log-probability p ends at ``p / limit ** alpha`` at best.

    Args:
        step: the step function.
        memory: tree of tensors with one row a sentence; what does not change from step to step.
        state: tree of tensors with one row a sentence; the state before the first token.
        limits: (B,) most tokens of each sentence, EOS included, at least 1.
        options: what is asked for.
        bos: id that every hypothesis begins with (not part of the result).
        eos: id that finishes a hypothesis.
    """
    beam, device = options.beam_size, limits.device
    limits_host = limits.tolist()
    alive = list(range(len(limits_host)))
    endings: list[list[_Ending]] = [[] for _ in alive]
    layers: list[_Layer] = []
    state = select_rows(state, torch.arange(len(alive), device=device).repeat_interleave(beam))
    previous = torch.full((len(alive) * beam,), bos, device=device)
    totals = torch.full((len(alive), beam), -torch.inf, device=device)  # log-probability of the open hypotheses
    totals[:, 0] = 0.0
    while alive:
        log_probs, state, attention = step(previous, memory, state)
        width = min(max(2 * beam, options.alternatives), log_probs.shape[1])
        best_log_probs, best_ids = log_probs.topk(width, dim=-1)  # (N, m)
        best_log_probs = best_log_probs.unflatten(0, (-1, beam))
        best_ids = best_ids.unflatten(0, (-1, beam))
        candidates = totals.unsqueeze(2) + best_log_probs  # (B, K, m)
        chosen = _Candidates(candidates.flatten(1), best_log_probs.flatten(1), best_ids.flatten(1), beam, eos)
        layers.append(
            _Layer(
                _positions(alive, len(endings)),
                chosen.tokens.cpu().numpy(),
                chosen.log_probs.cpu().numpy(),
                chosen.parents.cpu().numpy(),
                attention.float().unflatten(0, (-1, beam)).cpu().numpy(),
                best_ids[:, :, : options.alternatives].cpu().numpy(),
                best_log_probs[:, :, : options.alternatives].cpu().numpy(),
            )
        )
        depth = len(layers) - 1
        keep = [
            row
            for row, sentence in enumerate(alive)
            if _goes_on(endings[sentence], chosen, row, depth, limits_host[sentence], options)
        ]
        alive = [alive[row] for row in keep]
        rows = torch.tensor(keep, device=device, dtype=torch.long)
        hypotheses = (rows.unsqueeze(1) * beam + chosen.parents[rows]).flatten()
        state = select_rows(state, hypotheses)
        if len(keep) < len(chosen.tokens):
            memory = select_rows(memory, rows)
        previous, totals = chosen.tokens[rows].flatten(), chosen.totals[rows]
    return [
        [_trace(layers, sentence, ending) for ending in sorted(found, key=lambda each: -each.score)[:beam]]
        for sentence, found in enumerate(endings)
    ]


def _goes_on(
    found: list[_Ending], chosen: "_Candidates", row: int, depth: int, limit: int, options: SearchOptions
) -> bool:
    """Adds to `found` what ended at this step, and tells whether the sentence is searched further."""
    norm = (depth + 1) ** options.length_penalty
    found += [_Ending(each.total / norm, depth, *each, True) for each in chosen.ended(row)]
    opened = chosen.opened(row)
    if depth + 1 == limit:
        if not found:
            found += [_Ending(each.total / norm, depth, *each, False) for each in opened]
        return False
    highest = opened[0].total / limit**options.length_penalty if opened else -np.inf
    return len(found) < options.beam_size and not any(each.score >= highest for each in found)


class _Candidate(NamedTuple):
    """A continuation: `total` log-probability after hypothesis `parent` took `token`."""

    total: float
    parent: int
    token: int
    log_prob: float


class _Candidates:
    """The best continuations of every sentence, divided into those that end and the K that go on."""

    def __init__(self, totals: Tensor, log_probs: Tensor, ids: Tensor, beam: int, eos: int) -> None:
        """Takes m continuations of each hypothesis, all (B, K * m): total and own log-probabilities, token ids."""
        top, index = totals.topk(min(2 * beam, totals.shape[1]), dim=1)  # K of any 2K do not end
        tokens, log_probs, parents = (
            ids.gather(1, index),
            log_probs.gather(1, index),
            index // (totals.shape[1] // beam),
        )
        ends = tokens == eos
        # Only an ending among the best K counts, or a beam of one would end at any step.
        self._ended = [
            each[:, :beam].tolist() for each in (top.masked_fill(~ends, -torch.inf), parents, tokens, log_probs)
        ]
        going = ends.int().argsort(dim=1, stable=True)[:, :beam]
        self.totals = top.masked_fill(ends, -torch.inf).gather(1, going)
        self.parents, self.tokens = parents.gather(1, going), tokens.gather(1, going)
        self.log_probs = log_probs.gather(1, going)
        self._open = [each.tolist() for each in (self.totals, self.parents, self.tokens, self.log_probs)]

    def ended(self, row: int) -> list[_Candidate]:
        """Those that end, best first."""
        return _possible(self._ended, row)

    def opened(self, row: int) -> list[_Candidate]:
        """Those that go on, best first."""
        return _possible(self._open, row)


def _possible(columns: list[list[list]], row: int) -> list[_Candidate]:
    candidates = map(_Candidate, *(column[row] for column in columns))
    return [each for each in candidates if each.total > -np.inf]


def _positions(alive: list[int], sentences: int) -> np.ndarray:
    """Where each sentence stands among those alive; -1 for the others."""
    positions = np.full(sentences, -1)
    positions[alive] = np.arange(len(alive))
    return positions


def _trace(layers: list[_Layer], sentence: int, ending: _Ending) -> Hypothesis:
    """Reads one hypothesis along its parents, from its end to its beginning."""
    ids, log_probs, attention, alternatives = [], [], [], []
    token, log_prob, hypothesis = ending.token, ending.token_log_prob, ending.parent
    for depth in range(ending.depth, -1, -1):
        layer = layers[depth]
        row = layer.row[sentence]
        ids.append(token)
        log_probs.append(log_prob)
        attention.append(layer.attention[row, hypothesis])
        best = zip(
            layer.best_ids[row, hypothesis].tolist(), layer.best_log_probs[row, hypothesis].tolist(), strict=True
        )
        alternatives.append(list(best))
        if depth:
            row, before = layers[depth - 1].row[sentence], layers[depth - 1]
            token, log_prob = int(before.tokens[row, hypothesis]), float(before.log_probs[row, hypothesis])
            hypothesis = int(before.parents[row, hypothesis])
    return Hypothesis(
        ids[::-1],
        log_probs[::-1],
        np.stack(attention[::-1]),
        alternatives[::-1],
        ending.log_prob,
        ending.score,
        ending.finished,
    )
