"""English word forms of the embedded corpus: plurals, verb forms and the indefinite article."""

import re

_BE = {1: ("am", "was"), 2: ("are", "were"), 3: ("is", "was")}
_THIRD_PERSON = {"have": "has"}


def plural_of(noun: str) -> str:
    """The regular plural of a noun that adds -s or changes -y to -ies."""
    return re.sub(r"([^aeiou])y$", r"\1ie", noun) + "s"


def past_of(verb: str) -> str:
    """The regular past, which is the regular participle too."""
    if verb.endswith("e"):
        return verb + "d"
    return re.sub(r"([^aeiou])y$", r"\1i", _doubled(verb)) + "ed"


def ing_form(verb: str) -> str:
    """The form in -ing."""
    if verb.endswith("e") and not verb.endswith(("ee", "be")):
        return verb[:-1] + "ing"
    return _doubled(verb) + "ing"


def present(verb: str, person: int, plural: bool) -> str:
    """The simple present."""
    if verb == "be":
        return "are" if plural else _BE[person][0]
    if plural or person != 3:
        return verb
    if verb in _THIRD_PERSON:
        return _THIRD_PERSON[verb]
    if re.search(r"(s|sh|ch|x|o)$", verb):
        return verb + "es"
    return re.sub(r"([^aeiou])y$", r"\1ie", verb) + "s"


def past(verb: str, past_form: str, person: int, plural: bool) -> str:
    """The simple past, from the verb's past form; `be` has two."""
    if verb == "be":
        return "were" if plural else _BE[person][1]
    return past_form


def indefinite_article(next_word: str) -> str:
    """`a` or `an`, by the sound that the next word begins with."""
    return "an" if re.match(r"(?!uni|use)[aeiou]", next_word) else "a"


def _doubled(verb: str) -> str:
    """A verb that ends in one stressed vowel and a consonant, with that consonant doubled: `swimm`, `gett`."""
    return verb + verb[-1] if re.fullmatch(r"[^aeiou]+[aeiou][^aeiouwxy]|forget|begin|travel", verb) else verb
