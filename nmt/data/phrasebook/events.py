"""Clauses of the embedded corpus, chosen at random so that verb, objects, places and times go together."""

from dataclasses import replace
from typing import Any, Literal

from nmt.data.phrasebook.author import Author, adjectives_of, nouns_of
from nmt.data.phrasebook.clause import Clause
from nmt.data.phrasebook.lexicon import Adjective, Noun, Verb
from nmt.data.phrasebook.nominals import Nominal, NounPhrase, Phrase, predicative, prepositional

When = Literal["state", "now", "ongoing", "done", "past", "habit", "future", "modal"]

_GROUPS = {
    "transitive": 32,
    "separable": 25,
    "giving": 12,
    "dative": 4,
    "prepositional": 7,
    "intransitive": 9,
    "motion": 7,
    "daily": 7,
    "state": 10,
}
_WHEN: dict[When, int] = {"done": 24, "past": 24, "now": 18, "future": 13, "modal": 17}


def random_verb(author: Author, *groups: str) -> Verb:
    """A verb of one of the groups, of any if none is named."""
    weights = {group: _GROUPS[group] for group in groups or _GROUPS}
    return author.pick(author.lexicon.verbs[author.weighted(weights)])


def times_of(verb: Verb) -> dict[When, int]:
    """The times that suit the verb, and how often each is used."""
    if "state" in verb.flags:
        return {"state": 1}
    times = dict(_WHEN)
    if verb.flags & {"moment", "mishap"}:
        del times["now"]
    if "mishap" in verb.flags:
        del times["future"], times["modal"]
    if "habit" in verb.flags:
        times["habit"] = 30
    return times


def random_when(author: Author, verb: Verb) -> When:
    """A time that suits the verb."""
    return author.weighted(times_of(verb))


def event(
    author: Author, verb: Verb, when: When, subject: Nominal | None = None, negated: bool = False, place: float = 0.3
) -> Clause:
    """A clause with the verb.

    Args:
        author: who chooses.
        verb: any verb but the copula.
        when: which tense, modal and time adverbial.
        subject: its subject; one that suits the verb if None.
        negated: whether to negate it, where that makes a natural sentence.
        place: the probability of a place adverbial, where the verb has places.
    """
    negated = negated and when != "habit"
    subject = subject or author.subject_of(verb.who, specific=negated)
    slots: dict[str, Any] = _tense_and_time(author, verb, when, subject, negated)
    if verb.recipient:
        slots["recipient"] = _receiver(author, verb, subject)
    if verb.preposition:
        source, target, case = verb.preposition
        slots["complement"] = prepositional((source, target), case, author.object_of(verb.what, subject, negated))
    elif verb.what:
        slots["object"] = _direct_object(author, verb, when, subject, negated)
        if isinstance(slots["object"], NounPhrase) and slots["object"].noun.classes & {"game", "language"}:
            negated = False
    if verb.goal:
        slots["complement"] = destination(author, author.pick(nouns_of(verb.goal)))
    if verb.where and ("placed" in verb.flags or not negated and author.chance(place)):
        slots["place"] = location(author, author.pick(nouns_of(verb.where)), at_home="parlour" in verb.where)
    return Clause(subject, verb, negated=negated, **slots)


def _direct_object(author: Author, verb: Verb, when: When, subject: Nominal, negated: bool) -> Nominal:
    """The object; stuff has no article where one speaks of it in general."""
    target = author.object_of(verb.what, subject, uncounted=negated or when == "habit")
    if when in {"habit", "state"} and isinstance(target, NounPhrase) and not target.noun.plural_german:
        return replace(target, determiner="")
    return target


def _receiver(author: Author, verb: Verb, subject: Nominal) -> Nominal:
    """Who gets something: never just `students`."""
    target = author.object_of(verb.recipient, subject, uncounted=True)
    if isinstance(target, NounPhrase) and not target.determiner and not target.noun.bare:
        return replace(target, determiner="the")
    return target


