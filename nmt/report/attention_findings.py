"""What is found about the attention: how it is spread, what it never reaches, whether it points beside the words."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nmt.decoding.translation import Translation
from nmt.evaluation.aer import attention_error_rate
from nmt.evaluation.results import Evaluation
from nmt.report.finding import Finding, Row, beside, told

_SERIOUS_SPREAD = 0.9
"""Share of the entropy that an attention could have."""

_SERIOUS_SPECIAL = 0.5
"""Share of the attention that lies on the special token."""

_SERIOUS_HIDDEN = 0.01
"""Share of the source tokens."""

_NOTHING = 1e-6
_FEWEST = 20
"""Sentences that have a position, at least, before it is told that none attends to it."""

_SERIOUS_SHIFT = 0.1
"""Of AER, that it falls by."""

_SERIOUS_AER = 0.7
"""Of an attention beside which the effects align twice as well."""


def attention_findings(evaluation: Evaluation, rows: Sequence[Row]) -> list[Finding]:
    """What is found about the attention, in no order."""
    return [
        *spread(rows),
        *special(evaluation.translations),
        *_hidden(evaluation.translations),
        *_shifted(evaluation),
        *_effects(evaluation),
    ]


def spread(rows: Sequence[Row]) -> list[Finding]:
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
        f"The attention has {beside(means, '.0%')} of the most entropy that it could "
        "have: at 100% each step attends to all of the source alike, at 0% to one position."
    )
    return [told(text, means[0] / _SERIOUS_SPREAD)]


def special(translations: Sequence[Translation]) -> list[Finding]:
    """Whether the rows are distributions, and how much of them goes to BOS."""
    sums = np.concatenate([translation.attention.sum(axis=1) for translation in translations])
    first = np.concatenate([translation.attention[:, 0] for translation in translations])
    if not len(sums):
        return []
    text = (
        f"Each row of attention sums to one within {np.abs(sums - 1).max():.0e}; {first.mean():.1%} of it lies "
        "on the special token before the source."
    )
    return [told(text, first.mean() / _SERIOUS_SPECIAL)]


def _hidden(translations: Sequence[Translation]) -> list[Finding]:
    """Whether a position gets no weight in any sentence, counted from the start or from the end: a mask hides it."""
    most = [each.attention[:, 1:].max(axis=0) for each in translations if len(each.attention)]
    sides = [("", _unattended(most)), (", counted from the end", _unattended([each[::-1] for each in most]))]
    counted, tokens = max(sides, key=lambda side: sum(side[1].values()))
    if not tokens:
        return []
    share = sum(tokens.values()) / sum(map(len, most))
    text = (
        f"No step of any sentence attends to {len(tokens):,} of the source positions, the first of them "
        f"{min(tokens)}{counted}: {share:.1%} of the source tokens. A mask may hide them."
    )
    return [told(text, share / _SERIOUS_HIDDEN)]


def _unattended(most: Sequence[np.ndarray]) -> dict[int, int]:
    """The positions, from 1, that get no weight in any sentence, and how many sentences have each.

    `most` has for each sentence the greatest weight (S,) of each position at any step.
    """
    longest = max(map(len, most), default=0)
    columns = ([each[place] for each in most if len(each) > place] for place in range(longest))
    return {
        place: len(weights)
        for place, weights in enumerate(columns, start=1)
        if len(weights) >= _FEWEST and max(weights) < _NOTHING
    }


def _shifted(evaluation: Evaluation) -> list[Finding]:
    """Whether the gold links fit the attention better if it is read one source token further left or right."""
    if evaluation.alignment is None:
        return []
    own, beside_it = evaluation.alignment.aer, {}
    for where, by in (("left", -1), ("right", 1)):
        moved = (replace(each, attention=_moved(each.attention, by)) for each in evaluation.forced)
        beside_it[where] = attention_error_rate(moved, evaluation.gold).aer
    where, aer = min(beside_it.items(), key=lambda item: item[1])
    if own - aer <= _SERIOUS_SHIFT:
        return []
    text = (
        f"AER would be {aer:.3f}, not {own:.3f}, if the attention were read one source token further {where}: it "
        "points beside the words, as by a special token that is counted twice or not at all."
    )
    return [told(text, (own - aer) / _SERIOUS_SHIFT)]


def _moved(attention: np.ndarray, by: int) -> np.ndarray:
    """Attention (T, S), each column one further left (-1) or right (1); what falls over the edge is lost."""
    moved = np.roll(attention, by, axis=1)
    moved[:, -1 if by < 0 else 0] = 0
    return moved


def _effects(evaluation: Evaluation) -> list[Finding]:
    """Whether the words that the model depends on are far more often the right ones than those it attends to."""
    attention, effects = evaluation.alignment, evaluation.effect_alignment()
    if attention is None or effects is None or effects.aer >= attention.aer / 2:
        return []
    text = (
        f"The effects align far better than the attention (AER {effects.aer:.3f} against {attention.aer:.3f}): which "
        "source word was used cannot be read from this attention."
    )
    return [told(text, attention.aer / _SERIOUS_AER)]
