"""What `nmt.evaluation.evaluate` finds out of a split, called from Python."""

from pathlib import Path

import pytest

from nmt.config import Config, DataConfig
from nmt.decoding.options import SearchOptions
from nmt.decoding.translator import Translator
from nmt.evaluation.evaluate import evaluate

PAIRS = {
    "train": [("der Hund", "the dog"), ("die Katze", "the cat")],
    "bt": [("ein Vogel", "a bird")],
    "test": [("der Vogel", "the bird"), ("ein Vogel", "a bird"), ("<bt> ein Vogel", "a bird"), ("die Katze", "cat")],
}


@pytest.fixture
def mixed(tmp_path: Path) -> str:
    """The path of a corpus with two training splits."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for split, pairs in PAIRS.items():
        for side, texts in zip(("de", "en"), zip(*pairs, strict=True), strict=True):
            (folder / f"{split}.{side}").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return str(folder)


def test_training_splits_are_looked_in_once_with_and_without_their_prefix(model_folder: Path, mixed: str) -> None:
    data = DataConfig(path=mixed, train=("train", "bt"), train_weights=(7, 2), train_prefixes=("", "<bt>"))
    found = evaluate(
        model_folder.parent, Config(data=data), "test", SearchOptions(beam_size=1), Translator.load(model_folder), ""
    )
    assert found.seen == (1, 2, 3)
    counts = found.training_counts
    assert counts is not None
    assert (counts.pairs, counts.of_pairs) == (3, 3)
    assert counts.src == {"<": 1, ">": 1, "Katze": 1, "Vogel": 1, "bt": 1, "der": 1, "die": 1, "ein": 1}
    assert counts.tgt["bird"] == 1
