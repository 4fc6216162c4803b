"""Forced decoding: given targets -> the hypotheses that they are.

Letters: T target tokens, S source positions, V vocabulary size.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import itemgetter

import numpy as np
import torch
from torch import Tensor

from nmt.data.batch import cut_batches, pad, tgt_sequence
from nmt.data.special import EOS_ID
from nmt.decoding.engine import Engine
from nmt.decoding.options import SearchOptions
from nmt.decoding.scoring import Scoring
from nmt.decoding.search import tree_map
from nmt.decoding.tree import Hypothesis

FORCED_TOKENS = 1 << 14
"""Tokens of a batch under forced decoding, padding included: an endless target does not lengthen all the others."""

FORCED_LATENT_TOKENS = 1 << 9
"""The same of a latent alignment, which has a readout for each pair of target and source position."""


@torch.inference_mode()
def force(
    engine: Engine,
    sources: Sequence[list[int]],
    targets: Sequence[list[int]],
    alternatives: int,
    ranking: SearchOptions,
) -> Iterator[Hypothesis]:
    """Each given target as a hypothesis, scored as a search with the options `ranking` would have scored it.

    Args:
        engine: with one model or several.
        sources: sentences without BOS.
        targets: as many, without BOS and EOS.
        alternatives: most probable tokens that are kept of each step.
        ranking: of the score.
    """
    engine.may_compute()
    scoring = Scoring(ranking)
    sizes = np.array([(len(source), len(target)) for source, target in zip(sources, targets, strict=True)])
    for rows in cut_batches(sizes, FORCED_LATENT_TOKENS if engine.is_latent else FORCED_TOKENS, len(sizes)):
        tgt_ids, forced = pad([tgt_sequence(target) for target in targets[rows]])[0].to(engine.device), []
        with engine.autocast():
            outputs, attention = engine.network(*engine.padded(sources[rows]), tgt_ids[:, :-1])
            for row, (source, target) in enumerate(zip(sources[rows], targets[rows], strict=True)):
                corner = row, slice(len(target) + 1)
                log_probs = engine.network.log_probs(tree_map(itemgetter(corner), outputs), attention[corner])
                weights = attention[corner].float().cpu().numpy()
                coverage = scoring.coverage(weights[:, 1 : len(source) + 1].sum(axis=0))
                score = partial(scoring.score, length=len(target) + 1, coverage=coverage)
                forced.append(_given([*target, EOS_ID], log_probs, weights, alternatives, score))
        yield from forced


def _given(
    ids: list[int], log_probs: Tensor, attention: np.ndarray, alternatives: int, score: Callable[[float], float]
) -> Hypothesis:
    """The hypothesis of given ids (T), from what the network thought at each of them: (T, V), (T, S)."""
    taken = log_probs.gather(1, torch.tensor(ids, device=log_probs.device).unsqueeze(1)).squeeze(1).tolist()
    best = log_probs.topk(min(alternatives, log_probs.shape[1]), dim=-1)
    steps = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    named = [list(zip(*step, strict=True)) for step in steps]
    return Hypothesis(ids, taken, attention, named, sum(taken), score(sum(taken)), finished=True)
