"""Checkpoints: the best one, and one to go on from, so that a run can be stopped at any step."""

from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from nmt.data.files import naming
from nmt.data.ranks import in_first_rank
from nmt.training.checkpoint_files import write_checkpoint
from nmt.training.stopping import Signals, Stopped
from nmt.training.validation import MERIT


class Resumable(Checkpoint):
    """Keeps one checkpoint to go on from, `step-<n>.ckpt`, and stops on a signal of `STOPPING` without losing a step.

    A checkpoint is written every so many steps, at the end of each epoch, at the last step of all, and on a signal at
    the end of the step, once all the gradients it accumulates are in it; then `Stopped` is raised, unless that was the
    last one. If training ends within an epoch, a resumed run goes on from that batch. A validation that belongs to the
    step comes before the checkpoint, so that it is neither lost nor done twice; only one that goes by the clock may be
    lost. The file is on the disk before it takes the place of the last one.

    Where the time of a training is over, it ends as it would with this step as its last, without the validation that
    Lightning would add: no checkpoint knows of one that an uninterrupted training would not have had. That of the last
    step comes after the training (`nmt.training.ending`), and a signal does not stop it.

    Args:
        folder: of the checkpoints.
        every_steps: optimiser steps between two checkpoints.
        signals: that stop the training.

    Attributes:
        validated_step: of the last validation; 0 before the first.
    """

    def __init__(self, folder: Path, every_steps: int, signals: Signals) -> None:
        self.folder = folder
        self.every_steps = every_steps
        self.signals = signals
        self.validated_step = 0
        self._saved_step = 0
        self._due = self._is_over = False
        self._stop_for = 0

    def state_dict(self) -> dict[str, Any]:
        """What is known of validations."""
        return {"validated_step": self.validated_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What was known of them."""
        self.validated_step = state_dict["validated_step"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes the signals over from Lightning, whose handler would stop before the logs are written."""
        self.signals.take()
        _leave_done_epoch(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes them over where only the validation of the last step is left, after which the run is at its end."""
        if trainer.state.fn == TrainerFn.VALIDATING:
            self.signals.take()

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Notes that the step is validated, before the best checkpoint is written, which is to know of it."""
        self.validated_step = trainer.global_step

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
        received = self.signals.received
        if trainer.world_size > 1:
            of_all = torch.tensor(received, device=pl_module.device)
            dist.all_reduce(of_all, op=dist.ReduceOp.MAX)
            received = int(of_all)
        if trainer.should_stop and trainer.fit_loop._can_stop_early:
            self._is_over, trainer.should_stop = True, False
        if (batch_idx + 1) % trainer.accumulate_grad_batches and not trainer.is_last_batch:
            return  # no checkpoint holds half a gradient
        self._stop_for = received
        if self._is_over:
            trainer.fit_loop.epoch_loop.max_steps = trainer.global_step
        self._due = self._ends(trainer) or bool(received) or trainer.global_step - self._saved_step >= self.every_steps
        if not (trainer.is_last_batch or self._validation_follows(trainer, batch_idx)):
            self._save_if_due(trainer)

    @staticmethod
    def _ends(trainer: pl.Trainer) -> bool:
        """Whether there is no next step, by the number of steps, the time, or a validation."""
        loop = trainer.fit_loop.epoch_loop
        return loop._is_training_done or loop.done  # which the first step of a resumed run never is, even if the last

    @staticmethod
    def _validation_follows(trainer: pl.Trainer, batch_idx: int) -> bool:
        every, epochs = trainer.val_check_batch, trainer.check_val_every_n_epoch
        done = batch_idx if epochs is not None else trainer.fit_loop.total_batch_idx
        due = isinstance(every, int) and (done + 1) % every == 0
        return due and trainer.enable_validation and (epochs is None or (trainer.current_epoch + 1) % epochs == 0)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Does what the step before left to be done; at the end of an epoch, that is left to the epoch's end."""
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        if not trainer.is_last_batch:
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
        checkpoint, path = _checkpoint_of(trainer), self.folder / f"step-{trainer.global_step}.ckpt"

        def put_in_place() -> None:
            with naming(self.folder.parent):
                for logger in trainer.loggers:
                    logger.save()
            write_checkpoint(checkpoint, path)
            for old in set(self.folder.glob("step-*.ckpt")) - {path}:
                old.unlink()

        in_first_rank(put_in_place)  # the others wait: none ends the first before it is in its place


def _leave_done_epoch(trainer: pl.Trainer) -> None:
    """Goes on with the next epoch where a run was saved at the end of one.

    Lightning does so only where steps are not limited. Otherwise it goes through the epoch once more, without a batch,
    and counts it twice.
    """
    loop = trainer.fit_loop
    if loop.restarted_on_epoch_end:
        loop.epoch_progress.increment_completed()
        loop.reset_restart_stage()
        loop._restarting = loop.epoch_loop.restarting = False


def _checkpoint_of(trainer: pl.Trainer) -> dict[str, Any]:
    """What Lightning would save; each rank has to ask for it."""
    return trainer._checkpoint_connector.dump_checkpoint()


class _Best(ModelCheckpoint):
    """Lightning's, which goes on in a run that was moved: Lightning forgets how good the best one in it was.

    Of equals it keeps the later, which has learned more.
    """

    def check_monitor_top_k(self, trainer: pl.Trainer, current: Tensor | None = None) -> bool:
        """Whether it is to be kept."""
        is_equal = current is not None and bool(current == self.best_model_score)
        return super().check_monitor_top_k(trainer, current) or is_equal

    def _save_checkpoint(self, trainer: pl.Trainer, filepath: str) -> None:
        in_first_rank(partial(write_checkpoint, _checkpoint_of(trainer), Path(filepath)))
        self._last_global_step_saved, self._last_checkpoint_saved = trainer.global_step, filepath

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The scores are those that were saved, the files those that are here; without a file there is no best yet."""
        if not Path(str(self.dirpath), "best.ckpt").is_file():
            return

        def here(path: str) -> str:
            return str(Path(str(self.dirpath)) / Path(path).name) if path else path

        best = {here(path): score for path, score in state_dict["best_k_models"].items()}
        paths = {name: here(state_dict[name]) for name in ("best_model_path", "kth_best_model_path", "last_model_path")}
        super().load_state_dict({**state_dict, **paths, "best_k_models": best, "dirpath": self.dirpath})


def best_checkpoint(folder: Path) -> ModelCheckpoint:
    """Keeps the checkpoint of the best validation, `best.ckpt`."""
    return _Best(
        dirpath=folder,
        filename="best",
        monitor=MERIT,
        mode="max",
        enable_version_counter=False,
        save_on_train_epoch_end=False,  # steps after the last validation have not been validated
    )
