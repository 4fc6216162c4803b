"""Attention -> links between words, and their error rate against gold alignment.

A link is (source word, target word), positions as in `nmt.data.words`. Files hold links in the Pharaoh format: one
line a sentence, ``0-0 1-2 2-1``.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmt.data.links import Link, parse_links
from nmt.data.words import words_of_spans
from nmt.decoding.translation import Translation


@dataclass(frozen=True)
class AlignmentScore:
    """How well links agree with gold links, over all sentences that have them.

    Attributes:
        aer: alignment error rate, 0 (all links right) to 1.
        precision: part of the predicted links that are gold, 0 to 1; 0 if none was predicted.
        recall: part of the gold links that were predicted, 0 to 1.
        links: number of gold links.
        method: where the predicted links came from, in words.
    """

    aer: float
    precision: float
    recall: float
    links: int
    method: str


def merge_attention(
    attention: np.ndarray, src_words: Sequence[int | None], tgt_words: Sequence[int | None]
) -> np.ndarray:
    """Attention between words: summed over the pieces of a source word, averaged over those of a target word.

    Rows that sum to one still do. Words stand in order of their first piece; a token of no word (None) keeps a row
    or column of its own. `word_groups` tells which tokens became which row or column.

    Args:
        attention: (T, S).
        src_words: word of each of the S source tokens, None for a token of no word.
        tgt_words: the same for the T target tokens.

    Returns:
        (target groups, source groups), in the dtype of `attention`.

    Raises:
        ValueError: if the words are not as many as the rows and columns.
    """
    if attention.shape != (len(tgt_words), len(src_words)):
        raise ValueError(
            f"attention of shape {attention.shape} for {len(tgt_words)} target and {len(src_words)} source tokens"
        )
    source, target = _membership(src_words, attention.dtype), _membership(tgt_words, attention.dtype)
    return (target @ attention @ source.T) / target.sum(axis=1, keepdims=True)


def word_groups(words: Sequence[int | None]) -> list[list[int]]:
    """The token positions of each word, in order of its first token; a token of no word is a group of its own."""
    groups: dict[tuple[str, int], list[int]] = {}
    for position, word in enumerate(words):
        key = ("token", position) if word is None else ("word", word)
        groups.setdefault(key, []).append(position)
    return list(groups.values())


def _membership(words: Sequence[int | None], dtype: np.dtype) -> np.ndarray:
    """(groups, tokens), 1 where the token belongs to the group."""
    groups = word_groups(words)
    members = np.zeros((len(groups), len(words)), dtype)
    for row, positions in enumerate(groups):
        members[row, positions] = 1
    return members


def hard_alignment(
    attention: np.ndarray, src_words: Sequence[int | None], tgt_words: Sequence[int | None]
) -> list[Link]:
    """Links each target word to the source word that it attended to most, the first of equals.

    A target word stays without a link where a special token (None) got more attention than any source word.

    Args:
        attention: (T, S).
        src_words: word of each of the S source tokens, None for a token of no word.
        tgt_words: the same for the T target tokens.

    Raises:
        ValueError: if the words are not as many as the rows and columns.
    """
    sources = [src_words[positions[0]] for positions in word_groups(src_words)]
    targets = [tgt_words[positions[0]] for positions in word_groups(tgt_words)]
    strongest = merge_attention(attention, src_words, tgt_words).argmax(axis=1)
    links = ((sources[column], target) for column, target in zip(strongest, targets, strict=True))
    return [(source, target) for source, target in links if source is not None and target is not None]


def attention_alignment(translations: Iterable[Translation]) -> list[list[Link]]:
    """The hard alignment of each translation: (word of `source`, word of `text`) by its attention."""
    return [
        hard_alignment(
            translation.attention,
            words_of_spans(translation.source, translation.source_spans),
            words_of_spans(translation.text, translation.spans),
        )
        for translation in translations
    ]


def attention_error_rate(forced: Sequence[Translation], gold: Sequence[Collection[Link] | None]) -> AlignmentScore:
    """Alignment error rate of the attention under forced decoding.

    Args:
        forced: translations whose `text` is the reference, so that the gold positions of its words apply.
        gold: gold links of each sentence, or None where there are none.

    Raises:
        ValueError: as `alignment_error_rate`.
    """
    method = "most attended source word of each word of the reference, forced decoding"
    return alignment_error_rate(attention_alignment(forced), gold, method)


def alignment_error_rate(
    predicted: Sequence[Collection[Link]], gold: Sequence[Collection[Link] | None], method: str
) -> AlignmentScore:
    """Alignment error rate over a corpus.

    ``AER = 1 - (|A & S| + |A & P|) / (|A| + |S|)`` for predicted links A, sure links S and possible links P (Och and
    Ney 2003, "A Systematic Comparison of Various Statistical Alignment Models", Computational Linguistics 29:1); all
    gold links here are sure, S = P.

    Args:
        predicted: links of each sentence.
        gold: gold links of each sentence; a sentence with None does not count.
        method: where the predicted links came from, kept in the result.

    Raises:
        ValueError: if the two are not as many, or if there is no gold link at all.
    """
    if len(predicted) != len(gold):
        raise ValueError(f"predicted alignments for {len(predicted)} sentences, gold ones for {len(gold)}")
    pairs = [(set(links), set(right)) for links, right in zip(predicted, gold, strict=True) if right is not None]
    predicted_links = sum(len(links) for links, _ in pairs)
    gold_links = sum(len(right) for _, right in pairs)
    if not gold_links:
        raise ValueError("no gold alignment link in any sentence: the alignment error rate is not defined")
    common = sum(len(links & right) for links, right in pairs)
    return AlignmentScore(
        aer=1 - 2 * common / (predicted_links + gold_links),
        precision=common / predicted_links if predicted_links else 0.0,
        recall=common / gold_links,
        links=gold_links,
        method=method,
    )


def write_pharaoh(path: Path, alignments: Iterable[Iterable[Link]]) -> None:
    """Writes one line of links a sentence, such as ``0-0 1-2``, sorted; an empty line for a sentence without links."""
    with open(path, "w", encoding="utf-8") as lines:
        for links in alignments:
            lines.write(" ".join(f"{source}-{target}" for source, target in sorted(set(links))) + "\n")


def read_pharaoh(path: Path) -> list[list[Link]]:
    """The links of each line of a file in the Pharaoh format.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if something in it is not a link; the message names the line.
    """
    with open(path, encoding="utf-8", errors="backslashreplace") as lines:
        return [parse_links(line, f"{path}:{number}") for number, line in enumerate(lines, start=1)]
