"""Lines to requests: one for each line, whatever it holds."""

import gzip
import json
import lzma
from collections.abc import Callable
from functools import partial

import pyarrow
import pytest

from nmt.decoding.translation import Request
from nmt.pipe.requests import SHOWN, RequestReader, Warnings


@pytest.fixture
def told() -> list[str]:
    return []


def reader(told: list[str], form: str = "jsonl", **common: object) -> RequestReader:
    return RequestReader(form, Request("", **common), Warnings("in", told.append))


def test_a_line_of_text_is_a_sentence_with_what_holds_for_all(told: list[str]) -> None:
    read = reader(told, "text", prefix="The", include=("dog",))
    assert read(0, "\ufeffder Hund".encode()) == Request("der Hund", "The", ("dog",))
    assert read(1, b'{"text": "x"}') == Request('{"text": "x"}', "The", ("dog",))
    assert read(1, "\ufeffja".encode()).text == "\ufeffja", "a mark of UTF-8 only begins a file"
    assert told == []


def test_a_line_of_json_has_its_own_demands(told: list[str]) -> None:
    read = reader(told, prefix="The", include=("dog",), exclude=("cat",))
    fields = {"text": "der Hund", "prefix": "A", "include": ["big"], "exclude": ["small", "old"]}
    assert read(0, json.dumps(fields).encode()) == Request("der Hund", "A", ("dog", "big"), ("cat", "small", "old"))
    assert read(1, b'"der\\nHund \\ud800"') == Request("der\nHund \ud800", "The", ("dog",), ("cat",))
    assert told == []


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"der Hund",
        b"{",
        b"[" * 100_000,
        b"1" * 10_000,
        b"null",
        b"3",
        b"[]",
    ],
)
def test_what_is_no_request_is_translated_as_text_and_said(told: list[str], line: bytes) -> None:
    assert reader(told)(6, line) == Request(line.decode())
    assert len(told) == 1
    assert told[0].startswith("in:7: ")
    assert told[0].endswith("translated as text")


@pytest.mark.parametrize("fields", [{}, {"text": 3}, {"text": None}, {"src": "ja"}])
def test_an_object_without_a_text_is_an_empty_sentence_of_its_name(told: list[str], fields: dict[str, object]) -> None:
    assert reader(told)(6, json.dumps({**fields, "id": 7}).encode()) == Request("", id=7)
    assert told[0] == "in:7: no 'text' that is a string: nothing is translated"
    assert [each.startswith("in:7: left out 'src': the fields are 'text'") for each in told[1:]] == [True] * (
        "src" in fields
    )


def test_a_line_of_json_may_have_a_name(told: list[str]) -> None:
    for name in ("seg-17", 17):
        assert reader(told)(0, json.dumps({"text": "ja", "id": name}).encode()).id == name
        contradiction = {"text": "ja", "id": name, "prefix": "a", "exclude": ["a"]}
        assert reader([])(0, json.dumps(contradiction).encode()) == Request("ja", id=name)
    assert told == []


@pytest.mark.parametrize(
    "field", [{"prefix": 1}, {"include": "dog"}, {"exclude": [1]}, {"id": [1]}, {"id": 1.5}, {"id": True}]
)
def test_fields_that_are_none_are_left_out_and_said(told: list[str], field: dict[str, object]) -> None:
    assert reader(told)(0, json.dumps({"text": "ja", **field}).encode()) == Request("ja")
    assert told[0].startswith(f"in:1: left out {next(iter(field))!r}: ")


def test_unknown_fields_are_left_out_and_the_known_ones_told(told: list[str]) -> None:
    assert reader(told)(0, b'{"text": "ja", "ids": 7, "prefix": "A"}') == Request("ja", "A")
    assert told == ["in:1: left out 'ids': the fields are 'text', 'prefix', 'include', 'exclude', 'id'"]


def test_samples_cannot_be_made_to_include_anything(told: list[str]) -> None:
    read = RequestReader("jsonl", Request(""), Warnings("in", told.append), sampled=True)
    assert read(0, b'{"text": "ja", "include": ["dog"]}') == Request("ja")
    assert told == ["in:1: left out 'include': samples cannot be made to contain it"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_named(told: list[str], encoding: str) -> None:
    line = "\ufeffder Hund".encode(encoding)
    with pytest.raises(ValueError, match="in is UTF-16: convert it to UTF-8, as by `iconv -f UTF-16 -t UTF-8`"):
        reader(told, "text")(0, line)
    assert "\ufffd" in reader(told, "text")(1, line).text


@pytest.mark.parametrize("fields", [{"include": [" "]}, {"include": ["the dog"], "exclude": ["dog"]}])
def test_demands_that_no_translation_meets_are_left_out_and_said(told: list[str], fields: dict[str, object]) -> None:
    assert reader(told, prefix="A")(0, json.dumps({"text": "ja", **fields}).encode()) == Request("ja", "A")
    assert told[0].endswith("translated without what the line demands")


def test_bytes_that_are_not_utf8_are_read_as_replacement_characters(told: list[str]) -> None:
    assert reader(told, "text")(4, b"ab\xffc") == Request("ab\ufffdc")
    assert told == ["in:5: byte 3 is not UTF-8, read as U+FFFD"]


def test_many_warnings_of_a_kind_are_counted(told: list[str]) -> None:
    warn = Warnings("in", told.append)
    for number in range(SHOWN + 5):
        warn(number, "are bad", "bad")
    for _ in range(SHOWN):
        warn(99, "are worse", "worse")
    warn.close()
    bad = [f"in:{number + 1}: bad" for number in range(SHOWN)]
    assert told == [*bad, *["in:100: worse"] * SHOWN, "in: 5 more lines are bad"]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, partial(pyarrow.compress, codec="zstd", asbytes=True)])
def test_compressed_lines_are_not_read_as_text(told: list[str], pack: Callable[[bytes], bytes]) -> None:
    first = pack(b"der Hund").split(b"\n")[0]
    with pytest.raises(ValueError, match=r"in is compressed \((gzip|xz|Zstandard)\): unpack it"):
        reader(told, "text")(0, first)
    assert reader(told, "text")(1, first).text


def test_lines_that_are_not_cut_are_told_of_where_their_spaces_would_be_lost(told: list[str]) -> None:
    lines = "▁der ▁Hund", "Hund", "", "der Hund"
    for form in ("text", "jsonl"):
        given = [line if form == "text" else json.dumps(line) for line in lines]
        for joiner in ("none", "@@", "▁"):
            read = RequestReader(form, Request(""), Warnings("in", told.append), joiner=joiner)
            assert [read(number, line.encode()).text for number, line in enumerate(given)] == list(lines)
            expected = ["in:4: it has no ▁, without which its spaces are lost: give what `spm_encode` writes"]
            assert told == (expected if joiner == "▁" else [])
        told.clear()
