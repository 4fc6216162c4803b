"""What a user can set: frozen dataclasses, each field with its unit; all validation is here, before data is read."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from unicodedata import normalize

from nmt.checked import check, check_folder_name, fit_types

TokenizerKind = Literal["bpe", "unigram", "wordpiece", "word", "char", "presplit"]
Joiner = Literal["@@", "▁", "none"]
AlignmentUnits = Literal["words", "tokens"]
CellKind = Literal["elman", "gru", "gru_reset_first", "lstm"]
SAME_SIZE_SCORES = ("dot", "scaled_dot")
"""Scores for which the states of decoder and encoder are of one size."""
Precision = Literal["fp32", "bf16", "int8"]
Combine = Literal["log_linear", "linear"]
ScheduleKind = Literal["constant", "inverse_sqrt", "linear", "halving", "plateau"]


NAME_OF_CORPUS = "CORPUS_SRC_TGT"
"""Stands for the name of a run that has none."""


@dataclass(frozen=True)
class TokenizerConfig:
    """How sentences become tokens.

    Attributes:
        kind: subword pieces (bpe, unigram, wordpiece), whole words or single characters of plain text; presplit for
            text that another program has cut: its pieces, with spaces between them.
        joiner: what tells in such text which pieces are one word: @@ at the end of all but the last (subword-nmt), ▁ at
            the beginning of the first (SentencePiece), or none, where each piece is a word.
        path: run, folder or file of a tokenizer of this program, to be taken instead of learning one; kind, joiner,
            joint and lowercase are to be as there, vocab_size, tgt_vocab_size, min_frequency and protected count for
            nothing.
        vocab_size: number of types at most, the special tokens included.
        tgt_vocab_size: the same of the target language, where it has a vocabulary of its own; 0 for vocab_size.
        min_frequency: how often a word, a piece of text that was cut, a character or a pair to be merged must occur.
        joint: one vocabulary for both languages, learned from both sides.
        protected: strings that are one token each wherever they stand, and keep their case, such as tags and
            placeholders.
        lowercase: fold case before anything else; translations are then lower-cased too. A Greek capital sigma becomes
            σ, also at the end of a word.
        bpe_dropout: probability that a merge of bpe is skipped, anew in each epoch, when the training split is cut into
            pieces (Provilkov et al. 2020); 0 for none.
    """

    kind: TokenizerKind = "bpe"
    joiner: Joiner = "none"
    path: str = ""
    vocab_size: int = 8000
    tgt_vocab_size: int = 0
    min_frequency: int = 2
    joint: bool = True
    protected: tuple[str, ...] = ()
    lowercase: bool = False
    bpe_dropout: float = 0.0

    def __post_init__(self) -> None:
        fit_types(self, "data.tokenizer.")
        check(self.vocab_size > 4, "data.tokenizer.vocab_size", self.vocab_size, "more than the 4 special tokens")
        own = self.tgt_vocab_size == 0 or (not self.joint and self.tgt_vocab_size > 4)
        allowed = "0, or more than the 4 special tokens with data.tokenizer.joint false"
        check(own, "data.tokenizer.tgt_vocab_size", self.tgt_vocab_size, allowed)
        check(self.min_frequency > 0, "data.tokenizer.min_frequency", self.min_frequency, "positive")
        self._check_presplit()
        self._check_protected()
        check(0 <= self.bpe_dropout < 1, "data.tokenizer.bpe_dropout", self.bpe_dropout, "at least 0 and below 1")
        has_merges = self.kind == "bpe" or not self.bpe_dropout
        check(has_merges, "data.tokenizer.bpe_dropout", self.bpe_dropout, f"0 with data.tokenizer.kind {self.kind}")

    def _check_presplit(self) -> None:
        is_cut = self.kind == "presplit"
        check(is_cut or self.joiner == "none", "data.tokenizer.joiner", self.joiner, "none unless kind is presplit")
        already = "with data.tokenizer.kind presplit: the program that cuts the text sees to it"
        check(not (is_cut and self.lowercase), "data.tokenizer.lowercase", self.lowercase, f"false {already}")
        check(not (is_cut and self.protected), "data.tokenizer.protected", self.protected, f"empty {already}")

    def _check_protected(self) -> None:
        for text in self.protected:
            is_plain = isinstance(text, str) and normalize("NFC", text) == text and not re.search(r"[\s▁]", text)
            fits = bool(text) and is_plain and not re.match(r"##.|<(pad|unk|s|/s|0x..)>$", text)
            allowed = "composed characters without white space or ▁, and no special token"
            check(fits, "data.tokenizer.protected", text, allowed)
        folded = {text.lower() if self.lowercase else text for text in self.protected}
        differ = len(folded) == len(self.protected)
        allowed = "different strings, also in small letters if data.tokenizer.lowercase"
        check(differ, "data.tokenizer.protected", self.protected, allowed)


def is_hub(corpus: str) -> bool:
    """Whether the path of a corpus names a dataset of the Hugging Face hub."""
    return corpus.startswith("hub:")


def hub_name(corpus: str) -> tuple[str, str | None]:
    """Name and, if it names one, configuration of the dataset in "hub:owner/name:configuration"."""
    name, _, configuration = corpus.removeprefix("hub:").partition(":")
    return name, configuration or None


CORPUS = "corpus"
"""Folder of a run that holds the pairs that it was given in memory, if it was."""


def own_corpus(run: Path, corpus: str) -> str:
    """The path of a run's corpus, which its config names: if that is its own, where it is in a run moved or copied."""
    own = run / CORPUS
    return str(own) if own.is_dir() and Path(corpus).name == CORPUS else corpus


