"""Lines of a file in place of the translations of a search: their scores, their records, and that it is plain."""

import gzip
import json
from dataclasses import asdict
from pathlib import Path
from unicodedata import normalize

import pytest
from conftest import SENTENCES

import nmt.evaluation.evaluate
from nmt.cli import main
from nmt.config import Config, DataConfig
from nmt.evaluation.card import model_card
from nmt.evaluation.evaluate import evaluate
from nmt.evaluation.metrics import corpus_scores
from nmt.evaluation.results import Evaluation
from nmt.report.build import build_report

LINES = ["the dog ran", "", "we  read a 💩 book", "yes", "a small bird sings ."]
SOURCES = [source for source, _ in SENTENCES]


@pytest.fixture
def run(model_folder: Path, tmp_path: Path) -> Path:
    """A run whose corpus has the split `test`."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for side, texts in zip(("de", "en"), zip(*SENTENCES, strict=True), strict=True):
        (corpus / f"test.{side}").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    config = Config("run", data=DataConfig(path=str(corpus), src="de", tgt="en"))
    (model_folder.parent / "config.yaml").write_text(json.dumps(asdict(config)))
    return model_folder.parent


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "other.en"
    path.write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")
    return path


def test_lines_are_scored_shown_and_compared(run: Path, lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["evaluate", str(run), "--device", "cpu"]
    assert main([*asked, "--translations", str(lines), "--as", "other"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "no search: the lines of other.en, forced decoding, fp32"
    assert not any(line.startswith("search errors") for line in shown)
    made = Evaluation.load(run / "evaluations" / "other")
    assert (made.split, made.name, made.given) == ("test", "other", "other.en")
    assert f"no search: {made.search['decoding']}" == shown[0]
    assert [each.text for each in made.translations] == LINES
    assert all(len(each.spans) == len(each.tokens) for each in made.translations)
    assert shown[1].startswith(f"BLEU {made.scores[0].score:.2f} ")
    assert (made.search_errors(), made.is_comparable) == (None, True)
    assert main([*asked, "--beam-size", "1"]) == 0
    assert main(["compare", str(run), str(run / "evaluations" / "other"), "--bootstrap", "100"]) == 0
    shown = capsys.readouterr().out
    assert "  the lines of other.en, forced decoding, fp32; step 7\n" in shown
    assert "not searched alike" not in shown
    assert main(["report", str(run), "--output", str(run / "report")]) == 0
    card = model_card(run, "me/small")
    assert "| test | 5 | BLEU |" in card
    assert "(other)" not in card  # what others have translated says nothing of the model


def test_how_a_letter_is_spelled_costs_nothing(run: Path, lines: Path, tmp_path: Path) -> None:
    """As one character, or as a letter and its accent: what a model writes is composed."""
    texts = [f"un café très crémeux {number}\n" for number, _ in enumerate(SENTENCES)]
    composed, decomposed = (normalize(form, "".join(texts)) for form in ("NFC", "NFD"))
    (tmp_path / "corpus" / "test.en").write_text(decomposed, encoding="utf-8")
    lines.write_text(composed, encoding="utf-8")
    (tmp_path / "references").write_text(decomposed, encoding="utf-8")
    for name, options in (("split", []), ("file", ["--references", str(tmp_path / "references")])):
        asked = ["--device", "cpu", "--translations", str(lines), "--as", name, *options]
        assert main(["evaluate", str(run), *asked]) == 0
        made = Evaluation.load(run / "evaluations" / name)
        assert [round(score.score) for score in made.scores] == [100, 100, 0]
        assert [f"{each}\n" for each in made.references] == texts
    lines.write_text(decomposed, encoding="utf-8")
    (tmp_path / "corpus" / "test.en").write_text(composed, encoding="utf-8")
    assert main(["evaluate", str(run), "--device", "cpu", "--translations", str(lines), "--as", "theirs"]) == 0
    assert Evaluation.load(run / "evaluations" / "theirs").scores[0].score == pytest.approx(100)


def test_a_source_that_is_worth_next_to_nothing_has_no_sign(
    run: Path, lines: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(nmt.evaluation.evaluate, "source_worth", lambda *_: -1e-3)
    assert main(["evaluate", str(run), "--translations", str(lines), "--as", "other"]) == 0
    told = "source: worth 0.00 nats a token: what the references would lose with another sentence's source"
    assert told in capsys.readouterr().out.splitlines()


def test_unknown_tokens_are_counted_where_there_are_any(
    run: Path, lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["evaluate", str(run), "--translations", str(lines), "--as", "other"]
    assert main(asked) == 0
    told = "unknown tokens: 1 of 54 tokens (1.9%) of the translations and 0 of 124 (0.0%) of the sources"
    assert told in capsys.readouterr().out.splitlines()
    lines.write_text("".join(f"{reference}\n" for _, reference in SENTENCES), encoding="utf-8")
    assert main(asked) == 0
    assert "unknown token" not in capsys.readouterr().out


def test_references_of_a_file_are_scored_against_and_shown(
    run: Path, lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["evaluate", str(run), "--device", "cpu", "--beam-size", "1", "--references", str(lines), "--as", "raw"]
    assert main(asked) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "references: the lines of other.en"
    made = Evaluation.load(run / "evaluations" / "raw")
    assert list(made.references) == LINES
    assert [each.text for each in made.forced] == [target for _, target in SENTENCES]
    assert list(made.scores) == corpus_scores([each.text for each in made.translations], LINES, "en")
    assert made.search["references"] == "other.en"
    assert made.seen_references is None
    assert "- test (raw) of corpus against other.en: greedy" in model_card(run, "me/small")
    report = build_report(run, run / "report").with_name("report.json")
    [evaluation] = json.loads(report.read_text())["evaluations"]
    assert [row["reference"]["text"] for row in evaluation["sentences"]] == LINES


def test_references_need_a_line_for_each_sentence(run: Path, tmp_path: Path) -> None:
    (tmp_path / "short.en").write_text("one\n")
    with pytest.raises(ValueError, match="short.en has 1 lines, test has 5 .*: line n must be the reference of sent"):
        evaluate(run, references=tmp_path / "short.en")
    assert not (run / "evaluations").exists()


def test_a_compressed_file_is_read(run: Path, lines: Path, tmp_path: Path) -> None:
    (tmp_path / "other.gz").write_bytes(gzip.compress(lines.read_bytes()))
    assert main(["evaluate", str(run), "--translations", str(tmp_path / "other.gz"), "--as", "other"]) == 0
    assert [each.text for each in Evaluation.load(run / "evaluations" / "other").translations] == LINES


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--as", "x", "--beam-size", "1", "--temperature", "2"], "leave out --beam-size, --temperature\n"),
        (["--as", "x", "--shortlist", "--what-if", "2"], "leave out --shortlist, --what-if\n"),
        (["--as", "x", "--word-reward", "1"], "leave out --word-reward\n"),
        ([], "--translations needs --as NAME"),
        (["--as", "test"], "--translations needs --as NAME, not the split's"),
        (["--as", "x"], "short.en has 1 lines, test has 5 sentences: line n must be the translation of sentence n"),
    ],
)
def test_mistakes_are_one_line(
    run: Path, tmp_path: Path, flags: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "short.en").write_text("one\n")
    assert main(["evaluate", str(run), "--translations", str(tmp_path / "short.en"), *flags]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not (run / "evaluations").exists()
