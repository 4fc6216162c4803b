"""Search without a model: toy step functions whose best sequences are found by enumeration."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.cli.searching import search_options, translating_parser
from nmt.decoding.beams import to_host
from nmt.decoding.exclude import Exclude, Spellings
from nmt.decoding.guides import Guide, Include, NoRepeat, Prefix, Together
from nmt.decoding.options import SearchOptions
from nmt.decoding.proposals import largest
from nmt.decoding.sampling import draw, generator
from nmt.decoding.search import search, select_rows
from nmt.decoding.sentences import SearchBatch
from nmt.decoding.tree import Hypothesis, Place

BOS, EOS, VOCAB = 0, 1, 4
WORDS = [token for token in range(VOCAB) if token != EOS]
SURFACES = [b" a", b"", b"b", b" c"]
"""Texts of the toy's tokens."""
BEGINS = np.array([not surface[:1].isalnum() for surface in SURFACES])


class Toy:
    """A random second-order Markov chain of each sentence; the attention row names (step, previous id)."""

    def __init__(self, seed: int, sentences: int) -> None:
        random = torch.Generator().manual_seed(seed)
        self.tables = torch.randn(sentences, VOCAB, VOCAB, VOCAB, generator=random).mul(2).log_softmax(-1)
        self.memory = (torch.arange(sentences),)
        self.state = (torch.full((sentences,), BOS), torch.zeros(sentences, dtype=torch.long))

    def advance(self, previous: Tensor, memory: tuple, state: tuple) -> tuple[Tensor, tuple, Tensor]:
        before, steps = state
        sentence = memory[0].repeat_interleave(len(previous) // len(memory[0]))
        return torch.stack([sentence, before, previous], dim=1), (previous, steps + 1), self.attention(sentence, steps)

    def attention(self, sentence: Tensor, steps: Tensor) -> Tensor:
        return torch.stack([steps.float(), sentence.float()], dim=1)

    def log_probs(self, outputs: Tensor, attention: Tensor) -> Tensor:
        assert len(outputs) == len(attention)
        return self.tables[tuple(outputs.t())]

    def of(self, sentence: int, ids: Sequence[int]) -> list[float]:
        """The log-probability of each token."""
        before, previous, values = BOS, BOS, []
        for token in ids:
            values.append(float(self.tables[sentence, before, previous, token]))
            before, previous = previous, token
        return values

    def search(
        self,
        limits: Sequence[int],
        options: SearchOptions,
        guides: Sequence[Guide | None] | None = None,
        sentences: Sequence[int] | None = None,
    ) -> list[list[Hypothesis]]:
        chosen = list(range(len(self.tables))) if sentences is None else list(sentences)
        rows = torch.tensor(chosen)
        memory, state = select_rows(self.memory, rows), select_rows(self.state, rows)
        chosen_limits = torch.tensor([limits[row] for row in chosen])
        batch = SearchBatch(chosen_limits, chosen, guides=guides, bos=BOS, eos=EOS)
        return search(self, memory, state, batch, options)


class Looking(Toy):
    """The same, whose attention is a distribution over three positions that depends on step and sentence."""

    def attention(self, sentence: Tensor, steps: Tensor) -> Tensor:
        return torch.softmax(torch.stack([steps * 1.0, sentence - steps * 0.7, torch.cos(2.0 * steps)], dim=1), dim=1)


def every_sequence(limit: int) -> list[list[int]]:
    """All finished sequences of at most `limit` tokens."""
    return [[*body, EOS] for length in range(limit) for body in product(WORDS, repeat=length)]


def score_of(toy: Toy, sentence: int, ids: list[int], options: SearchOptions) -> float:
    """The score of a finished sequence, from the definition."""
    length = len(ids)
    norm = ((5 + length) / 6 if options.length_norm == "gnmt" else length) ** options.length_penalty
    score = sum(toy.of(sentence, ids)) / norm + options.word_reward * length
    if options.coverage_penalty:
        steps = torch.arange(length)
        received = toy.attention(torch.full((length,), sentence), steps).sum(dim=0).clamp(1e-4, 1)
        score += options.coverage_penalty * float(received.log().sum())
    return score


def repeats(ids: Sequence[int], n: int) -> bool:
    """Whether a sequence of n tokens comes twice."""
    grams = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
    return len(set(grams)) < len(grams)


rules = st.builds(
    SearchOptions,
    beam_size=st.just(3**5),
    length_norm=st.sampled_from(["power", "gnmt"]),
    length_penalty=st.sampled_from([0.0, 0.6, 1.0, 1.5]),
    word_reward=st.sampled_from([0.0, 0.7, -0.4]),
    coverage_penalty=st.sampled_from([0.0, 0.3]),
    min_length=st.integers(0, 3),
    no_repeat_ngram=st.integers(0, 2),
    early_stopping=st.booleans(),
    alternatives=st.integers(0, 2),
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), rules, st.lists(st.integers(4, 5), min_size=1, max_size=3))
def test_a_wide_beam_finds_the_best_sequence_of_all_by_every_rule(
    seed: int, options: SearchOptions, limits: list[int]
) -> None:
    toy, n = Looking(seed, len(limits)), options.no_repeat_ngram
    guides = [NoRepeat(n, VOCAB)] * len(limits) if n else None
    for sentence, (found, limit) in enumerate(zip(toy.search(limits, options, guides), limits, strict=True)):
        possible = [
            ids for ids in every_sequence(limit) if len(ids) > options.min_length and not (n and repeats(ids, n))
        ]
        assert found[0].ids in possible
        best = max(score_of(toy, sentence, ids, options) for ids in possible)  # of equal ones, any
        assert found[0].score == pytest.approx(best, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), rules, st.integers(1, 6), st.integers(1, 6))
