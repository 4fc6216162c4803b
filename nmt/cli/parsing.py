"""What the parsers of the commands share: errors of one line, and a guess at what was meant."""

import argparse
from collections.abc import Iterable
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def error(self, message: str) -> NoReturn:
        """Raises what the command line prints as one line."""
        raise ValueError(f"{message}; see `{self.prog} --help`")


def nearest(word: str, known: Iterable[str]) -> str:
    """A suggestion, as the end of a sentence; nothing where nothing is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""
