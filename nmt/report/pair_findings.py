"""What tells that sources and references are no fair test: they do not belong together, or were trained on."""

from nmt.data.languages import lacks_spaces
from nmt.data.marks import marks_in
from nmt.evaluation.results import Evaluation
from nmt.report.finding import Finding, beside, told

_SERIOUS_WORTH = 0.5
"""Nats a token: a source that is worth less hardly matters to the decoder."""

_SERIOUS_SEEN = 0.05
"""Share of the references that stand in the training data; short sentences do by chance."""


def pair_findings(evaluation: Evaluation, baseline: Evaluation | None = None) -> list[Finding]:
    """What is found about the pairs that were evaluated."""
    return [
        *_worth(evaluation, baseline),
        *_shift(evaluation),
        *_language(evaluation),
        *_form(evaluation),
        *_seen_references(evaluation),
    ]


def _worth(evaluation: Evaluation, baseline: Evaluation | None) -> list[Finding]:
    """What the source is worth to the references, where that is known."""
    worths = [each.source_worth for each in (evaluation, baseline) if each and each.source_worth is not None]
    if evaluation.source_worth is None:
        return []
    text = (
        f"The source is worth {beside(worths, 'z.2f')} nats a token: by so much the log-probability of the references "
        f"falls when each is read with another sentence’s source. Near zero, {why_near_zero(evaluation)}."
    )
    return [told(text, _SERIOUS_WORTH / max(worths[0], 0.01))]


def why_near_zero(evaluation: Evaluation) -> str:
    """What it means where the source is worth next to nothing: of that the translations tell more than the number."""
    sources = {each.source for each in evaluation.translations}
    if len({each.text for each in evaluation.translations}) > len(sources) / 2:
        return "the references do not belong to these sources, whose translations differ: they may be shifted by a line"
    return (
        "the decoder goes by the target alone, or sources and targets of the training data do not belong together: "
        "they may be shifted by a line"
    )


def _shift(evaluation: Evaluation) -> list[Finding]:
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
    return [told(text, 1 + 100 * share)]


def _language(evaluation: Evaluation) -> list[Finding]:
    """Whether BLEU counts what is no word, for the code of the language does not tell that there are no spaces."""
    if not lacks_spaces(evaluation.references, evaluation.tgt):
        return []
    text = (
        f"The references write no spaces between words, of which the language code “{evaluation.tgt}” tells nothing: "
        "BLEU and TER take a sentence for a word. With a code such as zh, ja or th they do not."
    )
    return [told(text, 2.0)]


def _form(evaluation: Evaluation) -> list[Finding]:
    """Which marks of another program the references have, and whether the translations are of another form."""
    signs = list(marks_in(evaluation.references))
    if not signs:
        return []
    written = set(marks_in([each.text for each in evaluation.translations]))
    lacking = not written.issuperset(signs)
    marks = ", ".join(f"“{sign}”" for sign in signs)
    others = "the translations have not, which costs TER" if lacking else "so have the translations"
    text = f"Many references have {marks}, as another program has tokenised or cut them; {others}."
    return [told(text, 2.0 if lacking else 0.0)]


def _seen_references(evaluation: Evaluation) -> list[Finding]:
    """How many references the model was trained to write, whatever their sources were."""
    seen = evaluation.seen_references
    if not seen:
        return []
    share = len(seen) / len(evaluation.references)
    text = f"{len(seen):,} of {len(evaluation.references):,} references ({share:.1%}) stand in the training data."
    return [told(text, share / _SERIOUS_SEEN)]