def test_early_stopping_changes_nothing_that_is_wanted(
    seed: int, options: SearchOptions, beam: int, n_best: int
) -> None:
    toy, limits = Looking(seed, 3), [9, 4, 12]
    n_best, groups = min(beam, n_best), beam if seed % 3 == 0 else 1
    options = replace(options, beam_size=beam, n_best=n_best, groups=groups, no_repeat_ngram=0)
    stopped = toy.search(limits, replace(options, early_stopping=True))
    gone_on = toy.search(limits, replace(options, early_stopping=False))
    for one, other in zip(stopped, gone_on, strict=True):
        assert [each.score for each in one[: options.n_best]] == [each.score for each in other[: options.n_best]]
        assert [each.ids for each in one[: options.n_best]] == [each.ids for each in other[: options.n_best]]


def test_early_stopping_saves_steps() -> None:
    toy, steps = Toy(3, 4), []
    toy.tables[:, :, :, EOS] += 1.0
    advance = toy.advance
    toy.advance = lambda *given: steps.append(len(given[0])) or advance(*given)  # type: ignore[method-assign]
    counts = []
    for early in (True, False):
        steps.clear()
        toy.search([20] * 4, SearchOptions(beam_size=3, length_penalty=0.0, early_stopping=early))
        counts.append(sum(steps))
    assert counts[0] < counts[1]


guided = st.tuples(
    st.lists(st.sampled_from(WORDS), max_size=2),
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=2), max_size=2),
    st.sampled_from([b"", b"b c", b" ab", b"bb"]),
    st.sampled_from([None, BEGINS]),
)


def text_of(ids: Sequence[int]) -> bytes:
    return b"".join(SURFACES[token] for token in ids)


def contains(ids: Sequence[int], phrases: Sequence[Sequence[int]], begins: np.ndarray | None) -> bool:
    """Whether each phrase is in the hypothesis, its tokens side by side, and its last word does not go on."""

    def stands(phrase: Sequence[int], at: int) -> bool:
        end = at + len(phrase)
        return tuple(ids[at:end]) == tuple(phrase) and (begins is None or all(begins[ids[end : end + 1]]))

    return all(any(stands(each, at) for at in range(len(ids))) for each in phrases)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), guided)
