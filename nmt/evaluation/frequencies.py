"""A run -> how often each word of the target language stands in its training data."""

from collections import Counter
from pathlib import Path

import datasets

from nmt.config import load_config
from nmt.data.mixture import load_training
from nmt.data.tokenizer import TokenizerPair
from nmt.evaluation.metrics import bleu_words

MOST_PAIRS = 200_000
"""Sentence pairs that are counted, from the first on: enough to tell rare words from frequent ones in seconds."""


def training_frequencies(run: Path) -> Counter[str] | None:
    """How often each word, as BLEU counts them, stands there; None where that can no longer be read."""
    datasets.disable_progress_bars()
    try:
        data = load_config(run / "config.yaml").data
        corpus = load_training(data)
        plain = TokenizerPair.load(run).tgt.plain if data.tokenizer.kind == "presplit" else str
    except (OSError, ValueError):
        return None
    texts = [plain(text) for text in corpus.select(range(min(MOST_PAIRS, len(corpus))))["tgt"]]
    return Counter(word for words in bleu_words(texts, data.tgt) for word in words)
