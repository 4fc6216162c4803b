import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from datasets.exceptions import DatasetGenerationError

from nmt.config import DataConfig
from nmt.data import corpus, phrasebook, readers
from nmt.data.corpus import from_columns, load_split, texts_within
from nmt.data.pairs import KEPT, told_of_dropped, why_dropped
from nmt.data.phrasebook import SentencePair

PAIRS = [("Ein Hund.", "A dog."), ("", "No German."), ("Zwei Hunde\x0b\x85\u2028schlafen.", "Two dogs sleep.")]
GERMAN, ENGLISH = ("".join(f"{text}\n" for text in side) for side in zip(*PAIRS, strict=True))


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


def pairs_of(folder: Path, src: str = "de", tgt: str = "en", split: str = "train") -> list[tuple[str, str]]:
    dataset = load_split(str(folder), src, tgt, split)
    return list(zip(dataset["src"], dataset["tgt"], strict=True))


def swapped(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(second, first) for first, second in pairs]


def zstd(data: bytes) -> bytes:
    return pyarrow.compress(data, codec="zstd", asbytes=True)


def parquet(columns: dict[str, list[Any]]) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("suffix", "compress"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress), (".zst", zstd)]
)
def test_text_files(tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]) -> None:
    (tmp_path / f"train.de{suffix}").write_bytes(compress(GERMAN.encode()))
    lines = ENGLISH.encode().splitlines(keepends=True)
    (tmp_path / f"train.en{suffix}").write_bytes(b"".join(map(compress, lines)))  # archives may be joined
    assert pairs_of(tmp_path) == PAIRS
    assert pairs_of(tmp_path, "en", "de") == swapped(PAIRS)
    assert load_split(str(tmp_path), "de", "en", "train").column_names == ["src", "tgt"]


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    (tmp_path / "train.de").write_bytes("\ufeffEins\r\nzwei\rdrei\x0c\n\nvier".encode())
    (tmp_path / "train.en").write_bytes(b"one\ntwo\x1cthree\r\n\r\nfour\n")
    assert pairs_of(tmp_path) == [("Eins", "one"), ("zwei\rdrei\x0c", "two\x1cthree"), ("", ""), ("vier", "four")]


