"""What a model loses where a source word is left out, or another source stands in its place.

Letters: T target tokens, W source words.
"""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from nmt.data.words import split_words, without_word
from nmt.decoding.records import ids_of
from nmt.decoding.steps import token_log_probs
from nmt.decoding.translation import Translation
from nmt.decoding.translator import MAX_SOURCE_TOKENS, Translator
from nmt.evaluation.effects import effect_columns
from nmt.pipe.progress import watched


def effects_of(translator: Translator, translations: Sequence[Translation]) -> list[np.ndarray]:
    """For each translation float32 (T, W): by how much the log-probability of each token falls without each word.

    W is 0 where the source has one word only: there would be nothing to read.
    """
    texts = [_with_and_without(each.source) for each in translations]
    order = sorted(range(len(texts)), key=lambda number: len(translations[number].tokens))
    sources = translator.tokenizers.src.encode_batch([text for number in order for text in texts[number]])
    _, ids = ids_of(translator.tokenizers, translations)
    targets = [ids[number] for number in order for _ in texts[number]]
    found = token_log_probs(translator.engine, [source[:MAX_SOURCE_TOKENS] for source in sources], targets)
    effects = {}
    for number in watched(order, len(order), "leaving out each source word"):
        whole, *without = islice(found, len(texts[number]))
        effects[number] = np.array([whole - each for each in without], np.float32).reshape(len(without), len(whole)).T
    return [effects[number] for number in range(len(texts))]


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


def _with_and_without(source: str) -> list[str]:
    """The source, and the source without each of its words in turn."""
    return [source, *(without_word(source, word) for word in split_words(source)[: effect_columns(source)])]
