"""German word forms of the embedded corpus: determiners, adjectives, nouns and verbs.

Genders are the letters `m`, `f`, `n`, and `p` for the plural, which has no gender. Cases are `nominative`,
`accusative` and `dative`. Persons are 1, 2 and 3; the second person is `du`, so it is always singular.
"""

from typing import Literal

Case = Literal["nominative", "accusative", "dative"]
Declension = Literal["strong", "mixed", "weak"]

_COLUMN = {"m": 0, "f": 1, "n": 2, "p": 3}
_DEFINITE = {
    "nominative": ("der", "die", "das", "die"),
    "accusative": ("den", "die", "das", "die"),
    "dative": ("dem", "der", "dem", "den"),
}
_DER_ENDINGS = {
    "nominative": ("er", "e", "es", "e"),
    "accusative": ("en", "e", "es", "e"),
    "dative": ("em", "er", "em", "en"),
}
_EIN_ENDINGS = {
    "nominative": ("", "e", "", "e"),
    "accusative": ("en", "e", "", "e"),
    "dative": ("em", "er", "em", "en"),
}
_CONTRACTIONS = {
    ("in", "dem"): "im",
    ("in", "das"): "ins",
    ("an", "dem"): "am",
    ("an", "das"): "ans",
    ("von", "dem"): "vom",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
}
_IRREGULAR_PRESENT = {
    "sein": {1: "bin", 2: "bist", 3: "ist", "plural": "sind"},
    "haben": {1: "habe", 2: "hast", 3: "hat", "plural": "haben"},
    "werden": {1: "werde", 2: "wirst", 3: "wird", "plural": "werden"},
}


def definite_article(gender: str, case: Case) -> str:
    """`der`, `die`, `das` in the case; the relative pronoun has the same form in nominative and accusative."""
    return _DEFINITE[case][_COLUMN[gender]]


def der_word(stem: str, gender: str, case: Case) -> str:
    """A determiner that is declined like `dieser`, for example `welches` from the stem `welch`."""
    return stem + _DER_ENDINGS[case][_COLUMN[gender]]


def ein_word(stem: str, gender: str, case: Case) -> str:
    """`ein`, `kein` or a possessive: `meinem` from the stem `mein`."""
    return stem + _EIN_ENDINGS[case][_COLUMN[gender]]


def attributive(stem: str, declension: Declension, gender: str, case: Case) -> str:
    """The adjective before a noun: strong without a determiner, weak after `der`, mixed after `ein`."""
    bare_determiner = declension == "mixed" and _EIN_ENDINGS[case][_COLUMN[gender]] == ""
    if declension == "strong" or bare_determiner:
        return stem + _DER_ENDINGS[case][_COLUMN[gender]]
    changed = case == "dative" or gender == "p" or (case, gender) == ("accusative", "m")
    return stem + ("en" if changed else "e")


def decline_noun(singular: str, plural: str, gender: str, case: Case, weak: bool) -> str:
    """The noun's form; `gender` is `p` for the plural, and weak nouns are those of the n-declension."""
    if gender == "p":
        return plural + "n" if case == "dative" and plural[-1] not in "ns" else plural
    return plural if weak and case != "nominative" else singular


def contraction(preposition: str, article: str) -> str | None:
    """One word for preposition and article where German has it (`im` for `in dem`), else None."""
    return _CONTRACTIONS.get((preposition, article))


def present(infinitive: str, third: str, person: int, plural: bool) -> str:
    """The present tense of a verb, from its infinitive and third person singular, both without particle."""
    if infinitive in _IRREGULAR_PRESENT:
        return _IRREGULAR_PRESENT[infinitive]["plural" if plural else person]
    if plural:
        return infinitive
    has_ending = third.endswith("t")
    if person == 1:
        return _first_person(infinitive) if has_ending else third
    if person == 2:
        return _second_person(third[:-1] if has_ending else third)
    return third


def preterite_of_sein(person: int, plural: bool) -> str:
    """The simple past of `sein`; the corpus has all other verbs in the perfect."""
    if plural:
        return "waren"
    return "warst" if person == 2 else "war"


def _first_person(infinitive: str) -> str:
    """`lächle`, `wandere`, `lese`."""
    if infinitive.endswith("eln"):
        return infinitive[:-3] + "le"
    return infinitive[:-1] + ("e" if infinitive.endswith("ern") else "")


def _second_person(stem: str) -> str:
    """`gehst`, but `liest` and `musst`: an s, ß, x or z swallows the s of the ending."""
    return stem + ("t" if stem[-1] in "sßxz" else "st")
