"""The error rate of links between words against gold alignment."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from nmt.data.links import Link
from nmt.decoding.alignment import attention_alignment
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
    common, predicted_links, gold_links = count_links(predicted, gold)
    if not gold_links:
        raise ValueError("no gold alignment link in any sentence: the alignment error rate is not defined")
    return AlignmentScore(
        aer=error_rate(common, predicted_links, gold_links),
        precision=common / predicted_links if predicted_links else 0.0,
        recall=common / gold_links,
        links=gold_links,
        method=method,
    )


def count_links(predicted: Sequence[Collection[Link]], gold: Sequence[Collection[Link] | None]) -> tuple[int, int, int]:
    """How many links are in both, predicted, and gold; a sentence with None does not count.

    Raises:
        ValueError: if the two are not as many.
    """
    if len(predicted) != len(gold):
        raise ValueError(f"predicted alignments for {len(predicted)} sentences, gold ones for {len(gold)}")
    pairs = [
        (set(map(tuple, links)), set(map(tuple, right)))
        for links, right in zip(predicted, gold, strict=True)
        if right is not None
    ]
    common = sum(len(links & right) for links, right in pairs)
    return common, sum(len(links) for links, _ in pairs), sum(len(right) for _, right in pairs)


def error_rate(common: float, predicted: float, gold: float) -> float:
    """The alignment error rate of so many links in both, predicted, and gold, the last not zero."""
    return 1 - 2 * common / (predicted + gold)
