"""The report -> what lies beside its page: tables of the sentences and the words, and the alignments."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from nmt.decoding.alignment import attention_alignment, pharaoh
from nmt.evaluation.results import Evaluation

_CSV_COLUMNS = ("chrf", "length_ratio", "confidence", "entropy", "aer", "rarest")
_CSV_SCORES = ("log_prob", "score")


def sentences_csv(report: dict[str, Any]) -> str:
    """One row a sentence, all splits one behind the other; `id` counts from 1 in each split.

    Of what else a translation could have been, `what_if` is that of the highest chrF, but for one that begins as the
    reference.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    of_reference = [f"reference_{name}" for name in _CSV_SCORES]
    rows = [row for evaluation in report["evaluations"] for row in evaluation["sentences"]]
    of_baseline = ["baseline", "baseline_chrf"] if any(row["baseline"] for row in rows) else []
    of_branch = ["what_if", "what_if_chrf"] if any(row["branches"] for row in rows) else []
    texts = "source", "reference", "hypothesis"
    writer.writerow(
        ["split", "id", *texts, *_CSV_COLUMNS, *_CSV_SCORES, *of_reference, "flags", *of_baseline, *of_branch]
    )
    for evaluation in report["evaluations"]:
        for number, row in enumerate(evaluation["sentences"], start=1):
            cells = [row[side]["text"] for side in texts] + [row[name] for name in _CSV_COLUMNS]
            cells += [row[side][name] for side in ("hypothesis", "reference") for name in _CSV_SCORES]
            cells.append(" ".join(row["flags"]))
            own = [branch for branch in row["branches"] if not branch["as_reference"]]
            best = max(own, key=lambda branch: branch["chrf"], default=None)
            for columns, other in ((of_baseline, row["baseline"]), (of_branch, best)):
                cells += [(other or {}).get(name) for name in ("text", "chrf")] if columns else []
            writer.writerow([evaluation["label"], number, *cells])
    return table.getvalue()


def words_csv(report: dict[str, Any]) -> str:
    """One row for each target word of a source word, and one for a source word that has none; all splits in turn."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["split", "word", "count", "in_training", "received", "passed_over", "target", "share"])
    for evaluation in report["evaluations"]:
        for row in evaluation["words"]:
            own = [row["word"], row["count"], row["in_training"], row["received"], len(row["passed_over"])]
            writer.writerows([evaluation["label"], *own, *target] for target in row["targets"] or [["", ""]])
    return table.getvalue()


def alignments_pharaoh(evaluations: Iterable[Evaluation]) -> str:
    """A line for each row of `sentences.csv`: its links `source word-target word` by the strongest attention."""
    alignments = [links for evaluation in evaluations for links in attention_alignment(evaluation.translations)]
    return "".join(f"{pharaoh(links)}\n" for links in alignments)
