"""Text that another program has cut, strings that are protected, and tokenizers of other programs."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from test_tokenizer import HARD_TEXTS, KINDS, SENTENCES
from tokenizers import models, normalizers, pre_tokenizers

from nmt.config import Joiner, TokenizerConfig
from nmt.data.bpe_dropout import BPEDropout
from nmt.data.special import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, UNK_ID
from nmt.data.tokenizer import Tokenizer
from nmt.data.words import words_of_tokens

CUT: dict[Joiner, str] = {
    "@@": "die weiß@@ e Kat@@ ze , die schl@@ ä@@ ft",
    "▁": "▁die ▁weiß e ▁Kat ze , ▁die ▁schl ä ft",
    "none": "die weiße Katze , die schläft",
}
PLAIN: dict[Joiner, str] = {
    "@@": "die weiße Katze , die schläft",
    "▁": "die weiße Katze, die schläft",
    "none": "die weiße Katze , die schläft",
}
JOINERS = list(CUT)
TAGS = ("<2en>", "{name}", "⟦NUM1⟧", "Mc", "@")


def presplit(joiner: Joiner, *texts: str) -> Tokenizer:
    return Tokenizer.train([*texts, CUT[joiner]], TokenizerConfig("presplit", joiner, vocab_size=100, min_frequency=1))


def test_whole_words_are_words_of_every_script() -> None:
    text = "男人 reads กิน 书。"
    tokenizer = Tokenizer.train([text], TokenizerConfig("word", min_frequency=1, protected=("<2en>",)))
    encoded = tokenizer.encode(f"<2en> {text}")
    assert encoded.tokens == ["▁<2en>", "▁男", "人", "▁reads", "▁กิ", "น", "▁书", "。"]
    assert tokenizer.kind == "word"
    pieces = Tokenizer.train([text] * 9, TokenizerConfig("bpe", vocab_size=400))
    assert pieces.encode(text).tokens[0] == "▁男人", "pieces may be longer"


@pytest.mark.parametrize("joiner", JOINERS)
def test_a_token_of_cut_text_is_a_piece_and_its_joiner_is_undone(joiner: Joiner, tmp_path: Path) -> None:
    presplit(joiner).save(tmp_path / "tokenizer.json")
    tokenizer = Tokenizer.load(tmp_path / "tokenizer.json")  # without further settings
    encoded = tokenizer.encode(CUT[joiner])
    assert (tokenizer.kind, tokenizer.joiner, tokenizer.takes_presplit) == ("presplit", joiner, True)
    assert len(encoded.ids) == len(CUT[joiner].split())
    assert UNK_ID not in encoded.ids
    assert encoded.text == tokenizer.plain(CUT[joiner]) == tokenizer.decode(encoded.ids) == PLAIN[joiner]
    assert tokenizer.decode_with_spans(encoded.ids) == (encoded.text, encoded.tokens, encoded.spans)
    assert [word for (word,) in words_of_tokens(encoded.text, encoded.tokens, encoded.spans)] == {
        "none": [0, 1, 2, 3, 4, 5],
        "@@": [0, 1, 1, 2, 2, 3, 4, 5, 5, 5],
        "▁": [0, 1, 1, 2, 2, 3, 4, 5, 5, 5],
    }[joiner]
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert library.encode(CUT[joiner]).ids == encoded.ids
    assert library.decode(encoded.ids) == PLAIN[joiner]


@settings(derandomize=True, max_examples=300, deadline=None)
@given(text=st.one_of(st.text(max_size=12), st.text("@▁ab #<s>/ \x1c", max_size=12)))
@pytest.mark.parametrize("joiner", JOINERS)
def test_whatever_text_it_is_each_piece_has_a_place_in_the_plain_text(joiner: Joiner, text: str) -> None:
    tokenizer = presplit(joiner)
    for each in (text, *HARD_TEXTS):
        encoded = tokenizer.encode(each)
        assert not set(encoded.ids) & {PAD_ID, BOS_ID, EOS_ID}
        assert len(encoded.ids) == len(encoded.tokens) == len(encoded.spans)
        assert all(0 <= start <= end <= len(encoded.text) for start, end in encoded.spans)
        assert tokenizer.encode_batch([each]) == [encoded.ids]
        assert encoded.text == " ".join(encoded.text.split())


def test_a_piece_cannot_name_a_special_token() -> None:
    for joiner, text in (("@@", "x@@ </s> y@@ <unk> z@@ ##s"), ("▁", "</s> <pad> ▁<s> ##s")):
        tokenizer = presplit(joiner, text, text)
        ids = tokenizer.encode(text).ids
        assert not set(ids) & {PAD_ID, UNK_ID, BOS_ID, EOS_ID}
        assert tokenizer.decode(ids) == tokenizer.plain(text) != ""
        assert "##s" in tokenizer.plain(text)


def test_joiners_at_odd_places() -> None:
    tokenizer = presplit("@@")
    assert [tokenizer.plain(text) for text in ("weiß@@", "@@", "a@@ @@ b", "a @@")] == ["weiß", "", "ab", "a"]
    assert tokenizer.plain("a@b @-@ c") == "a@b @-@ c"
    sentencepiece = presplit("▁", "▁ 東京 ▁ <0xE2> <0x82> <0xAC>")
    encoded = sentencepiece.encode("▁ 東京 ▁ <0xE2> <0x82> <0xAC>")
    assert encoded.text == sentencepiece.decode(encoded.ids) == "東京 €"
    assert len(sentencepiece.encode("▁die▁weiß e").ids) == 2, "a piece may span words"
    plain = Tokenizer.train(SENTENCES, TokenizerConfig("word", vocab_size=100))
    assert plain.plain("weiß@@ e  ▁") == "weiß@@ e  ▁"
    assert plain.plain("Cafe\u0301") == "Café"  # as it is decoded


@pytest.mark.parametrize("joiner", JOINERS)
def test_what_is_written_of_cut_text_is_plain(joiner: Joiner) -> None:
    assert presplit(joiner).written(f" {CUT[joiner]}") == f" {PLAIN[joiner]}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lowercase", [False, True])
def test_a_protected_string_is_one_token_wherever_it_stands(kind, lowercase: bool) -> None:
    texts = [*SENTENCES, "<2en> Der {name} ⟦NUM1⟧ @ Mc"] * 2
    settings = TokenizerConfig(kind, vocab_size=500, lowercase=lowercase)
    tokenizer = Tokenizer.train(texts, replace(settings, protected=TAGS))
    assert {mark + tag for tag in TAGS for mark in ("", "▁")} <= set(tokenizer.tokens)
    assert len(tokenizer.tokens) == len(set(tokenizer.tokens)) == tokenizer.backend.get_vocab_size()
    text = "<2en> Der{name}Hund ⟦NUM1⟧⟦NUM1⟧  McDer @"
    encoded = tokenizer.encode(text)
    found = [
        (token, text[start:end].strip())
        for token, (start, end) in zip(encoded.tokens, encoded.spans, strict=True)
        if token.strip("▁") in TAGS
    ]
    tokens = ["▁<2en>", "{name}", "▁⟦NUM1⟧", "⟦NUM1⟧", "▁Mc", "▁@"]
    assert found == [(token, token.strip("▁")) for token in tokens]
    if kind in ("bpe", "unigram", "char"):
        assert tokenizer.decode(encoded.ids) == ("<2en> der{name}hund" if lowercase else "<2en> Der{name}Hund") + (
            " ⟦NUM1⟧⟦NUM1⟧ Mcder @" if lowercase else " ⟦NUM1⟧⟦NUM1⟧ McDer @"
        )
    ordinary = Tokenizer.train(SENTENCES, settings)
    assert tokenizer.encode(SENTENCES[0]).tokens == ordinary.encode(SENTENCES[0]).tokens or kind == "unigram"


def test_dropout_does_not_tear_what_is_protected() -> None:
    tokenizer = Tokenizer.train(SENTENCES, TokenizerConfig("bpe", vocab_size=500, protected=TAGS))
    text = "<2en> Der{name} kleine ⟦NUM1⟧"
    torn = BPEDropout(tokenizer, 1.0).encode(text, Random(1))
    assert [token for token in torn.tokens if len(token.strip("▁")) > 1] == ["▁<2en>", "{name}", "▁⟦NUM1⟧"]
    assert tokenizer.decode(torn.ids) == text
    whole = BPEDropout(tokenizer, 0.0).encode(text, Random(1))
    assert whole.tokens == tokenizer.encode(text).tokens


@pytest.mark.parametrize(
    "protected", [["a b"], ["</s>"], ["<0x41>"], [""], ["▁"], ["##x"], ["e\u0301"], [7], ["a", "a"]]
)
def test_what_cannot_be_protected_is_named(protected: list) -> None:
    with pytest.raises(ValueError, match=r"data\.tokenizer\.protected: .* is not allowed"):
        TokenizerConfig(protected=tuple(protected))


def test_settings_that_contradict_each_other_are_named() -> None:
    assert TokenizerConfig(protected=("a", "A"))
    for values, key in (
        ({"protected": ("a", "A"), "lowercase": True}, "protected"),
        ({"joiner": "@@"}, "joiner"),
        ({"kind": "presplit", "lowercase": True}, "lowercase"),
        ({"kind": "presplit", "protected": ("a",)}, "protected"),
        ({"tgt_vocab_size": 100}, "tgt_vocab_size"),
        ({"min_frequency": 0}, "min_frequency"),
    ):
        with pytest.raises(ValueError, match=rf"data\.tokenizer\.{key}: "):
            TokenizerConfig(**values)


@pytest.mark.parametrize(
    ("normalizer", "pre_tokenizer"),
    [
        (None, pre_tokenizers.WhitespaceSplit()),
        (None, None),
        (normalizers.NFC(), pre_tokenizers.WhitespaceSplit()),
        (normalizers.Lowercase(), pre_tokenizers.Whitespace()),
        (normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None),
        (None, pre_tokenizers.Metaspace()),
        (None, pre_tokenizers.ByteLevel()),
    ],
)
def test_a_tokenizer_of_another_program_is_refused(normalizer, pre_tokenizer, tmp_path: Path) -> None:
    vocab = {token: number for number, token in enumerate([*SPECIAL_TOKENS, "a", "b"])}
    foreign = tokenizers.Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    if normalizer is not None:
        foreign.normalizer = normalizer
    if pre_tokenizer is not None:
        foreign.pre_tokenizer = pre_tokenizer
    foreign.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match=r"tokenizer\.json is not .* are those of another program: train it with nmt"):
        Tokenizer.load(tmp_path / "tokenizer.json")


def test_the_kind_of_a_tokenizer_is_known_from_its_file() -> None:
    for kind in KINDS:
        tokenizer = Tokenizer.train(SENTENCES, TokenizerConfig(kind, vocab_size=400))
        assert (tokenizer.kind, tokenizer.joiner, tokenizer.takes_presplit) == (kind, "none", False)
