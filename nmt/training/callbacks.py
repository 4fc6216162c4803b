"""What happens beside the training steps: averaging, reporting, and stopping so that a run can go on."""

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Callback, ModelCheckpoint, WeightAveraging
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from torch import Tensor

from nmt.config import TrainingConfig
from nmt.training.module import TranslationModule


class MovingAverage(WeightAveraging):
    """Validates, saves and exports an exponential moving average of the weights (Polyak & Juditsky 1992).

    After n updates the decay is ``min(decay, (1 + n) / (10 + n))``, so that the first weights are soon forgotten.

    Args:
        decay: of the average, per optimiser step.
    """

    def __init__(self, decay: float) -> None:
        def average(averaged: list[Tensor], current: list[Tensor], updates: Tensor | int) -> None:
            count = float(updates)
            torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + count) / (10 + count)))

        super().__init__(use_buffers=False, multi_avg_fn=torch.no_grad()(average))


class Reporter(Callback):
    """Prints a line for each validation, and fixed sentences of the validation split whenever they change.

    Args:
        samples: how many sentences, spread evenly over the split.
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self._shown: dict[int, str] = {}

    @rank_zero_only
    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prints."""
        assert isinstance(pl_module, TranslationModule)
        if trainer.sanity_checking:
            return
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        line = f"step {trainer.global_step:,} (epoch {trainer.current_epoch + 1})"
        for name, form in (("train_loss", ".3f"), ("val_loss", ".3f"), ("val_bleu", ".2f"), ("tokens_per_second", ",.0f")):
            if name in figures:
                line += f"  {name} {figures[name]:{form}}"
        print(line, flush=True)
        data, count = pl_module.data, len(pl_module.samples)
        for index in sorted(pl_module.samples)[:: max(1, count // max(1, self.samples))][: self.samples]:
            text = pl_module.samples[index]
            if self._shown.get(index) != text:
                reference = data.validation_references[index]
                print(f"  source      {data.validation[index]['src']}\n  translation {text}\n  reference   {reference}\n")
            self._shown[index] = text


class Stopped(Exception):
    """Training was stopped by a signal, after a checkpoint was written.

    Attributes:
        signal_number: of the signal.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.signal_number = signal_number


class StopOnSignal(Callback):
    """On SIGINT or SIGTERM ends the step, writes a checkpoint to go on from and raises `Stopped`.

    A second signal ends the process at once, as without this callback.

    Args:
        folder: of the checkpoints.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.received = 0
        self._handlers: dict[int, Any] = {}

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes over the signals."""
        self._handlers = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stops between two steps, all ranks at the same one."""
        received = torch.tensor(self.received, device=pl_module.device)
        if trainer.world_size > 1:
            dist.all_reduce(received, op=dist.ReduceOp.MAX)
        if received:
            trainer.save_checkpoint(self.folder / f"step-{trainer.global_step}.ckpt")
            raise Stopped(int(received))

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Gives the signals back."""
        self._restore()


def checkpoints(folder: Path, settings: TrainingConfig) -> list[Callback]:
    """The checkpoint of the best validation (`best.ckpt`), and the latest to resume from (`step-<n>.ckpt`).

    A new checkpoint is written whole before the last one is removed.
    """
    best = ModelCheckpoint(
        dirpath=folder,
        filename="best",
        monitor=settings.monitor,
        mode="max" if settings.monitor == "val_bleu" else "min",
        enable_version_counter=False,
    )
    latest = ModelCheckpoint(
        dirpath=folder,
        filename="step-{step}",
        auto_insert_metric_name=False,
        every_n_train_steps=settings.checkpoint_steps,
        enable_version_counter=False,
    )
    return [best, latest]


def latest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint with the most steps; None if there is none."""
    return max(folder.glob("step-*.ckpt"), key=lambda path: int(path.stem.removeprefix("step-")), default=None)
