"""What else is known of the steps of translations: one look at each source token, and the nearest steps of training."""

import math
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from conftest import SENTENCES
from test_results import content, evaluation

from nmt.data.batch import pad, src_sequence, tgt_sequence
from nmt.data.tokenizer import TokenizerPair
from nmt.decoding.one_look import one_look_log_probs
from nmt.decoding.options import SearchOptions
from nmt.decoding.translation import Translation
from nmt.decoding.translator import Translator
from nmt.evaluation import insight
from nmt.evaluation.insight import Wanted, find_out, looks_of, neighbors_of
from nmt.evaluation.looks import Looks, load_looks
from nmt.evaluation.neighbors import Example, Neighbor, Neighbors, load_neighbors
from nmt.evaluation.results import Evaluation
from nmt.model.seq2seq import Seq2Seq

SOURCES = [source for source, _ in SENTENCES]
PAIRS = [("ein hund", "a dog"), ("der vogel singt", "the bird sings"), ("hallo", "hello there"), ("ja", "yes")]


@pytest.fixture
def translator(model_folder: Path) -> Translator:
    return Translator.load(model_folder, device="cpu")


def translate(translator: Translator) -> list[Translation]:
    """Translations of different lengths, one cut off, one of nothing."""
    found = list(translator.translate(SOURCES, SearchOptions(beam_size=2)))
    return [*found, translator.translate(SOURCES[0], SearchOptions(max_length=2)), translator.translate("")]


def corpus(pairs: list[tuple[str, str]]) -> datasets.Dataset:
    return datasets.Dataset.from_list([{"src": source, "tgt": target} for source, target in pairs])


def test_looks_are_those_of_each_step_and_source_token(translator: Translator) -> None:
    translations = translate(translator)
    tokenizers, model = translator.tokenizers, translator.engine.network
    assert isinstance(model, Seq2Seq)
    for record, looks in zip(translations, looks_of(translator, translations), strict=True):
        shape = len(record.tokens), len(record.source_tokens)
        assert looks.probabilities.shape == looks.written.shape == shape
        assert [len(row) for row in looks.tokens] == [shape[1]] * shape[0]
        if not record.tokens:
            continue
        ids = tokenizers.tgt.ids(record.tokens)
        src_ids, src_lengths = pad([src_sequence(tokenizers.src.ids(record.source_tokens[1:]))])
        previous = pad([src_sequence(ids[:-1])])[0]
        for step, (each,) in enumerate(one_look_log_probs(model, src_ids, src_lengths, previous)):
            np.testing.assert_allclose(looks.probabilities[step], each.max(dim=1).values.exp(), atol=1e-5)
            np.testing.assert_allclose(looks.written[step], each[:, ids[step]].exp(), atol=1e-5)
            assert looks.tokens[step] == tuple(tokenizers.tgt.tokens[best] for best in each.argmax(dim=1))


