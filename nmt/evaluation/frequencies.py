"""The training data -> how often the words of an evaluation stand in it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nmt.data.json_files import load_json, save_json
from nmt.data.words import word_texts
from nmt.evaluation.bleu_tokens import bleu_words

if TYPE_CHECKING:
    import datasets

    from nmt.data.tokenizer_pair import TokenizerPair

MOST_PAIRS = 200_000
"""Sentence pairs that are counted, evenly spread: enough to tell rare words from frequent ones in seconds."""


@dataclass(frozen=True)
class TrainingCounts:
    """How often words stand in the training data; a word that stands nowhere in it is not there.

    Attributes:
        src: of source words, in the sense of `nmt.data.words`.
        tgt: of target words, as BLEU counts them.
        pairs: sentence pairs that were counted.
        of_pairs: sentence pairs of the training data, each once however often a split is repeated.
    """

    src: Mapping[str, int]
    tgt: Mapping[str, int]
    pairs: int
    of_pairs: int

    def rarest(self, source: str) -> int | None:
        """How often the rarest word of a source stands there; None if it has no word."""
        return min((self.src.get(word, 0) for word in word_texts(source)), default=None)


def training_counts(
    corpus: "datasets.Dataset",
    tokenizers: "TokenizerPair",
    tgt: str,
    lowercase: bool,
    sources: Iterable[str],
    targets: Sequence[str],
) -> TrainingCounts:
    """How often the words of some texts stand in a corpus.

    Args:
        corpus: the training data, each pair once, columns `src` and `tgt`.
        tokenizers: which know what text that was cut reads as.
        tgt: the language of its targets.
        lowercase: whether the model reads and writes all in lower case: then so is counted.
        sources: texts whose words are looked up among the sources.
        targets: the same among the targets.
    """

    def count(wanted: Iterable[list[str]], there: Iterable[list[str]]) -> dict[str, int]:
        fold = str.lower if lowercase else str
        counts = Counter(fold(word) for words in there for word in words)
        known = {word: counts[fold(word)] for words in wanted for word in words}
        return {word: times for word, times in sorted(known.items()) if times}

    counted = corpus[np.linspace(0, len(corpus) - 1, min(MOST_PAIRS, len(corpus)), dtype=np.int64)]
    return TrainingCounts(
        src=count(map(word_texts, sources), map(word_texts, map(tokenizers.src.plain, counted["src"]))),
        tgt=count(bleu_words(targets, tgt), bleu_words([tokenizers.tgt.plain(text) for text in counted["tgt"]], tgt)),
        pairs=len(counted["src"]),
        of_pairs=len(corpus),
    )


def save_counts(path: Path, counts: TrainingCounts) -> None:
    """Writes them to a file."""
    save_json(path, asdict(counts))


def load_counts(path: Path) -> TrainingCounts | None:
    """What `save_counts` wrote; None without a file.

    Raises:
        ValueError: if it is no JSON.
        TypeError: if something is missing in it.
    """
    return TrainingCounts(**load_json(path)) if path.exists() else None
