"""The translator: what comes back for a sentence does not depend on its company, and nothing is lost."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SENTENCES, build

from nmt.data.tokenizer import EOS_ID, TokenizerPair
from nmt.decoding.search import SearchOptions
from nmt.decoding.translation import Translation
from nmt.decoding.translator import MAX_SOURCE_TOKENS, Translator
from nmt.model.saved import ModelCard, save_model

SOURCES = [source for source, _ in SENTENCES]


@pytest.fixture(scope="module")
def translator(tokenizers: TokenizerPair, card: ModelCard) -> Translator:
    model = build(card.network, card.src_vocab_size, seed=1)
    with torch.no_grad():
        model.output.bias[EOS_ID] = 3.0  # sentences end
    return Translator(model, tokenizers, card)


def assert_same(one: Translation, other: Translation) -> None:
    assert (one.text, one.tokens, one.source) == (other.text, other.tokens, other.source)
    assert one.score == pytest.approx(other.score, abs=1e-5)
    np.testing.assert_allclose(one.attention, other.attention, atol=1e-5)


@pytest.mark.parametrize("beam", [1, 5])
def test_the_same_alone_in_a_batch_of_64_and_with_longer_company(translator: Translator, beam: int) -> None:
    options = SearchOptions(beam_size=beam)
    alone = [translator.translate(source, options) for source in SOURCES]
    company = [f"{source} {SOURCES[4]}"[: 20 + row] for row, source in enumerate(SOURCES * 12)]
    together = list(translator.translate([*SOURCES, *company], options, batch_sentences=64))
    for one, other in zip(alone, together[: len(SOURCES)], strict=True):
        assert_same(one, other)
    with_padding = list(translator.translate([SOURCES[3], SOURCES[3] + "x" * 20], options))[0]
    assert_same(alone[3], with_padding)


def test_attention_is_a_distribution_over_the_source_of_every_token(translator: Translator) -> None:
    for record in translator.translate(SOURCES):
        assert record.attention.shape == (len(record.tokens), len(record.source_tokens))
        np.testing.assert_allclose(record.attention.sum(1), 1, atol=1e-5)
        assert len(record.token_log_probs) == len(record.spans) == len(record.alternatives) == len(record.tokens)
        assert record.log_prob == pytest.approx(sum(record.token_log_probs), abs=1e-4)
        assert record.source_tokens[0] == "<s>"


def test_forced_decoding_of_what_search_found_gives_its_attention_and_scores(translator: Translator) -> None:
    for record in translator.translate(SOURCES, SearchOptions(beam_size=5)):
        if not record.finished or translator.tokenizers.tgt.encode_batch([record.text])[0] == []:
            continue
        (forced,) = translator.force([(record.source, record.text)])
        if forced.tokens != record.tokens:  # the text can be written with other tokens
            continue
        np.testing.assert_allclose(forced.attention, record.attention, atol=1e-5)
        assert forced.token_log_probs == pytest.approx(record.token_log_probs, abs=1e-4)


def test_forced_decoding_of_a_reference(translator: Translator) -> None:
    records = list(translator.force(SENTENCES, batch_sentences=2))
    assert [(each.source, each.text) for each in records] == SENTENCES
    for record in records:
        np.testing.assert_allclose(record.attention.sum(1), 1, atol=1e-5)
        assert record.attention.shape == (len(record.tokens), len(record.source_tokens))
        for own, best, token in zip(record.token_log_probs, record.alternatives, record.tokens, strict=True):
            assert own <= best[0][1] + 1e-6
            assert token != best[0][0] or own == pytest.approx(best[0][1], abs=1e-5)


def test_lines_come_back_in_order_whatever_they_hold(translator: Translator) -> None:
    lines = ["", "ja", "   ", "\x00\x01", "der Hund läuft", "👩‍👩‍👧", "\u202eשלום", "\ud800", "a" * 700, "</s> <pad>"]
    records = list(translator.translate(lines, SearchOptions(beam_size=1, max_length_ratio=0.1), batch_sentences=2))
    assert [record.source for record in records] == lines
    assert records[0].text == records[2].text == ""
    assert records[0].attention.shape == (0, 1)
    assert records[8].attention.shape[1] == MAX_SOURCE_TOKENS + 1


def test_input_is_read_a_window_ahead_not_all_at_once(translator: Translator) -> None:
    read = []

    def endless() -> object:
        while True:
            read.append(1)
            yield "ja"

    records = translator.translate(endless(), SearchOptions(beam_size=1), batch_sentences=2)
    assert next(records).source == "ja"
    assert len(read) <= 2 * 20


def test_a_run_folder_or_its_model_folder_can_be_loaded(translator: Translator, tmp_path: Path) -> None:
    save_model(tmp_path / "run" / "model", translator.model, translator.card)
    translator.tokenizers.save(tmp_path / "run" / "model")
    expected = translator.translate("der Hund")
    for folder in (tmp_path / "run", str(tmp_path / "run" / "model")):
        assert_same(Translator.load(folder).translate("der Hund"), expected)


def test_what_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        Translator.load("nowhere")
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(FileNotFoundError, match="its training has not ended; go on with `nmt train --resume"):
        Translator.load(tmp_path)
