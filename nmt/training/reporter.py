"""What a training prints, and what it keeps of its validations for the report."""

import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, RichProgressBar
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from nmt.config import TrainingConfig
from nmt.data.ranks import in_first_rank
from nmt.evaluation.samples import Samples
from nmt.training.module import Trained, TranslationModule
from nmt.training.schedule import Schedule
from nmt.training.validation import judged_by

LINE_SECONDS = 60.0
"""From one line to the next, where no progress bar is to be seen."""

FORMS = {
    **{"train_nll": ".3f", "val_loss": ".3f", "val_bleu": ".2f", "val_aer": ".3f", "val_attention_evenness": ".2f"},
    **{"learning_rate": ".2g", "tokens_per_second": ",.0f"},
}
"""Of the figures in a line, in this order."""


class EpochBar(RichProgressBar):
    """Lightning's progress bar, at a terminal only; epochs count from 1, as they do in all that is printed."""

    def __init__(self) -> None:
        super().__init__(refresh_rate=int(sys.stdout.isatty()))

    def _get_train_description(self, current_epoch: int) -> str:
        last = self.trainer.max_epochs
        name = f"Epoch {current_epoch + 1}" + (f"/{last}" if last is not None and last > 0 else "")
        return f"{name:{len(self.validation_description)}}"  # with the bar of validation below it


def _how_it_learns(trainer: pl.Trainer, training: TrainingConfig) -> str:
    """Optimiser, learning rate, schedule, clipping and smoothing, in a line."""
    clip, is_by_value = trainer.gradient_clip_val, trainer.gradient_clip_algorithm == "value"
    rises = f" after {training.warmup_steps:,} updates of warm-up" if training.warmup_steps else ""
    return ", ".join(
        [
            f"{training.optimizer} {training.learning_rate:g}",
            f"{training.schedule}{rises}",
            f"gradient clipped {'by value ' if is_by_value else ''}at {clip:g}" if clip else "gradient not clipped",
            f"label smoothing {training.label_smoothing:g}",
        ]
    )


class Reporter(Callback):
    """Prints what is trained, a line for each validation and what has become of its samples; keeps all of these.

    Where no progress bar is to be seen, as in a file, there is a line each minute too. The `train_nll` of a line is the
    mean of all target tokens since the line before, also where the run was stopped in between, as `val_loss` is of
    those of the split.

    Args:
        folder: where the samples of each validation go, into a folder of their own (`nmt.evaluation.samples`).
        say: prints a text.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder, self.say = folder, say
        self._shown: dict[int, str] = {}
        self._printed_at = 0.0
        self._trained_when_told = Trained()

    def state_dict(self) -> dict[str, Any]:
        """What had been trained on at the last line."""
        return {"trained_when_told": [*self._trained_when_told]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The same of the run that goes on."""
        self._trained_when_told = Trained(*state_dict["trained_when_told"])

    @rank_zero_only
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prints what is trained, on what, and for how long."""
        assert isinstance(pl_module, TranslationModule)
        data, training, model = pl_module.data, pl_module.config.training, pl_module.model
        assert model is not None
        src, tgt = data.tokenizers.src.vocab_size, data.tokenizers.tgt.vocab_size
        parameters = sum(each.numel() for each in model.parameters())
        frozen = sum(each.numel() for each in model.parameters() if not each.requires_grad)
        kept = f", {frozen:,} of them frozen" if frozen else ""
        devices = f"{trainer.world_size} x " if trainer.world_size > 1 else ""
        steps = trainer.estimated_stepping_batches
        end = "" if steps == float("inf") else f", {steps:,} updates"
        device = f"{devices}{trainer.strategy.root_device.type} ({trainer.precision})"
        types = f"{data.config.src} {src:,} types, {data.config.tgt} {tgt:,} types"
        self.say(f"{types}, {parameters:,} parameters{kept}, {device}{end}")
        self.say(data.batch_sizes())
        self.say(_how_it_learns(trainer, training))
        if training.warmup_steps > steps:
            rises = "than there are updates: the learning rate never comes to its highest"
            self.say(f"training.warmup_steps {training.warmup_steps:,} are more {rises}")
        self._printed_at = time.monotonic()

    @rank_zero_only
    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Prints where it stands, where nothing else shows it."""
        assert isinstance(pl_module, TranslationModule)
        has_bar = trainer.progress_bar_callback is not None and sys.stdout.isatty()
        if not has_bar and time.monotonic() - self._printed_at >= LINE_SECONDS:
            figures = trainer.callback_metrics
            self._print_line(trainer, pl_module, {name: figures[name] for name in figures if "val_" not in name})

    def _print_line(self, trainer: pl.Trainer, pl_module: TranslationModule, figures: Mapping[str, Any]) -> None:
        self._printed_at = time.monotonic()
        before, self._trained_when_told = self._trained_when_told, pl_module.trained
        figures = {name: figures[name] for name in figures if name != "train_nll"}  # since a logged step
        if pl_module.trained.tokens > before.tokens:
            figures["train_nll"] = pl_module.trained.mean_since(before)
        known = [f"{name} {float(figures[name]):{form}}" for name, form in FORMS.items() if name in figures]
        self.say("  ".join([f"step {trainer.global_step:,} (epoch {pl_module.epoch})", *known]))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prints and saves, in the first rank."""
        assert isinstance(pl_module, TranslationModule)
        if not trainer.sanity_checking:
            in_first_rank(partial(self._report, trainer, pl_module))

    def _report(self, trainer: pl.Trainer, pl_module: TranslationModule) -> None:
        figures = dict(trainer.callback_metrics)
        figures.pop("learning_rate", None)  # a validation may change it
        self._print_line(trainer, pl_module, figures)
        if pl_module.rate_is_halved:
            training, schedule = pl_module.config.training, pl_module.lr_schedulers()
            assert isinstance(schedule, Schedule)
            figure, (rate, *_) = judged_by(schedule.best, training.monitor), schedule.get_last_lr()
            stale = f"{figure} has not improved in {training.patience} validations (training.patience)"
            self.say(f"{stale}: the learning rate is halved to {rate:.2g}")
        references = pl_module.data.validation_references
        for row, sample in pl_module.samples.items():
            if self._shown.get(row) != sample.text:
                texts = f"  source      {sample.source}\n  translation {sample.text}\n  reference   {references[row]}"
                self.say(f"{texts}\n")
            self._shown[row] = sample.text
        if pl_module.samples and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            rows, records = zip(*pl_module.samples.items(), strict=True)
            Samples(trainer.global_step, records, tuple(references[row] for row in rows)).save(self.folder)
