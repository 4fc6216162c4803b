"""What `nmt.evaluation.evaluate` finds out of a split, called from Python."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

import nmt
from nmt import Config, DataConfig

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


@pytest.fixture
def run(model_folder: Path, mixed: str) -> Path:
    """A run that was trained on both, one of them with a prefix and both repeated."""
    data = DataConfig(path=mixed, train=("train", "bt"), train_weights=(7, 2), train_prefixes=("", "<bt>"))
    (model_folder.parent / "config.yaml").write_text(json.dumps(asdict(Config(data=data))))
    return model_folder.parent


def test_training_splits_are_looked_in_once_with_and_without_their_prefix(run: Path) -> None:
    found = nmt.evaluate(run, "test", nmt.SearchOptions(beam_size=1))
    assert found.seen == (1, 2, 3)
    assert found.seen_references == (1, 2)
    counts = found.training_counts
    assert counts is not None
    assert (counts.pairs, counts.of_pairs) == (3, 3)
    assert counts.src == {"<": 1, ">": 1, "Katze": 1, "Vogel": 1, "bt": 1, "der": 1, "die": 1, "ein": 1}
    assert counts.tgt["bird"] == 1


def test_a_run_is_evaluated_and_reported_from_python(run: Path) -> None:
    found = nmt.evaluate(str(run))
    bleu = found.scores[0]
    assert found.translations[0].beam, "kept for the report"
    assert repr(found) == f"Evaluation(test, 4 sentences, BLEU {bleu.score:.1f}, {found.search['decoding']})"
    assert repr(nmt.Evaluation.load(str(run / "evaluations" / "test"))) == repr(found)
    assert nmt.build_report(str(run), str(run / "report")).is_file()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"name": "a/b"}, "name: 'a/b' is not allowed"),
        ({"corpus": ""}, "corpus: the name is empty"),
        ({"split": "tset"}, r"no split 'tset' .*\(name one by data.train, data.validation or split\)"),
        ({"wanted": nmt.Wanted(what_if=1), "options": nmt.SearchOptions(alternatives=1)}, "at least 2 with what_if"),
    ],
)
def test_a_mistake_names_the_argument(run: Path, asked: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told) as error:
        nmt.evaluate(run, **asked)
    assert "--" not in str(error.value)
    assert not (run / "evaluations").exists()


@pytest.mark.parametrize("value", [{"what_if": -1}, {"neighbors": -1}])
def test_nothing_is_wanted_less_than_no_times(value: dict) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(value))}: -1 is not allowed, it must be at least 0"):
        nmt.Wanted(**value)
