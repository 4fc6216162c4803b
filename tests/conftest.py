"""Small models and sentences that the tests share; everything is made here, nothing is loaded."""

import os
import random
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, get_args, get_type_hints

os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="nmt-tests-")  # read when datasets is imported
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # the models here are too small to share, and threads wait for each other

import pytest
import torch
from torch import Tensor

from nmt.config import SAME_SIZE_SCORES, AttentionConfig, ModelConfig, TokenizerConfig
from nmt.data.batch import Batch
from nmt.data.special import EOS_ID
from nmt.data.tokenizer_pair import TokenizerPair, train_tokenizers
from nmt.model.kernels import products
from nmt.model.saved import ModelInfo, save_model
from nmt.model.seq2seq import Seq2Seq

DECODERS: list[dict[str, Any]] = [
    {"decoder": kind, "input_feeding": feeding}
    for kind in get_args(get_type_hints(ModelConfig)["decoder"])
    for feeding in ([True, False] if kind == "luong" else [True])
]
SCORES, WINDOWS, NORMALIZERS = (
    list(get_args(get_type_hints(AttentionConfig)[name])) for name in ("score", "window", "normalizer")
)
CELL_KINDS, ENCODERS = (list(get_args(get_type_hints(ModelConfig)[name])) for name in ("cell", "encoder"))


def _networks() -> list[ModelConfig]:
    """Every decoder with every attention, and with every encoder and cell; what is left is drawn, by a fixed seed."""
    attentions = product(DECODERS, SCORES, WINDOWS, NORMALIZERS, [None], [None])
    cells = product(DECODERS, [None], [None], [None], ENCODERS, CELL_KINDS)
    chance, depth = random.Random(1), random.Random(2)
    networks = []
    for decoder, score, window, normalizer, encoder, cell in [*attentions, *cells]:
        alignment = chance.choice(["soft", "soft", "latent"])
        attention = AttentionConfig(
            score=score or chance.choice(SCORES),
            window=window or chance.choice(WINDOWS),
            normalizer=normalizer or chance.choice(NORMALIZERS),
            coverage=chance.choice(["none", "linguistic", "neural"]),
            heads=chance.choice([1, 2]) if alignment == "soft" else 1,
            reach=2,
            positions=4,
            coverage_size=3,
        )
        network = ModelConfig(
            **decoder,
            attention=attention,
            alignment=alignment,
            encoder=encoder or chance.choice(ENCODERS),
            cell=cell or chance.choice(CELL_KINDS),
            layer_norm=chance.choice([False, True]),
            layers=2 if decoder["decoder"] == "gnmt" else chance.choice([1, 2]),
            residual=chance.choice([False, True]),
            summary=chance.choice(["last", "mean"]),
            decoder_size=0 if attention.score in SAME_SIZE_SCORES else chance.choice([0, 4]),
            decoder_layers=depth.choice([0, 3] if decoder["decoder"] == "gnmt" else [0, 1, 2]),
            deep_output=chance.choice([None, False, True]),
            tie_embeddings=chance.choice(["none", "output", "all"]),
            embedding_size=6,
            hidden_size=8,
            dropout=0.0,
        )
        networks.append(network)
    return networks


NETWORKS = _networks()
"""Every combination that the model offers, small."""


def name_of(network: ModelConfig) -> str:
    """What sets the network apart."""
    each, attention = network, network.attention
    feeding = "+feed" if each.decoder == "luong" and each.input_feeding else ""
    norm = "+norm" if each.layer_norm else ""
    attended = f"{attention.score}-{attention.window}-{attention.normalizer}-{attention.coverage}-{attention.heads}"
    layers = f"{each.layers}-{each.state_layers}"
    return f"{each.decoder}{feeding} {attended} {each.alignment} {each.encoder} {layers} {each.cell}{norm}"


def build(network: ModelConfig, vocab_size: int = 12, seed: int = 0, dtype: torch.dtype = torch.float32) -> Seq2Seq:
    """A model whose parameters are large enough for differences to show."""
    torch.manual_seed(seed)
    model = Seq2Seq(network, vocab_size, vocab_size)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norms" not in name:
                parameter.normal_(std=0.4)
    return model.eval().to(dtype)


def step_log_probs(model: Any, previous: Tensor, memory: Any, state: Any) -> tuple[Tensor, Any, Tensor]:
    """What `advance` gives, with log-probabilities (N, V) in the place of readouts."""
    readouts, state, attention = model.advance(previous, memory, state)
    return model.log_probs(readouts, attention), state, attention


