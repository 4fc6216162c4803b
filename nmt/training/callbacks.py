"""What happens beside the training steps: averaging, reporting, and stopping so that a run can go on."""

import signal
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Callback, Checkpoint, EarlyStopping, ModelCheckpoint, WeightAveraging
from torch import Tensor

from nmt.config import TrainingConfig
from nmt.data.files import put
from nmt.evaluation.samples import Samples
from nmt.training.module import TranslationModule
from nmt.training.ranks import end_together, in_first_rank


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


class Reporter(Callback):
    """Prints a line for each validation, and what has become of its samples; keeps all of these for the report.

    Args:
        folder: where the samples of each validation go, into a folder of their own (`nmt.evaluation.samples`).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shown: dict[int, str] = {}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prints and saves, in the first rank."""
        assert isinstance(pl_module, TranslationModule)
        if not trainer.sanity_checking:
            in_first_rank(partial(self._report, trainer, pl_module))

    def _report(self, trainer: pl.Trainer, pl_module: TranslationModule) -> None:
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        line = f"step {trainer.global_step:,} (epoch {trainer.current_epoch + 1})"
        for name, form in (
            ("train_loss", ".3f"),
            ("val_loss", ".3f"),
            ("val_bleu", ".2f"),
            ("val_aer", ".3f"),
            ("tokens_per_second", ",.0f"),
        ):
            if name in figures:
                line += f"  {name} {figures[name]:{form}}"
        print(line, flush=True)
        references = pl_module.data.validation_references
        for row, sample in pl_module.samples.items():
            if self._shown.get(row) != sample.text:
                print(f"  source      {sample.source}\n  translation {sample.text}\n  reference   {references[row]}\n")
            self._shown[row] = sample.text
        if pl_module.samples and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            rows, records = zip(*pl_module.samples.items(), strict=True)
            Samples(trainer.global_step, records, tuple(references[row] for row in rows)).save(self.folder)


