"""A config file: what comes back of it, and what is said of one that is none."""

import re
from pathlib import Path

import pytest

from nmt.config import Config, DataConfig, ModelConfig, TokenizerConfig
from nmt.config_file import dump_config, load_config, load_settings


def test_a_config_and_the_trainers_settings_come_back_without_objects(tmp_path: Path) -> None:
    config = Config(
        "größer", data=DataConfig(train=("train", "bt"), train_weights=(2, 1)), model=ModelConfig(bridge=True)
    )
    settings = {"max_epochs": 3, "devices": [0, 1], "max_time": None}
    given = {**settings, "callbacks": [object()], "logger": object()}
    text = dump_config(config, given)
    assert text.startswith("name: größer\nseed: "), "as they are documented, and as they were written"
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    assert load_settings(tmp_path) == (config, settings)


def test_a_saved_config_comes_back_and_the_trainers_keys_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("name: x\ndata:\n  src: en\n  tgt: fr\n  tokenizer:\n    kind: char\ntrainer:\n  max_epochs: 3\n")
    config = load_config(path)
    assert load_config(tmp_path) == config, "a run's folder will do"
    assert config == Config("x", data=DataConfig(src="en", tgt="fr", tokenizer=TokenizerConfig(kind="char")))


def test_a_corpus_that_a_run_has_kept_is_where_the_run_is(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("name: x\ndata:\n  path: runs/x/corpus\n")
    assert load_config(tmp_path).data.path == "runs/x/corpus"
    (tmp_path / "corpus").mkdir()
    assert load_config(tmp_path).data.path == str(tmp_path / "corpus")


def test_what_is_no_config_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="config.yaml"):
        load_config(tmp_path / "config.yaml")
    for text in ("- 1\n- [", "", "- 1", "trainer: 5"):
        (tmp_path / "config.yaml").write_text(text)
        with pytest.raises(ValueError, match="is not the config of a run"):
            load_config(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data:\n  src: 5\n", "data.src: 5 is not allowed, it must be text, in YAML in quotes"),
        ("data:\n  literature_fom: true\n", "data.literature_fom: True is not allowed, it must be left out"),
        (
            "data:\n  literature_form: 'false'\n",
            "data.literature_form: 'false' is not allowed, it must be true or false",
        ),
        (
            "data:\n  tokenizer:\n    kind: bpee\n",
            "data.tokenizer.kind: 'bpee' is not allowed, it must be bpe, unigram, wordpiece, word, char or presplit",
        ),
        ("model: gru\n", "model: 'gru' is not allowed, it must be a mapping"),
        ("model:\n  bridge: 1\n", "model.bridge: 1 is not allowed, it must be true, false or null"),
    ],
)
def test_a_config_that_was_changed_by_hand_is_read_strictly(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ValueError, match=f"config.yaml is not the config of a run: {re.escape(message)}"):
        load_config(tmp_path / "config.yaml")
