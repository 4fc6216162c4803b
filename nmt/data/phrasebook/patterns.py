"""Sentence patterns of the embedded corpus: clauses put together to statements and questions."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from nmt.data.phrasebook.author import Author, nouns_of, origins_of
from nmt.data.phrasebook.clause import COMMA, Clause
from nmt.data.phrasebook.events import (
    When,
    description,
    event,
    mood,
    profession,
    quality_of,
    random_verb,
    random_when,
    times_of,
    weather,
)
from nmt.data.phrasebook.lexicon import Noun, Verb
from nmt.data.phrasebook.nominals import Nominal, NounPhrase, RelativePronoun, Word, Words, fixed, new_link


class Draft(NamedTuple):
    """A sentence before its final mark."""

    english: Words
    german: Words
    mark: str = "."


def _statement(clause: Clause) -> Draft:
    return Draft(clause.english(), clause.german("second"))


def plain(author: Author) -> Draft:
    """One clause, sometimes negated, sometimes with its time or place in front."""
    verb = random_verb(author)
    clause = event(author, verb, random_when(author, verb), negated=author.chance(0.2))
    if clause.time and author.chance(0.4):
        clause = replace(clause, time=None, front=clause.time)
    elif clause.place and not (clause.time or clause.frequency or "placed" in verb.flags) and author.chance(0.2):
        clause = replace(clause, place=None, front=clause.place)
    return _statement(clause)


def being(author: Author) -> Draft:
    """Somebody or something is so, or has a profession."""
    return _statement(profession(author) if author.chance(0.2) else description(author))


def yes_no_question(author: Author) -> Draft:
    """The finite verb first in German, an auxiliary first in English."""
    verb = random_verb(author)
    clause = description(author) if author.chance(0.2) else event(author, verb, random_when(author, verb), place=0.2)
    return Draft(clause.english(question=True), clause.german("first"), "?")


def who_question(author: Author) -> Draft:
    """Who does it?"""
    verb = random_verb(author)
    while not verb.personal:
        verb = random_verb(author)
    clause = event(author, verb, random_when(author, verb), subject=author.pronoun("who"))
    return Draft(clause.english(question=True), clause.german("second"), "?")


def object_question(author: Author) -> Draft:
    """What, whom or which one does somebody see?"""
    verb = random_verb(author, "transitive", "separable", "dative", "state")
    when = random_when(author, verb)
    clause = event(author, verb, when, place=0.2)
    personal = bool(verb.what & {"person", "people", "kin"})
    asked: Nominal = author.pronoun("who" if personal else "what")
    if not personal and isinstance(clause.object, NounPhrase) and not clause.object.noun.bare and author.chance(0.5):
        asked = replace(clause.object, determiner="which", adjective=None)
    clause = replace(clause, object=asked)
    return Draft(clause.english(question=True), clause.german("second"), "?")


def adverb_question(author: Author) -> Draft:
    """Where, when or why?"""
    word = author.pick(["where", "when", "why"])
    whens: dict[str, set[When]] = {
        "where": {"now", "past"},
        "when": {"past", "future", "modal"},
        "why": {"now", "past", "modal"},
    }
    verb = random_verb(author)
    while "state" in verb.flags or word == "where" and not verb.where:
        verb = random_verb(author)
    negated = word == "why" and author.chance(0.4)
    when = author.pick([when for when in times_of(verb) if when in whens[word]])
    clause = event(author, verb, when, negated=negated, place=0.0)
    front = fixed(author.lexicon.adverbials["question"][word])
    clause = replace(clause, front=front, time=None)
    return Draft(clause.english(question=True), clause.german("second"), "?")


def subject_relative(author: Author) -> Draft:
    """The woman who lives in Berlin has bought a coat."""
    noun = author.pick(nouns_of(frozenset({"people", "pet"})))
    plural = author.chance(0.25)
    verb = random_verb(author)
    while not verb.who & noun.classes:
        verb = random_verb(author)
    pronoun = RelativePronoun(noun, plural)
    if "people" in noun.classes and author.chance(0.2):
        relative = mood(author, pronoun, "unable", "low", "other")
    else:
        inner = _relative_verb(author, noun, verb)
        when: When = author.pick([when for when in times_of(inner) if when in {"state", "now", "done"}])
        relative = event(author, inner, when, subject=pronoun, place=0.15)
    head = NounPhrase(noun, "the", plural, relative=relative)
    return _statement(event(author, verb, random_when(author, verb), subject=head, place=0.15))


def _relative_verb(author: Author, noun: Noun, other: Verb) -> Verb:
    """A verb but the other one; often a state, which tells people apart."""
    while True:
        if "people" in noun.classes and author.chance(0.5):
            verb = author.pick([*author.lexicon.verbs["state"], author.lexicon.verb("live")])
        else:
            verb = random_verb(author)
        if verb is not other and verb.who & noun.classes:
            return verb


def object_relative(author: Author) -> Draft:
    """The child is reading the book that the aunt has bought."""
    verb = random_verb(author, "transitive", "separable")
    when = author.pick([when for when in times_of(verb) if when in {"now", "done", "modal"}])
    clause = event(author, verb, when, place=0.0)
    target = clause.object
    if not isinstance(target, NounPhrase) or target.noun.bare or target.noun.classes & {"person", "animal"}:
        return object_relative(author)
    others = [other for other in origins_of(target.noun) if other is not verb]
    if not others:
        return object_relative(author)
    relative = event(author, author.pick(others), "done", place=0.0)
    relative = replace(relative, object=RelativePronoun(target.noun, target.plural))
    return _statement(replace(clause, object=replace(target, determiner="the", relative=relative), time=None))


def content_clause(author: Author) -> Draft:
    """Somebody says that, or asks whether."""
    verb = author.pick(author.lexicon.verbs["clausal"])
    word = author.pick(sorted(verb.what))
    subject = author.somebody(specific=True)
    negated = word == "whether" and "state" in verb.flags
    if author.chance(0.2):
        inner = description(author)
    else:
        inner_verb = random_verb(author)
        when = author.pick([when for when in times_of(inner_verb) if when != "modal"])
        inner = event(author, inner_verb, when, place=0.15)
    main = Clause(subject, verb, negated=negated)
    return _joined(author, main, word, inner)


def reason(author: Author) -> Draft:
    """Somebody cannot do it because, or does it although."""
    word = author.pick(["because", "although"])
    subject = _unmarked(author.somebody(specific=True))
    reference = author.reference(subject)
    if reference is None:
        return reason(author)
    verb = random_verb(author, "transitive", "separable", "intransitive", "motion")
    while not verb.personal or not {"now", "modal"} <= times_of(verb).keys():
        verb = random_verb(author, "transitive", "separable", "intransitive", "motion")
    main = event(author, verb, "modal", subject=subject, negated=word == "because", place=0.0)
    if word == "because":
        main = replace(main, modal="can")
    elif author.chance(0.6):
        main = replace(main, modal=None, tense="progressive")
    main = replace(main, time=None)
    kinds = ["unable"] if word == "because" else ["unable", "low"]
    cause = weather(author) if verb.goal or author.chance(0.15) else mood(author, reference, *kinds)
    return _joined(author, main, word, cause, order_free=True)


def occasion(author: Author) -> Draft:
    """When it rains, somebody reads: in German `wenn`, because it happens again and again."""
    subject = _unmarked(author.somebody(specific=True))
    reference = author.reference(subject)
    verb = author.pick([verb for group in author.lexicon.verbs.values() for verb in group if "solace" in verb.flags])
    main = replace(event(author, verb, "habit", subject=subject, place=0.4), time=None, frequency=None)
    if reference is None or verb.what and author.chance(0.3):
        cause = weather(author, ongoing=False)
    else:
        cause = mood(author, reference, "unable", "low", "other")
    return _joined(author, main, "when", cause, order_free=True)


def meanwhile(author: Author) -> Draft:
    """While one is cooking, the other is reading; both without `gerade`, which `während` makes needless."""
    clauses: list[Clause] = []
    while len(clauses) < 2:
        verb = random_verb(author, "transitive", "separable", "intransitive", "giving")
        if verb.personal and "now" in times_of(verb):
            clauses.append(event(author, verb, "ongoing", subject=author.somebody(specific=True), place=0.15))
    if clauses[0].verb is clauses[1].verb:
        return meanwhile(author)
    return _joined(author, clauses[0], "while", clauses[1], order_free=True)


def contrast(author: Author) -> Draft:
    """The soup is hot, but the tea is cold."""
    quality = author.pick([entry for entry in author.lexicon.adjectives.values() if entry.opposite])
    opposite = author.lexicon.adjectives[quality.opposite]
    both = [noun for noun in nouns_of(quality.of) if noun.classes & opposite.of]
    noun = author.pick(both)
    others = [other for other in both if other.group == noun.group and other is not noun]
    if not others:
        return contrast(author)
    nouns = (noun, author.pick(others))
    first, second = (quality_of(author, noun, entry) for noun, entry in zip(nouns, (quality, opposite), strict=True))
    comma = Word(",", frozenset({new_link()}))
    but = fixed(author.lexicon.adverbials["conjunction"]["but"])
    return Draft(
        [*first.english(), comma, *but.english, *second.english()],
        [*first.german("second"), comma, *but.german, *second.german("second")],
    )


def _unmarked(subject: Nominal) -> Nominal:
    """The subject without its adjective, where the sentence is going to say how somebody is."""
    return replace(subject, adjective=None) if isinstance(subject, NounPhrase) else subject


def _joined(author: Author, main: Clause, word: str, subordinate: Clause, order_free: bool = False) -> Draft:
    """Main and subordinate clause; with `order_free`, sometimes the subordinate clause first."""
    conjunction = fixed(author.lexicon.adverbials["conjunction"][word])
    inner = [*conjunction.english, *subordinate.english()], [*conjunction.german, *subordinate.german("final")]
    if order_free and author.chance(0.35):
        comma = Word(",", frozenset({new_link()}))
        return Draft([*inner[0], comma, *main.english()], [*inner[1], comma, *main.german("first")])
    return Draft([*main.english(), *inner[0]], [*main.german("second"), COMMA, *inner[1]])


PATTERNS: dict[Callable[[Author], Draft], int] = {
    plain: 40,
    being: 8,
    yes_no_question: 9,
    who_question: 4,
    object_question: 6,
    adverb_question: 5,
    subject_relative: 7,
    object_relative: 7,
    content_clause: 7,
    reason: 5,
    occasion: 3,
    meanwhile: 3,
    contrast: 3,
}
"""Each pattern and how often it is used."""


def draft(author: Author) -> Draft:
    """A sentence after a random pattern."""
    return author.random.choices(list(PATTERNS), list(PATTERNS.values()))[0](author)
