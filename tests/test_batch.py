"""Batches: what is in them, how they are filled, and that ranks and epochs share the corpus as they should."""

import numpy as np
import pytest
import torch

from nmt.data.batch import BucketSampler, collate, cut_batches, length_mask, pad, spread


def test_collate_adds_special_tokens_and_pads_on_the_right() -> None:
    batch = collate([{"src_ids": [7, 8], "tgt_ids": [9], "index": 4}, {"src_ids": [], "tgt_ids": [5, 6], "index": 2}])
    assert batch.src_ids.tolist() == [[2, 7, 8], [2, 0, 0]]
    assert batch.src_lengths.tolist() == [3, 1]
    assert batch.tgt_ids.tolist() == [[2, 9, 3, 0], [2, 5, 6, 3]]
    assert batch.tgt_lengths.tolist() == [3, 4]
    assert batch.indices.tolist() == [4, 2]


def test_collate_puts_links_behind_the_start_of_the_source() -> None:
    first = {"src_ids": [7, 8], "tgt_ids": [9, 10], "index": 0, "alignment": [[0, 1]]}
    second = {"src_ids": [5], "tgt_ids": [6], "index": 1, "alignment": [[0, 0]]}
    words = [{"src_words": [[0], [0]], "tgt_words": [[0], [1]]}, {"src_words": [[0]], "tgt_words": [[0]]}]
    batch = collate([{**pair, **known} for pair, known in zip((first, second), words, strict=True)])
    assert batch.tgt_ids.tolist() == [[2, 9, 10, 3], [2, 6, 3, 0]]
    assert batch.alignment is not None
    assert batch.alignment.tolist() == [
        [[0, 0, 0], [0, 0.5, 0.5], [0, 0, 0]],  # predicts 9, 10 and the end, from <s> 7 8
        [[0, 1, 0], [0, 0, 0], [0, 0, 0]],  # predicts 6, the end and nothing, from <s> 5 <pad>
    ]
    assert collate([first, second]).alignment is None


def test_pad_gives_lengths() -> None:
    ids, lengths = pad([[1], [2, 3, 4]])
    assert ids.tolist() == [[1, 0, 0], [2, 3, 4]]
    assert lengths.tolist() == [1, 3]


def test_mask_is_true_on_real_tokens() -> None:
    assert length_mask(torch.tensor([1, 3]), 3).tolist() == [[True, False, False], [True, True, True]]


def test_batches_are_cut_by_padded_tokens_and_by_sentences() -> None:
    lengths = np.array([[4, 5], [5, 2], [1, 1], [9, 9], [30, 1], [2, 2], [2, 2], [2, 2]])
    # 2 x 5 fit into 12; a third would be 3 x 5; the pair of 30 is alone; three sentences at most
    cuts = cut_batches(lengths, max_tokens=12, max_sentences=3)
    assert cuts == [slice(0, 2), slice(2, 3), slice(3, 4), slice(4, 5), slice(5, 8)]
    just = cut_batches(lengths[3:], max_tokens=4, max_sentences=3)
    assert just == [slice(0, 1), slice(1, 2), slice(2, 4), slice(4, 5)], "what just fits, fits"
    assert cut_batches(lengths[:0], 12, 3) == []


@pytest.fixture
def lengths() -> np.ndarray:
    return np.random.default_rng(0).integers(2, 30, size=(500, 2))


def walk(lengths: np.ndarray, epoch: int = 0, **options: object) -> list[list[int]]:
    sampler = BucketSampler(lengths, max_tokens=120, max_sentences=16, **{"shuffle": True, "seed": 3, **options})
    sampler.epoch = epoch
    batches = list(sampler)
    assert len(batches) == len(sampler)
    return batches


def test_every_pair_comes_once_an_epoch_within_the_limits(lengths: np.ndarray) -> None:
    batches = walk(lengths)
    assert sorted(index for batch in batches for index in batch) == list(range(500))
    for batch in batches:
        assert len(batch) <= 16
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= 120


def test_order_is_a_function_of_seed_and_epoch(lengths: np.ndarray) -> None:
    assert walk(lengths) == walk(lengths)
    assert walk(lengths) != walk(lengths, epoch=1)
    assert walk(lengths) != walk(lengths, seed=4)
    assert walk(lengths, epoch=1) != walk(lengths, seed=4), "a seed is no epoch of its neighbour"
    assert len(walk(lengths)) == len(walk(lengths, epoch=1))


def test_other_sentences_share_a_batch_in_another_epoch() -> None:
    lengths = np.full((100, 2), 5)
    first, second = ({tuple(sorted(batch)) for batch in walk(lengths, epoch=epoch)} for epoch in (0, 1))
    assert not first & second


def test_batches_hold_little_padding(lengths: np.ndarray) -> None:
    batches = walk(lengths, shuffle=True)
    padded = sum(len(batch) * lengths[batch, 1].max() for batch in batches)
    assert lengths[:, 1].sum() / padded > 0.95


def test_training_ranks_step_together_and_share_the_corpus(lengths: np.ndarray) -> None:
    shares = [walk(lengths, rank=rank, world_size=3) for rank in range(3)]
    assert len({len(share) for share in shares}) == 1
    assert {index for share in shares for batch in share for index in batch} == set(range(500))


def test_validation_ranks_hold_each_pair_once(lengths: np.ndarray) -> None:
    shares = [walk(lengths, shuffle=False, rank=rank, world_size=3) for rank in range(3)]
    assert sorted(index for share in shares for batch in share for index in batch) == list(range(500))


@pytest.mark.parametrize("count", [*range(20), 100, 1000])
def test_any_beginning_of_what_is_spread_is_even(count: int) -> None:
    order = spread(count)
    assert sorted(order) == list(range(count))
    for first in range(1, count):
        assert abs(np.mean(order[:first]) - count / 2) <= count * np.log2(first + 1) / (2 * first)


def test_a_few_validation_batches_are_of_all_lengths(lengths: np.ndarray) -> None:
    batches = walk(lengths, shuffle=False)
    for first in (1, 3, 7):
        few = lengths[[index for batch in batches[:first] for index in batch]]
        assert few.mean() == pytest.approx(lengths.mean(), rel=0.25)


def test_more_ranks_than_batches() -> None:
    lengths = np.full((4, 2), 5)
    assert [len(walk(lengths, rank=rank, world_size=3)) for rank in range(3)] == [1, 1, 1]
    assert sum(len(walk(lengths, shuffle=False, rank=rank, world_size=3)) for rank in range(3)) == 1


@pytest.mark.parametrize(("rank", "world_size"), [(0, 1), (2, 3)])
def test_a_walk_can_start_later(lengths: np.ndarray, rank: int, world_size: int) -> None:
    sampler = BucketSampler(lengths, 120, 16, shuffle=True, seed=3, rank=rank, world_size=world_size)
    whole = list(sampler)
    sampler.start = 7
    assert list(sampler) == whole[7:]
    assert list(sampler) == whole, "the start holds for one walk"
