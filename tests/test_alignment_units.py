"""Links that count what stands between spaces become links between words."""

import datasets
import pytest

from nmt.config import TokenizerConfig
from nmt.data.alignment_units import with_word_links
from nmt.data.tokenizer import Tokenizer
from nmt.data.tokenizer_pair import TokenizerPair


def corpus(src: str, tgt: str, *links: list[int]) -> datasets.Dataset:
    return datasets.Dataset.from_list([{"src": src, "tgt": tgt, "alignment": list(links)}])


@pytest.fixture
def plain() -> TokenizerPair:
    tokenizer = Tokenizer.train(["Er geht nicht. He doesn't go."] * 2, TokenizerConfig("word", vocab_size=100))
    return TokenizerPair(tokenizer, tokenizer)


@pytest.fixture
def cut() -> TokenizerPair:
    tokenizer = Tokenizer.train(["Er ge@@ ht nicht . He does n@@ 't go ."] * 2, TokenizerConfig("presplit", "@@"))
    return TokenizerPair(tokenizer, tokenizer)


def test_a_link_of_tokens_is_that_of_all_their_words(plain: TokenizerPair) -> None:
    given = corpus("Er geht nicht.", "He  doesn't go.", [0, 0], [2, 1, 0], [1, 2])
    found = with_word_links(given, plain, "tokens", "train")
    words = [[0, 0], [1, 4], [1, 5], *([source, target, 0] for source in (2, 3) for target in (1, 2, 3))]
    assert found["alignment"][:] == [words]
    assert with_word_links(given, plain, "words", "train") is given


def test_a_token_of_cut_text_is_a_piece(cut: TokenizerPair) -> None:
    given = corpus("Er ge@@ ht nicht .", "He does n@@ 't go .", [0, 0], [1, 4], [2, 4], [3, 2], [4, 5])
    found = with_word_links(given, cut, "tokens", "train")
    # He does n ' t go . ; the piece 't has two words, and n@@ goes on with none of them
    assert found["alignment"][:] == [[[0, 0], [1, 5], [2, 2], [3, 6]]]


def test_words_of_cut_text_are_those_of_the_plain_text(cut: TokenizerPair) -> None:
    given = corpus("Er ge@@ ht nicht .", "He does n@@ 't go .", [3, 6])
    assert with_word_links(given, cut, "words", "train")["alignment"][:] == [[[3, 6]]]
    wrong = corpus("Er ge@@ ht nicht .", "He does n@@ 't go .", [4, 6])
    with pytest.raises(
        ValueError, match="train, pair 1: link 4-6 is past the last: the source has 4 words, the"
    ) as told:
        with_word_links(wrong, cut, "words", "train")
    assert str(told.value).endswith("; if the links count pieces, give data.alignment_units tokens")


def test_a_link_past_the_last_token_is_named(plain: TokenizerPair) -> None:
    with pytest.raises(ValueError, match="test, pair 1: link 2-3 is past .* 3 tokens, the target 3, counted from 0$"):
        with_word_links(corpus("Er geht nicht.", "He doesn't go.", [2, 3]), plain, "tokens", "test")


def test_without_links_there_is_nothing_to_do(plain: TokenizerPair) -> None:
    without = datasets.Dataset.from_list([{"src": "a", "tgt": "b"}])
    assert with_word_links(without, plain, "tokens", "train") is without
