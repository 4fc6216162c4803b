"""BPE-dropout: what the library segments, but for merges that seed, epoch and row choose to skip."""

from collections import Counter
from pathlib import Path
from random import Random

import datasets
import pytest
from test_tokenizer import HARD_TEXTS, SENTENCES

from nmt.config import TokenizerConfig
from nmt.data.bpe_dropout import BPEDropout, DroppedPairs
from nmt.data.pairs import encode
from nmt.data.phrasebook import generate, rows
from nmt.data.special import BYTE_TOKENS
from nmt.data.tokenizer import Tokenizer
from nmt.data.tokenizer_pair import TokenizerPair, train_tokenizers
from nmt.data.words import words_of_tokens


@pytest.fixture(scope="module")
def phrasebook() -> datasets.Dataset:
    """The validation split of the embedded corpus: its first 500 pairs."""
    return datasets.Dataset.from_list(list(rows(generate(500, seed=1), "de", "en")))


@pytest.fixture(scope="module")
def tokenizers(phrasebook: datasets.Dataset) -> TokenizerPair:
    return train_tokenizers(phrasebook, TokenizerConfig(vocab_size=1000))


@pytest.mark.parametrize("lowercase", [True, False])
def test_without_dropout_it_is_the_library(phrasebook: datasets.Dataset, lowercase: bool) -> None:
    sentences = [*phrasebook["src"], *phrasebook["tgt"]]
    tokenizer = Tokenizer.train(sentences, TokenizerConfig(vocab_size=1000, lowercase=lowercase))
    dropout, random = BPEDropout(tokenizer, 0.0), Random(0)
    longest = 0
    for text in sentences + SENTENCES + HARD_TEXTS + ["ab" * 50, "aaaaaaa eeeeee", "schlschlschl"]:
        assert dropout.encode(text, random) == tokenizer.encode(text)
        longest = max(longest, *map(len, tokenizer.encode(text).tokens), 0)
    assert longest > 6, "the merges are many"


def test_with_every_merge_skipped_it_is_characters_and_bytes(tokenizers: TokenizerPair) -> None:
    dropout = BPEDropout(tokenizers.src, 1.0)
    for text in SENTENCES[::20] + HARD_TEXTS:
        encoded = dropout.encode(text, Random(0))
        assert all(len(token) == 1 or token in BYTE_TOKENS for token in encoded.tokens)
        assert tokenizers.src.decode(encoded.ids) == tokenizers.src.decode(tokenizers.src.encode(text).ids)
    assert dropout.encode("Hund €", Random(0)).tokens == [*"▁Hund▁", "<0xE2>", "<0x82>", "<0xAC>"]


@pytest.mark.parametrize("probability", [0.1, 0.5, 1.0])
def test_pieces_keep_text_and_words(
    tokenizers: TokenizerPair, phrasebook: datasets.Dataset, probability: float
) -> None:
    dropout, random = BPEDropout(tokenizers.src, probability), Random(1)
    for text in phrasebook["src"][:50] + HARD_TEXTS:
        encoded, whole = dropout.encode(text, random), tokenizers.src.encode(text)
        assert [tokenizers.src.tokens[token] for token in encoded.ids] == encoded.tokens
        assert tokenizers.src.decode(encoded.ids) == tokenizers.src.decode(whole.ids)
        assert encoded.spans == sorted(encoded.spans)
        words = [words_of_tokens(text, each.tokens, each.spans) for each in (encoded, whole)]
        assert len({frozenset(word for own in each for word in own) for each in words}) == 1


@pytest.fixture(scope="module")
def two_merges() -> Tokenizer:
    """First a and b are joined, then c and d; nothing else is."""
    return Tokenizer.train(["xab yab zab wcd vcd"], TokenizerConfig(vocab_size=4 + 256 + 10 + 2, min_frequency=1))


def test_a_merge_is_skipped_as_often_as_asked_for(two_merges: Tokenizer) -> None:
    assert two_merges.encode("xab").tokens == ["▁", "x", "ab"]
    dropout, random = BPEDropout(two_merges, 0.3), Random(0)
    found = Counter(dropout.encode("xab", random).tokens[-1] for _ in range(3000))
    assert found["b"] / found.total() == pytest.approx(0.3, abs=0.03)


def test_a_skipped_merge_may_come_later(two_merges: Tokenizer) -> None:
    """Algorithm 1 of the paper draws anew at each step."""
    assert two_merges.encode("xabvcd").tokens == ["▁", "x", "ab", "v", "cd"]
    dropout, random = BPEDropout(two_merges, 0.5), Random(0)
    found = Counter("ab" in dropout.encode("xabvcd", random).tokens for _ in range(3000))
    # 1/2 at the first step; 1/4 that only c and d are joined there, and 1/2 at the second
    assert found[True] / found.total() == pytest.approx(1 / 2 + 1 / 4 * 1 / 2, abs=0.03)


def dropped(tokenizers: TokenizerPair, pairs: datasets.Dataset, epoch: int = 0, seed: int = 1) -> list[dict]:
    source = DroppedPairs(pairs, tokenizers, 0.2, seed, lambda: epoch)
    return source.__getitems__(list(range(len(source))))


def test_equal_sentences_have_pieces_of_their_own(phrasebook: datasets.Dataset, tokenizers: TokenizerPair) -> None:
    same = dropped(tokenizers, encode(phrasebook.select([3] * 20), tokenizers))
    assert len({tuple(row["src_ids"]) for row in same}) > 10


@pytest.mark.parametrize("joint", [True, False])
def test_pieces_are_a_function_of_seed_epoch_and_row(phrasebook: datasets.Dataset, joint: bool) -> None:
    tokenizers = train_tokenizers(phrasebook, TokenizerConfig(vocab_size=1000, joint=joint))
    pairs = encode(phrasebook.select(range(40)), tokenizers, with_words=True)
    first = dropped(tokenizers, pairs)
    assert first == dropped(tokenizers, pairs)
    assert first[:5:-1] == dropped(tokenizers, pairs.select(range(39, 5, -1))), "whatever else is in the batch"
    for other in (dropped(tokenizers, pairs, epoch=1), dropped(tokenizers, pairs, seed=2)):
        for side in ("src", "tgt"):
            assert sum(one[f"{side}_ids"] == two[f"{side}_ids"] for one, two in zip(first, other, strict=True)) < 20


def test_words_follow_the_pieces_on_their_own_side(phrasebook: datasets.Dataset, tmp_path: Path) -> None:
    tokenizers = train_tokenizers(phrasebook, TokenizerConfig(vocab_size=700, joint=False))
    pairs = encode(phrasebook.select(range(40)), tokenizers, with_words=True)
    changed = 0
    for pair, before in zip(dropped(tokenizers, pairs), pairs, strict=True):
        for side, tokenizer in (("src", tokenizers.src), ("tgt", tokenizers.tgt)):
            assert tokenizer.decode(pair[f"{side}_ids"]) == pair[side]
            assert len(pair[f"{side}_words"]) == len(pair[f"{side}_ids"])
            words = {}
            for token, (word,) in zip(pair[f"{side}_ids"], pair[f"{side}_words"], strict=True):
                words[word] = words.get(word, "") + tokenizer.tokens[token].replace("▁", "")
            words.pop(None, None)
            assert "".join(words.values()) == pair[side].replace(" ", "")
            changed += pair[f"{side}_words"] != before[f"{side}_words"]
    assert changed > 60
    plain = dropped(tokenizers, encode(phrasebook.select(range(2)), tokenizers))
    assert "src_words" not in plain[0]
