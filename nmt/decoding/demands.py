"""What is demanded of a translation, in words -> a guide over tokens."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np

from nmt.data.special import EOS_ID
from nmt.data.tokenizer import Tokenizer
from nmt.decoding.exclude import Exclude, Spellings
from nmt.decoding.guides import Guide, Include, NoRepeat, Prefix, Together
from nmt.decoding.options import SearchOptions
from nmt.decoding.translation import Request, Translation

CLOSING = frozenset(".,;:!?…%'")
"""Marks that stand right behind a word, beside closing brackets and quotes."""

KEPT_EXCLUDES = 16
"""Guides that keep something out, with their masks over the vocabulary, that are kept for the next request."""


class Demands:
    """Guides for requests, over a tokenizer's vocabulary or a selection of it.

    Args:
        tokenizer: of the target language.
        options: of the search, for what they demand of each translation.
    """

    def __init__(self, tokenizer: Tokenizer, options: SearchOptions) -> None:
        self._tokenizer, self._options = tokenizer, options
        self._excluding = lru_cache(KEPT_EXCLUDES)(self._exclude)  # mostly all requests of a call exclude the same

    def forced(self, request: Request) -> list[int]:
        """The tokens that the translation must have, prefix first."""
        return [*self._prefix(request), *(token for text in request.include for token in self._phrase(text))]

    @property
    def unsaid(self) -> tuple[int, ...]:
        """The types that no translation has."""
        return self._tokenizer.unsaid

    def guide(self, request: Request) -> Guide | None:
        """What makes search obey; None if it is free."""
        size = self._tokenizer.vocab_size
        guides: list[Guide] = []
        if prefix := self._prefix(request):
            guides.append(Prefix(prefix, size))
        phrases = [ids for text in request.include if (ids := self._phrase(text))]  # a lone "▁" is white space
        if phrases:
            guides.append(Include(phrases, EOS_ID, size, self._begins))
        if request.exclude:
            guides.append(self._excluding(tuple(request.exclude)))
        if self._options.no_repeat_ngram:
            guides.append(NoRepeat(self._options.no_repeat_ngram, size))
        return Together(guides) if guides else None

    @cached_property
    def _begins(self) -> np.ndarray:
        """(V,) bool, False for what goes on with the word before it."""
        return np.array([not _goes_on(surface) for surface in self._tokenizer.surfaces.utf8])

    def _prefix(self, request: Request) -> Sequence[int]:
        if request.prefix_tokens:
            return self._tokenizer.ids(request.prefix_tokens)
        return self._tokens(request.prefix) if request.prefix else []

    def _tokens(self, text: str) -> Sequence[int]:
        return self._tokenizer.encode(text).ids

    def _phrase(self, text: str) -> Sequence[int]:
        """The tokens of a text within a sentence: a mark that ends something stands right behind a word."""
        if _closes(text.lstrip()):
            alone, behind = self._tokens("a"), self._tokens(f"a{text.lstrip()}")
            if behind[: len(alone)] == alone:
                return behind[len(alone) :]
        return self._tokens(text)

    @cached_property
    def _spellings(self) -> Spellings:
        return Spellings(self._tokenizer.surfaces.utf8)

    def _exclude(self, texts: tuple[str, ...]) -> Exclude:
        return Exclude([self._tokenizer.written(text).encode("utf-8", "replace") for text in texts], self._spellings)


def unmet(request: Request, translation: Translation, tokenizer: Tokenizer) -> tuple[str, ...]:
    """What of its demands a translation does not meet, in words: such as what no type of the vocabulary can write."""
    text, prefix, tokens = translation.text, request.prefix, request.prefix_tokens
    begins = text.startswith(tokenizer.written(prefix).strip()) and translation.tokens[: len(tokens)] == tokens
    missing = (each for each in request.include if not _has_words(text, tokenizer.written(each).strip()))
    return (
        *([] if begins else [f"does not begin with {prefix or tokens!r}"]),
        *(f"does not contain {each!r}" for each in missing),
        *(f"contains {each!r}" for each in request.exclude if tokenizer.written(each) in f" {text} "),
    )


def _has_words(text: str, words: str) -> bool:
    """Whether words stand in a text, neither the first nor the last as a part of a longer one."""
    return re.search(rf"(?!\B\w){re.escape(words)}(?<!\w\B)", text) is not None


def _closes(text: str) -> bool:
    """Whether a text begins with a mark that ends what is before it, such as a full stop or a bracket."""
    return text[:1] in CLOSING or unicodedata.category(text[:1] or " ") in ("Pe", "Pf")


def _goes_on(surface: bytes) -> bool:
    """Whether a text, or a part of a character, belongs to the word before it."""
    first = surface.decode("utf-8", "replace")[:1]
    return first in ("\ufffd", "_") or first.isalnum()
