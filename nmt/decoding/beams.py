"""The hypotheses of a batch, step after step: what is proposed, what is kept, what has ended, who is done.

A sentence has K places, in groups if the beam is to be diverse. At each step every open hypothesis proposes its best
continuations, and each group keeps as many of them as it has places left. All of this is small and happens on the host,
for all sentences at once.

Letters: B sentences still searched, W hypotheses each (open ones first, then empty places), L open ones in all, V
vocabulary, S source positions, m proposals of a hypothesis, P places after the step.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nmt.decoding.endings import Endings
from nmt.decoding.guides import State
from nmt.decoding.options import SearchOptions
from nmt.decoding.proposals import Guided, Proposals, Proposer
from nmt.decoding.sampling import generator
from nmt.decoding.sentences import SearchBatch
from nmt.decoding.tree import Ending, Hypothesis, SearchStep


def to_host(*tensors: Tensor) -> list[np.ndarray]:
    """Tensors of one device in the host's memory; a GPU is waited for once, when all are under way."""
    is_on_gpu = tensors[0].is_cuda
    copies = [each.to("cpu", non_blocking=is_on_gpu) for each in tensors]
    if is_on_gpu:
        torch.cuda.current_stream(tensors[0].device).synchronize()
    return [each.numpy() for each in copies]


class _Picked(NamedTuple):
    """What is kept, all (B, P); a place is open, has ended at this step, or is empty."""

    parents: np.ndarray
    tokens: np.ndarray
    totals: np.ndarray
    groups: np.ndarray
    log_probs: np.ndarray
    opened: np.ndarray
    ended: np.ndarray


