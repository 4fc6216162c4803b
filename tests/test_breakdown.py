"""Where two evaluations differ, in cases worked by hand."""

import json
import math
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from test_results import evaluation, translation

from nmt.cli import main
from nmt.config import Config, DataConfig
from nmt.evaluation import frequencies
from nmt.evaluation.breakdown import Ngram, breakdown, by_frequency, by_length, changed_ngrams
from nmt.evaluation.frequencies import training_frequencies
from nmt.evaluation.metrics import bleu, bleu_words
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


def test_sentences_are_scored_by_the_length_of_their_reference() -> None:
    short, middle, endless = by_length(ONE, TWO, REFERENCES, "en")
    assert [(each.least, each.most, each.sentences) for each in (short, middle, endless)] == [
        (0, 9, 3),
        (10, 14, 1),
        (60, None, 1),
    ]
    assert middle.length_ratio == (3 / 11, 15 / 11)
    assert short.length_ratio == (5 / 6, 7 / 6)  # 4 + 0 + 1 and 4 + 1 + 2 words for 4 + 0 + 2
    assert middle.bleu == (bleu(ONE[1:2], REFERENCES[1:2], "en"), bleu(TWO[1:2], REFERENCES[1:2], "en"))
    assert endless.bleu[0] == pytest.approx(100)
    assert by_length([""], ["x"], [""], "en")[0].length_ratio == (0, 1)


def test_words_are_scored_by_their_frequency() -> None:
    counts = {"a": 1000, "b": 999, "c": 5, "d": 9}
    references, one, two = split(["a b c", "a d e"]), split(["a a b", "e d a"]), split(["a x c", "c b d"])
    unseen, rare, frequent, common = by_frequency(one, two, references, counts)
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


def test_a_breakdown_counts_in_the_references_what_has_no_other_frequency() -> None:
    references = ["the dog runs.", "the dog sits."]
    found = breakdown(evaluated(references, references), evaluated(references, references))
    assert [(each.least, each.words, each.f1) for each in found.by_frequency] == [(1, 8, (100, 100))]
    found = breakdown(evaluated(references, references), evaluated(references, references), {"dog": 70, ".": 5})
    assert [(each.least, each.words) for each in found.by_frequency] == [(0, 4), (1, 2), (10, 2)]
    assert [(each.least, each.sentences) for each in found.by_length] == [(0, 2)]
    assert (found.gained, found.lost) == ([], [])


def test_words_are_those_of_bleu() -> None:
    assert bleu_words(["The dog's 3.5 m.", ""], "en") == [["The", "dog's", "3.5", "m", "."], []]
    assert bleu_words(["狗叫。"], "zh") == [["狗", "叫", "。"]]


@pytest.fixture
def run(corpus_folder: Path, tmp_path: Path) -> Path:
    """A run whose training data is at hand, with two evaluations, the second better in each sentence."""
    run = tmp_path / "run"
    references = ["EIN HUND RENNT LAUT", "DER VOGEL SINGT NICHT" + " LA" * 6] * 4
    before, now = ["EIN HUND RENNT", "DER HUND"] * 4, ["EIN HUND RENNT LAUT", "DER VOGEL SINGT NICHT"] * 4
    for name, texts in (("test", before), ("more", now)):
        replace(evaluated(texts, references), name=name).save(run / "evaluations" / name)
    config = Config("run", data=DataConfig(path=str(corpus_folder), src="de", tgt="en"))
    (run / "config.yaml").write_text(json.dumps(asdict(config)))
    return run


def test_the_words_of_the_training_data_are_counted(run: Path, corpus_folder: Path, monkeypatch: Any) -> None:
    lines = (corpus_folder / "train.en").read_text().splitlines()
    assert training_frequencies(run) == Counter(" ".join(lines).split())
    monkeypatch.setattr(frequencies, "MOST_PAIRS", 7)
    assert training_frequencies(run) == Counter(" ".join(lines[:7]).split())
    corpus_folder.rename(corpus_folder.with_name("moved"))
    assert training_frequencies(run) is None
    assert training_frequencies(run.parent) is None


def test_the_command_shows_where_they_differ(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["compare", str(run), str(run / "evaluations" / "more"), "--bootstrap", "100", "--examples", "0"]
    assert main(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    begin = next(number for number, line in enumerate(lines) if "words in the reference" in line)
    assert [line.split() for line in lines[begin : begin + 3]] == [
        ["words", "in", "the", "reference", "sentences", "BLEU", "length", "ratio"],
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
    (run / "config.yaml").unlink()
    assert main([*asked[:2], *asked[1:2], *asked[3:]]) == 0
    shown = capsys.readouterr().out
    assert "frequency in references" in shown
    assert "  no n-gram gained or lost by more than chance\n" in shown


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
        "bleu": [0, pytest.approx(100)],
        "length_ratio": [0.75, 1],
    }
    assert found["by_frequency"][0] == {"least": 0, "most": 0, "words": 28, "f1": [0, 25]}
    assert found["gained"][0] == {"words": "DER VOGEL SINGT NICHT", "references": 4, "right": [0, 4]}
    assert found["lost"] == []
    assert main(["compare", str(more), str(run), "--bootstrap", "100", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["frequencies_of"] == "training"
