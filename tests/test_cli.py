"""The command line from outside: what a user types, sees, and gets back as an exit code."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import TINY_RUN, build

from nmt.cli import main
from nmt.config import ModelConfig
from nmt.data.tokenizer import EOS_ID, TokenizerPair
from nmt.decoding.translation import load_translations
from nmt.model.saved import ModelCard, save_model


@pytest.fixture
def model_folder(tmp_path: Path, tokenizers: TokenizerPair, card: ModelCard) -> Path:
    model = build(ModelConfig(embedding_size=12, hidden_size=16), card.src_vocab_size, seed=1)
    with torch.no_grad():
        model.output.bias[EOS_ID] = 3.0
    save_model(tmp_path / "model", model, card)
    tokenizers.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def translate(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture
) -> Callable[..., tuple[int, list[bytes], str]]:
    """Pipes bytes through `nmt translate`: the exit code, the lines of output, and standard error."""

    def run(data: bytes, *arguments: str) -> tuple[int, list[bytes], str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code = main(["translate", str(model_folder), *arguments])
        output, error = capfdbinary.readouterr()
        return code, output.split(b"\n")[:-1], error.decode()

    return run


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    script = (
        "import sys; from nmt.cli import main; main(['--help']); "
        "heavy = {'torch', 'datasets', 'pytorch_lightning', 'plotly', 'numpy', 'jsonargparse'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    for command in ("train", "translate", "evaluate", "report"):
        assert f"nmt {command}" in shown


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture) -> None:
    assert main(["tranlsate"]) == 2
    assert "there is no command 'tranlsate', did you mean 'translate'?" in capsys.readouterr().err


def test_one_line_out_for_each_line_in_whatever_it_holds(translate: Callable) -> None:
    lines = [
        b"der Hund",
        b"",
        b"   ",
        b"\x00\x07",
        "\u2028\x85\x0b\x0c".encode(),
        b"\xff\xfe broken",
        "👩‍👩‍👧 שלום".encode(),
        b"</s> <s> <pad> <unk> <0x0A>",
        b"a" * 20_000,
        b"\xed\xa0\x80",
        b"last line without newline",
    ]
    code, output, error = translate(b"\n".join(lines), "--beam-size", "1")
    assert code == 0
    assert len(output) == len(lines)
    assert output[1] == output[2] == b""
    assert "standard input:6: byte 1 is not UTF-8, read as U+FFFD" in error
    assert "standard input:10:" in error
    assert "standard input:9: only the first 512 tokens are translated" in error
    assert "Traceback" not in error


def test_windows_line_ends_are_no_part_of_a_sentence(translate: Callable) -> None:
    assert translate(b"der Hund\r\nja\r\n")[1] == translate(b"der Hund\nja\n")[1]


def test_no_lines_give_no_lines(translate: Callable) -> None:
    assert translate(b"") == (0, [], "")


def test_arguments_a_file_and_standard_input_are_translated_alike(translate: Callable, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("der Hund\nja\n")
    piped = translate(b"der Hund\nja\n")
    assert translate(b"", "--input", str(tmp_path / "in.txt")) == piped
    assert translate(b"", "der Hund", "ja") == piped


def test_records_are_saved_beside_the_lines(translate: Callable, tmp_path: Path) -> None:
    code, output, _ = translate(b"der Hund\n\nja\n", "--records", str(tmp_path / "records"))
    records = load_translations(tmp_path / "records")
    assert code == 0
    assert [record.text.encode() for record in records] == output
    assert [record.source for record in records] == ["der Hund", "", "ja"]
    for record in records:
        assert record.attention.shape == (len(record.tokens), len(record.source_tokens))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["translate", "nowhere"],
            "nmt translate: nowhere: no such folder; give a run (runs/<name>) or a model folder",
        ),
        (["translate", "{model}", "--input", "none.txt"], "none.txt"),
        (["translate", "{model}", "--beam-size", "0", "x"], "beam_size: 0 is not allowed, it must be at least 1"),
        (["translate", "{model}", "--batch-sentences", "0", "x"], "--batch-sentences 0 is not allowed"),
        (["translate", "{model}", "--device", "tpu9", "x"], "device 'tpu9': there is no such device here"),
        (["evaluate", "{model}"], "is not a run: it has no config.yaml"),
        (["report", "nowhere"], "nowhere"),
    ],
)
def test_a_mistake_is_one_line(
    model_folder: Path, capsys: pytest.CaptureFixture, arguments: list[str], message: str
) -> None:
    assert main([argument.format(model=model_folder) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_reader_that_has_seen_enough_ends_the_command_quietly(model_folder: Path) -> None:
    nmt = f"{sys.executable} -c 'import sys; from nmt.cli import main; sys.exit(main())'"
    command = f"yes 'der Hund' | {nmt} translate {model_folder} --beam-size 1 | head -n 2"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.stdout.count("\n") == 2
    assert done.stderr == ""


def test_from_training_to_the_report(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    epochs = ("--trainer.max_epochs", "1")
    assert main(["train", "--name", "small", "--data.path", str(corpus_folder), *TINY_RUN, *epochs]) == 0
    assert main(["evaluate", "runs/small", "--split", "test", "--beam-size", "2"]) == 0
    shown = capsys.readouterr().out
    assert "BLEU" in shown
    assert "tok:13a" in shown
    scores = json.loads(Path("runs/small/evaluations/test/scores.json").read_text())
    assert scores["sentences"] == 9
    assert scores["command"] == "nmt evaluate runs/small --split test --beam-size 2"
    assert main(["report", "runs/small"]) == 0
    assert Path("reports/small/report.html").is_file()
    assert json.loads(Path("reports/small/report.json").read_text())["evaluations"][0]["split"] == "test"
    assert main(["evaluate", "runs/small", "--split", "tset"]) == 2
    assert "no split 'tset'" in capsys.readouterr().err


def test_unequal_line_counts_are_named_before_anything_is_trained(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    with open(corpus_folder / "train.en", "a") as file:
        file.write("ONE MORE\n")
    assert main(["train", "--name", "uneven", "--data.path", str(corpus_folder), *TINY_RUN]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "train.de" in error
    assert "120" in error
    assert "121" in error


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture) -> None:
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"nmt {version('nmt')}\n"
