"""`nmt translate`: arguments, a file or standard input to translations."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.cli.files import add_output_flags, check_files, is_special, output_stream
from nmt.cli.parsing import Parser, at_least, file_path
from nmt.cli.searching import load_translator, search_options, tell_idle, translating_parser
from nmt.cli.startup import import_translator

if TYPE_CHECKING:
    import numpy as np

    from nmt.decoding.options import SearchOptions
    from nmt.decoding.translation import Request
    from nmt.pipe.output import OutputFormat
    from nmt.pipe.pipe import Pipe
    from nmt.pipe.processes import Processes

EPILOG = """Without a text, and at a terminal, sentences are typed and answered with a map of the attention.

A file (--input with --output) is translated in shards; however it was stopped, --resume goes on with what is missing.
Several processes share it: torchrun --nproc-per-node 4 --no-python nmt translate RUN --input FILE --output FILE"""

NOT_THE_JOB = ("run", "ensemble", "text", "input", "output", "resume", "device", "threads", "batch_sentences")
"""What may differ between shards of one output; of model and input the contents count."""


def run(arguments: list[str]) -> int:
    """Translates; the exit code."""
    parser = _parser()
    options, unknown = parser.parse_known_intermixed_args(arguments)
    if unknown:
        dashed = "" if unknown[0].startswith("--") else "; a sentence that begins with - goes behind --"
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{dashed}")
    search = search_options(options, **_kept(options))
    _check(options)
    import_translator()
    from nmt.pipe.processes import Processes

    processes = Processes.of_environment()
    if options.input and options.input.is_file() and options.output and not is_special(options.output):
        _translate_file(options, search, processes)
    elif processes.world > 1:
        raise ValueError("several processes share a file: give --input FILE and --output FILE")
    elif _is_conversation(options):
        _converse(options, search)
    else:
        _translate_stream(options, search)
    return 0


def _parser() -> Parser:
    told = "Translate arguments, or lines: a line of output for each line of input."
    parser = translating_parser(
        "translate", told, "folder of a run or of a model, or user/name on the Hugging Face hub"
    )
    parser.epilog = EPILOG
    parser.add_argument("text", nargs="*", default=[], metavar="TEXT", help="sentences; without any, lines are read")
    source = parser.add_argument_group("input")
    source.add_argument(
        "--input", type=_source, metavar="FILE", help="plain, .gz, .xz or .zst; default, and -: standard input"
    )
    forms = ("text", "jsonl")
    told = """jsonl: lines such as {"text": "...", "prefix": "...", "include": ["..."], "exclude": ["..."], "id": 7}"""
    source.add_argument("--input-format", choices=forms, default="text", help=told)
    source.add_argument(
        "--prefix", default="", metavar="TEXT", help="every translation begins with it, but for an empty line"
    )
    for name, told in (("include", "contains it"), ("exclude", "does not contain it, such as '<unk>'")):
        told = f"every translation {told} (repeatable)"
        source.add_argument(f"--{name}", action="append", default=[], metavar="TEXT", help=told)
    told = (
        "text; tsv: source, translation, ...; each line of an n-best list begins with the number of its input line, "
        "from 0, and has the score"
    )
    output = add_output_flags(parser, told, "translation", ", of several the best,")
    told = "behind each translation what it was ranked by; with --mbr that is its utility, 0 to 100"
    output.add_argument("--scores", action="store_true", help=told)
    told = (
        "most probable tokens a step, in jsonl (default: 5): a usual line has 4 KB with them, 1 KB with 0, "
        "and as much again for each hypothesis of an n-best list"
    )
    output.add_argument("--alternatives", type=at_least(0), metavar="N", help=told)
    output.add_argument("--keep-beam", action="store_true", help="what the beam held after each step, in jsonl")
    shards = parser.add_argument_group("large files")
    shards.add_argument("--shard-lines", type=at_least(1), default=10_000, metavar="N", help="lines of a shard")
    shards.add_argument("--resume", action="store_true", help="go on with the shards that are missing")
    return parser


def _kept(options: argparse.Namespace) -> dict[str, Any]:
    """What is kept of a search beside what it found: only one form of output has a place for it."""
    if options.format == "jsonl":
        most = 5 if options.alternatives is None else options.alternatives
        return {"alternatives": most, "keep_beam": options.keep_beam}
    kept = {"alternatives": None, "keep_beam": False}
    tell_idle(options, dict.fromkeys(kept, (False, "--format jsonl")), kept)
    return {"alternatives": 0}


def _source(text: str) -> Path | None:
    """The file to read, or None for standard input."""
    return None if text == "-" else file_path(text)


def _check(options: argparse.Namespace) -> None:
    """Finds mistakes before anything is loaded."""
    if sys.stdin is None and not (options.text or options.input):
        raise ValueError("standard input is closed: give a text, or --input FILE")
    if sys.stdout is None and not options.output:
        raise ValueError("standard output is closed: give --output FILE")
    for text in options.text:
        if len(text) < 256 and Path(text).is_file():
            print(
                f"nmt translate: {text!r} is a file, and translated as a sentence: its lines are --input {text}",
                file=sys.stderr,
            )
    if options.text and options.input:
        raise ValueError("give sentences or --input, not both")
    if options.resume and not (options.input and options.output):
        raise ValueError("--resume goes on with a file: give --input FILE and --output FILE")
    if options.resume and ((options.input.exists() and not options.input.is_file()) or is_special(options.output)):
        raise ValueError("--resume goes on with a file: neither --input nor --output can be a pipe or a device")
    if options.method == "sample" and options.include:
        raise ValueError("--include: samples cannot be made to contain anything: leave out --method sample")
    check_files(options, ["--input"], ["--output", "--attention"], reads_stdin=not (options.text or options.input))


def _is_conversation(options: argparse.Namespace) -> bool:
    """Whether a person types and reads."""
    files = options.text or options.input or options.output or options.attention
    plain = options.format == options.input_format == "text"
    return not files and plain and sys.stdin.isatty() and sys.stdout.isatty()


def _converse(options: argparse.Namespace, search: "SearchOptions") -> None:
    from nmt.data.pretokens import is_uncut
    from nmt.decoding.translation import Translation
    from nmt.pipe.pipe import told_of_cut
    from nmt.pipe.requests import TOLD_OF_UNCUT
    from nmt.pipe.terminal import converse

    translator, output, common = load_translator(options, options.device), _output(options), _common(options)

    def translate(text: str, beginning: str | None) -> Translation:
        prefix = common.prefix if beginning is None else beginning
        translation = translator.translate(replace(common, text=text, prefix=prefix), search)
        if not translation.source_complete:
            print(f"nmt translate: {told_of_cut(translation)}", file=sys.stderr)
        if is_uncut(text, translator.tokenizers.src.joiner):
            print(f"nmt translate: {TOLD_OF_UNCUT}", file=sys.stderr)
        return translation

    converse(translate, lambda translation: output.write(0, translation).decode().removesuffix("\n"))


def _translate_stream(options: argparse.Namespace, search: "SearchOptions") -> None:
    """Arguments, a file or standard input, as it comes."""
    from nmt.data.compression import file_lines
    from nmt.data.files import naming
    from nmt.decoding.attention_file import attention_archive
    from nmt.decoding.reading import windows
    from nmt.pipe.lines import arriving_windows

    with ExitStack() as stack:
        pipe = _pipe(options, search, options.device, stack, shown=bool(options.output) or not sys.stdout.isatty())
        place = options.output or "standard output"
        stack.enter_context(naming(place))
        stream = output_stream(options.output, stack)
        add = None
        if options.attention:
            signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # the archive is written first
            stack.enter_context(naming(options.attention))
            add = stack.enter_context(attention_archive(options.attention))
        first, most = options.batch_sentences, _window_lines(options)
        if options.text:
            lines = windows((text.encode("utf-8", "surrogateescape") for text in options.text), first, most)
        elif options.input:
            lines = windows(file_lines(options.input), first, most)
        else:  # unbuffered: what is there, not a full buffer
            lines = arriving_windows(getattr(sys.stdin.buffer, "raw", sys.stdin.buffer), first, most)

        def write(output: bytes) -> None:
            with naming(place):
                stream.write(output)
                stream.flush()

        pipe.run(lines, write, add)


def _translate_file(options: argparse.Namespace, search: "SearchOptions", processes: "Processes") -> None:
    """A file to a file, in shards."""
    from nmt.data.ranks import in_first_rank
    from nmt.decoding.reading import windows
    from nmt.pipe.shards import Parts

    parts = Parts(options.output, options.attention, options.shard_lines)
    with processes.together(), ExitStack() as stack:
        device = processes.device(options.device, on_gpu=options.precision != "int8")
        pipe = _pipe(options, search, device, stack, shown=processes.rank == 0)
        stack.callback(parts.close)
        in_first_rank(lambda: parts.open(_job(options), options.resume))
        most = _window_lines(options)

        def translate(
            lines: Iterable[bytes],
            write: Callable[[bytes], object],
            add: "Callable[[np.ndarray], None] | None",
            first: int,
        ) -> None:
            pipe.run(windows(lines, most, most), write, add, first)

        try:
            shards = parts.translate(options.input, processes, translate)
        except KeyboardInterrupt:
            if processes.rank == 0:
                print(f"nmt translate: {parts.left()}", file=sys.stderr)
            raise
        except (ValueError, OSError):
            if processes.rank == 0:
                parts.left()  # nothing, where there is no finished shard
            raise
        processes.wait()
        in_first_rank(lambda: parts.join(shards))


def _job(options: argparse.Namespace) -> dict[str, Any]:
    """What decides on the output, as JSON values."""
    from nmt.data.files import digest
    from nmt.decoding.shortlist import FILE
    from nmt.model.hub import MODEL_FILES, model_folder

    flags = {name.replace("_", "-"): value for name, value in vars(options).items() if name not in NOT_THE_JOB}
    folders = [model_folder(run) for run in (options.run, *options.ensemble)]
    files = [file for each in folders for pattern in MODEL_FILES for file in sorted(each.glob(pattern))]
    shortlists = [file for file in files if file.name == FILE]
    contents = {
        "input": digest(options.input),
        "model": digest(*(file for file in files if file not in shortlists)),
        "shortlist file": digest(*shortlists) if options.shortlist else None,  # unasked for, it may come and go
    }
    return {**flags, "attention": bool(options.attention), **contents}


def _window_lines(options: argparse.Namespace) -> int:
    from nmt.decoding.translator import WINDOW_BATCHES

    return int(options.batch_sentences) * WINDOW_BATCHES


def _output(options: argparse.Namespace) -> "OutputFormat":
    from nmt.pipe.output import OutputFormat

    return OutputFormat(options.format, options.n_best, options.scores, options.alignments)


def _common(options: argparse.Namespace) -> "Request":
    """What is demanded of every translation."""
    from nmt.decoding.translation import Request

    return Request("", options.prefix, (*options.include,), (*options.exclude,))


def _pipe(options: argparse.Namespace, search: "SearchOptions", device: str, stack: ExitStack, shown: bool) -> "Pipe":
    """All between lines and lines; at the end of `stack` it has its last word on standard error."""
    from nmt.pipe.pipe import Pipe
    from nmt.pipe.progress import Progress
    from nmt.pipe.requests import RequestReader, Warnings

    common = _common(options)
    translator = load_translator(options, device)
    progress = Progress(shown and sys.stderr.isatty())
    stack.callback(progress.close)
    warn = Warnings("argument" if options.text else str(options.input or "standard input"), progress.say)
    stack.callback(warn.close)
    joiner = translator.tokenizers.src.joiner
    read = RequestReader(options.input_format, common, warn, sampled=search.is_sampled, joiner=joiner)
    return Pipe(translator, search, options.batch_sentences, read, _output(options), warn, progress)
