"""The folder of a run, which changes only once training has begun."""

import csv
import io
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.trainer.states import TrainerFn
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from nmt.data.files import locked, put, sibling
from nmt.data.runs import aside
from nmt.training.checkpoint_files import checkpoint_step
from nmt.training.checkpoints import Resumable
from nmt.training.log import RunLog


@rank_zero_only
def recover(folder: Path) -> None:
    """Restores what a killed process had put aside of a run, if its training had not begun; deletes it otherwise.

    Raises:
        ValueError: if that process is still there.
    """
    for replaced in (folder, folder / "metrics.csv"):
        put_aside = aside(replaced)
        if not put_aside.exists():
            continue
        with _held(put_aside if put_aside.is_dir() else folder, folder):
            if replaced == folder and (folder / "config.yaml").exists():
                shutil.rmtree(put_aside)
                continue
            if replaced.is_dir():
                shutil.rmtree(replaced)
            put_aside.replace(replaced)


@contextmanager
def _held(folder: Path, run: Path) -> Iterator[None]:
    """Keeps other processes from a folder of a run, where there are locks for folders."""
    with ExitStack() as lock:
        try:
            lock.enter_context(locked(folder, wait=False))
        except BlockingIOError as error:
            raise ValueError(f"{run} is being trained by another process: wait for it, or stop it") from error
        yield


class RunFolder(Callback):
    """Changes a run's folder only once training has begun: what fails before that leaves the folder as it was.

    What is to be replaced, all of it in a new run and the log in a resumed one, is put aside until then, under a name
    that no run has (`recover` is for what a killed process has left there). The folder is locked as long as a process
    trains in it.

    Args:
        folder: of the run.
        resolved: the config to be saved in it.
        checkpoint: to go on from; None for a new run.
        log: of the training, which begins with it.
    """

    def __init__(self, folder: Path, resolved: str, checkpoint: Path | None, log: RunLog) -> None:
        self.folder, self.resolved, self.checkpoint, self.run_log = folder, resolved, checkpoint, log
        self.replaced = folder / "metrics.csv" if checkpoint else folder
        self.aside = aside(self.replaced)
        self.begun = False

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Makes room for the run, and undoes it if training does not begin.

        Raises:
            ValueError: if another process trains the run.
        """
        if rank_zero_only.rank:  # type: ignore[attr-defined]
            yield
            return
        with ExitStack() as locks:
            locks.enter_context(_held(self.folder, self.folder))
            if self.replaced.exists():
                self.replaced.rename(self.aside)
            if self.checkpoint is None:
                self.folder.mkdir(parents=True)
                locks.enter_context(_held(self.folder, self.folder))
            try:
                yield
            finally:
                if not self.begun:
                    if self.checkpoint is None:
                        shutil.rmtree(self.folder)
                    if self.aside.exists():
                        self.aside.rename(self.replaced)

    @rank_zero_only
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begins the run, by the settings that it now has."""
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            config = self.folder / "config.yaml"
            sibling(config, "new").write_text(self.resolved, encoding="utf-8")
            put(sibling(config, "new"), config)
        self._begin(trainer)

    @rank_zero_only
    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begins it where only the validation of its last step is left: its settings stay those that it has."""
        if trainer.state.fn == TrainerFn.VALIDATING and not self.begun:
            self._begin(trainer)

    def _begin(self, trainer: pl.Trainer) -> None:
        """Deletes what is replaced but for the rows that were logged before the checkpoint."""
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        self.begun = True
        self.run_log.begin()
        if not self.aside.exists():
            return
        if self.checkpoint is None:
            shutil.rmtree(self.aside)
            return
        (resumable,) = (each for each in trainer.checkpoint_callbacks if isinstance(each, Resumable))
        rows = _metrics_until(checkpoint_step(self.checkpoint), resumable.validated_step, self.aside)
        for logger in trainer.loggers:
            if isinstance(logger, CSVLogger):
                logger.experiment.metrics.extend(rows)
                logger.save()
        self.aside.unlink()


def _metrics_until(step: int, validated_step: int, path: Path) -> list[dict[str, Any]]:
    """The rows of a log that were logged before a checkpoint; what came after it is computed again.

    Args:
        step: of the checkpoint.
        validated_step: of the last validation that the checkpoint knows of.
        path: of the log.
    """
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]  # a process that was killed may have left half a line
    rows = [{key: value for key, value in row.items() if value} for row in csv.DictReader(io.StringIO(whole))]
    return [row for row in rows if int(row["step"]) <= (validated_step if "val_loss" in row else step)]
