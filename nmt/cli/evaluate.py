"""`nmt evaluate`: a split of the run's corpus to scores and records."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.checked import check_folder_name
from nmt.cli.parsing import Parser, at_least, file_path, named
from nmt.cli.searching import SEARCH_FLAGS, flag, load_translator, search_options, translating_parser

if TYPE_CHECKING:
    from nmt.evaluation.results import Evaluation


def run(arguments: list[str]) -> int:
    """Evaluates; the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.translations:
        _check_nothing_is_searched(options, parser)
    search = search_options(options, keep_beam=True)
    from nmt.data.runs import config_with_corpus
    from nmt.evaluation.evaluate import evaluate as run_evaluation
    from nmt.evaluation.find_out import Wanted
    from nmt.report.findings import serious_findings

    folder = Path(options.run)
    config_with_corpus(folder, options.path)  # a mistake is told before the model is read
    if options.name:
        check_folder_name("--as", options.name)
    result = run_evaluation(
        *(folder, options.split, search, load_translator(options, options.device)),
        corpus=options.path,
        name=options.name,
        wanted=Wanted(options.what_if, options.looks, options.neighbors, options.effects),
        references=options.references,
        given=options.translations,
        batch_sentences=options.batch_sentences,
        command=shlex.join(["nmt", "evaluate", *arguments]),
    )
    _show(result)
    place = folder / "evaluations" / result.label
    print(f"{len(result.translations):,} sentences in {result.seconds:.1f} s: {place}")
    for finding in serious_findings(result):
        print(f"serious: {finding}")
    return 0


def _parser() -> Parser:
    told = "Translate and score a split of the run's corpus."
    parser = translating_parser("evaluate", told, "folder of the run", without=["n_best"])
    parser.add_argument("--split", default="test", metavar="NAME", help="name of the split")
    told = "take the split from this corpus, not from the run's"
    parser.add_argument("--path", type=named, metavar="CORPUS", help=told)
    parser.add_argument(
        "--as", dest="name", default="", metavar="NAME", help="keep it under another name than the split's"
    )
    told = (
        "at the N most narrowly decided steps of each translation, search on from the runner-up too, and where it "
        "leaves the reference, from the reference's token: for the report"
    )
    parser.add_argument("--what-if", type=at_least(0), default=0, metavar="N", help=told)
    told = "try what each step would write if it looked at one source token alone, at each of them: for the report"
    parser.add_argument("--looks", action="store_true", help=told)
    told = (
        "find for each step the N steps of the training data where the model's state was most like it: for the report"
    )
    parser.add_argument("--neighbors", type=at_least(0), default=0, metavar="N", help=told)
    told = "leave out each source word in turn, to find which target words depend on it: for the report"
    parser.add_argument("--effects", action="store_true", help=told)
    told = (
        "score against the lines of this file, in place of the split's targets, where another program has cut or "
        "tokenised those"
    )
    parser.add_argument("--references", type=file_path, metavar="FILE", help=told)
    told = "score the lines of this file, such as another system's, in place of what a search finds; needs --as"
    parser.add_argument("--translations", type=file_path, metavar="FILE", help=told)
    return parser


def _show(result: "Evaluation") -> None:
    """Prints the scores, and what else is known of all sentences together."""
    from nmt.data import doubts
    from nmt.evaluation.unknown import unknown_tokens

    if result.given:
        print(f"no search: {result.search['decoding']}")
    if "references" in result.search:
        print(f"references: the lines of {result.search['references']}")
    for score in result.scores:
        print(f"{score.name} {score.score:.2f} {score.interval}  {score.form}  {score.signature}")
    for doubt in doubts.of_references(result.references):
        print(doubt)
    for of, alignment in (("", result.alignment), (" of the effects", result.effect_alignment())):
        if alignment:
            counted = f"precision {alignment.precision:.3f}  recall {alignment.recall:.3f}"
            gold = (
                f"  {alignment.links:,} sure links and {alignment.possible:,} only possible"
                if alignment.possible
                else ""
            )
            print(f"AER{of} {alignment.aer:.3f}  {counted}{gold}{'' if of else _mean_of(result)}")
    unknown = unknown_tokens(result.translations)
    if unknown.written + unknown.read:
        print(f"unknown tokens: {unknown}")
    errors = result.search_errors()
    if errors is not None:
        known = "the reference or a what-if" if result.insight.branches else "the reference"
        print(f"search errors: at least {_share(errors, result)}, where {known} ranks above what was found")
    if result.source_worth is not None:
        told = "what the references would lose with another sentence's source"
        print(f"source: worth {result.source_worth:z.2f} nats a token: {told}")
    for what, seen in (("sources", result.seen), ("references", result.seen_references)):
        known = "not known, its split cannot be read" if seen is None else _share(seen, result)
        print(f"{what} seen in training: {known}")


def _mean_of(result: "Evaluation") -> str:
    """Names the heads whose mean the attention is."""
    return f"  mean of {result.insight.heads[0].shape[1]} heads" if result.insight.heads else ""


def _share(sentences: Sequence[int], result: "Evaluation") -> str:
    return f"{len(sentences):,} of {len(result.translations):,} sentences"


def _check_nothing_is_searched(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Raises ValueError if something is asked of a search, or the evaluation has no name of its own."""
    names = ["shortlist", *(name for flags in SEARCH_FLAGS.values() for name in flags), "what_if"]
    asked = [name for name in names if getattr(options, name, None) != parser.get_default(name)]
    if asked:
        flags = ", ".join(map(flag, asked))
        raise ValueError(f"--translations takes the lines of a file, nothing is searched: leave out {flags}")
    if options.name in ("", options.split):
        raise ValueError("--translations needs --as NAME, not the split's: that is for what the model translates")
