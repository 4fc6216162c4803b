"""What a model loses where a source word is left out, or another source stands in its place.

Letters: T target tokens, W source words.
"""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from nmt.data.words import words_of_tokens
from nmt.decoding.records import ids_of
from nmt.decoding.steps import token_log_probs
from nmt.decoding.translation import Translation
from nmt.decoding.translator import Translator
from nmt.evaluation.effects import effect_columns
from nmt.pipe.progress import watched


def effects_of(translator: Translator, translations: Sequence[Translation]) -> list[np.ndarray]:
    """For each translation float32 (T, W): by how much the log-probability of each token falls without each word.

    W is 0 where the source has one word only: there would be nothing to read.
    """
    read, written = ids_of(translator.tokenizers, translations)
    sources = [_with_and_without(*each) for each in zip(translations, read, strict=True)]
    order = sorted(range(len(sources)), key=lambda number: len(written[number]))
    targets = [written[number] for number in order for _ in sources[number]]
    found = token_log_probs(translator.engine, [ids for number in order for ids in sources[number]], targets)
    effects = {}
    for number in watched(order, len(order), "leaving out each source word"):
        whole, *without = islice(found, len(sources[number]))
        effects[number] = np.array([whole - each for each in without], np.float32).reshape(len(without), len(whole)).T
    return [effects[number] for number in range(len(sources))]


def source_worth(translator: Translator, forced: Sequence[Translation]) -> float | None:
    """By how many nats a token the references are less probable if each is read with the source of the next one.

    Near 0 the decoder goes by the target alone. None where there is no other source.

    Args:
        translator: which has forced the references.
        forced: the references under forced decoding.
    """
    sources, targets = ids_of(translator.tokenizers, forced)
    tokens = sum(map(len, targets))
    if len(sources) < 2 or not tokens:
        return None
    others = token_log_probs(translator.engine, sources[1:] + sources[:1], targets)
    return (sum(each.log_prob for each in forced) - sum(float(each.sum()) for each in others)) / tokens


def _with_and_without(translation: Translation, ids: list[int]) -> list[list[int]]:
    """The ids of a source, and those without the tokens of each of its words in turn."""
    words = words_of_tokens(translation.source, translation.source_tokens[1:], translation.source_spans[1:])
    without = range(effect_columns(translation.source))
    return [ids, *([token for token, own in zip(ids, words, strict=True) if left not in own] for left in without)]
