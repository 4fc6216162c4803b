"""The learning rate as a function of the step, and of what validation says."""

from typing import Literal

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

ScheduleKind = Literal["constant", "inverse_sqrt", "linear", "plateau"]


class Schedule(LRScheduler):
    """Warm-up from zero, then one of four shapes; its state is plain numbers, saved and resumed with the optimiser.

    Args:
        optimizer: whose learning rate it sets; the rate it was made with is the highest.
        kind: "constant"; "inverse_sqrt", ``sqrt(warmup / step)`` (Vaswani et al. 2017, eq. 3); "linear", to zero at
            the last step; "plateau", halved when validation does not improve.
        warmup_steps: optimiser steps.
        total_steps: optimiser steps of the whole training, for "linear".
        patience: validations without improvement that make a plateau.
    """

    def __init__(
        self, optimizer: Optimizer, kind: ScheduleKind, warmup_steps: int, total_steps: float, patience: int
    ) -> None:
        self.kind = kind
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.patience = patience
        self.factor = 1.0
        self.best = float("-inf")
        self.stale_validations = 0
        super().__init__(optimizer)

    def scale(self, step: int) -> float:
        """The share of the highest learning rate that applies at optimiser step `step`, counted from 1."""
        if step < self.warmup_steps:
            return step / self.warmup_steps
        if self.kind == "inverse_sqrt":
            return (max(1, self.warmup_steps) / step) ** 0.5
        if self.kind == "linear":
            return max(0.0, (self.total_steps - step) / max(1.0, self.total_steps - self.warmup_steps))
        if self.kind in ("constant", "plateau"):
            return self.factor
        raise ValueError(f"unknown schedule {self.kind!r}: choose constant, inverse_sqrt, linear or plateau")

    def get_lr(self) -> list[float | Tensor]:
        """The learning rate of each parameter group for the next step."""
        return [rate * self.scale(self.last_epoch + 1) for rate in self.base_lrs]

    def validated(self, figure: float) -> None:
        """Takes note of a validation; a higher `figure` is better."""
        if figure > self.best:
            self.best, self.stale_validations = figure, 0
            return
        self.stale_validations += 1
        if self.kind == "plateau" and self.stale_validations >= self.patience:
            self.factor, self.stale_validations = self.factor / 2, 0