@dataclass(frozen=True)
class DataConfig:
    """Where sentence pairs come from and how they are cut into batches.

    Attributes:
        path: "phrasebook" (the embedded corpus), a folder of files, "hub:owner/name" or, of a dataset that has several
            configurations, "hub:owner/name:configuration". In a folder, a split such as train is two text files,
            train.de and train.en, or a table with a header, train.tsv, train.csv, train.jsonl or train.parquet, that
            has columns (keys) de and en, or src and tgt; train.de-en.tsv needs none. Text, TSV, CSV and JSON lines may
            be compressed (.gz, .xz, .zst).
        src: language to translate from, as the files or columns name it.
        tgt: language to translate to.
        train: name of the training split; or of several, a list.
        train_weights: how often each pair of these splits comes in an epoch, whole numbers; empty for once.
        train_prefixes: what the sources of each of these splits begin with in training, such as the tag of a
            back-translation ("" for nothing); empty for none.
        validation: name of the validation split; validation, val, dev and valid stand for each other.
        tokenizer: how sentences become tokens.
        max_length_tokens: training pairs with a longer side are dropped (special tokens not counted).
        max_length_ratio: training pairs with one side more than this many times as long as the other are dropped (9 as
            in Moses' clean-corpus-n.perl).
        batch_tokens: tokens a batch holds at most on either side, padding included, in each process.
        batch_sentences: sentence pairs a batch holds at most, in each process: a step takes a batch of each.
        alignment_units: what gold links count: words (runs of letters and digits, and each other visible character, in
            Chinese, Japanese or Thai each character), or tokens, which is all that stands between spaces.
        literature_form: also score in the form of the Multi30k literature (lowercased, Moses-tokenised).
    """

    path: str = "phrasebook"
    src: str = "de"
    tgt: str = "en"
    train: tuple[str, ...] | str = "train"
    train_weights: tuple[int, ...] = ()
    train_prefixes: tuple[str, ...] = ()
    validation: str = "validation"
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    max_length_tokens: int = 100
    max_length_ratio: float = 9.0
    batch_tokens: int = 2000
    batch_sentences: int = 128
    alignment_units: AlignmentUnits = "words"
    literature_form: bool = False

    @property
    def train_splits(self) -> tuple[str, ...]:
        """The names of the training splits."""
        return (self.train,) if isinstance(self.train, str) else self.train

    @property
    def train_name(self) -> str:
        """What the training splits are called together."""
        return " + ".join(self.train_splits)

    def __post_init__(self) -> None:
        fit_types(self, "data.")
        named = bool(hub_name(self.path)[0] if is_hub(self.path) else self.path)
        allowed = 'a folder, "phrasebook", "hub:owner/name" or "hub:owner/name:configuration"'
        check(named, "data.path", self.path, allowed)
        check(self.src != self.tgt, "data.tgt", self.tgt, "another language than data.src")
        names, several = self.train_splits, "one for each split of data.train"
        check(bool(names) and len(set(names)) == len(names), "data.train", names, "a split, or different ones")
        for key in ("train_weights", "train_prefixes"):
            check(len(getattr(self, key)) in (0, len(names)), f"data.{key}", getattr(self, key), several)
        whole = all(type(weight) is int and weight > 0 for weight in self.train_weights)
        check(whole, "data.train_weights", self.train_weights, "whole numbers from 1 on")
        check(self.max_length_tokens > 0, "data.max_length_tokens", self.max_length_tokens, "positive")
        check(self.max_length_ratio >= 1, "data.max_length_ratio", self.max_length_ratio, "at least 1")
        longest = self.max_length_tokens + 2
        check(self.batch_tokens >= longest, "data.batch_tokens", self.batch_tokens, f"at least {longest}, one pair")
        check(self.batch_sentences > 0, "data.batch_sentences", self.batch_sentences, "positive")


