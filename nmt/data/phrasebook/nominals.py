"""Words, fixed phrases and noun phrases of the embedded corpus, in both languages at once.

Every word carries links, numbers that both sides of a phrase share: an English and a German word are aligned where
they share one. A phrase is therefore put together once, and each language orders and inflects its words by itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from nmt.data.phrasebook import english, german
from nmt.data.phrasebook.german import Case, Declension
from nmt.data.phrasebook.lexicon import Adjective, Fixed, Noun, PronounEntry, load_lexicon

if TYPE_CHECKING:
    from nmt.data.phrasebook.clause import Clause

new_link = count().__next__


class Word(NamedTuple):
    """A word or punctuation mark, with the links that align it."""

    text: str
    links: frozenset[int]


Words = list[Word]


class Phrase(NamedTuple):
    """Words in both languages that do not depend on what stands around them."""

    english: Words
    german: Words


def words(text: str, *links: int | None) -> Words:
    """The words of `text`, each with those links; None is no link."""
    return [Word(part, frozenset(link for link in links if link is not None)) for part in text.split()]


def fixed(entry: Fixed) -> Phrase:
    """The fixed phrase of the lexicon as words."""
    links = [(new_link(), pair) for pair in entry.links]

    def side(texts: tuple[str, ...], which: int) -> Words:
        return [
            Word(text, frozenset(link for link, pair in links if pair[which] == position))
            for position, text in enumerate(texts)
        ]

    return Phrase(side(entry.english, 0), side(entry.german, 1))


def predicative(entry: Adjective) -> Phrase:
    """The adjective as a predicate, where German does not decline it."""
    link = new_link()
    return Phrase(words(entry.english, link), words(entry.german, link))


@dataclass(frozen=True)
class Pronoun:
    """A personal pronoun, or the question words `who` and `what`."""

    entry: PronounEntry
    link: int = field(default_factory=new_link)

    @property
    def person(self) -> int:
        """1, 2 or 3."""
        return self.entry.person

    @property
    def plural(self) -> bool:
        """Whether its verb is in the plural."""
        return self.entry.plural

    @property
    def definite(self) -> bool:
        """Always: a pronoun stands before other phrases in German."""
        return True

    @property
    def fronted(self) -> bool:
        """Whether it stands in front of its clause: who, what."""
        return self.entry.possessive is None

    def english(self, subject: bool) -> Words:
        """The subject or the object form."""
        return words(self.entry.english[0 if subject else 1], self.link)

    def german(self, case: Case) -> Words:
        """The form of the case."""
        return words(self.entry.german[case], self.link)


@dataclass(frozen=True)
class RelativePronoun:
    """`who` of a person, `that` of anything else; agrees with its head in gender and number."""

    head: Noun
    plural: bool
    person: int = 3
    fronted: bool = True
    definite: bool = True
    link: int = field(default_factory=new_link)

    def english(self, subject: bool) -> Words:
        """The same for subject and object: the corpus has no object clause about a person."""
        del subject
        return words("who" if "person" in self.head.classes else "that", self.link)

    def german(self, case: Case) -> Words:
        """Nominative or accusative, which are those of the article."""
        return words(german.definite_article("p" if self.plural else self.head.gender, case), self.link)


@dataclass(frozen=True)
class NounPhrase:
    """A noun with its determiner, adjective and relative clause.

    Attributes:
        determiner: the English one: the, a, this, which, a possessive, a quantifier, or empty.
        negation: the link of `not`, where the phrase is negated by German `kein`.
    """

    noun: Noun
    determiner: str = ""
    plural: bool = False
    adjective: Adjective | None = None
    relative: "Clause | None" = None
    negation: int | None = None
    person: int = 3
    determiner_link: int = field(default_factory=new_link)
    adjective_link: int = field(default_factory=new_link)
    noun_link: int = field(default_factory=new_link)

    @property
    def fronted(self) -> bool:
        """Whether it asks and so stands in front of its clause."""
        return self.determiner == "which"

    @property
    def definite(self) -> bool:
        """Whether it stands before place adverbials in German and is negated by `nicht`."""
        return self.determiner not in {"a", "", *load_lexicon().quantifiers} or self.noun.proper

    def english(self, subject: bool) -> Words:
        """Determiner, adjective, noun, relative clause."""
        del subject
        noun = words(self.noun.plural_english if self.plural else self.noun.english, self.noun_link)
        adjective = words(self.adjective.english, self.adjective_link) if self.adjective else []
        relative = self.relative.english() if self.relative else []
        return [*self._english_determiner((adjective + noun)[0].text), *adjective, *noun, *relative]

    def german(self, case: Case) -> Words:
        """Determiner, adjective and noun in the case; the clause decides where the relative clause stands."""
        gender = "p" if self.plural else self.noun.gender
        determiner, declension = self._german_determiner(gender, case)
        noun = german.decline_noun(
            self.noun.german, self.noun.plural_german, gender, case, weak="weak" in self.noun.classes
        )
        adjective: Words = []
        if self.adjective:
            form = german.attributive(self.adjective.stem, declension, gender, case)
            adjective = words(form, self.adjective_link)
        return [*words(determiner, self.determiner_link, self.negation), *adjective, *words(noun, self.noun_link)]

    def _english_determiner(self, next_word: str) -> Words:
        determiner = self.determiner
        if determiner == "a":
            determiner = english.indefinite_article(next_word)
        elif determiner == "this" and self.plural:
            determiner = "these"
        elif determiner == "" and self.negation is not None:
            determiner = "any"
        return words(determiner, self.determiner_link)

    def _german_determiner(self, gender: str, case: Case) -> tuple[str, Declension]:
        if self.negation is not None:
            return german.ein_word("kein", gender, case), "mixed"
        if self.determiner == "the":
            return german.definite_article(gender, case), "weak"
        if self.determiner in _DER_STEMS:
            return german.der_word(_DER_STEMS[self.determiner], gender, case), "weak"
        if self.determiner == "a":
            return german.ein_word("ein", gender, case), "mixed"
        if self.determiner in possessives():
            return german.ein_word(possessives()[self.determiner], gender, case), "mixed"
        return load_lexicon().quantifiers[self.determiner] if self.determiner else "", "strong"


@dataclass(frozen=True)
class Couple:
    """Two nominals joined by `and`."""

    first: NounPhrase
    second: NounPhrase
    person: int = 3
    plural: bool = True
    fronted: bool = False
    definite: bool = True
    link: int = field(default_factory=new_link)

    def english(self, subject: bool) -> Words:
        """Both, with `and` between them."""
        return [*self.first.english(subject), *words("and", self.link), *self.second.english(subject)]

    def german(self, case: Case) -> Words:
        """Both in the case, with `und` between them."""
        return [*self.first.german(case), *words("und", self.link), *self.second.german(case)]


_DER_STEMS = {"this": "dies", "which": "welch"}

Nominal = Pronoun | RelativePronoun | NounPhrase | Couple


@cache
def possessives() -> dict[str, str]:
    """The English possessives and their German stems."""
    return dict(entry.possessive for entry in load_lexicon().pronouns.values() if entry.possessive)


def prepositional(preposition: tuple[str, str], case: Case, nominal: Nominal) -> Phrase:
    """The nominal after an English and a German preposition, contracted where German does (`im Garten`)."""
    link = new_link()
    article, *rest = nominal.german(case)
    contracted = german.contraction(preposition[1], article.text)
    opening = [Word(contracted, article.links | {link})] if contracted else [*words(preposition[1], link), article]
    return Phrase([*words(preposition[0], link), *nominal.english(subject=False)], [*opening, *rest])


def aligned(source: Words, target: Words) -> Iterator[tuple[int, int]]:
    """The positions of the words that share a link, sorted."""
    for i, first in enumerate(source):
        for j, second in enumerate(target):
            if first.links & second.links:
                yield i, j
