"""What is said about an evaluation, what is serious, and that a sound one is let be."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from test_report import make_translation

from nmt.decoding.translation import Translation
from nmt.evaluation.aer import attention_error_rate
from nmt.evaluation.insight import Insight
from nmt.evaluation.results import Evaluation
from nmt.evaluation.unknown import UnknownTokens, unknown_tokens
from nmt.report.findings import findings, serious_findings
from nmt.report.sentences import sentence_rows

Pair = tuple[str, str, str]
"""Source, translation, reference."""


def evaluated(pairs: Sequence[Pair]) -> Evaluation:
    """An evaluation of translations that the model prefers to the references."""
    return Evaluation(
        split="test",
        src="de",
        tgt="en",
        translations=tuple(make_translation(source, text) for source, text, _ in pairs),
        references=tuple(reference for _, _, reference in pairs),
        forced=tuple(replace(make_translation(source, reference), score=-99.0) for source, _, reference in pairs),
        gold=(None,) * len(pairs),
        scores=(),
        alignment=None,
        search={"decoding": "beam 5, fp32", "method": "beam", "mbr": "none"},
        checkpoint="best.ckpt",
        command="nmt evaluate runs/toy",
        seconds=1.0,
    )


def told(evaluation: Evaluation, words: str, run: Sequence[Evaluation] = ()) -> list[tuple[str, float]]:
    """The findings that have these words, each with its weight."""
    found = findings(evaluation, sentence_rows(evaluation, None, run), None, run)
    return [(each["text"], each["weight"]) for each in found if words in each["text"]]


def attended(record: Translation, columns: Sequence[int]) -> Translation:
    """The record, whose tokens attend to one source token each, and the end to the first."""
    return replace(record, attention=np.eye(len(record.source_tokens), dtype=np.float32)[[*columns, 1]])


def aligned(columns: Sequence[int]) -> Evaluation:
    """A sentence whose words belong to each other in order, and attend to these source tokens."""
    made = evaluated([("a b c d", "w x y z", "w x y z")])
    forced, gold = (attended(made.forced[0], columns),), (((0, 0), (1, 1), (2, 2), (3, 3)),)
    return replace(made, forced=forced, gold=gold, alignment=attention_error_rate(forced, gold))


def test_unknown_tokens_are_told_and_are_no_words_too_many() -> None:
    texts = "I am <unk> <unk> <unk>.", "He ran.", "The <unk> saw the <unk>.", "She ran."
    made = evaluated([(f"Satz {text}", text, "I am very glad today.") for text in texts])
    source = replace(made.translations[1], source_tokens=("<s>", "Satz", "<unk>", "ran", "."))
    made = replace(made, translations=(made.translations[0], source, *made.translations[2:]))
    assert unknown_tokens(made.translations) == UnknownTokens(5, 18, 6, 22)
    [(text, weight)] = told(made, "unknown token")
    assert text.startswith(
        "5 of 18 tokens (27.8%) of the translations and 6 of 22 (27.3%) of the sources are the unknown token, which "
        "2 of 4 translations have: "
    )
    assert weight == pytest.approx(5 / 18 / 0.02, abs=0.001)
    flags = [set(row["flags"]) & {"unknown", "repetition", "long"} for row in sentence_rows(made, None)]
    assert flags == [{"unknown"}, set(), {"unknown"}, set()]
    assert told(evaluated([("Ja.", "Yes.", "Yes.")]), "unknown token") == []


def test_sources_that_are_not_known_are_serious_too() -> None:
    made = evaluated([("eins zwei", "one", "one")])
    read = replace(made.translations[0], source_tokens=("<s>", "<unk>", "<unk>"))
    assert told(replace(made, translations=(read,)), "unknown token")[0][1] == 10


def test_the_references_alone_say_how_serious_search_errors_are() -> None:
    texts = ["one", "two", "three", "four"]
    made = evaluated([(text, text, f"{text} or so") for text in texts])
    missed = (replace(made.forced[0], score=0.0), *made.forced[1:])
    made = replace(made, forced=missed)
    better = tuple(replace(each, text=f"{each.text} too", score=0.0) for each in made.translations)
    wide = replace(made, name="wide", translations=better)
    [alone], [beside] = told(made, "which has missed it"), told(made, "which has missed it", [made, wide])
    assert alone[0].startswith("In at least 1 of 4 sentences (25.0%) the reference ranks above what the search found, ")
    assert beside[0].startswith("In at least 4 of 4 sentences (100.0%) the reference or another evaluation ranks above")
    assert "missed it (the reference in 1); in" in beside[0]
    assert alone[1] == beside[1] == 1.25


def test_words_of_the_source_that_are_left_are_told_but_names_are_not() -> None:
    names = [("Anna Schmidt schläft !", "anna schmidt sleeps !", "Anna Schmidt is sleeping .")] * 2
    assert told(evaluated(names), "left untranslated") == []
    [(text, weight)] = told(evaluated([*names, ("Sie ist krank .", "Sie ist ill .", "She is ill .")]), "untranslated")
    assert text == (
        "2 of 12 words of the translations (16.7%) stand in their source and not in the reference, most often “sie”, "
        "“ist”: they may be left untranslated."
    )
    assert weight == pytest.approx(1 / 6 / 0.05, abs=0.001)


def test_words_that_two_languages_share_are_no_fault() -> None:
    shared = [
        ("casa de piedra", "casa de pedra", "moradia em pedra"),
        ("casa de oro", "vivenda em ouro", "casa de ouro"),
    ]
    [(_, weight)] = told(evaluated(shared), "left untranslated")
    assert weight == 0


def test_references_in_another_case_are_told() -> None:
    texts = ["The Dog Runs In The Garden .", "A Child Sleeps On The Sofa ."]
    lowered = evaluated([(f"Satz {text}", text, text.lower()) for text in texts])
    [(text, weight)] = told(lowered, "in lower case")
    assert text.startswith("All in lower case, BLEU would be 100.0, not ")
    assert text.endswith(": 2 of 2 translations have a capital letter, 0 of the references.")
    assert weight > 1
    assert told(evaluated([(f"Satz {text}", text, text) for text in texts]), "in lower case") == []


@pytest.mark.parametrize(
    ("columns", "aer", "where"),
    [([2, 3, 4, 0], "0.143, not 1.000,", "left"), ([0, 1, 2, 3], "0.000, not 1.000,", "right")],
)
def test_an_attention_that_points_beside_the_words_is_told(columns: list[int], aer: str, where: str) -> None:
    [(text, weight)] = told(aligned(columns), "AER would be")
    assert f"AER would be {aer} if the attention were read one source token further {where}: " in text
    assert weight > 1
    assert told(aligned([1, 2, 3, 4]), "AER would be") == []


def test_effects_that_align_where_the_attention_does_not_are_told() -> None:
    effects = (np.eye(5, 4, dtype=np.float32),)
    wrong, right = (
        replace(aligned(columns), insight=Insight(effects=effects, forced_effects=effects))
        for columns in ([3, 4, 1, 2], [1, 2, 3, 4])
    )
    [(text, weight)] = told(wrong, "The effects align")
    assert text.startswith("The effects align far better than the attention (AER 0.000 against 1.000): ")
    assert weight > 1
    assert told(right, "The effects align") == []


@pytest.mark.parametrize(
    ("hidden", "told_as"),
    [
        ([3, 4], "2 of the source positions, the first of them 3"),
        ([-1], "1 of the source positions, the first of them 1, counted from the end"),
    ],
)
def test_source_positions_that_a_mask_hides_are_told(hidden: list[int], told_as: str) -> None:
    pairs = [("a b c d", "x", "x"), ("a b c d e", "x", "x")] * 20

    def masked(pairs: Sequence[Pair]) -> Evaluation:
        made = evaluated(pairs)
        for record in made.translations:
            record.attention[:] = 1
            record.attention[:, hidden] = 0
        return made

    [(text, weight)] = told(masked(pairs), "No step of any sentence")
    assert text.startswith(f"No step of any sentence attends to {told_as}: ")
    assert weight > 1
    assert told(masked(pairs[:19]), "No step of any sentence") == [], "too few to tell"
    assert told(evaluated(pairs), "No step of any sentence") == []


def test_what_is_serious_is_had_without_a_page() -> None:
    sound = [(f"Satz {number}", f"sentence number {number} .", f"sentence number {number} .") for number in range(9)]
    assert serious_findings(evaluated(sound)) == []
    [empty] = serious_findings(evaluated([*sound, ("Ja", "", "yes it is")]))
    assert empty == "1 flagged “empty”: no word at all."


def weights_told(pairs: Sequence[Pair]) -> dict[str, float]:
    """All findings, and their weights."""
    evaluation = evaluated(pairs)
    return {each["text"]: each["weight"] for each in findings(evaluation, sentence_rows(evaluation, None))}


def test_short_and_long_sources_are_set_beside_each_other_where_there_are_enough() -> None:
    lengths = [1] * 12 + [2, 3] * 8 + [4] * 12
    sentences = [("a b c d"[: 2 * length - 1], "x y" if length < 3 else "q", "x y") for length in lengths]
    told = "Sources of at most 1 words have a mean sentence chrF of 100.0, those of at least 4 words 0.0."
    assert weights_told(sentences)[told] == 0
    half = "Half of the sentences have a chrF of 50.0 or more; the weakest tenth have 0.0 at most."
    assert weights_told(sentences)[half] == 0
    for others in (sentences[:39], [("a b", "x y", "x y")] * 40):  # too few; all of one length
        assert not any(text.startswith("Sources of") for text in weights_told(others))


@pytest.mark.parametrize(
    ("text", "reference", "told", "weight"),
    [
        ("a b c", "a b", "50.0% longer than the references (3 words against 2)", 5),
        ("a", "a b", "50.0% shorter than the references (1 words against 2)", 5),
        ("c d", "a b", "as long as the references (2 words against 2)", 0),
    ],
)
def test_the_length_of_the_translations_is_set_beside_that_of_the_references(
    text: str, reference: str, told: str, weight: float
) -> None:
    assert weights_told([("x", text, reference)])[f"The translations are {told}."] == weight
    assert not any("the references (" in each for each in weights_told([("x", text, "")]))
