"""The folder of a run: whether it is there and is one, where a training puts it aside, its config, its evaluations."""

from dataclasses import replace
from pathlib import Path

from nmt.config import Config, is_hub
from nmt.config_file import load_config
from nmt.data.files import sibling


def aside(replaced: Path) -> Path:
    """Where the folder or the log of a run is until the training that replaces it has begun."""
    return sibling(replaced, "replaced")


def check_in_place(run: Path) -> None:
    """Raises FileNotFoundError if a run is not in its place, but where a training has put it that has not begun."""
    if aside(run).exists() and not (run / "config.yaml").exists():
        raise FileNotFoundError(
            f"{run} was put aside, as {aside(run)}, by a training that has not begun: if it was killed, "
            f"`nmt train --resume {run}` puts it back"
        )


def check_run_folder(folder: Path, other: str = "") -> None:
    """Raises FileNotFoundError if there is no such folder, of a run or of what `other` names."""
    check_in_place(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; give a run (runs/<name>){other}")


def check_run(folder: Path) -> None:
    """Raises FileNotFoundError if there is no such folder, or it is not that of a run."""
    check_run_folder(folder)
    if not (folder / "config.yaml").is_file():
        raise FileNotFoundError(f"{folder} is not a run: it has no config.yaml; `nmt train` makes one")


def run_config(run: Path) -> Config:
    """The config of a run, whether its corpus is there or not.

    Raises:
        FileNotFoundError: if there is no run.
        ValueError: if it is not a config, or a value is not allowed.
    """
    check_run(run)
    return load_config(run / "config.yaml")


def config_with_corpus(run: Path, corpus: str | None = None) -> Config:
    """The config of a run, with another corpus if one is given.

    Raises:
        FileNotFoundError: if there is no run, or its own corpus is not where it was.
        ValueError: if it is not a config, or a value is not allowed.
    """
    config = run_config(run)
    if corpus == "":
        raise ValueError("corpus: the name is empty")
    if corpus:
        return replace(config, data=replace(config.data, path=corpus))
    path = config.data.path
    if path != "phrasebook" and not is_hub(path) and not Path(path).expanduser().exists():
        raise FileNotFoundError(f"the corpus of {run}, {path}, is not there: say where with --path CORPUS")
    return config


def saved_evaluations(run: Path) -> list[Path]:
    """The folders of a run's evaluations, by name, also of one whose replacement did not come to its end."""
    folders = {path.name: path for path in (run / "evaluations").glob("*") if path.is_dir()}
    names = {name for name in folders if not name.startswith(".")}
    names |= {name[1:-4] for name in folders if name.startswith(".") and name.endswith(".old")}
    return [run / "evaluations" / name for name in sorted(names)]


def is_evaluation(path: Path) -> bool:
    """Whether a folder lies where the evaluations of a run do."""
    return path.absolute().parent.name == "evaluations"


def run_of(path: Path) -> Path:
    """The run that a folder is, or that it is an evaluation of."""
    return path.absolute().parent.parent if is_evaluation(path) else path