def _tense_and_time(author: Author, verb: Verb, when: When, subject: Nominal, negated: bool) -> dict[str, Any]:
    """The slots of the clause that say when it happens."""
    clock = "clock" in verb.flags and author.chance(0.6)
    if when in {"state", "habit"}:
        if when == "state":
            return {}
        if clock:
            return {"time": author.adverbial("clock")}
        often = author.chance(0.5)
        return {"frequency": author.adverbial("frequency")} if often else {"time": author.adverbial("habit")}
    if when == "past":
        return {"tense": "past", "time": author.adverbial("clock") if clock else _dated(author, verb, "past")}
    if when == "future":
        planned = author.adverbial("clock") if clock else _dated(author, verb, "future")
        return {"modal": "will", "time": planned if author.chance(0.7) else None}
    if when == "modal":
        planned = _dated(author, verb, "future")
        return {"modal": _modal(author, verb, negated), "time": planned if author.chance(0.3) else None}
    tenses = {"now": "progressive", "done": "perfect", "ongoing": "ongoing"}
    return {"tense": tenses[when]}


def _dated(author: Author, verb: Verb, group: str) -> Phrase:
    """A time of the past or the future, far away only for what is remembered or planned so long."""
    return author.adverbial(f"long {group}" if "big" in verb.flags and author.chance(0.5) else group)


def _modal(author: Author, verb: Verb, negated: bool) -> str:
    """A modal that suits the subject; `must not` and `may not` mean something else in German."""
    if not verb.who & {"person"}:
        return "will"
    return author.pick(["can", "should", "want"] if negated else ["can", "must", "may", "should", "want"])


def location(author: Author, noun: Noun, at_home: bool = False) -> Phrase:
    """Where something happens."""
    if at_home and author.chance(0.3):
        return author.adverbial("home")
    assert noun.at is not None
    return prepositional(noun.at, "dative", _place(author, noun))


def destination(author: Author, noun: Noun) -> Phrase:
    """Where somebody goes."""
    assert noun.to is not None
    return prepositional(noun.to, "dative" if noun.to[1] in {"zu", "nach"} else "accusative", _place(author, noun))


def _place(author: Author, noun: Noun) -> NounPhrase:
    """The place as a noun phrase."""
    if noun.proper:
        return NounPhrase(noun)
    options = adjectives_of(noun)
    return NounPhrase(noun, "the", adjective=author.pick(options) if options and author.chance(0.15) else None)


def mood(author: Author, subject: Nominal, *kinds: str) -> Clause:
    """Somebody is tired, hungry, happy: a mood of one of the kinds."""
    moods = [entry for entry in author.lexicon.adjectives.values() if entry.mood in kinds]
    return Clause(subject, author.lexicon.verb("be"), complement=predicative(author.pick(moods)))


def quality_of(author: Author, noun: Noun, quality: Adjective) -> Clause:
    """The thing or person is like this."""
    subject = replace(author.noun_phrase(noun, specific=True), adjective=None)
    return Clause(subject, author.lexicon.verb("be"), complement=predicative(quality))


def description(author: Author) -> Clause:
    """Something or somebody is, was or never is like this; anybody can be in a mood."""
    quality = author.pick(list(author.lexicon.adjectives.values()))
    if quality.mood and author.chance(0.7):
        clause = mood(author, author.somebody(specific=True), quality.mood)
    else:
        clause = quality_of(author, author.pick(nouns_of(quality.of or frozenset({"people"}))), quality)
    if author.chance(0.2):
        return replace(clause, negated=True)
    kind = author.random.random()
    if kind < 0.3 and quality.passing:
        return replace(clause, tense="past", time=author.adverbial("past"))
    if kind > 0.7 and quality.passing:
        return replace(clause, frequency=author.adverbial("frequency"))
    return clause


def profession(author: Author) -> Clause:
    """Somebody is a good baker; German needs the gender of the subject."""
    job = author.pick(nouns_of(frozenset({"job"})))
    options = [noun for noun in nouns_of(frozenset({"kin", "name"})) if noun.gender == job.gender]
    noun = author.pick(options)
    subject = NounPhrase(noun, "" if noun.bare else author.pick(["my", "your", "our"]))
    lasting = [entry for entry in adjectives_of(job) if not (entry.mood or entry.opposite)]
    predicate = NounPhrase(job, "a", adjective=author.pick(lasting))
    complement = Phrase(predicate.english(subject=False), predicate.german("nominative"))
    return Clause(subject, author.lexicon.verb("be"), complement=complement)


def weather(author: Author, ongoing: bool = True) -> Clause:
    """It is raining; it rains."""
    verb = author.pick(author.lexicon.verbs["weather"])
    return Clause(author.pronoun("it"), verb, tense="ongoing" if ongoing else "present")
