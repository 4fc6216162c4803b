"""The learning rate as a function of the step, and of what validation says."""

from collections.abc import Mapping
from typing import Any, assert_never

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from nmt.config import TrainingConfig

PROGRESS = ("last_epoch", "_step_count", "factor", "best", "stale_validations")
"""What is saved of a schedule; the rest is the config's, which may ask for a longer training or another rate."""


class Schedule(LRScheduler):
    """Warm-up from zero, then one of five shapes; its progress is plain numbers, saved and resumed with the optimiser.

    "inverse_sqrt" is ``sqrt(warmup / step)`` (Vaswani et al. 2017, eq. 3), "halving" that of Luong et al. 2015, 4.1.

    Args:
        optimizer: whose learning rate it sets; the rate it was made with is the highest.
        settings: its kind, and the steps and validations that it goes by.
        total_steps: optimiser steps of the whole training, for "linear".
    """

    def __init__(self, optimizer: Optimizer, settings: TrainingConfig, total_steps: float) -> None:
        self.settings, self.total_steps = settings, total_steps
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
        kind, warmup_steps = self.settings.schedule, self.settings.warmup_steps
        if step < warmup_steps:
            return step / warmup_steps
        if kind == "inverse_sqrt":
            return (max(1, warmup_steps) / step) ** 0.5
        if kind == "linear":
            return max(0.0, (self.total_steps - step) / max(1.0, self.total_steps - warmup_steps))
        if kind == "halving":
            each = self.settings.halving_steps
            return 0.5 ** max(0, 1 + (step - 1 - (self.settings.halving_start_steps or each)) // each)
        if kind == "constant" or kind == "plateau":
            return self.factor
        assert_never(kind)

    def get_lr(self) -> list[float | Tensor]:
        """The learning rate of each parameter group for the next step."""
        return [rate * self.scale(self.last_epoch + 1) for rate in self.base_lrs]

    def validated(self, merit: float) -> bool:
        """Takes note of how good a validation is; whether the learning rate is halved for it."""
        if merit > self.best:
            self.best, self.stale_validations = merit, 0
            return False
        if self.settings.schedule != "plateau" or self.last_epoch < self.settings.warmup_steps:
            return False
        self.stale_validations += 1
        if self.stale_validations < self.settings.patience:
            return False
        self.factor, self.stale_validations = self.factor / 2, 0
        self._set_rates()
        return True
