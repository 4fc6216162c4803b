"""Hypotheses to records: what stands for a token that is unknown."""

import numpy as np
import pytest
import torch
from conftest import build

from nmt.config import ModelConfig, TokenizerConfig
from nmt.data.special import EOS_ID, UNK_ID
from nmt.data.tokenizer import Encoded, Tokenizer
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.decoding.options import SearchOptions
from nmt.decoding.records import Records
from nmt.decoding.translation import Request, Translation
from nmt.decoding.translator import Translator
from nmt.decoding.tree import Hypothesis
from nmt.model.saved import ModelInfo

TEXTS = ["der Hund , die Katze und ein Haus"] * 2


def written(tokenizer: Tokenizer, source: Encoded, ids: list[int], looks: list[int]) -> Translation:
    """The record of a translation that looks at one place of the source in each step, 0 for the token before it."""
    attention = np.eye(len(source.ids) + 4, dtype=np.float32)[looks]  # padded, as in a batch
    attention[:, 0] += 2.0  # that looks at no word is nothing to copy
    found = Hypothesis(ids, [0.0] * len(ids), attention, [[]] * len(ids), 0.0, 0.0, finished=True)
    return Records(tokenizer).best(Request(""), source, [found], SearchOptions(replace_unknown=True))


@pytest.mark.parametrize("kind", ["word", "presplit"])
def test_an_unknown_token_is_written_as_the_source_token_it_attended_to_most(kind: str) -> None:
    tokenizer = Tokenizer.train(TEXTS, TokenizerConfig(kind, vocab_size=30, min_frequency=1))
    (hund,) = tokenizer.encode("Hund").ids
    source = tokenizer.encode("Hans O\u0308l , Hund Maria")
    assert source.ids[0] == source.ids[1] == source.ids[4] == UNK_ID
    record = written(tokenizer, source, [UNK_ID, hund, UNK_ID, UNK_ID, EOS_ID], [5, 1, 2, 3, 0])
    assert record.text == "Maria Hund \u00d6l ,"
    assert record.tokens[0] == record.tokens[2] == "<unk>"
    assert [record.text[start:end].strip() for start, end in record.spans] == ["Maria", "Hund", "\u00d6l", ",", ""]


def test_what_is_copied_has_the_form_of_what_is_written() -> None:
    tokenizer = Tokenizer.train(TEXTS, TokenizerConfig("word", vocab_size=30, min_frequency=1, lowercase=True))
    assert written(tokenizer, tokenizer.encode("der Hans"), [UNK_ID, EOS_ID], [2, 0]).text == "hans"


def test_a_record_keeps_its_own_attention_and_not_that_of_its_batch() -> None:
    tokenizer = Tokenizer.train(TEXTS, TokenizerConfig("word", vocab_size=30, min_frequency=1))
    source = tokenizer.encode("der Hund")
    attention = written(tokenizer, source, [UNK_ID, EOS_ID], [2, 0]).attention
    assert (attention.shape, attention.base) == ((2, 3), None)


def test_a_space_is_nothing_to_copy() -> None:
    tokenizer = Tokenizer.train(TEXTS, TokenizerConfig("char", vocab_size=30, min_frequency=1))
    source = tokenizer.encode("der Hund")
    assert source.tokens[4] == "▁"
    assert written(tokenizer, source, [UNK_ID, UNK_ID, EOS_ID], [5, 6, 0]).text == "<unk> H"


def test_unknown_tokens_are_replaced_where_that_is_asked_for() -> None:
    tokenizer = Tokenizer.train(TEXTS, TokenizerConfig("word", vocab_size=30, min_frequency=1))
    size = tokenizer.vocab_size
    model, network = build(ModelConfig(embedding_size=8, hidden_size=8), size), ModelConfig()
    with torch.no_grad():
        model.output.bias[UNK_ID] = 20.0
    translator = Translator(model, TokenizerPair(tokenizer, tokenizer), ModelInfo("de", "en", size, size, network, {}))
    options = SearchOptions(beam_size=1, max_length=2)
    assert translator.translate("Hans Maria", options).text == "<unk> <unk> <unk>"
    record = translator.translate("Hans Maria", SearchOptions(beam_size=1, max_length=2, replace_unknown=True))
    assert record.text.split() == [["Hans", "Maria"][place] for place in record.attention[:, 1:].argmax(axis=1)]
    assert translator.score("Hans Maria", "Anna").text == "Anna"
