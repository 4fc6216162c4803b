"""What is found about the sentences that have a flag."""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from nmt.report.finding import Finding, Row, beside, count, flagged, share, told
from nmt.report.flags import FLAGS

_SERIOUS_SEEN = 0.01
_SERIOUS_MISSED = 0.2
_SERIOUS_UNSEEN = 0.5
_SERIOUS_FAULTS = 0.05
"""Of the sentences; so are those of sources that are translated alike."""

_FAULTS = ("cut_off", "repetition", "copied", "empty", "short", "long")


def flag_findings(
    rows: Sequence[Row],
    flags: Collection[str],
    of_baseline: Collection[str],
    search_errors_by: Sequence[str],
    missed_references: int,
) -> list[Finding]:
    """What is found about the sentences that have a flag, in no order.

    Args:
        rows: of the report.
        flags: that are known.
        of_baseline: those of them that can be set beside the baseline's; none without one.
        search_errors_by: by what search errors were looked for.
        missed_references: how many of the search errors are known by the references alone.
    """
    return [
        _exact(rows, of_baseline),
        *_faults(rows, of_baseline),
        *_shared(rows, of_baseline),
        *(_search(rows, of_baseline, search_errors_by, missed_references) if "search_error" in flags else []),
        *(_seen(rows) if "seen" in flags else []),
        *(_unseen(rows) if "unseen" in flags else []),
    ]


def _exact(rows: Sequence[Row], of_baseline: Collection[str]) -> Finding:
    exact = f"{count(rows, 'exact', of_baseline)} of {len(rows):,} translations ({share(rows, 'exact'):.1%})"
    return flagged(f"{exact} equal the reference word for word.", "exact", rows, of_baseline, 0)


def _faults(rows: Sequence[Row], of_baseline: Collection[str]) -> list[Finding]:
    found = []
    for flag in _FAULTS:
        own = any(flag in row["flags"] for row in rows)
        if own or (flag in of_baseline and any(flag in row["baseline"]["flags"] for row in rows)):
            text = f"{count(rows, flag, of_baseline)} flagged “{FLAGS[flag][0]}”: {FLAGS[flag][1]}."
            found.append(flagged(text, flag, rows, of_baseline, share(rows, flag) / _SERIOUS_FAULTS))
    nothing = "No translation is cut off, repetitive, copied, empty or of quite another length."
    return found or [told(nothing)]


def _shared(rows: Sequence[Row], of_baseline: Collection[str]) -> list[Finding]:
    """Whether different sources are translated alike, as by a model that does not look at them."""
    sides = [[(row["flags"], row["hypothesis"]["text"]) for row in rows]]
    if "shared" in of_baseline:
        sides.append([(row["baseline"]["flags"], row["baseline"]["text"]) for row in rows])
    if not any("shared" in flags for side in sides for flags, _ in side):
        return []
    counts = [Counter(text for _, text in side) for side in sides]
    text = (
        f"{count(rows, 'shared', of_baseline)} of {len(rows):,} translations are those of other sources too, whose "
        f"references differ: {beside([len(each) for each in counts], ',')} are distinct, the most frequent stands "
        f"{beside([max(each.values()) for each in counts], ',')} times."
    )
    return [flagged(text, "shared", rows, of_baseline, share(rows, "shared") / _SERIOUS_FAULTS)]


def _search(rows: Sequence[Row], of_baseline: Collection[str], by: Sequence[str], missed: int) -> list[Finding]:
    """Whether the search or the model is at fault: what was not tried may rank higher still.

    The references alone say how serious it is: the more else is tried, the more is found, with a good search too.
    """
    known = share(rows, "search_error")
    others = sum(not {"search_error", "exact"} & set(row["flags"]) and _differs(row) for row in rows)
    if known:
        text = (
            f"In at least {count(rows, 'search_error', of_baseline)} of {len(rows):,} sentences ({known:.1%}) "
            f"{_either(by)} ranks above what the search found, which has missed it"
            f"{f' (the reference in {missed:,})' if by[1:] else ''}; in the other {others:,} that differ the model "
            "prefers its own."
        )
    else:
        text = (
            f"Nowhere does {_either(by)} rank above what the search found: in the {others:,} that differ the model "
            "prefers its own."
        )
    return [flagged(text, "search_error", rows, of_baseline, missed / len(rows) / _SERIOUS_MISSED)]


def _either(names: Sequence[str]) -> str:
    """One of several: "a, b or c"."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _seen(rows: Sequence[Row]) -> list[Finding]:
    """How many sources are no test of what the model has learned, and by how much better they are translated."""
    nothing = "No source stands in the training data."
    return _sources(rows, "seen", "stand in the training data", nothing, _SERIOUS_SEEN)


def _unseen(rows: Sequence[Row]) -> list[Finding]:
    """In how many sources the model meets a word for the first time, and by how much worse they are translated."""
    nothing = "Each word of the sources stands in the training data."
    what = "have a word that stands nowhere in the training data"
    return _sources(rows, "unseen", what, nothing, _SERIOUS_UNSEEN)


def _sources(rows: Sequence[Row], flag: str, what: str, nothing: str, serious: float) -> list[Finding]:
    """How many sources have a flag, and how well they are translated and how well the others."""
    own, others = ([row["chrf"] for row in rows if (flag in row["flags"]) is wanted] for wanted in (True, False))
    if not own:
        return [told(nothing)]
    text = f"{len(own):,} of {len(rows):,} sources ({share(rows, flag):.1%}) {what}"
    if others:
        text += f": their mean sentence chrF is {np.mean(own):.1f}, that of the others {np.mean(others):.1f}"
    return [flagged(f"{text}.", flag, rows, (), share(rows, flag) / serious)]


def _differs(row: Row) -> bool:
    """Whether the model writes anything else than the reference, as far as it can write it."""
    return bool(row["hypothesis"]["tokens"] != row["reference"]["tokens"])
