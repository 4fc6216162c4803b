"""The translator: what comes back for a sentence does not depend on its company, and nothing is lost."""

import math
import pickle
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from copy import deepcopy
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import SENTENCES, build
from datasets import Dataset
from sacrebleu.metrics import CHRF

import nmt.decoding.translator as translator_module
from nmt.config import TokenizerConfig
from nmt.data.special import BOS, BOS_ID, EOS_ID, PAD, PAD_ID
from nmt.data.tokenizer import Tokenizer
from nmt.data.tokenizer_pair import TokenizerPair, train_tokenizers
from nmt.data.words import split_words, words_of_tokens
from nmt.decoding import forcing
from nmt.decoding.demands import Demands
from nmt.decoding.engine import Engine, Precision, choose_device, for_inference
from nmt.decoding.options import SearchOptions
from nmt.decoding.searcher import USUAL_TOKENS, Searcher
from nmt.decoding.shortlist import Rest, Shortlist
from nmt.decoding.threads import _SWITCHING, SWITCH_SECONDS
from nmt.decoding.translation import Request, Translation
from nmt.decoding.translator import MAX_SOURCE_TOKENS, Translator
from nmt.model.ensemble import Ensemble
from nmt.model.saved import ModelInfo, save_model
from nmt.model.seq2seq import Seq2Seq

SOURCES = [source for source, _ in SENTENCES]


@pytest.fixture(scope="module")
def translator(talkative: Seq2Seq, tokenizers: TokenizerPair, info: ModelInfo) -> Translator:
    return Translator(deepcopy(talkative), tokenizers, info)


@pytest.mark.parametrize("width", [1, 5])
def test_the_model_of_these_tests_says_something_else_of_each_sentence(translator: Translator, width: int) -> None:
    found = list(translator.translate(SOURCES, SearchOptions(beam_size=width)))
    assert all(3 <= len(each.tokens) <= 14 and each.finished and each.text for each in found)
    assert len({each.text for each in found}) >= len(SOURCES) - 1


class _Unmoved(torch.nn.Module):
    """A network that is on the GPU as far as it says."""

    def to(self, *_: Any, **__: Any) -> "_Unmoved":
        return self