def test_names_of_splits(tmp_path: Path) -> None:
    for name in (
        "train.en-de.de",
        "train.en-de.en",
        "val.de",
        "val.en",
        "test_2016.de",
        "test_2016.en",
        "test_2016.fr",
    ):
        (tmp_path / name).write_text(f"{name}\n")
    (tmp_path / "news.2014.tsv").write_text("src\ttgt\na\tb\n")
    (tmp_path / "README.md").write_text("not a corpus")
    (tmp_path / "test_2017.de").write_text("no English\n")
    assert list(readers.find_splits(tmp_path, "de", "en")) == ["news.2014", "test_2016", "train", "val"]
    assert list(readers.find_splits(tmp_path, "fr", "en")) == ["news.2014", "test_2016"]
    assert pairs_of(tmp_path) == [("train.en-de.de", "train.en-de.en")]
    for alias in ("validation", "val", "dev", "valid"):
        assert pairs_of(tmp_path, split=alias) == [("val.de", "val.en")]
    (tmp_path / "validation.csv").write_text("de,en\nc,d\n")
    assert pairs_of(tmp_path, split="validation") == [("c", "d")]
    assert pairs_of(tmp_path, split="val") == [("val.de", "val.en")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train.tsv", "id\ten\tde\n1\tA dog.\tEin Hund.\n"),
        ("train.en-de.tsv", "A dog.\tEin Hund.\n"),
        ("train.de-en.tsv", "Ein Hund.\tA dog.\n"),
        ("train.de-en.tsv", "en\tde\nA dog.\tEin Hund.\n"),
        ("train.csv", "en,note,de\nA dog.,x,Ein Hund.\n"),
        ("train.jsonl", '{"en": "A dog.", "de": "Ein Hund."}\n\n'),
        ("train.json", '{"translation": {"en": "A dog.", "de": "Ein Hund.", "fr": null}}\n'),
    ],
)
def test_tables_in_either_direction(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    assert pairs_of(tmp_path, "de", "en") == [("Ein Hund.", "A dog.")]
    assert pairs_of(tmp_path, "en", "de") == [("A dog.", "Ein Hund.")]


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl", "parquet"])
def test_src_and_tgt_stand_for_the_languages_asked_for(tmp_path: Path, form: str) -> None:
    rows = [{"src": src, "tgt": tgt} for src, tgt in PAIRS]
    if form == "parquet":
        datasets.Dataset.from_list(rows).to_parquet(tmp_path / "train.parquet")
    else:
        with open(tmp_path / f"train.{form}", "w", encoding="utf-8", newline="") as file:
            if form == "jsonl":
                file.writelines(json.dumps(row) + "\n" for row in rows)
            elif form == "csv":
                csv.writer(file).writerows([("src", "tgt"), *PAIRS])
            else:
                file.writelines(f"{src}\t{tgt}\n" for src, tgt in [("src", "tgt"), *PAIRS])
    assert pairs_of(tmp_path) == pairs_of(tmp_path, "cs", "fr") == PAIRS


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_gold_alignment_is_kept(tmp_path: Path, form: str) -> None:
    rows = [{"de": "a b", "en": "c d", "alignment": [[0, 1], [1, 0]]}, {"de": "x", "en": "y", "alignment": []}]
    if form == "parquet":
        datasets.Dataset.from_list(rows).to_parquet(tmp_path / "train.parquet")
    else:
        (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = load_split(str(tmp_path), "de", "en", "train")
    assert dataset.column_names == ["src", "tgt", "alignment"]
    assert dataset["alignment"][:] == [[[0, 1], [1, 0]], []]


LINKS = "0-0 1-1\r\n\n1?0\n"


@pytest.mark.parametrize(
    ("suffix", "compress"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress), (".zst", zstd)]
)
@pytest.mark.parametrize("name", ["train", "train.de-en"])
def test_a_file_of_links_beside_the_texts(
    tmp_path: Path, name: str, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "train.de").write_text(GERMAN)
    (tmp_path / "train.en").write_text(ENGLISH)
    (tmp_path / f"{name}.align{suffix}").write_bytes(compress(LINKS.encode()))
    (tmp_path / "test.align").write_text("no texts, no split")
    assert list(readers.find_splits(tmp_path, "de", "en")) == ["train"]
    dataset = load_split(str(tmp_path), "de", "en", "train")
    assert list(zip(dataset["src"], dataset["tgt"], strict=True)) == PAIRS
    assert dataset["alignment"][:] == [[[0, 0], [1, 1]], [], [[1, 0, 0]]]
    backwards = load_split(str(tmp_path), "en", "de", "train")["alignment"][:]
    # a name without languages says source-target; one with them says which side is which
    assert backwards == [[[0, 0], [1, 1]], [], [[0, 1, 0]] if name == "train.de-en" else [[1, 0, 0]]]
    (tmp_path / f"{name}.align{suffix}").write_bytes(compress(b"\n" * 3))
    assert load_split(str(tmp_path), "de", "en", "train")["alignment"][:] == [[], [], []], "read again"


def test_quotes_are_text_in_tsv_and_quotes_in_csv(tmp_path: Path) -> None:
    (tmp_path / "train.de-en.tsv").write_text('"Ein, Hund\tA "dog"\n')
    (tmp_path / "test.csv").write_text('de,en\n"Ein, Hund","A ""dog"""\n')
    assert pairs_of(tmp_path) == [('"Ein, Hund', 'A "dog"')]
    assert pairs_of(tmp_path, split="test") == [("Ein, Hund", 'A "dog"')]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("train.tsv", "de\ten\na\tb\n\t\n", [("a", "b"), ("", "")]),  # a pair of two empty texts is one too
        ("train.tsv", "src\ttgt\tde\ten\n1\t2\ta\tb\n", [("a", "b")]),  # languages come before src and tgt
        ("train.tsv", "\ufeffde\ten\n\ufeffa\tb\n", [("\ufeffa", "b")]),  # a mark of UTF-8 only begins a file
        ("train.csv", 'de,en\n"a\nb",c\n', [("a\nb", "c")]),
    ],
)
def test_edges_of_tables(tmp_path: Path, name: str, text: str, expected: list[tuple[str, str]]) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert pairs_of(tmp_path) == expected


