"""What else is known of the steps of translations: looks, the nearest steps of training, what each source word does."""

import math
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from conftest import SENTENCES, build
from test_results import content, evaluation

from nmt.config import AttentionConfig, TokenizerConfig
from nmt.data.batch import pad, src_sequence, tgt_sequence
from nmt.data.special import EOS_ID
from nmt.data.tokenizer_pair import TokenizerPair, train_tokenizers
from nmt.decoding.one_look import one_look_log_probs
from nmt.decoding.options import SearchOptions
from nmt.decoding.translation import Translation
from nmt.decoding.translator import Translator
from nmt.evaluation import find_out as finding
from nmt.evaluation.effects import effect_error_rate, effect_links, load_effects
from nmt.evaluation.find_out import Wanted, effects_of, find_out, looks_of, neighbors_of
from nmt.evaluation.insight import Insight, records_of_heads
from nmt.evaluation.looks import Looks, load_looks
from nmt.evaluation.neighbors import Example, Neighbor, Neighbors, load_neighbors
from nmt.evaluation.results import Evaluation
from nmt.model.saved import ModelInfo
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
    monkeypatch.setattr(finding, "BLOCK_STEPS", 9)
    monkeypatch.setattr(finding, "BLOCK_QUERIES", 4)
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


def test_training_pairs_that_were_cut_are_shown_as_plain_text(info: ModelInfo) -> None:
    cut = corpus([("der Vo@@ gel", "the bi@@ rd")])
    tokenizers = train_tokenizers(cut, TokenizerConfig("presplit", joiner="@@", min_frequency=1))
    size = tokenizers.tgt.vocab_size
    own = replace(info, src_vocab_size=size, tgt_vocab_size=size)
    translator = Translator(build(info.network, size), tokenizers, own, device="cpu")
    found = neighbors_of(translator, list(translator.force([("der Vo@@ gel", "the")])), cut, 1)
    assert found.examples == (Example("der Vogel", "the bird"),)


def test_there_are_no_more_neighbors_than_steps_of_training(translator: Translator) -> None:
    found = neighbors_of(translator, translate(translator), corpus([("ja", "y")]), 50)
    assert {len(step) for steps in found.steps for step in steps} == {
        len(translator.tokenizers.tgt.encode("y").ids) + 1
    }


def test_of_a_large_corpus_pairs_are_looked_through_evenly_spread(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "MOST_EXAMPLES", 2)
    found = neighbors_of(translator, translate(translator), corpus(PAIRS), 99)
    assert found.searched == 2
    assert set(found.examples) == {Example(*PAIRS[0]), Example(*PAIRS[3])}


@pytest.fixture
def two_heads(tmp_path: Path, tokenizers: TokenizerPair, info: ModelInfo) -> Translator:
    network = replace(info.network, attention=AttentionConfig(heads=2))
    model = build(network, info.src_vocab_size, seed=5)
    with torch.no_grad():
        model.output.bias[EOS_ID] = 1.0
    return Translator(model, tokenizers, replace(info, network=network), device="cpu")


def test_the_attention_of_a_record_is_the_mean_of_its_heads(two_heads: Translator) -> None:
    translations, options = translate(two_heads), SearchOptions(beam_size=2)
    found = find_out(Wanted(), two_heads, SOURCES, translations, translations[:1], options, 8, None)
    for record, heads in zip(translations, found.heads, strict=True):
        assert heads.shape == (len(record.tokens), 2, len(record.source_tokens))
        np.testing.assert_allclose(heads.mean(axis=1), record.attention, atol=1e-5)
        np.testing.assert_allclose(heads.sum(axis=2), 1, atol=1e-5)
        assert not len(heads) or np.abs(heads[:, 0] - heads[:, 1]).max() > 0.01
    np.testing.assert_allclose(found.forced_heads[0], found.heads[0], atol=1e-5)
    assert (len(found.heads), len(found.forced_heads)) == (len(translations), 1)
    assert replace(found, heads=(), forced_heads=()) == Insight()


