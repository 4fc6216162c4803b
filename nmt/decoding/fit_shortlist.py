"""Training pairs -> the attention lexicon: what a trained model attends to while it reads them, as a `Shortlist`.

A second reading of some of them shows what the types weigh that a sentence may not use.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from nmt.data.batch import Batch
from nmt.data.special import BOS_ID, EOS_ID, PAD_ID
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.decoding.shortlist import Rest, Shortlist
from nmt.model.seq2seq import Seq2Seq

LEAST_WEIGHT = 0.05
"""Attention below it is no link."""

LEAST_SHARE = 0.01
"""A target type is left out whose links are a smaller part of all that a source type has."""

MERGED_LINKS = 5_000_000
"""So many links are gathered before equal ones are added up."""

READ_POSITIONS = 1000
"""Of a batch, as many target positions at most are read for the rest."""

LEAST_REST = 1e-7
"""Where the other types have a smaller probability, it counts as this, so that its logarithm is finite."""

RIDGE = 5e-3
"""Weight of the squared length of the rest's row beside the mean squared error."""


class Links:
    """How much attention goes from target types to source types, summed over pairs of sentences.

    Args:
        vocab_size: of the target, V.
    """

    def __init__(self, vocab_size: int) -> None:
        self._vocab_size = vocab_size
        self._keys: list[np.ndarray] = [np.zeros(0, np.int64)]
        self._weights: list[np.ndarray] = [np.zeros(0)]
        self._waiting = 0

    @torch.inference_mode()
    def add(self, model: Seq2Seq, batch: Batch) -> None:
        """Adds a batch, by forced decoding; the output layer has no part in it."""
        _, attention = model(batch.src_ids, batch.src_lengths, batch.tgt_ids[:, :-1])  # (B, T, S)
        targets = batch.tgt_ids[:, 1:].unsqueeze(2)
        sentence, target, source = ((attention >= LEAST_WEIGHT) & (targets != PAD_ID)).nonzero(as_tuple=True)
        keys = batch.src_ids[sentence, source] * self._vocab_size + batch.tgt_ids[sentence, target + 1]
        self._keys.append(keys.cpu().numpy())
        self._weights.append(attention[sentence, target, source].double().cpu().numpy())
        self._waiting += len(keys)
        if self._waiting > MERGED_LINKS:
            self._merge()

    def _merge(self) -> None:
        keys, places = np.unique(np.concatenate(self._keys), return_inverse=True)
        self._weights = [np.bincount(places, np.concatenate(self._weights), len(keys))]
        self._keys, self._waiting = [keys], 0

    def strongest_first(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Source types in rising order, for each its target types from the strongest link on, and their weights."""
        self._merge()
        (keys,), (weights,) = self._keys, self._weights
        sources, targets = np.divmod(keys, self._vocab_size)
        order = np.lexsort((targets, -weights, sources))
        return sources[order], targets[order], weights[order]


def build_shortlist(
    model: Seq2Seq, tokenizers: TokenizerPair, batches: Iterable[Batch], per_token: int, frequent: int
) -> Shortlist:
    """The shortlist of a model: for each source type the target types that attend to it most, and the frequent ones.

    A target type that is spelled as the source type belongs to it too, so that names and numbers can be copied.

    Args:
        model: trained, in evaluation mode.
        tokenizers: its vocabularies.
        batches: pairs that it was trained on.
        per_token: most target types of a source type.
        frequent: how many of the most frequent target types every sentence may use.
    """
    vocab_size, src_size = tokenizers.tgt.vocab_size, tokenizers.src.vocab_size
    links, counts = Links(vocab_size), np.zeros(vocab_size, np.int64)
    for batch in batches:
        links.add(model, batch)
        counts += np.bincount(batch.tgt_ids.flatten().numpy(), minlength=vocab_size)
    counts[[PAD_ID, BOS_ID, EOS_ID]] = 0
    common = np.argsort(-counts, kind="stable")[: min(frequent, np.count_nonzero(counts))]
    sources, targets, weights = links.strongest_first()
    first = np.searchsorted(sources, np.arange(src_size))
    rank = np.arange(len(sources)) - first[sources]
    share = weights / np.bincount(sources, weights, src_size)[sources]
    kept = (rank < per_token) & (share >= LEAST_SHARE)
    types = np.full((src_size, per_token + 1), EOS_ID)  # the last place is for the type of the same spelling
    types[sources[kept], rank[kept]] = targets[kept]
    ids = {token: number for number, token in enumerate(tokenizers.tgt.tokens)}
    types[:, per_token] = [ids.get(token, EOS_ID) for token in tokenizers.src.tokens]
    types[types == PAD_ID] = EOS_ID
    return Shortlist(torch.from_numpy(types), torch.from_numpy(np.append(common, EOS_ID)), vocab_size)


def fit_rest(model: Seq2Seq, shortlist: Shortlist, batches: Iterable[Batch]) -> Rest:
    """What the types that a sentence may not use weigh, as a row of the output layer.

    With the row's logit beside those of a sentence's own types, the normaliser comes as near as possible to that of the
    whole vocabulary: by least squares of its logarithm, over positions of training pairs.

    Args:
        model: in evaluation mode.
        shortlist: what sentences may use.
        batches: at least one.
    """
    read = [_read(model, shortlist, batch) for batch in batches]
    readouts, own, whole = (torch.cat(parts) for parts in zip(*read, strict=True))  # logarithms of normalisers
    others = whole + torch.log(-torch.expm1((own - whole).clamp(max=-LEAST_REST)))
    weight = readouts.new_zeros(readouts.shape[1]).requires_grad_()
    bias = others.median().requires_grad_()
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        error = torch.logaddexp(own, readouts @ weight + bias) - whole
        value = error.square().mean() + RIDGE * weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return Rest(weight.detach(), bias.detach())


@torch.no_grad()
def _read(model: Seq2Seq, shortlist: Shortlist, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Readouts (n, R) of a batch, and the logarithms (n,) of their normalisers over a sentence's types and over all."""
    src_mask = batch.src_ids != PAD_ID
    candidates = shortlist.candidates(batch.src_ids, src_mask)
    readouts, _ = model(batch.src_ids, batch.src_lengths, batch.tgt_ids[:, :-1])
    real = batch.tgt_ids[:, 1:] != PAD_ID
    if model.latent:  # a readout for each source position
        real = real.unsqueeze(2) & src_mask.unsqueeze(1)
    places = real.nonzero()
    places = places[:: -(-len(places) // READ_POSITIONS)]
    readouts, allowed = readouts[tuple(places.t())], candidates.allowed[places[:, 0]]
    logits = model.output(readouts)
    own = logits[:, candidates.ids].masked_fill(~allowed, -torch.inf).logsumexp(dim=1)
    return readouts, own, logits.logsumexp(dim=1)
