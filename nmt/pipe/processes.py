"""Several processes, on one machine or several, as torchrun starts them: which is this, and waiting for the others."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed

from nmt.data.ranks import naming_the_lost


@dataclass(frozen=True)
class Processes:
    """This process among those that share a job.

    Attributes:
        rank: its number among all.
        world: how many there are.
        local: its number on this machine.
    """

    rank: int = 0
    world: int = 1
    local: int = 0

    @classmethod
    def of_environment(cls) -> "Processes":
        """What torchrun's variables say; without them a process is alone."""
        rank, world, local = (int(os.environ.get(name) or 0) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        return cls(rank, max(1, world), local)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Within it, processes can wait for each other, however long one of them takes.

        Raises:
            ValueError: if one has ended before the others, or does not come.
        """
        if self.world == 1:
            yield
            return
        with naming_the_lost("translation", lambda: "go on with --resume"):
            distributed.init_process_group("gloo", timeout=timedelta(days=365))
            try:
                yield
            finally:
                distributed.destroy_process_group()

    def wait(self) -> None:
        """Returns when all processes are here."""
        if self.world > 1:
            distributed.barrier()

    def device(self, name: str, on_gpu: bool = True) -> str:
        """The device for this process: each on a machine has a GPU of its own, as far as there are enough.

        Args:
            name: of the device that is asked for.
            on_gpu: whether "auto" may be a GPU.
        """
        has_choice = name == "cuda" or (name == "auto" and on_gpu)
        if self.world > 1 and has_choice and torch.cuda.is_available():
            return f"cuda:{self.local % torch.cuda.device_count()}"
        return name
