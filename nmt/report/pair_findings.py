"""What tells that sources and references are no fair test: they do not belong together, or were trained on."""

from typing import Any

from nmt.data.marks import marks_in
from nmt.evaluation.results import Evaluation

_SERIOUS_SEEN = 0.05
"""Share of the references that stand in the training data; short sentences do by chance."""


def pair_findings(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Statements as `nmt.report.findings` has them, about the pairs that were evaluated."""
    return [*_shift(evaluation), *_form(evaluation), *_seen_references(evaluation)]


def why_near_zero(evaluation: Evaluation) -> str:
    """What it means where the source is worth next to nothing: of that the translations tell more than the number."""
    sources = {each.source for each in evaluation.translations}
    if len({each.text for each in evaluation.translations}) > len(sources) / 2:
        return "the references do not belong to these sources, whose translations differ: they may be shifted by a line"
    return (
        "the decoder goes by the target alone, or sources and targets of the training data do not belong together: "
        "they may be shifted by a line"
    )


def _shift(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Where the references stand in the wrong line: all scores are of other sentences then."""
    found = evaluation.shift
    if found is None:
        return []
    where = "next line" if found.lines > 0 else "line before"
    text = (
        f"From about sentence {found.first + 1:,} to {found.last + 1:,} the references seem to be shifted by a line: "
        f"there the mean sentence chrF is {found.chrf:.1f}, and {found.shifted:.1f} against that of the {where}."
    )
    share = (found.last - found.first + 1) / len(evaluation.references)
    return [{"text": text, "flag": None, "weight": round(1 + 100 * share, 3)}]


def _form(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Which marks of another program the references have, and whether the translations are of another form."""
    signs = list(marks_in(evaluation.references))
    if not signs:
        return []
    written = set(marks_in([each.text for each in evaluation.translations]))
    lacking = not written.issuperset(signs)
    marks = ", ".join(f"“{sign}”" for sign in signs)
    others = "the translations have not, which costs TER" if lacking else "so have the translations"
    text = f"Many references have {marks}, as another program has tokenised or cut them; {others}."
    return [{"text": text, "flag": None, "weight": 2.0 if lacking else 0.0}]


def _seen_references(evaluation: Evaluation) -> list[dict[str, Any]]:
    """How many references the model was trained to write, whatever their sources were."""
    seen = evaluation.seen_references
    if not seen:
        return []
    share = len(seen) / len(evaluation.references)
    text = f"{len(seen):,} of {len(evaluation.references):,} references ({share:.1%}) stand in the training data."
    return [{"text": text, "flag": None, "weight": round(share / _SERIOUS_SEEN, 3)}]
