"""What is said of pairs that do not belong together, or that the model was trained on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from test_results import evaluation

from nmt.evaluation.shift import Shift
from nmt.report.build import build_report
from nmt.report.pair_findings import pair_findings, why_near_zero

MADE = evaluation("eins", "zwei", "drei", "vier")


def test_references_in_the_wrong_line_are_told_with_their_place() -> None:
    [found] = pair_findings(replace(MADE, shift=Shift(1, 3, -1, 20.04, 60.26)))
    assert found == {
        "text": "From about sentence 2 to 4 the references seem to be shifted by a line: there the mean sentence "
        "chrF is 20.0, and 60.3 against that of the line before.",
        "flag": None,
        "compared": None,
        "weight": 76.0,
    }
    [found] = pair_findings(replace(MADE, shift=Shift(0, 2, 1, 20, 60)))
    assert found["text"].endswith("against that of the next line.")


def test_references_that_are_not_detokenised_are_told() -> None:
    tokenised = replace(MADE, references=tuple(f"{each.text} ." for each in MADE.translations))
    [found] = pair_findings(tokenised)
    told = "Many references have “ .”, as another program has tokenised or cut them; "
    assert (found["text"], found["weight"]) == (f"{told}the translations have not, which costs TER.", 2)
    alike = [replace(each, text=f"{each.text} .") for each in MADE.translations]
    [found] = pair_findings(replace(tokenised, translations=tuple(alike)))
    assert (found["text"], found["weight"]) == (f"{told}so have the translations.", 0)


def test_a_language_whose_code_does_not_tell_that_it_has_no_spaces_is_told() -> None:
    """BLEU and TER count the words of another language then."""
    chinese = replace(MADE, references=("狗在睡觉。",) * 4)
    [found] = pair_findings(replace(chinese, tgt="target"))
    assert found["text"].startswith("The references write no spaces between words, of which the language code “target”")
    assert found["weight"] == 2
    assert pair_findings(replace(chinese, tgt="zh_CN")) == []


def test_references_of_the_training_data_are_told() -> None:
    [found] = pair_findings(replace(MADE, seen_references=(2,)))
    assert (found["text"], found["weight"]) == ("1 of 4 references (25.0%) stand in the training data.", 5)
    assert pair_findings(replace(MADE, seen_references=())) == pair_findings(MADE) == []


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ("abcd", "the references do not belong to these sources"),
        ("aabb", "the decoder goes by the target alone, or sources and targets of the training data do not belong"),
    ],
)
def test_what_a_worthless_source_means_is_told_by_the_translations(texts: str, why: str, tmp_path: Path) -> None:
    records = [replace(each, text=text) for each, text in zip(MADE.translations, texts, strict=True)]
    made = replace(MADE, translations=tuple(records), source_worth=0.01, shift=Shift(1, 3, -1, 20, 60))
    assert why_near_zero(made).startswith(why)
    made.save(tmp_path / "run" / "evaluations" / "test")
    report = build_report(tmp_path / "run", tmp_path / "out").with_name("report.json")
    [shown] = json.loads(report.read_text())["evaluations"]
    first, second = (each["text"] for each in shown["findings"][:2])
    assert "shifted by a line: there the mean" in first
    assert f"with another sentence’s source. Near zero, {why}" in second


def test_a_source_that_does_harm_is_as_serious_as_one_that_is_worth_nothing() -> None:
    told = [pair_findings(replace(MADE, source_worth=worth))[0]["weight"] for worth in (5.0, 0.5, 0.0, -3.0)]
    assert told == [0.1, 1, 50, 50]
