"""Sentence pairs -> rows of ids, and which of them are trained on."""

import datasets
import numpy as np

from nmt.config import DataConfig
from nmt.data.tokenizer import Tokenizer
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.data.words import words_of_tokens

SPECIAL_COUNTS = np.array([1, 2])
"""How many the model reads beside the tokens of a source (BOS) and of a target (BOS and EOS)."""

KEPT = ""


def training_pairs(
    corpus: datasets.Dataset, tokenizers: TokenizerPair, config: DataConfig, with_words: bool = False
) -> tuple[datasets.Dataset, np.ndarray, str]:
    """Pairs of the training split to train on: as `encode` gives them, their lengths, and what the filters left out.

    Raises:
        ValueError: if none is left.
    """
    pairs = encode(corpus, tokenizers, with_words)
    lengths = pair_lengths(pairs)
    reasons = why_dropped(config, lengths - SPECIAL_COUNTS)
    kept, summary = np.flatnonzero(reasons == KEPT), told_of_dropped(config, reasons)
    if not len(kept):
        raise ValueError(f"no pair of split {config.train_name!r} of {config.path} is left: {summary}")
    return pairs.select(kept), lengths[kept], summary


def why_dropped(config: DataConfig, lengths_tokens: np.ndarray) -> np.ndarray:
    """Why each training pair is left out, by the (N, 2) lengths of its sides: (N,) `KEPT`, or a key of `_limits`."""
    shorter, longer = lengths_tokens.min(axis=1), lengths_tokens.max(axis=1)
    is_dropped = shorter == 0, longer > config.max_length_tokens, longer > config.max_length_ratio * shorter
    return np.select(is_dropped, list(_limits(config)), KEPT)


def told_of_dropped(config: DataConfig, reasons: np.ndarray) -> str:
    """One line on what `why_dropped` said of each pair of a corpus."""
    counts = dict(zip(*(each.tolist() for each in np.unique(reasons, return_counts=True)), strict=True))
    why = ", ".join(f"{counts[reason]:,} {text}" for reason, text in _limits(config).items() if reason in counts)
    dropped = len(reasons) - counts.get(KEPT, 0)
    return f"dropped {dropped:,} of {len(reasons):,} pairs" + (f": {why}" if why else "")


def _limits(config: DataConfig) -> dict[str, str]:
    """Why a pair may be left out, the first that holds, and how that is said."""
    return {
        "empty": "empty",
        "too long": f"too long (> {config.max_length_tokens} tokens)",
        "length ratio": f"length ratio (> {config.max_length_ratio:g})",
    }


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


def read_by_model(pairs: datasets.Dataset) -> datasets.Dataset:
    """The columns that `nmt.data.batch.collate` reads: the text is left on the disk."""
    links = ["src_words", "tgt_words", "alignment"] if "src_words" in pairs.column_names else []
    return pairs.select_columns(["src_ids", "tgt_ids", "index", *links])


def _words_of_tokens(tokenizer: Tokenizer, text: str) -> list[list[int]]:
    """The words that each token of `text` belongs to."""
    encoded = tokenizer.encode(text)
    return words_of_tokens(encoded.text, encoded.tokens, encoded.spans)


def pair_lengths(encoded: datasets.Dataset) -> np.ndarray:
    """(N, 2) lengths of source and target as the model reads them, with BOS, and BOS and EOS."""
    sides = [encoded.data.column(side).chunks for side in ("src_ids", "tgt_ids")]
    lengths = [np.concatenate([chunk.value_lengths() for chunk in chunks]) for chunks in sides]
    return np.stack(lengths, axis=1) + SPECIAL_COUNTS
