"""A config file, that of a run or one of `configs/` <-> the config and the trainer's settings."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from nmt.checked import build
from nmt.config import Config, own_corpus


def load_config(path: str | Path) -> Config:
    """The config of a run, from its folder or its `config.yaml`; its trainer's settings are left out.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is not a config, or a value is not allowed.
    """
    return load_settings(path)[0]


def load_settings(path: str | Path) -> tuple[Config, dict[str, Any]]:
    """The config and the trainer's settings, in that order what `nmt.train` takes, of a run or of `configs/`.

    Args:
        path: of the file, or of the folder of a run.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a config, or a value is not allowed; the trainer's settings are not looked at.
    """
    import yaml  # translating does without it

    path = Path(path)
    path = path / "config.yaml" if path.is_dir() else path
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        trainer = dict(values.pop("trainer", None) or {})
        config = build(Config, values)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not the config of a run: {error}") from error
    data = replace(config.data, path=own_corpus(path.parent, config.data.path))
    return replace(config, data=data), trainer


def dump_config(config: Config, trainer_settings: Mapping[str, Any]) -> str:
    """The same as YAML, which `nmt train --config` reads too; objects, such as callbacks, are left out."""
    import yaml

    plain = {key: value for key, value in trainer_settings.items() if _is_plain(value)}
    return yaml.safe_dump({**asdict(config), "trainer": plain}, sort_keys=False, allow_unicode=True)


def _is_plain(value: object) -> bool:
    """Whether YAML can hold it."""
    return all(map(_is_plain, value)) if isinstance(value, list) else isinstance(value, str | int | float | None)
