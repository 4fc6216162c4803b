"""An evaluation -> the flags with which `nmt translate` searches as it did."""

import shlex
from dataclasses import fields
from itertools import pairwise

from nmt.decoding.options import SearchOptions
from nmt.evaluation.results import Evaluation

_OF_THE_PAGE = ("n_best", "alternatives", "keep_beam", "early_stopping")
"""Options that change what is told of a search, or how long it takes, not what it finds."""

_OF_THE_MODEL = ("--ensemble", "--combine", "--precision")
"""What the search options do not hold: it stands in the command only."""


def search_flags(evaluation: Evaluation) -> list[str]:
    """Flags and values, such as "--beam-size", "20", of what is not as it is without them."""
    own = [each for each in fields(SearchOptions) if each.name in evaluation.search and each.name not in _OF_THE_PAGE]
    changed = {each.name: evaluation.search[each.name] for each in own if evaluation.search[each.name] != each.default}
    flags = [
        part
        for name, value in changed.items()
        for part in (f"--{name.replace('_', '-')}", *([] if value is True else [str(value)]))
    ]
    if evaluation.search.get("shortlist"):
        flags.append("--shortlist")
    given = [
        part
        for word in shlex.split(evaluation.command)
        for part in (word.split("=", 1) if word.startswith("--") else [word])
    ]
    return [*flags, *(part for pair in pairwise(given) if pair[0] in _OF_THE_MODEL for part in pair)]
