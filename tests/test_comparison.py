"""Two runs on one test set: whether they differ by more than chance, and what the command prints."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_results import evaluation, translation

from nmt.cli import main
from nmt.evaluation.chance import beyond_chance
from nmt.evaluation.comparison import bleu_gains, compare, of_same_sentences, search_changes
from nmt.evaluation.metrics import LITERATURE, Difference, corpus_scores, score_differences
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


def test_bleu_of_every_pair_differs_as_two_that_are_compared() -> None:
    def of(texts: list[str], name: str) -> Evaluation:
        records = tuple(replace(translation(right), text=text) for right, text in zip(REFERENCES, texts, strict=True))
        own = replace(evaluation(*REFERENCES), translations=records, name=name)
        return replace(own, references=tuple(REFERENCES))

    others = replace(evaluation("a dog", "a man"), name="others")
    good, bad, alone = bleu_gains([of(GOOD, "good"), of(BAD, "bad"), others], bootstrap=200)
    assert ([*good], [*bad], alone) == (["bad"], ["good"], {})
    bleu = score_differences(BAD, GOOD, REFERENCES, "en", bootstrap=200)[0]
    gain = bleu.score - bleu.baseline, bleu.low, bleu.high
    assert bad["good"] == (*map(pytest.approx, gain), bleu.p_text)
    assert good["bad"][0] == pytest.approx(-gain[0])


def test_a_system_does_not_differ_from_itself() -> None:
    for found in score_differences(GOOD, GOOD, REFERENCES, "en", bootstrap=50):
        assert (found.low, found.score - found.baseline, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_a_difference_in_every_sentence_is_none_of_chance() -> None:
    worst = [each.replace("the", "xyz").replace("a", "q") for each in REFERENCES]
    for bootstrap, shown in ((99, "≤ 0.010"), (300, "≤ 0.004"), (1200, "≤ 0.001")):
        found = score_differences(worst, REFERENCES, REFERENCES, "en", bootstrap=bootstrap)
        assert {(each.p_value, each.p_text) for each in found} == {(1 / (bootstrap + 1), shown)}


@pytest.mark.parametrize(("as_large", "shown"), [(0, "≤ 0.001"), (4, "≤ 0.001"), (5, "0.001")])
def test_no_p_value_of_many_samples_is_shown_as_less_than_a_thousandth(as_large: int, shown: str) -> None:
    samples = np.array([9.0] * as_large + [0.0] * (4999 - as_large))
    *_, p_value, text = beyond_chance(5.0, samples, sentences=60)
    assert (p_value, text) == ((as_large + 1) / 5000, shown)


def test_a_p_value_is_shown_in_three_digits() -> None:
    for found in score_differences(GOOD, corpus(60, 0.2, 9), REFERENCES, "en", bootstrap=100):
        assert found.p_value > 2 / 101
        assert found.p_text == f"{found.p_value:.3f}"


def evaluated(texts: list[str]) -> Evaluation:
    """As many translations of the same sources."""
    plain = evaluation(*REFERENCES)
    records = [replace(translation(source), text=text) for source, text in zip(REFERENCES, texts, strict=True)]
    forced = tuple(map(translation, REFERENCES))
    return replace(plain, translations=tuple(records), references=tuple(REFERENCES), forced=forced, split="test")


def test_what_cannot_be_compared_says_where_it_parts() -> None:
    one = evaluated(GOOD)
    shifted = replace(one, references=(*REFERENCES[:50], *REFERENCES[51:], "it's a last one"), name="shifted")
    told = rf"'test' and 'shifted' are .*: their references differ, first in sentence 51: '{REFERENCES[50]}' and '"
    with pytest.raises(ValueError, match=rf"{told}{REFERENCES[51]}'; evaluate one of them again"):
        compare(one, shifted)
    records = [*one.translations[:2], replace(one.translations[2], source="other"), *one.translations[3:]]
    with pytest.raises(ValueError, match=r"their sources differ, first in sentence 3: '.*' and 'other'; evaluate"):
        compare(one, replace(one, translations=tuple(records)))
    few = {name: getattr(one, name)[:7] for name in ("translations", "references", "forced", "gold")}
    with pytest.raises(ValueError, match="one has 60 of them, the other 7; evaluate"):
        compare(one, replace(one, **few))
    with pytest.raises(ValueError, match="one is of test, the other of web$"):
        compare(one, replace(shifted, split="web"))


def test_columns_are_as_wide_as_the_longest_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = score_differences

    def with_long_name(*of: Any) -> list[Difference]:
        return [*real(*of), replace(real(*of)[1], name="chrF2++")]

    monkeypatch.setattr("nmt.evaluation.comparison.score_differences", with_long_name)
    for name, texts in (("old", BAD), ("new", GOOD)):
        made = evaluated(texts)
        replace(made, scores=(*made.scores, replace(made.scores[0], name="chrF2++"))).save(
            tmp_path / name / "evaluations" / "test"
        )
    for runs in (["old", "new"], ["old"]):
        assert main(["compare", *(str(tmp_path / name) for name in runs), "--bootstrap", "100"]) == 0
        lines = capsys.readouterr().out.splitlines()
        scores = [line for line in lines if line.startswith(("  BLEU ", "  chrF2", "  TER ", "  AER "))]
        assert any("chrF2++" in line for line in scores)
        assert len({line.index(".") for line in scores if not line.startswith("  AER")}) == 1
        assert {line[9] for line in scores} == {" "}


def test_gains_are_of_each_sentence() -> None:
    texts = [*REFERENCES[:1], "xyz", *REFERENCES[2:]]
    gains = compare(evaluated(REFERENCES), evaluated(texts), bootstrap=1).gains
    assert gains[1] == pytest.approx(-100.0)
    assert not gains[[0, *range(2, 60)]].any()


def test_translations_that_differ_can_be_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = [*BAD[:3], "qq", *BAD[4:]], [*BAD[:3], "zz", BAD[4] + ".", *BAD[5:]]
    for name, texts in (("old", one), ("new", two)):
        evaluated(texts).save(tmp_path / name / "evaluations" / "test")
    assert main(["compare", str(tmp_path / "old"), str(tmp_path / "new"), "--bootstrap", "100"]) == 0
    assert "0 better, 1 worse, 1 alike, 58 same text" in capsys.readouterr().out


def aligned(right: list[bool]) -> Evaluation:
    """Of each sentence whether the attention to its reference is right, or all wrong; and one sentence without gold."""
    plain = replace(
        *(translation("a b"),),
        source_tokens=("<s>", "a", "b"),
        source_spans=((0, 0), (0, 1), (2, 3)),
        tokens=("a", "b"),
        spans=((0, 1), (2, 3)),
    )
    looks = {True: [[0, 1, 0], [0, 0, 1]], False: [[0, 0, 1], [0, 1, 0]]}
    records = tuple(replace(plain, attention=np.array(looks[each], np.float32)) for each in [*right, False])
    made = evaluation(*["a b"] * len(records))
    gold = (*[((0, 0), (1, 1))] * len(right), None)
    return replace(made, translations=records, references=("a b",) * len(records), forced=records, gold=gold)


def test_the_error_rates_of_attention_are_compared_over_the_same_sentences() -> None:
    one, two = aligned([True] * 20 + [False] * 20), aligned([True] * 30 + [False] * 10)
    found = compare(one, two, bootstrap=2000).aer
    assert found
    assert (found.name, found.baseline, found.score, found.higher_is_better) == ("AER", 0.5, 0.25, False)
    deviation = math.sqrt(0.25 * 0.75 / 40)  # 10 of 40 sentences gain all
    assert (found.low, found.high) == (
        pytest.approx(-0.25 - 1.96 * deviation, abs=0.03),
        pytest.approx(-0.25 + 1.96 * deviation, abs=0.03),
    )
    assert found.p_value < 0.01
    few = compare(one, aligned([True] * 21 + [False] * 19), bootstrap=500).aer
    assert few
    assert few.p_value > 0.2
    same = compare(one, one, bootstrap=50).aer
    assert same
    assert (same.low, same.high, same.p_value) == (0.0, 0.0, 1.0)
    assert compare(one, replace(two, gold=(((0, 0),), *two.gold[1:])), bootstrap=1).aer is None
    without = [replace(each, gold=(None,) * 41) for each in (one, two)]
    assert compare(*without, bootstrap=1).aer is None


def test_sources_whose_letters_are_spelled_otherwise_are_the_same() -> None:
    one = evaluation("one")
    composed, decomposed, other = (
        replace(one, translations=(replace(one.translations[0], source=source),)) for source in ("é", "e\u0301", "e")
    )
    assert of_same_sentences(composed, decomposed)
    assert not of_same_sentences(composed, other)


def test_other_sentences_or_references_are_not_compared() -> None:
    good = evaluated(GOOD)
    for other in (
        replace(good, references=(*REFERENCES[1:], "other")),
        replace(good, translations=(*good.translations[1:], translation("other"))),
        evaluation("eins"),
    ):
        with pytest.raises(ValueError, match="'test' and 'test.*' are not of the same sentences"):
            compare(good, other)
    with pytest.raises(ValueError, match="references: one is of test, the other of test_2016"):
        compare(good, evaluation("eins"))


def test_only_what_a_translation_can_depend_on_tells_searches_apart() -> None:
    beam = {"decoding": "beam 5, fp32", "corpus": "a", "beam_size": 5, "length_penalty": 1.0, "keep_beam": True}
    plain = replace(evaluated(GOOD), search=beam)

    def changes(**others: Any) -> dict[str, tuple[Any, Any]]:
        return search_changes(plain, replace(plain, search={**beam, **others}))

    assert changes(corpus="b", keep_beam=False, groups=2) == {}
    assert changes(decoding="greedy, fp32", beam_size=1) == {"beam_size": (5, 1)}
    assert changes(decoding="beam 5, int8") == {"decoding": ("beam 5, fp32", "beam 5, int8")}
    stops, goes_on = ({"groups": groups, "early_stopping": stops} for groups, stops in ((1, True), (2, False)))
    assert search_changes(replace(plain, search=stops), replace(plain, search=goes_on)) == {"groups": (1, 2)}
    assert search_changes(plain, replace(plain, search={"beam_size": 1}, given=True)) == {}


def test_the_command_says_what_changed_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, texts = [REFERENCES[0], *BAD[1:]], ["moved \x1b[2J up\nand \ud800 on", *GOOD[1:]]
    for name, each in {"old": before, "new": texts, "third": before}.items():
        made = replace(evaluated(each), name="mine")
        if name == "third":
            made = replace(made, search={"decoding": "greedy, fp32", "beam_size": 1}, checkpoint="step 7")
        made.save(tmp_path / name / "evaluations" / "test")
    old, new, third = (str(tmp_path / name) for name in ("old", "new", "third"))
    assert main(["compare", old, new, third, "--bootstrap", "100", "--examples", "2"]) == 0
    shown = capsys.readouterr().out
    first, second = shown.split(f"{third} against {old}")
    lines = first.splitlines()
    assert lines[:3] == [
        f"{new} against {old}: 60 sentences of test",
        "  old  beam 5, fp32; checkpoints/best.ckpt",
        "  new  beam 5, fp32; checkpoints/best.ckpt",
    ]
    bleu, _, ter = score_differences(before, texts, REFERENCES, "en", bootstrap=100)
    scores = f"{bleu.baseline:.2f} ->  {bleu.score:.2f}  {bleu.score - bleu.baseline:+.2f} "
    assert lines[3].startswith(f"  BLEU   {scores}")
    assert lines[3].endswith(f"  p {bleu.p_text:>7}  cased")
    assert lines[5].endswith(f"  p {ter.p_text:>7}  lower is better")
    assert lines[6] == "  AER    0.985 ->  0.985  +0.000 [+0.000, +0.000]  p   1.000  lower is better"
    assert len([line for line in lines if line.startswith("  sentence ")]) == 4
    assert "    new        moved  [2J up and   on" in lines
    assert second.splitlines()[1:4] == [
        "  old    beam 5, fp32; checkpoints/best.ckpt",
        "  third  greedy, fp32; step 7",
        "  not searched alike: beam_size 5 and 1",
    ]
    assert "0 better, 0 worse, 0 alike, 60 same text" in second
    assert "sentence " not in second.partition("same text")[2]
    assert shown.count(f"BLEU, cased, detokenised:\n  {bleu.signature}\n") == 1
    short = [line for line in shown.splitlines() if str(tmp_path) not in line and "nrefs" not in line]
    assert max(map(len, short)) <= 80


def test_what_is_compared_is_what_all_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    labels = {"one": ("flickr", "coco"), "two": ("flickr",), "three": ("coco", "flickr", "test"), "four": ("web",)}
    others = replace(evaluated(GOOD), references=tuple(GOOD))
    for run, found in labels.items():
        for label in found:
            made = others if label == "test" else evaluated(GOOD)
            made = replace(made, split=label if label != "coco" else "flickr", name=label)
            made.save(tmp_path / run / "evaluations" / label)

    def compared(*arguments: str) -> str:
        code = main(["compare", *arguments, "--bootstrap", "100"])
        output, error = capsys.readouterr()
        return output.partition("\n")[0] if code == 0 else error

    assert compared("one", "two") == "two against one: 60 sentences of flickr"
    assert compared("one/evaluations/", "two") == "two against one: 60 sentences of flickr"
    assert compared("three", "three") == "three against three: 60 sentences of test"
    assert compared("three", "one/evaluations/coco") == "one/evaluations/coco against three: 60 sentences of flickr"
    both = "one/evaluations/coco", "two/evaluations/flickr"
    assert compared(*both) == f"{both[1]} against {both[0]}: 60 sentences of flickr"
    assert "with --split: all have coco, flickr\n" in compared("one", "three")
    assert compared("one", "three", "--split", "coco") == "three against one: 60 sentences of flickr"
    assert "no evaluation that all have: two has flickr; four has web\n" in compared("two", "four")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "the following arguments are required: RUN"),
        (["old", "new"], "new: no such folder; give a run (runs/<name>) or an evaluation within one"),
        (["old", "."], "there is no evaluation of a run in .: `nmt evaluate` makes one"),
        (["old", "old/evaluations/dev"], "no evaluation in old/evaluations/dev: make it with `nmt evaluate`"),
        (["old", "old", "--split", "dev"], "old has no evaluation 'dev', it has test"),
        (["old", "old", "--bootstrap", "99"], "--bootstrap: 99 is not allowed, it must be at least 100"),
        (["old", "old", "--examples", "-1"], "--examples: -1 is not allowed, it must be at least 0"),
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
