"""The author of the embedded corpus: chooses noun phrases and clauses at random, so that they make sense.

Nouns are chosen from the classes that the lexicon names for a verb or an adjective: people drink drinks, read what
can be read, and a dog barks. The tense follows from the kind of verb and from the adverbials, so that a German
perfect is an English simple past with a past time and a present perfect without one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from random import Random
from typing import TypeVar

from nmt.data.phrasebook.lexicon import Adjective, Noun, Verb, load_lexicon
from nmt.data.phrasebook.nominals import (
    Couple,
    Nominal,
    NounPhrase,
    Phrase,
    Pronoun,
    RelativePronoun,
    fixed,
)

_T = TypeVar("_T")
_K = TypeVar("_K", bound=str)

_PERSON = frozenset({"people", "kin", "name"})
_DETERMINERS = {"the": 45, "a": 28, "this": 9, "own": 18}
_PLURAL_DETERMINERS = {"the": 42, "": 18, "this": 9, "own": 13, "quantifier": 18}


@cache
def nouns_of(classes: frozenset[str]) -> tuple[Noun, ...]:
    """The nouns that belong to one of the classes, in the lexicon's order."""
    return tuple(noun for noun in load_lexicon().nouns.values() if noun.classes & classes)


@cache
def adjectives_of(noun: Noun) -> tuple[Adjective, ...]:
    """The adjectives that may describe it."""
    return tuple(entry for entry in load_lexicon().adjectives.values() if entry.of & noun.classes)


@cache
def origins_of(noun: Noun) -> tuple[Verb, ...]:
    """The verbs that say how somebody came by it, or made it what it is."""
    verbs = [verb for group in load_lexicon().verbs.values() for verb in group]
    return tuple(verb for verb in verbs if "origin" in verb.flags and verb.what & noun.classes)


class Author:
    """Random phrases and clauses; the same `random` gives the same ones."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.lexicon = load_lexicon()

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.random.random() < probability

    def weighted(self, weights: dict[_K, int]) -> _K:
        """A key, as often as its weight says."""
        return self.random.choices(list(weights), list(weights.values()))[0]

    def pick(self, options: Sequence[_T]) -> _T:
        """One of them, each as often."""
        return options[self.random.randrange(len(options))]

    def adverbial(self, group: str) -> Phrase:
        """A fixed phrase of that group of the lexicon."""
        return fixed(self.pick(list(self.lexicon.adverbials[group].values())))

    def pronoun(self, english: str) -> Pronoun:
        """The pronoun with that English subject form."""
        return Pronoun(self.lexicon.pronouns[english])

    # Noun phrases

    def noun_phrase(self, noun: Noun, owner: Nominal | None = None, specific: bool = False) -> NounPhrase:
        """The noun with a determiner and perhaps an adjective.

        Args:
            noun: its head.
            owner: the subject, to whom a possessive may refer.
            specific: whether it must be definite, as a subject of a negation must.
        """
        if noun.bare:
            return NounPhrase(noun)
        plural = "pair" in noun.classes or self.chance(0.25)
        plural = plural and bool(noun.plural_german) and "single" not in noun.classes
        determiner = self._determiner(noun, owner, plural, specific)
        options = adjectives_of(noun)
        adjective = self.pick(options) if options and self.chance(0.3) else None
        return NounPhrase(noun, determiner, plural, adjective)

    def _determiner(self, noun: Noun, owner: Nominal | None, plural: bool, specific: bool) -> str:
        if not noun.plural_german:
            return "the" if specific or self.chance(0.35) else ""
        if "kin" in noun.classes:
            return self._possessive(owner) if self.chance(0.7) else "the"
        determiner = self.weighted(_PLURAL_DETERMINERS if plural else _DETERMINERS)
        if specific and determiner in {"a", "", "quantifier"}:
            return "the"
        if determiner == "quantifier":
            return self.pick(list(self.lexicon.quantifiers))
        if determiner == "own":
            strange = noun.classes & {"people", "wild", "public", "structure", "transit"} and "near" not in noun.classes
            return "the" if strange else self._possessive(owner)
        return determiner

    def _possessive(self, owner: Nominal | None) -> str:
        """A possessive, of the third person only where it refers to the owner."""
        reference = self.reference(owner) if owner else None
        if reference and self.chance(0.6):
            possessive = reference.entry.possessive
            assert possessive is not None
            return possessive[0]
        return self.pick(["my", "your", "our"])

    def reference(self, nominal: Nominal) -> Pronoun | None:
        """The pronoun that refers to a person; None for a neuter or anything that is not a person."""
        if isinstance(nominal, Pronoun):
            return None if nominal.fronted else Pronoun(nominal.entry)
        if isinstance(nominal, Couple):
            return self.pronoun("they")
        if isinstance(nominal, RelativePronoun) or not nominal.noun.classes & _PERSON:
            return None
        gender = "p" if nominal.plural else nominal.noun.gender
        return {"m": self.pronoun("he"), "f": self.pronoun("she"), "p": self.pronoun("they"), "n": None}[gender]

    def somebody(self, specific: bool = False) -> Nominal:
        """A person as the subject."""
        kind = self.random.random()
        if kind < 0.24:
            return self.pronoun(self.pick(["I", "you", "he", "she", "we", "they"]))
        if kind < 0.46:
            return NounPhrase(self.pick(nouns_of(frozenset({"name"}))))
        if kind < 0.5:
            first, second = self.random.sample(nouns_of(frozenset({"name"})), 2)
            return Couple(NounPhrase(first), NounPhrase(second))
        return self.noun_phrase(self.pick(nouns_of(frozenset({"people", "kin"}))), specific=specific)

    def subject_of(self, classes: Iterable[str], specific: bool = False) -> Nominal:
        """A subject of one of the classes."""
        classes = frozenset(classes)
        if "person" in classes and (len(classes) == 1 or self.chance(0.75)):
            return self.somebody(specific)
        return self.noun_phrase(self.pick(nouns_of(classes - {"person"})), specific=True)

    def object_of(self, classes: frozenset[str], subject: Nominal, uncounted: bool = False) -> Nominal:
        """An object of one of the classes that is not the subject again, with no number if `uncounted`."""
        if classes & {"person", "people"} and self.chance(0.2):
            pronoun = self._object_pronoun(subject)
            if pronoun:
                return pronoun
        while True:
            noun = self.pick(nouns_of(classes))
            if not (isinstance(subject, NounPhrase) and subject.noun == noun):
                break
        phrase = self.noun_phrase(noun, owner=subject)
        if uncounted and phrase.determiner in self.lexicon.quantifiers:
            return replace(phrase, determiner="the")
        return phrase

    def _object_pronoun(self, subject: Nominal) -> Pronoun | None:
        """A pronoun that cannot be the subject again; German `sie` as an object is always `her`."""
        third = isinstance(subject, Pronoun) and subject.person == 3
        options = [] if third else ["he", "she"]
        options += ["I", "we"] if subject.person != 1 else []
        options += ["you"] if subject.person != 2 else []
        return self.pronoun(self.pick(options))
