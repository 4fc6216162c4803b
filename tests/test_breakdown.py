"""Where evaluations are good, and where two differ, in cases worked by hand."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pytest
from sacrebleu import sentence_chrf
from test_results import evaluation, translation

from nmt.cli import main
from nmt.cli.differences import range_text
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.evaluation import frequencies
from nmt.evaluation.bleu_tokens import bleu_words
from nmt.evaluation.breakdown import (
    LENGTHS,
    breakdown,
    by_frequency,
    by_sentences,
)
from nmt.evaluation.frequencies import TrainingCounts, load_counts, save_counts, training_counts
from nmt.evaluation.metrics import bleu, corpus_scores
from nmt.evaluation.phrases import Ngram, Word, changed_ngrams, misused_words
from nmt.evaluation.results import Evaluation

REFERENCES = ["a b c d", "a b c d e f g h i j .", "", "g h", " ".join("abcdefghij" * 7)]
ONE = ["a b c d", "a b c", "", "g", " ".join("abcdefghij" * 7)]
TWO = ["a x c d", "a b c d e f g h i j k l m n o", "x", "h h", "a"]


def evaluated(texts: list[str], references: list[str]) -> Evaluation:
    records = [replace(translation(right), text=text) for right, text in zip(references, texts, strict=True)]
    plain = evaluation(*references)
    forced = tuple(map(translation, references))
    return replace(plain, translations=tuple(records), references=tuple(references), forced=forced, split="test")


def split(texts: list[str]) -> list[list[str]]:
    return [text.split() for text in texts]


def test_sentences_are_scored_by_a_number_of_each() -> None:
    lengths = [len(text.split()) for text in REFERENCES]
    short, middle, endless = by_sentences(LENGTHS, lengths, [ONE, TWO], REFERENCES, "en")
    assert [(each.least, each.most, each.sentences) for each in (short, middle, endless)] == [
        (0, 9, 3),
        (10, 14, 1),
        (60, None, 1),
    ]
    assert middle.length_ratio == (3 / 11, 15 / 11)
    assert short.length_ratio == (5 / 6, 7 / 6)  # 4 + 0 + 1 and 4 + 1 + 2 words for 4 + 0 + 2
    assert middle.bleu == (bleu(ONE[1:2], REFERENCES[1:2], "en"), bleu(TWO[1:2], REFERENCES[1:2], "en"))
    assert endless.bleu[0] == pytest.approx(100)
    chrf = [sentence_chrf(ONE[row], [REFERENCES[row]]).score for row in (0, 2, 3)]
    assert short.chrf[0] == pytest.approx(sum(chrf) / 3)
    assert by_sentences(LENGTHS, [0], [[""], ["x"]], [""], "en")[0].length_ratio == (0, 1)
    assert by_sentences(LENGTHS, [1], [["don't"]], ["go"], "en")[0].length_ratio == (3,), "not as BLEU counts words"
    [one] = by_sentences(LENGTHS, [None, 3], [["x", "y"]], ["x", "y"], "en")
    assert (one.sentences, one.chrf) == (1, (100,))


RANGES = [
    (0, 0, "0"),
    (0, 9, "below 10"),
    (0, 999, "below 1,000"),
    (1, 1, "1"),
    (10, 1200, "10 to 1,200"),
    (1000, None, "1,000 and more"),
]
"""Ranges in words, by `nmt compare` and in the report."""


@pytest.mark.parametrize(("least", "most", "text"), RANGES)
def test_a_range_is_said_in_words(least: int, most: int | None, text: str) -> None:
    assert range_text(least, most) == text


def test_ranges_of_many_sentences_have_an_interval_of_the_value_or_of_the_difference() -> None:
    references = ["a b c d e", "f g h i j", "k l m n o"] * 10
    right, wrong = references, ["a b c d x", "f g h i j k", "k l m n o"] * 10
    lengths = [5] * 30
    [few] = by_sentences(LENGTHS, lengths[1:], [wrong[1:]], references[1:], "en")
    assert few.intervals == {}
    [one] = by_sentences(LENGTHS, lengths, [wrong], references, "en")
    [two] = by_sentences(LENGTHS, lengths, [right, wrong], references, "en")
    for name, ends in one.intervals.items():
        [value] = getattr(one, name)
        before, now = getattr(two, name)
        assert ends[0] < value < ends[1]
        assert two.intervals[name] == pytest.approx([end - before for end in ends])  # as what is right has no spread
        assert now == value
    assert list(one.intervals) == ["chrf", "bleu", "length_ratio"]
    scores = corpus_scores(wrong, references, "en")
    assert one.intervals["bleu"] == pytest.approx((scores[0].low, scores[0].high))


def test_words_are_scored_by_their_frequency() -> None:
    counts = {"a": 1000, "b": 999, "c": 5, "d": 9}
    references, one, two = split(["a b c", "a d e"]), split(["a a b", "e d a"]), split(["a x c", "c b d"])
    unseen, rare, frequent, common = by_frequency([one, two], references, counts)
    assert [(each.least, each.most, each.words) for each in (unseen, rare, frequent, common)] == [
        (0, 0, 1),
        (1, 9, 2),
        (100, 999, 1),
        (1000, None, 2),
    ]
    assert unseen.f1 == (100, 0)  # "e" is found; "x" is not what is wanted
    assert rare.f1 == (pytest.approx(200 / 3), 80)  # "d" of one word for two; "c", "d" of three words for two
    assert frequent.f1 == (100, 0)  # "b" is wanted in the first sentence, not in the second
    assert common.f1 == (80, pytest.approx(200 / 3))  # the second "a" of a sentence is wanted once


def test_ngrams_are_those_that_one_has_right_more_often() -> None:
    references = split(["in the park a dog runs"] * 9)
    one, two = split(["in the park a cat runs"] * 9), split(["in the garden a dog sits"] * 9)
    gained, lost = changed_ngrams(one, two, references)
    assert gained == [Ngram("a dog", 9, (0, 9))]  # not "dog" alone too
    assert lost == [Ngram("in the park a", 9, (9, 0)), Ngram("runs", 9, (9, 0))]
    assert changed_ngrams(one, one, references) == ([], [])
    references, cats = split(["a dog", "the dog"] * 8), split(["a cat", "the cat"] * 8)
    assert changed_ngrams(cats, references, references)[0] == [Ngram("dog", 16, (0, 16))]  # not "a dog" too


@pytest.mark.parametrize(("matches", "listed"), [((0, 3), 0), ((0, 4), 1), ((9, 16), 0), ((8, 17), 0), ((6, 16), 1)])
def test_a_change_that_chance_could_make_is_not_listed(matches: tuple[int, int], listed: int) -> None:
    before, now = (split(["x"] * right + ["y"] * (20 - right)) for right in matches)
    assert len(changed_ngrams(before, now, split(["x"] * 20))[0]) == listed
    assert ((matches[1] - matches[0]) / math.sqrt(sum(matches)) >= 2) == bool(listed)


def test_an_ngram_counts_as_often_as_the_reference_has_it() -> None:
    gained, _ = changed_ngrams(split([""] * 5), split(["x y x"] * 5), split(["x z"] * 5))
    assert gained == [Ngram("x", 5, (0, 5))]


def test_words_written_too_often_or_too_seldom_are_those_beyond_chance() -> None:
    references = split(["a dog runs ."] * 8)
    before, now = split(["a dog runs ."] * 8), split(["is is a dog"] * 8)
    often, seldom = misused_words([before, now], references)
    assert often == [Word("is", 0, (0, 16))]
    assert seldom == [Word(".", 8, (8, 0)), Word("runs", 8, (8, 0))]
    assert misused_words([now, before], references) == ([], [])
    assert misused_words([split(["x", "x", "x"])], split(["y", "y", "y"])) == ([], [])  # as chance could


def test_a_breakdown_counts_in_the_references_what_has_no_other_frequency() -> None:
    references = ["the dog runs.", "the dog sits."]
    plain = evaluated(references, references)
    found = breakdown(plain, plain)
    assert [(each.least, each.words, each.f1) for each in found.by_frequency] == [(1, 8, (100, 100))]
    assert (found.frequencies_of, found.by_rarest) == ("references", [])
    own = replace(plain, training_counts=TrainingCounts({"the": 7, "dog": 7, "runs": 2, ".": 9}, {"dog": 70}, 9, 9))
    before = replace(plain, training_counts=TrainingCounts({}, {"dog": 7, ".": 5}, 9, 9))
    found = breakdown(before, own)
    assert [(each.least, each.words) for each in found.by_frequency] == [(0, 4), (1, 4)]  # as the baseline has them
    assert found.frequencies_of == "training"
    assert [(each.least, each.most, each.sentences) for each in found.by_rarest] == [(0, 0, 1), (1, 4, 1)]
    assert breakdown(plain, own).frequencies_of == "references"  # what is known of one does not hold for all words
    assert [(each.least, each.sentences) for each in found.by_length] == [(0, 2)]
    assert (found.gained, found.lost) == ([], [])


def test_of_one_evaluation_there_is_one_value() -> None:
    found = breakdown(evaluated(["the dog"] * 9, ["the dog runs"] * 9))
    assert found.by_length[0].chrf == (pytest.approx(sentence_chrf("the dog", ["the dog runs"]).score),)
    assert found.too_seldom == [Word("runs", 9, (0,))]
    assert (found.gained, found.lost) == ([], [])


def test_words_are_those_of_bleu() -> None:
    assert bleu_words(["The dog's 3.5 m.", ""], "en") == [["The", "dog's", "3.5", "m", "."], []]
    assert bleu_words(["狗叫。"], "zh") == [["狗", "叫", "。"]]


CORPUS = datasets.Dataset.from_dict({"src": ["Ein Hund.", "Ein hund"], "tgt": ["The dog's 3.5 m.", "a dog"]})


def test_words_are_counted_in_the_training_data_as_they_are_written(
    tmp_path: Path, monkeypatch: Any, tokenizers: TokenizerPair
) -> None:
    counts = training_counts(CORPUS, tokenizers, "en", False, ["Ein Hund läuft.", "hund"], ["a dog", "The dog's"])
    assert counts == TrainingCounts(
        {".": 1, "Ein": 2, "Hund": 1, "hund": 1}, {"The": 1, "a": 1, "dog": 1, "dog's": 1}, 2, 2
    )
    assert [counts.rarest(text) for text in ("Ein Hund.", "Ein Hund läuft.", "")] == [1, 0, None]
    save_counts(tmp_path / "counts", counts)
    assert load_counts(tmp_path / "counts") == counts
    assert load_counts(tmp_path / "none") is None
    monkeypatch.setattr(frequencies, "MOST_PAIRS", 1)
    few = training_counts(CORPUS, tokenizers, "en", False, ["hund Hund"], ["dog"])
    assert (few.src, few.tgt, few.pairs, few.of_pairs) == ({"Hund": 1}, {}, 1, 2)
    monkeypatch.setattr(frequencies, "MOST_PAIRS", 2)
    longer = datasets.concatenate_datasets([CORPUS.select([0])] * 5 + [CORPUS.select([1])])
    assert training_counts(longer, tokenizers, "en", False, ["hund"], []).src == {"hund": 1}, "spread over all"


def test_words_are_counted_in_lower_case_where_the_model_reads_them_so(tokenizers: TokenizerPair) -> None:
    assert training_counts(CORPUS, tokenizers, "en", True, ["Ein Hund", "HUND"], ["DOG"]).src == {
        "Ein": 2,
        "Hund": 2,
        "HUND": 2,
    }


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with two evaluations, the second better in each sentence, and what it was trained on."""
    run = tmp_path / "run"
    references = ["EIN HUND RENNT LAUT", "DER VOGEL SINGT NICHT" + " LA" * 6] * 4
    before, now = ["EIN HUND RENNT", "DER HUND"] * 4, ["EIN HUND RENNT LAUT", "DER VOGEL SINGT NICHT"] * 4
    known = dict.fromkeys(["EIN", "HUND", "RENNT", "DER", "VOGEL", "SINGT", "NICHT"], 20)
    for name, texts in (("test", before), ("more", now)):
        made = replace(evaluated(texts, references), name=name, training_counts=TrainingCounts(known, known, 9, 9))
        made.save(run / "evaluations" / name)
    return run