def test_a_wide_beam_finds_the_best_sequence_that_obeys(seed: int, demands: tuple) -> None:
    prefix, include, exclude, begins = demands
    toy, limit = Toy(seed, 2), 5
    guides: list[Any] = [Prefix(prefix, VOCAB)]
    if include:
        guides.append(Include(include, EOS, VOCAB, begins))
    if exclude:
        guides.append(Exclude([exclude], Spellings(SURFACES)))
    options = SearchOptions(beam_size=3**6, length_penalty=0.6)
    found = toy.search([limit, limit], options, [Together(guides), None])
    possible = [
        ids
        for ids in every_sequence(limit)
        if ids[: len(prefix)] == prefix and contains(ids, include, begins)
        if not (exclude and exclude in text_of(ids))
    ]
    if possible and not (exclude and exclude in text_of(prefix)):
        assert found[0][0].ids in possible
        best = max(score_of(toy, 0, ids, options) for ids in possible)  # of sequences with equal transitions, any
        assert found[0][0].score == pytest.approx(best, abs=1e-5)
    free = max(score_of(toy, 1, ids, options) for ids in every_sequence(limit))
    assert found[1][0].score == pytest.approx(free, abs=1e-5)  # beside a guided sentence


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), guided)
@example(141, 2, ([], [[2], [0, 3]], b"", BEGINS))  # " a c" again and again is better than to go on from it
def test_a_narrow_beam_obeys_too(seed: int, beam: int, demands: tuple) -> None:
    prefix, include, exclude, begins = demands
    guides: list[Any] = [Prefix(prefix, VOCAB), Exclude([exclude or b"zz"], Spellings(SURFACES))]
    found = Toy(seed, 1).search([16], SearchOptions(beam_size=beam), [Together(guides)])[0]
    for each in found:
        assert each.ids[: len(prefix)] == prefix
        assert not exclude or exclude in text_of(prefix) or exclude not in text_of(each.ids)
    if include:
        options = SearchOptions(beam_size=beam, keep_beam=True)
        best = Toy(seed, 1).search([16], options, [Include(include, EOS, VOCAB, begins)])[0][0]
        assert contains(best.ids, include, begins)
        held: list[tuple[int, ...]] = [()]
        for step in best.beam:
            held = [(*held[place.parent], place.token) for place in step]
            assert len(set(held)) == len(held), "no two places hold the same"


def test_a_beam_is_divided_among_those_that_have_what_is_asked_for_and_those_that_may_still() -> None:
    """Dynamic beam allocation (Post & Vilar 2018, section 3): else what is included stands as early as it can."""
    toy = Toy(5, 1)
    toy.tables[..., EOS] = -20.0
    options = SearchOptions(beam_size=2, keep_beam=True)
    ((found,),) = toy.search([6], options, [Include([[2]], EOS, VOCAB)])
    held: list[list[int]] = [[]]
    for step in found.beam:
        held = [[*held[place.parent], place.token] for place in step]
        assert sorted(2 in ids for ids in held) == [False, True]
    assert len(found.beam) == 6


@pytest.mark.parametrize("beam", [1, 5, 3**5])
def test_a_longer_word_that_begins_with_what_is_included_may_come_before_it(beam: int) -> None:
    toy, probable = Toy(3, 1), [3, 2, 2, 3, EOS]  # "cbb c"
    toy.tables[:] = torch.tensor([0.7, 0.1, 0.1, 0.1]).log()
    for before, previous, token in zip([BOS, BOS, *probable], [BOS, *probable], probable, strict=False):
        toy.tables[0, before, previous] = torch.tensor([0.97 if each == token else 0.01 for each in range(VOCAB)]).log()
    ((found,),) = toy.search([8], SearchOptions(beam_size=beam), [Include([[3]], EOS, VOCAB, BEGINS)])
    assert (found.ids == probable) == (beam > 1), "greedy search takes what it is asked for at once"


def test_where_nothing_is_allowed_a_translation_ends() -> None:
    every = Together([Exclude([surface.strip()], Spellings(SURFACES)) for surface in SURFACES if surface])
    ((found,), (free,)) = Toy(5, 2).search([6, 6], SearchOptions(beam_size=2, min_length=3), [every, None])
    assert (found.ids, found.finished) == ([EOS], True)
    assert len(free.ids) > 3


