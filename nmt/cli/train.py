"""`nmt train`: a new run, or a stopped one again."""

import signal
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import cast

from nmt.cli.settings import dump_settings, parse_settings, settings_parser
from nmt.config import Config, check_run


def run(arguments: list[str]) -> int:
    """Trains; the exit code."""
    parser = settings_parser()
    settings = parse_settings(parser, arguments)
    if settings.resume == "":
        raise ValueError("--resume: the name is empty")
    if settings.resume and settings.overwrite:
        raise ValueError("--resume goes on with a run, --overwrite replaces it: give one of them")
    if settings.resume:
        check_run(Path(settings.resume))
        settings = parse_settings(parser, ["--config", str(Path(settings.resume) / "config.yaml"), *arguments])
    made = parser.instantiate(settings)
    from pytorch_lightning.utilities.exceptions import MisconfigurationException
    from pytorch_lightning.utilities.rank_zero import rank_zero_only

    from nmt.training.checkpoints import Stopped
    from nmt.training.checks import idle_settings
    from nmt.training.train import quiet
    from nmt.training.train import train as run_training

    quiet()
    cast(TextIOWrapper, sys.stdout).reconfigure(errors="replace")  # samples may hold what the terminal cannot show
    config = Config(made.name, made.seed, made.data, made.model, made.training)
    for idle in idle_settings(config):
        rank_zero_only(print)(f"nmt train: {idle}", file=sys.stderr)
    settings.name = config.name
    folder = Path(settings.resume or Path("runs") / config.name)
    resolved = dump_settings(parser, settings)
    earlier = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # the folder is put back first
    try:
        model = run_training(config, vars(made.trainer), folder, bool(settings.resume), settings.overwrite, resolved)
    except (MisconfigurationException, ModuleNotFoundError) as error:  # of the trainer's settings
        raise ValueError(str(error)) from error
    except Stopped as stopped:
        rank_zero_only(print)(f"{stopped}; go on with: nmt train --resume {folder}", file=sys.stderr)
        return 128 + stopped.signal_number
    finally:
        signal.signal(signal.SIGTERM, earlier)
    kept = f"model: {model}" if model else "nothing is kept of a run with trainer.fast_dev_run, and no model exported"
    rank_zero_only(print)(kept)
    return 0
