"""Small models and sentences that the tests share; everything is made here, nothing is loaded."""

import os
import random
import tempfile
from itertools import product
from pathlib import Path

os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="nmt-tests-")  # read when datasets is imported
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # the models here are too small to share, and threads wait for each other

import pytest
import torch

from nmt.config import ModelConfig
from nmt.data.tokenizer import TokenizerPair, train_tokenizers
from nmt.model.saved import ModelCard
from nmt.model.seq2seq import Seq2Seq

NETWORKS = [
    ModelConfig(
        cell=cell,
        encoder=encoder,
        decoder=decoder,
        attention=attention,
        input_feeding=feeding,
        layers=layers,
        embedding_size=6,
        hidden_size=8,
        dropout=0.0,
        tie_embeddings=tied,
    )
    for cell, encoder, (decoder, feeding), attention, (layers, tied) in product(
        ["gru", "lstm"],
        ["forward", "reversed", "bidirectional"],
        [("bahdanau", False), ("luong", True), ("luong", False)],
        ["additive", "general"],
        [(1, "none"), (2, "all")],
    )
]
"""Every combination that the model offers, small."""


def name_of(network: ModelConfig) -> str:
    feeding = "-feeding" if network.decoder == "luong" and network.input_feeding else ""
    parts = (network.cell, network.encoder, network.decoder + feeding, network.attention, str(network.layers))
    return " ".join(parts)


def build(network: ModelConfig, vocab_size: int = 12, seed: int = 0, dtype: torch.dtype = torch.float32) -> Seq2Seq:
    """A model whose parameters are large enough for differences to show."""
    torch.manual_seed(seed)
    model = Seq2Seq(network, vocab_size, vocab_size)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    return model.eval().to(dtype)


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
    return train_tokenizers(corpus, "char", 100, joint=True, min_frequency=1)


@pytest.fixture(scope="session")
def card(tokenizers: TokenizerPair) -> ModelCard:
    size = tokenizers.src.vocab_size
    network = ModelConfig(embedding_size=12, hidden_size=16, dropout=0.3)
    return ModelCard("de", "en", size, size, network, {"step": 7})


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


TINY_RUN = [
    *("--data.tokenizer.kind", "char", "--data.tokenizer.vocab_size", "60", "--data.batch_sentences", "16"),
    *("--model.embedding_size", "8", "--model.hidden_size", "12", "--model.dropout", "0.3"),
    *("--training.warmup_steps", "5", "--training.sample_sentences", "1"),
    *("--training.learning_rate", "0.01", "--training.monitor", "val_loss"),  # which falls each time: the last is best
    *("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false", "--trainer.log_every_n_steps", "2"),
]
"""Arguments of `nmt train` for a run of seconds on `corpus_folder`."""
