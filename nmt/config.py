"""What a user can set: frozen dataclasses, each field with its unit; all validation is here, before data is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

import yaml

Settings = TypeVar("Settings")


def _check(holds: bool, key: str, value: object, allowed: str) -> None:
    if not holds:
        raise ValueError(f"{key}: {value!r} is not allowed, it must be {allowed}")


@dataclass(frozen=True)
class TokenizerConfig:
    """How sentences become tokens.

    Attributes:
        kind: subword pieces (bpe, unigram, wordpiece), whole words or single characters.
        vocab_size: number of types at most, the special tokens included.
        joint: one vocabulary for both languages, learned from both sides.
        lowercase: fold case before anything else; translations are then lower-cased too.
    """

    kind: Literal["bpe", "unigram", "wordpiece", "word", "char"] = "bpe"
    vocab_size: int = 8000
    joint: bool = True
    lowercase: bool = False

    def __post_init__(self) -> None:
        _check(self.vocab_size > 4, "data.tokenizer.vocab_size", self.vocab_size, "more than the 4 special tokens")


@dataclass(frozen=True)
class DataConfig:
    """Where sentence pairs come from and how they are cut into batches.

    Attributes:
        path: "phrasebook" (the embedded corpus), a folder of files, or "hub:owner/name".
        src: language to translate from, as the files or columns name it.
        tgt: language to translate to.
        train: name of the training split.
        validation: name of the validation split.
        tokenizer: how sentences become tokens.
        max_length_tokens: training pairs with a longer side are dropped (special tokens not counted).
        max_length_ratio: training pairs with one side this many times longer are dropped.
        batch_tokens: tokens a batch holds at most on either side, padding included, on each rank.
        batch_sentences: sentence pairs a batch holds at most, on each rank.
        literature_form: also score in the form of the Multi30k literature (lowercased, Moses-tokenised).
    """

    path: str = "phrasebook"
    src: str = "de"
    tgt: str = "en"
    train: str = "train"
    validation: str = "validation"
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    max_length_tokens: int = 100
    max_length_ratio: float = 9.0
    batch_tokens: int = 2000
    batch_sentences: int = 128
    literature_form: bool = False

    def __post_init__(self) -> None:
        _check(bool(self.path), "data.path", self.path, 'a folder, "phrasebook" or "hub:owner/name"')
        _check(self.src != self.tgt, "data.tgt", self.tgt, "another language than data.src")
        _check(self.max_length_tokens > 0, "data.max_length_tokens", self.max_length_tokens, "positive")
        _check(self.max_length_ratio >= 1, "data.max_length_ratio", self.max_length_ratio, "at least 1")
        longest = self.max_length_tokens + 2
        _check(self.batch_tokens >= longest, "data.batch_tokens", self.batch_tokens, f"at least {longest}, one pair")
        _check(self.batch_sentences > 0, "data.batch_sentences", self.batch_sentences, "positive")


@dataclass(frozen=True)
class ModelConfig:
    """The network.

    Attributes:
        cell: the recurrent cell of encoder and decoder.
        encoder: reading direction; reversed reads a special token, then the source from its last word to its first.
        decoder: bahdanau attends, then recurs; luong recurs, then attends.
        attention: the score function, additive (Bahdanau) or general (Luong).
        input_feeding: the luong decoder reads its last readout beside the previous token.
        layers: of the encoder and of the decoder.
        embedding_size: of a token.
        hidden_size: of the encoder's states (both directions together) and of the decoder's.
        dropout: probability, on embeddings, between layers, and on readouts.
        tie_embeddings: "output": the output layer is the target embedding; "all": the source embedding too.
    """

    cell: Literal["gru", "lstm"] = "gru"
    encoder: Literal["forward", "reversed", "bidirectional"] = "bidirectional"
    decoder: Literal["bahdanau", "luong"] = "bahdanau"
    attention: Literal["additive", "general"] = "additive"
    input_feeding: bool = True
    layers: int = 1
    embedding_size: int = 256
    hidden_size: int = 512
    dropout: float = 0.2
    tie_embeddings: Literal["none", "output", "all"] = "none"

    def __post_init__(self) -> None:
        for name in ("layers", "embedding_size", "hidden_size"):
            _check(getattr(self, name) > 0, f"model.{name}", getattr(self, name), "positive")
        _check(0 <= self.dropout < 1, "model.dropout", self.dropout, "at least 0 and below 1")
        even = self.encoder != "bidirectional" or self.hidden_size % 2 == 0
        _check(even, "model.hidden_size", self.hidden_size, "even, for each direction has half of it")


@dataclass(frozen=True)
class TrainingConfig:
    """How the parameters are learned; how long, and on what hardware, is the trainer's.

    Attributes:
        learning_rate: Adam's, at its highest.
        schedule: after the warm-up constant, falling with the inverse square root of the step, falling linearly to
            zero at the last step, or halved on a plateau of the monitored figure.
        warmup_steps: optimiser steps over which the learning rate rises from zero.
        patience: validations without improvement before a plateau is called.
        label_smoothing: probability mass spread evenly over the vocabulary (Szegedy et al. 2016).
        average_decay: decay of the moving average of the weights that is validated and exported; 0 for none.
        monitor: what the best checkpoint, early stopping and the plateau go by.
        early_stopping: validations without improvement before training stops; 0 for never.
        checkpoint_steps: optimiser steps between two checkpoints to resume from; each epoch ends with one too.
        sample_sentences: validation sentences whose translation is printed as it changes.
    """

    learning_rate: float = 1e-3
    schedule: Literal["constant", "inverse_sqrt", "linear", "plateau"] = "inverse_sqrt"
    warmup_steps: int = 200
    patience: int = 2
    label_smoothing: float = 0.1
    average_decay: float = 0.0
    monitor: Literal["val_bleu", "val_loss"] = "val_bleu"
    early_stopping: int = 0
    checkpoint_steps: int = 500
    sample_sentences: int = 3

    def __post_init__(self) -> None:
        _check(self.learning_rate > 0, "training.learning_rate", self.learning_rate, "positive")
        _check(
            0 <= self.label_smoothing < 1, "training.label_smoothing", self.label_smoothing, "at least 0 and below 1"
        )
        _check(0 <= self.average_decay < 1, "training.average_decay", self.average_decay, "at least 0 and below 1")
        for name in ("warmup_steps", "early_stopping", "sample_sentences"):
            _check(getattr(self, name) >= 0, f"training.{name}", getattr(self, name), "at least 0")
        for name in ("patience", "checkpoint_steps"):
            _check(getattr(self, name) > 0, f"training.{name}", getattr(self, name), "positive")


@dataclass(frozen=True)
class Config:
    """A run: everything but the trainer's own settings.

    Attributes:
        name: of the run; its folder is `runs/<name>`.
        seed: of every random choice; the same seed gives the same run.
        data: the corpus, the tokenizer and the batches.
        model: the network.
        training: the optimiser, its schedule and what is monitored.
    """

    name: str = "phrasebook_de_en"
    seed: int = 1
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        plain = bool(self.name) and not set(self.name) & set("/\\\0") and self.name not in (".", "..")
        _check(plain, "name", self.name, "a folder name without slashes")
        _check(self.seed >= 0, "seed", self.seed, "at least 0")
        tied = self.model.tie_embeddings != "all" or self.data.tokenizer.joint
        _check(tied, "model.tie_embeddings", self.model.tie_embeddings, '"none" or "output" with separate vocabularies')


def load_config(path: Path) -> Config:
    """The config of a run, from the `config.yaml` that `nmt train` wrote.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is not a config, or a value is not allowed.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} is not a run: it has no {path.name}; `nmt train` makes one")
    try:
        return _build(Config, yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not the config of a run: {error}") from error


def _build(kind: type[Settings], values: Mapping[str, Any]) -> Settings:
    """A dataclass, and those within it, from nested mappings; keys that are not its fields are left out."""
    hints = get_type_hints(kind)
    known = {each.name: values[each.name] for each in fields(kind) if each.name in values}  # type: ignore[arg-type]
    return kind(**{k: _build(hints[k], v) if is_dataclass(hints[k]) else v for k, v in known.items()})
