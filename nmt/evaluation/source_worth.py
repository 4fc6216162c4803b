"""What the source is worth: how much less probable the references are with the source of another sentence."""

from collections.abc import Sequence

from nmt.decoding.records import ids_of
from nmt.decoding.steps import token_log_probs
from nmt.decoding.translation import Translation
from nmt.decoding.translator import Translator
from nmt.pipe.progress import watched


def source_worth(translator: Translator, forced: Sequence[Translation]) -> float | None:
    """By how many nats a token the references are less probable if each is read with another source.

    Near 0 the decoder goes by the target alone, or the references do not belong to the sources. None where all sources
    are alike.

    Args:
        translator: which has forced the references.
        forced: the references under forced decoding.
    """
    sources, targets = ids_of(translator.tokenizers, forced)
    tokens = sum(map(len, targets))
    others = other_sources(sources)
    if others is None or not tokens:
        return None
    found = token_log_probs(translator.engine, others, targets)
    found = watched(found, len(targets), "reading references with other sources")
    return (sum(each.log_prob for each in forced) - sum(float(each.sum()) for each in found)) / tokens


def other_sources(sources: Sequence[list[int]]) -> list[list[int]] | None:
    """For each source one that is not the same; None if all are.

    It is the one that stands half way round those that differ: far from it, as neighbours can be alike, or be what a
    reference belongs to that stands in the wrong line.
    """
    different = list(dict.fromkeys(map(tuple, sources)))
    if len(different) < 2:
        return None
    place = {source: number for number, source in enumerate(different)}
    half = len(different) // 2
    return [list(different[(place[tuple(source)] + half) % len(different)]) for source in sources]