def test_a_text_that_is_null_is_empty(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"de": null, "en": "A dog."}\n{"de": "Ein Hund.", "en": "A dog."}\n')
    assert pairs_of(tmp_path) == [("", "A dog."), ("Ein Hund.", "A dog.")]


def test_json_escapes_that_are_no_characters(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"de": "lone \\ud800 half", "en": "pair \\ud83d\\ude00"}')
    assert pairs_of(tmp_path) == [("lone \ufffd half", "pair 😀")]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    for text in ("one\n", "two\n", "one\n"):
        (tmp_path / "train.de").write_text(text)
        (tmp_path / "train.en").write_text(text)
        assert pairs_of(tmp_path) == [(text.strip(), text.strip())]


GOOD = b"eins\nzwei\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train.de": GOOD, "train.en": b"one\n"}, r"train\.de has 2 lines, .*train\.en has 1: line n of one"),
        ({"train.de": GOOD, "train.en": GOOD + b"\n"}, r"train\.de has 2 lines, .*train\.en has 3: line n of one"),
        ({"train.de": GOOD, "train.en": b"one\ntw\xf6\n"}, r"train\.en:2: not UTF-8 \(byte 3 of the line\)"),
        ({"train.de": b"", "train.en": b""}, r"train\.de and .*train\.en: no sentence pair"),
        ({"train.de": GOOD, "val.de": GOOD}, r"no split 'train' for de-en .*of 'train' there is only train\.de \(exp"),
        (
            {"val.de": GOOD, "val.en": GOOD},
            r"no split 'train' for de-en in .*: there are val \(name one by data\.train",
        ),
        ({}, r"no split 'train' for de-en .*there is none for these languages \(expected train\.de and train\.en, or"),
        ({"train.de": GOOD, "train.en": GOOD, "train.en.gz": GOOD}, r"twice: .*train\.en; .*train\.en\.gz; keep one"),
        ({"train.tsv": b"de\ten\tde\na\tb\tc\n"}, r"train\.tsv:1: two columns are named 'de': rename one"),
        ({"train.tsv": b"de\ten\na\tb\nc\n"}, r"train\.tsv:3: 1 columns, expected 2 \(de, en\)"),
        ({"train.en-de.tsv": b"a\tb\nc\td\te\n"}, r"train\.en-de\.tsv:2: 3 columns, expected 2 \(en, de\)"),
        ({"train.tsv": b"a\tb\n"}, r"train\.tsv:1: no header with 'de' and 'en': add one, .*as in train\.de-en\.tsv"),
        ({"train.csv": b"de,en\n\na,b\nc\n"}, r"train\.csv:4: 1 columns, expected 2 \(de, en\)"),
        ({"train.csv": b"de,en\na,b,c\n"}, r"train\.csv:2: 3 columns, expected 2 \(de, en\)"),
        ({"train.csv": b"de,en\na\rb,c\n"}, r"train\.csv:2: a carriage return in a field that is not quoted: quote"),
        ({"train.csv": b'de,en\na,"b\n'}, r"train\.csv:2: unexpected end of data"),
        ({"train.csv": b"a,b\nc,d\n"}, r"train\.csv:2: no 'de' and 'en' \(nor 'src' and 'tgt'\): it has a, b; rename"),
        ({"train.csv": b"de;en\nc;d\n"}, r"train\.csv:2: no 'de' and 'en' .*: it has de;en; separate the columns by c"),
        ({"train.jsonl": b'{"de": "a", "en": "b"}\n{"de"\n'}, r"train\.jsonl:2: not one JSON value a line"),
        (
            {"train.jsonl": b'{"de": "a", "en": "b"}\n[1, 2]\n'},
            r"train\.jsonl:2: no object with 'de' and 'en', but \[1",
        ),
        ({"train.jsonl": b'{"de": "a", "en": 1}\n'}, r"train\.jsonl:1: 'de' and 'en' must both be text"),
        ({"train.jsonl": b'{"de": "a", "en": "b", "alignment": [[0]]}'}, r"train\.jsonl:1: 'alignment' must be a list"),
        ({"train.jsonl": b'{"de":"a","en":"b"}\n{"de":"a","en":"b","alignment":[]}'}, r"jsonl:2: either every row or"),
        (
            {"train.jsonl": b'{"de":"a","en":"b!","alignment":[[1,0]]}'},
            r"jsonl:1: link 1-0 is past .*has 1 words, .*t 2",
        ),
        (
            {"train.de": GOOD, "train.en": GOOD, "train.align": b"0-0\n0-0 0_0\n"},
            r"train\.align:2: '0_0' is not a link",
        ),
        (
            {"train.de": GOOD, "train.en": GOOD, "train.align": b"0-0\n0-1\n"},
            r"train\.align:2: link 0-1 is past the las",
        ),
        (
            {"train.de": GOOD, "train.en": GOOD, "train.align": b"0-0\n"},
            r"train\.align has 1 lines for 2 pairs: line n",
        ),
        ({"train.de": GOOD, "train.en": GOOD, "train.align": b"\n\n\n"}, r"train\.align has 3 lines for 2 pairs"),
        ({"train.de": GOOD, "train.en": b"one\n", "train.align": b"0-0\n0-0\n"}, r"train\.de has 2 lines, .*en has 1:"),
        (
            {"train.de": GOOD, "train.en": GOOD, "train.align": b"0-0\n\n", "train.de-en.align": b"\n\n"},
            r"twice: .*train\.align; .*train\.de-en\.align; keep one",
        ),
        ({"train.parquet": b"PAR1 no"}, r"train\.parquet: not a readable Parquet file"),
        (
            {"train.parquet": parquet({"de": ["a", "b"], "en": ["c", "d"], "alignment": [[[0, 0]], [[5, 0]]]})},
            r"train\.parquet, row 2: link 5-0 is past the last word",
        ),
    ],
)
def test_faults_are_named_with_their_place(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        load_split(str(tmp_path), "de", "en", "train")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".xz", lzma.compress), (".zst", zstd)])
@pytest.mark.parametrize("damage", ["cut off", "not compressed"])
def test_damaged_archives(tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes], damage: str) -> None:
    text = "".join(f"line {number} of many\n" for number in range(1000)).encode()
    (tmp_path / "train.de").write_bytes(text)
    damaged = compress(text)[:-30] if damage == "cut off" else text
    (tmp_path / f"train.en{suffix}").write_bytes(damaged)
    with pytest.raises(ValueError, match=rf"train\.en\{suffix}: cannot be read after line \d+: \w+"):
        load_split(str(tmp_path), "de", "en", "train")


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        load_split(str(tmp_path / "nowhere"), "de", "en", "train")
    (tmp_path / "train.de").write_text("x\n")
    with pytest.raises(FileNotFoundError, match=r"train\.de is a file: give the folder"):
        load_split(str(tmp_path / "train.de"), "de", "en", "train")