def test_heads_come_back_with_their_evaluation(tmp_path: Path) -> None:
    plain = evaluation("eins", "zwei")
    plain = replace(plain, forced=plain.translations[::-1])
    heads = tuple(np.array([[[0.5, each], [0.25, 0.75], [1, 0]]], np.float32) for each in (0.1, 0.2))
    replace(plain, insight=Insight(heads=heads, forced_heads=heads[::-1])).save(tmp_path / "test")
    loaded = Evaluation.load(tmp_path / "test")
    for one, other in zip([*loaded.insight.heads, *loaded.insight.forced_heads], [*heads, *heads[::-1]], strict=True):
        np.testing.assert_array_equal(one, other)
    assert content(replace(loaded, insight=Insight())) == content(plain)
    others = [replace(each, attention=np.ones((2, 2), np.float32)) for each in plain.translations]
    with pytest.raises(ValueError, match="heads.npz is of other translations: evaluate again"):
        Insight.load(tmp_path / "test", others, plain.forced)
    each = [[record.attention.tolist() for record in records] for records in records_of_heads(others, heads)]
    assert each == [[of[:, head].tolist() for of in heads] for head in range(3)]


def test_an_effect_is_what_a_token_loses_without_a_source_word(translator: Translator) -> None:
    known = list(translator.force([*SENTENCES, ("der Hund", ""), ("", "the dog")]))
    for record, effects in zip(known, effects_of(translator, known), strict=True):
        words = record.source.split()
        shorter = [" ".join(words[:word] + words[word + 1 :]) for word in range(len(words))]
        if len(words) < 2:  # there would be nothing to read
            assert effects.shape == (len(record.tokens), 0)
            continue
        without = [translator.score(source, record.text).token_log_probs for source in shorter]
        expected = np.array([record.token_log_probs]) - np.array(without)
        np.testing.assert_allclose(effects, expected.T, atol=1e-5)


def test_words_of_one_token_are_left_out_together(translator: Translator) -> None:
    (record,) = translator.force([SENTENCES[0]])
    everything = replace(record, source="男人", source_tokens=record.source_tokens[:2], source_spans=((0, 0), (0, 2)))
    (effects,) = effects_of(translator, [everything])
    assert effects.shape == (len(record.tokens), 2)
    np.testing.assert_array_equal(effects[:, 0], effects[:, 1])


