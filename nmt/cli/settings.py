"""The settings of a run as flags and YAML; a mistake is told as the key, the value and what is allowed."""

import argparse
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

from nmt.checked import choices, in_words, nearest, nearest_choice

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser


def settings_parser() -> "ArgumentParser":
    """A parser of the run's config, of Lightning's trainer, and of what `nmt train` is to do with them."""
    import pytorch_lightning as pl
    from jsonargparse import ArgumentParser

    from nmt.config import Config
    from nmt.training.trainer_settings import DEFAULT_EPOCHS, OWN_TRAINER_ARGUMENTS, TRAINER_DEFAULTS

    parser = ArgumentParser(prog="nmt train", exit_on_error=False, allow_abbrev=False, description="Train a model.")
    parser.add_argument("--config", action="config", help="YAML file with what differs from the defaults")
    parser.add_argument("--resume", metavar="RUN", help="go on with the run in this folder from its last checkpoint")
    parser.add_argument("--overwrite", action="store_true", help="delete a run of the same name first")
    parser.add_class_arguments(Config)
    parser.add_class_arguments(pl.Trainer, "trainer", instantiate=False, skip={*OWN_TRAINER_ARGUMENTS})
    parser.set_defaults({f"trainer.{key}": value for key, value in TRAINER_DEFAULTS.items()})
    own_words = {
        "trainer.max_epochs": "epochs after which training ends, -1 for no end; null: as many as max_steps, max_time "
        f"or training.early_stopping allow, or {DEFAULT_EPOCHS} without these",
        "trainer.max_steps": "optimiser steps after which training ends, -1 for no end",
        "trainer.val_check_interval": "validate after so many batches, not optimiser steps (of these times "
        "accumulate_grad_batches), in each epoch, or across epochs with check_val_every_n_epoch null; a number below 1 "
        "is a share of an epoch, a time such as 00:00:30:00 goes by the clock; null: at the end of an epoch",
        "trainer.logger": "loggers beside metrics.csv and TensorBoard's events, which are always written; each by its "
        "class_path",
    }
    for action in parser._actions:
        action.help = own_words.get(action.dest, _without_default(action.help))
    return parser


def _without_default(text: str | None) -> str | None:
    """A help of Lightning without the default that it tells, which is not always that of a run."""
    return text and re.sub(r"\s*Default: (``.*?``|\d)\.", "", text)


def parse_settings(parser: "ArgumentParser", arguments: list[str]) -> Any:
    """The settings.

    Raises:
        OSError: if a config cannot be read.
        ValueError: of one line, if it is not one, a key is unknown (with the nearest one that is not) or a value is not
            allowed.
    """
    kinds = {action.dest: getattr(action, "_typehint", None) for action in parser._actions}
    kinds = {key: kind for key, kind in kinds.items() if key.rpartition(".")[2] != "help"}
    sections = {key.rpartition(".")[0] for key in kinds} - {""}
    try:
        settings = parser.parse_args(_with_configs_first(arguments, sections))
    except argparse.ArgumentError as error:
        raise ValueError(_mistake(kinds, " ".join(str(error).split()))) from error
    defaults = parser.get_defaults()
    for section in sorted(sections):  # where all is commented out
        if settings[section] is None:
            settings[section] = defaults[section]
    for key in defaults.keys():  # noqa: SIM118 - where all but a flag is; a namespace walks along its values
        if key not in settings:
            settings[key] = defaults[key]
    for key, kind in kinds.items():
        if kind is not None and settings[key] is None and "null" not in choices(kind):
            raise ValueError(f"{key}: null is not allowed, it must be {in_words(kind)}")
    return settings


def _with_configs_first(arguments: Iterable[str], sections: set[str]) -> list[str]:
    """The arguments, in which a flag counts more than a config wherever it stands; without configs that set nothing."""
    configs, others, left = [], [], iter(arguments)
    for argument in left:
        flag, given, path = argument.partition("=")
        if flag != "--config":
            others.append(argument)
        elif not (path := path if given else next(left, "")):
            others.append(flag)  # the parser tells that something is missing
        elif _read(path, sections):
            configs.append(f"{flag}={path}")
    return [*configs, *others]