def test_a_copy_of_a_dataset_of_the_hub_is_told_how_to_be_given(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train-00000-of-00001.parquet").touch()
    with pytest.raises(ValueError, match=f"a copy of a dataset of the hub is given as hub:{tmp_path}"):
        load_split(str(tmp_path), "de", "en", "train")


def test_phrasebook(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = SentencePair("The dog sleeps.", "Der Hund schläft.", ((0, 0), (1, 1), (2, 2), (3, 3)))
    monkeypatch.setattr(phrasebook, "splits", lambda: {"train": [pair] * 3, "validation": [pair], "test": [pair]})
    corpus._phrasebook_splits.cache_clear()
    dataset = load_split("phrasebook", "de", "en", "val")
    assert dataset[0] == {
        "src": "Der Hund schläft.",
        "tgt": "The dog sleeps.",
        "alignment": [[0, 0], [1, 1], [2, 2], [3, 3]],
    }
    assert len(load_split("phrasebook", "en", "de", "train")) == 3
    with pytest.raises(ValueError, match="no split 'test_2016' in the phrasebook: there are train, validation, test"):
        load_split("phrasebook", "de", "en", "test_2016")
    with pytest.raises(ValueError, match="'fr' to 'en'"):
        load_split("phrasebook", "fr", "en", "train")
    corpus._phrasebook_splits.cache_clear()


TRANSLATION = datasets.Features({"translation": datasets.Translation(languages=["de", "en"])})


@pytest.mark.parametrize(
    "dataset",
    [
        datasets.Dataset.from_dict({"en": ["a", None], "de": ["b", "c"], "id": [1, 2]}),
        datasets.Dataset.from_dict({"tgt": ["a", None], "src": ["b", "c"]}),
        datasets.Dataset.from_dict({"translation": [{"en": "a", "de": "b"}, {"en": None, "de": "c"}]}),
        datasets.Dataset.from_dict({"translation": [{"en": "a", "de": "b"}, {"en": "", "de": "c"}]}, TRANSLATION),
    ],
)
def test_layouts_of_the_hub(dataset: datasets.Dataset) -> None:
    assert list(from_columns(dataset, "de", "en", "hub:x/y")) == [{"src": "b", "tgt": "a"}, {"src": "c", "tgt": ""}]


def test_texts_of_the_hub_are_texts() -> None:
    numbers = datasets.Dataset.from_dict({"en": [1, 2], "de": ["b", "c"]})
    with pytest.raises(ValueError, match="hub:x/y: 'de' and 'en' must both be text"):
        from_columns(numbers, "de", "en", "hub:x/y")
    beside = datasets.Dataset.from_dict({"en": ["a"], "de": ["b"], "translation": ["something else"]})
    assert list(from_columns(beside, "de", "en", "hub:x/y")) == [{"src": "b", "tgt": "a"}]


@pytest.mark.parametrize("error", [RuntimeError("scripts are no longer supported\nmore"), DatasetGenerationError("x")])
def test_a_dataset_of_the_hub_that_cannot_be_read_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda *_: ["train"])
    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(ValueError, match=r"^hub:x/y cannot be read: (scripts are no longer supported|x)$"):
        load_split("hub:x/y", "de", "en", "train")
    monkeypatch.setattr(datasets, "get_dataset_split_names", fail)
    with pytest.raises(ValueError, match="^hub:x/y cannot be read: "):
        load_split("hub:x/y", "de", "en", "train")


@pytest.mark.parametrize("links", [[[[0, 1]]], ["0-0"], [None]])
def test_links_of_the_hub_are_checked(links: list[Any]) -> None:
    dataset = datasets.Dataset.from_dict({"en": ["A dog."], "de": ["Hund"], "alignment": links})
    with pytest.raises(ValueError, match="hub:x/y, row 0: (link 0-1|'alignment' must be)"):
        from_columns(dataset, "en", "de", "hub:x/y")


def test_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []

    def load(name: str, configuration: str | None, split: str) -> datasets.Dataset:
        calls.append((name, configuration, split))
        return datasets.Dataset.from_dict({"en": ["A dog."], "de": ["Ein Hund."], "alignment": [[[0, 0]]]})

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda name, configuration: ["train", "validation"])
    dataset = load_split("hub:bentrevett/multi30k", "de", "en", "val")
    assert list(dataset) == [{"src": "Ein Hund.", "tgt": "A dog.", "alignment": [[0, 0]]}]
    load_split("hub:wmt/wmt14:de-en", "en", "de", "train")
    assert calls == [("bentrevett/multi30k", None, "validation"), ("wmt/wmt14", "de-en", "train")]
    with pytest.raises(ValueError, match="no split 'test' in hub:wmt/wmt14: there are train, validation"):
        load_split("hub:wmt/wmt14", "en", "de", "test")
    with pytest.raises(ValueError, match="hub:x/y: no 'fr' and 'en' .*it has en, de, alignment"):
        load_split("hub:x/y", "fr", "en", "train")

    def offline(name: str, configuration: str | None) -> list[str]:
        raise ConnectionError(f"Couldn't reach '{name}' on the Hub")

    monkeypatch.setattr(datasets, "get_dataset_split_names", offline)
    with pytest.raises(ValueError, match="hub:x/y cannot be read: Couldn't reach 'x/y'"):
        load_split("hub:x/y", "de", "en", "train")


