"""An evaluation -> what stands out in it, in plain sentences, what is most serious first."""

from collections.abc import Sequence

from nmt.evaluation.results import Evaluation
from nmt.evaluation.unknown import unknown_tokens
from nmt.report.attention_findings import attention_findings
from nmt.report.finding import Finding, Row, count, flagged
from nmt.report.flag_findings import flag_findings
from nmt.report.flags import flags_of_both, known_flags, search_errors_by
from nmt.report.pair_findings import pair_findings
from nmt.report.sentences import sentence_rows
from nmt.report.text_findings import text_findings

_SERIOUS_WRITTEN = 0.02
"""Of the tokens of the translations, that are unknown ones."""

_SERIOUS_READ = 0.1
"""Of the tokens of the sources, that are unknown ones."""


def findings(
    evaluation: Evaluation,
    rows: Sequence[Row],
    baseline: Evaluation | None = None,
    run: Sequence[Evaluation] = (),
) -> list[Finding]:
    """Statements of fact about an evaluation, what is most serious first; see `nmt.report.finding`.

    Args:
        evaluation: with at least one sentence.
        rows: its sentences, as `nmt.report.sentences` gives them for the same baseline and run.
        baseline: an evaluation of the same sentences, whose numbers stand beside.
        run: all evaluations of the run.
    """
    of_both = flags_of_both(evaluation, baseline, run) if baseline else []
    missed = len(evaluation.missed_references() or ())
    found = [
        *pair_findings(evaluation, baseline),
        *flag_findings(rows, known_flags(evaluation), of_both, search_errors_by(evaluation, run), missed),
        *_unknown(evaluation, rows, of_both),
        *text_findings(evaluation, rows),
        *attention_findings(evaluation, rows),
    ]
    return sorted(found, key=lambda each: -each["weight"])


def serious_findings(evaluation: Evaluation) -> list[str]:
    """What should be seen before any score, in plain sentences."""
    found = findings(evaluation, sentence_rows(evaluation, None))
    return [each["text"] for each in found if each["weight"] >= 1]


def _unknown(evaluation: Evaluation, rows: Sequence[Row], of_baseline: Sequence[str]) -> list[Finding]:
    """Whether the vocabulary is too small, or of other text."""
    tokens = unknown_tokens(evaluation.translations)
    if not tokens.written + tokens.read:
        return []
    text = (
        f"{tokens} are the unknown token, which {count(rows, 'unknown', of_baseline)} of {len(rows):,} translations "
        "have: the vocabulary is too small (one of kind bpe knows every text), or this text is cut in another way than "
        "that of training."
    )
    shares = tokens.written / max(tokens.of_written, 1), tokens.read / max(tokens.of_read, 1)
    weight = max(shares[0] / _SERIOUS_WRITTEN, shares[1] / _SERIOUS_READ)
    return [flagged(text, "unknown", rows, of_baseline, weight)]
