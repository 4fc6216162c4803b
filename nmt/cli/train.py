"""`nmt train`: a new run, or a stopped one again."""

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.cli.parsing import nearest

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser


def run(arguments: list[str]) -> int:
    """Trains; the exit code."""
    parser = _train_parser()
    settings = _parse_train(parser, arguments)
    if settings.resume:
        stored = Path(settings.resume) / "config.yaml"
        if not stored.is_file():
            raise ValueError(f"--resume {settings.resume}: not a run, there is no config.yaml in it")
        settings = _parse_train(parser, ["--config", str(stored), *arguments])
    made = parser.instantiate(settings)
    from pytorch_lightning.utilities.exceptions import MisconfigurationException

    from nmt.config import Config
    from nmt.training.callbacks import Stopped
    from nmt.training.train import quiet
    from nmt.training.train import train as run_training

    quiet()
    config = Config(made.name, made.seed, made.data, made.model, made.training)
    folder = Path(settings.resume or Path("runs") / config.name)
    resolved = parser.dump(_without_switches(settings))
    try:
        model = run_training(
            config, vars(made.trainer), folder, resolved, resume=bool(settings.resume), overwrite=settings.overwrite
        )
    except (MisconfigurationException, ModuleNotFoundError) as error:  # of the trainer's settings
        raise ValueError(str(error)) from error
    except Stopped as stopped:
        print(f"{stopped}; go on with: nmt train --resume {folder}", file=sys.stderr)
        return 128 + stopped.signal_number
    print(f"model: {model}" if model else "nothing is kept of a run with trainer.fast_dev_run, and no model exported")
    return 0


def _without_switches(settings: Any) -> Any:
    """The settings of the run itself, without those of this call."""
    kept = settings.clone()
    for switch in ("config", "resume", "overwrite"):
        del kept[switch]
    return kept


def _train_parser() -> "ArgumentParser":
    import pytorch_lightning as pl
    from jsonargparse import ArgumentParser

    from nmt.config import Config
    from nmt.training.train import OWN_TRAINER_ARGUMENTS, TRAINER_DEFAULTS

    parser = ArgumentParser(prog="nmt train", exit_on_error=False, allow_abbrev=False, description="Train a model.")
    parser.add_argument("--config", action="config", help="YAML file with what differs from the defaults")
    parser.add_argument("--resume", metavar="RUN", help="go on with the run in this folder from its last checkpoint")
    parser.add_argument("--overwrite", action="store_true", help="delete a run of the same name first")
    parser.add_class_arguments(Config)
    parser.add_class_arguments(pl.Trainer, "trainer", instantiate=False, skip=OWN_TRAINER_ARGUMENTS)
    parser.set_defaults({f"trainer.{key}": value for key, value in TRAINER_DEFAULTS.items()})
    return parser


def _parse_train(parser: "ArgumentParser", arguments: list[str]) -> Any:
    """The settings; an unknown key or a wrong value is a ValueError that names the nearest known key."""
    try:
        return parser.parse_args(arguments)
    except argparse.ArgumentError as error:
        message = " ".join(str(error).split())
        known = [action.dest for action in parser._actions]
        group = re.search(r"Group '([\w.]+)' does not accept option '([\w.]+)'", message)
        option = re.search(r"(?:unrecognized arguments: --|Key ')([\w.]+)", message, re.IGNORECASE)
        if group or option:
            key = f"{group[1]}.{group[2]}" if group else option[1]  # type: ignore[index]
            raise ValueError(f"there is no key {key!r}{nearest(key, known)}; see `nmt train --help`") from error
        raise ValueError(message) from error
