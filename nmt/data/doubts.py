"""What in a corpus looks like a mistake, in a line each: text that is not plain, links that count something else."""

from collections.abc import Collection, Iterable, Iterator

import datasets

from nmt.config import DataConfig
from nmt.data.marks import JOINERS, is_in_many, marks_in
from nmt.data.words import split_words, word_texts

SAMPLE = 1000
"""Pairs that are looked at, from the first on."""

ENOUGH = 20
"""Pairs that tell words from tokens, or words that tell languages, at least."""


def of_training(corpus: datasets.Dataset, data: DataConfig, guided: bool) -> Iterator[str]:
    """What is doubtful of training pairs, of whose alignment use is made if they are `guided`."""
    first, cut = corpus.select(range(min(SAMPLE, len(corpus)))), data.tokenizer.kind == "presplit"
    texts = [*first["src"], *first["tgt"]]
    for joiner, mark in JOINERS.items():
        if joiner != data.tokenizer.joiner and is_in_many(mark, texts):
            yield (
                f"{data.train_name}: many sentences have {joiner!r}, as if another program had cut them: give plain "
                f"text, or data.tokenizer.kind presplit with data.tokenizer.joiner {joiner}"
            )
    if guided and not cut and data.alignment_units == "words" and _counts_tokens(first):
        yield f"{data.train_name}: the links seem to count what is between spaces: give data.alignment_units tokens"


def of_sides(validation: datasets.Dataset, training: datasets.Dataset, data: DataConfig) -> Iterator[str]:
    """What is doubtful of the languages of validation pairs: whether they are those of the training pairs."""
    sides = {side: set(_letters(training[:SAMPLE][side])) for side in ("src", "tgt")}
    words = {side: _letters(validation[:SAMPLE][side]) for side in sides}
    same = sum(word in sides[side] for side in sides for word in words[side])
    crossed = sum(word in sides[other] for side, other in (("src", "tgt"), ("tgt", "src")) for word in words[side])
    if crossed > max(ENOUGH, 2 * same):
        yield (
            f"{data.validation}: its sources are in the language of the targets of {data.train_name}, and its targets "
            "in that of the sources, by their words: exchange its files or columns"
        )


def _letters(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in word_texts(text) if word.isalpha()]


def of_references(references: Collection[str]) -> Iterator[str]:
    """What is doubtful of references."""
    for sign in marks_in(references):
        yield f"many references have {sign!r}: the scores are of text in that form, not of detokenised text"


def _counts_tokens(pairs: datasets.Dataset) -> bool:
    """Whether no link is past the last token where there are more words, often enough to tell."""
    telling = beyond = 0
    for text, links in zip(pairs["tgt"], pairs["alignment"], strict=True):
        words, tokens = len(split_words(text)), len(text.split())
        if words > tokens and links:
            telling += 1
            beyond += max(link[1] for link in links) >= tokens
    return telling >= ENOUGH and not beyond
