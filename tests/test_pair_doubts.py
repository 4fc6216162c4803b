"""Pairs that look like a mistake are told of, and those that do not are not."""

import datasets
import pytest

from nmt.config import DataConfig, TokenizerConfig
from nmt.data import pair_doubts
from nmt.data.corpus import load_split
from nmt.data.pair_doubts import of_pairs

Pair = tuple[str, str]
PAIRS, HELD_OUT = (
    [(row["src"], row["tgt"]) for row in load_split("phrasebook", "de", "en", split)]
    for split in ("train", "validation")
)


def exchanged(pairs: list[Pair]) -> list[Pair]:
    return [(tgt, src) for src, tgt in pairs]


def said(train: list[Pair], held_out: list[Pair] = HELD_OUT, lowercase: bool = False) -> list[str]:
    training, validation = (
        datasets.Dataset.from_dict({"src": [src for src, _ in pairs], "tgt": [tgt for _, tgt in pairs]})
        for pairs in (train, held_out)
    )
    return list(of_pairs(training, validation, DataConfig(tokenizer=TokenizerConfig(lowercase=lowercase))))


def test_of_a_clean_corpus_nothing_is_said() -> None:
    assert said(PAIRS) == []
    assert said(PAIRS[:50], HELD_OUT[:3]) == []
    assert said([("ja", "yes"), ("12 !", "12 !"), ("", "")], [("", "")]) == []


def test_a_corpus_of_both_directions_is_none_that_was_exchanged() -> None:
    assert said(PAIRS[:4000] + exchanged(PAIRS[4000:8000])) == []


@pytest.mark.parametrize(
    ("train", "held_out", "message"),
    [
        (PAIRS, exchanged(HELD_OUT), "validation: its sources are in the language of the targets of train"),
        (exchanged(PAIRS[:300]) + PAIRS[300:], HELD_OUT, "train: about 300 of 20,000 pairs have their sides exchanged"),
        (PAIRS[:300] + exchanged(PAIRS[300:]), HELD_OUT, "train: about 19,700 of 20,000 pairs have their sides exch"),
        (PAIRS, exchanged(HELD_OUT[:50]) + HELD_OUT[50:], "validation: about 50 of 500 pairs have their sides exchan"),
    ],
    ids=["validation", "a few", "most", "some of validation"],
)
def test_exchanged_sides_are_seen(train: list[Pair], held_out: list[Pair], message: str) -> None:
    (doubt,) = said(train, held_out)
    assert doubt.startswith(message)


@pytest.mark.parametrize("counted", [pair_doubts.COUNTED, 700])
def test_the_first_exchanged_pair_is_named(monkeypatch: pytest.MonkeyPatch, counted: int) -> None:
    monkeypatch.setattr(pair_doubts, "COUNTED", counted)
    monkeypatch.setattr(pair_doubts, "BATCH", 999)
    (doubt,) = said(PAIRS[:3000] + exchanged(PAIRS[3000:4000]) + PAIRS[4000:])
    assert doubt.startswith("train: about ")
    assert doubt.endswith("; the first is pair 3,001")


def test_words_are_characters_where_no_spaces_are_written() -> None:
    han = [("".join(chr(0x4E00 + (7 * row + at) % 300) for at in range(9)), PAIRS[row][1]) for row in range(3000)]
    doubt, *_ = said(exchanged(han[:100]) + han[100:2500], han[2500:])
    assert doubt.startswith("train: about 100 of 2,500 pairs have their sides exchanged")


def test_targets_that_are_their_sources_are_counted() -> None:
    copied = [(src, src) for src, _ in PAIRS[:300]]
    assert said(copied + PAIRS[300:]) == ["train: 300 of 20,000 pairs have the same text on both sides"]
    assert said(copied[:150] + PAIRS[150:]) == []


def test_pairs_that_come_again_and_again_are_counted() -> None:
    assert said(PAIRS[:400] * 50) == ["train: 400 different pairs among 20,000"]
    assert said(PAIRS[:400] + PAIRS[:40]) == []


@pytest.mark.parametrize("side", ["src", "tgt"])
def test_a_side_with_capitals_in_one_split_only_is_seen(side: str) -> None:
    def small(pairs: list[Pair]) -> list[Pair]:
        return [(src.lower(), tgt) if side == "src" else (src, tgt.lower()) for src, tgt in pairs]

    name = {"src": "sources", "tgt": "targets"}[side]
    for train, held_out, shares in ((small(PAIRS), HELD_OUT, (0, 100)), (PAIRS, small(HELD_OUT), (100, 0))):
        (doubt,) = said(train, held_out)
        told = f"{shares[0]}% of the {name} have a capital letter, of validation {shares[1]}%"
        assert doubt == f"train: {told}: give both with their case, or both without"
        assert said(train, held_out, lowercase=True) == []
    assert said(small(PAIRS), small(HELD_OUT)) == []


def test_validation_sources_that_were_trained_on_are_counted() -> None:
    again = [(src, "Yes.") for src, _ in HELD_OUT]
    (doubt,) = said(PAIRS + again[:60])
    assert doubt.startswith("validation: 60 of 500 sources stand in train: ")
    assert said(PAIRS + again[:50]) == []