@dataclass(frozen=True)
class AttentionConfig:
    """How source positions are chosen; score, window and normaliser combine freely.

    Attributes:
        score: function that compares a decoder state with an encoder state.
        window: source positions open to a step: all (global), those near its own position (local_m), or near one that
            it predicts (local_p).
        normalizer: function that turns scores into weights.
        coverage: what the score function is told of the attention that a position has received.
        heads: number of attentions side by side, each with its own part of keys and states.
        size: size of the additive score's hidden layer; 0 for the size of the decoder state.
        reach: number of positions that a local window opens on either side of its centre.
        positions: number of positions that the location score has weights for.
        coverage_size: size of the vector of a position's neural coverage.
    """

    score: Literal["additive", "dot", "scaled_dot", "general", "concat", "location"] = "additive"
    window: Literal["global", "local_m", "local_p"] = "global"
    normalizer: Literal["softmax", "sparsemax", "entmax15"] = "softmax"
    coverage: Literal["none", "linguistic", "neural"] = "none"
    heads: int = 1
    size: int = 0
    reach: int = 5
    positions: int = 100
    coverage_size: int = 10

    def __post_init__(self) -> None:
        fit_types(self, "model.attention.")
        for name in ("heads", "reach", "positions", "coverage_size"):
            check(getattr(self, name) > 0, f"model.attention.{name}", getattr(self, name), "positive")
        fits = self.size >= 0 and self.size % self.heads == 0
        check(fits, "model.attention.size", self.size, f"0 or a multiple of model.attention.heads, {self.heads}")


