"""What a training prints, and what it keeps of its validations for the report."""

from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from nmt.evaluation.samples import Samples
from nmt.training.module import TranslationModule


class Reporter(Callback):
    """Prints a line for each validation, and what has become of its samples; keeps all of these for the report.

    Args:
        folder: where the samples of each validation go, into a folder of their own (`nmt.evaluation.samples`).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shown: dict[int, str] = {}

    @rank_zero_only
    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prints and saves."""
        assert isinstance(pl_module, TranslationModule)
        if trainer.sanity_checking:
            return
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        line = f"step {trainer.global_step:,} (epoch {pl_module.epoch})"
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
