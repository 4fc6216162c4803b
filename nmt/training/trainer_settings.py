"""The settings of the trainer: which are a run's own, what the others are where nothing is said, what is allowed."""

from collections.abc import Mapping
from typing import Any, get_type_hints

import pytorch_lightning as pl

from nmt.checked import check, check_fits, nearest
from nmt.config import TrainingConfig

TRAINER_DEFAULTS: Mapping[str, Any] = {
    "gradient_clip_val": 1.0,
    "log_every_n_steps": 20,
    "num_sanity_val_steps": 0,
}
"""Where a run differs from Lightning's defaults unless the config says otherwise."""

DEFAULT_EPOCHS = 10
"""Of a training for which neither epochs nor steps nor time nor early stopping are given."""

OWN_TRAINER_ARGUMENTS: Mapping[str, str] = {
    **dict.fromkeys(("default_root_dir", "enable_checkpointing"), "a run keeps its checkpoints in its own folder"),
    **dict.fromkeys(("barebones", "enable_autolog_hparams", "model_registry"), "a run keeps logs of its own"),
    "enable_model_summary": "the network is what the config says",
    "use_distributed_sampler": "batches are shared out by the data module",
    "reload_dataloaders_every_n_epochs": "batches are cut anew in each epoch as it is",
    "limit_test_batches": "training does not test: see `nmt evaluate`",
    "limit_predict_batches": "training does not predict: see `nmt translate`",
    "plugins": "choose trainer.precision and trainer.strategy",
    "sync_batchnorm": "nothing here is normalised over a batch",
}
"""Arguments of `pl.Trainer` that are not the user's, and why."""

COPYING_STRATEGIES = "ddp_spawn", "ddp_fork", "ddp_notebook"
"""Beginnings of names of strategies that train in copies of this process, of which nothing comes back to it."""


def resolve_trainer_settings(given: Mapping[str, Any], training: TrainingConfig) -> dict[str, Any]:
    """The arguments of `pl.Trainer` that a run is trained with.

    Args:
        given: those that are given, by name.
        training: of the run, whose early stopping is an end to it.

    Raises:
        ValueError: if one is not allowed.
    """
    settings = {**TRAINER_DEFAULTS, **given}
    _check(settings)
    is_limited = settings.get("max_steps", -1) != -1 or settings.get("max_time") is not None
    if settings.get("max_epochs") is None and not is_limited:
        settings["max_epochs"] = -1 if training.early_stopping else DEFAULT_EPOCHS
    return settings


def _check(settings: Mapping[str, Any]) -> None:
    """Makes sure that settings are allowed, so far as the trainer would not do so itself."""
    kinds = get_type_hints(pl.Trainer.__init__)
    for name, value in settings.items():
        if name in OWN_TRAINER_ARGUMENTS:
            raise ValueError(f"trainer.{name} cannot be set: {OWN_TRAINER_ARGUMENTS[name]}")
        check(name in kinds, f"trainer.{name}", value, f"left out: there is no such key{nearest(name, kinds)}")
        check_fits(kinds[name], f"trainer.{name}", value)
    for name in ("accumulate_grad_batches", "check_val_every_n_epoch", "val_check_interval"):
        value = settings.get(name)
        check(not isinstance(value, int | float) or value > 0, f"trainer.{name}", value, "positive")
    for name in ("max_epochs", "max_steps"):
        value = settings.get(name)
        check(value is None or value == -1 or value > 0, f"trainer.{name}", value, "positive, or -1 for no end")
    clipped = settings.get("gradient_clip_val")
    check(clipped is None or clipped >= 0, "trainer.gradient_clip_val", clipped, "at least 0, or null for no clipping")
    precision = settings.get("precision")
    check(precision != "16-true", "trainer.precision", precision, "16-mixed: weights and losses need more digits")
    strategy = settings.get("strategy")
    copies = str(strategy).startswith(COPYING_STRATEGIES)
    check(not copies, "trainer.strategy", strategy, "another, such as ddp: of a copied process nothing comes back")
    logger = settings.get("logger")
    beside = "null, or loggers beside metrics.csv and TensorBoard's events, which are always written"
    check(not isinstance(logger, bool), "trainer.logger", logger, beside)