def test_tokens_that_are_forced_keep_their_own_probability() -> None:
    toy = Toy(5, 1)
    ((found,),) = toy.search([6], SearchOptions(beam_size=1, alternatives=VOCAB), [Prefix([3, 2, 3], VOCAB)])
    assert found.ids[:3] == [3, 2, 3]
    assert found.token_log_probs == pytest.approx(toy.of(0, found.ids), abs=1e-5)
    for step in found.alternatives:  # of the free model
        assert sum(np.exp(log_prob) for _, log_prob in step) == pytest.approx(1, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.floats(0, 3))
def test_groups_of_one_are_greedy_each_with_its_penalty(seed: int, groups: int, diversity: float) -> None:
    toy, limit = Toy(seed, 1), 6
    options = SearchOptions(beam_size=groups, groups=groups, diversity=diversity, n_best=groups, early_stopping=False)
    found = toy.search([limit], options)[0]
    expected: list[list[int]] = [[] for _ in range(groups)]
    for _ in range(limit):
        taken: list[int] = []
        for ids in expected:
            if EOS in ids:
                continue
            before, previous = ([BOS, BOS, *ids])[-2:]
            scores = toy.tables[0, before, previous].clone()
            for token in taken:
                scores[token] -= diversity
            ids.append(int(scores.argmax()))
            taken.append(ids[-1])
    different = {tuple(ids) for ids in expected}  # what two groups have found counts once
    assert sorted(tuple(each.ids) for each in found) == sorted(different)
    assert [each.finished for each in found] == sorted((EOS in ids for ids in different), reverse=True)


def test_a_diverse_beam_gives_other_hypotheses() -> None:
    toy = Toy(11, 1)
    toy.tables[:, :, :, EOS] = -50.0
    toy.tables[0, BOS, BOS] = torch.tensor([-0.1, -9.0, -4.0, -3.0])
    plain, diverse = (
        toy.search([2], SearchOptions(beam_size=3, n_best=3, groups=groups, diversity=5.0))[0] for groups in (1, 3)
    )
    assert len({each.ids[0] for each in diverse}) > len({each.ids[0] for each in plain})


@pytest.mark.parametrize("n_best", [1, 4])
def test_by_the_least_risk_all_of_the_beam_is_compared_at_the_limit_too(n_best: int) -> None:
    found = Toy(5, 1).search([3], SearchOptions(beam_size=4, n_best=n_best, mbr="chrf"))[0]
    assert len(found) == 4
    assert len({each.finished for each in found}) == 2


def test_groups_that_have_ended_alike_need_what_is_open_at_the_limit() -> None:
    toy = Toy(0, 1)
    toy.tables[0, BOS, BOS] = torch.tensor([-9.0, -0.5, -1.0, -9.0])
    toy.tables[0, BOS, 2] = torch.tensor([-9.0, -50.0, -9.0, -0.1])
    found = toy.search([2], SearchOptions(beam_size=4, n_best=2, groups=2, diversity=0.0))[0]
    assert [(each.ids, each.finished) for each in found] == [([EOS], True), ([2, 3], False)]


def test_samples_follow_the_distribution() -> None:
    toy = Toy(2, 1)
    options = SearchOptions(method="sample", beam_size=4000, n_best=4000, alternatives=0)
    counts = np.bincount([each.ids[0] for each in toy.search([1], options)[0]], minlength=VOCAB)
    np.testing.assert_allclose(counts / 4000, toy.tables[0, BOS, BOS].exp().numpy(), atol=0.03)
    cold = replace(options, temperature=0.5)
    counts = np.bincount([each.ids[0] for each in toy.search([1], cold)[0]], minlength=VOCAB)
    expected = torch.softmax(2 * toy.tables[0, BOS, BOS], dim=0).numpy()
    np.testing.assert_allclose(counts / 4000, expected, atol=0.03)


