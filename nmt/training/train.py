"""A config -> a trained run: folder, data, trainer, fit, and the exported model."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, ProgressBar
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from nmt.checked import check
from nmt.config import CORPUS, Config, DataConfig
from nmt.config_file import dump_config, load_config, load_settings
from nmt.data.datamodule import TranslationData
from nmt.data.given import Corpus, check_kept, keep_corpus
from nmt.training.callbacks import MovingAverage, Patience
from nmt.training.checkpoint_files import checkpoint_step, latest_checkpoint
from nmt.training.checkpoints import Resumable, best_checkpoint
from nmt.training.checks import check_corpus, check_may_train, check_processes, idle_settings, start_folder
from nmt.training.ending import export_best, how_to_go_on, validate_last_step, why_it_ended
from nmt.training.folder import RunFolder, recover
from nmt.training.log import LOG, RunLog
from nmt.training.memory import keep_freed_memory
from nmt.training.module import Diverged, TranslationModule
from nmt.training.quiet import quiet
from nmt.training.reporter import EpochBar, Reporter
from nmt.training.stopping import Signals
from nmt.training.trainer_settings import resolve_trainer_settings
from nmt.training.validation import MERIT


@quiet()
def train(
    config: Config,
    trainer_settings: Mapping[str, Any] | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    resolved: str | None = None,
    corpus: Corpus | None = None,
) -> Path | None:
    """Trains, or goes on training, and exports the best checkpoint, as validations say, as `folder/model`.

    It seeds the random numbers of torch. What a run was trained with comes back by `nmt.load_settings`; what is said
    meanwhile stands in `folder/train.log` too.

    Pairs that are in memory are kept in `folder/corpus`, where all that comes after finds them::

        train(Config("mine"), corpus={"train": [("Der Hund schläft.", "The dog sleeps."), ...], "validation": [...]})

    Args:
        config: the run.
        trainer_settings: arguments of `pl.Trainer`, beside `TRAINER_DEFAULTS`; to go on, beside those of the run, but
            for objects such as callbacks, which are to be given again.
        folder: the run's folder, `runs/<name>` if none is given; nothing in it changes before training begins.
        resume: go on from the latest checkpoint in `folder`.
        overwrite: replace the run that is in `folder`.
        resolved: what is saved as its `config.yaml`, if not what `dump_config` makes of config and settings.
        corpus: pairs in memory in place of `config.data.path`, by the names of their splits: a `datasets.DatasetDict`,
            whose columns are called as those of a table (`nmt.data.readers`), or a mapping to (source, target) of any
            kind, such as `zip(sources, targets)` or `frame[["de", "en"]].itertuples(index=False)`. To go on it can be
            left out, or must be the same.

    Returns:
        The folder of the exported model; None after a `fast_dev_run`, which leaves nothing.

    Raises:
        ValueError: if there is such a run already, or none to resume, or it has another network or tokenizer, or the
            corpus (of which split and pair are named) or a setting cannot be used, not a step is trained, or the loss
            is not finite.
        FileNotFoundError: if the corpus is not there.
        MisconfigurationException: if Lightning does not accept the trainer's settings.
        nmt.training.stopping.Stopped: if a signal ended the training.
        KeyboardInterrupt: if one came before the training.
    """
    if corpus is not None and folder is None:
        named = config.name != Config(data=config.data).name
        check(named, "name", config.name, "a name of the run's own, for pairs in memory have none, or give a folder")
    trainer_settings, folder = trainer_settings or {}, Path(folder or Path("runs") / config.name)
    _tell_machines_apart()
    recover(folder)
    checkpoint = _checkpoint_to_resume(folder) if resume else None
    if corpus is not None or (resume and _goes_on_with_its_own(folder, config.data)):
        config = replace(config, data=replace(config.data, path=str(folder / CORPUS)))
    if checkpoint is not None:
        trainer_settings = {**_settings_of(folder), **trainer_settings}
    log = RunLog(folder / LOG)
    run_folder = RunFolder(folder, resolved or dump_config(config, trainer_settings), checkpoint, log)
    settings = resolve_trainer_settings(trainer_settings, config.training)
    rank_zero_only(check_may_train)(config, settings, folder, checkpoint, overwrite)
    start = start_folder(config) if checkpoint is None and config.training.start_from else None
    keep_freed_memory()
    guided = config.training.guided_alignment > 0
    data = TranslationData(config.data, config.seed, folder, guided, start, log.say)
    module = TranslationModule(config, start)
    done = None if checkpoint is None else checkpoint_step(checkpoint)
    checkpoints = folder / "checkpoints"
    best = best_checkpoint(checkpoints)
    signals = Signals()
    resumable = Resumable(checkpoints, config.training.checkpoint_steps, signals)
    callbacks = [run_folder, *_callbacks(config, folder, log), best, resumable]
    with log.attending(), signals.given_back():
        trainer = _trainer(settings, folder, callbacks, done)
        check_processes(trainer.world_size)
        _say_if_without_gpus(trainer, settings, log)
        with run_folder.opened(), _failures_told(run_folder):
            rank_zero_only(_prepare)(config, corpus, run_folder, log)
            trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True)
            signals.take()  # what is left is soon done
            _say_why_it_ended(trainer, settings, config, folder, done, log)
            latest_is_best = validate_last_step(trainer, module, best, resumable)
            if trainer.fast_dev_run:  # type: ignore[attr-defined]
                return None
            if trainer.is_global_zero and not run_folder.begun and checkpoint is None:
                raise ValueError(
                    f"{folder}: not a step was trained; raise trainer.max_epochs, max_steps or limit_train_batches"
                )
            export_best(config, data, module, folder, best, latest_is_best, log.say)
    return folder / "model"


def _tell_machines_apart() -> None:
    """Until it has a trainer, Lightning takes the first process of every machine for the first of all."""
    if not rank_zero_only.rank:  # type: ignore[attr-defined]
        rank_zero_only.rank = int(os.environ.get("NODE_RANK") or 0)  # type: ignore[attr-defined]


def _checkpoint_to_resume(folder: Path) -> Path:
    checkpoint = latest_checkpoint(folder / "checkpoints")
    if checkpoint is None:
        raise ValueError(f"{folder}: there is no checkpoint to resume from: train it anew, without --resume")
    return checkpoint


@contextmanager
def _failures_told(run_folder: RunFolder) -> Iterator[None]:
    """Raises what ended a training, not what Lightning made of it; of one that diverged, with how to go on."""
    try:
        yield
    except SystemExit as exit:
        raise exit.__context__ or exit from None  # Ctrl-C before the first step, which Lightning made an exit of 1
    except Diverged as error:
        then = f", and {how_to_go_on(run_folder.folder)}" if run_folder.begun else ""
        raise ValueError(f"{error}{then}") from error


def _goes_on_with_its_own(run: Path, data: DataConfig) -> bool:
    """Whether a run has kept the pairs that it was given, and no other corpus is named."""
    return data.path == DataConfig.path and Path(load_config(run).data.path) == run / CORPUS


def _prepare(config: Config, corpus: Corpus | None, run_folder: RunFolder, log: RunLog) -> None:
    """Keeps the pairs that are given and reads the corpus; says so, and which settings change nothing."""
    kept, replaced = run_folder.folder / CORPUS, run_folder.aside / CORPUS
    for idle in idle_settings(config):
        log.say(idle)
    log.say(f"reading {config.data.path}")
    if corpus is not None and run_folder.checkpoint is None:
        keep_corpus(corpus, kept, config.data)
    elif corpus is not None:
        check_kept(corpus, kept, config.data)
    elif replaced.is_dir() and Path(config.data.path).expanduser().resolve() == kept.resolve():
        shutil.copytree(replaced, kept)  # of the run that is trained anew
    check_corpus(config.data, with_alignment=config.training.guided_alignment > 0)


def _settings_of(run: Path) -> dict[str, Any]:
    """The trainer's settings of a run, but for objects such as callbacks, which only the command line makes of them."""
    saved = load_settings(run / "config.yaml")[1]
    return {name: value for name, value in saved.items() if "class_path" not in str(value)}


