"""What the hypotheses of a sentence may and must do: begin with, contain, not repeat.

A guide walks along each hypothesis: it has a state at the beginning, one after each token, and knows from a state which
tokens are allowed and which would bring it on. States are hashable and never changed, so that hypotheses share them.
Ids are columns of the step function's log-probabilities; V is their number.
"""

from collections.abc import Hashable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import numpy as np

State = Hashable


class Guide(Protocol):
    """What one sentence's hypotheses must obey."""

    goal: int
    """What `met` is when everything that must be there is there; 0 if nothing must."""

    def start(self) -> Any:
        """The state before the first token."""

    def after(self, state: Any, token: int) -> Any:
        """The state after `token`."""

    def allowed(self, state: Any) -> np.ndarray | None:
        """(V,) bool, True where a token may follow; None if all may."""

    def wanted(self, state: Any) -> Sequence[int]:
        """Tokens that bring the hypothesis nearer to the goal."""

    def met(self, state: Any) -> int:
        """How near it is."""

    def is_settled(self, state: Any) -> bool:
        """Whether it stays as near, whatever token follows, but for what is only begun."""


class Free:
    """What guides that ask for nothing have in common."""

    goal = 0

    def wanted(self, state: Any) -> Sequence[int]:
        """None."""
        return ()

    def met(self, state: Any) -> int:
        """Nothing is asked for."""
        return 0

    def is_settled(self, state: Any) -> bool:
        """Nothing can be lost."""
        return True


class Prefix(Free):
    """The hypothesis begins with these tokens; the state is how many of them are there.

    Args:
        ids: of the prefix.
        size: V.
    """

    def __init__(self, ids: Sequence[int], size: int) -> None:
        self._masks = [np.arange(size) == token for token in ids]

    def start(self) -> int:
        """None of them."""
        return 0

    def after(self, state: int, token: int) -> int:
        """One more."""
        return min(state + 1, len(self._masks))

    def allowed(self, state: int) -> np.ndarray | None:
        """The next of them; after the last, all."""
        return self._masks[state] if state < len(self._masks) else None


class NoRepeat(Free):
    """No sequence of n tokens comes twice (Paulus et al. 2018, section 2.5); the state is the hypothesis.

    Args:
        n: tokens of a sequence.
        size: V.
    """

    def __init__(self, n: int, size: int) -> None:
        self.n, self._size = n, size

    def start(self) -> tuple[int, ...]:
        """Empty."""
        return ()

    def after(self, state: tuple[int, ...], token: int) -> tuple[int, ...]:
        """The token behind the others."""
        return (*state, token)

    def allowed(self, state: tuple[int, ...]) -> np.ndarray | None:
        """Not what followed the last n - 1 tokens where they stood before."""
        last = state[len(state) - self.n + 1 :]
        before = [state[i + self.n - 1] for i in range(len(state) - self.n + 1) if state[i : i + self.n - 1] == last]
        if not before:
            return None
        mask = np.ones(self._size, bool)
        mask[before] = False
        return mask


class _Progress(NamedTuple):
    """Phrases that are there, which of them have just ended, and the last tokens, as many as a phrase begins with."""

    done: frozenset[int]
    ended: frozenset[int]
    seen: tuple[int, ...]


