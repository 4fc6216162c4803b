"""What in pairs looks like a mistake, in a line each: sides exchanged or alike, repetitions, another case, leaks.

All pairs are looked at, as Arrow has them: a million takes some seconds.
"""

from collections.abc import Iterator

import datasets
import numpy as np
import pyarrow
import pyarrow.compute as pc

from nmt.config import DataConfig
from nmt.data.corpus import texts_within
from nmt.data.words import UNSPACED

SIDES = {"src": "sources", "tgt": "targets"}

MANY = 0.01
"""Part of the pairs that are exchanged or alike: of clean corpora fewer are."""

FEW = 20
"""Pairs that are no finding, however small a split is."""

LEAST_DIFFERENT = 0.9
"""Part of the pairs that are different ones; where it is less, some come again and again."""

MOST_SEEN = 0.1
"""Part of the validation sources that stand in the training data; of short sentences some do."""

CASED, UNCASED = 0.5, 0.05
"""Part of the sentences that have a capital: at least, of text that has its case, and at most, of lower-cased text."""

COUNTED = 50_000
"""Pairs, spread evenly, whose words tell the sides apart."""

CLEAR = 2.0
"""Nats by which the words of a text speak for one side, at least; names and numbers speak for neither."""

BATCH = 10_000
"""Pairs that are looked at together."""


def of_pairs(training: datasets.Dataset, validation: datasets.Dataset, data: DataConfig) -> Iterator[str]:
    """What is doubtful of the pairs that are trained on, each of which is there once, and of those validated on."""
    size = len(training)
    alike = sum(_alike(batch) for batch in _batches(training))
    if alike > max(FEW, MANY * size):
        yield f"{data.train_name}: {alike:,} of {size:,} pairs have the same text on both sides"
    different = len(np.unique(np.concatenate([_hashes(batch) for batch in _batches(training)])))
    if different < LEAST_DIFFERENT * size:
        yield f"{data.train_name}: {different:,} different pairs among {size:,}"
    yield from _of_sides(training, validation, data)
    if not data.tokenizer.lowercase:
        yield from _of_case(training, validation, data)
    seen = len(texts_within(list(validation["src"]), training, "src"))
    if seen > max(FEW, MOST_SEEN * len(validation)):
        known = f"{seen:,} of {len(validation):,} sources stand in {data.train_name}"
        yield f"{data.validation}: {known}: the best checkpoint is chosen by what was trained on"
    pyarrow.default_memory_pool().release_unused()  # some tens of MiB, which else lie idle while training needs them


def _of_sides(training: datasets.Dataset, validation: datasets.Dataset, data: DataConfig) -> Iterator[str]:
    """Pairs whose source has the words of targets, and whose target those of sources."""
    words, weights = _weights(training)
    (straight, crossed), (held_straight, held_crossed) = (
        _directions(corpus, words, weights) for corpus in (training, validation)
    )
    if held_crossed.sum() > max(FEW, 2 * held_straight.sum()):
        if not _are_many(crossed):
            yield (
                f"{data.validation}: its sources are in the language of the targets of {data.train_name}, and its "
                "targets in that of the sources, by their words: exchange its files or columns"
            )
            return
        crossed, held_crossed = straight, held_straight  # most training pairs are exchanged, as validation shows
    for name, pairs in ((data.train_name, crossed), (data.validation, held_crossed)):
        if _are_many(pairs):
            where = f"the first is pair {pairs.argmax() + 1:,}"
            yield f"{name}: about {pairs.sum():,} of {len(pairs):,} pairs have their sides exchanged, by words; {where}"


def _of_case(training: datasets.Dataset, validation: datasets.Dataset, data: DataConfig) -> Iterator[str]:
    """Sides that have capitals in one of the splits only."""
    drawn = [_spread(corpus) for corpus in (training, validation)]
    for side, name in SIDES.items():
        trained, held_out = (_capitals(pairs[side]) for pairs in drawn)
        if min(trained, held_out) < UNCASED and max(trained, held_out) > CASED:
            told = f"{trained:.0%} of the {name} have a capital letter, of {data.validation} {held_out:.0%}"
            yield f"{data.train_name}: {told}: give both with their case, or both without"


def _batches(corpus: datasets.Dataset) -> Iterator[pyarrow.Table]:
    yield from corpus.select_columns(list(SIDES)).with_format("arrow").iter(batch_size=BATCH)


def _spread(corpus: datasets.Dataset) -> pyarrow.Table:
    """Pairs from all over the corpus."""
    every = -(-len(corpus) // COUNTED)
    return pyarrow.concat_tables(batch.take(np.arange(0, len(batch), every)) for batch in _batches(corpus))


def _alike(pairs: pyarrow.Table) -> int:
    """How many have the same text on both sides; no text is none."""
    same = pc.and_(pc.equal(pairs["src"], pairs["tgt"]), pc.not_equal(pairs["src"], ""))
    return pc.sum(same).as_py() or 0


def _hashes(pairs: pyarrow.Table) -> np.ndarray:
    """(N,) int64: of like pairs alike."""
    return np.fromiter(map(hash, zip(*(pairs[side].to_pylist() for side in SIDES), strict=True)), np.int64)


def _capitals(texts: pyarrow.ChunkedArray) -> float:
    """The part of the texts that have a capital letter."""
    return pc.mean(pc.not_equal(pc.utf8_lower(texts), texts)).as_py() or 0.0


def _words(texts: pyarrow.ChunkedArray) -> pyarrow.ListArray:
    """The words of each text in small letters, where a script writes no spaces its characters."""
    spaced = pc.replace_substring_regex(pc.utf8_lower(texts), pattern=f"[{UNSPACED}]", replacement=r" \0 ")
    words = pc.split_pattern_regex(spaced, pattern=r"[^\pL\pM]+")
    return words.combine_chunks() if isinstance(words, pyarrow.ChunkedArray) else words


def _weights(training: datasets.Dataset) -> tuple[pyarrow.Array, np.ndarray]:
    """Words, and by how many nats each speaks for the side of the sources; one more weight for words that are none."""
    pairs = _spread(training)
    counted = [pc.value_counts(_words(pairs[side]).flatten()) for side in SIDES]
    words = pc.unique(pyarrow.concat_arrays([each.field("values") for each in counted]))
    counts = np.full((2, len(words)), 0.5)
    for row, each in zip(counts, counted, strict=True):
        row[pc.index_in(each.field("values"), value_set=words).to_numpy()] += each.field("counts").to_numpy()
    return words, np.append(np.log(counts[0] / counts[1]), 0.0)


def _directions(corpus: datasets.Dataset, words: pyarrow.Array, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) bool each: pairs whose sides are as those of most training pairs, and pairs that are the other way round."""

    def spoken(texts: pyarrow.ChunkedArray) -> np.ndarray:
        """(N,) nats by which the words of each text speak for the side of the sources."""
        split = _words(texts)
        known = pc.fill_null(pc.index_in(split.flatten(), value_set=words), len(words)).to_numpy()
        before = np.append(0.0, weights[known].cumsum())
        ends = split.value_lengths().to_numpy().cumsum()
        return before[ends] - before[np.append(0, ends[:-1])]

    batches = [[spoken(batch[side]) for side in SIDES] for batch in _batches(corpus)]
    sources, targets = np.concatenate(batches, axis=1)
    return (sources > CLEAR) & (targets < -CLEAR), (sources < -CLEAR) & (targets > CLEAR)


def _are_many(pairs: np.ndarray) -> bool:
    return bool(pairs.sum() > max(FEW, MANY * len(pairs)))
