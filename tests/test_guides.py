"""Guides: what a hypothesis may and must do, walked along by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.config import TokenizerConfig, TokenizerKind
from nmt.data.special import EOS_ID
from nmt.data.tokenizer import Tokenizer
from nmt.decoding.demands import Demands, unmet
from nmt.decoding.exclude import Exclude, Spellings
from nmt.decoding.guides import Guide, Include, NoRepeat, Prefix, Together
from nmt.decoding.options import SearchOptions
from nmt.decoding.records import nothing
from nmt.decoding.translation import Request

SURFACES = [b"", b" the", b" do", b"g", b"ma", b" ", b"\xc3", b"\xa4", b" a"]


def walk(guide: Guide, tokens: list[int]) -> Any:
    state = guide.start()
    for token in tokens:
        state = guide.after(state, token)
    return state


def closed(guide: Guide, tokens: list[int]) -> list[int]:
    """What may not follow these tokens."""
    mask = guide.allowed(walk(guide, tokens))
    return [] if mask is None else np.flatnonzero(~mask).tolist()


def test_a_prefix_allows_one_token_at_a_time_and_then_all() -> None:
    guide = Prefix([3, 1], 5)
    assert closed(guide, []) == [0, 1, 2, 4]
    assert closed(guide, [3]) == [0, 2, 3, 4]
    assert closed(guide, [3, 1]) == closed(guide, [3, 1, 4]) == []


def test_a_sequence_of_tokens_does_not_come_twice() -> None:
    assert closed(NoRepeat(2, 5), [1, 2, 3, 1]) == [2]
    assert closed(NoRepeat(2, 5), [1, 2, 1, 3, 1]) == [2, 3]
    assert closed(NoRepeat(3, 5), [1, 2, 3, 4, 1, 2]) == [3]
    assert closed(NoRepeat(1, 5), [4, 0]) == [0, 4]
    assert closed(NoRepeat(3, 5), [1]) == []


def test_an_excluded_string_is_found_across_tokens_and_within_them() -> None:
    assert closed(Exclude([b"dog"], Spellings(SURFACES)), [1, 2]) == [3]
    assert closed(Exclude([b"dog"], Spellings(SURFACES)), [1, 2, 4]) == []
    assert closed(Exclude([b"he"], Spellings(SURFACES)), []) == [1]
    assert closed(Exclude([b"o"], Spellings(SURFACES)), []) == [2]
    assert closed(Exclude([b"aa"], Spellings([b"a", b"b", b"aab"])), [0]) == [0, 2]
    assert closed(Exclude([b"aab"], Spellings([b"a", b"b"])), [0, 0, 0]) == [1]  # the longest beginning that still fits


def test_an_excluded_string_is_found_byte_by_byte_and_across_two_spaces() -> None:
    assert closed(Exclude(["ä".encode()], Spellings(SURFACES)), [6]) == [7]
    assert closed(Exclude([b"e do"], Spellings(SURFACES)), [1, 5]) == [2]  # two spaces read as one


@given(
    st.lists(st.text("ab ", min_size=1, max_size=4).map(str.encode).filter(lambda text: b"  " not in text), max_size=5),
    st.lists(st.integers(0, 5), max_size=8),
)
def test_none_of_several_strings_is_in_what_is_allowed(excluded: list[bytes], tokens: list[int]) -> None:
    surfaces, text = [b"", b" a", b"b", b"ab", b" ", b" ba"], b""
    guide = Exclude([*excluded, b""], Spellings(surfaces))
    state = guide.start()
    for token in tokens:
        texts = [text + (surface.lstrip() if text.endswith(b" ") else surface) for surface in surfaces]
        allowed = [not any(each in written for each in excluded) for written in texts]
        assert guide.allowed(state).tolist() == allowed
        if allowed[token]:
            text, state = texts[token], guide.after(state, token)


def test_phrases_are_met_in_any_order_and_given_up_when_another_token_comes() -> None:
    guide = Include([(1, 2), (3,)], eos=0, size=5)
    assert guide.goal == 3
    assert [guide.met(walk(guide, [*tokens])) for tokens in ([], [1], [1, 4], [1, 2], [3], [3, 1], [3, 1, 2])] == (
        [0, 1, 0, 2, 1, 2, 3]
    )
    assert list(guide.wanted(walk(guide, []))) == [1, 3]
    assert list(guide.wanted(walk(guide, [1]))) == [2]
    assert list(guide.wanted(walk(guide, [1, 3]))) == [1]
    assert closed(guide, [1, 2]) == [0]
    assert closed(guide, [1, 2, 3]) == []


def test_a_phrase_that_is_begun_is_gone_on_with_though_another_stands_first() -> None:
    guide = Include([(1, 2), (3, 4)], eos=0, size=5)
    assert guide.met(walk(guide, [3])) == 1
    assert list(guide.wanted(walk(guide, [3]))) == [4]


def test_guides_hold_together_and_the_first_prevails_where_nothing_is_left() -> None:
    guide = Together([Prefix([2], 3), Exclude([b"b"], Spellings([b"", b"a", b"b"]))])
    assert closed(guide, []) == [0, 1]
    assert closed(guide, [2]) == [2]
    wants = Together([Include([(2,)], 0, 3), Exclude([b"b"], Spellings([b"", b"a", b"b"]))])
    assert list(wants.wanted(wants.start())) == []


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece", "word", "char"])
def test_the_texts_of_tokens_spell_what_is_decoded(kind: Any) -> None:
    text = "the dog sees the dogs, and a café"
    tokenizer = Tokenizer.train([text] * 3, TokenizerConfig(kind, vocab_size=400))
    ids = tokenizer.encode(text).ids
    assert b"".join(tokenizer.surfaces.utf8[token] for token in ids).decode() == f" {tokenizer.decode(ids)}"
    assert len(tokenizer.surfaces.utf8) == tokenizer.vocab_size
    assert tokenizer.surfaces.utf8[EOS_ID] == b""


def test_what_is_demanded_in_words_becomes_a_guide() -> None:
    tokenizer = Tokenizer.train(["the dog sees the cat"] * 3, TokenizerConfig(vocab_size=300))
    demands = Demands(tokenizer, SearchOptions())
    assert demands.guide(Request("der Hund")) is None
    request = Request("der Hund", prefix="the cat", include=("dog",))
    forced = demands.forced(request)
    assert tokenizer.decode(forced) == "the cat dog"
    guide = demands.guide(request)
    assert guide is not None
    assert guide.goal == len(tokenizer.encode("dog").ids)
    assert guide.met(walk(guide, forced)) == guide.goal


def test_what_all_requests_exclude_is_looked_up_once() -> None:
    demands = Demands(Tokenizer.train(["the dog"] * 3, TokenizerConfig(vocab_size=300)), SearchOptions())
    requests = [Request(text, exclude=[f"word {number}" for number in range(2000)]) for text in ("der Hund", "ja")]
    (first,), (second,) = (demands.guide(request).guides for request in requests)
    assert first is second


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece", "char"])
@pytest.mark.parametrize("phrase", [".", ", the cat", "'s", "»", ").", "( the", "(the"])
def test_a_mark_that_ends_something_stands_right_behind_it(phrase: str, kind: TokenizerKind) -> None:
    text = "( the dog's» cat, the cat (the dog)."
    tokenizer = Tokenizer.train([text] * 3, TokenizerConfig(kind, vocab_size=300))
    guide = Demands(tokenizer, SearchOptions()).guide(Request("", include=(phrase,)))
    assert guide is not None
    assert guide.met(walk(guide, tokenizer.encode(text).ids)) == guide.goal


@pytest.mark.parametrize(
    ("include", "there"),
    [("ski", False), ("iers", False), ("skiers", True), ("many skiers", True), ("any skiers", False), (",", True)],
)
def test_what_is_included_stands_as_whole_words(include: str, there: bool) -> None:
    text = "Very many skiers, and (skis)."
    tokenizer = Tokenizer.train([text] * 3, TokenizerConfig(vocab_size=300))
    missing = unmet(Request("", include=(include,)), replace(nothing(""), text=text), tokenizer)
    assert missing == (() if there else (f"does not contain {include!r}",))


@pytest.mark.parametrize(
    ("phrases", "ids", "there"),
    [
        ([(5, 5, 6)], (5, 5, 5, 6), True),
        ([(5,), (5, 6)], (5, 6), True),
        ([(5, 6), (6, 7)], (5, 6, 7), True),
        ([(5, 6), (6, 7)], (5, 6, 5, 7), False),
        ([(1, 2, 1, 3)], (1, 2, 1, 2, 1, 3), True),
    ],
)
def test_phrases_are_found_wherever_they_stand(
    phrases: list[tuple[int, ...]], ids: tuple[int, ...], there: bool
) -> None:
    guide = Include(phrases, eos=0, size=8)
    state = guide.start()
    for token in ids:
        state = guide.after(state, token)
    mask = guide.allowed(state)
    assert (guide.met(state) == guide.goal) == there
    assert (mask is None or bool(mask[0])) == there


@pytest.mark.parametrize("exclude", [" dog", "runs "])
def test_what_is_excluded_is_found_at_the_edges_of_a_text(exclude: str) -> None:
    tokenizer = Tokenizer.train(["the dog runs"] * 3, TokenizerConfig(vocab_size=300))
    record = replace(nothing(""), text="dog runs")
    assert unmet(Request("", exclude=(exclude,)), record, tokenizer) == (f"contains {exclude!r}",)


def test_a_phrase_ends_with_a_word() -> None:
    tokenizer = Tokenizer.train(["tread on the tree . tre", "a tread"] * 3, TokenizerConfig(vocab_size=300))
    guide = Demands(tokenizer, SearchOptions()).guide(Request("", include=("tre",)))
    assert guide is not None
    ids = tokenizer.encode("a tre").ids
    assert guide.met(walk(guide, ids)) == guide.goal
    assert closed(guide, ids) == []
    goes_on = {token: guide.met(walk(guide, [*ids, token])) < guide.goal for token in range(tokenizer.vocab_size)}
    assert {tokenizer.tokens[token] for token, does in goes_on.items() if does} >= {"a", "d", "e", "<0x5F>", "<0xA4>"}
    assert not {tokenizer.tokens[token] for token, does in goes_on.items() if does} & {"▁", "</s>", "."}


def test_a_phrase_whose_word_goes_on_is_not_there_but_may_come_again() -> None:
    begins = np.array([True, True, False])  # EOS, a word, the rest of one
    guide = Include([(1,)], eos=0, size=3, begins=begins)
    assert guide.met(walk(guide, [1])) == 1
    assert closed(guide, [1]) == []
    assert guide.met(walk(guide, [1, 2])) == 0
    assert closed(guide, [1, 2]) == [0]
    assert guide.met(walk(guide, [1, 2, 1, 1])) == 1
    twice = Include([(1, 2, 1)], eos=0, size=3, begins=begins)  # what is taken back may be the beginning of it
    assert [twice.met(walk(twice, [1, 2, 1, 2, 1][:size])) for size in range(6)] == [0, 1, 2, 3, 2, 3]
    assert list(twice.wanted(walk(twice, [1, 2, 1, 2]))) == [1]


def test_of_two_phrases_the_longer_may_come_first() -> None:
    guide = Include([(1,), (1, 2)], eos=0, size=4, begins=np.array([True, True, False, True]))  # "play", "player"
    assert [guide.met(walk(guide, [1, 2, 3, 1][:size])) for size in range(5)] == [0, 2, 2, 2, 3]
    assert closed(guide, [1, 2, 3, 1]) == []
