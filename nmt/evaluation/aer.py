"""The error rate of links between words against gold alignment."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nmt.data.links import Link, is_sure
from nmt.decoding.alignment import attention_alignment
from nmt.decoding.translation import Translation


class LinkCounts(NamedTuple):
    """Of predicted links A, sure gold links S and gold links P, the possible ones among them.

    Attributes:
        sure: in A and S.
        right: in A and P.
        predicted: in A.
        gold: in S.
    """

    sure: float
    right: float
    predicted: float
    gold: float


@dataclass(frozen=True)
class AlignmentScore:
    """How well links agree with gold links, over all sentences that have them.

    Attributes:
        aer: alignment error rate, 0 (all links right) to 1.
        precision: part of the predicted links that are gold, sure or possible, 0 to 1; 0 if none was predicted.
        recall: part of the sure gold links that were predicted, 0 to 1; 0 if there is none.
        links: number of sure gold links.
        method: where the predicted links came from, in words.
        possible: number of gold links that are only possible.
    """

    aer: float
    precision: float
    recall: float
    links: int
    method: str
    possible: int = 0


def attention_error_rate(forced: Iterable[Translation], gold: Sequence[Collection[Link] | None]) -> AlignmentScore:
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

    ``AER = 1 - (|A & S| + |A & P|) / (|A| + |S|)`` for predicted links A, sure links S and possible links P, which
    hold S (Och and Ney 2003, "A Systematic Comparison of Various Statistical Alignment Models", Computational
    Linguistics 29:1); the precision is ``|A & P| / |A|``, the recall ``|A & S| / |S|``.

    Args:
        predicted: links of each sentence.
        gold: gold links of each sentence; a sentence with None does not count.
        method: where the predicted links came from, kept in the result.

    Raises:
        ValueError: if the two are not as many, or if there is no gold link at all.
    """
    counts = count_links(predicted, gold)
    possible = sum(len({link[:2] for link in _tuples(links)}) for links in gold if links) - counts.gold
    if not counts.gold + possible:
        raise ValueError("no gold alignment link in any sentence: the alignment error rate is not defined")
    return AlignmentScore(
        aer=error_rate(counts),
        precision=counts.right / max(counts.predicted, 1),
        recall=counts.sure / max(counts.gold, 1),
        links=int(counts.gold),
        method=method,
        possible=int(possible),
    )


def count_links(predicted: Sequence[Collection[Link]], gold: Sequence[Collection[Link] | None]) -> LinkCounts:
    """How many links there are, predicted and gold and both; a sentence with None does not count.

    Raises:
        ValueError: if the two are not as many.
    """
    if len(predicted) != len(gold):
        raise ValueError(f"predicted alignments for {len(predicted)} sentences, gold ones for {len(gold)}")
    counts = np.zeros(len(LinkCounts._fields), int)
    for own, links in zip(predicted, gold, strict=True):
        if links is not None:
            found, known = _tuples(own), _tuples(links)
            sure, possible = set(filter(is_sure, known)), {link[:2] for link in known}
            counts += [len(found & sure), len(found & possible), len(found), len(sure)]
    return LinkCounts(*counts.tolist())


def _tuples(links: Collection[Link]) -> set[Link]:
    """Links that may be lists, as files hold them."""
    return set(map(tuple, links))


def error_rate(counts: LinkCounts) -> float:
    """The alignment error rate of so many links; 1 if there is none."""
    return 1 - (counts.sure + counts.right) / max(counts.predicted + counts.gold, 1)