def test_texts_that_stand_in_a_corpus_are_found_by_their_words(tmp_path: Path) -> None:
    texts = ["ja", "nein", "Ja!", "", "Wie geht's, Über?", "...", "我爱你。"]
    (tmp_path / "train.de").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    (tmp_path / "train.en").write_text("yes\nno\n" + "x\n" * 5)
    corpus = load_split(str(tmp_path), "de", "en", "train")
    there = ["Nein.", "", "ja", "JA ", "wie geht's über", "...", "我爱你"]
    assert texts_within(there, corpus, "src") == list(range(len(there)))
    assert not texts_within(["yes", "?", "jaja", "ja nein", "wie gehts über", "我你"], corpus, "src")
    assert texts_within(["ja", "Yes?"], corpus, "tgt") == [1]


def test_pairs_that_are_no_use_are_dropped_and_counted() -> None:
    config = DataConfig(max_length_tokens=1000, max_length_ratio=2.5)
    lengths = [(1000, 400), (2, 5), (5, 2), (1, 1), (0, 3), (3, 0), (0, 0), (1001, 1001), (1001, 1), (2, 6), (6, 2)]
    reasons = why_dropped(config, np.array(lengths))
    assert reasons.tolist() == [KEPT] * 4 + ["empty"] * 3 + ["too long"] * 2 + ["length ratio"] * 2
    assert told_of_dropped(config, reasons) == (
        "dropped 7 of 11 pairs: 3 empty, 2 too long (> 1000 tokens), 2 length ratio (> 2.5)"
    )
    assert told_of_dropped(config, np.array([KEPT] * 29_000)) == "dropped 0 of 29,000 pairs"
    many = told_of_dropped(DataConfig(), np.array(["too long"] * 1234))
    assert many == "dropped 1,234 of 1,234 pairs: 1,234 too long (> 100 tokens)"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train.jsonl", '{"src": ' * 100_000, "train.jsonl:1: not one JSON value a line"),
        ("train.json", '[\n{"src": "a", "tgt": "b"}\n]\n', "train.json: one array; write an object a line instead"),
        ("train.jsonl", '{"src": ' + "9" * 5000 + "}", "train.jsonl:1: not one JSON value a line"),
        ("train.csv", "de,de,en\na,b,c\n", "train.csv:1: two columns are named 'de'"),
    ],
)
def test_what_no_parser_reads_is_told_with_its_place(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        load_split(str(tmp_path), "de", "en", "train")


def test_a_field_of_any_length_is_read(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(f"de,en\n{'x' * 200_000},b\n")
    assert len(load_split(str(tmp_path), "de", "en", "train")[0]["src"]) == 200_000
