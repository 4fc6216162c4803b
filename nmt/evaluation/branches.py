"""What else translations could have been: the runner-up or the reference's token at a step, and how it goes on.

``branches/`` in the folder of an evaluation has the other translations (`nmt.decoding.translation`), and in
``places.jsonl`` a line for each: the sentence, the step, the token that stands there instead, and whether it is the
reference's.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nmt.data.json_files import load_json_lines, save_json_lines
from nmt.data.special import SPECIAL_TOKENS
from nmt.decoding.translation import Request, Translation, load_translations, save_translations

if TYPE_CHECKING:  # a report reads branches without the program that makes them
    from nmt.decoding.options import SearchOptions
    from nmt.decoding.translator import Translator


class Fork(NamedTuple):
    """Where another translation leaves that of a sentence.

    Attributes:
        sentence: which one, from 0.
        step: at which token of its translation, from 0.
        token: the piece that the other has there.
        as_reference: whether so far it is the reference: its first token that the translation of the sentence has not.
    """

    sentence: int
    step: int
    token: str
    as_reference: bool = False


class Branch(NamedTuple):
    """What the search made of such a beginning."""

    fork: Fork
    translation: Translation


def forks(translations: Sequence[Translation], references: Sequence[Translation], count: int) -> list[Fork]:
    """Where each translation leaves its reference, and the steps that were decided most narrowly, in order.

    Args:
        translations: with at least two alternatives at each step.
        references: of each, under forced decoding.
        count: how many narrow steps of each, at most.
    """
    found = []
    for sentence, (translation, reference) in enumerate(zip(translations, references, strict=True)):
        leaves = divergence(translation, reference)
        places = {*narrowest(translation, count), *([leaves] if leaves else [])}
        found += [Fork(sentence, *place, as_reference=place == leaves) for place in sorted(places)]
    return found


def branch(
    translator: "Translator",
    sources: Sequence[str],
    translations: Sequence[Translation],
    forks: Sequence[Fork],
    options: "SearchOptions",
    size: int,
) -> Iterator[Branch]:
    """What becomes of translations at each of the forks, in their order, as it is found.

    Args:
        translator: which made the translations.
        sources: the sentences as they were given.
        translations: with what the search found.
        forks: of these translations.
        options: of the search.
        size: sentences that are searched together.
    """
    requests = []
    for fork in forks:
        left = translations[fork.sentence]
        requests.append(Request(sources[fork.sentence], prefix_tokens=(*left.tokens[: fork.step], fork.token)))
    found = translator.translate(requests, replace(options, keep_beam=False), size)
    return (Branch(fork, each) for fork, each in zip(forks, found, strict=True))


def divergence(translation: Translation, reference: Translation) -> tuple[int, str] | None:
    """The first step where the reference has another token, with that one; None if there is nothing to go on from."""
    for step, (own, other) in enumerate(zip(translation.tokens, reference.tokens, strict=False)):
        if own != other:
            return None if other in SPECIAL_TOKENS else (step, other)
    return None


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
    save_json_lines(folder / "places.jsonl", (each.fork._asdict() for each in branches))


def load_branches(folder: Path) -> list[Branch]:
    """What `save_branches` wrote into `folder`; none where there is no such folder.

    Raises:
        FileNotFoundError: if a file of it is missing.
        ValueError: if one cannot be read, or they do not fit together.
    """
    if not folder.is_dir():
        return []
    places, translations = list(load_json_lines(folder / "places.jsonl")), load_translations(folder)
    if len(places) != len(translations):
        raise ValueError(f"{folder}: {len(places)} places but {len(translations)} translations: evaluate again")
    return [Branch(Fork(**place), each) for place, each in zip(places, translations, strict=True)]
