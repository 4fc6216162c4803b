"""Two runs on one test set: whether they differ by more than chance, and what the command prints."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_results import evaluation, translation

from nmt.cli import main
from nmt.evaluation.comparison import compare
from nmt.evaluation.metrics import LITERATURE, corpus_scores, score_differences
from nmt.evaluation.results import Evaluation

WORDS = ["the", "dog", "a", "man", "sees", "in", "park", "red", "small", "house", "is", "with"]


def corpus(sentences: int, noise: float, seed: int) -> list[str]:
    """The same sentences for every noise and seed, but for some of their words."""
    common, own = np.random.default_rng(0), np.random.default_rng(seed)
    found = []
    for _ in range(sentences):
        words = common.choice(WORDS, 9)
        wrong = own.random(9) < noise
        found.append(" ".join(np.where(wrong, own.choice(WORDS, 9), words)))
    return found


REFERENCES, GOOD, BAD = corpus(60, 0.0, 0), corpus(60, 0.2, 1), corpus(60, 0.25, 2)


@pytest.mark.parametrize("seed", range(2, 8))
def test_p_values_are_of_both_sides_and_agree_with_the_interval(seed: int) -> None:
    other = corpus(60, 0.25, seed)
    for found in score_differences(GOOD, other, REFERENCES, "en", bootstrap=2000):
        difference, deviation = found.score - found.baseline, (found.high - found.low) / 3.92
        two_sided = math.erfc(abs(difference) / deviation / math.sqrt(2.0))  # of a normal distribution
        assert found.p_value == pytest.approx(two_sided, abs=0.03)
        if not 0.03 < two_sided < 0.08:
            assert (found.p_value < 0.05) == (found.low > 0.0 or found.high < 0.0)


def test_one_sentence_tells_nothing_of_chance() -> None:
    for found in score_differences(BAD[:1], GOOD[1:2], REFERENCES[:1], "en", bootstrap=50):
        assert found.score != found.baseline
        assert found.p_value == 1.0


def test_differences_have_the_scores_and_their_sign_and_lie_within_their_interval() -> None:
    one, other = (corpus_scores(each, REFERENCES, "en", literature_form=True, bootstrap=50) for each in (BAD, GOOD))
    found = score_differences(BAD, GOOD, REFERENCES, "en", literature_form=True, bootstrap=50)
    assert [(each.baseline, each.signature, each.form) for each in found] == [
        (each.score, each.signature, each.form) for each in one
    ]
    assert [each.score for each in found] == [each.score for each in other]
    assert [each.score > each.baseline for each in found] == [True, True, False, True]  # TER counts errors
    assert all(each.low < each.score - each.baseline < each.high for each in found)
    assert found[-1].form == LITERATURE


def test_a_system_does_not_differ_from_itself() -> None:
    for found in score_differences(GOOD, GOOD, REFERENCES, "en", bootstrap=50):
        assert (found.low, found.score - found.baseline, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_a_difference_in_every_sentence_is_none_of_chance() -> None:
    worst = [each.replace("the", "xyz").replace("a", "q") for each in REFERENCES]
    assert all(each.p_value < 0.02 for each in score_differences(worst, REFERENCES, REFERENCES, "en", bootstrap=100))


def evaluated(texts: list[str]) -> Evaluation:
    """As many translations of the same sources."""
    plain = evaluation(*REFERENCES)
    records = [replace(translation(source), text=text) for source, text in zip(REFERENCES, texts, strict=True)]
    return replace(plain, translations=tuple(records), references=tuple(REFERENCES), split="test")


def test_gains_are_of_each_sentence() -> None:
    texts = [*REFERENCES[:1], "xyz", *REFERENCES[2:]]
    gains = compare(evaluated(REFERENCES), evaluated(texts), bootstrap=1).gains
    assert gains[1] == pytest.approx(-100.0)
    assert not gains[[0, *range(2, 60)]].any()


def test_other_sentences_or_references_are_not_compared() -> None:
    good = evaluated(GOOD)
    for other in (
        replace(good, references=(*REFERENCES[1:], "other")),
        replace(good, translations=(*good.translations[1:], translation("other"))),
        evaluation("eins"),
    ):
        with pytest.raises(ValueError, match="not of the same sentences"):
            compare(good, other)


def test_the_command_says_what_changed_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, texts = [REFERENCES[0], *BAD[1:]], ["moved \x1b[2J up\nand \ud800 on", *GOOD[1:]]
    for name, each in {"old": before, "new": texts, "third": before}.items():
        evaluated(each).save(tmp_path / name / "evaluations" / "test")
    old, new, third = (str(tmp_path / name) for name in ("old", "new", "third"))
    assert main(["compare", old, new, third, "--bootstrap", "50", "--examples", "2"]) == 0
    first, second = capsys.readouterr().out.split(f"{third} against {old}")
    lines = first.splitlines()
    assert lines[0] == f"{new} against {old}: 60 sentences of test"
    bleu, *_ = score_differences(before, texts, REFERENCES, "en", bootstrap=50)
    assert f"BLEU   {bleu.baseline:.2f} -> {bleu.score:.2f}" in lines[1]
    assert f"p = {bleu.p_value:.3f}  cased, detokenised  nrefs:1|bs:50" in lines[1]
    assert "AER    0.200 -> 0.200" in lines[4]
    assert len([line for line in lines if line.startswith("  sentence ")]) == 4
    assert "moved  [2J up and   on" in first
    assert "0 better, 0 worse, 60 alike" in second
    assert "sentence " not in second.partition("alike")[2]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["old"], "one is given: name two or more"),
        (["old", "new"], "new/evaluations/test: make it with `nmt evaluate`"),
        (["old", "old", "--split", "dev"], "old/evaluations/dev: make it"),
        (["old", "old", "--bootstrap", "0"], "--bootstrap 0 is not allowed, it must be at least 1"),
        (["old", "old", "--examples", "-1"], "--examples -1 is not allowed, it must be at least 0"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    evaluated(GOOD).save(tmp_path / "old" / "evaluations" / "test")
    assert main(["compare", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