class Beams:
    """The hypotheses of a batch of sentences.

    Args:
        batch: the sentences.
        options: what is asked for.

    Attributes:
        first: rows of the initial state with which to begin: a sentence once for each group, or for each sample.
    """

    def __init__(self, batch: SearchBatch, options: SearchOptions) -> None:
        self._options, self._eos = options, batch.eos
        self._proposer, self._endings = Proposer(options, batch.eos), Endings(batch, options)
        self._limits, sentences = batch.limits.cpu().numpy(), len(batch.limits)
        self._guides = batch.guides or [None] * sentences
        self._has_guides = any(guide is not None for guide in self._guides)
        width, places = options.groups, options.beam_size // options.groups
        if options.is_sampled:
            width, places = options.width, 1
            self._generators = [generator(options.seed, number) for number in batch.numbers or range(sentences)]
        self.first = np.arange(sentences).repeat(width)
        self._alive = list(range(sentences))
        self._totals = np.zeros((sentences, width))  # log-probabilities; -inf is an empty place
        self._groups = np.tile(np.arange(width), (sentences, 1))
        self._places = np.full((sentences, width), places)  # left to each group
        self._tracks: list[list[State]] = [[each.start()] * width if each is not None else [] for each in self._guides]
        self._received: np.ndarray | None = None  # (B, W, S) attention so far
        self._steps: list[SearchStep] = []

    @property
    def full(self) -> bool:
        """Whether every place is open."""
        return bool((self._totals > -np.inf).all())

    @property
    def opened(self) -> np.ndarray:
        """(L,) the rows of the open hypotheses among all B * W."""
        return np.flatnonzero(self._totals > -np.inf)

    def take(self, log_probs: Tensor, weights: Tensor) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """One step.

        Args:
            log_probs: (L, V) of what follows each open hypothesis.
            weights: (B * W, S) float32, the attention of each hypothesis.

        Returns:
            Which sentences of the B go on, None if all; and for every hypothesis then, sentence by sentence, its parent
            among the B * W and its last token.
        """
        proposals, attention = self._propose(log_probs, weights)
        picked = self._pick(proposals)
        best = proposals.best_tokens, proposals.best_log_probs
        of_step = picked.tokens, picked.log_probs, picked.parents, picked.opened | picked.ended
        self._steps.append(SearchStep(self._positions(), *of_step, attention, *best))
        self._follow(picked, attention)
        self._cut_off(picked)
        going_on = np.flatnonzero(self._goes_on(picked))
        width = int(picked.opened[going_on].sum(axis=1).max(initial=0))
        parents, tokens, totals, groups = (column[going_on, :width] for column in picked[:4])
        rows = going_on[:, None] * self._totals.shape[1] + parents
        all_go_on = len(going_on) == len(self._alive)
        self._alive, self._places = [self._alive[row] for row in going_on], self._places[going_on]
        self._totals = np.where(picked.opened[going_on, :width], totals, -np.inf)
        self._groups = groups
        self._tracks = [self._tracks[row][:width] for row in going_on]
        if self._received is not None:
            self._received = self._received[going_on, :width]
        return None if all_go_on else going_on, rows.ravel(), tokens.ravel()

    def results(self) -> list[list[Hypothesis]]:
        """The hypotheses of each sentence that are wanted, best first; samples as they were drawn."""
        return self._endings.hypotheses(self._steps)

    def _propose(self, log_probs: Tensor, weights: Tensor) -> tuple[Proposals[np.ndarray], np.ndarray]:
        """The proposals of every place (B, W, m), an empty one proposes nothing, and the attention (B, W, S)."""
        proposals = self._proposer(log_probs, len(self._steps), self._guided(), self._chance())
        *proposed, attention = to_host(*proposals, weights)
        empty = Proposals(-np.inf, self._eos, -np.inf, self._eos)
        return Proposals(*map(self._spread, proposed, empty)), attention.reshape(*self._totals.shape, -1)

    def _spread(self, values: np.ndarray, empty: float) -> np.ndarray:
        """Rows of the open hypotheses (L, m) -> (B, W, m)."""
        shape = (*self._totals.shape, values.shape[1])
        if self.full:
            return values.reshape(shape)
        spread = np.full((self._totals.size, values.shape[1]), empty, values.dtype)
        spread[self.opened] = values
        return spread.reshape(shape)

    def _chance(self) -> np.ndarray:
        """(L,) the uniform number of each sample at this step; of a beam, nothing."""
        if not self._options.is_sampled:
            return np.zeros(0)
        chances = np.stack([self._generators[sentence].random(self._options.width) for sentence in self._alive])
        rows, places = np.divmod(self.opened, self._totals.shape[1])
        return chances[rows, self._groups[rows, places]]

    def _guided(self) -> list[Guided]:
        """The open hypotheses that have a guide."""
        guided = []
        for row, flat in enumerate(self.opened.tolist() if self._has_guides else ()):
            sentence, place = divmod(flat, self._totals.shape[1])
            guide = self._guides[self._alive[sentence]]
            if guide is not None:
                guided.append(Guided(row, guide, self._tracks[sentence][place]))
        return guided

    def _pick(self, proposals: Proposals[np.ndarray]) -> _Picked:
        """What is kept of the proposals, the open hypotheses first."""
        totals = self._totals[:, :, None] + proposals.log_probs
        if self._options.beam_size == 1 and not self._has_guides:  # the first is the best, and the only one to keep
            tokens, log_probs, best = (each[:, :, 0] for each in (proposals.tokens, proposals.log_probs, totals))
            valid, ended = best > -np.inf, tokens == self._eos
            parents = np.zeros_like(self._groups)
            return _Picked(parents, tokens, best, self._groups, log_probs, valid & ~ended, valid & ended)
        index, valid, groups = self._best_of_groups(totals, proposals.tokens)
        parents = index // totals.shape[2]
        flat = (each.reshape(len(each), -1) for each in (proposals.tokens, proposals.log_probs, totals))
        tokens, log_probs, totals = (np.take_along_axis(each, index, axis=1) for each in flat)
        ended = valid & (tokens == self._eos)
        opened = valid & ~ended
        order = np.argsort(~opened, axis=1, kind="stable")
        columns = parents, tokens, totals, groups, log_probs, opened, ended
        return _Picked(*(np.take_along_axis(column, order, axis=1) for column in columns))

    def _best_of_groups(self, totals: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Indices (B, P) into the W * m proposals, whether there is one to keep, and the group that keeps it."""
        sentences, width, m = totals.shape
        if self._options.is_sampled:
            return np.tile(np.arange(width), (sentences, 1)), totals[:, :, 0] > -np.inf, self._groups
        picked: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        taken = np.zeros((sentences, 0), int)
        for group in range(self._places.shape[1]):
            scores = np.where(self._groups[:, :, None] == group, totals, -np.inf)
            if group:
                times = (tokens[:, :, :, None] == taken[:, None, None, :]).sum(axis=3)
                scores = scores - self._options.diversity * times
            order = self._ranked(scores, tokens)[:, : int(self._places[:, group].max())]
            possible = np.take_along_axis(scores.reshape(sentences, -1), order, axis=1) > -np.inf
            valid = possible & (np.arange(order.shape[1]) < self._places[:, [group]])
            picked.append((order, valid, np.full(order.shape, group)))
            chosen = np.take_along_axis(tokens.reshape(sentences, -1), order, axis=1)
            taken = np.concatenate([taken, np.where(valid, chosen, -1)], axis=1)
        index, valid, groups = (np.concatenate(parts, axis=1) for parts in zip(*picked, strict=True))
        return index, valid, groups

    def _ranked(self, scores: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Indices (B, W * m) of the proposals, best first.

        With a goal, the best proposal of each degree of progress comes before the second best of any, so that the
        places are divided among them (dynamic beam allocation: Post & Vilar 2018, section 3). A phrase that the next
        token may take back is a degree of its own: else it could stand in the way of those that go on from it.
        """
        flat = scores.reshape(len(scores), -1)
        order = np.argsort(-flat, axis=1, kind="stable")
        for row, sentence in enumerate(self._alive if self._has_guides else ()):
            guide = self._guides[sentence]
            if guide is None or not guide.goal:
                continue
            seen: dict[tuple[int, bool], int] = {}
            keys = []
            for index in order[row, : int((flat[row] > -np.inf).sum())]:
                place, proposal = divmod(int(index), scores.shape[2])
                state = guide.after(self._tracks[row][place], int(tokens[row, place, proposal]))
                degree = guide.met(state), guide.is_settled(state)
                seen[degree] = seen.get(degree, 0) + 1
                keys.append((seen[degree], -degree[0], not degree[1]))
            best = sorted(range(len(keys)), key=keys.__getitem__)
            order[row, : len(best)] = order[row, best]
        return order

    def _follow(self, picked: _Picked, attention: np.ndarray) -> None:
        """Brings tracks and received attention up to the step, and notes what has ended."""
        for row, sentence in enumerate(self._alive if self._has_guides else ()):
            guide, tracks = self._guides[sentence], self._tracks[row]
            if guide is not None:
                steps = zip(picked.parents[row], picked.tokens[row], strict=True)
                self._tracks[row] = [guide.after(tracks[parent], int(token)) for parent, token in steps]
        if self._options.coverage_penalty:
            received = attention if self._received is None else self._received + attention
            self._received = np.take_along_axis(received, picked.parents[:, :, None], axis=1)
        for row, place in np.argwhere(picked.ended).tolist():
            self._places[row, picked.groups[row, place]] -= 1
            self._end(row, place, picked, finished=True)

    def _end(self, row: int, place: int, picked: _Picked, finished: bool) -> None:
        received = None if self._received is None else self._received[row, place]
        guide = self._guides[self._alive[row]]
        ending = Ending(
            met=0 if guide is None else guide.met(self._tracks[row][place]),
            log_prob=float(picked.totals[row, place]),
            depth=len(self._steps) - 1,
            place=place,
            finished=finished,
            group=int(picked.groups[row, place]),
        )
        self._endings.add(self._alive[row], ending, received)

    def _cut_off(self, picked: _Picked) -> None:
        """Ends what is open of the sentences at their limit, where too little has ended by itself."""
        for row in np.flatnonzero(self._limits[self._alive] <= len(self._steps)).tolist():
            if self._endings.needs_more(self._alive[row]):
                for place in np.flatnonzero(picked.opened[row]).tolist():
                    self._end(row, place, picked, finished=False)

    def _goes_on(self, picked: _Picked) -> np.ndarray:
        """(B,) whether a sentence is searched further."""
        length, limits = len(self._steps), self._limits[self._alive]
        best = np.where(picked.opened, picked.totals, -np.inf).max(axis=1)
        is_settled = self._endings.cannot_change(self._alive, best, length, limits)
        return picked.opened.any(axis=1) & (limits > length) & ~is_settled

    def _positions(self) -> np.ndarray:
        """Where each sentence stands among those alive; -1 for the others."""
        positions = np.full(len(self._limits), -1)
        positions[self._alive] = np.arange(len(self._alive))
        return positions