def test_samples_come_from_the_most_probable_tokens_if_asked() -> None:
    toy = Toy(2, 1)
    probs, order = toy.tables[0, BOS, BOS].exp().sort(descending=True)
    for options, kept in (
        (SearchOptions(method="sample", top_k=2), 2),
        (SearchOptions(method="sample", top_p=float(probs[0]) - 1e-4), 1),
        (SearchOptions(method="sample", top_p=float(probs[0]) + 1e-4), 2),
        (SearchOptions(method="sample", top_p=float(probs[:3].sum()) - 1e-4), 3),
    ):
        found = toy.search([1], replace(options, beam_size=500, n_best=500))[0]
        assert {each.ids[0] for each in found} == set(order[:kept].tolist())


def test_the_seed_and_the_number_of_the_sentence_fix_a_sample() -> None:
    toy, options = Toy(4, 3), SearchOptions(method="sample", beam_size=4, n_best=4)
    limits = [9, 9, 9]
    together = toy.search(limits, options)
    assert [each.ids for each in together[1]] == [each.ids for each in toy.search(limits, options, None, [1])[0]]
    other_seed = toy.search(limits, replace(options, seed=2))
    assert [each.ids for each in together[1]] != [each.ids for each in other_seed[1]]
    one = toy.search(limits, replace(options, beam_size=2, n_best=1))
    assert [len(each) for each in one] == [1, 1, 1]


class OnMps(Tensor):
    """A tensor that says it is on a device without double precision."""

    @property
    def device(self) -> torch.device:
        return torch.device("mps")

    def double(self) -> Tensor:
        raise TypeError("no float64 on mps")

    def cpu(self) -> Tensor:
        return self.as_subclass(Tensor)


def test_samples_are_drawn_on_the_cpu_where_the_device_has_no_double_precision() -> None:
    log_probs, chance = torch.randn(3, 9).log_softmax(1), torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    for options in (SearchOptions(method="sample"), SearchOptions(method="sample", top_k=4, top_p=0.8)):
        assert torch.equal(draw(log_probs.as_subclass(OnMps), chance, options), draw(log_probs, chance, options))


def test_large_seeds_and_numbers_are_told_apart_and_chances_need_no_memory() -> None:
    first = {generator(seed, number).random() for seed in (2**62, 2**62 + 1) for number in (0, 2**62, 2**62 + 1)}
    assert len(first) == 6
    toy = Toy(4, 1)
    toy.tables[:, :, :, EOS] += 2.0
    endless = SearchOptions(method="sample", beam_size=500, n_best=500, temperature=0.5)
    assert all(each.finished for each in toy.search([10**9], endless)[0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 5))
def test_a_beam_gives_as_many_as_are_wanted_the_cut_off_last(seed: int, n_best: int, limit: int) -> None:
    toy = Toy(seed, 1)
    found = toy.search([limit], SearchOptions(beam_size=n_best, n_best=n_best))[0]
    assert len({tuple(each.ids) for each in found}) == (min(n_best, VOCAB) if limit == 1 else n_best)
    assert sorted(found, key=lambda each: (not each.finished, -each.score)) == found


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--top-k", "5"], "--top-k 5 changes nothing without --method sample"),
        (["--seed", "7"], "--seed 7 changes nothing without --method sample"),
        (["--diversity", "2"], "--diversity 2.0 changes nothing without --groups"),
        (["--combine", "linear"], "--combine linear changes nothing without --ensemble"),
        (["--top-k", "5", "--method", "sample"], ""),
        (["--diversity", "2", "--groups", "5", "--combine", "linear", "--ensemble", "other", "--seed", "1"], ""),
    ],
)
def test_flags_that_change_nothing_are_named(flags: list[str], told: str, capsys: pytest.CaptureFixture) -> None:
    search_options(translating_parser("translate", "", "").parse_args(["run", *flags]))
    assert capsys.readouterr().err == (f"nmt: {told}\n" if told else "")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 900))
