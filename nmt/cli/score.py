"""`nmt score`: how probable a model finds given translations, and what it attends to in them."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.cli.files import add_output_flags, check_files, is_special, output_stream
from nmt.cli.parsing import Parser, at_least, file_path, named
from nmt.cli.searching import add_model_flags, load_translator

if TYPE_CHECKING:
    from nmt.data.tokenizer import Tokenizer
    from nmt.data.tokenizer_pair import TokenizerPair
    from nmt.pipe.progress import Progress

EPILOG = """A line of output for each pair: the log-probability of the target, its end included, in nats; in jsonl also
those of its tokens, and what else was probable there."""

PARTNERS = "line n of one must be the translation of line n of the other"


def run(arguments: list[str]) -> int:
    """Scores; the exit code."""
    options = _parser().parse_args(arguments)
    check_files(options, ["SOURCES", "TARGETS"], ["--output", "--attention"])
    _check_lengths(options.sources, options.targets)
    from nmt.data.files import naming
    from nmt.decoding.attention_file import attention_archive
    from nmt.pipe.output import OutputFormat
    from nmt.pipe.progress import Progress

    translator = load_translator(options, options.device)
    output, place = OutputFormat(options.format, alignments=options.alignments), options.output or "standard output"
    alternatives = options.alternatives if options.format == "jsonl" else 0
    with ExitStack() as stack:
        progress = Progress(sys.stderr.isatty() and bool(options.output or not sys.stdout.isatty()), "score")
        stack.callback(progress.close)
        stream = output_stream(options.output, stack)
        add = stack.enter_context(attention_archive(options.attention)) if options.attention else None
        pairs = _pairs(options, progress, translator.tokenizers)
        for record in translator.force(pairs, alternatives, options.batch_sentences):
            if add:
                add(record.attention)
            with naming(place):
                stream.write(output.write_score(record))
            progress.add(len(record.tokens))
        with naming(place):
            stream.flush()
    return 0


def _parser() -> Parser:
    parser = Parser("nmt score", "How probable given translations are: line n of TARGETS of line n of SOURCES.")
    parser.epilog = EPILOG
    parser.add_argument("run", type=named, metavar="RUN", help="folder of a run or of a model, or user/name on the hub")
    parser.add_argument("sources", type=file_path, metavar="SOURCES", help="plain, .gz, .xz or .zst")
    parser.add_argument("targets", type=file_path, metavar="TARGETS", help="plain, .gz, .xz or .zst")
    add_model_flags(parser)
    parser.set_defaults(shortlist=False)  # which restricts a search
    output = add_output_flags(parser, "text: the score; tsv: source, target, score", "target")
    output.add_argument(
        "--alternatives", type=at_least(0), default=5, metavar="N", help="most probable tokens a step, in jsonl"
    )
    return parser


def _check_lengths(sources: Path, targets: Path) -> None:
    """Finds lines without a partner before anything is loaded, unless a pipe can be read only once."""
    from nmt.data.compression import file_lines

    if is_special(sources) or is_special(targets):
        return
    counts = [sum(1 for _ in file_lines(path)) for path in (sources, targets)]
    if counts[0] != counts[1]:
        raise ValueError(f"{sources} has {counts[0]:,} lines, {targets} has {counts[1]:,}: {PARTNERS}")


def _pairs(options: argparse.Namespace, progress: "Progress", tokenizers: "TokenizerPair") -> Iterator[tuple[str, str]]:
    """The lines of both files, as `nmt translate` reads them."""
    sources, targets = (options.sources, tokenizers.src), (options.targets, tokenizers.tgt)
    readers = _texts(*sources, progress), _texts(*targets, progress)
    for number, (source, target) in enumerate(zip_longest(*readers), 1):
        if source is None or target is None:
            raise ValueError(f"line {number:,} is in one of {options.sources} and {options.targets} only: {PARTNERS}")
        yield source, target


def _texts(path: Path, tokenizer: "Tokenizer", progress: "Progress") -> Iterator[str]:
    from nmt.data.compression import file_lines
    from nmt.decoding.translation import Request
    from nmt.pipe.requests import RequestReader, Warnings

    warn = Warnings(str(path), progress.say)
    read = RequestReader("text", Request(""), warn, joiner=tokenizer.joiner)
    for number, line in enumerate(file_lines(path)):
        yield read(number, line).text
    warn.close()
