"""References that stand in the wrong line are found, and those that are only alike or bad are not."""

import numpy as np
import pytest

from nmt.data.corpus import load_split
from nmt.evaluation.shift import shift_of

TRUE = list(load_split("phrasebook", "de", "en", "test")["tgt"][:60])


def translated(quality: float) -> list[str]:
    """The sentences as a model writes them that has so many of their words right, the others from anywhere."""
    chance, words = np.random.default_rng(1), " ".join(TRUE).split()
    return [
        " ".join(word if chance.random() < quality else str(chance.choice(words)) for word in text.split())
        for text in TRUE
    ]


@pytest.mark.parametrize("quality", [1.0, 0.7])
@pytest.mark.parametrize("first", [0, 25, 40])
def test_a_line_that_is_missing_is_found_where_it_is_missing(quality: float, first: int) -> None:
    texts = translated(quality)
    for references, lines, start, last in (
        ([*TRUE[:first], *TRUE[first + 1 :], "A last one."], -1, first + 1, 59),
        ([*TRUE[:first], "Another.", *TRUE[first:-1]], 1, first, 58),
    ):
        found = shift_of(texts, references)
        assert found is not None
        assert (found.lines, found.last) == (lines, last)
        assert abs(found.first - start) <= 1  # what stands at the border can fit both
        assert found.shifted > found.chrf + 20


def test_a_shift_that_ends_is_found_whole() -> None:
    references = [*TRUE[:20], *TRUE[21:41], "Another.", *TRUE[41:]]
    found = shift_of(TRUE, references)
    assert found is not None
    assert (found.lines, found.last) == (-1, 40)
    assert abs(found.first - 21) <= 1
    assert found.shifted > 95


@pytest.mark.parametrize("quality", [1.0, 0.7, 0.3, 0.1, 0.0])
def test_references_in_their_line_are_left_alone(quality: float) -> None:
    assert shift_of(translated(quality), TRUE) is None


def test_a_few_sentences_tell_nothing() -> None:
    assert shift_of(TRUE[1:10], TRUE[:9]) is None
    assert shift_of([], []) is None
    assert shift_of(["one"], ["two"]) is None
    assert shift_of(TRUE[1:12], TRUE[:11]) is not None


def test_captions_of_one_picture_are_not_shifted() -> None:
    texts = [text for text in TRUE[:12] for _ in range(5)]
    assert shift_of(texts, [*texts[2:], *texts[:2]]) is None
