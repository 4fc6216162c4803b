"""The end of a training: why it has come, the validation of its last step, and the exported model."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from nmt.config import Config, TrainingConfig
from nmt.data.datamodule import TranslationData
from nmt.data.files import put_folder
from nmt.evaluation.results import installed_versions
from nmt.model.saved import model_info, save_model
from nmt.training.callbacks import Patience
from nmt.training.checkpoint_files import checkpoint_step, latest_checkpoint
from nmt.training.checkpoints import Resumable
from nmt.training.module import TranslationModule
from nmt.training.validation import MERIT, judged_by


def why_it_ended(trainer: pl.Trainer, settings: Mapping[str, Any], config: TrainingConfig) -> str:
    """The setting by which a training has ended, in words.

    Args:
        trainer: of the training.
        settings: of the trainer, as they were given.
        config: of the training.
    """
    if settings.get("max_steps") == trainer.global_step:
        return f"trainer.max_steps is {trainer.global_step:,}"
    for each in trainer.early_stopping_callbacks:
        if isinstance(each, Patience) and each.wait_count >= each.patience:
            figure = judged_by(float(each.best_score), config.monitor)
            return f"{figure} has not improved in {config.early_stopping} validations (training.early_stopping)"
    if trainer.is_last_batch and trainer.current_epoch == trainer.max_epochs:
        return f"trainer.max_epochs is {trainer.max_epochs}"
    if settings.get("max_time") is not None:
        return f"trainer.max_time is {settings['max_time']}"
    return "a callback has stopped it"


def how_to_go_on(folder: Path) -> str:
    """What is left to do with a run that has diverged, in words."""
    latest = latest_checkpoint(folder / "checkpoints")
    if latest is None:
        return "train anew with --overwrite"
    best = latest.with_name("best.ckpt")
    resume = f"`nmt train --resume {folder} --training.learning_rate LOWER`"
    on = f"go on from step {checkpoint_step(latest):,} with {resume}"
    if latest == best or not best.is_file():
        return on
    return f"{on}; if it diverges again, delete {latest}, and it goes on from the best validation"


def validate_last_step(
    trainer: pl.Trainer, module: TranslationModule, best: ModelCheckpoint, resumable: Resumable
) -> bool:
    """Validates the last step of a training that has ended, unless that has been done, or none are wanted.

    No checkpoint knows of it: trained longer, the run goes on as if it had not ended here.

    Args:
        trainer: of the training.
        module: with the weights of the last step.
        best: the best validation of the training; knows of this one, too, if it is better.
        resumable: what the training was saved by.

    Returns:
        Whether that step is the best.
    """
    if trainer.global_step == resumable.validated_step or not trainer.enable_validation:
        return False
    trainer.validate(module, datamodule=module.data, verbose=False)
    merit = trainer.callback_metrics[MERIT]
    is_best = best.check_monitor_top_k(trainer, merit)
    if is_best:
        best.best_model_score = merit
    return is_best


@rank_zero_only
def export_best(
    config: Config,
    data: TranslationData,
    module: TranslationModule,
    folder: Path,
    best: ModelCheckpoint,
    latest_is_best: bool,
    say: Callable[[str], None],
) -> None:
    """Puts the weights of the best validation in place as `folder/model`: safetensors, JSON and tokenizers.

    Without a validation, those of the latest checkpoint. What else is there, such as a shortlist, stays.

    Args:
        config: the run.
        data: its tokenizers.
        module: its network.
        folder: of the run.
        best: the best validation.
        latest_is_best: no validation was better than that of the latest checkpoint.
        say: prints which weights these are.
    """
    chosen, is_validated, told = _chosen_checkpoint(config, folder / "checkpoints", best, latest_is_best)
    say(told)
    assert module.model is not None
    saved = torch.load(chosen, map_location="cpu", weights_only=True)
    module.load_state_dict(saved["state_dict"])
    training = {
        "run": config.name,
        "seed": config.seed,
        "step": saved["global_step"],
        "epoch": saved["epoch"],
        "validated": is_validated,
        "config": asdict(config.training),
        "versions": installed_versions(),
    }
    with put_folder(folder / "model") as fresh:
        if (folder / "model").exists():
            shutil.copytree(folder / "model", fresh, dirs_exist_ok=True)
        save_model(fresh, module.model, model_info(config, data.tokenizers, training))
        data.tokenizers.save(fresh)


def _chosen_checkpoint(
    config: Config, checkpoints: Path, best: ModelCheckpoint, latest_is_best: bool
) -> tuple[Path, bool, str]:
    """The checkpoint to export, and whether a validation has chosen it, also in words."""
    best_file, latest = checkpoints / "best.ckpt", latest_checkpoint(checkpoints)
    assert latest is not None
    merit = best.best_model_score
    if merit is None or not (latest_is_best or best_file.is_file()):
        return latest, False, f"no validation has chosen a checkpoint: exporting the latest, {latest.name}"
    chosen = latest if latest_is_best else best_file
    figure = judged_by(float(merit), config.training.monitor)
    return chosen, True, f"exporting step {checkpoint_step(chosen):,}, the best by {figure}"