def readouts(translator: Translator, source: str, ids: list[int]) -> np.ndarray:
    """What the output layer reads as it writes given ids, each as a vector of length one."""
    sources = pad([src_sequence(translator.tokenizers.src.encode(source).ids)])
    with torch.no_grad():
        read, _ = translator.engine.network(*sources, pad([src_sequence(ids[:-1])])[0])
    vectors: np.ndarray = read[0].numpy()
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_neighbors_are_the_steps_of_training_pairs_that_are_most_similar(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(insight, "BLOCK_STEPS", 9)
    monkeypatch.setattr(insight, "BLOCK_QUERIES", 4)
    translations, tgt = translate(translator), translator.tokenizers.tgt
    found = neighbors_of(translator, translations, corpus(PAIRS), 3)
    assert found.searched == len(PAIRS)
    vectors, places = [], []
    for source, target in PAIRS:
        encoded = tgt.encode(target)
        vectors.append(readouts(translator, source, tgt_sequence(encoded.ids)[1:]))
        tokens, spans = [*encoded.tokens, "</s>"], [*encoded.spans, (len(target), len(target))]
        places += [(Example(source, target), token, *span) for token, span in zip(tokens, spans, strict=True)]
    assert [len(steps) for steps in found.steps] == [len(record.tokens) for record in translations]
    for record, steps in zip(translations, found.steps, strict=True):
        if not record.tokens:
            continue
        products = readouts(translator, record.source, tgt.ids(record.tokens)) @ np.concatenate(vectors).T
        for step, product in zip(steps, products, strict=True):
            assert [each.similarity for each in step] == pytest.approx(sorted(product, reverse=True)[:3], abs=1e-5)
            for each in step:
                place = found.examples[each.example], each.token, each.start, each.end
                assert product[places.index(place)] == pytest.approx(each.similarity, abs=1e-5)


def test_a_training_pair_is_nearest_to_itself(translator: Translator) -> None:
    known = list(translator.force(PAIRS))
    found = neighbors_of(translator, known, corpus(PAIRS), 1)
    for record, steps in zip(known, found.steps, strict=True):
        assert [step[0].token for step in steps] == list(record.tokens)
        assert [record.text[step[0].start : step[0].end] for step in steps] == [
            record.text[start:end] for start, end in record.spans[:-1]
        ] + [""]
        assert {found.examples[step[0].example] for step in steps} == {Example(record.source, record.text)}
        assert all(step[0].similarity == pytest.approx(1, abs=1e-5) for step in steps)


def test_there_are_no_more_neighbors_than_steps_of_training(translator: Translator) -> None:
    found = neighbors_of(translator, translate(translator), corpus([("ja", "y")]), 50)
    assert {len(step) for steps in found.steps for step in steps} == {
        len(translator.tokenizers.tgt.encode("y").ids) + 1
    }


def test_of_a_large_corpus_pairs_are_looked_through_evenly_spread(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(insight, "MOST_EXAMPLES", 2)
    found = neighbors_of(translator, translate(translator), corpus(PAIRS), 99)
    assert found.searched == 2
    assert set(found.examples) == {Example(*PAIRS[0]), Example(*PAIRS[3])}


def test_of_an_ensemble_nothing_of_it_is_known(model_folder: Path, tokenizers: TokenizerPair) -> None:
    both = Translator.load([model_folder, model_folder], device="cpu")
    with pytest.raises(ValueError, match="an ensemble has no steps of its own to look into: take one of its models"):
        list(looks_of(both, translate(both)))


def test_what_is_wanted_is_found_out(translator: Translator) -> None:
    translations, options = translate(translator)[:2], SearchOptions(beam_size=2)
    assert find_out(Wanted(), translator, SOURCES, translations, options, 8, None) == {}
    found = find_out(Wanted(1, True, 2), translator, SOURCES, translations, options, 8, corpus(PAIRS))
    assert {name: len(found[name]) for name in ("branches", "looks")} == {"branches": 2, "looks": 2}
    assert len(found["neighbors"].steps) == 2
    with pytest.raises(ValueError, match="--neighbors: -1 is not allowed, it must be at least 0"):
        Wanted(neighbors=-1)


def test_looks_and_neighbors_come_back_with_their_evaluation(tmp_path: Path) -> None:
    plain = evaluation("eins", "zwei")
    weights = np.array([[0.25, 0.0001]], np.float32)
    looks = tuple(Looks(((token, "u\u2028"),), weights, weights[:, ::-1]) for token in ("x", "u\u2028"))
    neighbors = Neighbors((Example("ein\ud800", "one"),), (((Neighbor(0, "</s>", 3, 3, 0.5),),), ((),)), 7)
    replace(plain, looks=looks, neighbors=neighbors).save(tmp_path / "test")
    loaded = Evaluation.load(tmp_path / "test")
    assert loaded.neighbors == neighbors
    for one, other in zip(loaded.looks, looks, strict=True):
        assert one.tokens == other.tokens
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)
        np.testing.assert_allclose(one.written, other.written, atol=1e-6)
    assert content(replace(loaded, looks=(), neighbors=None)) == content(plain)
    with pytest.raises(ValueError, match="looks.jsonl is of other translations: evaluate again"):
        load_looks(tmp_path / "test" / "looks.jsonl", plain.translations[:1])
    with pytest.raises(ValueError, match="neighbors is of other translations: evaluate again"):
        load_neighbors(tmp_path / "test" / "neighbors", plain.translations[:1])
    assert load_neighbors(tmp_path / "none", plain.translations) is None
    assert math.isclose(loaded.looks[0].probabilities[0, 1], 0.0001, abs_tol=1e-6)
