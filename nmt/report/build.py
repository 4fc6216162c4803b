"""Run folder -> report folder: `report.html`, with `report.json`, two tables and the alignments beside it.

The page reads nothing but `report.json`, which is inlined into it, and asks for nothing over the network: styles,
scripts and plotly.js are inlined as well, and a content security policy forbids everything else. What is large lies in
it compressed, and is unpacked by the browser.
"""

import base64
import hashlib
import json
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from itertools import chain
from operator import call
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from nmt.data.files import put, sibling
from nmt.evaluation.breakdown import FEW, breakdown
from nmt.evaluation.comparison import Gain, bleu_gains, compare, search_changes
from nmt.evaluation.frequencies import MOST_PAIRS
from nmt.evaluation.metrics import sentence_chrf_signature
from nmt.evaluation.neighbors import MOST_EXAMPLES
from nmt.evaluation.results import Evaluation
from nmt.report.figures import DIVERGING_SCALES, HEAT_SCALES, distribution_figure, heatmap_figure, training_figures
from nmt.report.findings import findings
from nmt.report.flags import FLAGS, known_flags, search_errors_by
from nmt.report.head_table import head_rows
from nmt.report.read_run import Baseline, Run, read_run
from nmt.report.search_flags import search_flags
from nmt.report.sentences import neighbor_examples, sample_rows, sentence_rows
from nmt.report.settings import changed_settings, shown
from nmt.report.tables import alignments_pharaoh, sentences_csv, words_csv
from nmt.report.word_table import word_rows

REPORT_VERSION = 4
"""Version of the layout of `report.json`."""

MANY_SENTENCES = 20_000
"""A page of more has tens of megabytes: who waits for it is told so before."""

_PAGE_BYTES, _BROWSER_BYTES = 2_600, 70_000
"""Of a sentence, without what is only there on demand; measured with Multi30k and Chromium."""

_SCRIPTS = (
    "dom",
    "search",
    "filters",
    "data",
    "address",
    "charts",
    "evaluations",
    "heads",
    "scores",
    "overview",
    "errors",
    "table",
    "chips",
    "measures",
    "heatmap",
    "beam",
    "facts",
    "texts",
    "onward",
    "unsure",
    "steps",
    "insight",
    "sentence",
    "words",
    "samples",
    "pages",
    "main",
)


