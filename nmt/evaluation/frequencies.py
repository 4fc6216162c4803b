"""A run -> how often each word of the target language stands in its training data."""

from collections import Counter
from pathlib import Path

import datasets

from nmt.config import load_config
from nmt.data.corpus import load_split
from nmt.evaluation.metrics import bleu_words

MOST_PAIRS = 200_000
"""Sentence pairs that are counted, from the first on: enough to tell rare words from frequent ones in seconds."""


def training_frequencies(run: Path) -> Counter[str] | None:
    """How often each word, as BLEU counts them, stands there; None where that can no longer be read."""
    datasets.disable_progress_bars()
    try:
        data = load_config(run / "config.yaml").data
        corpus = load_split(data.path, data.src, data.tgt, data.train)
    except (OSError, ValueError):
        return None
    texts = corpus.select(range(min(MOST_PAIRS, len(corpus))))["tgt"]
    return Counter(word for words in bleu_words(list(texts), data.tgt) for word in words)
