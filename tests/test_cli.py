"""The command line from outside: what a user types, sees, and gets back as an exit code."""

import gzip
import io
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest
from conftest import SENTENCES, TINY_RUN

import nmt
import nmt.cli.translate
import nmt.pipe.terminal
from nmt.cli import main
from nmt.cli.searching import SEARCH_FLAGS, search_options, translating_parser
from nmt.config import Config, DataConfig
from nmt.decoding.attention_file import load_attention
from nmt.decoding.options import SearchOptions
from nmt.decoding.translation import Request, Translation
from nmt.decoding.translator import Translator
from nmt.evaluation.results import Evaluation
from nmt.pipe.requests import SHOWN
from nmt.report.findings import serious_findings

SOURCES = [source for source, _ in SENTENCES]


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
    for command in ("train", "translate", "score", "evaluate", "report"):
        assert f"nmt {command}" in shown


def test_the_package_is_the_command() -> None:
    called = [
        subprocess.run([*call, "--version"], capture_output=True, text=True, check=True).stdout
        for call in ([sys.executable, "-m", "nmt"], [sys.executable, "-c", "from nmt.cli import main; main()"])
    ]
    assert called[0] == called[1]
    assert called[0].startswith("nmt ")


def test_a_notebook_has_another_standard_output(tmp_path: Path) -> None:
    with redirect_stdout(io.StringIO()) as shown:
        assert main(["compare", str(tmp_path), str(tmp_path)]) == 2
        assert main(["--version"]) == 0
    assert shown.getvalue().startswith("nmt ")


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


def test_at_the_end_it_is_told_how_many_more_lines_were_not_as_they_should_be(
    translate: Callable, model_folder: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture
) -> None:
    broken = b"ja \xff\n" * (SHOWN + 2)
    code, output, error = translate(broken, "--beam-size", "1")
    assert (code, len(output)) == (0, SHOWN + 2)
    assert error.splitlines()[-1] == "nmt translate: standard input: 2 more lines are not UTF-8"
    for name in ("src.txt", "tgt.txt"):
        (tmp_path / name).write_bytes(broken)
    assert main(["score", str(model_folder), str(tmp_path / "src.txt"), str(tmp_path / "tgt.txt")]) == 0
    error = capfdbinary.readouterr().err.decode()
    assert all(f"{name}: 2 more lines are not UTF-8" in error for name in ("src.txt", "tgt.txt"))


def test_windows_line_ends_are_no_part_of_a_sentence(translate: Callable) -> None:
    assert translate(b"der Hund\r\nja\r\n")[1] == translate(b"der Hund\nja\n")[1]


def test_a_dash_is_standard_input(translate: Callable) -> None:
    assert translate(b"der Hund\n", "--input", "-") == translate(b"der Hund\n")


