"""An evaluation -> its words: by what each source word was translated, as far as attention tells."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from nmt.data.words import word_texts
from nmt.decoding.alignment import attention_alignment, soft_alignment
from nmt.decoding.translation import Translation
from nmt.evaluation.frequencies import TrainingCounts

TARGETS = 5
"""Target words of a source word that are kept, the strongest."""

LEAST_SHARE = 0.02
"""A target word that gave less of what a source word received is left out."""


def word_rows(translations: Sequence[Translation], counts: TrainingCounts | None = None) -> list[dict[str, Any]]:
    """A row for each source word as it is written, the most frequent first, as JSON values.

    `count` is how often it stands in the sources, `in_training` how often in the training data, None where that is not
    known, and `received` the attention that target words gave to one occurrence
    on average: 1 is as much as one target word gives in all. `passed_over` has the number of the sentence, from 0, of
    each occurrence that was for no target word what it attended to most. `targets` are pairs of a target word and its
    share of what was received.
    """
    count, passed_over = Counter[str](), defaultdict[str, list[int]](list)
    received: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    alignment = attention_alignment(translations)
    for number, (translation, links) in enumerate(zip(translations, alignment, strict=True)):
        sources, targets = word_texts(translation.source), word_texts(translation.text)
        linked = {source for source, _ in links}
        count.update(sources)
        for position, word in enumerate(sources):
            if position not in linked:
                passed_over[word].append(number)
        for source, target, weight in soft_alignment(translation, least=0.0):
            received[sources[source]][targets[target]] += weight
    return [
        {
            "word": word,
            "count": times,
            "in_training": counts.src.get(word, 0) if counts else None,
            "received": round(sum(received[word].values()) / times, 3),
            "passed_over": passed_over[word],
            "targets": _strongest(received[word]),
        }
        for word, times in sorted(count.items(), key=lambda each: (-each[1], each[0]))
    ]


def _strongest(received: Mapping[str, float]) -> list[list[str | float]]:
    total = sum(received.values()) or 1.0
    strongest = sorted(received.items(), key=lambda each: (-each[1], each[0]))[:TARGETS]
    return [[target, round(weight / total, 3)] for target, weight in strongest if weight >= LEAST_SHARE * total]