def test_the_largest_by_blocks_are_the_largest(seed: int, count: int, columns: int) -> None:
    values = torch.randn(3, columns, generator=torch.Generator().manual_seed(seed))
    values[1] = values[1].round()  # with ties
    values[2, columns // 2 :] = -torch.inf
    best, index = largest(values, count)
    assert torch.equal(best, values.topk(min(count, columns), dim=1).values)
    assert torch.equal(values.gather(1, index), best)
    assert all(len(set(row)) == len(row) for row in index.tolist())


@pytest.mark.parametrize("columns", [320, 321, 383])  # blocks of 64, and what is left
def test_the_largest_is_found_in_every_column(columns: int) -> None:
    assert largest(torch.eye(columns), 1)[1][:, 0].tolist() == list(range(columns))


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
    assert found.token_log_probs == pytest.approx(toy.of(0, ids), abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), rules, st.lists(st.integers(4, 9), min_size=2, max_size=6))
def test_a_sentence_is_found_alike_alone_and_in_a_batch(
    seed: int, beam: int, options: SearchOptions, limits: list[int]
) -> None:
    toy, options = Looking(seed, len(limits)), replace(options, beam_size=beam)
    together = toy.search(limits, options)
    for sentence in range(len(limits)):
        (alone,) = toy.search(limits, options, None, [sentence])
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
            expected = np.array([[t, sentence] for t in range(len(each.ids))], np.float32)
            np.testing.assert_array_equal(each.attention, expected)
            assert each.token_log_probs == pytest.approx(toy.of(sentence, each.ids), abs=1e-5)
            assert each.log_prob == pytest.approx(sum(each.token_log_probs), abs=1e-4)
            assert each.score == pytest.approx(each.log_prob / len(each.ids) ** alpha, abs=1e-5)
            for t, best in enumerate(each.alternatives):
                row = toy.tables[sentence, ([BOS, BOS, *each.ids])[t], previous[t]]
                top = row.topk(2)
                assert [token for token, _ in best] == top.indices.tolist()
                assert [score for _, score in best] == pytest.approx(top.values.tolist(), abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.sampled_from([0.0, 1.0]))
def test_the_beam_that_is_kept_is_the_one_that_was_searched(seed: int, size: int, alpha: float) -> None:
    """Each step holds the best continuations of what was open at the step before, as many as there are places left."""
    toy = Toy(seed, 3)
    options = SearchOptions(beam_size=size, length_penalty=alpha, keep_beam=True)
    for sentence, hypotheses in enumerate(toy.search([6, 4, 8], options)):
        beam, held, left = hypotheses[0].beam, [[]], size
        assert all(not each.beam for each in hypotheses[1:])
        for step in beam:
            own = [([*held[place.parent], place.token], place.log_prob) for place in step]
            for ids, log_prob in own:
                assert log_prob == pytest.approx(toy.of(sentence, ids)[-1], abs=1e-5)
            opened = [ids for ids in held if EOS not in ids]
            every = [[*ids, token] for ids in opened for token in range(VOCAB)]
            best = sorted(every, key=lambda ids: -sum(toy.of(sentence, ids)))[:left]
            assert sorted(ids for ids, _ in own) == sorted(best)
            held = [ids for ids, _ in own]
            left -= sum(EOS in ids for ids in held)
        assert any(hypotheses[0].ids == ids for ids in _ever_held(beam))


def _ever_held(beam: Sequence[Sequence[Place]]) -> list[list[int]]:
    found, held = [], [[]]
    for step in beam:
        held = [[*held[place.parent], place.token] for place in step]
        found += held
    return found


def test_no_beam_is_kept_unasked_nor_of_samples() -> None:
    toy = Toy(0, 2)
    for options in (SearchOptions(), SearchOptions(method="sample", keep_beam=True)):
        assert all(each.beam == () for found in toy.search([4, 4], options) for each in found)


def test_a_sentence_that_never_ends_is_cut_off_at_its_limit() -> None:
    toy = Toy(0, 2)
    toy.tables[:, :, :, EOS] = -1e9
    for limit, hypotheses in zip([3, 5], toy.search([3, 5], SearchOptions(beam_size=2)), strict=True):
        assert [len(each.ids) for each in hypotheses] == [limit] * len(hypotheses)
        assert not any(each.finished for each in hypotheses)


