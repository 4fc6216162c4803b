"""What the parsers of the commands share: errors of one line, and a guess at what was meant."""

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from nmt.config import Config


def named(text: str) -> str:
    """What an argument names; an empty name, of a variable that is not set, would be the folder one is in."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return text


def file_path(text: str) -> Path:
    """The path that an argument names."""
    return Path(named(text))


def at_least(least: int, most: int = sys.maxsize) -> Callable[[str], int]:
    """What reads the whole numbers within bounds, as the `type` of an argument."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d+", text):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
        number = int(text)
        if not least <= number <= most:
            bound = f"least {least}" if number < least else f"most {most:,}"
            raise argparse.ArgumentTypeError(f"{text} is not allowed, it must be at {bound}")
        return number

    return read


def config_of(run: Path, corpus: str | None) -> "Config":
    """The config of a run, with another corpus if one is given.

    Raises:
        FileNotFoundError: if there is no run, or its own corpus is not where it was.
        ValueError: if it is not a config, or a value is not allowed.
    """
    from dataclasses import replace

    from nmt.config import load_config
    from nmt.data.files import check_in_place

    check_in_place(run)
    config = load_config(run / "config.yaml")
    if corpus == "":
        raise ValueError("--path: the name is empty")
    if corpus:
        return replace(config, data=replace(config.data, path=corpus))
    path = config.data.path
    if path != "phrasebook" and not path.startswith("hub:") and not Path(path).expanduser().exists():
        raise FileNotFoundError(f"the corpus of {run}, {path}, is not there: say where with --path CORPUS")
    return config


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others, and whose help shows the defaults that say something."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, formatter_class=_HelpFormatter, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raises what the command line prints as one line."""
        unknown = re.fullmatch(r"unrecognized arguments: (--[\w-]+).*", message)
        near = nearest(unknown[1], self._option_string_actions) if unknown else ""
        raise ValueError(f"{message}{near}; see `{self.prog} --help`")


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    def _get_help_string(self, action: argparse.Action) -> str | None:
        silent = action.default is None or action.default is False or action.default in ("", [])
        return action.help if silent else super()._get_help_string(action)


def nearest(word: str, known: Iterable[str]) -> str:
    """A suggestion, as the end of a sentence; nothing where nothing is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""
