"""Lines to translate, as bytes in windows of what a stream has brought so far."""

from collections import deque
from collections.abc import Iterator
from queue import Empty, Queue
from select import select
from threading import Thread
from typing import Protocol

from nmt.data.compression import without_end
from nmt.data.files import naming

CHUNK_BYTES = 1 << 16
WAITING_CHUNKS = 16
"""Chunks of a stream that are read ahead at most."""


class Stream(Protocol):
    """What bytes can be read from as they arrive, such as an unbuffered file."""

    def fileno(self) -> int:
        """The descriptor to wait for."""

    def read(self, size: int, /) -> bytes | None:
        """What is there, once there is anything; nothing at the end; None where that is not waited for."""


def arriving_windows(stream: Stream, first: int, most: int) -> Iterator[list[bytes]]:
    """The lines of a stream in windows of what has arrived: a window waits for its first line, not for more.

    A thread reads ahead a little, so that a fast stream fills its windows and a slow one has each line at once.

    Args:
        stream: is read to its end.
        first: lines of the first window at most; each that follows may hold twice as many as the one before,
        most: up to this many.

    Raises:
        OSError: what `stream` raised, after the lines before.
    """
    chunks: Queue[bytes | OSError] = Queue(WAITING_CHUNKS)
    Thread(target=_read, args=(stream, chunks), daemon=True).start()
    whole: deque[bytes] = deque()
    begun: list[bytes] = []
    last: bytes | OSError | None = None
    while whole or last is None:
        while len(whole) < first and last is None:
            try:
                chunk = chunks.get(block=not whole)
            except Empty:
                break
            if isinstance(chunk, OSError) or not chunk:
                last = chunk
                whole.extend(filter(None, [b"".join(begun)]))
            else:
                head, *tail = chunk.split(b"\n")
                begun.append(head)
                if tail:
                    whole.append(b"".join(begun))
                    whole.extend(tail[:-1])
                    begun = tail[-1:]
        if whole:
            yield [without_end(whole.popleft()) for _ in range(min(first, len(whole)))]
            first = min(2 * first, most)
    if isinstance(last, OSError):
        with naming("standard input"):
            raise last


def _read(stream: Stream, chunks: "Queue[bytes | OSError]") -> None:
    """Hands the stream on, chunk by chunk; the last is empty, or what went wrong."""
    try:
        while (chunk := stream.read(CHUNK_BYTES)) != b"":
            if chunk is None:  # nothing yet, of a stream that does not wait
                select([stream], [], [])
            else:
                chunks.put(chunk)
        chunks.put(b"")
    except OSError as error:
        chunks.put(error)
