"""A split of a corpus, and the files that are set beside it -> what is translated, and what it is scored against."""

from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

import datasets

from nmt.config import DataConfig
from nmt.data.alignment_units import with_word_links
from nmt.data.corpus import load_split
from nmt.data.links import Link
from nmt.data.readers import text_lines
from nmt.data.tokenizer_pair import TokenizerPair


class Sentences(NamedTuple):
    """A split, and what is set beside it.

    Attributes:
        sources: as the corpus has them.
        targets: as the corpus has them, whose probability is asked for.
        references: in plain text and composed characters, as translations are, which are scored against them.
        gold: the gold alignment of each pair, None where there is none.
        given: the translations, where no search is to find them.
    """

    sources: list[str]
    targets: list[str]
    references: tuple[str, ...]
    gold: tuple[tuple[Link, ...] | None, ...]
    given: list[str] | None


def read_sentences(
    data: DataConfig,
    split: str,
    tokenizers: TokenizerPair,
    references: str | Path | None,
    given: str | Path | None,
) -> Sentences:
    """The sentences of a split.

    Args:
        data: the corpus.
        split: its name.
        tokenizers: which know what text that was cut reads as.
        references: a file whose lines are the references, in place of the split's targets.
        given: a file whose lines are the translations, if they are given.

    Raises:
        OSError: if a file cannot be opened.
        ValueError: if there is no such split, it is empty, or a file is not of as many lines.
    """
    datasets.disable_progress_bars()  # of reading files, which takes a second
    corpus = load_split(data.path, data.src, data.tgt, split)
    corpus = with_word_links(corpus, tokenizers, data.alignment_units, split)
    if not len(corpus):
        raise ValueError(f"split '{split}' of {data.path} has no sentences")
    has_gold = "alignment" in corpus.column_names
    targets = list(corpus["tgt"])
    readable = map(tokenizers.tgt.plain, targets)
    return Sentences(
        sources=list(corpus["src"]),
        targets=targets,
        references=tuple(readable if references is None else _lines(references, "reference", split, len(corpus))),
        gold=tuple(tuple(map(tuple, links)) for links in corpus["alignment"]) if has_gold else (None,) * len(corpus),
        given=None if given is None else _lines(given, "translation", split, len(corpus)),
    )


def _lines(path: str | Path, what: str, split: str, sentences: int) -> list[str]:
    """The lines of a file, plain or compressed, in composed characters: one for each sentence of a split.

    Raises:
        OSError: if it cannot be opened.
        ValueError: if it cannot be read to its end, is not UTF-8, or has more lines or fewer.
    """
    lines = [normalize("NFC", line) for line in text_lines(Path(path))]
    if len(lines) != sentences:
        told = f"{path} has {len(lines):,} lines, {split} has {sentences:,} sentences"
        raise ValueError(f"{told}: line n must be the {what} of sentence n")
    return lines
