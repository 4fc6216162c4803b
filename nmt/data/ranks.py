"""What the processes of one job know together, and what the first of them does for all."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Value = TypeVar("Value")


def sum_over_ranks(values: Tensor, device: torch.device) -> Tensor:
    """The sum of what each rank has, on the device over which they speak; where there is one rank, the values."""
    if not _has_others():
        return values
    total = values.to(device, copy=True)
    dist.all_reduce(total)
    return total


def of_all_ranks(own: dict[int, Value]) -> dict[int, Value]:
    """What all ranks have by key, in the order of the keys."""
    shares = [own]
    if _has_others():
        shares = [{} for _ in range(dist.get_world_size())]
        dist.all_gather_object(shares, own)
    return dict(sorted((pair for share in shares for pair in share.items()), key=lambda pair: pair[0]))


def in_first_rank(action: Callable[[], None]) -> None:
    """Runs `action` in the first rank while the others wait; where it fails, they end too.

    Raises:
        ValueError: what `action` raised, in the first rank.
        OSError: likewise.
        SystemExit: in the others, if it raised one of these; they say nothing.
    """
    failure: ValueError | OSError | None = None
    if not _has_others() or dist.get_rank() == 0:
        try:
            action()
        except (ValueError, OSError) as error:
            failure = error
    if _has_others():
        failed = [failure is not None]
        dist.broadcast_object_list(failed)
        if failed[0] and dist.get_rank() > 0:
            raise SystemExit(2)
    if failure is not None:
        raise failure


@contextmanager
def naming_the_lost(job: str, then: Callable[[], str]) -> Iterator[None]:
    """Says in a line that another process of a job has ended, or not come in time.

    Args:
        job: of what they are the processes.
        then: what is to be done, in words; asked for when it has happened.

    Raises:
        ValueError: in place of the error of what they speak with each other by.
    """
    try:
        yield
    except RuntimeError as error:
        is_of_processes = dist.is_available() and isinstance(error, dist.DistError)
        if not is_of_processes and not re.search("gloo|NCCL", str(error)):
            raise
        said = "has ended, or not come: see what it says (nothing, if it was killed)"
        raise ValueError(f"another process of the {job} {said}, and {then()}") from error


def _has_others() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