def test_effects_are_those_of_the_tokens_that_were_written(translator: Translator, model_folder: Path) -> None:
    translations = translate(translator)
    translations.append(replace(translations[0], tokens=translations[0].tokens[:2]))
    effects = effects_of(translator, translations)
    assert [each.shape[0] for each in effects] == [len(each.tokens) for each in translations]
    assert [each.dtype for each in effects] == [np.float32] * len(effects)
    np.testing.assert_allclose(effects[-1], effects[0][:2], atol=1e-5)
    both = Translator.load([model_folder, model_folder], device="cpu")
    for one, other in zip(effects, effects_of(both, translations), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_word_is_linked_to_the_one_that_it_depends_on_most() -> None:
    record = evaluation("zwei drei vier").translations[0]
    record = replace(
        record,
        source_tokens=("<s>", "zwei", "drei", "vier"),
        source_spans=((0, 0), (0, 4), (5, 9), (10, 14)),
        text="zwei drei vier",
        tokens=tuple("abcde"),
        spans=((0, 2), (2, 4), (4, 9), (9, 14), (0, 0)),
    )
    effects = np.array([[0.5, 0.3], [0.1, 0.5], [-0.1, -0.2], [0.2, 0.1], [9, 9]], np.float32)
    assert effect_links(record, effects) == [(1, 0), (0, 2)]  # 0.8 against 0.6; none; 0.2
    assert effect_links(record, effects[:, :0]) == []
    bound = replace(record, source="男人", source_tokens=("<s>", "男人"), source_spans=((0, 0), (0, 2)))
    assert effect_links(bound, effects) == [(0, 0), (1, 0), (0, 2), (1, 2)]  # left out together
    score = effect_error_rate([record], [effects], [((1, 0), (1, 1), (1, 2))])
    assert (score.aer, score.precision, score.recall, score.links) == (1 - 2 / 5, 1 / 2, 1 / 3, 3)


def test_effects_come_back_with_their_evaluation(tmp_path: Path) -> None:
    plain = evaluation("eins zwei", "drei")
    plain = replace(plain, forced=plain.translations)
    effects = np.array([[0.5, -0.25]], np.float32), np.zeros((1, 0), np.float32)
    forced_effects = 2 * effects[0], effects[1]
    replace(plain, insight=Insight(effects=effects, forced_effects=forced_effects)).save(tmp_path / "test")
    loaded = Evaluation.load(tmp_path / "test")
    for one, other in zip(
        [*loaded.insight.effects, *loaded.insight.forced_effects], [*effects, *forced_effects], strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert content(replace(loaded, insight=Insight())) == content(plain)
    alignment = loaded.effect_alignment()
    assert alignment is not None
    assert (alignment.links, alignment.possible, alignment.recall) == (
        1,
        1,
        0.0,
    )  # of the second sentence, whose source has one word only
    assert plain.effect_alignment() is None
    assert replace(loaded, alignment=None).effect_alignment() is None
    with pytest.raises(ValueError, match="effects.npz is of other translations: evaluate again"):
        load_effects(tmp_path / "test", plain.translations[:1])


def test_of_an_ensemble_nothing_of_it_is_known(model_folder: Path, tokenizers: TokenizerPair) -> None:
    both = Translator.load([model_folder, model_folder], device="cpu")
    with pytest.raises(ValueError, match="an ensemble has no steps of its own to look into: take one of its models"):
        list(looks_of(both, translate(both)))
    assert find_out(Wanted(), both, [], [], [], SearchOptions(), 8, None) == Insight()


def test_what_is_wanted_is_found_out(translator: Translator) -> None:
    translations, options = translate(translator)[:2], SearchOptions(beam_size=2)
    assert find_out(Wanted(), translator, SOURCES, translations, [], options, 8, None) == Insight()
    found = find_out(
        Wanted(1, True, 2, True), translator, SOURCES, translations, translations, options, 8, corpus(PAIRS)
    )
    assert [len(each) for each in (found.branches, found.looks, found.effects, found.forced_effects)] == [2] * 4
    assert found.neighbors is not None
    assert len(found.neighbors.steps) == 2
    with pytest.raises(ValueError, match="neighbors: -1 is not allowed, it must be at least 0"):
        Wanted(neighbors=-1)


def test_looks_and_neighbors_come_back_with_their_evaluation(tmp_path: Path) -> None:
    plain = evaluation("eins", "zwei")
    weights = np.array([[0.25, 0.0001]], np.float32)
    looks = tuple(Looks(((token, "u\u2028"),), weights, weights[:, ::-1]) for token in ("x", "u\u2028"))
    neighbors = Neighbors((Example("ein\ud800", "one"),), (((Neighbor(0, "</s>", 3, 3, 0.5),),), ((),)), 7)
    replace(plain, insight=Insight(looks=looks, neighbors=neighbors)).save(tmp_path / "test")
    loaded = Evaluation.load(tmp_path / "test")
    found = loaded.insight
    assert found.neighbors == neighbors
    for one, other in zip(found.looks, looks, strict=True):
        assert one.tokens == other.tokens
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)
        np.testing.assert_allclose(one.written, other.written, atol=1e-6)
    assert content(replace(loaded, insight=Insight())) == content(plain)
    for others in (plain.translations[:1], [replace(each, tokens=("a", "b")) for each in plain.translations]):
        with pytest.raises(ValueError, match="looks.jsonl is of other translations: evaluate again"):
            load_looks(tmp_path / "test" / "looks.jsonl", others)
        with pytest.raises(ValueError, match="neighbors is of other translations: evaluate again"):
            load_neighbors(tmp_path / "test" / "neighbors", others)
    assert load_neighbors(tmp_path / "none", plain.translations) is None
    assert math.isclose(found.looks[0].probabilities[0, 1], 0.0001, abs_tol=1e-6)