class Include:
    """The hypothesis contains every phrase, as whole words, before it ends (Hokamp & Liu 2017; Post & Vilar 2018).

    A phrase that is begun is gone on with, or given up if another token comes; what its tokens and that one begin,
    counts still (Knuth, Morris & Pratt 1977). Phrases may overlap. One whose last word goes on after all is not there:
    "skiers" is no "ski", but does not keep it from coming later.

    Args:
        phrases: the tokens of each, at least one.
        eos: not allowed before all are there.
        size: V.
        begins: (V,) bool, True = the token does not go on with a word, so that a phrase before it is there; all by
            default.
    """

    def __init__(self, phrases: Sequence[Sequence[int]], eos: int, size: int, begins: np.ndarray | None = None) -> None:
        self.phrases = [tuple(phrase) for phrase in phrases]
        self.goal = sum(map(len, self.phrases))
        self._begins = np.ones(size, bool) if begins is None else begins
        self._not_yet = np.arange(size) != eos

    def start(self) -> _Progress:
        """None is there."""
        return _Progress(frozenset(), frozenset(), ())

    def after(self, state: _Progress, token: int) -> _Progress:
        """Goes on with the phrases that are begun, ends some, takes back one whose last word goes on."""
        done = state.done if self._begins[token] else state.done - state.ended
        left, seen = self._left(done), (*state.seen, token)
        ended = frozenset(phrase for phrase in left if seen[-len(self.phrases[phrase]) :] == self.phrases[phrase])
        longest = max((_overlap(seen, self.phrases[phrase]) for phrase in left), default=0)
        return _Progress(done | ended, ended, seen[len(seen) - longest :])

    def allowed(self, state: _Progress) -> np.ndarray | None:
        """All but the end, before all phrases are there."""
        return None if len(state.done) == len(self.phrases) else self._not_yet

    def wanted(self, state: _Progress) -> Sequence[int]:
        """The next token of the phrase that is begun, or the first of each that is not there."""
        phrase, tokens = self._begun(state)
        if tokens:
            return (self.phrases[phrase][tokens],)
        return [self.phrases[each][0] for each in self._left(state.done)]

    def met(self, state: _Progress) -> int:
        """Tokens of the phrases that are there or begun."""
        return sum(len(self.phrases[phrase]) for phrase in state.done) + self._begun(state)[1]

    def is_settled(self, state: _Progress) -> bool:
        """Whether no word can go on that ends a phrase."""
        return not state.ended or bool(self._begins.all())

    def _left(self, done: frozenset[int]) -> list[int]:
        return [phrase for phrase in range(len(self.phrases)) if phrase not in done]

    def _begun(self, state: _Progress) -> tuple[int, int]:
        """Of the phrases that are not there the one that is begun, and how many tokens of it."""
        begun = ((phrase, _overlap(state.seen, self.phrases[phrase])) for phrase in self._left(state.done))
        return max(begun, key=itemgetter(1), default=(-1, 0))


def _overlap(seen: tuple[int, ...], phrase: tuple[int, ...]) -> int:
    """How many tokens at the end of what is seen are the phrase's first ones, short of all of it."""
    sizes = range(min(len(seen), len(phrase) - 1), 0, -1)
    return next((size for size in sizes if seen[-size:] == phrase[:size]), 0)


class Together:
    """Several guides, all of which hold.

    Args:
        guides: at least one; where they leave nothing, the first of them that leaves something decides.
    """

    def __init__(self, guides: Sequence[Guide]) -> None:
        self.guides = guides
        self.goal = sum(guide.goal for guide in guides)

    def start(self) -> tuple[State, ...]:
        """The states of all."""
        return tuple(guide.start() for guide in self.guides)

    def after(self, state: tuple[State, ...], token: int) -> tuple[State, ...]:
        """The states of all."""
        return tuple(guide.after(each, token) for guide, each in zip(self.guides, state, strict=True))

    def allowed(self, state: tuple[State, ...]) -> np.ndarray | None:
        """What all allow; the earlier guide prevails where a later one would leave nothing."""
        mask: np.ndarray | None = None
        for guide, each in zip(self.guides, state, strict=True):
            allowed = guide.allowed(each)
            both = allowed if mask is None or allowed is None else mask & allowed
            if both is not None and both.any():
                mask = both
        return mask

    def wanted(self, state: tuple[State, ...]) -> Sequence[int]:
        """What any wants and all allow."""
        mask = self.allowed(state)
        tokens = {t for guide, each in zip(self.guides, state, strict=True) for t in guide.wanted(each)}
        return sorted(token for token in tokens if mask is None or mask[token])

    def met(self, state: tuple[State, ...]) -> int:
        """The sum."""
        return sum(guide.met(each) for guide, each in zip(self.guides, state, strict=True))

    def is_settled(self, state: tuple[State, ...]) -> bool:
        """Whether all are."""
        return all(guide.is_settled(each) for guide, each in zip(self.guides, state, strict=True))


class OfColumns:
    """A guide over a selection of the vocabulary: a token is its column among the selected ids.

    Args:
        guide: over the whole vocabulary.
        ids: (U,) in rising order; everything that the guide wants or forces is among them.
    """

    def __init__(self, guide: Guide, ids: np.ndarray) -> None:
        self._guide, self._ids, self.goal = guide, ids, guide.goal

    def start(self) -> Any:
        """The guide's."""
        return self._guide.start()

    def after(self, state: Any, token: int) -> Any:
        """The guide's, after the id of that column."""
        return self._guide.after(state, int(self._ids[token]))

    def allowed(self, state: Any) -> np.ndarray | None:
        """(U,) the selected part of the guide's mask."""
        mask = self._guide.allowed(state)
        return None if mask is None else mask[self._ids]

    def wanted(self, state: Any) -> Sequence[int]:
        """Columns of what the guide wants."""
        return np.searchsorted(self._ids, np.array(self._guide.wanted(state), int)).tolist()

    def met(self, state: Any) -> int:
        """The guide's."""
        return self._guide.met(state)

    def is_settled(self, state: Any) -> bool:
        """As of the guide."""
        return self._guide.is_settled(state)
