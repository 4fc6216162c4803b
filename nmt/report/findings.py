"""Rows of an evaluation -> plain sentences about it, by weight, each with the filter for the sentences behind it."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from nmt.decoding.translation import Translation
from nmt.evaluation.results import Evaluation
from nmt.report.flags import FLAGS
from nmt.report.pair_findings import why_near_zero

Row = dict[str, Any]
Finding = dict[str, Any]

_SERIOUS = {"seen": 0.01, "search_error": 0.2, "unseen": 0.5}
_SERIOUS_SHARE = 0.05
"""From which share of the sentences on a flag is serious; that of the others."""

_SERIOUS_WORTH = 0.5
"""Nats a token: a source that is worth less hardly matters to the decoder."""

_SERIOUS_CHANGE = 0.1
"""Of the number of words, from that of the references."""

_SERIOUS_SPREAD = 0.9
"""Share of the entropy that an attention could have."""

_SERIOUS_SPECIAL = 0.5
"""Share of the attention that lies on the special token."""

_FAULTS = ("cut_off", "repetition", "copied", "empty", "short", "long")


def findings(
    rows: Sequence[Row],
    translations: Sequence[Translation],
    flags: Collection[str],
    of_baseline: Collection[str] = (),
    search_errors_by: Sequence[str] = (),
) -> list[Finding]:
    """Statements of fact about an evaluation, as `{"text", "flag", "weight"}`, in no order.

    `flag` selects the sentences meant, or is None; `weight` is how many times as great a number is as one that is
    serious: from 1 on, the statement should be seen before any score. Numbers of a baseline stand behind them in
    brackets; `"compared"` is the flag then, if it is known of both.

    Args:
        rows: of the report.
        translations: of the evaluation.
        flags: that are known.
        of_baseline: those of them that can be set beside the baseline's; none without one.
        search_errors_by: by what search errors were looked for.
    """
    return [
        _exact(rows, of_baseline),
        *_faults(rows, of_baseline),
        *_shared(rows, of_baseline),
        *(_search(rows, of_baseline, search_errors_by) if "search_error" in flags else []),
        *(_seen(rows) if "seen" in flags else []),
        *(_unseen(rows) if "unseen" in flags else []),
        *_length(rows),
        *_quality(rows),
        *_quality_by_length(rows),
        *_spread(rows),
        *_attention(translations),
    ]


def source_finding(evaluation: Evaluation, baseline: Evaluation | None) -> list[Finding]:
    """What the source is worth to the references, where that is known: a statement as `findings` has them."""
    worths = [each.source_worth for each in (evaluation, baseline) if each and each.source_worth is not None]
    if evaluation.source_worth is None:
        return []
    worth = worths[0]
    text = (
        f"The source is worth {_beside(worths, 'z.2f')} nats a token: by so much the log-probability of the references "
        f"falls when each is read with another sentence’s source. Near zero, {why_near_zero(evaluation)}."
    )
    return [_told(text, _SERIOUS_WORTH / max(worth, 0.01))]


def by_weight(found: Sequence[Finding]) -> list[Finding]:
    """What is most serious first; what has no weight stays in its order."""
    return sorted(found, key=lambda each: -each["weight"])


def _told(text: str, weight: float = 0.0) -> Finding:
    return {"text": text, "flag": None, "weight": round(float(weight), 3)}


def _count(rows: Sequence[Row], flag: str, of_baseline: Collection[str]) -> str:
    """How many sentences have a flag, and how many of the baseline's."""
    counts = [sum(flag in row["flags"] for row in rows)]
    if flag in of_baseline:
        counts.append(sum(flag in row["baseline"]["flags"] for row in rows))
    return _beside(counts, ",")


def _flagged(text: str, flag: str, rows: Sequence[Row], of_baseline: Collection[str]) -> Finding:
    """What is found about the sentences that have a flag."""
    share = sum(flag in row["flags"] for row in rows) / len(rows)
    weight = 0.0 if flag == "exact" else share / _SERIOUS.get(flag, _SERIOUS_SHARE)
    chosen = {"flag": flag if share else None, "compared": flag if flag in of_baseline else None}
    return {**_told(text, weight), **chosen}


