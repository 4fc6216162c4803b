"""A record -> the places of its beam, with the scores that decided between those that ended."""

from collections.abc import Mapping
from typing import Any

from nmt.data.special import EOS
from nmt.decoding.options import SearchOptions
from nmt.decoding.scoring import Scoring
from nmt.decoding.translation import Translation


def beam_places(record: Translation, search: Mapping[str, Any]) -> list[list[list[Any]]]:
    """What the beam held after each step, as JSON values: parent, token and log-probability, as in the record.

    A place that ended has its score behind them, by which the search ranks: not where attention has a part in that,
    which was kept only of what was found, or where something else was ranked by.

    Args:
        record: of the translation that was found.
        search: the options of the search by name, and what else an evaluation says of it.
    """
    scoring = _scoring(search)
    steps, totals = [], [0.0]
    for length, held in enumerate(record.beam, start=1):
        totals = [totals[parent] + log_prob for parent, _, log_prob in held]  # in the first step of place 0
        places: list[list[Any]] = [[parent, token, round(log_prob, 3)] for parent, token, log_prob in held]
        for place, (_, token, _), total in zip(places, held, totals, strict=True):
            if token == EOS and scoring:
                place.append(round(scoring.score(total, length), 4))
        steps.append(places)
    return steps


def _scoring(search: Mapping[str, Any]) -> Scoring | None:
    """What the search ranks by, as far as log-probability and length tell it; else None."""
    options = SearchOptions.named(search)
    return None if options.coverage_penalty or options.mbr != "none" else Scoring(options)
