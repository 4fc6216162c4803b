"""Pairs in memory: a run keeps them, all that comes after works from its folder, and what is wrong is told by pair."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from safetensors.torch import load_file

import nmt
from nmt.cli import main
from nmt.config import Config, DataConfig, ModelConfig, TokenizerConfig, TrainingConfig
from nmt.config_file import load_config, load_settings
from nmt.data.corpus import load_split
from nmt.data.given import check_kept, keep_corpus

WORDS = ["der", "hund", "katze", "rennt", "schläft", "ein", "vogel", "singt", "nicht"]
PAIRS = [(f"{one} {other}", f"{one} {other}".upper()) for one in WORDS for other in WORDS]
SPLITS = {"train": PAIRS[:70], "dev": PAIRS[70:76], "test": PAIRS[76:]}
DATA = DataConfig(tokenizer=TokenizerConfig("char"), batch_sentences=16)
CONFIG = Config(
    "mine",
    data=DATA,
    model=ModelConfig(embedding_size=8, hidden_size=12, dropout=0.3),
    training=TrainingConfig(warmup_steps=5, monitor="val_loss"),
)
SETTINGS = {"accelerator": "cpu", "enable_progress_bar": False}


def weights(run: str) -> dict[str, torch.Tensor]:
    return load_file(f"{run}/model/model.safetensors")


def assert_same(run: str, other: str) -> None:
    torch.testing.assert_close(weights(run), weights(other), rtol=0, atol=0)


def rows(folder: Path, split: str) -> list[dict[str, Any]]:
    return list(load_split(str(folder), "de", "en", split))


def test_a_run_of_pairs_in_memory_is_gone_on_with_evaluated_and_shown_from_its_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for split, pairs in SPLITS.items():
        for side, language in enumerate(("de", "en")):
            Path("files").mkdir(exist_ok=True)
            Path("files", f"{split}.{language}").write_text("".join(f"{pair[side]}\n" for pair in pairs))
    of_files = replace(CONFIG, name="of_files", data=replace(DATA, path="files"))
    nmt.train(of_files, {**SETTINGS, "max_epochs": 3})
    assert nmt.train(CONFIG, {**SETTINGS, "max_epochs": 1}, corpus=SPLITS) == Path("runs/mine/model")
    assert load_config("runs/mine") == replace(CONFIG, data=replace(DATA, path="runs/mine/corpus"))
    nmt.train(CONFIG, {**SETTINGS, "max_epochs": 2}, resume=True)
    nmt.train(CONFIG, {**SETTINGS, "max_epochs": 3}, resume=True, corpus={"train": iter(PAIRS[:70])})
    assert_same("runs/mine", "runs/of_files")

    Path("runs").rename("moved")
    Path("runs/mine/corpus").mkdir(parents=True)  # which is another's now
    assert main(["train", "--resume", "moved/mine", "--trainer.max_epochs", "4"]) == 0
    assert main(["train", "--resume", "moved/of_files", "--trainer.max_epochs", "4"]) == 0
    assert_same("moved/mine", "moved/of_files")
    nmt.train(
        *load_settings("moved/mine"), folder="moved/mine", overwrite=True
    )  # anew, of the pairs in what it replaces
    assert_same("moved/mine", "moved/of_files")
    assert load_config("moved/mine").data.path == "moved/mine/corpus"

    shutil.rmtree("files")
    known = SPLITS["test"][0][0].split()[-1]
    evaluation = nmt.evaluate("moved/mine", "test", nmt.SearchOptions(beam_size=1))
    assert evaluation.references == tuple(tgt for _, tgt in SPLITS["test"])
    assert evaluation.seen == ()
    assert evaluation.training_counts.src[known] == sum(src.split().count(known) for src, _ in SPLITS["train"])
    nmt.build_report("moved/mine", "shown")
    assert SPLITS["test"][0][0] in Path("shown/sentences.csv").read_text(encoding="utf-8")


def test_pairs_come_in_many_forms(tmp_path: Path) -> None:
    texts = [("Ein\nHund", 'A "dog"'), ("", "no\u2028thing"), ("halb \ud800", "half")]
    expected = [{"src": "Ein\nHund", "tgt": 'A "dog"'}, {"src": "", "tgt": "no\u2028thing"}]
    expected.append({"src": "halb \ufffd", "tgt": "half"})
    forms: dict[str, Any] = {
        "pairs": texts,
        "lists": (list(pair) for pair in texts),
        "columns": zip(*zip(*texts, strict=True), strict=True),
        "rows": [{"tgt": tgt, "src": src, "id": 1} for src, tgt in texts],
        "translation": [{"translation": {"en": tgt, "de": src}} for src, tgt in texts],
    }
    keep_corpus({"train": texts, "valid": texts, **forms}, tmp_path / "corpus", DATA)
    for split in forms:
        assert rows(tmp_path / "corpus", split) == expected, split


def test_splits_of_datasets_keep_their_links(tmp_path: Path) -> None:
    columns = {"de": ["Der Hund.", None], "en": ["The dog.", "Nothing"], "alignment": [[[0, 0], [1, 1, 0]], []]}
    split = datasets.Dataset.from_dict(columns)
    given = datasets.DatasetDict(
        {datasets.Split.TRAIN: split, "validation": split.select([1]), "large": split.to_iterable_dataset()}
    )
    keep_corpus(given, tmp_path / "corpus", DATA)
    first = {"src": "Der Hund.", "tgt": "The dog.", "alignment": [[0, 0], [1, 1, 0]]}
    other = {"src": "", "tgt": "Nothing", "alignment": []}
    assert rows(tmp_path / "corpus", "train") == rows(tmp_path / "corpus", "large") == [first, other]
    assert rows(tmp_path / "corpus", "validation") == [other]


def broken() -> Iterator[tuple[str, str]]:
    yield "a", "b"
    raise OSError("the connection is lost")


MISTAKES: list[tuple[Any, str]] = [
    (PAIRS, 'corpus: a list names no splits: give {"train": pairs, "validation": pairs}'),
    ({"dev": PAIRS}, "corpus: no split 'train': there are dev (name one by data.train"),
    ({"train": PAIRS}, "corpus: no split 'validation': there are train"),
    ({"train": [], "dev": PAIRS}, "corpus: split 'train' is empty"),
    ({"train": PAIRS, "dev": PAIRS, "test": iter(())}, "corpus: split 'test' is empty"),
    ({"train": None, "dev": PAIRS}, "corpus: split 'train' is None, not pairs"),
    ({"train": 5, "dev": PAIRS}, "corpus: split 'train' is 5, not pairs"),
    ({"train": [b"ab"], "dev": PAIRS}, "corpus: split 'train', pair 1: b'ab' is neither two texts (source, target)"),
    ({"train": [("a" * 99,)], "dev": PAIRS}, f"corpus: split 'train', pair 1: ('{'a' * 58} is neither two texts"),
    ({"train": PAIRS, "dev": ["ab"]}, "corpus: split 'dev', pair 1: 'ab' is neither two texts (source, target)"),
    ({"train": [*PAIRS, ("a",)], "dev": PAIRS}, "corpus: split 'train', pair 82: ('a',) is neither"),
    ({"train": [("a", "b", "c")], "dev": PAIRS}, "corpus: split 'train', pair 1: ('a', 'b', 'c') is neither"),
    ({"train": [("a", None)], "dev": PAIRS}, "corpus: split 'train', pair 1: ('a', None) is neither"),
    ({"train": [("a", float("nan"))], "dev": PAIRS}, "corpus: split 'train', pair 1: ('a', nan) is neither"),
    ({"train": [{"a", "b"}], "dev": PAIRS}, "corpus: split 'train', pair 1: {"),
    ({"train": {"src": ["a"], "tgt": ["b"]}, "dev": PAIRS}, "corpus: split 'train', pair 1: 'src' is neither"),
    ({"train": [{"fr": "a", "en": "b"}], "dev": PAIRS}, "corpus: split 'train', pair 1: no 'de' and 'en' (nor 'src'"),
    ({"train": [{"de": 1, "en": "b"}], "dev": PAIRS}, "corpus: split 'train', pair 1: 'de' and 'en' must both be text"),
    (
        {"train": [{"src": "a", "tgt": "b", "alignment": [[0, 1]]}], "dev": PAIRS},
        "corpus: split 'train', pair 1: link 0-1 is past the last word",
    ),
    (
        {"train": [{"src": "a", "tgt": "b", "alignment": []}, ("a", "b")], "dev": PAIRS},
        "corpus: split 'train', pair 2: either every row or none must have an 'alignment'",
    ),
    ({"a/b": PAIRS}, "corpus: 'a/b' is not allowed, it must be a folder name"),
]


@pytest.mark.parametrize(("corpus", "message"), MISTAKES)
def test_what_is_no_corpus_is_told_by_split_and_pair_and_leaves_nothing(
    tmp_path: Path, corpus: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        nmt.train(CONFIG, {**SETTINGS, "max_steps": 1}, tmp_path / "mine", corpus=corpus)
    assert list(tmp_path.iterdir()) == []


def test_a_corpus_that_breaks_off_leaves_the_run_that_was_to_be_replaced(tmp_path: Path) -> None:
    run = tmp_path / "mine"
    nmt.train(CONFIG, {**SETTINGS, "max_steps": 1}, run, corpus=SPLITS)
    with pytest.raises(ValueError, match="exists"):
        nmt.train(CONFIG, {**SETTINGS, "max_steps": 1}, run, corpus=SPLITS)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(OSError, match="the connection is lost"):
        nmt.train(CONFIG, SETTINGS, run, overwrite=True, corpus={**SPLITS, "train": broken()})
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert list(tmp_path.iterdir()) == [run]


@pytest.mark.parametrize("train", [PAIRS[:69], PAIRS[:71], [*PAIRS[:69], ("other", "OTHER")]])
def test_a_run_goes_on_with_the_pairs_that_it_has_kept_only(tmp_path: Path, train: list[tuple[str, str]]) -> None:
    keep_corpus(SPLITS, tmp_path / "corpus", DATA)
    check_kept(SPLITS, tmp_path / "corpus", DATA)
    message = f"corpus: split '{{}}' is not what {tmp_path} goes on with: leave corpus out, or begin a new run"
    with pytest.raises(ValueError, match=re.escape(message.format("train"))):
        check_kept({"train": train}, tmp_path / "corpus", DATA)
    with pytest.raises(ValueError, match=re.escape(message.format("more"))):
        check_kept({"train": PAIRS[:70], "more": PAIRS}, tmp_path / "corpus", DATA)


def test_a_run_of_pairs_in_memory_has_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"^name: 'phrasebook_de_en' is not allowed, it must be a name of the run's"):
        nmt.train(Config(data=DATA), corpus=SPLITS)
    assert list(tmp_path.iterdir()) == []


def test_a_corpus_that_no_run_has_written_is_not_replaced(tmp_path: Path) -> None:
    keep_corpus(SPLITS, tmp_path / "mine" / "corpus", DATA)
    with pytest.raises(ValueError, match="mine exists"):
        nmt.train(CONFIG, SETTINGS, tmp_path / "mine", corpus=SPLITS)
    (tmp_path / "mine" / "config.yaml").touch()  # of a run that ended before its first checkpoint
    nmt.train(CONFIG, {**SETTINGS, "max_steps": 1}, tmp_path / "mine", corpus=SPLITS)
    assert (tmp_path / "mine" / "model").is_dir()
