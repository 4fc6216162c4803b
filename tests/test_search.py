"""Search without a model: toy step functions whose best sequences are found by enumeration."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.decoding.search import Hypothesis, SearchOptions, search, select_rows

BOS, EOS, VOCAB = 0, 1, 4


class Toy:
    """A random second-order Markov chain of each sentence; the attention row names (step, previous id)."""

    def __init__(self, seed: int, sentences: int) -> None:
        random = torch.Generator().manual_seed(seed)
        self.tables = torch.randn(sentences, VOCAB, VOCAB, VOCAB, generator=random).mul(2).log_softmax(-1)
        self.memory = (torch.arange(sentences),)
        self.state = (torch.full((sentences,), BOS), torch.zeros(sentences, dtype=torch.long))

    def step(self, previous: Tensor, memory: tuple, state: tuple) -> tuple[Tensor, tuple, Tensor]:
        before, steps = state
        sentence = memory[0].repeat_interleave(len(previous) // len(memory[0]))
        attention = torch.stack([steps.float(), previous.float(), sentence.float()], dim=1)
        return self.tables[sentence, before, previous], (previous, steps + 1), attention

    def log_probs(self, sentence: int, ids: list[int]) -> list[float]:
        before, previous, values = BOS, BOS, []
        for token in ids:
            values.append(float(self.tables[sentence, before, previous, token]))
            before, previous = previous, token
        return values

    def search(self, limits: list[int], options: SearchOptions) -> list[list[Hypothesis]]:
        return search(self.step, self.memory, self.state, torch.tensor(limits), options, BOS, EOS)


def best_by_enumeration(toy: Toy, sentence: int, limit: int, alpha: float) -> tuple[float, list[int]]:
    """The best finished sequence of at most `limit` tokens."""
    found = []
    for length in range(1, limit + 1):
        for body in product([t for t in range(VOCAB) if t != EOS], repeat=length - 1):
            ids = [*body, EOS]
            found.append((sum(toy.log_probs(sentence, ids)) / len(ids) ** alpha, ids))
    return max(found)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000), st.sampled_from([0.0, 0.6, 1.0, 1.5]), st.lists(st.integers(1, 5), min_size=1, max_size=4)
)
def test_a_wide_beam_finds_the_best_sequence_of_all(seed: int, alpha: float, limits: list[int]) -> None:
    toy = Toy(seed, len(limits))
    options = SearchOptions(beam_size=3**5, length_penalty=alpha)
    for sentence, (found, limit) in enumerate(zip(toy.search(limits, options), limits, strict=True)):
        score, ids = best_by_enumeration(toy, sentence, limit, alpha)
        assert found[0].ids == ids
        assert found[0].score == pytest.approx(score, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_a_beam_of_one_is_greedy(seed: int, limit: int) -> None:
    toy = Toy(seed, 1)
    before, previous, ids = BOS, BOS, []
    while len(ids) < limit and EOS not in ids:
        token = int(toy.tables[0, before, previous].argmax())
        ids.append(token)
        before, previous = previous, token
    ((found,),) = toy.search([limit], SearchOptions(beam_size=1))
    assert found.ids == ids
    assert found.finished == (ids[-1] == EOS)
    assert found.token_log_probs == pytest.approx(toy.log_probs(0, ids), abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.lists(st.integers(1, 9), min_size=2, max_size=6))
def test_a_sentence_is_found_alike_alone_and_in_a_batch(seed: int, beam: int, limits: list[int]) -> None:
    toy, options = Toy(seed, len(limits)), SearchOptions(beam_size=beam)
    together = toy.search(limits, options)
    for sentence, limit in enumerate(limits):
        rows = torch.tensor([sentence])
        (alone,) = search(
            toy.step,
            select_rows(toy.memory, rows),
            select_rows(toy.state, rows),
            torch.tensor([limit]),
            options,
            BOS,
            EOS,
        )
        assert [each.ids for each in alone] == [each.ids for each in together[sentence]]
        assert [each.score for each in alone] == pytest.approx([each.score for each in together[sentence]], abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.sampled_from([0.0, 1.0]))
def test_what_belongs_to_a_step_follows_the_back_pointers(seed: int, beam: int, alpha: float) -> None:
    toy = Toy(seed, 3)
    options = SearchOptions(beam_size=beam, length_penalty=alpha, alternatives=2)
    for sentence, hypotheses in enumerate(toy.search([6, 4, 8], options)):
        assert 1 <= len(hypotheses) <= beam
        assert sorted(hypotheses, key=lambda each: -each.score) == hypotheses
        assert len({tuple(each.ids) for each in hypotheses}) == len(hypotheses)
        for each in hypotheses:
            previous = [BOS, *each.ids[:-1]]
            expected = np.array([[t, previous[t], sentence] for t in range(len(each.ids))], np.float32)
            np.testing.assert_array_equal(each.attention, expected)
            assert each.token_log_probs == pytest.approx(toy.log_probs(sentence, each.ids), abs=1e-5)
            assert each.log_prob == pytest.approx(sum(each.token_log_probs), abs=1e-4)
            assert each.score == pytest.approx(each.log_prob / len(each.ids) ** alpha, abs=1e-5)
            for t, best in enumerate(each.alternatives):
                row = toy.tables[sentence, ([BOS, BOS, *each.ids])[t], previous[t]]
                top = row.topk(2)
                assert [token for token, _ in best] == top.indices.tolist()
                assert [score for _, score in best] == pytest.approx(top.values.tolist(), abs=1e-5)


def test_a_sentence_that_never_ends_is_cut_off_at_its_limit() -> None:
    toy = Toy(0, 2)
    toy.tables[:, :, :, EOS] = -1e9
    for limit, hypotheses in zip([3, 5], toy.search([3, 5], SearchOptions(beam_size=2)), strict=True):
        assert [len(each.ids) for each in hypotheses] == [limit] * len(hypotheses)
        assert not any(each.finished for each in hypotheses)


def test_finished_sentences_leave_the_batch() -> None:
    toy, sizes = Toy(0, 3), []
    toy.tables[0, :, :, EOS] = 50.0
    step = toy.step

    def counting(previous: Tensor, memory: tuple, state: tuple) -> tuple[Tensor, tuple, Tensor]:
        sizes.append(len(previous))
        return step(previous, memory, state)

    search(counting, toy.memory, toy.state, torch.tensor([9, 2, 5]), SearchOptions(beam_size=2), BOS, EOS)
    assert sizes[0] == 6
    assert sizes[1] <= 4
    assert max(sizes[2:], default=2) <= 2


def test_limits_are_a_property_of_the_sentence() -> None:
    options = SearchOptions(max_length_ratio=1.5, max_length_offset=4)
    assert options.limits(torch.tensor([1, 10, 3])).tolist() == [5, 19, 8]


@pytest.mark.parametrize(
    "wrong", [{"beam_size": 0}, {"alternatives": 0}, {"length_penalty": -1.0}, {"max_length_offset": 0}]
)
def test_options_out_of_range_are_named(wrong: dict) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: {next(iter(wrong.values()))} is not allowed"):
        SearchOptions(**wrong)