@pytest.mark.parametrize(
    ("device", "precision", "allowed"), [("cuda", "fp32", False), ("cuda", "bf16", True), ("cpu", "fp32", True)]
)
def test_float32_on_a_gpu_is_not_tf32(
    monkeypatch: pytest.MonkeyPatch, device: str, precision: Precision, allowed: bool
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    Engine(_Unmoved(), torch.device(device), precision, None, processes=False)
    assert torch.backends.cudnn.allow_tf32 == allowed


def test_int8_is_for_the_cpu_also_where_there_is_a_gpu(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("auto", "fp32").type == "cuda"
    assert Translator.load(model_folder, precision="int8").engine.device.type == "cpu"
    with pytest.raises(ValueError, match="precision int8 is for the CPU"):
        Translator.load(model_folder, "cuda", "int8")


METHODS = {
    "greedy": SearchOptions(beam_size=1),
    "beam": SearchOptions(beam_size=5, n_best=3),
    "gnmt norm, coverage, reward": SearchOptions(length_norm="gnmt", coverage_penalty=0.2, word_reward=0.1),
    "no repetition, least and most length": SearchOptions(no_repeat_ngram=2, min_length=3, max_length=8),
    "diverse beam": SearchOptions(beam_size=4, groups=2, n_best=4),
    "samples": SearchOptions(method="sample", beam_size=3, n_best=3, temperature=0.7, top_k=20, top_p=0.9, seed=7),
    "least risk of samples": SearchOptions(method="sample", beam_size=4, mbr="chrf"),
    "least risk of a beam": SearchOptions(beam_size=4, mbr="bleu", n_best=2),
}


def assert_same(one: Translation, other: Translation) -> None:
    assert (one.text, one.tokens, one.source) == (other.text, other.tokens, other.source)
    assert one.score == pytest.approx(other.score, rel=1e-6, abs=1e-5)
    np.testing.assert_allclose(one.attention, other.attention, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_alone_in_a_batch_of_64_and_with_longer_company(translator: Translator, method: str) -> None:
    options = METHODS[method]
    alone = [translator.translate(source, options, first=number) for number, source in enumerate(SOURCES)]
    company = [f"{source} {SOURCES[4]}"[: 20 + row] for row, source in enumerate(SOURCES * 12)]
    together = list(translator.translate([*SOURCES, *company], options, batch_sentences=64))
    for one, other in zip(alone, together[: len(SOURCES)], strict=True):
        assert_same(one, other)
        assert len(one.others) == len(other.others) <= options.n_best - 1
        for each, another in zip(one.others, other.others, strict=True):
            assert_same(each, another)
    with_padding = list(translator.translate([SOURCES[3], SOURCES[3] + "x" * 20], options, first=3))[0]
    assert_same(alone[3], with_padding)


def test_the_same_out_of_a_stream_as_alone(translator: Translator) -> None:
    options = METHODS["samples"]
    alone = [translator.translate(source, options, first=7 + number) for number, source in enumerate(SOURCES)]
    for one, other in zip(alone, translator.translate(iter(SOURCES), options, 1, first=7), strict=True):
        assert_same(one, other)  # in windows of 1, 2 and 2 sentences


def test_demands_are_met_for_one_sentence_and_leave_the_others_alone(translator: Translator) -> None:
    free = list(translator.translate(SOURCES))
    demanding = Request(SOURCES[1], prefix="the dog", include=("house",), exclude=("e r", "q"))
    guided = list(translator.translate([SOURCES[0], demanding, *SOURCES[2:]]))
    assert guided[1].text.startswith("the dog")
    assert "house" in guided[1].text
    assert "e r" not in guided[1].text
    for row in (0, *range(2, len(SOURCES))):
        assert_same(guided[row], free[row])
    alone = translator.translate(demanding)
    assert_same(alone, guided[1])


def test_a_string_is_excluded_however_it_could_be_spelled(translator: Translator) -> None:
    options = SearchOptions(beam_size=2)
    free = [translator.translate(source, options).text for source in SOURCES]
    cases = {(source, text[:end]) for source, text in zip(SOURCES, free, strict=True) for end in (1, 2, len(text))}
    assert len(cases) >= 2 * len(SOURCES)
    for source, excluded in cases:
        assert excluded.strip()
        assert excluded not in f" {translator.translate(Request(source, exclude=(excluded,)), options).text}"


def test_demands_that_contradict_each_other_are_named() -> None:
    with pytest.raises(ValueError, match="exclude: 'dog' is a part of what the translation must contain"):
        Request("der Hund", include=("the dog",), exclude=("dog",))
    with pytest.raises(ValueError, match="include: an empty string is not allowed"):
        Request("der Hund", include=(" ",))


def test_what_is_excluded_is_read_as_a_text_is(translator: Translator) -> None:
    free = translator.translate(SOURCES[1]).text
    words = free.split()
    assert len(words) > 1
    given = f" {words[0]}  {words[1]}\u00a0"
    assert f"{words[0]} {words[1]}" in free
    assert f"{words[0]} {words[1]}" not in translator.translate(Request(SOURCES[1], exclude=(given.strip(),))).text


def test_hypotheses_after_the_best_are_ranked(translator: Translator) -> None:
    best = translator.translate(SOURCES[0], SearchOptions(beam_size=4, n_best=4))
    scores = [best.score, *(each.score for each in best.others)]
    assert len(scores) == 4
    assert scores == sorted(scores, reverse=True)
    assert all(each.source == SOURCES[0] and each.attention.shape[0] == len(each.tokens) for each in best.others)


@pytest.mark.parametrize(
    "options",
    [
        SearchOptions(method="sample", beam_size=6, n_best=6, temperature=2.0),
        SearchOptions(beam_size=6, n_best=6, max_length=7),
    ],
    ids=str,
)
def test_least_risk_is_the_highest_expected_utility(translator: Translator, options: SearchOptions) -> None:
    plain = translator.translate(SOURCES[2], options)
    found = plain, *plain.others
    shares = [1.0 if options.method == "sample" else math.exp(each.log_prob) for each in found]  # a sample is drawn so
    chosen = translator.translate(SOURCES[2], replace(options, mbr="chrf"))
    expected = {
        each.text: sum(
            share * CHRF().sentence_score(each.text, [other.text]).score
            for share, other in zip(shares, found, strict=True)
        )
        / sum(shares)
        for each in found
    }
    finished = {each.text for each in found if each.finished}
    assert 1 < len(finished) < len(found), "there is a choice, and one that was cut off comes last"
    assert chosen.score == pytest.approx(max(expected[text] for text in finished))
    assert expected[chosen.text] == pytest.approx(chosen.score)


def test_by_the_least_risk_too_what_meets_the_demands_and_has_ended_comes_first(translator: Translator) -> None:
    for options in (SearchOptions(beam_size=6, n_best=6, max_length=3), SearchOptions(beam_size=6, n_best=6)):
        for include in ((), ("kleine",)):
            for source in SOURCES:
                request = Request(source, include=include)
                plain, risk = (translator.translate(request, replace(options, mbr=each)) for each in ("none", "chrf"))
                assert all(word in risk.text for word in include if word in plain.text)
                finished = [each.finished for each in (risk, *risk.others)]
                if not include:
                    assert finished == sorted(finished, reverse=True)


def test_by_the_least_risk_too_what_has_more_of_what_is_included_comes_first_where_all_are_cut_off(
    translator: Translator,
) -> None:
    options, partly = SearchOptions(beam_size=6, n_best=6), 0
    for source, length in product(SOURCES, range(3, 8)):
        request = Request(source, include=("kleine",))
        plain, risk = (
            translator.translate(request, replace(options, max_length=length, mbr=mbr)) for mbr in ("none", "chrf")
        )
        has = ["kleine" in each.text for each in (plain, *plain.others)]
        partly += len(set(has)) == 2
        assert ("kleine" in risk.text) == has[0]
    assert partly


def test_the_score_of_a_given_translation(translator: Translator) -> None:
    source, target = SENTENCES[0]
    record = translator.score(source, target)
    assert record.text == target
    assert record.log_prob == pytest.approx(sum(record.token_log_probs))


@pytest.mark.parametrize("combine", ["log_linear", "linear"])
def test_an_ensemble_averages_its_models(
    translator: Translator, info: ModelInfo, tokenizers: TokenizerPair, tmp_path: Path, combine: Any
) -> None:
    other = build(info.network, info.src_vocab_size, seed=2)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, model in zip(folders, (translator.engine.network, other), strict=True):
        save_model(folder, model, info)
        tokenizers.save(folder)
    both = Translator.load(folders, combine=combine)
    source, target = SENTENCES[1]
    together = both.score(source, target)
    each = [Translator.load(folder).score(source, target) for folder in folders]
    np.testing.assert_allclose(together.attention, (each[0].attention + each[1].attention) / 2, atol=1e-6)
    if combine == "linear":
        expected = np.logaddexp(*(one.token_log_probs for one in each)) - np.log(2)
        np.testing.assert_allclose(together.token_log_probs, expected, atol=1e-5)
    else:  # the mean of log-probabilities, made a distribution again, is larger than the mean
        assert np.all(np.array(together.token_log_probs) >= np.mean([one.token_log_probs for one in each], 0) - 1e-6)
    found = next(both.force([(source, target)], alternatives=info.tgt_vocab_size))
    assert sum(np.exp(log_prob) for _, log_prob in found.alternatives[0]) == pytest.approx(1, abs=1e-4)
    same = Translator.load([folders[0], folders[0]], combine=combine)
    assert_same(same.translate(source), Translator.load(folders[0]).translate(source))


def test_an_ensemble_needs_one_vocabulary(
    translator: Translator, tokenizers: TokenizerPair, info: ModelInfo, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        save_model(tmp_path / name, translator.engine.network, info)
    tokenizers.save(tmp_path / "one")
    another = Tokenizer.train(["something else altogether, with other pieces"] * 2, TokenizerConfig(vocab_size=300))
    TokenizerPair(another, another).save(tmp_path / "two")
    with pytest.raises(ValueError, match="two: its vocabulary is not that of .*one: an ensemble needs the same"):
        Translator.load([tmp_path / "one", tmp_path / "two"])
    with pytest.raises(ValueError, match="combine: 'best' is not allowed, it must be log_linear or linear"):
        Translator.load([tmp_path / "one", tmp_path / "one"], combine="best")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def with_shortlist(translator: Translator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a shortlist: each source type needs the ids around its own."""
    folder, size = tmp_path_factory.mktemp("model"), translator.tokenizers.tgt.vocab_size
    save_model(folder, translator.engine.network, translator.info)
    translator.tokenizers.save(folder)
    types = (torch.arange(translator.tokenizers.src.vocab_size).unsqueeze(1) + torch.arange(40)).clamp(4, size - 1)
    rest = Rest(torch.full((translator.info.network.readout_features,), 0.1), torch.tensor(1.0))
    Shortlist(types, torch.tensor([EOS_ID]), size, rest).save(folder)
    return folder


@pytest.mark.parametrize("combine", ["log_linear", "linear"])
def test_an_ensemble_with_a_shortlist_averages_as_it_was_told(translator: Translator, combine: Any) -> None:
    tokenizers, card, size = translator.tokenizers, translator.info, translator.tokenizers.tgt.vocab_size
    shortlist = Shortlist(torch.full((size, 1), EOS_ID), torch.arange(EOS_ID, size), size)
    models = [deepcopy(translator.engine.network), build(card.network, size, seed=2)]
    options = SearchOptions(beam_size=1, alternatives=size)
    networks = [(models[0], shortlist), (models[1], shortlist), (Ensemble(models, combine), [shortlist, shortlist])]
    one, other, both = (
        dict(Translator(network, tokenizers, card, shortlist=given).translate(SOURCES[0], options).alternatives[0])
        for network, given in networks
    )
    assert one.keys() == other.keys() == both.keys()
    values = np.array([[each[token] for token in both] for each in (one, other)])
    expected = np.logaddexp(*values) - np.log(2) if combine == "linear" else values.mean(axis=0)
    expected -= np.logaddexp.reduce(expected)
    np.testing.assert_allclose(list(both.values()), expected, atol=1e-5)


def test_each_model_of_an_ensemble_needs_a_shortlist_of_its_own(
    with_shortlist: Path, model_folder: Path, translator: Translator, info: ModelInfo
) -> None:
    alone = Translator.load(with_shortlist, shortlist=True)
    together = Translator.load([with_shortlist, with_shortlist], shortlist=True)
    assert together.form == "ensemble of 2, fp32, shortlist"
    options = SearchOptions(alternatives=100)
    for one, other in zip(alone.translate(SOURCES, options), together.translate(SOURCES, options), strict=True):
        assert_same(one, other)
        assert sum(math.exp(log_prob) for _, log_prob in other.alternatives[0]) < 0.99  # the rest has its share
    with pytest.raises(FileNotFoundError, match="model has no shortlist: make it with"):
        Translator.load([with_shortlist, model_folder], shortlist=True)
    shortlist, both = Shortlist.load(with_shortlist), Ensemble([translator.engine.network] * 2)
    with pytest.raises(ValueError, match="shortlist: 1 of 2: give one for each model"):
        Translator(both, translator.tokenizers, info, shortlist=shortlist)


def test_what_is_demanded_may_be_said_though_the_shortlist_has_it_not(translator: Translator) -> None:
    size = translator.tokenizers.tgt.vocab_size
    silent = Shortlist(torch.full((size, 1), EOS_ID), torch.tensor([EOS_ID]), size)
    network = deepcopy(translator.engine.network)
    listed = Translator(network, translator.tokenizers, translator.info, shortlist=silent)
    demanding = Request(SOURCES[1], prefix="the dog", include=("house",))
    free, guided = listed.translate([SOURCES[1], demanding])
    assert free.text == ""
    assert guided.text.startswith("the dog")
    assert "house" in guided.text


@pytest.mark.parametrize("shortlist", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_a_model_is_loaded_in_a_precision_and_with_a_shortlist(
    with_shortlist: Path, precision: Any, shortlist: bool
) -> None:
    loaded = Translator.load(with_shortlist, "cpu", precision, shortlist)
    options = SearchOptions(beam_size=3, n_best=2, keep_beam=True)
    together = list(loaded.translate(SOURCES, options))
    for source, record in zip(SOURCES, together, strict=True):
        np.testing.assert_allclose(record.attention.sum(1), 1, atol=1e-2)
        if precision == "fp32":
            assert_same(loaded.translate(source, options), record)
        place = 0
        for held, token in zip(record.beam, record.tokens, strict=False):  # what was found stands in the beam
            place = next(row for row, (parent, own, _) in enumerate(held) if (parent, own) == (place, token))
        if shortlist:
            tokens, ids = loaded.tokenizers.tgt.tokens, loaded.tokenizers.src.encode(source).ids
            allowed = {
                "</s>",
                *(tokens[min(max(each + more, 4), len(tokens) - 1)] for each in ids for more in range(40)),
            }
            assert set(record.tokens) <= allowed
            assert {token for step in record.alternatives for token, _ in step} <= allowed
    demanding = Request(SOURCES[1], prefix="the dog", include=("house",), exclude=("e r",))
    guided = loaded.translate(demanding, options)
    assert guided.text.startswith("the dog")
    assert "house" in guided.text
    assert "e r" not in guided.text


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("models", [1, 2])
def test_many_sentences_are_translated_as_few(
    talkative: Seq2Seq, tokenizers: TokenizerPair, info: ModelInfo, precision: Any, models: int
) -> None:
    network = deepcopy(talkative) if models == 1 else Ensemble([deepcopy(talkative) for _ in range(models)])
    translator, tabulated = Translator(network, tokenizers, info, precision=precision), []
    usual, options = network.tabulated, SearchOptions(beam_size=2)
    network.tabulated = lambda: tabulated.append(usual()) or tabulated[-1]  # type: ignore[method-assign]
    few = [next(translator.translate([source], options)) for source in SOURCES]
    assert not tabulated
    size = len(SOURCES)
    sources = SOURCES * 2 * (info.tgt_vocab_size // (options.width * USUAL_TOKENS * size) + 1)
    many = list(translator.translate(sources, options, batch_sentences=size, read_ahead=size))
    assert len(tabulated) == 1  # once a call
    assert len(list(translator.translate(sources, options))) == len(sources)
    assert len(tabulated) == 2
    for row, record in enumerate(many):
        if precision == "fp32":
            assert_same(record, few[row % len(SOURCES)])
        else:
            assert record.log_prob == pytest.approx(few[row % len(SOURCES)].log_prob, abs=1e-4)


@pytest.mark.parametrize("method", ["beam", "sample"])
def test_what_is_no_text_is_never_said(
    talkative: Seq2Seq, tokenizers: TokenizerPair, info: ModelInfo, method: Any
) -> None:
    model = deepcopy(talkative)
    with torch.no_grad():
        model.output.bias[[PAD_ID, BOS_ID]] += 5.0
    options = SearchOptions(method=method, beam_size=3, n_best=3)
    for best in Translator(model, tokenizers, info).translate(SOURCES, options):
        for each in (best, *best.others):
            assert not {PAD, BOS} & set(each.tokens)
            assert each.tokens


def test_threads_take_turns_as_before_once_the_last_of_several_searches_ends() -> None:
    usual, first, second = sys.getswitchinterval(), ExitStack(), ExitStack()
    for search in (first, second):
        search.enter_context(_SWITCHING.often())
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    first.close()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    second.close()
    assert sys.getswitchinterval() == usual


def test_a_precision_that_is_not_there_is_named(with_shortlist: Path) -> None:
    with pytest.raises(ValueError, match="precision: 'fp8' is not allowed, it must be fp32, bf16 or int8"):
        Translator.load(with_shortlist, precision="fp8")  # type: ignore[arg-type]


def test_a_caller_that_stops_asking_stops_the_search(monkeypatch: pytest.MonkeyPatch, translator: Translator) -> None:
    searched: list[Any] = []

    def search(_: Searcher, batch: Any) -> Any:
        time.sleep(0.01)
        searched.append(batch)
        return batch

    threads, interval = torch.get_num_threads(), sys.getswitchinterval()
    torch.set_num_threads(2)
    try:
        monkeypatch.setattr(Searcher, "search", search)
        searcher = Searcher(translator.engine, Demands(translator.tokenizers.tgt, SearchOptions()), SearchOptions())
        jobs: Any = list(range(50))
        found = searcher.search_all(jobs, 2)
        assert [next(found), next(found), next(found)] == jobs[:3]
        found.close()  # type: ignore[attr-defined]
        assert len(searched) < 10
        searched.clear()
        assert list(searcher.search_all(jobs, 8)) == jobs
        assert sorted(map(len, searched)) == [2, 4, 4, *[8] * 5]  # the last ones are smaller
        assert torch.get_num_threads() == 2
        assert sys.getswitchinterval() == interval
    finally:
        torch.set_num_threads(threads)


def test_several_threads_may_read_one_translator(translator: Translator) -> None:
    expected = [translator.translate(source) for source in SOURCES]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(expected * 4, pool.map(translator.translate, SOURCES * 4), strict=True):
            assert_same(one, other)


def test_threads_that_come_during_or_after_a_search_have_as_many_of_torchs_as_before(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, threads = Searcher.search, torch.get_num_threads()
    own, others = set(), set()

    def of_another() -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.get_num_threads).result()

    def search(*arguments: Any, **options: Any) -> Any:
        own.add(torch.get_num_threads())
        time.sleep(0.05)
        others.add(of_another())
        return usual(*arguments, **options)

    monkeypatch.setattr(Searcher, "search", search)
    torch.set_num_threads(2)
    try:
        assert len(list(translator.translate(SOURCES, batch_sentences=1))) == len(SOURCES)
        assert (own, others, of_another(), torch.get_num_threads()) == ({1}, {2}, 2, 2)
    finally:
        torch.set_num_threads(threads)


def test_attention_is_a_distribution_over_the_source_of_every_token(translator: Translator) -> None:
    for record in translator.translate(SOURCES):
        assert record.attention.shape == (len(record.tokens), len(record.source_tokens))
        np.testing.assert_allclose(record.attention.sum(1), 1, atol=1e-5)
        assert len(record.token_log_probs) == len(record.spans) == len(record.alternatives) == len(record.tokens)
        assert record.log_prob == pytest.approx(sum(record.token_log_probs), abs=1e-4)
        assert record.source_tokens[0] == "<s>"


@pytest.mark.parametrize(
    "options",
    [SearchOptions(), SearchOptions(length_norm="gnmt", length_penalty=0.6, coverage_penalty=0.2, word_reward=0.3)],
    ids=["plain", "ranked otherwise"],
)
def test_forced_decoding_of_what_search_found_gives_its_attention_and_scores(
    translator: Translator, options: SearchOptions
) -> None:
    records, encode = list(translator.translate(SOURCES, options)), translator.tokenizers.src.encode
    types = translator.tokenizers.tgt.tokens.index
    targets = [[types(token) for token in record.tokens[:-1]] for record in records]  # its text may have other tokens
    every = forcing.force(translator.engine, [encode(source).ids for source in SOURCES], targets, 5, options)
    for record, forced in zip(records, every, strict=True):
        assert record.finished
        assert forced.score == pytest.approx(record.score, abs=1e-4)
        attention = forced.attention[:, : len(record.source_tokens)]
        np.testing.assert_allclose(attention, record.attention, atol=1e-5)
        assert forced.token_log_probs == pytest.approx(record.token_log_probs, abs=1e-4)


@pytest.mark.parametrize("most", [forcing.FORCED_TOKENS, 8], ids=["together", "a few tokens at a time"])
def test_forced_decoding_of_a_reference(translator: Translator, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    pad, sizes = forcing.pad, []
    monkeypatch.setattr(forcing, "pad", lambda targets: sizes.append(len(targets)) or pad(targets))
    monkeypatch.setattr(forcing, "FORCED_TOKENS", most)
    records = list(translator.force(SENTENCES, batch_sentences=2))
    assert (max(sizes), sum(sizes)) == (2 if most > 8 else 1, len(SENTENCES))
    assert [(each.source, each.text) for each in records] == SENTENCES
    for record in records:
        np.testing.assert_allclose(record.attention.sum(1), 1, atol=1e-5)
        assert record.attention.shape == (len(record.tokens), len(record.source_tokens))
        for own, best, token in zip(record.token_log_probs, record.alternatives, record.tokens, strict=True):
            assert own <= best[0][1] + 1e-6
            assert token != best[0][0] or own == pytest.approx(best[0][1], abs=1e-5)


@pytest.mark.parametrize("kind", ["word", "wordpiece", "char", "bpe"])
def test_a_given_target_is_the_text_and_its_words_are_counted_there(translator: Translator, kind: str) -> None:
    corpus = Dataset.from_dict({"src": SOURCES, "tgt": [target for _, target in SENTENCES]})
    size = {"bpe": 300, "wordpiece": 80}.get(kind, 40)
    pair = train_tokenizers(corpus, TokenizerConfig(kind, vocab_size=size, lowercase=True))
    network = replace(translator.info.network, tie_embeddings="none")
    model = Seq2Seq(network, pair.src.vocab_size, pair.tgt.vocab_size)
    other = Translator(model, pair, replace(translator.info, network=network))
    target = "The  Ω dog sleeps, 💩 ."
    (record,) = other.force([(SOURCES[0], target)])
    assert record.text == target
    assert len(record.spans) == len(record.tokens)
    words = words_of_tokens(target, record.tokens, record.spans)
    assert sorted({word for own in words for word in own}) == list(range(len(split_words(target))))


def test_lines_come_back_in_order_whatever_they_hold(translator: Translator) -> None:
    lines = ["", "ja", "   ", "\x00\x01", "der Hund läuft", "👩‍👩‍👧", "\u202eשלום", "\ud800", "a" * 700, "</s> <pad>"]
    records = list(translator.translate(lines, SearchOptions(beam_size=1, max_length_ratio=0.1), batch_sentences=2))
    assert [record.source for record in records] == lines
    assert records[0].text == records[2].text == ""
    assert records[0].attention.shape == (0, 1)
    assert records[8].attention.shape[1] == MAX_SOURCE_TOKENS + 1
    assert [record.source_complete for record in records] == [number != 8 for number in range(len(lines))]
    assert not translator.score(lines[8], "ja").source_complete


def test_input_is_read_a_window_ahead_not_all_at_once(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translator_module, "WINDOW_BATCHES", 3)
    read: list[int] = []

    def endless() -> object:
        while True:
            read.append(1)
            yield "ja"

    records = translator.translate(endless(), SearchOptions(beam_size=1), batch_sentences=2)
    assert next(records).source == "ja"
    assert len(read) == 2
    ahead = [len(read) - given for given, _ in enumerate(islice(records, 40), start=2)]
    assert max(ahead) < 2 * 3


def test_what_came_before_an_error_of_the_callers_is_translated(translator: Translator) -> None:
    def failing() -> Iterator[str]:
        yield from SOURCES[:2]
        raise ConnectionError("gone")

    found = []
    with pytest.raises(ConnectionError, match="gone"):
        found.extend(translator.translate(failing()))
    assert [each.source for each in found] == SOURCES[:2]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            Request("ja", prefix_tokens=("zzz",), id="x7"),
            "sentence 12 (from 0, id 'x7'): token 'zzz' is not in",
        ),
        (Request("ja", include=("dog",)), "sentence 12 (from 0): include: samples cannot be made to contain"),
        (None, "sentence 12 (from 0): text: None is not allowed"),
    ],
)
def test_a_sentence_that_cannot_be_translated_is_named_after_those_before_it(
    translator: Translator, wrong: Any, message: str
) -> None:
    found = []
    with pytest.raises(ValueError, match=re.escape(message)):  # noqa: PT012
        for each in translator.translate([*SOURCES[:2], wrong, "ja"], METHODS["samples"], first=10):
            found.append(each)
    assert [each.source for each in found] == SOURCES[:2]


@pytest.mark.parametrize("read_ahead", [1, 3])
def test_of_a_live_stream_no_more_is_read_than_is_asked_for(translator: Translator, read_ahead: int) -> None:
    read: list[str] = []
    live = (read.append(text) or text for text in SOURCES * 2)
    records = translator.translate(live, METHODS["samples"], read_ahead=read_ahead)
    for given, other in enumerate(translator.translate(SOURCES * 2, METHODS["samples"])):
        assert_same(next(records), other)
        assert len(read) == min(given // read_ahead * read_ahead + read_ahead, 2 * len(SOURCES))
    with pytest.raises(ValueError, match="read_ahead: 0 is not allowed, it must be at least 1"):
        translator.translate(live, read_ahead=0)


def test_a_record_says_which_demands_it_does_not_meet(translator: Translator) -> None:
    request = Request(SOURCES[0], include=("house", "a very long phrase"))
    options = SearchOptions(max_length=2, n_best=2)
    found = translator.translate(request, options)
    told = "does not contain 'house'", "does not contain 'a very long phrase'"
    assert [each.unmet for each in (found, *found.others)] == [told, told]
    assert translator.translate(replace(request, prefix="the dog"), options).unmet[0] == "does not begin with 'the dog'"
    assert translator.translate(replace(request, prefix="the dog", include=("house",))).unmet == ()
    tokens = Request(SOURCES[0], prefix_tokens=("▁", "t", "h", "e"))
    assert translator.translate(tokens, options).unmet == ("does not begin with ('▁', 't', 'h', 'e')",)
    assert translator.translate(tokens).unmet == translator.translate(SOURCES[0], options).unmet == ()
    assert translator.translate(replace(request, text=" ")).unmet == (), "an empty line stays empty"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"beam_size": "5"}, "beam_size: '5' is not allowed, it must be a whole number"),
        ({"beam_size": 2.5}, "beam_size: 2.5 is not allowed, it must be a whole number"),
        ({"max_length": 3.5}, "max_length: 3.5 is not allowed, it must be a whole number"),
        ({"temperature": "hot"}, "temperature: 'hot' is not allowed, it must be a number"),
        ({"early_stopping": "no"}, "early_stopping: 'no' is not allowed, it must be true or false"),
        ({"top_k": True}, "top_k: True is not allowed, it must be a whole number"),
        ({"method": 3}, "method: 3 is not allowed, it must be beam or sample"),
    ],
)
def test_options_of_another_type_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        SearchOptions(**given)
    of_numpy = SearchOptions(beam_size=np.int64(3), temperature=np.float32(0.5))
    assert (type(of_numpy.beam_size), type(of_numpy.temperature)) == (int, float)


def test_a_device_may_be_torchs(model_folder: Path) -> None:
    assert Translator.load(model_folder, torch.device("cpu")).translate("der Hund").source == "der Hund"


def test_a_run_folder_or_its_model_folder_can_be_loaded(translator: Translator, tmp_path: Path) -> None:
    save_model(tmp_path / "run" / "model", translator.engine.network, translator.info)
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


def test_what_cannot_be_asked_for_is_refused(translator: Translator) -> None:
    with pytest.raises(ValueError, match="batch_sentences: 0 is not allowed"):
        translator.translate(["ja"], batch_sentences=0)
    with pytest.raises(ValueError, match="batch_sentences: 0 is not allowed"):
        translator.force([("ja", "yes")], batch_sentences=0)
    with pytest.raises(ValueError, match="include: 'dog' is one string"):
        Request("ja", include="dog")  # type: ignore[arg-type]
    assert Request("ja", include=["dog"]).include == ("dog",)
    for wrong in ({"text": None}, {"text": "ja", "prefix": b"yes"}, {"text": "ja", "exclude": (5,)}):
        with pytest.raises(ValueError, match=f"{list(wrong)[-1]}: .* is not allowed, it must be a .*string"):
            Request(**wrong)  # type: ignore[arg-type]
    for text in (None, b"ja", {"text": "ja"}):
        with pytest.raises(ValueError, match="text: .* is not allowed, it must be a sentence, a Request"):
            translator.translate(text)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=r"pairs: \(None, .*\) is not allowed, it must be two strings"):
        translator.score(None, "yes")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"pairs: .*5.* is not allowed, it must be two strings"):
        translator.score("ja", 5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="samples cannot be made to contain"):
        translator.translate(Request("ja", include=("yes",)), SearchOptions(method="sample"))
    with pytest.raises(ValueError, match="alternatives: -1 is not allowed"):
        translator.force([("ja", "yes")], alternatives=-1)
    (forced,) = translator.force([("ja", "yes")], alternatives=10**6)
    assert len(forced.alternatives[0]) == translator.info.tgt_vocab_size


def test_what_cannot_be_made_is_refused(translator: Translator, model_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"path: \[\] is not allowed"):
        Translator.load([])
    with pytest.raises(ValueError, match="path: 5 is not allowed"):
        Translator.load(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="combine: 'best' is not allowed"):
        Translator.load(model_folder, combine="best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="precision: 'fp8' is not allowed"):
        Translator(translator.engine.network, translator.tokenizers, translator.info, precision="fp8")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="load it in each process"):
        pickle.dumps(translator)


def test_a_network_that_is_given_must_be_what_it_is_said_to_be(translator: Translator, info: ModelInfo) -> None:
    network, tokenizers, size = translator.engine.network, translator.tokenizers, info.src_vocab_size
    for precision in ("fp32", "bf16", "int8"):
        for other in ("fp32", "bf16", "int8"):
            prepared = for_inference(network, other, torch.device("cpu"))
            fits = (precision == "int8") == (other == "int8")
            with nullcontext() if fits else pytest.raises(ValueError, match="precision: int8 is for rounded weights"):
                assert Translator(prepared, tokenizers, info, precision=precision).form == precision
    with pytest.raises(ValueError, match="network: its tokenizer does not fit its model: it has"):
        Translator(build(info.network, size + 1), tokenizers, info)
    shortlist = Shortlist(torch.zeros(3, 2, dtype=torch.int64), torch.tensor([EOS_ID]), size)
    with pytest.raises(ValueError, match="network: its shortlist is of another model"):
        Translator(network, tokenizers, info, shortlist=shortlist)


def test_translations_can_be_looked_for_among_others(translator: Translator) -> None:
    one, other = translator.translate(["ja", "ja"])
    assert one in [other, one]
    assert len({one, other, one}) == 2


@pytest.mark.parametrize(
    "options", [SearchOptions(), SearchOptions(beam_size=1), SearchOptions(method="sample", top_p=0.9, mbr="chrf")]
)
def test_a_model_that_diverged_is_named(
    talkative: Seq2Seq, tokenizers: TokenizerPair, info: ModelInfo, options: SearchOptions
) -> None:
    model = deepcopy(talkative)
    with torch.no_grad():
        model.output.bias.fill_(math.nan)
    diverged = Translator(model, tokenizers, info)
    with pytest.raises(ValueError, match="the model gives no finite probabilities"):
        diverged.translate("ja", options)
    with pytest.raises(ValueError, match="the model gives no finite probabilities"):
        diverged.score("ja", "yes")


def test_a_list_is_filled_with_what_was_cut_off(translator: Translator) -> None:
    options = SearchOptions(n_best=5, max_length=6)
    filled = 0
    for record in translator.translate(SOURCES, options):
        found = [record, *record.others]
        assert len({each.tokens for each in found}) == 5
        assert sorted(found, key=lambda each: (not each.finished, -each.score)) == found
        filled += len({each.finished for each in found}) == 2
    assert filled


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *product(("word_reward", "length_penalty", "temperature", "top_p", "diversity"), (math.nan, math.inf)),
        ("seed", 2**63),
        ("max_length", 10**20),
        ("max_length_offset", 10**12),
        ("temperature", 1e-309),
    ],
)
def test_numbers_that_no_search_can_count_with_are_refused(name: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"{name}: .* is not allowed, it must be"):
        SearchOptions(**{name: wrong})


def test_a_prefix_does_not_lengthen_what_is_limited(translator: Translator) -> None:
    found = translator.translate(Request("der hund", prefix="ja ja ja ja ja"), SearchOptions(max_length=3))
    assert len(found.tokens) <= 4


def test_a_prefix_and_what_is_included_lengthen_what_the_source_allows(translator: Translator) -> None:
    options = SearchOptions(max_length_ratio=0.0, max_length_offset=1)
    assert len(translator.translate("ja", options).tokens) == 1
    found = translator.translate(Request("ja", prefix="the dog", include=("house",)), options)
    assert len(found.tokens) == len(translator.tokenizers.tgt.encode("the dog house").tokens) + 1
    assert found.text.startswith("the dog")
    assert "house" in found.text


def test_a_tokenizer_or_a_shortlist_of_another_model_is_refused(
    model_folder: Path, tokenizers: TokenizerPair, info: ModelInfo
) -> None:
    Shortlist(torch.zeros(3, 2, dtype=torch.int64), torch.tensor([EOS_ID]), 9).save(model_folder)
    with pytest.raises(ValueError, match="shortlist is of another model"):
        Translator.load(model_folder, shortlist=True)
    types = torch.zeros(info.src_vocab_size, 2, dtype=torch.int64)
    for more, fits in ((0, True), (1, False)):
        rest = Rest(torch.zeros(info.network.readout_features + more), torch.tensor(0.0))
        Shortlist(types, torch.tensor([EOS_ID]), info.tgt_vocab_size, rest).save(model_folder)
        with nullcontext() if fits else pytest.raises(ValueError, match="shortlist is of another model"):
            Translator.load(model_folder, shortlist=True)
    second, size = model_folder.parent / "second", info.src_vocab_size + 1
    save_model(second, build(info.network, size), replace(info, src_vocab_size=size, tgt_vocab_size=size))
    tokenizers.save(second)
    with pytest.raises(ValueError, match="second: its tokenizer does not fit its model"):
        Translator.load([model_folder, second])
    other = Tokenizer.train(["something else, quite"] * 3, TokenizerConfig(vocab_size=290))
    other.save(model_folder / "tokenizer.json")
    with pytest.raises(ValueError, match="its tokenizer does not fit its model"):
        Translator.load(model_folder)


def test_records_and_translators_say_what_they_are(model_folder: Path) -> None:
    translator = Translator.load(model_folder, device="cpu")
    assert repr(translator) == "Translator(de-en, step 7, fp32, cpu)"
    found = translator.translate("ein <hund>")
    shape = " x ".join(map(str, found.attention.shape))
    assert (
        repr(found) == f"Translation('ein <hund>' -> {found.text!r}, log_prob={found.log_prob:.2f}, attention {shape})"
    )
    page = found._repr_html_()
    assert page.count("<tr>") == len(found.tokens) + 1
    assert page.count("<td style=") == found.attention.size
    assert "<th>&lt;s&gt;</th>" in page