PAIR = Batch(
    torch.tensor([[2, 5, 6], [2, 7, 0]]),
    torch.tensor([3, 2]),
    torch.tensor([[2, 4, 5, 3], [2, 6, 3, 0]]),
    torch.tensor([4, 3]),
    torch.arange(2),
)
"""Two sentence pairs of different lengths."""

LINKED = PAIR._replace(alignment=torch.tensor([[[0, 1, 0], [0, 0.5, 0.5], [0, 0, 0]], [[0, 1, 0], [0] * 3, [0] * 3]]))
"""The same with links."""


@pytest.fixture(autouse=True)
def auto_is_the_cpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU, here and in processes that a test starts: what is tested must not depend on the machine."""
    if request.module.__name__ not in ("test_device", "test_gpu"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture(params=["by MKL", "by oneDNN", "by oneDNN in pieces"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A test on processors of each kind: how float32 matrices are multiplied there."""
    monkeypatch.setattr(products, "_has_mkl_at_home", lambda: request.param == "by MKL")
    monkeypatch.setattr(products, "_outgrows_mkl", lambda: request.param == "by oneDNN in pieces")
    return request.param


@pytest.fixture
def in_float64() -> Iterator[None]:
    """What torch makes is of float64 if nothing else is said, as a notebook may have it."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(params=NETWORKS, ids=name_of)
def network(request: pytest.FixtureRequest) -> ModelConfig:
    return request.param


SENTENCES = [
    ("der Hund läuft", "the dog runs"),
    ("die Katze schläft nicht .", "the cat does not sleep ."),
    ("wir lesen ein gutes Buch", "we read a good book"),
    ("ja", "yes"),
    ("ein kleiner Vogel singt im Garten , denn es ist Sommer", "a small bird sings in the garden for it is summer"),
]


@pytest.fixture(scope="session")
def tokenizers() -> TokenizerPair:
    import datasets

    corpus = datasets.Dataset.from_list([{"src": src, "tgt": tgt} for src, tgt in SENTENCES])
    return train_tokenizers(corpus, TokenizerConfig("char", vocab_size=100, min_frequency=1))


@pytest.fixture(scope="session")
def info(tokenizers: TokenizerPair) -> ModelInfo:
    size = tokenizers.src.vocab_size
    network = ModelConfig(embedding_size=12, hidden_size=16, dropout=0.3)
    return ModelInfo("de", "en", size, size, network, {"step": 7})


@pytest.fixture(scope="session")
def talkative(info: ModelInfo) -> Seq2Seq:
    """A model that has learned nothing, but says something of 4 to 12 tokens of each of `SENTENCES`.

    That it does is tested in `test_translator`.
    """
    model = build(info.network, info.src_vocab_size, seed=5)
    with torch.no_grad():
        model.output.bias[EOS_ID] = 1.0
    return model


@pytest.fixture
def model_folder(tmp_path: Path, talkative: Seq2Seq, tokenizers: TokenizerPair, info: ModelInfo) -> Path:
    """The talkative model, saved."""
    save_model(tmp_path / "model", talkative, info)
    tokenizers.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def corpus_folder(tmp_path: Path) -> Path:
    """A corpus of files whose target is its source, word by word in capitals."""
    chance = random.Random(0)
    words = ["der", "hund", "katze", "rennt", "schläft", "ein", "vogel", "singt", "nicht"]
    folder = tmp_path / "corpus"
    folder.mkdir()
    for split, size in (("train", 120), ("validation", 12), ("test", 9)):
        lines = [" ".join(chance.choices(words, k=chance.randint(1, 6))) for _ in range(size)]
        (folder / f"{split}.de").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / f"{split}.en").write_text("\n".join(lines).upper() + "\n", encoding="utf-8")
    return folder


def align_word_by_word(corpus_folder: Path, split: str) -> None:
    """Adds to `corpus_folder` the gold alignment of a split."""
    lines = (corpus_folder / f"{split}.de").read_text(encoding="utf-8").splitlines()
    links = [" ".join(f"{word}-{word}" for word in range(len(line.split()))) for line in lines]
    (corpus_folder / f"{split}.align").write_text("\n".join(links) + "\n")


TINY_RUN = [
    *("--data.tokenizer.kind", "char", "--data.tokenizer.vocab_size", "60", "--data.batch_sentences", "16"),
    *("--model.embedding_size", "8", "--model.hidden_size", "12", "--model.dropout", "0.3"),
    *("--training.warmup_steps", "5", "--training.sample_sentences", "1"),
    *("--training.learning_rate", "0.01", "--training.monitor", "val_loss"),  # which falls each time: the last is best
    *("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false", "--trainer.log_every_n_steps", "2"),
]
"""Arguments of `nmt train` for a run of seconds on `corpus_folder`."""