def test_a_conversation_tells_of_what_is_cut_off(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(nmt.cli.translate, "_is_conversation", lambda _: True)
    monkeypatch.setattr(nmt.pipe.terminal, "converse", lambda translate, _: translate("a" * 600, None))
    assert main(["translate", str(model_folder), "--beam-size", "1", "--max-length", "4"]) == 0
    assert capsys.readouterr().err == "nmt translate: only the first 512 tokens are translated\n"


def test_a_full_disk_is_named(translate: Callable, tmp_path: Path) -> None:
    code, _, error = translate(b"der Hund\n", "--output", "/dev/full", "--attention", str(tmp_path / "a.npz"))
    assert code == 2
    assert error.endswith("No space left on device: '/dev/full'\n")
    code, _, error = translate(b"der Hund\n", "--output", "/dev/full")
    assert code == 2
    assert error == "nmt translate: [Errno 28] No space left on device: '/dev/full'\n"


def test_no_lines_give_no_lines(translate: Callable) -> None:
    assert translate(b"") == (0, [], "")


def test_arguments_a_file_and_standard_input_are_translated_alike(translate: Callable, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("der Hund\nja\n")
    piped = translate(b"der Hund\nja\n")
    assert translate(b"", "--input", str(tmp_path / "in.txt")) == piped
    assert translate(b"", "der Hund", "ja") == piped


def test_json_lines_and_the_archive_hold_all_there_is_of_a_translation(translate: Callable, tmp_path: Path) -> None:
    archive = tmp_path / "attention.npz"
    code, output, _ = translate(b"der Hund\n\nja\n", "--format", "jsonl", "--attention", str(archive))
    records = [
        Translation.from_json(json.loads(line), matrix)
        for line, matrix in zip(output, load_attention(archive), strict=True)
    ]
    assert code == 0
    assert [record.source for record in records] == ["der Hund", "", "ja"]
    assert [record.text.encode() for record in records] == translate(b"der Hund\n\nja\n")[1]
    for record in records:
        assert record.attention.shape == (len(record.tokens), len(record.source_tokens))
        assert all(len(step) == 5 for step in record.alternatives)


def test_the_beam_is_kept_in_json_lines_if_asked_for(translate: Callable) -> None:
    for flags in ((), ("--precision", "int8"), ("--mbr", "chrf")):
        _, output, _ = translate(b"der Hund\nja\n", "--format", "jsonl", "--keep-beam", "--beam-size", "3", *flags)
        for record in map(json.loads, output):
            assert len(record["beam"][0]) == 3
            held = [[]]
            for step in record["beam"]:
                held = [[*held[parent], token] for parent, token, _ in step]
                if record["tokens"] in held:
                    break
            else:
                pytest.fail("what was found is not in the beam")
    _, output, _ = translate(b"der Hund\n", "--format", "jsonl")
    assert "beam" not in json.loads(output[0])


def test_an_n_best_list_is_that_of_the_search(translate: Callable, model_folder: Path) -> None:
    wanted = ("--n-best", "2", "--beam-size", "3", "--alignments", "soft")
    _, output, _ = translate(b"der Hund\nja\n", *wanted)
    numbers, texts, scores, links = zip(*(line.decode().split(" ||| ") for line in output), strict=True)
    assert numbers == ("0", "0", "1", "1")
    best = Translator.load(model_folder).translate(["der Hund", "ja"], SearchOptions(beam_size=3, n_best=2))
    both = [each for record in best for each in (record, *record.others)]
    assert list(texts) == [record.text for record in both]
    assert [float(score) for score in scores] == pytest.approx([record.score for record in both], abs=1e-4)
    assert [link.startswith("0-0:") for link in links] == [record.text != "" for record in both]


def test_search_flags_reach_the_search(translate: Callable, model_folder: Path) -> None:
    flags = ("--method", "sample", "--beam-size", "3", "--seed", "5", "--temperature", "2", "--prefix", "das")
    _, output, _ = translate("\n".join(SOURCES).encode(), *flags, "--batch-sentences", "2")
    options = SearchOptions(method="sample", beam_size=3, seed=5, temperature=2.0)
    requests = [Request(source, "das") for source in SOURCES]
    found = [record.text for record in Translator.load(model_folder).translate(requests, options)]
    assert [line.decode() for line in output] == found
    assert all(text.startswith("das") for text in found)


def test_demands_of_a_line_of_json_are_met(translate: Callable) -> None:
    lines = [{"text": "ja", "prefix": "das"}, {"text": "ja", "include": ["rund"]}, "ja"]
    data = "\n".join(map(json.dumps, lines)).encode()
    _, output, error = translate(data, "--input-format", "jsonl", "--exclude", "e")
    assert error == ""
    assert output[0].startswith(b"das")
    assert b"rund" in output[1]
    assert b"e" not in b"".join(output)


def test_the_names_of_json_lines_come_back(translate: Callable) -> None:
    lines = b'{"text": "ja", "id": "seg-17"}\n{"text": "", "id": 18}\n"ja"'
    code, output, error = translate(lines, "--input-format", "jsonl", "--format", "jsonl")
    assert (code, error) == (0, "")
    assert [json.loads(line).get("id") for line in output] == ["seg-17", 18, None]


def test_demands_that_cannot_be_met_are_told(translate: Callable) -> None:
    lines = [{"text": "ja", "include": ["\u20ac", "rund"]}, {"text": "ja", "prefix": "\u20ac"}, "ja", ""]
    code, output, error = translate("\n".join(map(json.dumps, lines)).encode(), "--input-format", "jsonl")
    assert (code, len(output)) == (0, 4)
    assert error.splitlines() == [
        "nmt translate: standard input:1: the translation does not contain '\u20ac'",
        "nmt translate: standard input:2: the translation does not begin with '\u20ac'",
    ]


def test_what_only_jsonl_has_a_place_for_is_told(translate: Callable) -> None:
    for flags in (["--keep-beam"], ["--alternatives", "3"]):
        code, output, error = translate(b"ja\n", *flags)
        assert (code, len(output)) == (0, 1)
        assert error == f"nmt: {' '.join(flags)} changes nothing without --format jsonl\n"
        assert translate(b"ja\n", *flags, "--format", "jsonl")[2] == ""


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_too_little_memory_is_one_line(translate: Callable, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Translator, "translate", fail)
    code, _, told = translate(b"ja\n")
    assert code == 2
    assert told.startswith("nmt translate: memory is used up: work on less at once, as by --batch-sentences, ")
    assert told.count("\n") == 1


def test_every_search_option_that_changes_a_translation_has_a_flag() -> None:
    flags = [name for group in SEARCH_FLAGS.values() for name in group]
    assert sorted([*flags, "alternatives", "early_stopping", "keep_beam"]) == sorted(
        field.name for field in fields(SearchOptions)
    )
    options = translating_parser("translate", "", "").parse_args(["run"])
    assert search_options(options) == SearchOptions()


def test_two_models_decode_together(translate: Callable, model_folder: Path) -> None:
    twice = translate(b"der Hund\nja\n", "--ensemble", str(model_folder), "--scores")
    assert twice == translate(b"der Hund\nja\n", "--scores")


HOSTILE = [
    *("", " ", "\t", "\x00", "\x07\x1b[2J", "\r", "\r\r", "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", "\ufeff"),
    *("\u200b\u200d", "\u202eשלום\u202c", "مرحبا", "👩‍👩‍👧‍👦🏳️‍🌈", "e\u0301\u0323", "\U0010ffff\ufffe", "▁", "</s>"),
    *("<0x0A>", "|||", '"', "\\", "{}", "[[", "null", "der Hund", "a" * 600),
]


def hostile_lines(count: int) -> list[bytes]:
    """Lines of everything that text is known to go wrong with, drawn by a fixed seed; some are no UTF-8."""
    chance = random.Random(1)
    lines = []
    for _ in range(count):
        line = "".join(chance.choices(HOSTILE, k=chance.choice([1, 1, 2, 3]))).encode()
        broken = bytes(chance.choices(range(256), k=5)).replace(b"\n", b"\xff")
        lines.append(line + broken if chance.random() < 0.2 else line)
    return [*lines, b"x" * 100_000, "\u20ac ".encode() * 50_000, b"end"]


def test_two_thousand_hostile_lines_are_two_thousand_lines(translate: Callable) -> None:
    lines = hostile_lines(2000)
    code, output, error = translate(b"\n".join(lines), "--beam-size", "1", "--max-length", "4")
    assert code == 0
    assert len(output) == len(lines)
    assert output[-1] == translate(b"end", "--beam-size", "1", "--max-length", "4")[1][0]
    assert all(len(line.decode().splitlines()) <= 1 for line in output)
    assert "Traceback" not in error
    assert error.count("\n") < 50


def test_two_thousand_hostile_lines_of_json_are_two_thousand_records(translate: Callable) -> None:
    chance = random.Random(2)
    texts = [chance.choice(HOSTILE) + chance.choice([*HOSTILE, "\ud800", "\udfff\ud800"]) for _ in range(1000)]
    demands = [
        {},
        {},
        {"prefix": chance.choice(HOSTILE)},
        {"include": ["▁"]},
        {"exclude": ["\x00", "e"]},
        {"include": 3},
    ]
    good = [json.dumps({"text": text, **chance.choice(demands)}).encode() for text in texts]
    lines = [line for pair in zip(good, hostile_lines(997), strict=True) for line in pair]
    flags = (
        "--beam-size",
        "1",
        "--max-length",
        "4",
        "--input-format",
        "jsonl",
        "--format",
        "jsonl",
        "--alternatives",
        "0",
    )
    code, output, error = translate(b"\n".join(lines), *flags)
    assert code == 0
    assert [json.loads(line)["source"] for line in output[::2]] == texts
    assert len(output) == len(lines)
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["translate", "nowhere"],
            "nmt translate: nowhere: no such folder; give a run (runs/<name>) or a model folder",
        ),
        (["translate"], "nmt translate: the following arguments are required: RUN;"),
        (["translate", "{model}", "--input", "none.txt"], "none.txt"),
        (["translate", "{model}", "-Hallo"], "-Hallo; a sentence that begins with - goes behind --; see"),
        (["translate", "{model}", "--beam-size", "0", "x"], "beam_size: 0 is not allowed, it must be at least 1"),
        (["translate", "{model}", "--batch-sentences", "0", "x"], "--batch-sentences: 0 is not allowed"),
        (["translate", "{model}", "--threads", "0", "x"], "--threads: 0 is not allowed"),
        (
            ["translate", "{model}", "--threads", "99999", "x"],
            "--threads: 99999 is not allowed, it must be at most 1,024",
        ),
        (["translate", "", "x"], "argument RUN: the name is empty"),
        (["translate", "{model}", "--ensemble", "", "x"], "argument --ensemble: the name is empty"),
        (["translate", "{model}", "--beamsize", "4", "x"], "did you mean '--beam-size'?"),
        (["translate", "{model}", "--beam", "4", "x"], "did you mean '--beam-size'?"),
        (["translate", "{model}", "--input", "in.txt", "x"], "give sentences or --input, not both"),
        (["translate", "{model}", "--resume", "x"], "--resume goes on with a file"),
        (["translate", "{model}", "--output", "no/where", "x"], "--output no/where: there is no folder no"),
        (["translate", "{model}", "--attention", ".", "x"], "--attention . is a folder"),
        (["translate", "{model}", "--input", "{model}"], "--input {model} is a folder: give the name of a file"),
        (["translate", "{model}", "--include", "ab", "--exclude", "b", "x"], "exclude: 'b' is a part of what"),
        (["translate", "{model}", "--n-best", "9", "x"], "n_best: 9 is not allowed, it must be at most beam_size"),
        (["translate", "{model}", "--device", "tpu9", "x"], "device 'tpu9': there is no such device here"),
        (["evaluate", "{model}"], "is not a run: it has no config.yaml"),
        (["evaluate", "nowhere"], "nmt evaluate: nowhere: no such folder; give a run (runs/<name>)\n"),
        (["report", "nowhere"], "nmt report: nowhere: no such folder; give a run (runs/<name>)\n"),
    ],
)
def test_a_mistake_is_one_line(
    model_folder: Path, capsys: pytest.CaptureFixture, arguments: list[str], message: str
) -> None:
    assert main([argument.format(model=model_folder) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert message.format(model=model_folder) in error
    assert error.count("\n") == 1


def test_a_closed_standard_error_is_done_without(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["translate", str(model_folder), "ja"]) == 0
    assert main(["translate", str(model_folder), "ja", "--beam-size", "0"]) == 2
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize(("stream", "asked"), [("stdin", []), ("stdout", ["ja"])])
def test_a_closed_stream_is_named(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, stream: str, asked: list[str]
) -> None:
    monkeypatch.setattr(sys, stream, None)
    assert main(["translate", str(model_folder), *asked]) == 2
    assert "is closed: give" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_ends_the_command_quietly(model_folder: Path) -> None:
    nmt = f"{sys.executable} -c 'import sys; from nmt.cli import main; sys.exit(main())'"
    command = f"yes 'der Hund' | {nmt} translate {model_folder} --beam-size 1 | head -n 2"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.stdout.count("\n") == 2
    assert done.stderr == ""


def test_nothing_heavy_is_imported_before_a_mistake_is_found() -> None:
    script = (
        "import sys; from nmt.cli import main; assert main(['translate', 'run', '--beam-size', '0', 'x']) == 2; "
        "heavy = {'torch', 'datasets', 'pytorch_lightning', 'rich', 'jsonargparse'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_a_slow_stream_has_each_line_at_once_and_ctrl_c_ends_it_quietly(model_folder: Path) -> None:
    script = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "  # a job may be deaf to it
    script += "from nmt.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "translate", str(model_folder), "--beam-size", "1"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    for line in (b"der Hund\n", b"ja\n"):
        process.stdin.write(line)
        process.stdin.flush()
        assert process.stdout.readline().endswith(b"\n")  # comes though the next line does not
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 130


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
    found = Evaluation.load(Path("runs/small/evaluations/test"))
    serious = [f"serious: {text}" for text in serious_findings(found)]
    assert serious, "after one epoch"
    assert shown.splitlines()[-len(serious) :] == serious
    assert [each.text for each in found.forced] == list(found.references)
    assert f"search errors: at least {len(found.search_errors() or ())} of 9 sentences, where" in shown
    assert found.seen is not None
    assert f"sources seen in training: {len(found.seen)} of 9 sentences" in shown
    assert found.seen_references is not None
    assert f"references seen in training: {len(found.seen_references)} of 9 sentences" in shown
    assert found.training_counts is not None
    assert (found.training_counts.pairs, found.training_counts.of_pairs) == (120, 120)
    assert found.training_counts.src.keys() <= {word for each in found.translations for word in each.source.split()}
    assert set(" ".join(found.references).split()) & found.training_counts.tgt.keys()
    scores = json.loads(Path("runs/small/evaluations/test/scores.json").read_text())
    assert scores["sentences"] == 9
    assert scores["command"] == "nmt evaluate runs/small --split test --beam-size 2"
    assert main(["report", "runs/small"]) == 0
    assert Path("reports/small/report.html").is_file()
    assert json.loads(Path("reports/small/report.json").read_text())["evaluations"][0]["split"] == "test"
    config = Path("runs/small/model/config.json")
    config.write_text(json.dumps({**json.loads(config.read_text()), "training": {}}))
    assert main(["evaluate", "runs/small", "--split", "test"]) == 0
    assert main(["evaluate", "runs/small", "--split", "tset"]) == 2
    assert "no split 'tset'" in capsys.readouterr().err
    greedy = ["evaluate", "runs/small", "--split", "test", "--as", "greedy", "--beam-size", "1"]
    assert main([*greedy, "--what-if", "-1"]) == 2
    assert "--what-if: -1 is not allowed, it must be at least 0" in capsys.readouterr().err
    assert main([*greedy, "--what-if", "2", "--looks", "--neighbors", "3", "--effects"]) == 0
    shown = capsys.readouterr().out
    assert "9 sentences" in shown
    assert ", where the reference or a what-if ranks above what was found" in shown
    assert main(["compare", "runs/small", "runs/small/evaluations/greedy", "--split", "test"]) == 0
    assert "runs/small/evaluations/greedy against runs/small: 9 sentences of test" in capsys.readouterr().out
    assert main(["report", "runs/small"]) == 0
    shown = json.loads(Path("reports/small/report.json").read_text())["evaluations"]
    plain, branched = (sum(len(row["branches"]) for row in each["sentences"]) for each in shown)
    assert (plain, branched) == (0, len(Evaluation.load(Path("runs/small/evaluations/greedy")).insight.branches))
    assert 0 < branched <= 3 * 9  # where the reference is left, too
    assert [len(each["sentences"][0]["hypothesis"].get("neighbors", ())) > 0 for each in shown] == [False, True]
    assert ["looks" in each["sentences"][0]["hypothesis"] for each in shown] == [False, True]
    assert shown[1]["neighbors"]["searched"] == 120
    assert [(each["split"], each["label"]) for each in shown] == [("test", "test"), ("test", "greedy")]
    assert main(["evaluate", "runs/small", "--split", "train", "--as", "known", "--beam-size", "1"]) == 0
    known = Evaluation.load(Path("runs/small/evaluations/known"))
    assert known.seen == tuple(range(len(known.references)))
    with monkeypatch.context() as patch:  # root may write anywhere
        patch.setattr("nmt.evaluation.evaluate.os.access", lambda *_: False)
        patch.setattr(Translator, "translate", lambda *_, **__: pytest.fail("nothing of it could be saved"))
        assert main(["evaluate", "runs/small", "--split", "test"]) == 2
    message = "nmt evaluate: runs/small/evaluations may not be written to: evaluate a copy of runs/small\n"
    assert capsys.readouterr().err == message
    assert main(["evaluate", "runs/small", "--as", "../test"]) == 2
    assert "--as: '../test' is not allowed" in capsys.readouterr().err
    moved = str(corpus_folder.rename(corpus_folder.with_name("moved")))
    assert main(["evaluate", "runs/small", "--path", moved, "--as", "known", "--beam-size", "1"]) == 0
    unread = Evaluation.load(Path("runs/small/evaluations/known"))  # what it was trained on is not there
    assert (unread.seen, unread.training_counts) == (None, None)


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


def test_a_link_is_written_through_and_a_pipe_is_not_replaced(model_folder: Path, tmp_path: Path) -> None:
    source, real, link, pipe = (tmp_path / name for name in ("in.txt", "real.txt", "link.txt", "pipe"))
    source.write_text("der Hund\n")
    real.write_text("old\n")
    link.symlink_to(real)
    assert main(["translate", str(model_folder), "--input", str(source), "--output", str(link)]) == 0
    assert link.is_symlink()
    assert real.read_text() != "old\n"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert main(["translate", str(model_folder), "--input", str(source), "--output", str(pipe)]) == 0
    assert pipe.is_fifo()
    assert os.read(reader, 1 << 16) == real.read_bytes()
    os.close(reader)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["translate", "{model}", "--input", "in.txt", "--output", "in.txt"], "--output and --input are the same file"),
        (
            ["translate", "{model}", "ja", "--output", "x", "--attention", "./x"],
            "--attention and --output are the same",
        ),
        (["translate", "{model}", "ja", "--attention", "/dev/null"], "/dev/null is not a regular file"),
        (["translate", "{model}", "--input", "in.txt", "--output", ""], "argument --output: the name is empty"),
        (["export", "{model}", "--output", "{model}"], "model.safetensors is not of an earlier `nmt export`"),
        (["push", "{model}", "--output", "{model}"], "is the model itself"),
        (["push", "{model}", "--output", "."], "README.md is not of an earlier `nmt push`"),
    ],
)
def test_nothing_is_overwritten_that_somebody_needs(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture,
    arguments: list[str], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("in.txt", "README.md"):
        Path(name).write_text("der Hund\n")
    before = {path.name: path.read_bytes() for path in model_folder.iterdir() if path.is_file()}
    assert main([argument.format(model=model_folder) for argument in arguments]) == 2
    assert message in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} <= {"in.txt", "README.md"} | {model_folder.name}
    assert Path("in.txt").read_text() == Path("README.md").read_text() == "der Hund\n"
    assert {path.name: path.read_bytes() for path in model_folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("name", ["output", "attention"])
def test_what_standard_input_is_read_from_is_not_overwritten(model_folder: Path, tmp_path: Path, name: str) -> None:
    source = tmp_path / "in.txt"
    source.write_text("der Hund\n")
    script = "import sys; from nmt.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "translate", str(model_folder), f"--{name}", str(source)]
    with open(source) as stream:
        done = subprocess.run(command, stdin=stream, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "is what standard input is read from" in done.stderr


def test_a_file_is_not_read_and_written_on_at_once(model_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("der Hund\n")
    script = "import sys; from nmt.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "translate", str(model_folder), "--input", str(source)]
    with open(source, "a") as stream:
        done = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert "in.txt is what standard output is written to: give another name" in done.stderr
    assert source.read_text() == "der Hund\n"
    assert source.read_text() == "der Hund\n"


def test_a_stream_that_is_terminated_keeps_the_attention_of_what_came_out(model_folder: Path, tmp_path: Path) -> None:
    script = "import sys; from nmt.cli import main; sys.exit(main())"
    archive = tmp_path / "all.npz"
    command = [sys.executable, "-c", script, "translate", str(model_folder), "--attention", str(archive)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"der Hund\ndie Katze\n")
        process.stdin.flush()
        for _ in range(2):
            process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    assert len(load_attention(archive)) == 2
    assert list(tmp_path.glob("all.npz*")) == [archive]


def test_only_a_file_is_gone_on_with(model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "out").write_text("old")
    files = ["--input", str(tmp_path / "pipe"), "--output", str(tmp_path / "out"), "--resume"]
    assert main(["translate", str(model_folder), *files]) == 2
    assert "neither --input nor --output can be a pipe or a device" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "old"
    assert main(["translate", str(model_folder), "--device", "cpu:", "der Hund"]) == 2
    assert "device 'cpu:': there is no such device here" in capsys.readouterr().err


def test_a_split_whose_gold_alignment_is_empty_is_scored_without(model_folder: Path, tmp_path: Path) -> None:
    run, corpus = model_folder.parent, tmp_path / "corpus"
    corpus.mkdir()
    for name, text in (("gold.de", "der Hund\n"), ("gold.en", "the dog\n"), ("gold.align", "\n")):
        (corpus / name).write_text(text)
    config = Config("run", data=DataConfig(path=str(corpus), src="de", tgt="en"))
    (run / "config.yaml").write_text(json.dumps(asdict(config)))
    assert main(["evaluate", str(run), "--split", "gold", "--device", "cpu"]) == 0
    assert Evaluation.load(run / "evaluations" / "gold").alignment is None


def test_effects_are_scored_against_gold_beside_the_attention(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run, corpus = model_folder.parent, tmp_path / "corpus"
    corpus.mkdir()
    for name, text in (("gold.de", "der Hund\nja\n"), ("gold.en", "the dog\nyes\n"), ("gold.align", "0-0 1-1\n0-0\n")):
        (corpus / name).write_text(text)
    config = Config("run", data=DataConfig(path=str(corpus), src="de", tgt="en"))
    (run / "config.yaml").write_text(json.dumps(asdict(config)))
    assert main(["evaluate", str(run), "--split", "gold", "--device", "cpu", "--effects"]) == 0
    shown = capsys.readouterr().out
    saved = Evaluation.load(run / "evaluations" / "gold")
    effects = saved.effect_alignment()
    assert saved.alignment is not None
    assert effects is not None
    assert [each.shape for each in saved.insight.forced_effects] == [(len("the▁dog") + 2, 2), (len("yes") + 2, 0)]
    assert f"\nAER {saved.alignment.aer:.3f}  precision" in shown
    assert f"\nAER of the effects {effects.aer:.3f}  precision" in shown
    assert f"\nsource: worth {saved.source_worth:z.2f} nats a token: what the references would lose with" in shown
    assert "heads" not in shown


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[str, str]:
    """Files of sources and of their translations."""
    for name, texts in zip(("src.txt", "tgt.txt"), zip(*SENTENCES, strict=True), strict=True):
        (tmp_path / name).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return str(tmp_path / "src.txt"), str(tmp_path / "tgt.txt")


def test_given_translations_are_scored(
    model_folder: Path, pairs: tuple[str, str], tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    expected = list(Translator.load(model_folder).force(SENTENCES))

    def scored(*flags: str) -> list[str]:
        assert main(["score", str(model_folder), *pairs, *flags]) == 0
        return capfd.readouterr().out.splitlines()

    numbers = [f"{each.log_prob:.4f}" for each in expected]
    assert scored() == numbers
    assert scored("--batch-sentences", "1") == numbers
    rows = [line.split("\t") for line in scored("--format", "tsv", "--alignments", "hard")]
    assert [row[:3] for row in rows] == [
        [source, each.text, number] for (source, _), each, number in zip(SENTENCES, expected, numbers, strict=True)
    ]
    records = [json.loads(line) for line in scored("--format", "jsonl", "--attention", str(tmp_path / "a.npz"))]
    assert [record["tokens"] for record in records] == [list(each.tokens) for each in expected]
    for found, each in zip(nmt.load_attention(tmp_path / "a.npz"), expected, strict=True):
        np.testing.assert_allclose(found, each.attention, atol=1e-6)
    assert scored("--output", str(tmp_path / "out.gz")) == []
    assert gzip.decompress((tmp_path / "out.gz").read_bytes()).decode().splitlines() == numbers


def test_pairs_out_of_pipes_are_scored_and_a_line_without_its_partner_is_named(
    model_folder: Path, pairs: tuple[str, str], tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    def piped(*paths: str) -> int:
        with ExitStack() as stack:
            pipes = [stack.enter_context(subprocess.Popen(["cat", each], stdout=subprocess.PIPE)) for each in paths]
            return main(["score", str(model_folder), *(f"/dev/fd/{each.stdout.fileno()}" for each in pipes)])

    assert main(["score", str(model_folder), *pairs]) == 0
    expected = capfd.readouterr().out
    assert piped(*pairs) == 0
    assert capfd.readouterr().out == expected
    (tmp_path / "short.txt").write_text("one\n")
    assert piped(pairs[0], str(tmp_path / "short.txt")) == 2
    assert "nmt score: line 2 is in one of /dev/fd/" in capfd.readouterr().err


@pytest.mark.parametrize("command", ["export", "push", "shortlist"])
def test_an_empty_name_is_no_run(command: str, capsys: pytest.CaptureFixture) -> None:
    assert main([command, ""]) == 2
    assert "the name is empty" in capsys.readouterr().err


def test_the_origin_of_an_error_is_shown_if_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMT_DEBUG", "1")
    with pytest.raises(ValueError, match="the name is empty"):
        main(["score", "", "a", "b"])


def test_pairs_that_cannot_be_scored_are_named(
    model_folder: Path, pairs: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "short.txt").write_text("one\n")
    for arguments, message in (
        (
            [pairs[0], str(tmp_path / "short.txt")],
            f"has {len(SENTENCES)} lines, {tmp_path / 'short.txt'} has 1: line n",
        ),
        ([*pairs, "--output", pairs[1]], "--output and TARGETS are the same file"),
        ([*pairs, "--output", "both.npz", "--attention", "both.npz"], "--attention and --output are the same file"),
        ([*pairs, "--output", "nowhere/x"], "--output nowhere/x: there is no folder nowhere"),
        ([pairs[0], "nowhere.txt"], "TARGETS nowhere.txt: there is no such file"),
        ([*pairs, "--threads", "0"], "--threads: 0 is not allowed, it must be at least 1"),
    ):
        assert main(["score", str(model_folder), *arguments]) == 2
        told = capsys.readouterr().err
        assert message in told
        assert told.startswith("nmt score: ")
        assert told.count("\n") == 1
