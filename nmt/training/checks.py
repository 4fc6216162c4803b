"""What can be known of a run before it trains: that it may begin or go on, and that all it needs is there."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import datasets
import torch

from nmt.checked import check, flat, idle
from nmt.config import CORPUS, Config, DataConfig, TrainingConfig, is_hub
from nmt.data.corpus import load_split
from nmt.data.mixture import load_training
from nmt.data.runs import run_config
from nmt.model.hub import model_folder
from nmt.model.saved import read_info
from nmt.training.checkpoint_files import latest_checkpoint, read_checkpoint

DROPOUT = {
    *("model.dropout", "model.recurrent_dropout", "model.variational", "model.word_dropout"),
    "data.tokenizer.bpe_dropout",
}
"""Settings that neither weights nor tokenizers depend on."""

_BEFORE_CHECKPOINTS = {
    *("config.yaml", "tokenizer.json", "tokenizer.src.json", "tokenizer.tgt.json"),
    *("tensorboard", "metrics.csv", "samples", "checkpoints", "train.log"),
}
"""What a run leaves that ended before its first checkpoint."""


def check_may_train(
    config: Config, settings: Mapping[str, Any], folder: Path, checkpoint: Path | None, overwrite: bool
) -> None:
    """Makes sure that a run may begin, or go on.

    Args:
        config: the run.
        settings: of the trainer.
        folder: of the run.
        checkpoint: from which it is to go on; None for a new run.
        overwrite: it is to replace what is in the folder.

    Raises:
        ValueError: if it may not, or a file is damaged.
    """
    if checkpoint is not None:
        _check_resumable(config, settings.get("max_epochs"), folder, checkpoint)
    elif not overwrite and _holds_a_run(folder):
        how = f"go on with `--resume {folder}`, or give --overwrite, or a new --name"
        raise ValueError(f"{folder} exists: {how}; in Python, resume=True, overwrite=True or another folder")
    if settings.get("limit_val_batches") == 0:
        _check_unvalidated(config.training)


def check_corpus(data: DataConfig, with_alignment: bool) -> None:
    """Reads the splits of a run, which are then in the cache.

    Args:
        data: the corpus.
        with_alignment: what is trained on is to have a word alignment.

    Raises:
        ValueError: if the corpus cannot be used.
        FileNotFoundError: if it is not there.
    """
    load_split(data.path, data.src, data.tgt, data.validation)
    corpus = load_training(data)
    if with_alignment:
        check_alignment(corpus, data)


def idle_settings(config: Config) -> list[str]:
    """Settings that differ from their defaults and change nothing, each with what it would need.

    Also a learning rate that was left as it is for another optimiser.
    """
    network, training = config.model, config.training
    attention = network.attention
    needs = {
        "model.attention.size": (attention.score == "additive", "model.attention.score additive"),
        "model.attention.positions": (attention.score == "location", "model.attention.score location"),
        "model.attention.reach": (attention.window != "global", "model.attention.window local_m or local_p"),
        "model.attention.coverage_size": (attention.coverage == "neural", "model.attention.coverage neural"),
        "model.input_feeding": (network.decoder == "luong", "model.decoder luong"),
        "model.residual": (max(network.layers, network.state_layers) > 1, "a second of model.layers"),
        "model.variational": (network.dropout > 0, "model.dropout"),
        "training.patience": (training.schedule == "plateau", "training.schedule plateau"),
        "training.halving_start_steps": (training.schedule == "halving", "training.schedule halving"),
        "training.halving_steps": (training.schedule == "halving", "training.schedule halving"),
        "training.scheduled_sampling_steps": (training.scheduled_sampling > 0, "training.scheduled_sampling"),
    }
    settings, defaults = (flat(asdict(each)) for each in (config, Config()))
    told = idle(needs, settings, defaults)
    if config.data.tokenizer.path:
        learned = (f"data.tokenizer.{name}" for name in ("vocab_size", "tgt_vocab_size", "min_frequency", "protected"))
        told += [
            f"{key} {settings[key]} changes nothing with data.tokenizer.path, whose tokenizer is taken as it is"
            for key in learned
            if settings[key] != defaults[key]
        ]
    rate, optimizer = training.learning_rate, training.optimizer
    if optimizer != "adamw" and rate == TrainingConfig.learning_rate:
        papers = f"training.learning_rate {rate} is that of adamw: with training.optimizer {optimizer} papers have 1"
        here = ", which is here 1 times the target tokens of a sentence if their loss is a mean over sentences"
        told.append(papers + (here if optimizer == "sgd" else ""))
    return told


def _holds_a_run(folder: Path) -> bool:
    """Whether there is something that a new run would replace."""
    there = {path.name for path in folder.iterdir()} if folder.exists() else set()
    kept = {CORPUS} if "config.yaml" in there else set()  # otherwise it may be a corpus that no run has written
    return bool(there - _BEFORE_CHECKPOINTS - kept) or latest_checkpoint(folder / "checkpoints") is not None


def check_alignment(corpus: datasets.Dataset, config: DataConfig) -> None:
    """Raises ValueError if the training split has no word alignment, which guided alignment needs."""
    if "alignment" in corpus.column_names:
        return
    message = f"training.guided_alignment: split {config.train_name!r} of {config.path} has no word alignment: "
    if is_hub(config.path):
        raise ValueError(message + "the dataset has no column 'alignment', a list of [source word, target word]")
    raise ValueError(
        f"{message}add a file {config.train_splits[0]}.align beside the texts, a line such as '0-0 1-2' for each pair, "
        "or a key 'alignment' to each row of the table"
    )


def _check_unvalidated(settings: TrainingConfig) -> None:
    why = "for trainer.limit_val_batches is 0: nothing is validated"
    check(not settings.early_stopping, "training.early_stopping", settings.early_stopping, f"0, {why}")
    check(settings.schedule != "plateau", "training.schedule", settings.schedule, f"another, {why}")


def _check_resumable(config: Config, max_epochs: int | None, folder: Path, checkpoint: Path) -> None:
    best = checkpoint.with_name("best.ckpt")
    if best.is_file() and checkpoint != best:
        saved = read_checkpoint(checkpoint, "delete it, and --resume goes on from the best validation")
        read_checkpoint(best, "delete it, and the best is that of the validations to come")  # it is exported in the end
    else:
        saved = read_checkpoint(checkpoint, "train anew with --overwrite")
    if max_epochs is not None and 0 <= max_epochs < saved["epoch"]:
        raise ValueError(
            f"trainer.max_epochs: {max_epochs} cannot be reached by --resume, {folder} is past {saved['epoch']}: "
            "give no fewer, or -1 for no end"
        )
    stored = _fixed(run_config(folder))
    for key, value in _fixed(config).items():
        if value != stored[key]:
            raise ValueError(
                f"{key}: {value!r} cannot be changed by --resume, {folder} was trained with {stored[key]!r}: "
                "leave it out, or train a new --name"
            )


def start_folder(config: Config) -> Path:
    """The folder of the model to begin with.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it has not the network and, as far as they are known, the tokenizers of the config.
    """
    name = config.training.start_from
    folder = model_folder(name)
    has, given = (flat(asdict(each), "model.") for each in (read_info(folder).network, config.model))
    free, its_config = {*DROPOUT, "data.tokenizer.path"}, ""
    if (folder.parent / "config.yaml").is_file():  # of a run; how other tokenizers came to be is not known
        its_config = f", as by `--config {folder.parent / 'config.yaml'} --name NEW`"
        has |= flat(asdict(run_config(folder.parent).data.tokenizer), "data.tokenizer.")
        given |= flat(asdict(config.data.tokenizer), "data.tokenizer.")
    differ = [key for key, value in given.items() if key not in free and value != has[key]]
    if differ:
        others = "; ".join(f"{key} {has[key]!r}, not {given[key]!r}" for key in differ)
        raise ValueError(f"training.start_from: {name} has {others}: give the same{its_config}")
    return folder


def _fixed(config: Config) -> dict[str, Any]:
    """The settings that a run keeps, by their keys: its name and seed, what its weights are for, and what is best."""
    own = "name", "seed", "training.monitor", "training.optimizer", "data.src", "data.tgt"
    settings = flat(asdict(config))
    return {key: settings[key] for key in settings if key in own or key.startswith(("model.", "data.tokenizer."))}


def check_processes(world_size: int) -> None:
    """Makes sure that the processes that torchrun has started are as many as the trainer counts on."""
    started = int(os.environ.get("WORLD_SIZE") or 1) if torch.distributed.is_torchelastic_launched() else 1
    if started not in (1, world_size):
        raise ValueError(
            f"torchrun started {started} processes, and trainer.devices times trainer.num_nodes are "
            f"{world_size}: give --trainer.devices what torchrun has for --nproc-per-node"
        )
