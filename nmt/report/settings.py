"""Two `config.yaml` -> the settings in which the runs differ."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from nmt.checked import flat

_NAME = "name"  # which is never the same


def changed_settings(before: str | None, now: str | None) -> dict[str, tuple[Any, Any]]:
    """The settings that are not the same in two runs, by their keys such as "model.cell", the first run's value first.

    Args:
        before: text of the first run's `config.yaml`; None if there is none, and then nothing is known to differ.
        now: the same of the other.

    Raises:
        ValueError: if a text is not YAML.
    """
    if before is None or now is None:
        return {}
    one, two = (flat(_parsed(text)) for text in (before, now))
    keys = [key for key in {**one, **two} if key != _NAME]
    return {key: (one.get(key), two.get(key)) for key in keys if one.get(key) != two.get(key)}


def shown(value: Any) -> str:
    """A setting as it stands in YAML."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        values = yaml.safe_load(text)
        return values if isinstance(values, Mapping) else {}
    except yaml.YAMLError as error:
        raise ValueError(f"a config.yaml is not YAML: {' '.join(str(error).split())}") from error
