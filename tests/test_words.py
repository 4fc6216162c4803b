import pytest

from nmt.data.special import EOS_ID
from nmt.data.tokenizer import Tokenizer
from nmt.data.words import split_words, words_of_spans


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  \t", []),
        ("Ja, 3 Hunde.", ["Ja", ",", "3", "Hunde", "."]),
        ("E-Mail_1 don't", ["E", "-", "Mail_1", "don", "'", "t"]),
        ("größer?!", ["größer", "?", "!"]),
        (" a\u00a0b ", ["a", "b"]),
        ("Ma\u0308nner हिन्दी", ["Ma\u0308nner", "हिन्दी"]),
        ("שלום, 東京", ["שלום", ",", "東京"]),
        ("👍👍", ["👍", "👍"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in split_words(text)] == words


def test_spans_find_their_word() -> None:
    text = "Ja, 3 Hunde."
    spans = [(0, 0), (0, 1), (1, 2), (2, 3), (3, 5), (5, 6), (5, 8), (8, 11), (11, 12), (2, 12)]
    assert words_of_spans(text, spans) == [None, 0, 0, 1, 2, 3, 3, 3, 4, 1]  # a lone space: the word after it
    assert words_of_spans("", [(0, 0)]) == [None]
    assert words_of_spans("a ", [(0, 1), (1, 2)]) == [0, None]


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece", "word", "char"])
def test_tokens_of_every_kind_cover_every_word_in_order(kind: str) -> None:
    text = "  Ja,  3 Hunde schlafen -  endlich.  "
    tokenizer = Tokenizer.train([text, "Nein, zwei Katzen rennen."] * 2, kind, vocab_size=320)
    encoded = tokenizer.encode(text)
    words = [word for word in words_of_spans(text, encoded.spans) if word is not None]
    assert words == sorted(words)
    assert set(words) == set(range(len(split_words(text)))) == set(range(8))

    decoded = tokenizer.decode_with_spans([*encoded.ids, EOS_ID])
    assert words_of_spans(decoded.text, decoded.spans) == [*words_of_spans(text, encoded.spans), None]