def _beside(figures: Sequence[float], form: str) -> str:
    """A figure, and that of the baseline where there is one."""
    now, *before = (format(figure, form) for figure in figures)
    return f"{now} (baseline {before[0]})" if before else now


def _sides(rows: Sequence[Row]) -> list[list[Row]]:
    """The translations of an evaluation, each with its `chrf` and `words`, and those of its baseline."""
    own = [{"chrf": row["chrf"], "words": row["hypothesis"]["words"]} for row in rows]
    return [own, [row["baseline"] for row in rows]] if rows[0]["baseline"] else [own]


def _exact(rows: Sequence[Row], of_baseline: Collection[str]) -> Finding:
    count = sum("exact" in row["flags"] for row in rows)
    counted = _count(rows, "exact", of_baseline)
    text = f"{counted} of {len(rows):,} translations ({count / len(rows):.1%}) equal the reference word for word."
    return _flagged(text, "exact", rows, of_baseline)


def _faults(rows: Sequence[Row], of_baseline: Collection[str]) -> list[Finding]:
    found = []
    for flag in _FAULTS:
        own = any(flag in row["flags"] for row in rows)
        if own or (flag in of_baseline and any(flag in row["baseline"]["flags"] for row in rows)):
            text = f"{_count(rows, flag, of_baseline)} flagged “{FLAGS[flag][0]}”: {FLAGS[flag][1]}."
            found.append(_flagged(text, flag, rows, of_baseline))
    nothing = "No translation is cut off, repetitive, copied, empty or of quite another length."
    return found or [_told(nothing)]


def _shared(rows: Sequence[Row], of_baseline: Collection[str]) -> list[Finding]:
    """Whether different sources are translated alike, as by a model that does not look at them."""
    sides = [[(row["flags"], row["hypothesis"]["text"]) for row in rows]]
    if "shared" in of_baseline:
        sides.append([(row["baseline"]["flags"], row["baseline"]["text"]) for row in rows])
    if not any("shared" in flags for side in sides for flags, _ in side):
        return []
    counts = [Counter(text for _, text in side) for side in sides]
    text = (
        f"{_count(rows, 'shared', of_baseline)} of {len(rows):,} translations are those of other sources too, whose "
        f"references differ: {_beside([len(each) for each in counts], ',')} are distinct, the most frequent stands "
        f"{_beside([max(each.values()) for each in counts], ',')} times."
    )
    return [_flagged(text, "shared", rows, of_baseline)]


def _search(rows: Sequence[Row], of_baseline: Collection[str], by: Sequence[str]) -> list[Finding]:
    """Whether the search or the model is at fault: what was not tried may rank higher still."""
    count = sum("search_error" in row["flags"] for row in rows)
    counted = _count(rows, "search_error", of_baseline)
    others = sum(not {"search_error", "exact"} & set(row["flags"]) and _differs(row) for row in rows)
    if not count:
        text = (
            f"Nowhere does {_either(by)} rank above what the search found: in the {others:,} that differ the model "
            "prefers its own."
        )
        return [_flagged(text, "search_error", rows, of_baseline)]
    text = (
        f"In at least {counted} of {len(rows):,} sentences ({count / len(rows):.1%}) {_either(by)} ranks above what "
        f"the search found, which has missed it; in the other {others:,} that differ the model prefers its own."
    )
    return [_flagged(text, "search_error", rows, of_baseline)]


