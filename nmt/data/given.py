"""Sentence pairs that are given in memory -> files that a run keeps: what comes after knows only these."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from nmt.checked import check_folder_name
from nmt.config import DataConfig
from nmt.data.corpus import choose, resolve
from nmt.data.files import put_folder
from nmt.data.readers import Row, table_rows

Corpus = Mapping[str, Iterable[Any]]
"""The pairs of each split: (source, target), or rows that are mappings, as those of a `datasets.Dataset` are."""


def keep_corpus(corpus: Corpus, folder: Path, data: DataConfig) -> None:
    """Writes a corpus to a folder, as JSON lines that `nmt.data.corpus.load_split` reads.

    Args:
        corpus: the pairs of each split; of rows, the keys are as the columns of a table.
        folder: where to; all of the corpus is there in the end, or none.
        data: the languages, and which splits there must be.

    Raises:
        ValueError: if a split is missing or empty, or at the first pair that is none; split and pair are named.
        OSError: if it cannot be written.
    """
    splits = _splits(corpus)
    for split in (*data.train_splits, data.validation):
        if resolve(split, splits) not in splits:
            raise ValueError(f"corpus: no split '{split}': {choose(splits)}")
    with put_folder(folder) as fresh:
        for split, pairs in splits.items():
            with open(_file(fresh, split), "wb") as file:
                file.writelines(_lines(split, pairs, data))
                if not file.tell():
                    raise ValueError(f"corpus: split '{split}' is empty")


def check_kept(corpus: Corpus, folder: Path, data: DataConfig) -> None:
    """Raises ValueError if a corpus is not what `keep_corpus` has written to a folder, as far as it is given."""
    for split, pairs in _splits(corpus).items():
        path = _file(folder, split)
        if not path.is_file() or not _holds(path, _lines(split, pairs, data)):
            raise ValueError(
                f"corpus: split '{split}' is not what {folder.parent} goes on with: leave corpus out, or begin a new "
                "run, which may have these weights by training.start_from"
            )


def _splits(corpus: Any) -> dict[str, Iterable[Any]]:
    """The pairs by the names of the splits."""
    if not isinstance(corpus, Mapping):
        kind = type(corpus).__name__
        raise ValueError(f'corpus: a {kind} names no splits: give {{"train": pairs, "validation": pairs}}')
    splits = {str(name): pairs for name, pairs in corpus.items()}
    for name in splits:
        check_folder_name("corpus", name)
    return splits


def _file(folder: Path, split: str) -> Path:
    return folder / f"{split}.jsonl"


def _lines(split: str, pairs: Iterable[Any], data: DataConfig) -> Iterator[bytes]:
    """The lines of the file of a split; the same pairs give the same lines."""
    for row in table_rows(_records(split, pairs), data.src, data.tgt):
        yield json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _records(split: str, pairs: Iterable[Any]) -> Iterator[tuple[str, Row]]:
    """Place and record of each pair."""
    if not isinstance(pairs, Iterable):
        raise ValueError(f"corpus: split '{split}' is {pairs!r}, not pairs (source, target)")
    for number, pair in enumerate(pairs, start=1):
        place = f"corpus: split '{split}', pair {number}"
        if isinstance(pair, Mapping):
            yield place, dict(pair)
            continue
        is_ordered = hasattr(pair, "__getitem__") and not isinstance(pair, str)
        texts = list(pair) if is_ordered else []
        if len(texts) != 2 or not all(isinstance(text, str) for text in texts):
            told = "two texts (source, target), nor a row with 'src' and 'tgt'"
            raise ValueError(f"{place}: {repr(pair)[:60]} is neither {told}")
        yield place, {"src": texts[0], "tgt": texts[1]}


def _holds(path: Path, lines: Iterator[bytes]) -> bool:
    """Whether a file has these lines, and no others."""
    with open(path, "rb") as file:
        return all(one == other for one, other in zip_longest(file, lines))
