"""Several processes, on one machine or several, as torchrun starts them: which is this, and waiting for the others."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta


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
        """Within it, processes can wait for each other, however long one of them takes."""
        if self.world == 1:
            yield
            return
        from torch import distributed

        distributed.init_process_group("gloo", timeout=timedelta(days=365))
        try:
            yield
        finally:
            distributed.destroy_process_group()

    def wait(self) -> None:
        """Returns when all processes are here."""
        if self.world > 1:
            from torch import distributed

            distributed.barrier()

    def first(self, action: Callable[[], None]) -> None:
        """Runs `action` in the first process while the others wait; where it fails, they end too.

        Raises:
            ValueError: what `action` raised, in the first process.
            OSError: likewise.
            SystemExit: in the others, if it raised anything; they say nothing.
        """
        failure: Exception | None = None
        if self.rank == 0:
            try:
                action()
            except (ValueError, OSError) as error:
                failure = error
        if self.world > 1:
            import torch
            from torch import distributed

            failed = torch.tensor(failure is not None)
            distributed.broadcast(failed, 0)
            if failed and self.rank > 0:
                raise SystemExit(2)
        if failure:
            raise failure

    def device(self, name: str, on_gpu: bool = True) -> str:
        """The device for this process: each on a machine has a GPU of its own, as far as there are enough.

        Args:
            name: of the device that is asked for.
            on_gpu: whether "auto" may be a GPU.
        """
        if self.world > 1 and (name == "cuda" or (name == "auto" and on_gpu)):
            import torch

            if torch.cuda.is_available():
                return f"cuda:{self.local % torch.cuda.device_count()}"
        return name
