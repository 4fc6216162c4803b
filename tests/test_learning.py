"""What is learned: the quickstart's promise, the other decoder, and the invariants on a model that has learned."""

from pathlib import Path

import numpy as np
import pytest
import torch

from nmt.cli import main
from nmt.data.batch import pad, src_sequence
from nmt.data.corpus import load_split
from nmt.decoding.alignment import attention_alignment
from nmt.decoding.options import SearchOptions
from nmt.decoding.search import search
from nmt.decoding.sentences import SearchBatch
from nmt.decoding.translator import Translator
from nmt.evaluation.aer import alignment_error_rate
from nmt.evaluation.results import Evaluation

pytestmark = pytest.mark.slow

QUICKSTART = str(Path(__file__).parents[1] / "configs" / "quickstart.yaml")
QUIET = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of the quickstart, trained and evaluated."""
    folder = tmp_path_factory.mktemp("learning")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", "--config", QUICKSTART, *QUIET]) == 0
        assert main(["evaluate", "runs/quickstart", "--split", "test"]) == 0
    return folder / "runs" / "quickstart"


def test_the_quickstart_learns_the_corpus_and_attends_to_the_right_words(quickstart: Path) -> None:
    evaluation = Evaluation.load(quickstart / "evaluations" / "test")
    assert evaluation.scores[0].name == "BLEU"
    assert evaluation.scores[0].score >= 90
    assert evaluation.alignment is not None
    assert evaluation.alignment.aer <= 0.20


def test_attention_points_where_it_should_and_not_one_to_the_side(quickstart: Path) -> None:
    """A matrix that is reversed or shifted has another best offset than 0."""
    evaluation = Evaluation.load(quickstart / "evaluations" / "test")
    rows = zip(evaluation.translations, evaluation.references, evaluation.gold, strict=True)
    exact = [(record, gold) for record, reference, gold in rows if record.text == reference]
    links, gold = attention_alignment(record for record, _ in exact), [each for _, each in exact]
    rates = {
        offset: alignment_error_rate([{(s + offset, t) for s, t in each} for each in links], gold, "shifted").aer
        for offset in range(-2, 3)
    }
    assert min(rates, key=lambda offset: rates[offset]) == 0


def test_the_same_alone_in_a_batch_of_64_and_with_20_padding_positions(quickstart: Path) -> None:
    translator = Translator.load(quickstart, device="cpu")
    sources = list(load_split("phrasebook", "de", "en", "test")["src"][:64])
    for options in (SearchOptions(beam_size=1), SearchOptions(beam_size=5)):
        together = list(translator.translate(sources, options, batch_sentences=64))
        for source, record in zip(sources[:16], together, strict=False):
            alone = translator.translate(source, options)
            assert alone.text == record.text
            np.testing.assert_allclose(alone.attention, record.attention, atol=1e-5)
            ids, lengths = pad([src_sequence(translator.tokenizers.src.encode(source).ids)])
            with torch.inference_mode():
                network, batch = translator.engine.network, SearchBatch(torch.tensor([options.limit(int(lengths))]))
                memory, state = network.encode(torch.nn.functional.pad(ids, (0, 20)), lengths)
                ((padded, *_),) = search(network, memory, state, batch, options)
            np.testing.assert_allclose(padded.attention[:, : alone.attention.shape[1]], alone.attention, atol=1e-5)
            assert padded.attention[:, alone.attention.shape[1] :].sum() == 0
            assert translator.tokenizers.tgt.decode(padded.ids) == alone.text


def test_beam_attention_equals_forced_decoding_of_what_it_found(quickstart: Path) -> None:
    translator = Translator.load(quickstart, device="cpu")
    sources = list(load_split("phrasebook", "de", "en", "test")["src"][:64])
    found = [record for record in translator.translate(sources) if record.finished]
    forced = list(translator.force((record.source, record.text) for record in found))
    same = [(one, other) for one, other in zip(found, forced, strict=True) if one.tokens == other.tokens]
    assert len(same) > 60
    for one, other in same:
        np.testing.assert_allclose(one.attention, other.attention, atol=1e-5)
        assert one.log_prob == pytest.approx(other.log_prob, abs=1e-4)


def test_a_reversed_lstm_with_luong_attention_learns_the_other_direction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    network = [
        *("--model.cell", "lstm", "--model.encoder", "reversed", "--model.decoder", "luong"),
        *("--model.attention.score", "general", "--data.src", "en", "--data.tgt", "de", "--name", "luong"),
    ]
    assert main(["train", "--config", QUICKSTART, *QUIET, *network]) == 0
    assert main(["evaluate", "runs/luong", "--split", "test"]) == 0
    evaluation = Evaluation.load(Path("runs/luong/evaluations/test"))
    assert evaluation.scores[0].score >= 85
    assert evaluation.alignment is not None
    assert evaluation.alignment.aer <= 0.30
