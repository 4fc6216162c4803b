"""Sentence pairs -> rows of ids, and which of them are trained on."""

from collections import Counter
from collections.abc import Iterable

import datasets
import numpy as np

from nmt.config import DataConfig
from nmt.data.tokenizer import Tokenizer
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.data.words import words_of_tokens

SPECIAL_COUNTS = np.array([1, 2])
"""How many the model reads beside the tokens of a source (BOS) and of a target (BOS and EOS)."""


def training_pairs(
    corpus: datasets.Dataset, tokenizers: TokenizerPair, config: DataConfig, with_words: bool = False
) -> tuple[datasets.Dataset, np.ndarray, str]:
    """Pairs of the training split to train on: as `encode` gives them, their lengths, and what the filters left out.

    Raises:
        ValueError: if none is left.
    """
    pairs = encode(corpus, tokenizers, with_words)
    lengths = pair_lengths(pairs)
    reasons = [why_dropped(config, *pair) for pair in (lengths - SPECIAL_COUNTS).tolist()]
    kept, summary = [row for row, reason in enumerate(reasons) if reason is None], told_of_dropped(config, reasons)
    if not kept:
        raise ValueError(f"no pair of split {config.train_name!r} of {config.path} is left: {summary}")
    return pairs.select(kept), lengths[kept], summary


def why_dropped(config: DataConfig, src_length_tokens: int, tgt_length_tokens: int) -> str | None:
    """Why a training pair is left out: "empty", "too long" or "length ratio"; None if it stays."""
    shorter, longer = sorted((src_length_tokens, tgt_length_tokens))
    if shorter == 0:
        return "empty"
    if longer > config.max_length_tokens:
        return "too long"
    return "length ratio" if longer > config.max_length_ratio * shorter else None


def told_of_dropped(config: DataConfig, reasons: Iterable[str | None]) -> str:
    """One line on what `why_dropped` said of each pair of a corpus."""
    counts = Counter(reasons)
    total, kept = counts.total(), counts.pop(None, 0)
    limits = {
        "empty": "empty",
        "too long": f"too long (> {config.max_length_tokens} tokens)",
        "length ratio": f"length ratio (> {config.max_length_ratio:g})",
    }
    why = ", ".join(f"{counts[reason]:,} {text}" for reason, text in limits.items() if counts[reason])
    return f"dropped {total - kept:,} of {total:,} pairs" + (f": {why}" if why else "")


def encode(corpus: datasets.Dataset, tokenizers: TokenizerPair, with_words: bool = False) -> datasets.Dataset:
    """The corpus with its token ids: columns `src_ids` and `tgt_ids` (no special tokens) and `index`, the row.

    Columns `src_words` and `tgt_words`, the words of each token, are there if `with_words` asks for them. The result is
    memory-mapped where the corpus is, and kept in the cache of `datasets`.
    """

    def tokenize(batch: dict[str, list], index: list[int]) -> dict[str, list]:
        columns: dict[str, list] = {
            "src_ids": tokenizers.src.encode_batch(batch["src"]),
            "tgt_ids": tokenizers.tgt.encode_batch(batch["tgt"]),
            "index": index,
        }
        if with_words:
            columns["src_words"] = [_words_of_tokens(tokenizers.src, text) for text in batch["src"]]
            columns["tgt_words"] = [_words_of_tokens(tokenizers.tgt, text) for text in batch["tgt"]]
        return columns

    return corpus.map(tokenize, batched=True, with_indices=True, desc="tokenizing")


def _words_of_tokens(tokenizer: Tokenizer, text: str) -> list[list[int]]:
    """The words that each token of `text` belongs to."""
    encoded = tokenizer.encode(text)
    return words_of_tokens(encoded.text, encoded.tokens, encoded.spans)


def pair_lengths(encoded: datasets.Dataset) -> np.ndarray:
    """(N, 2) lengths of source and target as the model reads them, with BOS, and BOS and EOS."""
    sides = [encoded.data.column(side).chunks for side in ("src_ids", "tgt_ids")]
    lengths = [np.concatenate([chunk.value_lengths() for chunk in chunks]) for chunks in sides]
    return np.stack(lengths, axis=1) + SPECIAL_COUNTS
