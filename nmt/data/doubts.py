"""What in a text looks like a mistake, in a line each: it is not plain, or not cut; links that count something else."""

from collections.abc import Collection, Iterator

import datasets

from nmt.config import DataConfig, Joiner
from nmt.data.languages import lacks_spaces
from nmt.data.marks import JOINERS, MANY, is_in_many, marks_in
from nmt.data.pretokens import is_uncut
from nmt.data.words import split_words

SAMPLE = 1000
"""Pairs that are looked at, from the first on."""

ENOUGH = 20
"""Pairs that tell words from tokens, at least."""


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
    yield from of_cut_text(first["src"], first["tgt"], data.tokenizer.joiner, data.train_name)
    if guided and not cut and data.alignment_units == "words" and _counts_tokens(first):
        yield f"{data.train_name}: the links seem to count what is between spaces: give data.alignment_units tokens"


def of_cut_text(sources: Collection[str], targets: Collection[str], joiner: Joiner, name: str) -> Iterator[str]:
    """What is doubtful of the first pairs of a split that should have been cut so; it is called by its name."""
    for side, texts in (("sources", sources), ("targets", targets)):
        if sum(is_uncut(text, joiner) for text in texts) > MANY * len(texts):
            yield f"{name}: many {side} have no ▁, without which their spaces are lost: give what `spm_encode` writes"


def of_language(references: Collection[str], code: str) -> Iterator[str]:
    """What is doubtful of the code of a language, in which references are."""
    if lacks_spaces(references, code):
        yield (
            f"the references write no spaces between words, of which the language code {code!r} tells nothing: BLEU "
            "takes a sentence for a word: call the files or columns by a code such as zh, ja or th, and data.tgt too"
        )


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
