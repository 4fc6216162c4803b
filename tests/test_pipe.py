"""The pipe: in order, with the numbers of the lines, and with no more than a window in memory."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nmt.decoding.options import SearchOptions
from nmt.decoding.reading import windows
from nmt.decoding.translation import Request, Translation
from nmt.pipe.output import OutputFormat
from nmt.pipe.pipe import Pipe
from nmt.pipe.progress import Progress
from nmt.pipe.requests import RequestReader, Warnings


class Echo:
    """Stands in for a translator: says what it was given, and remembers the numbers of the first sentences."""

    def __init__(self) -> None:
        self.firsts: list[int] = []

    def translate(
        self, texts: Iterable[Request], options: SearchOptions, batch_sentences: int, first: int
    ) -> Iterator[Translation]:
        self.firsts.append(first)
        for each in texts:
            attention = np.full((1, 2), len(each.text), np.float32)
            tokens, spans = ("<s>", each.text), ((0, 0), (0, min(4, len(each.text))))
            yield Translation(each.text, tokens, spans, each.text.upper(), (), (), (), attention, (), 0.0, 0.0, True)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def pipe(told: list[str]) -> Pipe:
    warn = Warnings("in", told.append)
    echo: Any = Echo()
    return Pipe(
        echo, SearchOptions(), 2, RequestReader("text", Request(""), warn), OutputFormat(), warn, Progress(False)
    )


def test_lines_come_out_in_order_with_their_attention(pipe: Pipe, told: list[str]) -> None:
    written: list[bytes] = []
    added: list[np.ndarray] = []
    end = pipe.run([[b"a", b"bb"], [b"ccccc"]], written.append, added.append, first=10)
    assert written == [b"A\n", b"BB\n", b"CCCCC\n"]
    assert [matrix[0, 0] for matrix in added] == [1, 2, 5]
    assert end == 13
    assert pipe.translator.firsts == [10, 12]  # type: ignore[attr-defined]
    assert told == ["in:13: only the first 1 tokens are translated"]


def test_a_warning_has_the_number_of_its_line_in_the_whole_input(pipe: Pipe, told: list[str]) -> None:
    pipe.run([[b"a", b"b"], [b"\xff"]], lambda line: None, first=10)
    assert told == ["in:13: byte 1 is not UTF-8, read as U+FFFD"]


def test_every_line_and_token_counts_and_keeps_its_name(pipe: Pipe, capsys: pytest.CaptureFixture) -> None:
    written: list[bytes] = []
    read, progress = RequestReader("jsonl", Request(""), pipe.warn), Progress(True)
    named = replace(pipe, read=read, output=OutputFormat("jsonl"), progress=progress)
    named.run([[b'{"text": "a", "id": 7}', b'"b"']], written.append)
    progress.close()
    assert [json.loads(line).get("id") for line in written] == [7, None]
    assert "2 lines in " in capsys.readouterr().err


def test_an_n_best_list_counts_the_lines_of_the_whole_input(pipe: Pipe) -> None:
    written: list[bytes] = []
    replace(pipe, output=OutputFormat(n_best=2)).run([[b"a"], [b"b"]], written.append, first=7)
    assert written == [b"7 ||| A ||| 0.0000\n", b"8 ||| B ||| 0.0000\n"]


def test_no_more_lines_are_in_memory_than_a_window_has(pipe: Pipe) -> None:
    taken = written = most = 0

    def lines() -> Iterator[bytes]:
        nonlocal taken, most
        for _ in range(10_000):
            taken += 1
            most = max(most, taken - written)
            yield b"line"

    def write(output: bytes) -> None:
        nonlocal written
        written += 1

    assert pipe.run(windows(lines(), 2, 40), write) == written == 10_000
    assert most <= 40
