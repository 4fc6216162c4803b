"""Translations and references, in words -> words that are written too often or too seldom, n-grams that are right."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

Words = Sequence[Sequence[str]]
"""Texts as the words of each."""

LONGEST_NGRAM = 4
SHOWN_NGRAMS = 5
SHOWN_WORDS = 15

LEAST_DEVIATIONS = 2.0
"""By chance the difference of two counts deviates by the root of their sum; what is less is not listed."""


class Word(NamedTuple):
    """A word: how often the references have it, and how often each evaluation wrote it."""

    word: str
    references: int
    written: tuple[int, ...]


class Ngram(NamedTuple):
    """Some words in a row: how often the references have them, and how often a translation has them where they do."""

    words: str
    references: int
    right: tuple[int, ...]


def misused_words(written: Sequence[Words], references: Words) -> tuple[list[Word], list[Word]]:
    """The words that the last one wrote more often than the references, and less often, beyond chance."""
    *said, wanted = (counted(each) for each in (*written, references))
    deviations = _deviations(wanted, said[-1])
    ranked = sorted(deviations, key=lambda word: (-abs(deviations[word]), word))
    lists = [[word for word in ranked if sign * deviations[word] >= LEAST_DEVIATIONS] for sign in (1, -1)]
    often, seldom = (
        [Word(word, wanted[word], tuple(own[word] for own in said)) for word in words[:SHOWN_WORDS]] for words in lists
    )
    return often, seldom


def changed_ngrams(baseline: Words, other: Words, references: Words) -> tuple[list[Ngram], list[Ngram]]:
    """The n-grams that the other one has right more often, and less often, those first that are least like chance.

    No listed n-gram contains another.
    """
    before, now = (matches(each, references, LONGEST_NGRAM) for each in (baseline, other))
    there = matches(references, references, LONGEST_NGRAM)
    deviations = _deviations(before, now)
    lists = []
    for sign in (1, -1):
        ranked = sorted(deviations, key=lambda each: (-sign * deviations[each], -len(each), each))
        listed: list[Ngram] = []
        for each in ranked:
            if len(listed) == SHOWN_NGRAMS or sign * deviations[each] < LEAST_DEVIATIONS:
                break
            words = " ".join(each)
            if not any(f" {words} " in f" {one.words} " or f" {one.words} " in f" {words} " for one in listed):
                listed.append(Ngram(words, there[each], (before[each], now[each])))
        lists.append(listed)
    return lists[0], lists[1]


def counted(texts: Words) -> Counter[str]:
    """How often each word is in the texts."""
    return Counter(word for words in texts for word in words)


def matches(texts: Words, references: Words, longest: int) -> Counter[tuple[str, ...]]:
    """How often each n-gram of up to `longest` words is in a text and in its reference."""
    found: Counter[tuple[str, ...]] = Counter()
    for text, reference in zip(texts, references, strict=True):
        found.update(_ngrams(text, longest) & _ngrams(reference, longest))
    return found


def _deviations(before: Counter[Any], now: Counter[Any]) -> dict[Any, float]:
    """By how many deviations of chance each count has grown."""
    return {each: (now[each] - before[each]) / math.sqrt(now[each] + before[each]) for each in before | now}


def _ngrams(words: Sequence[str], longest: int) -> Counter[tuple[str, ...]]:
    starts = range(len(words))
    return Counter(tuple(words[i : i + n]) for n in range(1, longest + 1) for i in starts if i + n <= len(words))
