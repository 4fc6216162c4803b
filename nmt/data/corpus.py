"""Phrasebook, files or hub to a `datasets.Dataset` of `src` and `tgt`, and of `alignment` where gold exists.

A corpus is named by its path: ``phrasebook`` (the embedded one), a folder of files (see `nmt.data.readers`), or
``hub:owner/name`` or ``hub:owner/name:configuration`` for a dataset of the Hugging Face hub.
"""

import functools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import datasets
import pyarrow
import pyarrow.compute
from datasets.exceptions import DatasetGenerationError, DatasetsError

from nmt.config import hub_name, is_hub
from nmt.data import compression, links, phrasebook, readers
from nmt.data.files import digest
from nmt.data.links import word_links
from nmt.data.phrasebook import SentencePair
from nmt.data.readers import Row, SplitFiles

_VALIDATION = ("validation", "val", "dev", "valid")
"""Names that mean the same split."""

_TEXT = {"src": datasets.Value("string"), "tgt": datasets.Value("string")}
_ALIGNMENT = {"alignment": [[datasets.Value("int32")]]}


_BLOCK = 1 << 17
"""Texts that are looked through at once: enough to be fast, and few enough not to hold a large corpus twice."""

_CODE = Path(compression.__file__), Path(readers.__file__), Path(links.__file__)
"""What reads the files: rows that other code has read are read again."""


def load_split(path: str, src: str, tgt: str, split: str) -> datasets.Dataset:
    """The sentence pairs of one split, memory-mapped where they come from files or the hub.

    Args:
        path: "phrasebook", a folder, "hub:owner/name" or "hub:owner/name:configuration".
        src: code of the source language.
        tgt: code of the target language.
        split: name of the split; "validation", "val", "dev" and "valid" find each other.

    Returns:
        Columns `src` and `tgt` (str), and `alignment` (list of links, as in `nmt.data.links`) where the corpus has it.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if there is no such split, or a fault in a file (with file and line).
    """
    if path == "phrasebook":
        return _load_phrasebook(src, tgt, split)
    if is_hub(path):
        return _load_hub(path, src, tgt, split)
    folder = Path(path).expanduser()
    splits = readers.find_splits(folder, src, tgt)
    candidates = splits.get(resolve(split, splits), [])
    if not candidates:
        raise ValueError(_missing_files(folder, src, tgt, split, list(splits)))
    if len(candidates) > 1:
        raise ValueError(f"split '{split}' is there twice: {'; '.join(map(str, candidates))}; keep one of them")
    return _load_files(candidates[0], src, tgt)


def texts_within(texts: Sequence[str], corpus: datasets.Dataset, side: str) -> list[int]:
    """Which of these texts, counted from 0, stand in a corpus as `load_split` gives it: by their words alone.

    Neither case nor marks set two texts apart, unless they have nothing else.

    Args:
        texts: that are looked up.
        corpus: the columns `src` and `tgt`.
        side: the one of them in which they are looked up.
    """
    column = corpus.data.column(side)
    asked = _words_alone(pyarrow.array(texts, type=column.type))
    found: set[str] = set()
    for first in range(0, len(column), _BLOCK):
        block = _words_alone(column.slice(first, _BLOCK).combine_chunks())
        found.update(block.filter(pyarrow.compute.is_in(block, value_set=asked)).to_pylist())
    return [number for number, text in enumerate(asked.to_pylist()) if text in found]


def _words_alone(texts: pyarrow.Array) -> pyarrow.Array:
    """Texts in lower case, with a space for all that stands between letters and digits; a text without any, as it is.

    By Arrow, as whole training corpora are read: it takes 2 microseconds a sentence.
    """
    lowered = pyarrow.compute.utf8_lower(texts)
    spaced = pyarrow.compute.replace_substring_regex(lowered, r"[^\pL\pM\pN]+", " ")
    words = pyarrow.compute.utf8_trim_whitespace(spaced)
    return pyarrow.compute.if_else(pyarrow.compute.equal(words, ""), texts, words)


def from_columns(dataset: datasets.Dataset, src: str, tgt: str, place: str) -> datasets.Dataset:
    """A dataset of the hub in the form of `load_split`.

    Args:
        dataset: has the columns `src` and `tgt`, or the two language codes, or a `translation` of these.
        src: code of the source language.
        tgt: code of the target language.
        place: what errors call the dataset.

    Raises:
        ValueError: if it has none of these, or an alignment that is none.
    """
    columns = dataset.column_names
    is_pair = not isinstance(dataset.features.get("translation", datasets.Value("string")), datasets.Value)
    prefix = "translation." if is_pair else ""
    if prefix:
        dataset = dataset.flatten()
    names = readers.text_columns([name.removeprefix(prefix) for name in dataset.column_names], src, tgt)
    if names is None:
        raise ValueError(f"{place}: {readers.no_text_columns(columns, src, tgt)}")
    sides = {prefix + name: side for name, side in zip(names, ("src", "tgt"), strict=True)}
    kept = [*sides, *(["alignment"] if "alignment" in columns else [])]
    dataset = dataset.select_columns(kept).rename_columns({old: new for old, new in sides.items() if old != new})
    if not all(getattr(dataset.features[side], "dtype", "") in ("string", "large_string") for side in ("src", "tgt")):
        raise ValueError(f"{place}: '{names[0]}' and '{names[1]}' must both be text")
    if any(dataset.data.column(side).null_count for side in ("src", "tgt")):  # a missing text is an empty one
        dataset = dataset.map(lambda row: {side: row[side] or "" for side in ("src", "tgt")})
    if "alignment" in kept:

        def checked(row: Row, index: int) -> Row:
            word_links(row["alignment"], row["src"], row["tgt"], f"{place}, row {index}")
            return row

        dataset = dataset.map(checked, with_indices=True, desc="checking links")
    return dataset


