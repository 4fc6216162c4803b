"""What a hypothesis may not contain, whatever tokens would spell it."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from nmt.decoding.guides import Free

_BORDER = b"\xff"
"""Before each text of many: UTF-8 has no such byte."""


class Spellings:
    """The texts of a vocabulary, one behind the other, so that a string is looked for in all of them at once.

    Args:
        texts: V of them, each in UTF-8 or a single byte.
    """

    def __init__(self, texts: Sequence[bytes]) -> None:
        self.texts = texts
        self._joined = b"".join(_BORDER + each for each in texts)
        self._ends = np.cumsum([len(_BORDER + each) for each in texts])

    @cached_property
    def behind_space(self) -> "Spellings":
        """How the same texts go on from a space: two would read as one."""
        return Spellings([each.lstrip(b" ") for each in self.texts])

    def containing(self, text: bytes) -> np.ndarray:
        """The tokens whose texts contain this one, in UTF-8 and not empty."""
        places, place = [], self._joined.find(text)
        while place >= 0:
            places.append(place)
            place = self._joined.find(text, place + 1)
        return np.searchsorted(self._ends, np.array(places, int), side="right")

    def beginning(self, text: bytes) -> np.ndarray:
        """The tokens whose texts begin with this one, in UTF-8 and not empty."""
        return self.containing(_BORDER + text)


class Exclude(Free):
    """The text contains none of several strings.

    The state is the longest end of the text with which one of them begins, short of the whole (Aho & Corasick 1975).

    Args:
        texts: what must not come, in UTF-8; one that is empty has no effect.
        spellings: of the tokens; a word's first token begins with a space.
    """

    def __init__(self, texts: Sequence[bytes], spellings: Spellings) -> None:
        self._texts, self._spellings = sorted({text for text in texts if text}), spellings
        self._masks: dict[bytes, np.ndarray] = {}

    def start(self) -> bytes:
        """Nothing of any."""
        return b""

    def after(self, state: bytes, token: int) -> bytes:
        """The end that counts once the token's text is there."""
        seen = state + self._following(state).texts[token]
        return next((seen[at:] for at in range(len(seen)) if self._begun_by(seen[at:])), b"")

    def allowed(self, state: bytes) -> np.ndarray:
        """What completes none of the strings."""
        if state not in self._masks:
            self._masks[state] = self._mask(state)
        return self._masks[state]

    def _mask(self, state: bytes) -> np.ndarray:
        if not state:
            mask = np.ones(len(self._spellings.texts), bool)
            for text in self._texts:
                mask[self._spellings.containing(text)] = False
            return mask
        mask = self.allowed(b"").copy()
        for begun in (state[at:] for at in range(len(state))):
            for text in self._begun_by(begun):
                mask[self._following(state).beginning(text[len(begun) :])] = False
        return mask

    def _following(self, state: bytes) -> Spellings:
        return self._spellings.behind_space if state.endswith(b" ") else self._spellings

    def _begun_by(self, beginning: bytes) -> list[bytes]:
        """The strings that begin so, and go on."""
        first, last = bisect_right(self._texts, beginning), bisect_left(self._texts, beginning + _BORDER)
        return self._texts[first:last]
