import re

import pytest

from nmt.config import TokenizerConfig
from nmt.data.special import EOS_ID
from nmt.data.tokenizer import Tokenizer
from nmt.data.words import UNSPACED, is_run, split_words, word_texts, words_of_tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  \t", []),
        ("Ja, 3 Hunde.", ["Ja", ",", "3", "Hunde", "."]),
        ("E-Mail_1 don't", ["E", "-", "Mail_1", "don", "'", "t"]),
        ("größer?!", ["größer", "?", "!"]),
        (" a\u00a0b ", ["a", "b"]),
        ("Ma\u0308nner हिन्दी", ["Männer", "हिन्दी"]),
        ("שלום, 東京", ["שלום", ",", "東", "京"]),
        ("👍👍", ["👍", "👍"]),
        ("👍\u200d a", ["👍\u200d", "a"]),  # a joiner that joins nothing
        ("हिन्दी क्षत्रिय", ["हिन्दी", "क्षत्रिय"]),
        ("مُحَمَّدٌ، می\u200cخواهم", ["مُحَمَّدٌ", "،", "می\u200cخواهم"]),
        ("e\u0301te\u0301 l'été", ["été", "l", "'", "été"]),
        ("Wör\u00adter\u00ad, \u200bd\u200ba\ufeff", ["Wör\u00adter", ",", "d", "a"]),  # what has no width is no word
        ("한국어를 배워요.", ["한국어를", "배워요", "."]),
        ("the <unk>'s <unk><unk>s, <s>", ["the", "<unk>", "'", "s", "<unk>", "<unk>", "s", ",", "<", "s", ">"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert word_texts(text) == words


@pytest.mark.parametrize(
    "words",
    [
        "男 人 今 天 吃 一 本 书 。",
        "日 本 語 の テ キ ス ト ー 々 ｶﾞ",
        "ฉั น รั ก คุ ณ น้ำ ๑ ๒",
        "ພ າ ສ າ ລ າ ວ",
        "ភា សា ខ្មែ រ",  # the m of Khmer is written below the kh
        "မြ န် မာ စ က္က",
        "iPhone 手 机 3 个 abc",
        "大 韓 民 國 은",
        "❤️ ❤️‍🔥 👨‍👩‍👧‍👦 👍🏽 🇩🇪 🇫🇷 🏴󠁧󠁢󠁥󠁮󠁧󠁿 .",
    ],
)
def test_characters_are_words_where_words_have_no_spaces(words: str) -> None:
    text = words.replace(" ", "")
    assert word_texts(text) == words.split()
    alone = re.compile(f"[{UNSPACED}\\W]")
    assert [is_run(word) for word in words.split()] == [not alone.match(word) for word in words.split()]


def test_spans_find_their_word() -> None:
    text = "Ja, 3 Hunde."
    tokens = ["<s>", "J", "a", ",", "▁3", "▁", "▁Hu", "nde", "."]
    spans = [(0, 0), (0, 1), (1, 2), (2, 3), (3, 5), (5, 6), (5, 8), (8, 11), (11, 12)]
    expected = [[], [0], [0], [1], [2], [3], [3], [3], [4]]  # a lone space: the word after it
    assert words_of_tokens(text, tokens, spans) == expected
    assert words_of_tokens("", ["<s>"], [(0, 0)]) == [[]]
    assert words_of_tokens("a ", ["a", "▁"], [(0, 1), (1, 2)]) == [[0], []]


def test_an_unknown_token_is_one_word() -> None:
    tokenizer = Tokenizer.train(["the dog."] * 2, TokenizerConfig("word", vocab_size=20))
    decoded = tokenizer.decode_with_spans([*tokenizer.encode("the cat.").ids, EOS_ID])
    assert decoded.text == "the <unk>."
    assert words_of_tokens(*decoded) == [[0], [1], [2], []]


def test_a_blank_that_begins_a_sentence_belongs_to_its_first_word() -> None:
    tokenizer = Tokenizer.train(["abc 男人"] * 2, TokenizerConfig("char", vocab_size=20))
    encoded = tokenizer.encode("ab 男")
    assert encoded.tokens == ["▁", "a", "b", "▁", "男"]
    assert encoded.spans[0] == (0, 0)
    tokens, spans = ["<s>", *encoded.tokens, "</s>"], [(0, 0), *encoded.spans, (0, 0)]
    assert words_of_tokens(encoded.text, tokens, spans) == [[], [0], [0], [0], [1], [1], []]
    assert words_of_tokens("", ["▁", "</s>"], [(0, 0), (0, 0)]) == [[], []]


def test_words_of_one_token_have_all_their_tokens_in_common() -> None:
    # 男人 is one token; the vowel of the last word stands in another token than its letter
    spans = [(0, 2), (2, 3), (3, 5), (5, 7), (7, 8)]
    assert words_of_tokens("男人吃กิน。", ["男人", "吃", "กิ", "น。", "▁"], spans) == [[0, 1], [2], [3], [4, 5], []]
    assert words_of_tokens("กินข้าว", ["กินข", "้าว"], [(0, 4), (4, 7)]) == [[0, 1, 2, 3, 4]] * 2


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece", "word", "char"])
def test_tokens_of_every_kind_cover_every_word_in_order(kind: str) -> None:
    text = "  Ja,  3 Hunde schlafen -  endlich.  "
    tokenizer = Tokenizer.train([text, "Nein, zwei Katzen rennen."] * 2, TokenizerConfig(kind, vocab_size=320))
    encoded = tokenizer.encode(text)
    words = [word for own in words_of_tokens(text, encoded.tokens, encoded.spans) for word in own]
    assert words == sorted(words)
    assert set(words) == set(range(len(split_words(text)))) == set(range(8))

    decoded = tokenizer.decode_with_spans([*encoded.ids, EOS_ID])
    own = words_of_tokens(text, encoded.tokens, encoded.spans)
    assert words_of_tokens(decoded.text, decoded.tokens, decoded.spans) == [*own, []]
