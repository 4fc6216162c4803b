"""Ids -> batches: padding, a sampler that fills batches by tokens out of length buckets, a loader of an epoch's rest.

The order of the batches is a function of seed and epoch alone, so that a resumed run needs no random state: it goes
to the batch where it stopped.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from nmt.data.links import token_links
from nmt.data.special import BOS_ID, EOS_ID, PAD_ID


class Batch(NamedTuple):
    """B sentence pairs, padded on the right with PAD.

    Attributes:
        src_ids: (B, S) int64, BOS first.
        src_lengths: (B,) int64, with BOS.
        tgt_ids: (B, T) int64, BOS first, EOS last.
        tgt_lengths: (B,) int64, with BOS and EOS.
        indices: (B,) int64, row of each pair in its split.
        alignment: (B, T - 1, S) float32, where it was asked for: row t is the distribution over the positions of
            `src_ids` that the prediction of `tgt_ids[:, t + 1]` should attend to. It is even over the linked tokens, as
            `nmt.data.links.token_links` says; rows of tokens without a link, of EOS and of padding are zero.
    """

    src_ids: Tensor
    src_lengths: Tensor
    tgt_ids: Tensor
    tgt_lengths: Tensor
    indices: Tensor
    alignment: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The batch for a device: ids and alignment there, lengths and indices where they are.

        Of these the host must know to pack, to mask and to count; to ask a GPU for them is to wait for it.
        """
        ids, alignment = (self.src_ids, self.tgt_ids), self.alignment
        no_wait = device.type == "cuda"
        src_ids, tgt_ids = (each.to(device, non_blocking=no_wait) for each in ids)
        there = None if alignment is None else alignment.to(device, non_blocking=no_wait)
        return self._replace(src_ids=src_ids, tgt_ids=tgt_ids, alignment=there)


def src_sequence(ids: Sequence[int]) -> list[int]:
    """What the encoder reads: BOS and the tokens. An empty sentence is BOS alone."""
    return [BOS_ID, *ids]


def tgt_sequence(ids: Sequence[int]) -> list[int]:
    """What the decoder reads (without the last) and predicts (without the first): BOS, the tokens, EOS."""
    return [BOS_ID, *ids, EOS_ID]


