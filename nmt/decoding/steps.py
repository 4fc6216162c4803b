"""What goes on at the steps of given targets: where each head looks, what is read and said, what another look brings.

Sources are ids of sentences without BOS, best of like length side by side; targets, as many, are ids without BOS, and
with EOS if they have ended: those of a record, cut off or not. The engine has one model, unless several are named.

Letters: B sentences, T target tokens, S source positions, M heads, R readout size, V vocabulary size.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from nmt.data.batch import cut_batches, pad
from nmt.data.special import BOS_ID, PAD_ID
from nmt.decoding.engine import Engine
from nmt.decoding.one_look import one_look_log_probs
from nmt.model.ensemble import Ensemble
from nmt.model.seq2seq import Seq2Seq

READ_TOKENS = 1 << 12
"""Tokens of a batch whose readouts are computed at once, padding included."""

SAID_TOKENS = 1 << 11
"""Tokens of a batch whose log-probabilities are computed at once, padding included: of each there are all types'."""

LOOK_LOGITS = 1 << 24
"""Logits of a step that exist at once, at most: for each source position as many as there are types."""


def single_model(engine: Engine) -> Seq2Seq:
    """The model, where there is only one.

    Raises:
        ValueError: if there are several: what goes on inside is of each its own.
    """
    if isinstance(engine.network, Ensemble):
        raise ValueError("an ensemble has no steps of its own to look into: take one of its models")
    return engine.network


@torch.inference_mode()
def readouts(engine: Engine, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> Iterator[np.ndarray]:
    """What the output layer reads at each token of given targets, float32 (T, R); of a latent alignment the mean."""
    model = single_model(engine)
    for rows in _batches(sources, targets, READ_TOKENS // 4 if model.latent else READ_TOKENS):
        with engine.autocast():
            read, attention = model(*engine.padded(sources[rows]), _previous(_padded(engine, targets[rows])))
        if model.latent:  # a readout for each position
            read = (attention.unsqueeze(2).to(read.dtype) @ read).squeeze(2)
        for each, target in zip(read.float().cpu().numpy(), targets[rows], strict=True):
            yield each[: len(target)]


@torch.inference_mode()
def head_attention(engine: Engine, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> Iterator[np.ndarray]:
    """What each head attends to at each token of given targets, float32 (T, M, S)."""
    model = single_model(engine)
    for rows in _batches(sources, targets, READ_TOKENS):
        with engine.autocast():
            weights = model.decoder.heads(
                _previous(_padded(engine, targets[rows])), *model.encode(*engine.padded(sources[rows]))
            )
        for each, source, target in zip(weights.float().cpu().numpy(), sources[rows], targets[rows], strict=True):
            yield each[: len(target), :, : len(source) + 1]


@torch.inference_mode()
def token_log_probs(engine: Engine, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> Iterator[np.ndarray]:
    """The log-probability of each token of given targets, float32 (T,), by one model or several."""
    for rows in _batches(sources, targets, SAID_TOKENS // 4 if engine.is_latent else SAID_TOKENS):
        given = _padded(engine, targets[rows])
        with engine.autocast():
            outputs, attention = engine.network(*engine.padded(sources[rows]), _previous(given))
            log_probs = engine.network.log_probs(outputs, attention)
        taken = log_probs.gather(2, given.unsqueeze(2)).squeeze(2).cpu().numpy()
        for each, target in zip(taken, targets[rows], strict=True):
            yield each[: len(target)]


def looks(
    engine: Engine, sources: Sequence[list[int]], targets: Sequence[list[int]]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """What each token of given targets would be if its step looked at one source position alone (`one_look_log_probs`).

    Yields:
        For each sentence, (T, S) each: the most probable token, its probability, and that of the given token.
    """
    model = single_model(engine)
    for rows in _batches(sources, targets, LOOK_LOGITS // model.tgt_vocab_size):
        src_ids, src_lengths = engine.padded(sources[rows])
        given = _padded(engine, targets[rows])
        with engine.autocast():
            steps = one_look_log_probs(model, src_ids, src_lengths, _previous(given))
            found = [_of_step(log_probs, token) for log_probs, token in zip(steps, given.unbind(1), strict=True)]
        best, probabilities, written = (torch.stack(each, dim=1).cpu().numpy() for each in zip(*found, strict=True))
        for row, (source, target) in enumerate(zip(sources[rows], targets[rows], strict=True)):
            corner = row, slice(len(target)), slice(len(source) + 1)
            yield best[corner], probabilities[corner], written[corner]


def _of_step(log_probs: Tensor, given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The best type of log-probabilities (B, S, V), its probability, and that of a given one (B,): (B, S) each."""
    highest, best = log_probs.max(dim=-1)
    own = log_probs.gather(2, given.view(-1, 1, 1).expand(-1, log_probs.shape[1], 1)).squeeze(2)
    return best, highest.exp(), own.exp()


def _batches(sources: Sequence[list[int]], targets: Sequence[list[int]], tokens: int) -> list[slice]:
    """Sentences side by side that have so many tokens at most on either side, padding and BOS included."""
    sizes = np.array([(len(source) + 1, len(target)) for source, target in zip(sources, targets, strict=True)])
    return cut_batches(sizes.reshape(-1, 2), tokens, len(sizes))


def _padded(engine: Engine, targets: Sequence[list[int]]) -> Tensor:
    """Targets as ids (B, T) on the device, of at least one step, also where they are empty."""
    return pad([target or [PAD_ID] for target in targets])[0].to(engine.device)


def _previous(given: Tensor) -> Tensor:
    """What the decoder reads to write given targets: (B, T) -> (B, T)."""
    return torch.cat([given.new_full((len(given), 1), BOS_ID), given[:, :-1]], dim=1)
