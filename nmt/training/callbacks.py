"""The moving average of the weights, and early stopping."""

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, WeightAveraging
from torch import Tensor


class MovingAverage(WeightAveraging):
    """Validates, saves and exports an exponential moving average of the weights (Polyak & Juditsky 1992).

    After n updates the decay is ``min(decay, (1 + n) / (10 + n))``, so that the first weights are soon forgotten.

    Args:
        decay: of the average, per optimiser step.
    """

    def __init__(self, decay: float) -> None:
        def average(averaged: list[Tensor], current: list[Tensor], updates: Tensor | int) -> None:
            count = float(updates)
            exact = [each.to(kept.dtype) for each, kept in zip(current, averaged, strict=True)]
            torch._foreach_lerp_(averaged, exact, 1 - min(decay, (1 + count) / (10 + count)))

        super().__init__(use_buffers=False, multi_avg_fn=torch.no_grad()(average))

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Makes the average where the model will be, in single precision at least."""
        self._device = trainer.strategy.root_device
        with trainer.strategy.tensor_init_context():
            super().setup(trainer, pl_module, stage)
        if self._average_model is not None:
            kind = next(self._average_model.parameters()).dtype
            self._average_model.to(torch.promote_types(kind, torch.float32))


class Patience(EarlyStopping):
    """Early stopping that takes its patience from the config on resume, and does not restart a run it has stopped."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What was waited for; the patience may be another by now."""
        super().load_state_dict({**state_dict, "patience": self.patience})

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Ends a training that it had ended before."""
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience
