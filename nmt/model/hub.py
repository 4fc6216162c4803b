"""Where a model lies: in a run, in a folder of its own, or on the Hugging Face hub as `user/name`."""

import re
from pathlib import Path

from nmt.data.runs import check_in_place, check_run_folder
from nmt.model.saved import read_info

MODEL_FILES = ("config.json", "model.safetensors", "shortlist.safetensors", "tokenizer*.json")
"""Patterns of what belongs to a model; a shortlist is not in every one. Nothing else is read from the hub."""

CARD = "README.md"

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def model_folder(path: str | Path) -> Path:
    """The folder of a model: `model/` of a run, the folder itself, or the copy of one on the hub.

    A folder that is here goes before a model of the same name on the hub; of the latter, what has been fetched once is
    fetched again only where it has changed.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if the name is empty, of a variable that is not set.
    """
    if not str(path):
        raise ValueError("the name of the model is empty: give a run, a folder or user/name")
    folder = Path(path).expanduser()
    check_in_place(folder)
    if not folder.is_dir():
        name = folder.as_posix()
        if _HUB_NAME.fullmatch(name) and not folder.parent.exists():
            return _fetched(name)
        check_run_folder(folder, " or a model folder, or user/name")
    if (folder / "checkpoints").is_dir() and not (folder / "model").is_dir():
        raise FileNotFoundError(
            f"{folder} has no model yet: its training has not ended; go on with `nmt train --resume {folder}`, "
            "which with `--trainer.max_steps 1` exports what there is"
        )
    model = folder / "model" if (folder / "model").is_dir() else folder
    if not (model / "config.json").is_file():
        raise FileNotFoundError(f"{model} holds no model: there is no config.json in it")
    return model


def _fetched(name: str) -> Path:
    import huggingface_hub

    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=list(MODEL_FILES)))
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"{name}: there is no such folder, and it cannot be read from the Hugging Face hub: {_first_line(error)}"
        ) from error


def foreign_files(folder: Path) -> list[Path]:
    """What a model and its card in `folder` would replace, unless it is a model of ours with its card."""
    present = [path for pattern in (*MODEL_FILES, CARD) for path in folder.glob(pattern)]
    try:
        read_info(folder)
    except (FileNotFoundError, ValueError):
        return present
    return [] if (folder / CARD).exists() else present


def upload(folder: Path, name: str, private: bool) -> str:
    """Puts a model and its card on the hub, in a repository that is made if it is not there.

    Args:
        folder: what to put there.
        name: `user/name`.
        private: whether a new repository is.

    Returns:
        Its address.

    Raises:
        ValueError: if the name is none, or the hub refuses or is not reached.
    """
    import huggingface_hub

    if not _HUB_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name on the Hugging Face hub: give user/name")
    api = huggingface_hub.HfApi()
    try:
        address = api.create_repo(name, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=name,
            folder_path=folder,
            allow_patterns=[*MODEL_FILES, CARD],
            delete_patterns=list(MODEL_FILES),  # of an older model
            commit_message="nmt push",
        )
    except Exception as error:  # of the hub, or of what carries the library's requests, whichever that is
        hint = "; log in with `hf auth login`" if isinstance(error, OSError | ValueError) else ""
        raise ValueError(f"{name} cannot be written on the Hugging Face hub: {_first_line(error)}{hint}") from error
    return str(address)


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