def _either(names: Sequence[str]) -> str:
    """One of several: "a, b or c"."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _seen(rows: Sequence[Row]) -> list[Finding]:
    """How many sources are no test of what the model has learned, and by how much better they are translated."""
    return _sources(rows, "seen", "stand in the training data", "No source stands in the training data.")


def _unseen(rows: Sequence[Row]) -> list[Finding]:
    """In how many sources the model meets a word for the first time, and by how much worse they are translated."""
    nothing = "Each word of the sources stands in the training data."
    return _sources(rows, "unseen", "have a word that stands nowhere in the training data", nothing)


def _sources(rows: Sequence[Row], flag: str, what: str, nothing: str) -> list[Finding]:
    """How many sources have a flag, and how well they are translated and how well the others."""
    own, others = ([row["chrf"] for row in rows if (flag in row["flags"]) is wanted] for wanted in (True, False))
    if not own:
        return [_told(nothing)]
    text = f"{len(own):,} of {len(rows):,} sources ({len(own) / len(rows):.1%}) {what}"
    if others:
        text += f": their mean sentence chrF is {np.mean(own):.1f}, that of the others {np.mean(others):.1f}"
    return [_flagged(f"{text}.", flag, rows, ())]


def _differs(row: Row) -> bool:
    """Whether the model writes anything else than the reference, as far as it can write it."""
    return bool(row["hypothesis"]["tokens"] != row["reference"]["tokens"])


def _length(rows: Sequence[Row]) -> list[Finding]:
    reference = sum(len(row["reference"]["words"]) for row in rows)
    if not reference:
        return []
    own, *before = (sum(len(each["words"]) for each in side) for side in _sides(rows))
    text = f"The translations are {_relation(own, reference)} the references ({own:,} words against {reference:,})"
    if before:
        text += f", the baseline’s {_relation(before[0], reference)} them"
    return [_told(f"{text}.", abs(own / reference - 1) / _SERIOUS_CHANGE)]


def _relation(words: int, reference: int) -> str:
    change = words / reference - 1
    if abs(change) < 0.0005:
        return "as long as"
    return f"{abs(change):.1%} {'longer' if change > 0 else 'shorter'} than"


def _quality(rows: Sequence[Row]) -> list[Finding]:
    figures = np.array([np.percentile([each["chrf"] for each in side], [10, 50]) for side in _sides(rows)])
    tenth, half = (_beside(each, ".1f") for each in figures.T)
    best = f"At least half of the sentences have a chrF of {half}"
    most = best if figures[0, 1] == 100 else f"Half of the sentences have a chrF of {half} or more"
    return [_told(f"{most}; the weakest tenth have {tenth} at most.")]


def _quality_by_length(rows: Sequence[Row]) -> list[Finding]:
    """Mean chrF of the quarter with the fewest and of that with the most source words, from 40 sentences on."""
    if len(rows) < 40:
        return []
    lengths = np.array([len(row["source"]["words"]) for row in rows])
    chrf = np.array([[each["chrf"] for each in side] for side in _sides(rows)])
    few, many = np.percentile(lengths, [25, 75], method="nearest")
    short, long = (_beside(chrf[:, among].mean(axis=1), ".1f") for among in (lengths <= few, lengths >= many))
    text = (
        f"Sources of at most {few} words have a mean sentence chrF of {short}, those of at least {many} words {long}."
    )
    return [_told(text)] if few < many else []


def _spread(rows: Sequence[Row]) -> list[Finding]:
    """How evenly the attention lies on the source: an attention that is nearly even tells the decoder nothing."""
    sides = [[(row["entropy"], row["source"]) for row in rows]]
    if rows[0]["baseline"]:
        before = [row["baseline"] for row in rows]
        sides.append(
            [(each["entropy"], each["source"] or row["source"]) for each, row in zip(before, rows, strict=True)]
        )
    shares = [
        [
            entropy / np.log(len(source["tokens"]))
            for entropy, source in side
            if entropy is not None and len(source["tokens"]) > 1
        ]
        for side in sides
    ]
    if not all(shares):
        return []
    means = [np.mean(each) for each in shares]
    text = (
        f"The attention has {_beside(means, '.0%')} of the most entropy that it could "
        "have: at 100% each step attends to all of the source alike, at 0% to one position."
    )
    return [_told(text, means[0] / _SERIOUS_SPREAD)]


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
    return [_told(text, special.mean() / _SERIOUS_SPECIAL)]
