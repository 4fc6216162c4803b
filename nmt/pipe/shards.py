"""A large file in shards of consecutive lines, by one process or several, on one machine or several, and resumed.

Each process translates the shards whose number leaves its rank as the remainder. A finished shard lies in the folder
`<output>.parts` beside the output; it appears there at once or not at all. Where all are there, the first process
joins them in order, and the folder goes. A run that was stopped, however, goes on with the shards that are missing.
"""

import os
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nmt.data.compression import create_binary, file_lines
from nmt.data.files import fsync, lock_folder, naming, put
from nmt.data.json_files import load_json, save_json
from nmt.decoding.attention_file import attention_pieces, write_archive
from nmt.pipe.processes import Processes

Translate = Callable[[Iterable[bytes], Callable[[bytes], object], Callable[[np.ndarray], None] | None, int], object]
"""Is given lines, what takes the output of a line, what takes its attention, and the number of the first line."""


class Parts:
    """The finished shards of one output.

    Args:
        output: the file that they will be.
        attention: the archive of their attention, where it is asked for.
        shard_lines: lines of a shard.
    """

    def __init__(self, output: Path, attention: Path | None, shard_lines: int) -> None:
        self.output, self.attention, self.shard_lines = output, attention, shard_lines
        self.folder = output.with_name(f"{output.name}.parts")
        self._held: int | None = None

    def open(self, job: dict[str, Any], resume: bool) -> None:
        """Makes the folder, or finds it as a run with the same `job` left it, and keeps other runs from it.

        Raises:
            ValueError: if another run is there, it holds shards and `resume` is not asked for, or they are of another
                job.
        """
        self.folder.mkdir(exist_ok=True)
        try:
            self._held = lock_folder(self.folder)
        except BlockingIOError as error:
            raise ValueError(
                f"{self.output} is being written by another process: wait for it, or give another --output"
            ) from error
        stored = self.folder / "job.json"
        if any(self.folder.glob("*.lines")):
            if not resume:
                raise ValueError(
                    f"{self.folder} holds finished shards of a stopped run: go on with --resume, or delete it"
                )
            try:
                made = load_json(stored)
                if not isinstance(made, dict):
                    raise ValueError("it holds no object")
            except (OSError, ValueError) as error:
                told = f"delete {self.folder}, and start without --resume"
                raise ValueError(f"--resume: {stored} is damaged ({error}): {told}") from error
            for key in sorted({*made, *job}):
                if made.get(key) != job.get(key):
                    told = _told(key, made.get(key), job.get(key))
                    raise ValueError(f"--resume: {self.folder} was made with {told}: give the same, or delete it")
            return
        save_json(stored, job)
        fsync(stored, self.folder, self.folder.parent)

    def translate(self, source: Path, processes: Processes, translate: Translate) -> int:
        """Translates the shards of this process that are not there yet; how many shards there are in all."""
        lines = file_lines(source)
        for shard in count():
            ahead = list(islice(lines, 1))
            if not ahead:
                break
            rest = islice(lines, self.shard_lines - 1)
            if shard % processes.world == processes.rank and not self._lines(shard).exists():
                with self._writing(shard) as (stream, add):
                    translate(chain(ahead, rest), stream.write, add, shard * self.shard_lines)
            deque(rest, maxlen=0)  # the lines of a shard that is there, or another's
        return shard

    def join(self, shards: int) -> None:
        """Makes the output of all shards, in order, and removes them."""
        unfinished = self.output.with_name(f"{self.output.name}.unfinished")
        with naming(unfinished), create_binary(unfinished, self.output.suffix) as whole:
            for shard in range(shards):
                with open(self._lines(shard), "rb") as part:
                    shutil.copyfileobj(part, whole, 1 << 20)
        put(unfinished, self.output)
        if self.attention:
            with naming(self.attention):
                write_archive(self.attention, [self._attention(shard) for shard in range(shards)])
        joined = self.folder.with_name(f"{self.folder.name}.joined")
        shutil.rmtree(joined, ignore_errors=True)  # of a run that was killed just then
        os.replace(self.folder, joined)  # at once: there are all shards to go on from, or none
        shutil.rmtree(joined)

    def left(self) -> str:
        """What there is to go on from, in words; where there is nothing, the folder goes."""
        finished = len(list(self.folder.glob("*.lines")))
        if not finished:
            shutil.rmtree(self.folder)
            return "stopped before the first shard was finished"
        return f"stopped, shards finished: {finished:,}; go on with --resume"

    def close(self) -> None:
        """Lets other runs come."""
        if self._held is not None:
            os.close(self._held)
        self._held = None

    def _lines(self, shard: int) -> Path:
        return self.folder / f"{shard:08}.lines"

    def _attention(self, shard: int) -> Path:
        return self.folder / f"{shard:08}"

    @contextmanager
    def _writing(self, shard: int) -> Iterator[tuple[BinaryIO, Callable[[np.ndarray], None] | None]]:
        """What takes the lines and the attention of a shard, which is there once all of it is written."""
        unfinished = self.folder / f"{shard:08}.unfinished"
        pieces = attention_pieces(self._attention(shard)) if self.attention else nullcontext()
        with naming(self.folder), open(unfinished, "wb") as stream, pieces as add:
            yield stream, add
        put(unfinished, self._lines(shard), *(self.folder.glob(f"{shard:08}.[ws]*") if self.attention else ()))


def _told(key: str, before: Any, now: Any) -> str:
    """How a setting differs from what it was."""
    by_content = key in ("input", "model", "shortlist file")
    return f"another {key}" if by_content else f"--{key} {before!r}, not {now!r}"