def build_report(run: str | Path, output: str | Path, baseline: str | Path | None = None) -> Path:
    """Writes the report of a run into the folder `output`, and returns the path of its page.

    With a baseline, a run or an evaluation within one, it also shows by how much the two differ, and each translation
    beside the baseline's.

    All files are made before the first is replaced, so that a failure leaves an older report as it was.

    Raises:
        FileNotFoundError: if the run folder, an evaluation or a file of an evaluation is missing.
        ValueError: if a record cannot be read, or the baseline is of other sentences.
    """
    output, read = Path(output), read_run(Path(run), None if baseline is None else Path(baseline))
    _tell_size(sum(len(each.references) for each in read.evaluations))
    report = _report(read)
    output.mkdir(parents=True, exist_ok=True)
    data = sibling(output / "report.json", "new")
    texts: dict[str, Iterable[str]] = {
        "report.json": _pieces(report, "evaluations", "sentences"),
        "sentences.csv": [sentences_csv(report)],
        "words.csv": [words_csv(report)],
        "alignments.pharaoh": [alignments_pharaoh(read.evaluations)],
        "report.html": _page(read.name, data),  # the last: it reads what was written of the first
    }
    for name, pieces in texts.items():
        with open(sibling(output / name, "new"), "w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
    for name in texts:
        put(sibling(output / name, "new"), output / name)
    return output / "report.html"


def _tell_size(sentences: int) -> None:
    """Says beforehand that a page will be large."""
    if sentences > MANY_SENTENCES:
        page, browser = sentences * _PAGE_BYTES / 1e6, sentences * _BROWSER_BYTES / 1e9
        size = f"about {page:,.0f} MB, and a browser that shows it needs {browser:,.1f} GB"
        print(f"nmt report: the page of {sentences:,} sentences will have {size}", file=sys.stderr)


def _report(run: Run) -> dict[str, Any]:
    """All that the page shows."""
    return {
        "version": REPORT_VERSION,
        "run": {"name": run.name, "folder": run.folder, "config": run.config},
        "versions": {name: version(name) for name in ("plotly", "sacrebleu")},
        "chrf_signature": sentence_chrf_signature(),
        "few": FEW,
        "flags": {name: {"label": label, "meaning": meaning} for name, (label, meaning) in FLAGS.items()},
        "heatmap": {"figure": heatmap_figure(), "scales": HEAT_SCALES, "diverging": DIVERGING_SCALES},
        "training": training_figures(run.metrics, run.baseline.metrics if run.baseline else [], run.kept_step),
        "samples": sample_rows(run.samples),
        "evaluations": [
            _evaluation(evaluation, run, gains)
            for evaluation, gains in zip(run.evaluations, bleu_gains(run.evaluations), strict=True)
        ],
    }


def _evaluation(evaluation: Evaluation, run: Run, gains: Mapping[str, Gain]) -> dict[str, Any]:
    compared, others = run.baseline, run.evaluations
    baseline = compared.evaluations.get(evaluation.label) if compared else None
    comparison = _comparison(run, compared, baseline, evaluation) if compared and baseline else None
    rows, alignment = sentence_rows(evaluation, baseline, others), evaluation.alignment
    of_effects = evaluation.effect_alignment()
    counts = evaluation.training_counts
    return {
        "split": evaluation.split,
        "label": evaluation.label,
        "src": evaluation.src,
        "tgt": evaluation.tgt,
        "search": dict(evaluation.search),
        "search_flags": search_flags(evaluation),
        "checkpoint": evaluation.checkpoint,
        "command": evaluation.command,
        "seconds": evaluation.seconds,
        "versions": dict(evaluation.versions),
        "scores": [asdict(score) for score in evaluation.scores],
        "alignment": None if alignment is None else asdict(alignment),
        "effect_alignment": None if of_effects is None else asdict(of_effects),
        "heads": head_rows(evaluation),
        "baseline": comparison,
        "gains": {label: gain._asdict() for label, gain in gains.items()},
        "flags": known_flags(evaluation),
        "search_errors_by": search_errors_by(evaluation, others),
        "findings": findings(evaluation, rows, baseline, others),
        "distribution": distribution_figure(
            [row["chrf"] for row in rows], [row["baseline"]["chrf"] for row in rows] if baseline else None
        ),
        "sentences": rows,
        "neighbors": neighbor_examples(evaluation.insight.neighbors),
        "words": word_rows(evaluation.translations, counts),
        "training_counts": None if counts is None else {"pairs": counts.pairs, "of_pairs": counts.of_pairs},
        "breakdown": breakdown(*([baseline] if baseline else []), evaluation).to_json(),
    }


def _comparison(run: Run, other: Baseline, baseline: Evaluation, evaluation: Evaluation) -> dict[str, Any]:
    """What the evaluation is compared with, how the two came about, and what came of it."""
    compared = compare(baseline, evaluation)
    settings = {**changed_settings(other.config, run.config), **search_changes(baseline, evaluation)}
    return {
        "name": other.name,
        "settings": [[key, *map(shown, values)] for key, values in settings.items()],
        "search": baseline.search["decoding"],
        "checkpoint": baseline.checkpoint,
        "differences": [asdict(difference) for difference in compared.differences],
        "aer": asdict(compared.aer) if compared.aer else None,
    }


def _pieces(value: Any, *lists: str) -> Iterator[str]:
    """The JSON text of a value, piece by piece: of an object the list that is named item by item, and so on in these.

    What is `nmt.report.sentences.Later` is made meanwhile, and not kept.
    """
    dumped = partial(json.dumps, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=call)
    if not lists:
        yield dumped(value)
        return
    name, *deeper = lists
    yield dumped({**{key: value[key] for key in value if key != name}, name: []}).removesuffix("]}")
    for number, item in enumerate(value[name]):
        if number:
            yield ","
        yield from _pieces(item, *deeper)
    yield "]}"


def _page(name: str, data: Path) -> Iterator[str]:
    """`report.html`, piece by piece: the template with the data of a file, the styles and the scripts inlined."""
    assets = files("nmt.report") / "assets"
    script = "\n".join((assets / f"{part}.js").read_text(encoding="utf-8") for part in _SCRIPTS)
    plotly = get_plotlyjs()
    template = Environment(autoescape=True).from_string((assets / "template.html").read_text(encoding="utf-8"))
    with open(data, "rb") as file:
        yield from template.generate(
            name=name,
            most_pairs=f"{MOST_PAIRS:,}",
            most_examples=f"{MOST_EXAMPLES:,}",
            data=_compressed(iter(partial(file.read, 1 << 20), b"")),
            style=Markup((assets / "report.css").read_text(encoding="utf-8")),
            script=Markup(script),
            plotly=_compressed([plotly.encode("utf-8")]),
            script_hashes=[_csp_hash(script), _csp_hash(plotly)],
        )


def _compressed(parts: Iterable[bytes]) -> Iterator[str]:
    """All parts together as base64 of gzip, piece by piece, the same each time."""
    # the highest level takes three times as long, for 3% less
    gzip, waiting = zlib.compressobj(level=6, wbits=16 + zlib.MAX_WBITS), b""
    for part in chain(parts, [b""]):
        waiting += gzip.compress(part) if part else gzip.flush()
        whole = len(waiting) // 3 * 3 if part else len(waiting)  # three bytes are four characters
        yield base64.b64encode(waiting[:whole]).decode("ascii")
        waiting = waiting[whole:]


def _csp_hash(script: str) -> str:
    """The source expression that lets a content security policy run this script and no other."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
