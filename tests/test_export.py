"""The exported files give, run by another program, what the model gives: for sizes that the export never saw."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from conftest import SENTENCES, build, name_of, step_log_probs

from nmt.cli import main
from nmt.config import AttentionConfig, ModelConfig
from nmt.data.batch import pad, src_sequence
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.decoding.options import SearchOptions
from nmt.decoding.search import tree_map
from nmt.decoding.translator import Translator
from nmt.model import export
from nmt.model.cells import GRU
from nmt.model.export import ENCODER, STEP, export_network
from nmt.model.seq2seq import Seq2Seq

Arrays = dict[str, np.ndarray]


class Exported:
    """The two files, run by onnxruntime, with tensors by name."""

    def __init__(self, folder: Path, files: Mapping[str, Mapping[str, list[str]]]) -> None:
        self.files = files
        self.sessions = {name: onnxruntime.InferenceSession(folder / name) for name in (ENCODER, STEP)}

    def encode(self, src_ids: torch.Tensor, src_lengths: torch.Tensor) -> Arrays:
        return self._run(ENCODER, {"src_ids": src_ids.numpy(), "src_lengths": src_lengths.numpy()})

    def step(self, previous: np.ndarray, tensors: Arrays) -> tuple[Arrays, Arrays]:
        """What the step gives, and the tensors for the next one."""
        found = self._run(STEP, {"previous": previous, **tensors})
        after = {f"state{name.removeprefix('next')}": found[name] for name in found if name.startswith("next.")}
        return found, {**tensors, **after}

    def _run(self, name: str, tensors: Arrays) -> Arrays:
        assert list(tensors) == self.files[name]["inputs"]
        values = self.sessions[name].run(None, tensors)
        return dict(zip(self.files[name]["outputs"], values, strict=True))


def repeated(tensors: Arrays, hypotheses: int) -> Arrays:
    """The same, with several hypotheses a sentence in the first state."""
    return {k: v.repeat(hypotheses, axis=1) if k.startswith("state") else v for k, v in tensors.items()}


def assert_like_the_model(exported: Exported, model: Seq2Seq, sentences: int, longest: int, hypotheses: int) -> None:
    """Memory, log-probabilities and attention of some steps of any tokens."""
    random = torch.Generator().manual_seed(sentences)
    lengths = torch.randint(1, longest + 1, (sentences,), generator=random)
    lengths[0] = longest
    src_ids = torch.randint(4, 12, (sentences, longest), generator=random)
    src_ids = src_ids.masked_fill(torch.arange(longest) >= lengths.unsqueeze(1), 0)
    memory, state = model.encode(src_ids, lengths)
    tensors = repeated(exported.encode(src_ids, lengths), hypotheses)
    np.testing.assert_allclose(tensors["memory.attended.values"], memory.attended.values, atol=1e-4)
    state = tree_map(lambda tensor: tensor.repeat_interleave(hypotheses, dim=0), state)
    for _ in range(3):
        previous = torch.randint(4, 12, (sentences, hypotheses), generator=random)
        log_probs, state, attention = step_log_probs(model, previous.flatten(), memory, state)
        found, tensors = exported.step(previous.numpy(), tensors)
        shape = sentences, hypotheses
        np.testing.assert_allclose(found["log_probs"], log_probs.unflatten(0, shape), atol=1e-4)
        np.testing.assert_allclose(found["attention"], attention.unflatten(0, shape), atol=1e-4)


SIZES = [(3, 5, 2), (1, 1, 1), (4, 11, 3), (1, 7, 5)]
"""Sentences, longest, hypotheses: those of the export itself, and others."""


@torch.inference_mode()
def test_greedy_search_over_the_files_is_that_of_the_translator(
    model_folder: Path, tokenizers: TokenizerPair, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = tmp_path / "files"
    assert main(["export", str(model_folder), "--output", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", STEP, ENCODER, "tokenizer.json"]
    fields = json.loads((folder / "config.json").read_text())
    assert (fields["src"], fields["ids"]["eos"], fields["network"]["cell"]) == ("de", 3, "gru")
    exported = Exported(folder, fields["files"])
    translator = Translator.load(model_folder, "cpu")
    sources = [source for source, _ in SENTENCES]
    loaded = TokenizerPair.load(folder)
    ids, lengths = pad([src_sequence(each) for each in loaded.src.encode_batch(sources)])
    tensors, previous, steps = exported.encode(ids, lengths), np.full((len(sources), 1), fields["ids"]["bos"]), []
    for _ in range(2 * ids.shape[1] + 10):
        found, tensors = exported.step(previous, tensors)
        found["log_probs"][..., [fields["ids"]["pad"], fields["ids"]["bos"]]] = -np.inf
        previous = found["log_probs"].argmax(-1)
        steps.append((previous, found["log_probs"].max(-1), found["attention"]))
    expected = translator.translate(sources, SearchOptions(beam_size=1))
    for row, (record, length) in enumerate(zip(expected, lengths.tolist(), strict=True)):
        own = [(tokens[row, 0], score[row, 0], weights[row, 0]) for tokens, score, weights in steps]
        tokens, scores, attention = zip(*own[: len(record.tokens)], strict=True)
        assert tuple(loaded.tgt.tokens[token] for token in tokens) == record.tokens
        np.testing.assert_allclose(scores, record.token_log_probs, atol=1e-4)
        np.testing.assert_allclose(np.stack(attention)[:, :length], record.attention, atol=1e-4)
        assert not np.stack(attention)[:, length:].any()
    for size in SIZES:
        assert_like_the_model(exported, translator.engine.network, *size)


OTHERS = [
    ModelConfig(
        cell="lstm",
        encoder="reversed",
        decoder="luong",
        attention=AttentionConfig(
            score="dot", window="local_m", reach=2, normalizer="sparsemax", coverage="linguistic"
        ),
        embedding_size=6,
        hidden_size=8,
    ),
    ModelConfig(
        cell="gru_reset_first",
        layers=2,
        encoder="gnmt",
        decoder="gnmt",
        attention=AttentionConfig(
            score="general", window="local_p", reach=2, normalizer="entmax15", coverage="neural", heads=2
        ),
        embedding_size=6,
        hidden_size=8,
    ),
    ModelConfig(
        cell="elman",
        encoder="forward",
        summary="mean",
        decoder="conditional",
        attention=AttentionConfig(score="location", positions=4),
        alignment="latent",
        tie_embeddings="all",
        embedding_size=6,
        hidden_size=8,
    ),
    ModelConfig(
        layers=3,
        decoder_layers=2,
        residual=True,
        decoder="luong",
        input_feeding=False,
        attention=AttentionConfig(score="concat", heads=2),
        embedding_size=6,
        hidden_size=8,
    ),
]
"""With the default, each kind of cell, encoder, decoder, score, window, normaliser and coverage."""


@pytest.mark.slow
@pytest.mark.parametrize("network", OTHERS, ids=name_of)
@torch.inference_mode()
def test_other_networks_too(network: ModelConfig, tmp_path: Path) -> None:
    model = build(network)
    exported = Exported(tmp_path, export_network(model, tmp_path))
    for size in SIZES:
        assert_like_the_model(exported, model, *size)


def test_the_tokenizer_of_another_run_is_not_replaced(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    kept = tmp_path / "other" / "tokenizer.json"
    kept.parent.mkdir()
    kept.write_text("{}")
    assert main(["export", str(model_folder), "--output", str(kept.parent)]) == 2
    assert f"{kept} is not of an earlier `nmt export`" in capsys.readouterr().err
    assert [path.read_text() for path in kept.parent.iterdir()] == ["{}"]


def test_what_cannot_be_exported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(ModelConfig(layer_norm=True, embedding_size=6, hidden_size=8))
    with pytest.raises(ValueError, match="model.layer_norm: true cannot be exported"):
        export_network(model, tmp_path)
    monkeypatch.delitem(export.OPERATORS, GRU)
    with pytest.raises(ValueError, match="model.cell: GRU cannot be exported"):
        export_network(build(ModelConfig(embedding_size=6, hidden_size=8)), tmp_path)
    monkeypatch.setattr(export, "find_spec", lambda package: None)
    with pytest.raises(ValueError, match=r"onnx and onnxscript must be installed .* pip install 'nmt\[onnx\]'"):
        export_network(model, tmp_path)
    assert not list(tmp_path.iterdir())