def pad(sequences: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Sequences -> ids (B, longest), padded on the right, and lengths (B,)."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    ids = torch.full((len(sequences), int(lengths.max())), PAD_ID)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.as_tensor(sequence)
    return ids, lengths


def on_device_of(small: Tensor, other: Tensor) -> Tensor:
    """A small tensor on the device of another one, without waiting for it where it comes from the host."""
    if small.device == other.device:
        return small
    return small.to(other.device, non_blocking=small.device.type == "cpu" and other.device.type == "cuda")


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """(B,) lengths -> (B, size) bool mask, True = a real position."""
    return torch.arange(size, device=lengths.device) < lengths.unsqueeze(1)


def collate(pairs: Sequence[dict]) -> Batch:
    """Rows -> Batch.

    Args:
        pairs: rows with `src_ids` and `tgt_ids` (token ids without special tokens) and `index`. Where they also have
            `src_words` and `tgt_words`, the words of each token, and `alignment`, the batch has an alignment.
    """
    src_ids, src_lengths = pad([src_sequence(pair["src_ids"]) for pair in pairs])
    tgt_ids, tgt_lengths = pad([tgt_sequence(pair["tgt_ids"]) for pair in pairs])
    indices = torch.tensor([pair["index"] for pair in pairs])
    alignment = _alignment(pairs, tgt_ids.shape[1] - 1, src_ids.shape[1]) if "src_words" in pairs[0] else None
    return Batch(src_ids, src_lengths, tgt_ids, tgt_lengths, indices, alignment)


def _alignment(pairs: Sequence[dict], predictions: int, positions: int) -> Tensor:
    """(B, predictions, positions) float32: the links of the tokens, behind the BOS of the source."""
    alignment = torch.zeros(len(pairs), predictions, positions)
    for row, pair in enumerate(pairs):
        links = token_links(pair["alignment"], pair["src_words"], pair["tgt_words"])
        alignment[row, : links.shape[0], 1 : 1 + links.shape[1]] = torch.from_numpy(links)
    return alignment


def cut_batches(lengths: np.ndarray, max_tokens: int, max_sentences: int) -> list[slice]:
    """A sequence of pairs, cut into batches. A pair longer than `max_tokens` is a batch of its own.

    Args:
        lengths: (N, 2) int, source and target length of each pair, in the order in which batches are filled.
        max_tokens: on either side, padding included: sentences times the longest of them.
        max_sentences: a batch.
    """
    ends, start, longest = [], 0, 0
    for position, length in enumerate(lengths.max(axis=1).tolist()):
        longest = max(longest, length)
        size = position - start + 1
        if size > 1 and (size > max_sentences or size * longest > max_tokens):
            ends.append(position)
            start, longest = position, length
    return list(map(slice, [0, *ends], [*ends, len(lengths)])) if len(lengths) else []


def spread(count: int) -> list[int]:
    """The numbers below `count` in an order of which any beginning is spread evenly over them.

    They are the multiples of a half, then of a quarter, an eighth ..., as van der Corput orders them.
    """
    bits = max(1, (count - 1).bit_length())
    shares = [int(f"{each:0{bits}b}"[::-1], 2) for each in range(1 << bits)]
    return list(dict.fromkeys(share * count >> bits for share in [*shares[1:], 0]))[:count]


class BucketSampler(Sampler[list[int]]):
    """Batches of pairs of like length; which of them share a batch, and the batches' order, change by epoch.

    Every rank walks the same list and takes every `world_size`-th batch. In training (`shuffle`) the list is filled up
    with its first batches until the ranks share it evenly, as they must step together; otherwise each pair comes once.

    Args:
        lengths: (N, 2) int, source and target length of each pair, special tokens included.
        max_tokens: a batch, on either side, padding included.
        max_sentences: a batch.
        shuffle: by epoch and seed; without it any first batches are an even sample of all lengths.
        seed: of the shuffling.
        rank: of this process.
        world_size: number of processes.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        max_tokens: int,
        max_sentences: int,
        shuffle: bool,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        # Equal lengths are neighbours in any order of the ties, so that all epochs are cut alike and have one length.
        self.order = np.lexsort((lengths[:, 0], lengths[:, 1]))[::-1]
        self.lengths = lengths[self.order]
        self.cuts = cut_batches(self.lengths, max_tokens, max_sentences)
        self.shuffle, self.seed = shuffle, seed
        self.rank, self.world_size = rank, world_size
        self.epoch = 0
        """Of the next walk: with the seed it gives the order."""
        self.start = 0
        """Batches of this rank to leave out at the beginning of the next walk."""

    def __len__(self) -> int:
        batches = len(self.cuts)
        if self.shuffle:
            return -(-batches // self.world_size)
        return len(range(self.rank, batches, self.world_size))

    def __iter__(self) -> Iterator[list[int]]:
        start, self.start = self.start, 0
        order, sequence = self.order, np.array(spread(len(self.cuts)), dtype=int)
        if self.shuffle:
            random = np.random.default_rng((self.seed, self.epoch))
            ties = random.permutation(len(order))
            order = order[np.lexsort((ties, -self.lengths[:, 0], -self.lengths[:, 1]))]
            sequence = random.permutation(len(self.cuts))
            sequence = np.resize(sequence, len(self) * self.world_size)
        for batch in sequence[self.rank :: self.world_size][start:]:
            yield order[self.cuts[batch]].tolist()


class EpochLoader(DataLoader[Batch]):
    """A loader that asks where training stands when an epoch begins, so that a run can go on in mid-epoch.

    Args:
        dataset: rows for `collate`.
        sampler: of its batches.
        position: gives the epoch, and how many of its batches were trained on before; None: passes are epochs.
        pinned: batches lie in memory from which a GPU reads by itself.
    """

    def __init__(
        self,
        dataset: Any,
        sampler: BucketSampler,
        position: Callable[[], tuple[int, int] | None],
        pinned: bool = False,
    ) -> None:
        super().__init__(dataset, batch_sampler=sampler, collate_fn=collate, pin_memory=pinned)
        self._sampler, self._position, self._passes = sampler, position, 0

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        position, sampler = self._position(), self._sampler
        if position is None:
            sampler.epoch, sampler.start = self._passes, 0
            self._passes += 1
        else:
            sampler.epoch, sampler.start = position
        yield from super().__iter__()