@dataclass(frozen=True)
class ModelConfig:
    """The network.

    Attributes:
        cell: the recurrent cell of encoder and decoder; gru resets after the recurrent product (as torch does),
            gru_reset_first before it (as in Cho et al. 2014).
        layers: number of layers of the encoder, and of the decoder unless it has decoder_layers.
        layer_norm: layer normalisation within the cell.
        residual: the output of a layer has its input added, but for the lowest (of the gnmt decoder, the lowest two).
        encoder: reading direction; reversed reads a special token, then the source from its last word to its first;
            gnmt is bidirectional in the lowest layer only.
        summary: what the decoder may start from: the encoder's last states, or the mean of its top layer's.
        bridge: a learned layer between summary and decoder; null: only where the encoder reads both ways, or sizes or
            numbers of layers differ.
        decoder: bahdanau attends, then recurs; conditional recurs, attends, recurs; luong recurs, then attends; gnmt
            attends from its lowest layer.
        input_feeding: the luong decoder reads its last readout beside the previous token.
        attention: how source positions are chosen.
        alignment: soft mixes the positions; latent marginalises over them at the output (Deng et al. 2018).
        deep_output: the readout sees the previous token too; null: only in the bahdanau and conditional decoders.
        embedding_size: size of a token's embedding.
        hidden_size: size of the encoder's states, both directions together.
        decoder_size: size of the decoder's states; 0 for hidden_size.
        decoder_layers: number of layers of the decoder; 0 for layers. They start from the encoder's, the top one from
            its top one; those that it has not, from its lowest.
        readout_size: size of what the output layer reads; 0 for the decoder's, or where it is tied the
            embedding's.
        tie_embeddings: what the target embedding also is: the output layer (output), the source embedding (source),
            or both (all).
        dropout: probability of dropout on embeddings, between layers and on readouts.
        recurrent_dropout: probability of dropout on a cell's own previous state, by one mask a sentence.
        variational: one dropout mask for all positions of a sentence instead of one each.
        word_dropout: probability that a token's whole embedding is zeroed.
    """

    cell: CellKind = "gru"
    layers: int = 1
    layer_norm: bool = False
    residual: bool = False
    encoder: Literal["forward", "reversed", "bidirectional", "gnmt"] = "bidirectional"
    summary: Literal["last", "mean"] = "last"
    bridge: bool | None = None
    decoder: Literal["bahdanau", "conditional", "luong", "gnmt"] = "bahdanau"
    input_feeding: bool = True
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    alignment: Literal["soft", "latent"] = "soft"
    deep_output: bool | None = None
    embedding_size: int = 256
    hidden_size: int = 512
    decoder_size: int = 0
    decoder_layers: int = 0
    readout_size: int = 0
    tie_embeddings: Literal["none", "output", "source", "all"] = "none"
    dropout: float = 0.2
    recurrent_dropout: float = 0.0
    variational: bool = False
    word_dropout: float = 0.0

    @property
    def state_size(self) -> int:
        """Of the decoder's states."""
        return self.decoder_size or self.hidden_size

    @property
    def state_layers(self) -> int:
        """Of the decoder."""
        return self.decoder_layers or self.layers

    @property
    def both_ways(self) -> bool:
        """Whether the encoder's lowest layer is bidirectional."""
        return self.encoder in ("bidirectional", "gnmt")

    @property
    def bridged(self) -> bool:
        """Whether a learned layer stands between the encoder's summary and the decoder."""
        return self.bridge if self.bridge is not None else self.both_ways or not self._alike

    @property
    def _alike(self) -> bool:
        """Whether the decoder's layers are as many and as large as the encoder's."""
        return (self.state_layers, self.state_size) == (self.layers, self.hidden_size)

    @property
    def reads_embedding(self) -> bool:
        """Whether the readout sees the previous token."""
        return self.deep_output if self.deep_output is not None else self.decoder in ("bahdanau", "conditional")

    @property
    def readout_features(self) -> int:
        """Size of what the output layer reads."""
        return self.readout_size or (self.embedding_size if self.ties_output else self.state_size)

    @property
    def ties_output(self) -> bool:
        """Whether the output layer is the target embedding."""
        return self.tie_embeddings in ("output", "all")

    @property
    def ties_source(self) -> bool:
        """Whether the source embedding is the target embedding."""
        return self.tie_embeddings in ("source", "all")

    def __post_init__(self) -> None:
        fit_types(self, "model.")
        for name in ("layers", "embedding_size", "hidden_size"):
            check(getattr(self, name) > 0, f"model.{name}", getattr(self, name), "positive")
        for name in ("decoder_size", "decoder_layers", "readout_size"):
            check(getattr(self, name) >= 0, f"model.{name}", getattr(self, name), "at least 0")
        for name in ("dropout", "recurrent_dropout", "word_dropout"):
            check(0 <= getattr(self, name) < 1, f"model.{name}", getattr(self, name), "at least 0 and below 1")
        even = not self.both_ways or self.hidden_size % 2 == 0
        check(even, "model.hidden_size", self.hidden_size, "even, for each direction has half of it")
        allowed = "true where model.decoder_size is not model.hidden_size, or model.decoder_layers not model.layers"
        check(self.bridged or self._alike, "model.bridge", self.bridge, allowed)
        deep = self.decoder != "gnmt" or self.state_layers > 1
        key = "model.decoder_layers" if self.decoder_layers else "model.layers"
        check(deep, key, self.state_layers, "at least 2 with the gnmt decoder, which attends from its lowest")
        tied = not self.ties_output or self.readout_features == self.embedding_size
        check(tied, "model.readout_size", self.readout_size, "0 or model.embedding_size where the output layer is tied")
        self._check_attention()

    def _check_attention(self) -> None:
        attention = self.attention
        same = attention.score not in SAME_SIZE_SCORES or self.state_size == self.hidden_size
        check(same, "model.attention.score", attention.score, "another where decoder_size is not hidden_size")
        parts = self.hidden_size % attention.heads == 0 and self.state_size % attention.heads == 0
        check(parts, "model.attention.heads", attention.heads, "a divisor of model.hidden_size and decoder_size")
        single = self.alignment == "soft" or attention.heads == 1
        check(single, "model.attention.heads", attention.heads, "1 where model.alignment is latent")


