r"""Files of sentence pairs to rows: text, TSV, CSV, JSON lines and Parquet, each fault with its file and line number.

A folder holds, for each split, two text files ``<split>.<language>`` or one table ``<split>.<format>``; names may carry
the language pair (``train.en-de.tsv``), in either order, and all but Parquet may be compressed (.gz, .xz, .zst).
Tables may have a column `alignment` (JSON lines, Parquet); text files may have a file of links in the Pharaoh format
beside them, ``<split>.align``, source words first, or ``<split>.en-de.align``, English words first. What a link is, and
one that is only possible, `nmt.data.links` says.
"""

import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product, zip_longest
from pathlib import Path
from typing import Any, cast

import pyarrow
import pyarrow.parquet

from nmt.data.compression import file_lines
from nmt.data.links import parse_links, word_links
from nmt.data.vocabulary import encodable

Row = dict[str, Any]
"""`src` and `tgt`: str; and `alignment`: list[list[int]], links as in `nmt.data.links`, where the file has it."""

_COMPRESSED = r"(\.(gz|xz|zst))?"


@dataclass(frozen=True)
class SplitFiles:
    """What holds one split: a table, or text files.

    Attributes:
        paths: one file; or source, target and, where there is one, the file of links.
        languages: the language pair in the name of the table or of the file of links: the order of the columns where
            there is no header, and of the positions in a link.
    """

    paths: tuple[Path, ...]
    languages: tuple[str, str] | None = None

    def __str__(self) -> str:
        return " and ".join(map(str, self.paths))


def find_splits(folder: Path, src: str, tgt: str) -> dict[str, list[SplitFiles]]:
    """The splits in `folder` that have both languages, by name; more than one entry where a name is ambiguous.

    Raises:
        FileNotFoundError: if there is no such folder.
    """
    if folder.is_file():
        raise FileNotFoundError(f"{folder} is a file: give the folder that holds the splits")
    if not folder.is_dir():
        where = "" if folder.is_absolute() else f" in {Path.cwd()}"
        raise FileNotFoundError(f"the corpus is not there: no folder {folder}{where}")
    pair = f"(?P<pair>{re.escape(src)}-{re.escape(tgt)}|{re.escape(tgt)}-{re.escape(src)})"
    table = re.compile(rf"(?P<split>.+?)(\.{pair})?\.((tsv|csv|jsonl|json){_COMPRESSED}|parquet)")
    part = re.compile(rf"(?P<split>.+?)(\.{pair})?\.(?P<part>{re.escape(src)}|{re.escape(tgt)}|align){_COMPRESSED}")
    splits: dict[str, list[SplitFiles]] = {}
    parts: dict[str, dict[str, list[SplitFiles]]] = {}
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        match = table.fullmatch(path.name) or part.fullmatch(path.name)
        if match is None:
            continue
        order = (tgt, src) if match["pair"] == f"{tgt}-{src}" else (src, tgt)
        files = SplitFiles((path,), order if match["pair"] else None)
        if match.re is table:
            splits.setdefault(match["split"], []).append(files)
        else:
            parts.setdefault(match["split"], {src: [], tgt: [], "align": []})[match["part"]].append(files)
    for split, found in parts.items():
        for one, two, links in product(found[src], found[tgt], found["align"] or [SplitFiles(())]):
            together = SplitFiles(one.paths + two.paths + links.paths, links.languages)
            splits.setdefault(split, []).append(together)
    return dict(sorted(splits.items()))


def read_rows(files: SplitFiles, src: str, tgt: str) -> Iterator[Row]:
    """The sentence pairs of `files`, in order; lines that are empty are pairs too.

    Raises:
        ValueError: at the first fault, with file and line.
    """
    if len(files.paths) > 1:
        rows = _read_text(*files.paths[:2])
        reverse = files.languages == (tgt, src)
        yield from _with_links(rows, files.paths[2], reverse) if len(files.paths) > 2 else rows
        return
    path = files.paths[0]
    form = path.name.removesuffix(".gz").removesuffix(".xz").removesuffix(".zst").rpartition(".")[2]
    if form == "tsv":
        yield from _read_tsv(path, src, tgt, files.languages)
        return
    readers: dict[str, Callable[[Path], Iterator[tuple[str, Any]]]] = {
        "csv": _csv_records,
        "json": _json_records,
        "jsonl": _json_records,
        "parquet": _parquet_records,
    }
    yield from table_rows(readers[form](path), src, tgt)


def table_rows(records: Iterable[tuple[str, Any]], src: str, tgt: str) -> Iterator[Row]:
    """The rows of a table, of its records and their places.

    Raises:
        ValueError: at the first fault, with its place.
    """
    aligned: bool | None = None
    for place, record in records:
        row = _row(place, record, src, tgt)
        if aligned is None:
            aligned = "alignment" in row
        if aligned != ("alignment" in row):
            raise ValueError(f"{place}: either every row or none must have an 'alignment'")
        yield row


def text_lines(path: Path) -> Iterator[str]:
    """The text of `file_lines`; raises as it does, and where a line is not UTF-8."""
    for number, line in enumerate(file_lines(path), start=1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}:{number}: not UTF-8 (byte {error.start + 1} of the line)") from error


def _read_text(src_path: Path, tgt_path: Path) -> Iterator[Row]:
    """Rows of two text files of equal length."""
    src_count = tgt_count = 0
    for src, tgt in zip_longest(text_lines(src_path), text_lines(tgt_path)):
        src_count += src is not None
        tgt_count += tgt is not None
        if src_count == tgt_count:
            yield {"src": src, "tgt": tgt}
    if src_count != tgt_count:
        raise ValueError(
            f"{src_path} has {src_count} lines, {tgt_path} has {tgt_count}: "
            "line n of one must be the translation of line n of the other"
        )