@rank_zero_only
def _say_if_without_gpus(trainer: pl.Trainer, settings: Mapping[str, Any], log: RunLog) -> None:
    """Says so where several devices were asked for, and it was left to be found out of which kind."""
    is_left = settings.get("accelerator", "auto") == "auto"
    if is_left and trainer.world_size > 1 and trainer.strategy.root_device.type == "cpu":
        log.say("no GPU was found, and all processes train on the CPU: --trainer.accelerator gpu makes it an error")


@rank_zero_only
def _say_why_it_ended(
    trainer: pl.Trainer, settings: Mapping[str, Any], config: Config, folder: Path, done: int | None, log: RunLog
) -> None:
    """Says why a training has ended, or that it had, at the step that was `done`."""
    step, most = trainer.global_step, settings.get("max_steps", -1)
    if step == done and 0 < most < step:
        log.say(f"{folder} is at step {step:,}, past trainer.max_steps {most:,}, and nothing was trained")
    elif step == done:
        limits = "trainer.max_epochs, max_steps or max_time, or training.early_stopping"
        log.say(f"{folder} had come to its end at step {step:,}, and nothing was trained: to go on, raise {limits}")
    elif step and not trainer.fast_dev_run:  # type: ignore[attr-defined]
        log.say(f"ended at step {step:,}: {why_it_ended(trainer, settings, config.training)}")


def _trainer(settings: Mapping[str, Any], folder: Path, callbacks: list[Callback], done: int | None) -> pl.Trainer:
    """The trainer of a run that has `done` so many steps: what was logged after them is logged again.

    Loggers and callbacks among the settings stand beside the run's own.
    """
    again = None if done is None else done + 1
    loggers = [
        CSVLogger(folder, name="", version="", flush_logs_every_n_steps=20),
        TensorBoardLogger(folder, name="tensorboard", version="", purge_step=again),
    ]
    given = _listed(settings.get("callbacks"))
    has_own = settings.get("enable_progress_bar") is False or any(isinstance(each, ProgressBar) for each in given)
    bar = [] if has_own else [EpochBar()]
    try:
        return pl.Trainer(
            **{name: value for name, value in settings.items() if name not in ("logger", "callbacks")},
            default_root_dir=folder,
            logger=[*loggers, *_listed(settings.get("logger"))],
            callbacks=[*given, *bar, *callbacks],
            use_distributed_sampler=False,  # the sampler of the data module shares the batches out itself
            enable_model_summary=False,
        )
    except TypeError as error:  # of a setting
        raise ValueError(str(error)) from error


def _listed(value: Any) -> list[Any]:
    """Some, one or none, as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, Iterable) else [value]


def _callbacks(config: Config, folder: Path, log: RunLog) -> list[Callback]:
    settings = config.training
    callbacks: list[Callback] = [MovingAverage(settings.average_decay)] if settings.average_decay else []
    callbacks.append(Reporter(folder / "samples", log.say))
    if settings.early_stopping:
        at_validations = {"check_on_train_epoch_end": False}  # an epoch may end before the first of them
        callbacks.append(Patience(MERIT, patience=settings.early_stopping, mode="max", **at_validations))
    return callbacks
