"""Checkpoints as files: put in place and read as a whole, and the one to go on from."""

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from nmt.data.files import naming, put

FORMAT_VERSION = 1
"""Version of what a checkpoint holds; a reader refuses any other."""


def write_checkpoint(checkpoint: dict[str, Any], path: Path) -> None:
    """Puts a checkpoint in its place, as a whole: Lightning's own way is to copy it there from the system's /tmp."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh, content = path.with_name("writing.ckpt"), io.BytesIO()
    # into a file it would hide what the system says of a full disk
    torch.save({**checkpoint, "format_version": FORMAT_VERSION}, content)
    with naming(fresh):
        fresh.write_bytes(content.getbuffer())
        put(fresh, path)


def read_checkpoint(path: Path, otherwise: str) -> dict[str, Any]:
    """What a checkpoint holds, memory-mapped, on the CPU.

    Args:
        path: of the checkpoint.
        otherwise: what can be done where it is of no use, for the error.

    Raises:
        ValueError: if it is damaged, or has another format version.
    """
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError) as error:
        # without torch's advice to load what would be executed
        why = str(error).rpartition("WeightsUnpickler error: ")[2].split(". ")[0]
        raise ValueError(f"{path} is damaged ({why}): put a copy in its place, or {otherwise}") from error
    version = saved.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(f"{path} has format version {version!r}, this program reads {FORMAT_VERSION}: {otherwise}")
    return saved


def checkpoint_step(path: Path) -> int:
    """Optimiser steps behind a checkpoint."""
    if path.name.startswith("step-"):
        return int(path.stem.removeprefix("step-"))
    return int(torch.load(path, map_location="cpu", weights_only=True, mmap=True)["global_step"])


def latest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of `Resumable` with the most steps, or else the best one; None if there is none."""
    best = folder / "best.ckpt"
    return max(folder.glob("step-*.ckpt"), key=checkpoint_step, default=best if best.is_file() else None)