def _read(path: str, sections: set[str]) -> Any:
    """What a config holds."""
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML's, which would let the second of two equal keys take the place of the first."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen: set[str] = set()
            for key, _ in node.value:
                if key.value in seen:
                    raise ValueError(f"--config {path}:{key.start_mark.line + 1}: {key.value!r} is there twice")
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    if Path(path).exists() and not Path(path).is_file():
        raise ValueError(f"--config {path} is not a regular file: give the name of one")
    try:
        with open(path, encoding="utf-8") as file:
            values = yaml.load(file, Loader)  # noqa: S506 - a safe one
    except FileNotFoundError as error:
        raise ValueError(f"--config {path}: there is no such file") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"--config {path} is not YAML in UTF-8: {error}") from error
    _check_mapping(path, "", values, sections)
    return values


def _check_mapping(path: str, key: str, values: Any, sections: set[str]) -> None:
    """Makes sure that a section, and those within it, hold keys."""
    if not isinstance(values, dict | NoneType):
        what = f"{key} is a section" if key else "a config is a mapping of keys to settings"
        raise ValueError(f"--config {path}: {what}, not {values!r}")
    for name, value in (values or {}).items():
        inner = f"{key}.{name}" if key else str(name)
        if inner in sections:
            _check_mapping(path, inner, value, sections)


def dump_settings(parser: "ArgumentParser", settings: Any) -> str:
    """The settings of the run itself, without those of this call, as YAML; null is not the default, and stays."""
    kept = settings.clone()
    for switch in ("config", "resume", "overwrite"):
        del kept[switch]
    return parser.dump(kept, skip_unset=False)


def _mistake(kinds: Mapping[str, Any], message: str) -> str:
    """What the parser says of a mistake, in the words of this project; with the type of each key."""
    from nmt.training.trainer_settings import OWN_TRAINER_ARGUMENTS

    own_arguments = {f"trainer.{name}": why for name, why in OWN_TRAINER_ARGUMENTS.items()}
    group = re.search(r"Group '([\w.]+)' does not accept option '([\w.]+)'", message)
    option = re.search(r"(?:unrecognized arguments: --|Key '|Option ')([\w.-]+)", message, re.IGNORECASE)
    if group or option:
        key = f"{group[1]}.{group[2]}" if group else option[1]  # type: ignore[index]
        if key in own_arguments:
            return f"{key} cannot be set: {own_arguments[key]}"
        return f"there is no key {key!r}{nearest(key.replace('-', '_'), kinds)}; see `nmt train --help`"
    if stray := re.match("unrecognized arguments: (.*)", message, re.IGNORECASE):
        corpus = ", a corpus as `--data.path FOLDER`" if Path(stray[1]).is_dir() else ""
        return f"{stray[1]!r} is not a key; a config is given as `--config FILE`, a setting as `--KEY VALUE`{corpus}"
    value = re.match(r'Parser key "([\w.]+)": .*?(?:Got|Given) value: (.*)', message)
    if value and (named := re.fullmatch(r"NestedArg\(key='class_path', val='?(.*?)'?\)", value[2])):
        return f"{value[1]}.class_path: {named[1]!r} is not a class that can be imported and fits there"
    if value and (kind := kinds.get(value[1])):
        shown = value[2] if kind is str else repr(value[2])
        return f"{value[1]}: {shown} is not allowed, it must be {in_words(kind)}{nearest_choice(value[2], kind)}"
    if part := re.match(r"""Parser key "([\w.]+)": Unable to load config '(.*?)' - """, message):
        return f"{part[1]}: {part[2]!r} is not allowed, it must be a mapping; a single setting is --{part[1]}.KEY"
    return message