def test_the_command_shows_where_they_differ(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["compare", str(run), str(run / "evaluations" / "more"), "--bootstrap", "100", "--examples", "0"]
    assert main(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    begin = next(number for number, line in enumerate(lines) if "words in the source" in line)
    assert [line.split() for line in lines[begin : begin + 3]] == [
        ["words", "in", "the", "source", "sentences", "BLEU", "length", "ratio"],
        ["below", "10", "4", "0.00", "->", "100.00", "+100.00", "0.75", "->", "1.00"],
        ["10", "to", "14", "4", "0.00", "->", "22.31", "+22.31", "0.20", "->", "0.40"],
    ]
    shown = "\n".join(lines)
    assert "frequency in training" in shown
    assert ["0", "28", "0.00", "->", "25.00", "+25.00"] in [line.split() for line in lines]  # "LAUT" and "LA"
    gained = next(number for number, line in enumerate(lines) if "n-grams gained" in line)
    assert lines[gained + 1].split() == ["DER", "VOGEL", "SINGT", "NICHT", "4", "0", "->", "4", "+4"]
    assert "lost" not in shown
    assert max(len(line) for line in lines if "nrefs" not in line and str(run) not in line) <= 80
    (run / "evaluations" / "test" / "training_counts.json").unlink()
    assert main([*asked[:2], *asked[1:2], *asked[3:]]) == 0
    shown = capsys.readouterr().out
    assert "frequency in references" in shown
    assert "rarest word" not in shown
    assert "  no n-gram gained or lost by more than chance\n" in shown


def test_the_command_shows_where_one_run_is_good(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["compare", str(run / "evaluations" / "test")]
    assert main(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{run / 'evaluations' / 'test'}: 8 sentences of test"
    split_lines = [line.split() for line in lines]
    assert ["below", "10", "4", "0.00", "0.75"] in split_lines
    assert split_lines[
        split_lines.index(["rarest", "word,", "in", "training", "sentences", "BLEU", "mean", "chrF"]) + 1
    ][:3] == ["0", "8", "0.00"]
    assert ["0", "28", "0.00"] in split_lines
    assert ["LA", "24", "0"] in split_lines[split_lines.index(["written", "too", "seldom", "wanted", "written"]) :]
    assert "gained" not in "\n".join(lines)
    assert max(map(len, lines[1:])) <= 80
    assert main([*asked, "--format", "json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert (found["other"]["label"], found["scores"][0]["name"], found["aer"]) == ("test", "BLEU", 0.2)
    assert found["by_length"][0]["length_ratio"] == [0.75]
    assert found["too_seldom"][0] == {"word": "LA", "references": 24, "written": [0]}


def test_json_has_all_of_it(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = run / "evaluations" / "more"
    assert main(["compare", str(run), str(more), str(more), "--bootstrap", "100", "--format", "json"]) == 0
    found, again = json.loads(capsys.readouterr().out)
    assert found == again
    assert found["baseline"] == {
        "path": str(run),
        "split": "test",
        "label": "test",
        "decoding": "beam 5, fp32",
        "checkpoint": "checkpoints/best.ckpt",
    }
    assert (found["other"]["path"], found["other"]["label"]) == (str(more), "more")
    assert [each["name"] for each in found["scores"]] == ["BLEU", "chrF2", "TER"]
    assert found["scores"][0]["signature"].startswith("nrefs:1|bs:100|")
    assert found["not_searched_alike"] == {}
    assert (found["aer"]["name"], found["aer"]["low"], found["aer"]["p_value"]) == ("AER", 0.0, 1.0)
    assert len(found["gains"]) == 8
    assert all(gain > 0 for gain in found["gains"])
    assert found["frequencies_of"] == "training"
    assert found["by_length"][0] == {
        "least": 0,
        "most": 9,
        "sentences": 4,
        "chrf": [pytest.approx(sentence_chrf("EIN HUND RENNT", ["EIN HUND RENNT LAUT"]).score), 100],
        "bleu": [0, pytest.approx(100)],
        "length_ratio": [0.75, 1],
        "intervals": {},
    }
    assert found["by_frequency"][0] == {"least": 0, "most": 0, "words": 28, "f1": [0, 25]}
    assert found["gained"][0] == {"words": "DER VOGEL SINGT NICHT", "references": 4, "right": [0, 4]}
    assert found["lost"] == []
    assert main(["compare", str(more), str(run), "--bootstrap", "100", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["frequencies_of"] == "training"
