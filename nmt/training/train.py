"""A config -> a trained run: folder, data, trainer, fit, and the exported model."""

import csv
import logging
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import datasets
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from nmt.config import Config
from nmt.data.corpus import load_split
from nmt.data.datamodule import TranslationData, check_alignment
from nmt.evaluation.results import installed_versions
from nmt.model.saved import ModelCard, save_model
from nmt.training.callbacks import (
    MovingAverage,
    Reporter,
    Resumable,
    best_checkpoint,
    checkpoint_step,
    latest_checkpoint,
)
from nmt.training.module import TranslationModule

TRAINER_DEFAULTS: Mapping[str, Any] = {
    "max_epochs": 10,
    "gradient_clip_val": 1.0,
    "log_every_n_steps": 20,
    "num_sanity_val_steps": 0,
}
"""Where a run differs from Lightning's defaults unless the config says otherwise."""

OWN_TRAINER_ARGUMENTS = {
    *("logger", "callbacks", "plugins", "profiler", "default_root_dir", "model_registry", "enable_autolog_hparams"),
    *("use_distributed_sampler", "reload_dataloaders_every_n_epochs", "enable_checkpointing", "enable_model_summary"),
}
"""Arguments of `pl.Trainer` that are not the user's."""


_BEFORE_TRAINING = {"config.yaml", "tokenizer.json", "tokenizer.src.json", "tokenizer.tgt.json", "tensorboard"}
"""What a run leaves that failed before its first checkpoint."""


@rank_zero_only
def prepare_folder(folder: Path, config: Config, resolved: str, resume: bool, overwrite: bool) -> None:
    """Makes the run's folder, with the resolved config in it, once the corpus has shown to be readable.

    Raises:
        ValueError: if there is such a run already, or the corpus cannot be used; then nothing was changed.
        FileNotFoundError: if the corpus is not there.
    """
    load_split(config.data.path, config.data.src, config.data.tgt, config.data.validation)
    corpus = load_split(config.data.path, config.data.src, config.data.tgt, config.data.train)
    if config.training.guided_alignment:
        check_alignment(corpus, config.data)
    if folder.exists() and not resume:
        if not overwrite and {path.name for path in folder.iterdir()} - _BEFORE_TRAINING:
            raise ValueError(f"{folder} exists: go on with `--resume {folder}`, or give --overwrite, or a new --name")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(resolved, encoding="utf-8")


def train(config: Config, trainer_settings: Mapping[str, Any], folder: Path, resume: bool) -> Path:
    """Trains, or goes on training, and exports the best checkpoint as `folder/model`.

    Args:
        config: the run.
        trainer_settings: arguments of `pl.Trainer`.
        folder: the run's folder; its `config.yaml` is there already.
        resume: go on from the latest checkpoint in `folder`.

    Returns:
        The folder of the exported model.

    Raises:
        ValueError: if the corpus cannot be used, or there is no checkpoint to resume from.
        FileNotFoundError: if the corpus is not there.
        nmt.training.callbacks.Stopped: if a signal ended the training.
    """
    checkpoint = latest_checkpoint(folder / "checkpoints")
    if resume and checkpoint is None:
        raise ValueError(f"{folder}: there is no checkpoint to resume from; train it without --resume")
    kept = _metrics_until(checkpoint, folder / "metrics.csv") if resume and checkpoint else []
    guided = config.training.guided_alignment > 0
    data = TranslationData(config.data, config.seed, folder, with_alignment=guided)
    module = TranslationModule(config)
    trainer = pl.Trainer(
        **{**TRAINER_DEFAULTS, **trainer_settings},
        default_root_dir=folder,
        logger=[
            CSVLogger(folder, name="", version="", flush_logs_every_n_steps=20),
            TensorBoardLogger(folder, name="", version="tensorboard"),
        ],
        callbacks=_callbacks(config, folder),
        use_distributed_sampler=False,  # the sampler of the data module shares the batches out itself
        enable_model_summary=False,
    )
    _log_again(trainer, kept)
    trainer.fit(module, data, ckpt_path=checkpoint if resume else None, weights_only=True)
    export(config, data, module, folder)
    return folder / "model"


def _metrics_until(checkpoint: Path, path: Path) -> list[dict[str, str]]:
    """The rows of `metrics.csv` that were logged before the checkpoint; what came after it is computed again."""
    if not path.is_file():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        rows = [{key: value for key, value in row.items() if value} for row in csv.DictReader(file)]
    return [row for row in rows if int(row["step"]) < checkpoint_step(checkpoint)]  # the first step is logged as 0


@rank_zero_only
def _log_again(trainer: pl.Trainer, rows: list[dict[str, str]]) -> None:
    """Keeps rows of an earlier part of the run: Lightning's logger begins `metrics.csv` anew."""
    for logger in trainer.loggers:
        if isinstance(logger, CSVLogger) and rows:
            logger.experiment.metrics.extend(rows)


def quiet() -> None:
    """Leaves out what the libraries say of things that are as they should be here."""
    datasets.disable_progress_bars()
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    for message in (
        "Experiment logs directory",  # the folder holds the config and the tokenizers already
        "You're using the WeightAveraging callback with a model that overrides",  # nothing is sharded
        "Loading `train_dataloader` to estimate",
        "The number of training batches",
        "You're resuming from a checkpoint that ended before the epoch ended",  # the loader knows where to go on
        ".*does not have many workers",  # batches are made from memory-mapped ids in a millisecond
        ".*treespec, LeafSpec",
        "The dirpath has changed",
        "Checkpoint directory",
    ):
        warnings.filterwarnings("ignore", message)


def _callbacks(config: Config, folder: Path) -> list[Callback]:
    settings = config.training
    callbacks: list[Callback] = [
        Reporter(settings.sample_sentences),
        best_checkpoint(folder / "checkpoints", settings),
        Resumable(folder / "checkpoints", settings.checkpoint_steps),  # last, to save what the others know
    ]
    if settings.average_decay:
        callbacks.insert(0, MovingAverage(settings.average_decay))
    if settings.early_stopping:
        mode = "max" if settings.monitor == "val_bleu" else "min"
        callbacks.append(EarlyStopping(settings.monitor, patience=settings.early_stopping, mode=mode))
    return callbacks


@rank_zero_only
def export(config: Config, data: TranslationData, module: TranslationModule, folder: Path) -> None:
    """Writes the weights of the best validation as `folder/model`: safetensors, JSON and tokenizers."""
    best = folder / "checkpoints" / "best.ckpt"
    assert module.model is not None
    saved = torch.load(best, map_location="cpu", weights_only=True)
    module.load_state_dict(saved["state_dict"])
    tokenizers = data.tokenizers
    card = ModelCard(
        src=config.data.src,
        tgt=config.data.tgt,
        src_vocab_size=tokenizers.src.vocab_size,
        tgt_vocab_size=tokenizers.tgt.vocab_size,
        network=config.model,
        training={
            "run": config.name,
            "seed": config.seed,
            "step": saved["global_step"],
            "epoch": saved["epoch"],
            "config": asdict(config.training),
            "versions": installed_versions(),
        },
    )
    save_model(folder / "model", module.model, card)
    tokenizers.save(folder / "model")
