"""Windows of lines: of a file, and of what a stream has brought, never waiting for more than one line."""

import errno
import gzip
import os
import select
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import Timer

import pytest

from nmt.data.compression import file_lines
from nmt.decoding.reading import windows
from nmt.pipe import lines
from nmt.pipe.lines import CHUNK_BYTES, WAITING_CHUNKS, arriving_windows


class Bytes:
    """A stream that brings the given chunks, then what `error` says."""

    def __init__(self, chunks: Iterator[bytes], error: OSError | None = None) -> None:
        self.chunks, self.error, self.reads = chunks, error, 0

    def read(self, size: int) -> bytes:
        self.reads += 1
        chunk = next(self.chunks, b"")
        if not chunk and self.error:
            raise self.error
        return chunk


def test_a_window_waits_for_its_first_line_and_for_no_other() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as stream:
        arriving = arriving_windows(stream, 64, 64)
        os.write(writing, b"one\n")
        assert next(arriving) == [b"one"]
        os.write(writing, b"two\r\nthr")
        assert next(arriving) == [b"two"]
        os.write(writing, b"ee")
        os.close(writing)
        assert next(arriving) == [b"three"]
        assert next(arriving, None) is None


def test_a_fast_stream_fills_windows_that_grow() -> None:
    lines = [b"%d" % number for number in range(1000)]
    data = b"\n".join(lines)
    found = list(arriving_windows(Bytes(iter([data])), 4, 20))
    assert [len(window) for window in found[:5]] == [4, 8, 16, 20, 20]
    assert sum(found, []) == lines


@pytest.mark.parametrize("size", [1, 3, 7])
def test_lines_are_whole_wherever_chunks_end(size: int) -> None:
    data = "a\n\nlänger\r\n\u2028 \x85\rb\n\n".encode()
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    expected = [b"a", b"", "länger".encode(), "\u2028 \x85\rb".encode(), b""]
    assert sum(arriving_windows(Bytes(chunks), 64, 64), []) == expected


@pytest.mark.parametrize("data", [b"", b"\n", b"a", b"a\n", b"\n\n", b"a\nb"])
def test_a_stream_has_the_lines_of_a_file_with_the_same_bytes(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    arriving = arriving_windows(Bytes(iter([data] if data else [])), 64, 64)
    assert sum(arriving, []) == list(file_lines(tmp_path / "file"))


def test_a_stream_is_read_ahead_a_little_only() -> None:
    stream = Bytes(b"x" * 99 + b"\n" for _ in count())
    arriving = arriving_windows(stream, 10, 10)
    for _ in range(5):
        assert len(next(arriving)) <= 10
    # In the queue, in the hand of the thread that waits for it, taken for the windows.
    assert stream.reads <= WAITING_CHUNKS + 2 + 50


def test_lines_before_a_fault_are_not_lost() -> None:
    arriving = arriving_windows(Bytes(iter([b"a\nb"]), OSError(errno.EIO, "gone")), 64, 64)
    assert next(arriving) == [b"a", b"b"]
    with pytest.raises(OSError, match="gone: 'standard input'"):
        next(arriving)


def test_one_line_may_take_many_chunks() -> None:
    line = b"x" * (3 * CHUNK_BYTES)
    assert sum(arriving_windows(Bytes(iter([line, line, b"\nend"])), 64, 64), []) == [line + line, b"end"]


def test_windows_of_lines_grow_to_the_most() -> None:
    assert [len(window) for window in windows(iter([b""] * 20), 2, 6)] == [2, 4, 6, 6, 2]


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "in.gz"
    path.write_bytes(gzip.compress(b"one\n" * 100_000)[:-20])
    with pytest.raises(ValueError, match=r"in\.gz: cannot be read after line \d+"):
        list(file_lines(path))


def test_lines_before_damage_are_given_before_it_is_told(tmp_path: Path) -> None:
    lines = [f"{number} {number * 7919}".encode() for number in range(2000)]
    whole = gzip.compress(b"\n".join(lines))
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    found: list[bytes] = []
    arriving = windows(file_lines(tmp_path / "cut.gz"), 64, 64)
    with pytest.raises(ValueError, match="cannot be read after line"):
        found.extend(line for window in arriving for line in window)
    assert len(found) % 64
    assert found == lines[: len(found)]


def test_a_stream_that_does_not_wait_is_read_to_its_end_and_not_asked_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[str] = []

    class Waiting(lines.Queue):
        """Notes when a window waits for its first line."""

        def get(self, block: bool = True, timeout: float | None = None) -> bytes | OSError:
            waits.extend(["window"] * block)
            return super().get(block, timeout)

    def waiting(*streams: list) -> object:
        waits.append("stream")
        return select.select(*streams)

    monkeypatch.setattr(lines, "Queue", Waiting)
    monkeypatch.setattr(lines, "select", waiting)
    read, write = os.pipe()
    os.set_blocking(read, False)
    with open(read, "rb", buffering=0) as stream, open(write, "wb", buffering=0) as sender:
        Timer(0.2, lambda: (sender.write(b"b\nc\n"), sender.close())).start()
        sender.write(b"a\n")
        assert [line for window in arriving_windows(stream, 1, 1) for line in window] == [b"a", b"b", b"c"]
    assert set(waits) == {"window", "stream"}
