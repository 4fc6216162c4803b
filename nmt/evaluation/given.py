"""Translations from elsewhere, lines of a file -> records, as if a search of the model had found them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nmt.data.readers import text_lines
from nmt.decoding.translation import Translation
from nmt.decoding.translator import Translator


def given_lines(path: Path, split: str, sentences: int) -> list[str]:
    """The lines of a file, plain or compressed: one for each sentence of a split.

    Raises:
        OSError: if it cannot be opened.
        ValueError: if it cannot be read to its end, is not UTF-8, or has more lines or fewer.
    """
    lines = list(text_lines(path))
    if len(lines) != sentences:
        told = f"{path} has {len(lines):,} lines, {split} has {sentences:,} sentences"
        raise ValueError(f"{told}: line n must be the translation of sentence n")
    return lines


def given_records(
    translator: Translator, sources: Sequence[str], lines: Sequence[str], alternatives: int, batch_sentences: int
) -> Iterator[Translation]:
    """The record of each line by forced decoding; its text is the line, also where the model would write it otherwise.

    Args:
        translator: whose attention and probabilities the records have.
        sources: N sentences.
        lines: N translations of them.
        alternatives: the most probable tokens to record at each step.
        batch_sentences: sentences that are computed together.
    """
    records = translator.force(zip(sources, lines, strict=True), alternatives, batch_sentences)
    for line, record in zip(lines, records, strict=True):
        spans = translator.tokenizers.tgt.encode(line).spans
        yield replace(record, text=line, spans=(*spans, (0, 0)))  # the last is that of the end