class Stopped(Exception):
    """Training was stopped by a signal, after a checkpoint was written.

    Attributes:
        signal_number: of the signal.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.signal_number = signal_number


class Resumable(Checkpoint):
    """Keeps one checkpoint to go on from, `step-<n>.ckpt`, and stops on SIGINT or SIGTERM without losing a step.

    A checkpoint is written every so many steps, at the end of each epoch, at the last step of all, and on a signal at
    the end of the step, once all the gradients it accumulates are in it; then `Stopped` is raised, unless that was the
    last one. If training ends within an epoch, a resumed run goes on from that batch. A validation that belongs to the
    step comes before the checkpoint, so that it is neither lost nor done twice; only one that goes by the clock may be
    lost. The file is on the disk before it takes the place of the last one, and so is the best one, which a run that
    goes on from here does not write again. A second signal ends the process at once.

    Args:
        folder: of the checkpoints.
        every_steps: optimiser steps between two checkpoints.
    """

    def __init__(self, folder: Path, every_steps: int) -> None:
        self.folder = folder
        self.every_steps = every_steps
        self.received = 0
        self._saved_step = 0
        self._due = False
        self._stop_for = 0
        self._handlers: dict[int, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes the signals over from Lightning, whose handler would stop before the logs are written."""
        self._handlers = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        for each in self._handlers:
            signal.signal(each, signal.SIG_DFL)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Stops before the next step: by now all that belongs to the last one is validated, saved and logged."""
        if self._stop_for:
            raise Stopped(self._stop_for)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves when it is time; all ranks agree on whether to stop."""
        received = self.received
        if trainer.world_size > 1:
            of_all = torch.tensor(received, device=pl_module.device)
            dist.all_reduce(of_all, op=dist.ReduceOp.MAX)
            received = int(of_all)
        if (batch_idx + 1) % trainer.accumulate_grad_batches and not trainer.is_last_batch:
            return  # no checkpoint holds half a gradient
        self._stop_for = received
        self._due = bool(received) or trainer.global_step - self._saved_step >= self.every_steps or self._ends(trainer)
        if not (trainer.is_last_batch or self._validation_follows(trainer, batch_idx)):
            self._save_if_due(trainer)

    @staticmethod
    def _ends(trainer: pl.Trainer) -> bool:
        """Whether there is no next step, by the number of steps, the time, or a validation."""
        return bool(trainer.fit_loop.epoch_loop.done)

    @staticmethod
    def _validation_follows(trainer: pl.Trainer, batch_idx: int) -> bool:
        every, epochs = trainer.val_check_batch, trainer.check_val_every_n_epoch
        done = batch_idx if epochs is not None else trainer.fit_loop.total_batch_idx
        due = isinstance(every, int) and (done + 1) % every == 0
        return due and trainer.enable_validation and (epochs is None or (trainer.current_epoch + 1) % epochs == 0)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Does what the step before left to be done; at the end of an epoch, that is left to the epoch's end."""
        if not trainer.sanity_checking and not trainer.is_last_batch:
            self._due = self._due or self._ends(trainer)
            self._save_if_due(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Saves in any case where the epoch is done, so that a finished run can be trained longer."""
        if trainer.is_last_batch:
            self._save(trainer)

    def _save_if_due(self, trainer: pl.Trainer) -> None:
        if self._due:
            self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        self._due = False
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        self._saved_step = trainer.global_step
        fresh, path = self.folder / "writing.ckpt", self.folder / f"step-{trainer.global_step}.ckpt"

        def put_in_place() -> None:
            for logger in trainer.loggers:
                logger.save()
            old = set(self.folder.glob("step-*.ckpt")) - {path}
            put(fresh, path, *self.folder.glob("best.ckpt"))
            for each in old:
                each.unlink()

        _save_checkpoint(trainer, fresh)
        in_first_rank(put_in_place)  # the others wait: none ends the first before it is in its place

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Gives the signals back."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}


class Patience(EarlyStopping):
    """Early stopping that takes its patience from the config on resume, and does not restart a run it has stopped."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What was waited for; the patience may be another by now."""
        super().load_state_dict({**state_dict, "patience": self.patience})

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Ends a training that it had ended before."""
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


def _save_checkpoint(trainer: pl.Trainer, path: Path) -> None:
    """Saves a checkpoint as Lightning does; where the first rank cannot write it, the others end too."""
    failure: OSError | None = None
    try:
        trainer.save_checkpoint(path)
    except OSError as error:
        failure = error
        trainer.strategy.barrier()  # at which the others wait, once they have left the writing to the first
    end_together(failure)


class _Best(ModelCheckpoint):
    """Lightning's, which goes on in a run that was moved: Lightning forgets how good the best one in it was.

    Of equals it keeps the later: early validations often have a BLEU of 0, and the first has learned the least.
    """

    def check_monitor_top_k(self, trainer: pl.Trainer, current: Tensor | None = None) -> bool:
        """Whether it is to be kept."""
        is_equal = current is not None and bool(current == self.best_model_score)
        return super().check_monitor_top_k(trainer, current) or is_equal

    def _save_checkpoint(self, trainer: pl.Trainer, filepath: str) -> None:
        _save_checkpoint(trainer, Path(filepath))
        self._last_global_step_saved, self._last_checkpoint_saved = trainer.global_step, filepath

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The scores are those that were saved, the files those that are here."""

        def here(path: str) -> str:
            return str(Path(str(self.dirpath)) / Path(path).name) if path else path

        best = {here(path): score for path, score in state_dict["best_k_models"].items()}
        paths = {name: here(state_dict[name]) for name in ("best_model_path", "kth_best_model_path", "last_model_path")}
        super().load_state_dict({**state_dict, **paths, "best_k_models": best, "dirpath": self.dirpath})


def best_checkpoint(folder: Path, settings: TrainingConfig) -> ModelCheckpoint:
    """Keeps the checkpoint of the best validation, `best.ckpt`."""
    return _Best(
        dirpath=folder,
        filename="best",
        monitor=settings.monitor,
        mode=settings.monitor_mode,
        enable_version_counter=False,
        save_on_train_epoch_end=False,  # steps after the last validation have not been validated
    )


def checkpoint_step(path: Path) -> int:
    """Optimiser steps behind a checkpoint of `Resumable`."""
    return int(path.stem.removeprefix("step-"))


def latest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of `Resumable` with the most steps; None if there is none."""
    return max(folder.glob("step-*.ckpt"), key=checkpoint_step, default=None)
