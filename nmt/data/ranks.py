"""What the processes of one job know together, and what the first of them does for all."""

from collections.abc import Callable
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


def _has_others() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
