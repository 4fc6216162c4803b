"""`nmt train`: a new run, or a stopped one again."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.cli.printing import dispensable_output
from nmt.cli.settings import dump_settings, parse_settings, settings_parser
from nmt.config import CORPUS, Config
from nmt.config_file import load_config
from nmt.data.runs import check_run

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser


def run(arguments: list[str]) -> int:
    """Trains; the exit code."""
    parser = settings_parser()
    settings = _settings(parser, arguments)
    made = parser.instantiate(settings)
    from pytorch_lightning.utilities.exceptions import MisconfigurationException
    from pytorch_lightning.utilities.rank_zero import rank_zero_only

    from nmt.data.ranks import naming_the_lost
    from nmt.training.checkpoint_files import latest_checkpoint
    from nmt.training.stopping import STOPPING, Stopped
    from nmt.training.train import train as run_training

    config = Config(made.name, made.seed, made.data, made.model, made.training)
    settings.name = config.name
    folder = Path(settings.resume or Path("runs") / config.name)
    resolved = dump_settings(parser, settings)

    def then() -> str:
        return f"go on with: nmt train --resume {folder}" if latest_checkpoint(folder / "checkpoints") else "train anew"

    ending = [number for number in STOPPING if number != signal.SIGINT]  # of which Python makes an exception itself
    # the folder is put back first; and SIGUSR1 is left to us by Lightning, which would queue a job of SLURM again
    earlier = {number: signal.signal(number, lambda number, _: sys.exit(128 + number)) for number in ending}
    try:
        with dispensable_output(), naming_the_lost("training", then):
            model = run_training(
                config, vars(made.trainer), folder, bool(settings.resume), settings.overwrite, resolved
            )
            nothing = "nothing is kept of a run with trainer.fast_dev_run, and no model exported"
            rank_zero_only(print)(f"model: {model}" if model else nothing, flush=True)
    except (MisconfigurationException, ModuleNotFoundError) as error:  # of the trainer's settings
        raise ValueError(str(error)) from error
    except Stopped as stopped:
        on = f"go on with: nmt train --resume {folder} (for a model of what there is: with --trainer.max_steps 1)"
        rank_zero_only(print)(f"{stopped}; {on}", file=sys.stderr)
        return 128 + stopped.signal_number
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    return 0


def _settings(parser: "ArgumentParser", arguments: list[str]) -> Any:
    """What is asked for: of a run that is to go on, its own settings where no others are given."""
    settings = parse_settings(parser, arguments)
    if settings.resume == "":
        raise ValueError("--resume: the name is empty")
    if settings.resume and settings.overwrite:
        raise ValueError("--resume goes on with a run, --overwrite replaces it: give one of them")
    if not settings.resume:
        return settings
    from nmt.training.folder import recover

    folder = Path(settings.resume)
    if not (folder / "config.yaml").is_file():
        recover(folder)
    check_run(folder)
    of_run = ["--config", str(folder / "config.yaml")]
    if (folder / CORPUS).is_dir():  # with which the run may have been moved
        of_run += ["--data.path", load_config(folder).data.path]
    return parse_settings(parser, [*of_run, *arguments])
