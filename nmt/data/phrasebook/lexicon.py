"""The lexicon of the embedded corpus: `lexicon.json` as records, which its own "about" describes."""

import json
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from nmt.data.phrasebook import english
from nmt.data.phrasebook.german import Case

_GENDER_OF = {"der": "m", "die": "f", "das": "n"}
_PROPER = {"name", "metropolis"}
_BARE = _PROPER | {"game", "language", "leisure"}


@dataclass(frozen=True)
class Noun:
    """A noun; `plural_german` is empty for names and mass nouns, `classes` holds its English name too."""

    english: str
    plural_english: str
    german: str
    plural_german: str
    gender: str
    group: str
    classes: frozenset[str]
    at: tuple[str, str] | None
    to: tuple[str, str] | None

    @property
    def bare(self) -> bool:
        """Whether it never has a determiner: names, cities, games, languages."""
        return bool(self.classes & _BARE)

    @property
    def proper(self) -> bool:
        """Whether it is a name."""
        return bool(self.classes & _PROPER)


@dataclass(frozen=True)
class Verb:
    """A verb with its principal parts and the noun classes that it goes with.

    Attributes:
        base, past, participle: English, without `particle_english`.
        particle_english: the second English word ("turn on"), or empty.
        infinitive, third, participle_german: German; infinitive and third person without the separable particle.
        particle: the separable German particle, or empty.
        auxiliary: infinitive of the verb that makes the German perfect.
        preposition: English, German, and the case after it, before the object; None for a direct object.
        recipient_by: the English preposition before the receiver, empty for a double object.
        flags: state, clock, habit, moment, mishap, big, origin, placed.
    """

    base: str
    past: str
    participle: str
    particle_english: str
    infinitive: str
    third: str
    participle_german: str
    particle: str
    auxiliary: str
    who: frozenset[str]
    what: frozenset[str]
    where: frozenset[str]
    goal: frozenset[str]
    recipient: frozenset[str]
    recipient_by: str
    case: Case
    preposition: tuple[str, str, Case] | None
    flags: frozenset[str]

    @property
    def lemma(self) -> str:
        """The English infinitive with its second word."""
        return f"{self.base} {self.particle_english}".strip()

    @property
    def personal(self) -> bool:
        """Whether a person can do it."""
        return "person" in self.who


@dataclass(frozen=True)
class Adjective:
    """An adjective: `stem` is the German form before an ending, `mood` is empty for lasting qualities."""

    english: str
    german: str
    stem: str
    of: frozenset[str]
    mood: str
    opposite: str
    passing: bool


@dataclass(frozen=True)
class PronounEntry:
    """A personal or question word: English subject and object form, German nominative, accusative, dative."""

    english: tuple[str, str]
    german: dict[Case, str]
    person: int
    plural: bool
    possessive: tuple[str, str] | None


@dataclass(frozen=True)
class Fixed:
    """A fixed phrase or function word with its own alignment, pairs of (English word, German word)."""

    english: tuple[str, ...]
    german: tuple[str, ...]
    links: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Lexicon:
    """All lexemes: nouns by English singular, verbs by group, adverbials by group and English form."""

    nouns: dict[str, Noun]
    verbs: dict[str, tuple[Verb, ...]]
    adjectives: dict[str, Adjective]
    pronouns: dict[str, PronounEntry]
    modals: dict[str, tuple[str, str]]
    quantifiers: dict[str, str]
    adverbials: dict[str, dict[str, Fixed]]

    def verb(self, lemma: str) -> Verb:
        """The first verb of that English infinitive."""
        return next(verb for verbs in self.verbs.values() for verb in verbs if verb.lemma == lemma)