@dataclass(frozen=True)
class TrainingConfig:
    """How the parameters are learned; how long, and on what hardware, is the trainer's.

    Attributes:
        optimizer: adamw, which is Adam where weight_decay is 0; plain gradient descent (sgd: Luong et al. 2015); or
            adadelta (Bahdanau et al. 2015).
        learning_rate: at its highest; the papers have 1 with sgd and adadelta. The loss is a mean over target tokens:
            of a setup whose loss is a mean over sentences (OpenNMT-py and JoeyNMT unless told otherwise), divide
            trainer.gradient_clip_val by the target tokens of a sentence, and with sgd multiply the rate by them.
        schedule: what follows the warm-up: constant; falling with the inverse square root of the step (also known as
            noam, whose factor * (size * warmup) ** -0.5 is the learning_rate); falling linearly to zero at the last
            step; halving every halving_steps; or halved on a plateau of the monitored figure.
        warmup_steps: optimiser steps over which the learning rate rises from zero.
        patience: validations without improvement before a plateau is called; those within the warm-up do not count.
        halving_start_steps: optimiser steps before the first halving, those of the warm-up too; 0 for halving_steps.
        halving_steps: optimiser steps from one halving to the next.
        weight_decay: share of each weight that it loses at every step, times the learning rate (Loshchilov & Hutter
            2019); 0 for none.
        freeze: parts of the network that are not trained, such as encoder or decoder.embedding.
        label_smoothing: probability mass spread evenly over the vocabulary (Szegedy et al. 2016).
        guided_alignment: weight of the cross entropy between gold word alignment, its sure links, and attention; 0 for
            none.
        r_drop: weight of the divergence between two passes with different dropout masks; 0 for one pass.
        scheduled_sampling: probability that a previous target token is the model's own instead of the reference's.
        scheduled_sampling_steps: optimiser steps over which that probability rises from zero.
        average_decay: decay of the moving average of the weights that is validated and exported; 0 for none.
        monitor: figure by which the best checkpoint, early stopping and the plateau go; of validations whose val_bleu
            is below 1, where it is chance, val_loss decides, and any other is better.
        compile_steps: torch.compile is applied to what is computed step by step: for a GPU, where it is the number of
            operations that takes time. Needs a C++ compiler, and up to some minutes at the first step.
        early_stopping: validations without improvement before training stops; 0 for never.
        checkpoint_steps: optimiser steps between two checkpoints to resume from; each epoch ends with one too.
        sample_sentences: validation sentences whose translation is printed as it changes, and kept for the report.
        start_from: run, folder of a model, or user/name on the Hugging Face hub, whose weights and tokenizers a new run
            begins with. The section model is to be the same and, of a run, data.tokenizer, but for dropout: begin with
            its config, by --config RUN/config.yaml --name NEW.
    """

    optimizer: Literal["adamw", "sgd", "adadelta"] = "adamw"
    learning_rate: float = 1e-3
    schedule: ScheduleKind = "inverse_sqrt"
    warmup_steps: int = 200
    patience: int = 2
    halving_start_steps: int = 0
    halving_steps: int = 0
    weight_decay: float = 0.0
    freeze: tuple[str, ...] = ()
    label_smoothing: float = 0.1
    guided_alignment: float = 0.0
    r_drop: float = 0.0
    scheduled_sampling: float = 0.0
    scheduled_sampling_steps: int = 10_000
    average_decay: float = 0.0
    compile_steps: bool = False
    monitor: Literal["val_bleu", "val_loss"] = "val_bleu"
    early_stopping: int = 0
    checkpoint_steps: int = 500
    sample_sentences: int = 3
    start_from: str = ""

    def __post_init__(self) -> None:
        fit_types(self, "training.")
        check(self.learning_rate > 0, "training.learning_rate", self.learning_rate, "positive")
        check(0 <= self.label_smoothing < 1, "training.label_smoothing", self.label_smoothing, "at least 0 and below 1")
        check(0 <= self.average_decay < 1, "training.average_decay", self.average_decay, "at least 0 and below 1")
        sampled = 0 <= self.scheduled_sampling <= 1
        check(sampled, "training.scheduled_sampling", self.scheduled_sampling, "between 0 and 1")
        counts = "warmup_steps", "halving_start_steps", "halving_steps", "scheduled_sampling_steps", "early_stopping"
        for name in ("guided_alignment", "r_drop", "weight_decay", *counts, "sample_sentences"):
            check(getattr(self, name) >= 0, f"training.{name}", getattr(self, name), "at least 0")
        halves = self.schedule != "halving" or self.halving_steps > 0
        check(halves, "training.halving_steps", self.halving_steps, "positive with training.schedule halving")
        decays = self.optimizer != "adadelta" or not self.weight_decay
        check(decays, "training.weight_decay", self.weight_decay, "0 with training.optimizer adadelta")
        for name in ("patience", "checkpoint_steps"):
            check(getattr(self, name) > 0, f"training.{name}", getattr(self, name), "positive")