def test_finished_sentences_leave_the_batch_and_ended_hypotheses_the_output_layer() -> None:
    toy, advanced, asked = Toy(0, 3), [], []
    toy.tables[0, :, :, EOS] = 50.0
    toy.tables[1:, :, :, EOS] = -50.0
    toy.tables[1, BOS, BOS] = torch.tensor([-3.0, -2.0, -1.0, -4.0])  # the second best ends at once
    advance, log_probs = toy.advance, toy.log_probs
    toy.advance = lambda *given: advanced.append(len(given[0])) or advance(*given)  # type: ignore[method-assign]
    toy.log_probs = lambda *given: asked.append(len(given[0])) or log_probs(*given)  # type: ignore[method-assign]
    toy.search([9, 3, 5], SearchOptions(beam_size=2, length_penalty=0.0, early_stopping=False))
    assert advanced == [3, 6, 4, 2, 2]
    assert asked == [3, 4, 3, 2, 2]


def test_limits_are_a_property_of_the_sentence() -> None:
    options = SearchOptions(max_length_ratio=1.5, max_length_offset=4)
    assert [options.limit(tokens) for tokens in (1, 10, 3)] == [5, 19, 8]
    assert [replace(options, max_length=6).limit(tokens) for tokens in (1, 10, 3)] == [5, 7, 7]
    assert [replace(options, min_length=6).limit(tokens) for tokens in (1, 10, 3)] == [7, 19, 8]
    assert options.limit(10, more=2) == 21


@pytest.mark.parametrize("ratio", [0.55, 1.05, 1.15, 2.0, 3.3])  # of 100 tokens single precision has 125 with 1.15
def test_as_long_as_its_limit_a_translation_is_allowed_and_no_longer(ratio: float) -> None:
    options = SearchOptions(max_length_ratio=ratio)
    for src_tokens in range(1, 101):
        longest = ["a"] * options.limit(src_tokens)
        assert options.allows(longest, src_tokens)
        assert not options.allows([*longest, "a"], src_tokens)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 2), st.integers(0, 3), st.integers(3, 4))
def test_a_wide_search_finds_all_that_its_options_allow(seed: int, n: int, least: int, most: int) -> None:
    limits = {"max_length": most, "max_length_ratio": seed % 3 / 2, "max_length_offset": 2 + seed % 4}
    options = SearchOptions(beam_size=3**6, n_best=3**6, min_length=least, no_repeat_ngram=n, **limits)
    guides = [NoRepeat(n, VOCAB)] if n else None
    found = Toy(seed, 1).search([options.limit(2)], options, guides)[0]
    named = (tuple("</s>" if token == EOS else str(token) for token in ids) for ids in every_sequence(6))
    allowed = {tokens for tokens in named if options.allows(tokens, 2)}
    assert {tuple(map(str, each.ids[:-1])) for each in found if each.finished} == {each[:-1] for each in allowed}


@pytest.mark.parametrize(
    "wrong",
    [
        {"beam_size": 0},
        {"alternatives": -1},
        {"length_penalty": -1.0},
        {"max_length_offset": 0},
        {"method": "guess"},
        {"n_best": 6},
        {"groups": 2},
        {"temperature": 0.0},
        {"top_p": 0.0},
        {"max_length": 0},
    ],
)
def test_options_out_of_range_are_named(wrong: dict) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: {next(iter(wrong.values()))!r} is not allowed"):
        SearchOptions(**wrong)


def test_a_gpu_is_waited_for_once_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    class OnGpu:
        """A tensor that lies there, as far as it says."""

        is_cuda, device = True, torch.device("cuda")

        def to(self, device: str, non_blocking: bool) -> Tensor:
            assert non_blocking
            events.append("copy")
            return Tensor([1.0, 2.0])

        def synchronize(self) -> None:
            events.append("wait")

    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: OnGpu())
    values = to_host(OnGpu(), OnGpu())  # type: ignore[arg-type]
    assert [each.tolist() for each in values] == [[1.0, 2.0]] * 2
    assert events == ["copy", "copy", "wait"]
