"""The config: wrong values are named with their key."""

import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmt.checked import flat
from nmt.config import AttentionConfig, Config, DataConfig, ModelConfig, TokenizerConfig, TrainingConfig


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TokenizerConfig(vocab_size=4), "data.tokenizer.vocab_size: 4 is not allowed"),
        (lambda: DataConfig(src="de", tgt="de"), "data.tgt: 'de' is not allowed, it must be another language"),
        (lambda: DataConfig(batch_tokens=50), "data.batch_tokens: 50 is not allowed, it must be at least 102"),
        (lambda: DataConfig(path=""), "data.path: '' is not allowed"),
        (lambda: ModelConfig(hidden_size=7), "model.hidden_size: 7 is not allowed, it must be even"),
        (lambda: ModelConfig(dropout=1.0), "model.dropout: 1.0 is not allowed"),
        (lambda: ModelConfig(decoder="gnmt"), "model.layers: 1 is not allowed, it must be at least 2 with the gnmt"),
        (lambda: ModelConfig(decoder="gnmt", layers=2, decoder_layers=1), "model.decoder_layers: 1 is not allowed"),
        (lambda: ModelConfig(decoder_layers=-1), "model.decoder_layers: -1 is not allowed, it must be at least 0"),
        (lambda: ModelConfig(bridge=False, decoder_layers=2), "model.bridge: False is not allowed, it must be true"),
        (lambda: ModelConfig(layers=0), "model.layers: 0 is not allowed, it must be positive"),
        (lambda: TrainingConfig(learning_rate=0), "training.learning_rate: 0 is not allowed"),
        (
            lambda: TrainingConfig(learning_rate=math.inf),
            "training.learning_rate: inf is not allowed, it must be a",
        ),
        (lambda: TrainingConfig(r_drop=math.nan), "training.r_drop: nan is not allowed, it must be a finite number"),
        (lambda: TrainingConfig(average_decay=1), "training.average_decay: 1 is not allowed"),
        (lambda: TrainingConfig(checkpoint_steps=0), "training.checkpoint_steps: 0 is not allowed"),
        (lambda: TrainingConfig(schedule="halving"), "training.halving_steps: 0 is not allowed"),
        (lambda: TrainingConfig(optimizer="adadelta", weight_decay=0.1), "training.weight_decay: 0.1 is not allowed"),
        (lambda: Config(name="a/b"), "name: 'a/b' is not allowed, it must be a folder name"),
        (lambda: Config(name=".."), "name: '..' is not allowed"),
        (lambda: Config(seed=-1), "seed: -1 is not allowed"),
        (lambda: Config(seed=1 << 63), "seed: 9223372036854775808 is not allowed"),
        (lambda: DataConfig(path="hub:"), "data.path: 'hub:' is not allowed"),
        (lambda: ModelConfig(tie_embeddings="output", readout_size=9), "model.readout_size: 9 is not allowed"),
        (lambda: DataConfig(path="hub::x"), "data.path: 'hub::x' is not allowed"),
        (
            lambda: Config(
                model=ModelConfig(tie_embeddings="source"), data=DataConfig(tokenizer=TokenizerConfig(joint=False))
            ),
            "model.tie_embeddings: 'source' is not allowed",
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_its_key(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_bridge_stands_wherever_encoder_and_decoder_differ() -> None:
    for alike in ({}, {"layers": 2}, {"layers": 2, "decoder_layers": 2}):
        assert not ModelConfig(encoder="forward", **alike).bridged
    for other in ({"decoder_layers": 2}, {"layers": 2, "decoder_layers": 1}, {"decoder_size": 64}):
        assert ModelConfig(encoder="forward", **other).bridged


def test_defaults_are_allowed() -> None:
    assert Config().data.path == "phrasebook"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("phrasebook", "phrasebook_de_en"),
        ("data/multi30k/", "multi30k_de_en"),
        ("/corpora/.hidden", "hidden_de_en"),
        ("hub:wmt/wmt14:de-en", "wmt14_de_en"),
    ],
)
def test_a_run_is_called_by_its_corpus_unless_it_has_a_name(path: str, name: str) -> None:
    assert Config(data=DataConfig(path)).name == name
    assert Config("mine", data=DataConfig(path)).name == "mine"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ModelConfig(encoder="bidirectonal"), "model.encoder: 'bidirectonal' is not allowed"),
        (lambda: ModelConfig(hidden_size=1.5), "model.hidden_size: 1.5 is not allowed, it must be a whole number"),
        (lambda: ModelConfig(attention="dot"), "model.attention: 'dot' is not allowed, it must be AttentionConfig"),
        (lambda: AttentionConfig(coverage="neurall"), "model.attention.coverage: 'neurall' is not allowed"),
        (lambda: TrainingConfig(schedule="cosine"), "training.schedule: 'cosine' is not allowed"),
        (lambda: TrainingConfig(freeze="encoder"), "training.freeze: 'encoder' is not allowed, it must be a list"),
        (lambda: TokenizerConfig(kind="sentencepiece"), "data.tokenizer.kind: 'sentencepiece' is not allowed"),
        (
            lambda: DataConfig(literature_form="yes"),
            "data.literature_form: 'yes' is not allowed, it must be true or false",
        ),
        (
            lambda: TrainingConfig(r_drop=float("inf")),
            "training.r_drop: inf is not allowed, it must be a finite number",
        ),
        (lambda: Config(model=None), "model: None is not allowed, it must be ModelConfig"),
    ],
)
def test_settings_made_in_a_program_are_checked_too(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_lists_and_numbers_of_numpy_are_taken_for_what_they_stand_for() -> None:
    made = TrainingConfig(freeze=["encoder"], patience=np.int64(3), learning_rate=np.float64(0.5))
    assert made.freeze == ("encoder",)
    assert (type(made.patience), type(made.learning_rate)) == (int, float)
    assert DataConfig(train=["train", "bt"]).train == ("train", "bt")


def test_what_the_configs_advise_can_be_set() -> None:
    advice = (Path(__file__).parents[1] / "configs" / "README.md").read_text()
    keys = set(re.findall(r"\b(?:model|training)\.[a-z_.]+[a-z]", advice))
    assert len(keys) > 10
    assert keys <= flat(asdict(Config())).keys()