@dataclass(frozen=True)
class Config:
    """A run: everything but the trainer's own settings.

    Attributes:
        name: name of the run; its folder is `runs/<name>`. Without one it is made of the name of the corpus and the
            languages, such as phrasebook_de_en.
        seed: seed of every random choice; the same seed gives the same run.
        data: the corpus, the tokenizer and the batches.
        model: the network.
        training: the optimiser, its schedule and what is monitored.
    """

    name: str = NAME_OF_CORPUS
    seed: int = 1
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        fit_types(self)
        if self.name == NAME_OF_CORPUS:
            object.__setattr__(self, "name", self._name_of_corpus())
        check_folder_name("name", self.name)
        check(0 <= self.seed < 1 << 63, "seed", self.seed, "at least 0 and below 2 ** 63")
        fits = self.data.tokenizer.joint or not self.model.ties_source
        check(fits, "model.tie_embeddings", self.model.tie_embeddings, '"none" or "output" with separate vocabularies')
        taken = not (self.data.tokenizer.path and self.training.start_from)
        why = "left out with training.start_from, which has tokenizers of its own"
        check(taken, "data.tokenizer.path", self.data.tokenizer.path, why)
        guides = self.model.attention.normalizer == "softmax" or not self.training.guided_alignment
        why = "0 where model.attention.normalizer is not softmax: the logarithm of a weight of zero has no gradient"
        check(guides, "training.guided_alignment", self.training.guided_alignment, why)

    def _name_of_corpus(self) -> str:
        place = self.data.path
        path = Path(hub_name(place)[0]) if is_hub(place) else Path(place).expanduser().resolve()
        return f"{path.name}_{self.data.src}_{self.data.tgt}".lstrip("._")
