"""What else translations could have been: another token at a step that was hardly decided, and how it goes on.

``branches/`` in the folder of an evaluation has the other translations (`nmt.decoding.translation`), and in
``places.jsonl`` a line for each: the sentence, the step, and the token that stands there instead.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nmt.data.vocabulary import SPECIAL_TOKENS
from nmt.decoding.translation import Request, Translation, load_json_lines, load_translations, save_translations

if TYPE_CHECKING:  # a report reads branches without the program that makes them
    from nmt.decoding.options import SearchOptions
    from nmt.decoding.translator import Translator


@dataclass(frozen=True)
class Branch:
    """Another translation of a sentence.

    Attributes:
        sentence: which one, from 0.
        step: at which token of its translation the other leaves it, from 0.
        token: the piece that it has there.
        translation: what the search made of such a beginning.
    """

    sentence: int
    step: int
    token: str
    translation: Translation


class Fork(NamedTuple):
    """Where another translation leaves that of a sentence: see `Branch`."""

    sentence: int
    step: int
    token: str


def forks(translations: Sequence[Translation], count: int) -> list[Fork]:
    """The `count` steps of each translation that were decided most narrowly, with the best other token there.

    Args:
        translations: with at least two alternatives at each step.
        count: how many steps of each, at most.
    """
    return [
        Fork(sentence, step, token)
        for sentence, translation in enumerate(translations)
        for step, token in narrowest(translation, count)
    ]


def branch(
    translator: "Translator",
    translations: Sequence[Translation],
    forks: Sequence[Fork],
    options: "SearchOptions",
    size: int,
) -> Iterator[Branch]:
    """What becomes of translations at each of the forks, in their order, as it is found.

    Args:
        translator: which made the translations.
        translations: with what the search found.
        forks: of these translations.
        options: of the search.
        size: sentences that are searched together.
    """
    requests = []
    for fork in forks:
        left = translations[fork.sentence]
        requests.append(Request(left.source, prefix_tokens=(*left.tokens[: fork.step], fork.token)))
    found = translator.translate(requests, replace(options, keep_beam=False), size)
    return (Branch(*fork, each) for fork, each in zip(forks, found, strict=True))


def narrowest(translation: Translation, count: int) -> list[tuple[int, str]]:
    """The steps whose token was least ahead of the best other, with that other one, in order.

    The end of the sentence is no other one: there is nothing to go on from.
    """
    forks = []
    for step, (token, log_prob) in enumerate(zip(translation.tokens, translation.token_log_probs, strict=True)):
        others = [each for each in translation.alternatives[step] if each[0] != token]
        if others and others[0][0] not in SPECIAL_TOKENS and math.isfinite(others[0][1]):
            other, other_log_prob = others[0]
            forks.append((log_prob - other_log_prob, step, other))
    return sorted(fork[1:] for fork in sorted(forks)[:count])


def save_branches(folder: Path, branches: Sequence[Branch]) -> None:
    """Writes them into `folder`, which is made if it is not there."""
    save_translations(folder, (each.translation for each in branches))
    with open(folder / "places.jsonl", "w", encoding="utf-8") as lines:
        for each in branches:
            lines.write(json.dumps({"sentence": each.sentence, "step": each.step, "token": each.token}) + "\n")


def load_branches(folder: Path) -> list[Branch]:
    """What `save_branches` wrote into `folder`; none where there is no such folder.

    Raises:
        FileNotFoundError: if a file of it is missing.
        ValueError: if one cannot be read, or they do not fit together.
    """
    if not folder.is_dir():
        return []
    places, translations = load_json_lines(folder / "places.jsonl"), load_translations(folder)
    if len(places) != len(translations):
        raise ValueError(f"{folder}: {len(places)} places but {len(translations)} translations: evaluate again")
    return [
        Branch(place["sentence"], place["step"], place["token"], each)
        for place, each in zip(places, translations, strict=True)
    ]
