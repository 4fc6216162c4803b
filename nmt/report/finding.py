"""A finding: a statement of fact about an evaluation, how serious it is, and the filter for the sentences behind it.

It is `{"text", "flag", "compared", "weight"}`. `flag` selects the sentences meant, or is None; `weight` is how many
times as great a number is as one that is serious: from 1 on, the statement should be seen before any score. Numbers of
a baseline stand behind its own in brackets; `compared` is the flag then, if it is known of both, else None.
"""

from collections.abc import Collection, Sequence
from typing import Any

Row = dict[str, Any]
Finding = dict[str, Any]


def told(text: str, weight: float = 0.0) -> Finding:
    """What is found about all sentences together."""
    return {"text": text, "flag": None, "compared": None, "weight": round(float(weight), 3)}


def flagged(text: str, flag: str, rows: Sequence[Row], of_baseline: Collection[str], weight: float) -> Finding:
    """What is found about the sentences that have a flag; `of_baseline` are the flags known of the baseline too."""
    chosen = {"flag": flag if share(rows, flag) else None, "compared": flag if flag in of_baseline else None}
    return {**told(text, weight), **chosen}


def share(rows: Sequence[Row], flag: str) -> float:
    """Of the sentences, 0 to 1, that have a flag."""
    return sum(flag in row["flags"] for row in rows) / len(rows)


def count(rows: Sequence[Row], flag: str, of_baseline: Collection[str]) -> str:
    """How many sentences have a flag, and how many of the baseline's."""
    counts = [sum(flag in row["flags"] for row in rows)]
    if flag in of_baseline:
        counts.append(sum(flag in row["baseline"]["flags"] for row in rows))
    return beside(counts, ",")


def beside(figures: Sequence[float], form: str) -> str:
    """A figure, and that of the baseline where there is one."""
    now, *before = (format(figure, form) for figure in figures)
    return f"{now} (baseline {before[0]})" if before else now
