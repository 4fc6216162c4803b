"""The sentences of one call, a window after the other -> batches, side by side -> hypotheses.

Letters: B sentences, S source positions.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nmt.data.batch import length_mask
from nmt.data.special import BOS_ID
from nmt.decoding.demands import Demands
from nmt.decoding.engine import Engine
from nmt.decoding.options import SearchOptions
from nmt.decoding.search import search
from nmt.decoding.sentences import SearchBatch
from nmt.decoding.shortlist import Candidates, Restricted
from nmt.decoding.threads import in_threads
from nmt.decoding.translation import Request
from nmt.decoding.tree import Hypothesis
from nmt.model.ensemble import Ensemble

MANY_SENTENCES = 200
"""From so many at once on, it pays to search by processes, if there may be any."""

USUAL_TOKENS = 10
"""Of a hypothesis: where all have as many as the target has types, it pays to compute what each type adds to a step."""

_IN_TURN = threading.Lock()
"""Held while processes search: what they answer is for one caller at a time."""


class Job(NamedTuple):
    """A sentence to search for: its number in the input, what is asked for, and its tokens without BOS."""

    number: int
    request: Request
    src_ids: list[int]


class Searcher:
    """Searches for the sentences of one call, for which the weights of the network stay as they are.

    Args:
        engine: runs the network.
        demands: what is demanded of translations, by the same options.
        options: of the search.
    """

    def __init__(self, engine: Engine, demands: Demands, options: SearchOptions) -> None:
        self._engine, self._demands, self._options = engine, demands, options
        self._network = engine.network
        self._tokens = 0  # that the sentences so far were expected to have, in all hypotheses

    def search_all(self, jobs: Sequence[Job], size: int) -> Iterator[list[Hypothesis]]:
        """What `nmt.decoding.search.search` gives for each job, in order, in batches of at most `size`.

        On a CPU there are as many batches at a time as torch has threads. A thread, or a process, for each does more
        than several for each product: nothing waits, and nothing small is shared out. The last batches are smaller, so
        that all end at about the same time.
        """
        engine, options = self._engine, self._options
        engine.may_compute()
        count = torch.get_num_threads() if engine.device.type == "cpu" else 1
        batches = [jobs[start : start + size] for start in range(0, len(jobs), size)]
        if count > 1:
            whole = max(0, len(batches) - count)
            rest, half = jobs[whole * size :], -(-size // 2)
            batches[whole:] = [rest[start : start + half] for start in range(0, len(rest), half)]
        threads = min(count, len(batches))
        if engine.processes and threads > 1 and len(jobs) >= MANY_SENTENCES:
            with _IN_TURN:
                yield from chain.from_iterable(engine.workers(count, options, self._tabulated).map(batches))
            return
        self._tokens += len(jobs) * options.width * USUAL_TOKENS
        work = self._tabulated() if self._tokens >= engine.models[0].tgt_vocab_size else self.search
        found = in_threads(threads, work, batches) if threads > 1 else map(work, batches)
        yield from chain.from_iterable(found)

    def _tabulated(self) -> Callable[[Sequence[Job]], list[list[Hypothesis]]]:
        """`search`, from now on by a network with tables: see `nmt.model.decoder.Decoder.tabulated`."""
        if self._network is self._engine.network:
            with torch.inference_mode(), self._engine.autocast():
                self._network = self._network.tabulated()
        return self.search

    @torch.inference_mode()
    def search(self, jobs: Sequence[Job]) -> list[list[Hypothesis]]:
        """The hypotheses of each sentence of a batch."""
        demands, shortlist = self._demands, self._engine.shortlist
        src_ids, src_lengths = self._engine.padded([job.src_ids for job in jobs])
        mask = length_mask(src_lengths, src_ids.shape[1])
        covered = mask & (src_ids != BOS_ID)
        forced = [demands.forced(job.request) for job in jobs]
        lengths = ((len(job.src_ids) + 1, len(tokens)) for job, tokens in zip(jobs, forced, strict=True))
        limits = torch.tensor([self._options.limit(*each) for each in lengths], device=src_ids.device)
        guides = [demands.guide(job.request) for job in jobs]
        numbers = [job.number for job in jobs]
        batch = SearchBatch(limits, numbers, covered, guides, demands.unsaid)
        if shortlist is None:
            return self._search(self._network, src_ids, src_lengths, batch)
        candidates = shortlist.candidates(src_ids, mask, forced)
        restricted, ids = self._restricted(candidates), candidates.ids.cpu().numpy()
        found = self._search(restricted, src_ids, src_lengths, candidates.columns_of(batch))
        return [[hypothesis.renamed(ids) for hypothesis in hypotheses] for hypotheses in found]

    def _search(self, network: Any, src_ids: Tensor, src_lengths: Tensor, batch: SearchBatch) -> list[list[Hypothesis]]:
        with self._engine.autocast():
            memory, state = network.encode(src_ids, src_lengths, single=self._options.width == 1)
            return search(network, memory, state, batch, self._options)

    def _restricted(self, candidates: Candidates) -> Restricted | Ensemble:
        """The network of one batch, which chooses among the candidates only."""
        network, shortlists = self._network, self._engine.shortlists
        if not isinstance(network, Ensemble):
            return Restricted(network, candidates, shortlists[0].rest)
        pairs = zip(network.models, shortlists, strict=True)
        return Ensemble([Restricted(model, candidates, each.rest) for model, each in pairs], network.combine)