def _with_links(rows: Iterator[Row], path: Path, reverse: bool) -> Iterator[Row]:
    """The rows with the links in the lines of `path`, whose positions are (target, source) where `reverse` says so."""
    pairs = lines = 0
    for row, line in zip_longest(rows, text_lines(path)):
        pairs += row is not None
        lines += line is not None
        if row is not None and line is not None:
            place = f"{path}:{lines}"
            links = [[*(link[1::-1] if reverse else link[:2]), *link[2:]] for link in parse_links(line, place)]
            yield {**row, "alignment": word_links(links, row["src"], row["tgt"], place)}
    if pairs != lines:
        raise ValueError(f"{path} has {lines} lines for {pairs} pairs: line n must hold the links of pair n")


def text_columns(names: Sequence[str], src: str, tgt: str) -> tuple[str, str] | None:
    """The names of the two columns or keys among `names`: the language codes, or `src` and `tgt`."""
    return next((pair for pair in ((src, tgt), ("src", "tgt")) if set(pair) <= set(names)), None)


def no_text_columns(names: Sequence[str], src: str, tgt: str) -> str:
    """What is missing among these names, and how to mend it."""
    if len(names) == 1 and ";" in names[0]:
        how = "separate the columns by commas"
    else:
        how = "rename them, or say by --data.src and --data.tgt what they are called"
    return f"no '{src}' and '{tgt}' (nor 'src' and 'tgt'): it has {', '.join(names)}; {how}"


def _read_tsv(path: Path, src: str, tgt: str, languages: tuple[str, str] | None) -> Iterator[Row]:
    """Rows of a tab-separated file without quoting; the header may be left out if `languages` names the columns."""
    header: list[str] | None = None
    for number, line in enumerate(text_lines(path), start=1):
        if not line:
            continue  # an empty line holds no record
        fields = line.split("\t")
        if header is None:
            names = text_columns(fields, src, tgt)
            if names is None and languages is None:
                raise ValueError(
                    f"{path}:1: no header with '{src}' and '{tgt}': add one, or name the languages in the order of the "
                    f"columns in the name of the file, as in train.{src}-{tgt}.tsv"
                )
            header = fields if names else list(cast(tuple[str, str], languages))
            _check_distinct(path, header)
            src_column, tgt_column = (header.index(name) for name in names or (src, tgt))
            if names:
                continue
        if len(fields) != len(header):
            raise ValueError(f"{path}:{number}: {len(fields)} columns, expected {len(header)} ({', '.join(header)})")
        yield {"src": fields[src_column], "tgt": fields[tgt_column]}


def _check_distinct(path: Path, header: list[str]) -> None:
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise ValueError(f"{path}:1: two columns are named '{twice[0]}': rename one")


def _csv_records(path: Path) -> Iterator[tuple[str, Row]]:
    """Place and record of each line of a comma-separated file with a header."""
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader((line + "\n" for line in text_lines(path)), strict=True)
    header: list[str] | None = None
    try:
        for fields in filter(None, reader):  # an empty line holds no record
            if header is None:
                header = fields
                _check_distinct(path, header)
            elif len(fields) != len(header):
                columns = f"{len(fields)} columns, expected {len(header)} ({', '.join(header)})"
                raise ValueError(f"{path}:{reader.line_num}: {columns}")
            else:
                yield f"{path}:{reader.line_num}", dict(zip(header, fields, strict=True))
    except csv.Error as error:
        told = str(error)
        if "new-line character" in told:  # followed by advice for a program
            told = "a carriage return in a field that is not quoted: quote the field, or remove it (`tr -d '\\r'`)"
        raise ValueError(f"{path}:{reader.line_num}: {told}") from error


def _json_records(path: Path) -> Iterator[tuple[str, Any]]:
    """Place and record of each line of a file of JSON lines; blank lines hold none."""
    for number, line in enumerate(text_lines(path), start=1):
        if number == 1 and line.lstrip().startswith("["):
            raise ValueError(f"{path}: one array; write an object a line instead, as `jq -c '.[]'` does")
        if line.strip():
            try:
                yield f"{path}:{number}", json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{path}:{number}: not one JSON value a line ({error})") from error


def _parquet_records(path: Path) -> Iterator[tuple[str, Row]]:
    """Place and record of each row of a Parquet file."""
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1000):
                for record in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", record
    except pyarrow.ArrowException as error:
        raise ValueError(f"{path}: not a readable Parquet file: {error}") from error


def _row(place: str, record: Any, src: str, tgt: str) -> Row:
    """The row of a record with the languages, `src` and `tgt`, or a `translation` that has them, as its keys."""
    if not isinstance(record, Mapping):
        raise ValueError(f"{place}: no object with '{src}' and '{tgt}', but {json.dumps(record)[:40]}")
    pair = record.get("translation", record)
    names = text_columns(list(pair), src, tgt) if isinstance(pair, Mapping) else None
    if names is None:
        raise ValueError(f"{place}: {no_text_columns(list(map(str, record)), src, tgt)}")
    texts = ["" if pair[name] is None else pair[name] for name in names]  # a missing text is an empty one
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{place}: '{names[0]}' and '{names[1]}' must both be text")
    row: Row = {"src": encodable(texts[0]), "tgt": encodable(texts[1])}
    if "alignment" in record:
        row["alignment"] = word_links(record["alignment"], row["src"], row["tgt"], place)
    return row
