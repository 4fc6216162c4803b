"""The settings of a run as flags and YAML; a mistake is told as the key, the value and what is allowed."""

import argparse
import re
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from nmt.cli.parsing import nearest

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

_KINDS: dict[type, list[str]] = {
    **{int: ["a whole number"], float: ["a number"], str: ["text"], bool: ["true", "false"], NoneType: ["null"]},
    **{list: ["a list"], dict: ["a mapping"]},
}


def settings_parser() -> "ArgumentParser":
    """A parser of the run's config, of Lightning's trainer, and of what `nmt train` is to do with them."""
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


def parse_settings(parser: "ArgumentParser", arguments: list[str]) -> Any:
    """The settings.

    Raises:
        ValueError: of one line, if a key is unknown (with the nearest one that is not) or a value is not allowed.
    """
    try:
        return parser.parse_args(arguments)
    except argparse.ArgumentError as error:
        raise ValueError(_mistake(parser, " ".join(str(error).split()))) from error


def dump_settings(parser: "ArgumentParser", settings: Any) -> str:
    """The settings of the run itself, without those of this call, as YAML."""
    kept = settings.clone()
    for switch in ("config", "resume", "overwrite"):
        del kept[switch]
    return parser.dump(kept)


def _mistake(parser: "ArgumentParser", message: str) -> str:
    """What the parser says of a mistake, in the words of this project."""
    kinds = {action.dest: getattr(action, "_typehint", None) for action in parser._actions}
    group = re.search(r"Group '([\w.]+)' does not accept option '([\w.]+)'", message)
    option = re.search(r"(?:unrecognized arguments: --|Key '|Option ')([\w.]+)", message, re.IGNORECASE)
    if group or option:
        key = f"{group[1]}.{group[2]}" if group else option[1]  # type: ignore[index]
        return f"there is no key {key!r}{nearest(key, kinds)}; see `nmt train --help`"
    if stray := re.match("unrecognized arguments: (.*)", message, re.IGNORECASE):
        return f"{stray[1]!r} is not a key; a config is given as `--config FILE`, a setting as `--KEY VALUE`"
    if value := re.match(r'Parser key "([\w.]+)": .*?(?:Got|Given) value: (.*)', message):
        return f"{value[1]}: {value[2]!r} is not allowed, it must be {_allowed(kinds[value[1]])}"
    if value := re.match(r"""Parser key "([\w.]+)": Unable to load config '(.*?)' - """, message):
        return f"{value[1]}: {value[2]!r} is not allowed, it must be a mapping; a single setting is --{value[1]}.KEY"
    if file := re.match("(?:Unexpected config|Problems parsing config):(.*)", message):
        return f"--config: not a mapping of keys to settings in YAML:{file[1] or ' it is empty'}"
    return message


def _allowed(kind: Any) -> str:
    """The values of a type, in words."""
    *others, last = dict.fromkeys(_choices(kind))
    return f"{', '.join(others)} or {last}" if others else last


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    if get_origin(kind) in (Union, UnionType):
        return [choice for each in get_args(kind) for choice in _choices(each)]
    kind = get_origin(kind) or kind
    return _KINDS.get(kind, [f"a {kind.__name__}"])
