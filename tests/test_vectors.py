"""Pretrained word vectors: their formats, the types that have one, and the trainings that begin with them."""

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import vectors
from conftest import TINY_RUN
from safetensors.torch import load_file

from nmt.cli import main
from nmt.data.tokenizer_pair import TokenizerPair

VECTORS = {"hund": [0.5, -1.0, 2.0], ".": [1e-3, 0.0, -7.0]}
LINES = [
    "the 1.5 1 1",
    "hund 0.5 -1.0 2.0",
    ". . 0.1 0.2 0.3",
    "hund schläft 1 2 3",
    ". 1e-3 0 -7",
    "v\udcff 1 2 3",
]


def written(path: Path, text: str) -> Path:
    data = text.encode(errors="surrogateescape")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["plain.txt", "packed.vec.gz"])
@pytest.mark.parametrize("head", ["", "6 3\n"], ids=["GloVe", "word2vec"])
@pytest.mark.parametrize("end", ["\n", " \n"], ids=["word2vec", "fastText"])
def test_all_text_formats_are_read(tmp_path: Path, name: str, head: str, end: str) -> None:
    path = written(tmp_path / name, head + "".join(line + end for line in LINES))
    assert dict(vectors.read_vectors(path, {"hund", ".", "katze", "6"}, 3)) == VECTORS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2 4\nthe 1 2 3 4\nhund 1 2 3 4\n", ":2: 4 numbers, but model.embedding_size is 3"),
        ("the 1 2 3\nhund 1 2 3\n. 1 2\n", ":3: 2 numbers, but model.embedding_size is 3"),
        ("Der Hund\nschläft .\n", ":2: 1 numbers, but model.embedding_size is 3"),
        ("the 1 2 3\nhund ist ein tier\n", ":2: not a word and its numbers: could not convert string to float"),
    ],
)
def test_what_is_no_file_of_such_vectors_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path / "v.txt", text)
    with pytest.raises(ValueError, match=re.escape(f"{path}{message}")):
        dict(vectors.read_vectors(path, {"hund", "."}, 3))


def test_types_are_filled_wherever_in_a_word_they_stand_and_padding_is_not(tmp_path: Path) -> None:
    table = torch.nn.Embedding(5, 3)
    before = table.weight.detach().clone()
    path = written(tmp_path / "v.txt", "the 1 2 3\n<pad> 4 4 4\nhund 5 6 7\n")
    assert vectors.fill(table, ["<pad>", "<unk>", "▁hund", "hund", "hunde"], path) == 2
    assert table.weight[2].tolist() == table.weight[3].tolist() == [5, 6, 7]
    assert torch.equal(table.weight[[0, 1, 4]], before[[0, 1, 4]])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hund 1 1 1\nHUND 2 2 2\nDie 3 3 3\n", [1, 1, 3]),
        ("HUND 1 1 1\nhund 2 2 2\nHund 3 3 3\n", [2, 3, None]),
        ("die 4 4 4\nhund 5 5 5\n", [5, 5, 4]),
        ("Hunde 1 1 1\nhündin 1 1 1\n", [None, None, None]),
    ],
    ids=["small letters", "own vectors", "vectors in small letters", "other words"],
)
def test_a_type_without_a_vector_has_that_of_its_word_in_another_case(
    tmp_path: Path, text: str, expected: list[int | None]
) -> None:
    table = torch.nn.Embedding(4, 3)
    before = table.weight.detach().clone()
    filled = vectors.fill(table, ["<pad>", "▁hund", "▁Hund", "▁DIE"], written(tmp_path / "v.txt", text))
    assert filled == sum(each is not None for each in expected)
    for row, value in enumerate([None, *expected]):
        assert table.weight[row].tolist() == (before[row].tolist() if value is None else [value] * 3)


def test_a_run_begins_with_them_and_goes_on_with_what_it_made_of_them(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    numbers = " 0.25 0.5 0.75 1 1.25 1.5 1.75 2"
    src = written(tmp_path / "de.vec", f"ein{numbers}\nhund{numbers}\n")
    tgt = written(tmp_path / "en.vec", f"2 8\nHUND{numbers}\nVOGEL{numbers}\n")
    settings = ["--data.path", str(corpus_folder), *TINY_RUN, "--data.tokenizer.kind", "word"]
    vectors.main(["--out", "start", "--src", str(src), "--tgt", str(tgt), *settings])
    out = capsys.readouterr().out
    assert f"{src}: 4 of " in out
    assert f"{tgt}: 4 of " in out  # the vocabulary is one, and the words of one side are those of the other in capitals
    expected = [float(each) for each in numbers.split()]
    tokens = TokenizerPair.load("start").src.tokens
    hund, bird = tokens.index("▁hund"), tokens.index("▁VOGEL")

    def embeddings(model: str) -> tuple[torch.Tensor, torch.Tensor]:
        tensors = load_file(Path(model) / "model.safetensors")
        return tensors["encoder.embedding.table.weight"][hund], tensors["decoder.embedding.table.weight"][bird]

    assert [each.tolist() for each in embeddings("start")] == [expected, expected]
    begun = ["--training.start_from", "start", "--training.freeze", "[encoder.embedding]"]
    begun += ["--training.average_decay", "0.5", "--trainer.max_steps", "2"]
    assert main(["train", "--name", "own", *settings, *begun]) == 0
    assert main(["train", "--resume", "runs/own", "--trainer.max_steps", "4"]) == 0
    source, target = embeddings("runs/own/model")
    assert source.tolist() == expected
    assert target.tolist() != expected
    torch.testing.assert_close(target, torch.tensor(expected), atol=0.1, rtol=0)


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    for arguments, message in (
        (["--out", str(tmp_path)], f"--out {tmp_path} exists: give a new folder, or delete it"),
        (["--out", str(tmp_path / "new"), "--model.sell", "gru"], "there is no key 'model.sell'"),
        (["--src", "x"], "the following arguments are required: --out"),
    ):
        done = subprocess.run([sys.executable, vectors.__file__, *arguments], capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stderr.startswith(f"vectors.py: {message}")
        assert done.stderr.count("\n") == 1
