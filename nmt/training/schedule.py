"""The learning rate as a function of the step, and of what validation says."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from nmt.config import ScheduleKind

PROGRESS = ("last_epoch", "_step_count", "factor", "best", "stale_validations")
"""What is saved of a schedule; the rest is the config's, which may ask for a longer training or another rate."""


class Schedule(LRScheduler):
    """Warm-up from zero, then one of five shapes; its progress is plain numbers, saved and resumed with the optimiser.

    Args:
        optimizer: whose learning rate it sets; the rate it was made with is the highest.
        kind: "constant"; "inverse_sqrt", ``sqrt(warmup / step)`` (Vaswani et al. 2017, eq. 3); "linear", to zero at
            the last step; "halving" (Luong et al. 2015, section 4.1); "plateau", halved where validation is not better.
        warmup_steps: optimiser steps.
        total_steps: optimiser steps of the whole training, for "linear".
        patience: validations without improvement that make a plateau, none of them within the warm-up.
        halving_start_steps: optimiser steps before the first halving, for "halving".
        halving_steps: optimiser steps from one to the next.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        kind: ScheduleKind,
        warmup_steps: int,
        total_steps: float,
        patience: int,
        halving_start_steps: int = 0,
        halving_steps: int = 1,
    ) -> None:
        self.kind = kind
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.patience = patience
        self.halving_start_steps = halving_start_steps
        self.halving_steps = halving_steps
        self.factor = 1.0
        self.best = float("-inf")
        self.stale_validations = 0
        super().__init__(optimizer)

    def state_dict(self) -> dict[str, Any]:
        """How far it has come."""
        return {key: getattr(self, key) for key in PROGRESS}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Goes on from there, with the learning rate that its own settings give the next step."""
        for key in PROGRESS:
            setattr(self, key, state_dict[key])
        self._set_rates()

    def _set_rates(self) -> None:
        self._last_lr = self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = rate

    def scale(self, step: int) -> float:
        """The share of the highest learning rate that applies at optimiser step `step`, counted from 1."""
        if step < self.warmup_steps:
            return step / self.warmup_steps
        if self.kind == "inverse_sqrt":
            return (max(1, self.warmup_steps) / step) ** 0.5
        if self.kind == "linear":
            return max(0.0, (self.total_steps - step) / max(1.0, self.total_steps - self.warmup_steps))
        if self.kind == "halving":
            return 0.5 ** max(0, 1 + (step - 1 - self.halving_start_steps) // self.halving_steps)
        if self.kind in ("constant", "plateau"):
            return self.factor
        raise ValueError(f"unknown schedule {self.kind!r}: choose constant, inverse_sqrt, linear, halving or plateau")

    def get_lr(self) -> list[float | Tensor]:
        """The learning rate of each parameter group for the next step."""
        return [rate * self.scale(self.last_epoch + 1) for rate in self.base_lrs]

    def validated(self, merit: float) -> bool:
        """Takes note of how good a validation is; whether the learning rate is halved for it."""
        if merit > self.best:
            self.best, self.stale_validations = merit, 0
            return False
        if self.kind != "plateau" or self.last_epoch < self.warmup_steps:
            return False
        self.stale_validations += 1
        if self.stale_validations < self.patience:
            return False
        self.factor, self.stale_validations = self.factor / 2, 0
        self._set_rates()
        return True
