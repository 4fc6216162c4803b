"""The shortlist: what attention points to, what a sentence may use, and search as if there were no other types."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import NETWORKS, PAIR, build, name_of
from torch import Tensor

from nmt.cli import main
from nmt.config import Config, DataConfig, ModelConfig
from nmt.data.batch import Batch, collate, length_mask
from nmt.data.special import BOS_ID, EOS_ID, PAD_ID
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.decoding.fit_shortlist import READ_POSITIONS, _read, build_shortlist, fit_rest
from nmt.decoding.guides import Prefix
from nmt.decoding.options import SearchOptions
from nmt.decoding.search import search
from nmt.decoding.sentences import SearchBatch
from nmt.decoding.shortlist import FILE, Rest, Restricted, Shortlist
from nmt.model.ensemble import Ensemble
from nmt.model.inference.quantized import quantize

SRC = torch.tensor([[2, 5, 6, 7], [2, 9, 4, 0], [2, 8, 0, 0]])
SRC_LENGTHS = torch.tensor([4, 3, 2])
TYPES = torch.tensor(
    [[3, 3], [3, 3], [3, BOS_ID], [3, 3], [3, 3], [10, 11], [10, 3], [6, 7], [8, 3], [9, 3], [3, 3], [3, 3]]
)
SHORTLIST = Shortlist(TYPES, torch.tensor([4, EOS_ID]), 12)
ALLOWED = [{3, 4, 6, 7, 10, 11}, {3, 4, 9}, {3, 4, 8}]
"""Of each sentence of `SRC`; padding, whose list is [3, 3], is not asked."""


def test_a_sentence_may_use_what_its_tokens_need_and_what_is_common() -> None:
    candidates = SHORTLIST.candidates(SRC, length_mask(SRC_LENGTHS, 4))
    ids = candidates.ids.tolist()
    assert ids == sorted({BOS_ID}.union(*ALLOWED))
    assert [{ids[column] for column in row.nonzero().flatten().tolist()} for row in candidates.allowed] == ALLOWED
    assert (candidates.column(BOS_ID), candidates.column(9)) == (0, ids.index(9))


def test_padding_asks_for_nothing_and_a_prefix_for_its_own() -> None:
    shortlist = Shortlist(torch.tensor([[5], [3], [3], [3], [7], [3], [3], [3]]), torch.tensor([EOS_ID]), 8)
    src_ids = torch.tensor([[4, 0], [4, 4]])
    candidates = shortlist.candidates(src_ids, torch.tensor([[True, False], [True, True]]), [[], [6]])
    assert candidates.ids.tolist() == [BOS_ID, EOS_ID, 6, 7]
    assert candidates.allowed.tolist() == [[False, True, False, True], [False, True, True, True]]


@pytest.mark.parametrize("combine", ["log_linear", "linear"])
@torch.inference_mode()
def test_an_ensemble_of_a_model_and_itself_is_that_model_with_its_rest(combine: Any) -> None:
    model = build(ModelConfig(embedding_size=8, hidden_size=8))
    rest = Rest(torch.randn(model.output.in_features), torch.tensor(0.5))
    shortlist, previous = Shortlist(TYPES, SHORTLIST.common, 12, rest), torch.tensor([[2, 10, 6], [2, 9, 4], [2, 8, 4]])
    found, expected = (
        given(each, slice(0, 3), previous, shortlist)[1] for each in (Ensemble([model, model], combine), model)
    )
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert (expected.logsumexp(-1) < -0.01).all()  # the rest has its share


def test_a_search_among_candidates_is_told_their_columns() -> None:
    candidates = SHORTLIST.candidates(SRC, length_mask(SRC_LENGTHS, 4))
    guide, unsaid = Prefix([9], 12), (9, 5)  # 5 is no candidate
    batch = candidates.columns_of(SearchBatch(torch.full((3,), 6), guides=[guide, None, None], unsaid=unsaid))
    assert candidates.ids[[batch.bos, batch.eos, *batch.unsaid]].tolist() == [BOS_ID, EOS_ID, BOS_ID, 9]
    assert batch.guides is not None
    assert batch.guides[0] is not None
    assert batch.guides[1:] == [None, None]
    assert candidates.ids[np.flatnonzero(batch.guides[0].allowed(0))].tolist() == [9]


def given(model: Any, rows: slice, previous: Tensor, shortlist: Shortlist = SHORTLIST) -> tuple[Tensor, Tensor]:
    """The candidates of some sentences, and log-probabilities (B, T, V) of all types after the given tokens."""
    src_ids, lengths = SRC[rows, : int(SRC_LENGTHS[rows].max())], SRC_LENGTHS[rows]
    candidates = shortlist.candidates(src_ids, length_mask(lengths, src_ids.shape[1]))
    models = [Restricted(each, candidates, shortlist.rest) for each in getattr(model, "models", [model])]
    network: Any = Ensemble(models, model.combine) if isinstance(model, Ensemble) else models[0]
    memory, state = network.encode(src_ids, lengths)
    steps = []
    for tokens in previous[rows].t().contiguous():
        columns = torch.searchsorted(candidates.ids, tokens)
        outputs, state, attention = network.advance(columns, memory, state)
        log_probs = network.log_probs(outputs, attention)
        log_probs[:, candidates.column(BOS_ID)] = -torch.inf  # of the rest; search never says it
        steps.append(torch.full((len(log_probs), 12), -torch.inf).index_copy(1, candidates.ids, log_probs))
    return candidates.ids, torch.stack(steps, dim=1)


@pytest.mark.parametrize("network", NETWORKS[3::20], ids=name_of)
@torch.inference_mode()
def test_probabilities_are_those_of_the_model_shared_among_a_sentences_own_types(network: ModelConfig) -> None:
    model = build(network)
    previous = torch.tensor([[2, 10, 6], [2, 9, 4], [2, 8, 4]])
    _, log_probs = given(model, slice(0, 3), previous)
    readouts, attention = model(SRC, SRC_LENGTHS, previous)
    for row, types in enumerate(ALLOWED):
        open_to_it = torch.tensor([token in types for token in range(12)])
        logits = model.output(readouts[row]).masked_fill(~open_to_it, -torch.inf)
        expected = model.normalized(logits, attention[row])
        torch.testing.assert_close(log_probs[row], expected, atol=1e-5, rtol=1e-5)
        alone = given(model, slice(row, row + 1), previous)[1][0]
        torch.testing.assert_close(alone, log_probs[row], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("network", NETWORKS[3::20], ids=name_of)
@torch.inference_mode()
def test_the_rest_is_one_type_more_that_nobody_may_use(network: ModelConfig) -> None:
    model = build(network)
    rest = Rest(torch.randn(model.output.in_features), torch.tensor(0.5))
    shortlist = Shortlist(TYPES, SHORTLIST.common, 12, rest)
    previous = torch.tensor([[2, 10, 6], [2, 9, 4], [2, 8, 4]])
    _, log_probs = given(model, slice(0, 3), previous, shortlist)
    readouts, attention = model(SRC, SRC_LENGTHS, previous)
    for row, types in enumerate(ALLOWED):
        closed = torch.tensor([token not in types for token in range(12)])
        logits = model.output(readouts[row]).masked_fill(closed, -torch.inf)
        logits = torch.cat([logits, (readouts[row] @ rest.weight + rest.bias).unsqueeze(-1)], dim=-1)
        expected = model.normalized(logits, attention[row])[..., :12].masked_fill(closed, -torch.inf)
        torch.testing.assert_close(log_probs[row], expected, atol=1e-5, rtol=1e-5)
        alone = given(model, slice(row, row + 1), previous, shortlist)[1][0]
        torch.testing.assert_close(alone, log_probs[row], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("alignment", ["soft", "latent"])
def test_the_rest_that_is_fitted_brings_probabilities_near_those_of_all_types(alignment: Any) -> None:
    model = build(ModelConfig(embedding_size=8, hidden_size=8, alignment=alignment))
    with torch.no_grad():
        model.output.weight.mul_(20.0)
        model.output.bias[BOS_ID] = -50.0
    never = torch.tensor([[token for token in range(12) if token != 7]]).expand(12, -1)  # all may be used but one
    drawn = torch.randint(4, 12, (2, 200, 4), generator=torch.Generator().manual_seed(0)).tolist()
    batch = collate([{"src_ids": src, "tgt_ids": tgt, "index": 0} for src, tgt in zip(*drawn, strict=True)])
    shortlist = Shortlist(never, SHORTLIST.common, 12)
    shortlist.rest = fit_rest(model, shortlist, [batch])
    previous = torch.tensor([[2, 10, 6], [2, 9, 4], [2, 8, 4]])
    with torch.inference_mode():
        log_probs = given(model, slice(0, 3), previous, shortlist)[1]
        alone = given(model, slice(0, 3), previous, Shortlist(never, SHORTLIST.common, 12))[1]
        expected = model.log_probs(*model(SRC, SRC_LENGTHS, previous))
    errors = [(each - expected)[each.isfinite()].abs().mean() for each in (log_probs, alone)]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.usefixtures("in_float64")
def test_the_rest_of_a_float32_model_is_fitted_whatever_torch_makes_by_default() -> None:
    model = build(ModelConfig(embedding_size=8, hidden_size=8), dtype=torch.float32)
    assert {each.dtype for each in fit_rest(model, SHORTLIST, [PAIR])} == {torch.float32}


def test_the_rest_of_types_that_are_all_there_is_nothing_and_of_many_positions_some_are_read() -> None:
    model = build(ModelConfig(embedding_size=8, hidden_size=8))
    with torch.no_grad():
        model.output.bias[BOS_ID] = -50.0
    every = Shortlist(torch.arange(12).expand(12, -1).clone(), SHORTLIST.common, 12)
    rows = [{"src_ids": [5], "tgt_ids": [6] * 20, "index": 0}] * (READ_POSITIONS // 20)
    rest = fit_rest(model, every, [collate(rows)])
    assert rest.weight.isfinite().all()
    assert -np.inf < float(rest.bias) < -5


@pytest.mark.parametrize("kind", ["int8", "tied", "log_linear", "linear"])
@torch.inference_mode()
def test_it_goes_with_int8_weights_tied_embeddings_and_ensembles(kind: Any) -> None:
    network = ModelConfig(embedding_size=8, hidden_size=8, tie_embeddings="output" if kind == "tied" else "none")
    model: Any = build(network)
    if kind == "int8":
        model = quantize(model)
    elif kind != "tied":
        model = Ensemble([model, build(network, seed=1)], kind)
    previous = torch.tensor([[2, 10, 6], [2, 9, 4], [2, 8, 4]])
    _, log_probs = given(model, slice(0, 3), previous)
    torch.testing.assert_close(log_probs.logsumexp(-1), torch.zeros(3, 3), atol=1e-5, rtol=0.0)
    for row, types in enumerate(ALLOWED):
        assert {int(token) for token in log_probs[row, 0].isfinite().nonzero()} == types


@torch.inference_mode()
def test_search_finds_only_what_is_allowed_for_every_hypothesis_of_a_sentence() -> None:
    model = build(ModelConfig(embedding_size=8, hidden_size=8))
    candidates = SHORTLIST.candidates(SRC, length_mask(SRC_LENGTHS, 4))
    network: Any = Restricted(model, candidates)
    memory, state = network.encode(SRC, SRC_LENGTHS)
    batch = candidates.columns_of(SearchBatch(torch.full((3,), 6)))
    found = search(network, memory, state, batch, SearchOptions(beam_size=3))
    for hypotheses, types in zip(found, ALLOWED, strict=True):
        assert hypotheses
        assert {int(candidates.ids[column]) for each in hypotheses for column in each.ids} <= types


def test_an_output_layer_that_is_wrapped_is_refused() -> None:
    model = build(ModelConfig(embedding_size=8, hidden_size=8))
    model.output.register_forward_hook(lambda layer, inputs, outputs: None)
    with pytest.raises(ValueError, match="for an output layer that is an nn.Linear, not wrapped and without hooks"):
        Restricted(model, SHORTLIST.candidates(SRC, length_mask(SRC_LENGTHS, 4)))


def test_it_fits_a_model_of_the_same_sizes_only() -> None:
    without, with_rest = SHORTLIST, Shortlist(TYPES, SHORTLIST.common, 12, Rest(torch.zeros(3), torch.tensor(0.5)))
    assert [without.fits(12, 12, 3), with_rest.fits(12, 12, 3)] == [True, True]
    assert [without.fits(11, 12, 3), without.fits(12, 11, 3), with_rest.fits(12, 12, 4)] == [False] * 3


def test_it_comes_back_from_its_folder_and_damage_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no shortlist: make it with `nmt shortlist RUN`"):
        Shortlist.load(tmp_path)
    SHORTLIST.save(tmp_path)
    loaded = Shortlist.load(tmp_path)
    assert torch.equal(loaded.types, TYPES)
    assert loaded.common.tolist() == [4, EOS_ID]
    assert loaded.vocab_size == 12
    assert loaded.rest is None
    Shortlist(TYPES, SHORTLIST.common, 12, Rest(torch.arange(3.0), torch.tensor(0.5))).save(tmp_path)
    weight, bias = Shortlist.load(tmp_path).rest or pytest.fail("the rest is lost")
    assert weight.tolist() == [0.0, 1.0, 2.0]
    assert float(bias) == 0.5
    (tmp_path / FILE).write_bytes(b"damaged")
    with pytest.raises(ValueError, match="is damaged: .*; make it again"):
        Shortlist.load(tmp_path)


class _Diagonal:
    """Attends from each target token to the source token of the same number."""

    def __call__(self, src_ids: Tensor, src_lengths: Tensor, previous: Tensor) -> tuple[None, Tensor]:
        positions = torch.arange(previous.shape[1]).expand(len(previous), -1) + 1
        attention = torch.zeros(*previous.shape, src_ids.shape[1])
        return None, attention.scatter(2, positions.clamp(max=src_ids.shape[1] - 1).unsqueeze(2), 1.0)


def test_a_lexicon_is_what_attention_points_to(tokenizers: TokenizerPair) -> None:
    def batches() -> Iterator[Batch]:
        for targets in ([20, 21], [20, 22], [23, 22], [20, 22]):
            yield collate([{"src_ids": [10, 11], "tgt_ids": targets, "index": 0}])

    model: Any = _Diagonal()
    shortlist = build_shortlist(model, tokenizers, batches(), per_token=2, frequent=1)
    assert shortlist.types[10].tolist() == [20, 23, 10]  # by weight, and the same spelling
    assert shortlist.types[11].tolist() == [EOS_ID, 22, 11]  # EOS, too, points to the last token
    assert shortlist.types[12].tolist() == [EOS_ID, EOS_ID, 12]
    assert not (shortlist.types == PAD_ID).any()
    assert shortlist.common.tolist() in ([20, EOS_ID], [22, EOS_ID])
    assert shortlist.vocab_size == tokenizers.tgt.vocab_size


class _Blurred(_Diagonal):
    """The same, with a little attention for every other token."""

    def __call__(self, src_ids: Tensor, src_lengths: Tensor, previous: Tensor) -> tuple[None, Tensor]:
        _, attention = super().__call__(src_ids, src_lengths, previous)
        return None, attention.clamp(min=0.04)


def test_a_lexicon_leaves_out_little_attention_and_rare_links(tokenizers: TokenizerPair) -> None:
    blurred: Any = _Blurred()
    little = collate([{"src_ids": [10, 11], "tgt_ids": [20, 22], "index": 0}])
    shortlist = build_shortlist(blurred, tokenizers, [little], per_token=3, frequent=1)
    assert set(shortlist.types[10, :3].tolist()) == {20, EOS_ID}
    every = build_shortlist(blurred, tokenizers, [little], per_token=3, frequent=99).common
    assert sorted(every.tolist()) == [EOS_ID, 20, 22], "what never occurs is not frequent"
    sharp: Any = _Diagonal()
    rare = collate([{"src_ids": [10], "tgt_ids": [target], "index": 0} for target in [20] * 150 + [23]])
    shortlist = build_shortlist(sharp, tokenizers, [rare], per_token=3, frequent=1)
    assert set(shortlist.types[10, :3].tolist()) == {20, EOS_ID}


def test_a_lexicon_goes_by_the_weight_of_links_not_by_their_number(tokenizers: TokenizerPair) -> None:
    attention = torch.tensor([[[0.1, 0.9], [0.7, 0.3], [0.7, 0.3], [1.0, 0.0]]])
    model: Any = lambda *_: (None, attention)  # noqa: E731
    batch = collate([{"src_ids": [10], "tgt_ids": [20, 21, 21], "index": 0}])
    assert build_shortlist(model, tokenizers, [batch], per_token=2, frequent=1).types[10].tolist() == [20, 21, 10]


def test_padding_of_a_target_has_no_place_in_a_lexicon(tokenizers: TokenizerPair) -> None:
    short, long = ({"src_ids": [10, 11, 12], "tgt_ids": targets, "index": 0} for targets in ([20], [20, 21, 24, 24]))
    model: Any = _Diagonal()  # to which the padding of the short one would point to the end of its source
    batch = collate([short, short, short, long])
    assert build_shortlist(model, tokenizers, [batch], per_token=1, frequent=1).types[12, 0] == 24


@pytest.mark.parametrize(("alignment", "positions"), [("soft", 3 + 2), ("latent", 3 * 3 + 2 * 2)])
def test_for_the_rest_no_padding_is_read_and_of_many_positions_some_evenly_spread(
    monkeypatch: pytest.MonkeyPatch, alignment: Any, positions: int
) -> None:
    model = build(ModelConfig(embedding_size=8, hidden_size=8, alignment=alignment))
    whole = _read(model, SHORTLIST, PAIR)
    assert [len(each) for each in whole] == [positions] * 3
    monkeypatch.setattr("nmt.decoding.fit_shortlist.READ_POSITIONS", 2)
    for some, each in zip(_read(model, SHORTLIST, PAIR), whole, strict=True):
        torch.testing.assert_close(some, each[:: -(-positions // 2)])


def test_what_readouts_hardly_differ_in_has_no_say_in_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(2, (200, 2), generator=generator) * 2.0 - 1.0
    readouts, own = signs * torch.tensor([1.0, 0.01]), torch.zeros(200)
    whole = torch.logaddexp(own, signs @ torch.tensor([0.5, 0.5]))  # exactly by weights of 0.5 and 50
    monkeypatch.setattr("nmt.decoding.fit_shortlist._read", lambda *_: (readouts, own, whole))
    model: Any = None
    weight, _ = fit_rest(model, SHORTLIST, [PAIR])
    assert 0.4 < float(weight[0]) < 0.6
    assert abs(float(weight[1])) < 1.0


def test_the_command_reads_the_training_pairs_of_a_run_and_translate_uses_it(
    model_folder: Path, corpus_folder: Path, capsys: pytest.CaptureFixture
) -> None:
    run = model_folder.parent
    config = Config("run", data=DataConfig(path=str(corpus_folder), src="de", tgt="en"))
    (run / "config.yaml").write_text(json.dumps(asdict(config)))
    assert main(["shortlist", str(run), "--per-token", "7", "--frequent", "3", "--sentences", "50"]) == 0
    assert capsys.readouterr().out == f"{model_folder / FILE}\n"
    shortlist = Shortlist.load(model_folder)
    assert shortlist.types.shape == (shortlist.vocab_size, 8)
    assert len(shortlist.common) == 4
    assert shortlist.rest is not None
    assert shortlist.rest.weight.any()
    assert main(["translate", str(run), "der Hund", "--shortlist", "--device", "cpu"]) == 0
    assert main(["shortlist", str(run), "--per-token", "0"]) == 2
    assert "--per-token: 0 is not allowed, it must be at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["shortlist"], ["evaluate", "--split", "validation"]])
def test_the_corpus_may_have_another_place(
    model_folder: Path, corpus_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture, command: list[str]
) -> None:
    run = model_folder.parent
    config = Config("run", data=DataConfig(path="moved", src="de", tgt="en"))
    (run / "config.yaml").write_text(json.dumps(asdict(config)))
    assert main([*command, str(run)]) == 2
    told = f"the corpus of {run}, moved, is not there: say where with --path CORPUS\n"
    assert capsys.readouterr().err == f"nmt {command[0]}: {told}"
    assert main([*command, str(run), "--path", str(corpus_folder)]) == 0


def test_whoever_may_read_the_model_may_read_its_shortlist(model_folder: Path) -> None:
    Shortlist(torch.zeros(3, 2, dtype=torch.int64), torch.tensor([EOS_ID]), 9).save(model_folder)
    assert (model_folder / FILE).stat().st_mode == (model_folder / "config.json").stat().st_mode
