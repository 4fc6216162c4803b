"""Several training splits as one: repeated, prefixed, and with links only where there are any."""

from pathlib import Path

import datasets
import pytest
from conftest import align_word_by_word

from nmt.config import DataConfig
from nmt.config_file import load_config
from nmt.data.corpus import load_split
from nmt.data.datamodule import TranslationData
from nmt.data.mixture import load_training


def test_one_split_is_itself(corpus_folder: Path) -> None:
    one = load_training(DataConfig(str(corpus_folder)))
    assert one.to_list() == load_split(str(corpus_folder), "de", "en", "train").to_list()


def test_splits_come_as_often_as_they_weigh_and_with_their_prefix(corpus_folder: Path) -> None:
    data = DataConfig(
        str(corpus_folder), train=("validation", "test"), train_weights=(1, 3), train_prefixes=("", "<bt>")
    )
    first, second = (load_split(data.path, "de", "en", split) for split in data.train_splits)
    tagged = [f"<bt> {text}" for text in second["src"]]
    found = load_training(data)
    assert list(found["src"]) == [*first["src"], *tagged * 3]
    assert list(found["tgt"]) == [*first["tgt"], *[*second["tgt"]] * 3]
    assert found.cache_files, "memory-mapped"


@pytest.mark.parametrize(("units", "shift"), [("words", 3), ("tokens", 1)])
def test_links_begin_behind_the_prefix_and_are_none_where_there_are_none(
    corpus_folder: Path, units, shift: int
) -> None:
    align_word_by_word(corpus_folder, "validation")
    data = DataConfig(
        str(corpus_folder), train=("test", "validation"), train_prefixes=("", "<bt>"), alignment_units=units
    )
    links = corpus_folder / "validation.align"
    links.write_text(links.read_text().replace("0-0", "0?0"))
    gold = load_split(data.path, "de", "en", "validation")["alignment"][:]
    assert gold[0][0] == [0, 0, 0]
    found = load_training(data)["alignment"][:]
    assert found == [[]] * 9 + [[[source + shift, *rest] for source, *rest in each] for each in gold]


def test_copies_are_rows_of_their_own_and_share_an_epoch(corpus_folder: Path, tmp_path: Path) -> None:
    config = DataConfig(str(corpus_folder), train=("train", "test"), train_weights=(1, 2), batch_sentences=16)
    data = TranslationData(config, 1, tmp_path / "run")
    data._position = lambda: (0, 0)  # of the trainer
    data.prepare_data()
    data.setup("fit")
    indices = [index for batch in data.train_dataloader() for index in batch.indices.tolist()]
    assert sorted(indices) == list(range(120 + 2 * 9))
    again = [index for batch in data.train_dataloader() for index in batch.indices.tolist()]
    assert indices == again


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train": ()}, r"data\.train: \(\) is not allowed"),
        ({"train": ("a", "a")}, r"data\.train: .* it must be a split, or different ones"),
        ({"train": ("a", "b"), "train_weights": (1,)}, r"data\.train_weights: \(1,\) .* one for each split"),
        ({"train": ("a", "b"), "train_weights": (1, 0)}, r"data\.train_weights: .* whole numbers from 1 on"),
        ({"train": "a", "train_prefixes": ("x", "y")}, r"data\.train_prefixes: .* one for each split of data\.train"),
    ],
)
def test_a_mistaken_mixture_is_named(values: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DataConfig(**values)


def test_a_list_of_splits_comes_back_from_a_saved_config(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("data:\n  train: [train, bt]\n  train_weights: [2, 1]\n")
    data = load_config(path).data
    assert (data.train, data.train_weights, data.train_name) == (("train", "bt"), (2, 1), "train + bt")
    path.write_text("data:\n  train: other\n")
    assert load_config(path).data.train_splits == ("other",)


def test_a_split_that_is_not_there_is_named(corpus_folder: Path) -> None:
    with pytest.raises(ValueError, match="no split 'bt' for de-en"):
        load_training(DataConfig(str(corpus_folder), train=("train", "bt")))
    assert isinstance(load_training(DataConfig()), datasets.Dataset), "the phrasebook too"
