"""Clauses of the embedded corpus: one description, an English and a German order of words.

English has do-support in questions and negations, frequency adverbs before the main verb, place before time.
German has its finite verb second, first or last, the rest of the verb group last, and between them the order:
subject, pronouns, time, receiver, definite object, `nicht`, place, indefinite object, complement. A definite object
under negation goes before the time, a new subject
behind `gerade`. The relative clause of an object follows the verb group.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from nmt.data.phrasebook import english, german
from nmt.data.phrasebook.lexicon import Verb, load_lexicon
from nmt.data.phrasebook.nominals import Nominal, NounPhrase, Phrase, Pronoun, Word, Words, new_link, words

Tense = Literal["present", "progressive", "ongoing", "perfect", "past"]
Order = Literal["first", "second", "final"]

COMMA = Word(",", frozenset())
_PREPOSITIONS = {"at", "for", "to"}


@dataclass(frozen=True)
class Clause:
    """A subject, a verb and what goes with them.

    Attributes:
        tense: `present`; `progressive`, in German with `gerade`; `ongoing`, the same without it; `perfect` in both;
            `past`, in German the perfect too (the simple past of `sein`). A modal has
            only its present.
        modal: English modal verb, `want` or the future's `will`.
        complement: predicate, goal of a motion, or object with a preposition.
        front: an adverbial or question adverb before the clause; in German the finite verb comes next.
    """

    subject: Nominal
    verb: Verb
    tense: Tense = "present"
    modal: str | None = None
    object: Nominal | None = None
    recipient: Nominal | None = None
    complement: Phrase | None = None
    place: Phrase | None = None
    time: Phrase | None = None
    frequency: Phrase | None = None
    front: Phrase | None = None
    negated: bool = False
    stem_link: int = field(default_factory=new_link)
    particle_link: int = field(default_factory=new_link)
    auxiliary_link: int = field(default_factory=new_link)
    negation_link: int = field(default_factory=new_link)

    def __post_init__(self) -> None:
        if self.negated and isinstance(self.object, NounPhrase) and not self.object.definite:
            object.__setattr__(self, "object", replace(self.object, negation=self.negation_link))

    def english(self, question: bool = False) -> Words:
        """The English words; `question` puts an auxiliary before the subject unless the subject asks."""
        inverted = question and not self.subject.fronted
        auxiliary, main = self._english_verbs(inverted)
        negation = words("not", self.negation_link) if self.negated else []
        if negation and not inverted and auxiliary[0].text == "can":
            auxiliary, negation = words("cannot", self.auxiliary_link, self.negation_link), []
        front = self.front.english if self.front else []
        if self.object and self.object.fronted:
            front = self.object.english(subject=False)
        subject = self.subject.english(subject=True)
        opening = [*front, *auxiliary, *subject] if inverted else [*front, *subject, *auxiliary]
        frequency = self.frequency.english if self.frequency else []
        rest = [word for phrase in (self.complement, self.place, self.time) if phrase for word in phrase.english]
        return [*opening, *negation, *frequency, *main, *self._english_objects(), *rest]

    def german(self, order: Order) -> Words:
        """The German words, with the finite verb at that place."""
        subject = self._german_subject()
        finite, closing = self._german_verbs()
        after = self._relative_of(self.object)
        front: Words = self.front.german if self.front else []
        if self.object and self.object.fronted:
            front = self.object.german(self.verb.case)
        if order == "final":
            verbs = [*closing, *finite]
            if self._splits:
                verbs = [Word(closing[0].text + finite[0].text, closing[0].links | finite[0].links)]
            return [*front, *self._german_middle(subject), *verbs, *after]
        if order == "second" and not front:
            return [*subject, *finite, *self._german_middle([]), *closing, *after]
        # A new subject comes after `gerade`: Im Garten schläft gerade eine Katze.
        late = self.tense == "progressive" and not self.modal and not self.subject.definite
        return [*front, *finite, *self._german_middle(subject, late), *closing, *after]

    @property
    def _preterite(self) -> bool:
        """Whether the past is one word in German too."""
        return self.tense == "past" and self.verb.infinitive == "sein"

    @property
    def _splits(self) -> bool:
        """Whether the finite verb stands without its particle in a main clause."""
        return bool(self.verb.particle) and not self.modal and self.tense in {"present", "progressive", "ongoing"}

    def _english_verbs(self, inverted: bool) -> tuple[Words, Words]:
        """The auxiliary, which a question puts before the subject, and the main verb."""
        verb, auxiliary = self.verb, self.auxiliary_link
        agreement = (self.subject.person, self.subject.plural)
        support = inverted or self.negated
        if self.modal == "want":
            infinitive = [*words("to", self.stem_link), *self._english_main(verb.base)]
            if support:
                return words(english.present("do", *agreement), auxiliary), [*words("want", auxiliary), *infinitive]
            return [], [*words(english.present("want", *agreement), auxiliary), *infinitive]
        if self.modal:
            return words(self.modal, auxiliary), self._english_main(verb.base)
        if self.tense in {"progressive", "ongoing"}:
            be = words(english.present("be", *agreement), auxiliary if self.tense == "progressive" else self.stem_link)
            return be, self._english_main(english.ing_form(verb.base))
        if self.tense == "perfect":
            return words(english.present("have", *agreement), auxiliary), self._english_main(verb.participle)
        past = self.tense == "past"
        form = english.past(verb.base, verb.past, *agreement) if past else english.present(verb.base, *agreement)
        if verb.base == "be":
            return words(form, self.stem_link), []
        finite_link = auxiliary if past else self.stem_link
        if support:
            do = "did" if past else english.present("do", *agreement)
            return words(do, finite_link), self._english_main(verb.base)
        return [], self._english_main(form, finite_link)

    def _english_main(self, form: str, *finite_link: int) -> Words:
        """The main verb; without a second English word it is aligned to the German particle as well."""
        particle = [] if self.verb.particle_english else [self.particle_link]
        return words(form, self.stem_link, *particle, *finite_link)

    def _english_objects(self) -> Words:
        """The verb's second word, object and receiver; `pick me up`, but `look at me`."""
        verb = self.verb
        second = words(verb.particle_english, self.particle_link if verb.particle else self.stem_link)
        target = self.object.english(subject=False) if self.object and not self.object.fronted else []
        if isinstance(self.object, Pronoun) and verb.particle_english not in _PREPOSITIONS:
            target, second = second, target
        if not self.recipient:
            return [*second, *target]
        receiver = self.recipient.english(subject=False)
        if verb.recipient_by:
            to = words(verb.recipient_by, *self.recipient.german("dative")[0].links)
            return [*second, *target, *to, *receiver]
        return [*receiver, *second, *target]

    def _german_verbs(self) -> tuple[Words, Words]:
        """The finite verb without its particle, and the words that close the clause."""
        verb = self.verb
        agreement = (self.subject.person, self.subject.plural)
        if self.modal:
            finite = words(german.present(*load_lexicon().modals[self.modal], *agreement), self.auxiliary_link)
            return finite, words(verb.particle + verb.infinitive, self.stem_link, self.particle_link)
        if self._preterite:
            return words(german.preterite_of_sein(*agreement), self.stem_link), []
        if self.tense in {"perfect", "past"}:
            finite = words(german.present(verb.auxiliary, "", *agreement), self.auxiliary_link)
            return finite, words(verb.participle_german, self.stem_link, self.particle_link)
        finite = words(german.present(verb.infinitive, verb.third, *agreement), self.stem_link)
        return finite, words(verb.particle, self.particle_link)

    def _german_subject(self) -> Words:
        """The subject with its relative clause between commas."""
        relative = self._relative_of(self.subject)
        return [*self.subject.german("nominative"), *relative, *([COMMA] if relative else [])]

    def _german_middle(self, subject: Words, late: bool = False) -> Words:
        """What stands between the finite and the closing verb; a `late` subject follows pronouns and time."""
        pronouns, definite, indefinite = [], [], []
        if self.object and not self.object.fronted:
            target = self.object.german(self.verb.case)
            if isinstance(self.object, Pronoun):
                pronouns = target
            elif self.object.definite:
                definite = target
            else:
                indefinite = target
        receiver = self.recipient.german("dative") if self.recipient else []
        if isinstance(self.recipient, Pronoun):
            pronouns, receiver = [*pronouns, *receiver], []
        when = words("gerade", self.auxiliary_link) if self.tense == "progressive" and not self.modal else []
        when = [*when, *(word for phrase in (self.frequency, self.time) if phrase for word in phrase.german)]
        by_kein = isinstance(self.object, NounPhrase) and self.object.negation is not None
        negation = words("nicht", self.negation_link) if self.negated and not by_kein else []
        place = self.place.german if self.place else []
        complement = self.complement.german if self.complement else []
        if negation and definite:
            opening = [*subject, *pronouns, *receiver, *definite, *when]
        elif late:
            opening = [*pronouns, *when, *subject, *receiver, *definite]
        else:
            opening = [*subject, *pronouns, *when, *receiver, *definite]
        return [*opening, *negation, *place, *indefinite, *complement]

    def _relative_of(self, nominal: Nominal | None) -> Words:
        """The relative clause of a noun phrase behind its comma."""
        if isinstance(nominal, NounPhrase) and nominal.relative:
            return [COMMA, *nominal.relative.german("final")]
        return []
