"""Rows of an evaluation -> a few plain sentences about it, each with the filter that shows the sentences behind it."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from nmt.decoding.translation import Translation
from nmt.report.sentences import FLAGS

Row = dict[str, Any]
Finding = dict[str, Any]

_FAULTS = ("cut_off", "repetition", "copied", "empty", "short", "long")


def findings(rows: Sequence[Row], translations: Sequence[Translation], flags: Collection[str]) -> list[Finding]:
    """Statements of fact about an evaluation, as `{"text", "flag"}`; `flag` selects the sentences meant, or is None.

    `flags` are those that are known.
    """
    return [
        *_exact(rows),
        *_faults(rows),
        *(_search(rows) if "search_error" in flags else []),
        *(_seen(rows) if "seen" in flags else []),
        *_length(rows),
        *_quality(rows),
        *_quality_by_length(rows),
        *_attention(translations),
    ]


def _exact(rows: Sequence[Row]) -> list[Finding]:
    count = sum("exact" in row["flags"] for row in rows)
    text = f"{count:,} of {len(rows):,} translations ({count / len(rows):.1%}) equal the reference word for word."
    return [{"text": text, "flag": "exact" if count else None}]


def _faults(rows: Sequence[Row]) -> list[Finding]:
    counts = {flag: sum(flag in row["flags"] for row in rows) for flag in _FAULTS}
    if not any(counts.values()):
        return [
            {
                "text": "No translation is cut off, repetitive, copied, empty or of quite another length.",
                "flag": None,
            }
        ]
    return [
        {"text": f"{count:,} flagged “{FLAGS[flag][0]}”: {FLAGS[flag][1]}.", "flag": flag}
        for flag, count in counts.items()
        if count
    ]


def _search(rows: Sequence[Row]) -> list[Finding]:
    """Whether the search or the model is at fault."""
    count = sum("search_error" in row["flags"] for row in rows)
    others = sum(not {"search_error", "exact"} & set(row["flags"]) and _differs(row) for row in rows)
    if not count:
        text = (
            f"No reference ranks above what the search found: in the {others:,} that differ the model prefers its own."
        )
        return [{"text": text, "flag": None}]
    text = (
        f"In {count:,} of {len(rows):,} sentences ({count / len(rows):.1%}) the reference ranks above what the search "
        f"found, which has missed it; in the other {others:,} that differ the model prefers its own."
    )
    return [{"text": text, "flag": "search_error"}]


def _seen(rows: Sequence[Row]) -> list[Finding]:
    """How many sources are no test of what the model has learned, and by how much better they are translated."""
    seen, others = ([row["chrf"] for row in rows if ("seen" in row["flags"]) is wanted] for wanted in (True, False))
    if not seen:
        return [{"text": "No source stands in the training data.", "flag": None}]
    text = f"{len(seen):,} of {len(rows):,} sources ({len(seen) / len(rows):.1%}) stand in the training data"
    if others:
        text += f": their mean sentence chrF is {np.mean(seen):.1f}, that of the others {np.mean(others):.1f}"
    return [{"text": f"{text}.", "flag": "seen"}]


def _differs(row: Row) -> bool:
    """Whether the model writes anything else than the reference, as far as it can write it."""
    return bool(row["hypothesis"]["tokens"] != row["reference"]["tokens"])


def _length(rows: Sequence[Row]) -> list[Finding]:
    hypothesis = sum(len(row["hypothesis"]["words"]) for row in rows)
    reference = sum(len(row["reference"]["words"]) for row in rows)
    if not reference:
        return []
    change = hypothesis / reference - 1
    relation = (
        "as long as" if abs(change) < 0.0005 else f"{abs(change):.1%} {'longer' if change > 0 else 'shorter'} than"
    )
    counts = f"{hypothesis:,} words against {reference:,}"
    return [{"text": f"The translations are {relation} the references ({counts}).", "flag": None}]


def _quality(rows: Sequence[Row]) -> list[Finding]:
    tenth, half = np.percentile([row["chrf"] for row in rows], [10, 50])
    text = f"Half of the sentences have a chrF of {half:.1f} or more; the weakest tenth have {tenth:.1f} at most."
    return [{"text": text, "flag": None}]


def _quality_by_length(rows: Sequence[Row]) -> list[Finding]:
    """Mean chrF of the quarter with the fewest and of that with the most source words, from 40 sentences on."""
    if len(rows) < 40:
        return []
    lengths = np.array([len(row["source"]["words"]) for row in rows])
    chrf = np.array([row["chrf"] for row in rows])
    few, many = np.percentile(lengths, [25, 75], method="nearest")
    short, long = chrf[lengths <= few].mean(), chrf[lengths >= many].mean()
    text = (
        f"Sources of at most {few} words have a mean sentence chrF of {short:.1f}, "
        f"those of at least {many} words {long:.1f}."
    )
    return [{"text": text, "flag": None}] if few < many else []


def _attention(translations: Sequence[Translation]) -> list[Finding]:
    """Whether the rows are distributions, and how much of them goes to BOS."""
    sums = np.concatenate([translation.attention.sum(axis=1) for translation in translations])
    special = np.concatenate([translation.attention[:, 0] for translation in translations])
    if not len(sums):
        return []
    text = (
        f"Each row of attention sums to one within {np.abs(sums - 1).max():.0e}; {special.mean():.1%} of it lies "
        "on the special token before the source."
    )
    return [{"text": text, "flag": None}]
