"""A run on text that another program has cut: from training to the report, all that is read by people is plain."""

import io
import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import TINY_RUN

from nmt.cli import main
from nmt.data.words import words_of_tokens
from nmt.decoding.translation import Request
from nmt.decoding.translator import Translator
from nmt.evaluation.card import model_card
from nmt.evaluation.results import Evaluation

CUTS = {"schläft": "schl@@ ä@@ ft", "katze": "kat@@ ze", "SCHLÄFT": "SCHL@@ ÄFT", "VOGEL": "VO@@ GEL"}


def cut(text: str) -> str:
    return " ".join(CUTS.get(word, word) for word in text.split())


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def run(corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run on `corpus_folder`, cut; the plain texts are in tmp_path/plain."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").mkdir()
    for path in corpus_folder.iterdir():
        texts = lines(path)
        (tmp_path / "plain" / path.name).write_text("".join(f"{text}\n" for text in texts))
        path.write_text("".join(f"{cut(text)}\n" for text in texts))
    presplit = ["--data.tokenizer.kind", "presplit", "--data.tokenizer.joiner", "@@", "--trainer.max_epochs", "2"]
    arguments = ["--name", "run", "--data.path", str(corpus_folder), "--overwrite", *TINY_RUN, *presplit]
    assert main(["train", *arguments]) == 0
    return tmp_path / "runs" / "run"


def test_what_is_evaluated_and_shown_is_plain(
    run: Path, corpus_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--device", "cpu", "--what-if", "2", "--looks", "--neighbors", "1"]
    assert main(["evaluate", str(run), *asked]) == 0
    assert "many references have" not in capsys.readouterr().out
    made = Evaluation.load(run / "evaluations" / "test")
    assert [each.source for each in made.translations] == lines(tmp_path / "plain" / "test.de")
    assert [each.text for each in made.forced] == list(made.references) == lines(tmp_path / "plain" / "test.en")
    for each in (*made.translations, *made.forced, *(branch.translation for branch in made.insight.branches)):
        assert "@@" not in each.text + each.source
        words = words_of_tokens(each.source, each.source_tokens, each.source_spans)
        assert words[0] == []
        assert sorted({word for own in words for word in own}) == list(range(len(each.source.split())))
        assert each.source_complete
    for branch in made.insight.branches:
        assert branch.translation.source_tokens == made.translations[branch.fork.sentence].source_tokens
    assert made.insight.neighbors is not None
    known = set(zip(*(lines(tmp_path / "plain" / f"train.{side}") for side in ("de", "en")), strict=True))
    assert {tuple(example) for example in made.insight.neighbors.examples} <= known
    assert made.training_counts is not None
    for side, counts in (("de", made.training_counts.src), ("en", made.training_counts.tgt)):
        there = Counter(" ".join(lines(tmp_path / "plain" / f"train.{side}")).split())
        assert counts
        assert all(there[word] == times for word, times in counts.items())
    assert main(["report", str(run), "--output", str(tmp_path / "report")]) == 0
    assert "@@" not in (tmp_path / "report" / "alignments.pharaoh").read_text()


def test_cut_text_is_translated_and_scored_line_by_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["der kat@@ ze schl@@ ä@@ ft", "", "@@", "neu@@ es Wort \u2028 </s>", "weiß@@"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(given).encode()), "utf-8"))
    capsys.readouterr()
    assert main(["translate", str(run), "--device", "cpu", "--format", "jsonl", "--alignments", "hard"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    sources = ["der katze schläft", "", "", "neues Wort </s>", "weiß"]
    assert [record["source"] for record in records] == sources
    assert len(records[0]["source_tokens"]) == 1 + len(given[0].split())
    for name, texts in (("s", given), ("t", ["DIE KATZE", "", "VO@@ GEL", "A", "B"])):
        (tmp_path / name).write_text("".join(f"{text}\n" for text in texts))
    scored = ["score", str(run), "s", "t", "--device", "cpu", "--format", "tsv"]
    assert main(scored) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[:2] for row in rows] == [*map(list, zip(sources, ["DIE KATZE", "", "VOGEL", "A", "B"], strict=True))]


def test_demands_and_shortlist_work_on_cut_text(run: Path) -> None:
    assert main(["shortlist", str(run)]) == 0
    for shortlist in (False, True):
        translator = Translator.load(run, device="cpu", shortlist=shortlist)
        free = translator.translate("der hund")
        demanding = Request("der hund", prefix="VO@@ GEL", include=("SCHL@@ ÄFT",))
        text = translator.translate(demanding).text
        assert text.startswith("VOGEL")
        assert "SCHLÄFT" in text.split()
        without = translator.translate(Request("der hund", exclude=(free.text.split()[0],))).text
        assert free.text.split()[0] not in without


def test_a_run_takes_the_tokenizer_of_another_model(
    run: Path, corpus_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut_so = ["--data.tokenizer.kind", "presplit", "--data.tokenizer.joiner", "@@"]
    presplit = [*cut_so, "--data.tokenizer.path", str(run / "model")]
    common = ["--data.path", str(corpus_folder), *TINY_RUN, "--trainer.max_epochs", "1"]
    assert main(["train", "--name", "second", *common, *presplit]) == 0
    tokenizer = Path("model") / "tokenizer.json"
    assert (run.parent / "second" / tokenizer).read_bytes() == (run / tokenizer).read_bytes()
    own = [*cut_so, "--training.start_from", "runs/second"]
    assert main(["train", "--name", "third", *common, *own]) == 0
    assert "many sentences have" not in capsys.readouterr().out
    assert (run.parent / "third" / tokenizer).read_bytes() == (run / tokenizer).read_bytes()
    assert main(["train", "--name", "fourth", *common, *own, *presplit]) == 2
    assert "data.tokenizer.path: " in capsys.readouterr().err
    assert "(text is to be cut as it was for training, joiner: @@)" in model_card(run, "me/cut")


def test_text_without_the_mark_that_keeps_its_spaces_is_told_of(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").mkdir()
    for path in corpus_folder.iterdir():
        (tmp_path / "plain" / path.name).write_bytes(path.read_bytes())
        path.write_text("".join(f"{' '.join('▁' + word for word in text.split())}\n" for text in lines(path)))
    presplit = ["--data.tokenizer.kind", "presplit", "--data.tokenizer.joiner", "▁", "--trainer.max_steps", "1"]
    assert main(["train", "--name", "run", "--data.path", str(corpus_folder), *TINY_RUN, *presplit]) == 0
    told = "no ▁, without which its spaces are lost: give what `spm_encode` writes\n"
    texts = [str(tmp_path / "plain" / name) for name in ("test.de", "test.en")]
    capsys.readouterr()
    assert main(["translate", "runs/run", "--device", "cpu", "der hund"]) == 0
    assert capsys.readouterr().err == f"nmt translate: argument:1: it has {told}"
    assert main(["score", "runs/run", *texts, "--device", "cpu"]) == 0
    said = capsys.readouterr().err
    assert f"nmt score: {texts[0]}:1: it has {told}" in said
    assert f"nmt score: {texts[1]}:1: it has {told}" in said
    evaluated = ["evaluate", "runs/run", "--device", "cpu", "--beam-size", "1"]
    assert main([*evaluated, "--path", "plain", "--as", "uncut"]) == 0
    assert "test: many sources have no ▁, without which their spaces are lost" in capsys.readouterr().err
    assert main(evaluated) == 0
    assert "▁" not in capsys.readouterr().err