def resolve(split: str, names: Iterable[str]) -> str:
    """The one of `names` that a name of a split means; this name itself if none does."""
    synonyms = _VALIDATION if split in _VALIDATION else ()
    return next((name for name in (split, *synonyms) if name in names), split)


@functools.cache
def _phrasebook_splits() -> dict[str, list[SentencePair]]:
    """The embedded corpus, generated once."""
    return phrasebook.splits()


def _load_phrasebook(src: str, tgt: str, split: str) -> datasets.Dataset:
    """A split of the embedded corpus, in memory."""
    splits = _phrasebook_splits()
    name = resolve(split, splits)
    if name not in splits:
        raise ValueError(f"no split '{split}' in the phrasebook: {choose(splits)}")
    rows = list(phrasebook.rows(splits[name], src, tgt))
    return datasets.Dataset.from_list(rows, features=datasets.Features({**_TEXT, **_ALIGNMENT}))


def _load_files(files: SplitFiles, src: str, tgt: str) -> datasets.Dataset:
    """The rows of `files`, by way of the cache of `datasets`."""
    first = next(readers.read_rows(files, src, tgt), None)
    if first is None:
        raise ValueError(f"{files}: no sentence pair in it")
    try:
        return datasets.Dataset.from_generator(
            _rows,
            features=datasets.Features({**_TEXT, **(_ALIGNMENT if "alignment" in first else {})}),
            gen_kwargs={"files": files, "src": src, "tgt": tgt, "content": digest(*files.paths, *_CODE)},
        )
    except DatasetGenerationError as error:
        raise (error.__cause__ or error) from None


def _rows(files: SplitFiles, src: str, tgt: str, content: str) -> Iterator[Row]:
    """What `files` hold; the arguments are the key of the cache, `content` so that changed files are read again."""
    return readers.read_rows(files, src, tgt)


def choose(names: Iterable[str]) -> str:
    """The splits that there are, and how one is named."""
    return f"there are {', '.join(names)} (name one by data.train, data.validation or split)"


def _missing_files(folder: Path, src: str, tgt: str, split: str, names: list[str]) -> str:
    """What to say where `folder` has no split of this name."""
    message = f"no split '{split}' for {src}-{tgt} in {folder}: "
    others = [path.name for path in sorted(folder.glob("*.*"))[:6] if path.is_file()]
    there = f", but {', '.join(others)}" if others else ""
    message += choose(names) if names else f"there is none for these languages{there}"
    alone = ", ".join(sorted(path.name for path in folder.iterdir() if path.name.startswith(f"{split}.")))
    if alone:
        message += f"; of '{split}' there is only {alone}"
    if any(folder.glob("**/*-of-*.parquet")) or any(folder.glob("**/*-of-*.arrow")):
        return f"{message}; a copy of a dataset of the hub is given as hub:{folder}"
    if alone or not names:
        message += f" (expected {split}.{src} and {split}.{tgt}, or {split}.{src}-{tgt}.tsv)"
    return message


_UNREADABLE = OSError, ValueError, RuntimeError, DatasetsError
"""What `datasets` raises of a dataset that is not there, is broken, or would have to run a program to be read."""


def _cannot_be_read(path: str, error: Exception) -> ValueError:
    why = str(error.__cause__ or error).strip().partition("\n")[0]
    return ValueError(f"{path} cannot be read: {why}")


def _hub_splits(path: str) -> list[str]:
    """The splits of a dataset of the hub."""
    try:
        return list(datasets.get_dataset_split_names(*hub_name(path)))
    except _UNREADABLE as error:
        raise _cannot_be_read(path, error) from error


def _load_hub(path: str, src: str, tgt: str, split: str) -> datasets.Dataset:
    """A split of a dataset of the hub."""
    names = _hub_splits(path)
    name = resolve(split, names)
    if name not in names:
        raise ValueError(f"no split '{split}' in {path}: {choose(names)}")
    try:
        dataset = datasets.load_dataset(*hub_name(path), split=name)
    except _UNREADABLE as error:
        raise _cannot_be_read(path, error) from error
    return from_columns(dataset, src, tgt, path)