@cache
def load_lexicon() -> Lexicon:
    """The lexicon that comes with the package, read once."""
    data = json.loads(Path(__file__).with_name("lexicon.json").read_text(encoding="utf-8"))
    umbrellas = {name: _words(members) for name, members in data["classes"].items()}
    nouns = [_noun(entry, group, umbrellas) for group, entries in data["nouns"].items() for entry in entries]
    return Lexicon(
        nouns={noun.english: noun for noun in nouns},
        verbs={group: tuple(map(_verb, entries)) for group, entries in data["verbs"].items()},
        adjectives={entry["en"]: _adjective(entry) for entry in data["adjectives"]},
        pronouns={entry["en"].split("/")[0]: _pronoun(entry) for entry in data["pronouns"]},
        modals={entry["en"]: tuple(entry["de"].split("/")) for entry in data["modals"]},
        quantifiers={entry["en"]: entry["de"] for entry in data["quantifiers"]},
        adverbials={
            group: {entry["en"]: _fixed(entry) for entry in entries} for group, entries in data["adverbials"].items()
        },
    )


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _noun(entry: dict[str, Any], group: str, umbrellas: dict[str, frozenset[str]]) -> Noun:
    singular, _, plural = entry["en"].partition("/")
    article, german = entry["de"].split(maxsplit=1)
    german, _, plural_german = german.partition("/")
    classes = {group, singular} | _words(entry.get("is", ""))
    classes |= {name for name, members in umbrellas.items() if members & classes}
    return Noun(
        english=singular,
        plural_english=plural or english.plural_of(singular),
        german=german,
        plural_german=plural_german,
        gender=_GENDER_OF[article],
        group=group,
        classes=frozenset(classes),
        at=tuple(entry["at"].split("/")) if "at" in entry else None,
        to=tuple(entry["to"].split("/")) if "to" in entry else None,
    )


def _verb(entry: dict[str, Any]) -> Verb:
    base, *irregular = entry["en"].split("/")
    base, _, particle_english = base.partition(" ")
    past, participle = irregular or [english.past_of(base)] * 2
    infinitive, third, participle_german = entry["de"].split("/")
    third, _, particle = third.partition(" ")
    participle_german = participle_german.split()[-1]
    return Verb(
        base=base,
        past=past,
        participle=participle,
        particle_english=particle_english,
        infinitive=infinitive.removeprefix(particle),
        third=third,
        participle_german=participle_german,
        particle=particle,
        auxiliary="sein" if "/ist " in entry["de"] else "haben",
        who=_words(entry.get("who", "")),
        what=_words(entry.get("what", "")),
        where=_words(entry.get("where", "")),
        goal=_words(entry.get("goal", "")),
        recipient=_words(entry.get("recipient", "")),
        recipient_by=entry.get("recipient_by", ""),
        case=entry.get("case", "accusative"),
        preposition=tuple(entry["preposition"].split("/")) if "preposition" in entry else None,
        flags=frozenset(key for key, value in entry.items() if value is True),
    )


def _adjective(entry: dict[str, Any]) -> Adjective:
    german, _, stem = entry["de"].partition("/")
    # An unstressed final e belongs to the ending: müde, ein müder Mann.
    stem = stem or german.removesuffix("e")
    return Adjective(
        english=entry["en"],
        german=german,
        stem=stem,
        of=_words(entry["of"]),
        mood=entry.get("mood", ""),
        opposite=entry.get("opposite", ""),
        passing=entry.get("passing", False),
    )


def _pronoun(entry: dict[str, Any]) -> PronounEntry:
    nominative, accusative, dative = entry["de"].split("/")
    return PronounEntry(
        english=tuple(entry["en"].split("/")),
        german={"nominative": nominative, "accusative": accusative, "dative": dative},
        person=entry["person"],
        plural=entry["number"] == "plural",
        possessive=tuple(entry["possessive"].split("/")) if "possessive" in entry else None,
    )


def _fixed(entry: dict[str, str]) -> Fixed:
    english_words, german_words = tuple(entry["en"].split()), tuple(entry["de"].split())
    if "links" in entry:
        pairs = [tuple(map(int, link.split("-"))) for link in entry["links"].split()]
        links = tuple((source, target) for source, target in pairs)
    elif len(english_words) == len(german_words):
        links = tuple((position, position) for position in range(len(english_words)))
    else:
        links = tuple(product(range(len(english_words)), range(len(german_words))))
    return Fixed(english_words, german_words, links)
