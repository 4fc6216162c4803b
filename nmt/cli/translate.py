"""`nmt translate`: arguments, a file or standard input to lines of text."""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.cli.searching import search_options, translating_parser

if TYPE_CHECKING:
    from nmt.decoding.translation import Translation


def run(arguments: list[str]) -> int:
    """Translates; the exit code."""
    parser = translating_parser(
        "translate", "Translate arguments, or lines: one line of output for each line of input."
    )
    parser.add_argument("text", nargs="*", help="sentences; without any, lines are read")
    parser.add_argument("--input", type=Path, metavar="FILE", help="read lines from here, not from standard input")
    parser.add_argument("--records", type=Path, metavar="FOLDER", help="save records with scores and attention here")
    options = parser.parse_intermixed_args(arguments)
    search = search_options(options)
    from nmt.decoding.translation import save_translations
    from nmt.decoding.translator import Translator

    translator = Translator.load(options.run, options.device)
    lines = iter(options.text) if options.text else _lines(options.input)
    interactive = not options.text and not options.input and sys.stdin.isatty()
    records = translator.translate(lines, search, 1 if interactive else options.batch_sentences)
    if interactive:
        records = (translator.translate(line, search) for line in lines)
    printed = _print_each(records, "argument" if options.text else str(options.input or "standard input"))
    if options.records:
        save_translations(options.records, printed)
    else:
        for _ in printed:
            pass
    return 0


def _print_each(records: "Iterator[Translation]", name: str) -> "Iterator[Translation]":
    """The same records, each printed as it passes."""
    for number, record in enumerate(records, start=1):
        if not record.source_complete:
            tokens = len(record.source_tokens) - 1
            print(f"nmt translate: {name}:{number}: only the first {tokens} tokens are translated", file=sys.stderr)
        sys.stdout.buffer.write(record.text.encode("utf-8", "replace") + b"\n")
        sys.stdout.buffer.flush()
        yield record


def _lines(path: Path | None) -> Iterator[str]:
    """The lines of a file or of standard input; bytes that are not UTF-8 become U+FFFD, with a warning."""
    with open(path, "rb") if path else nullcontext(sys.stdin.buffer) as stream:
        for number, line in enumerate(stream, start=1):
            text = line.rstrip(b"\r\n")
            try:
                yield text.decode("utf-8")
            except UnicodeDecodeError as error:
                place = f"{path or 'standard input'}:{number}"
                print(f"nmt translate: {place}: byte {error.start + 1} is not UTF-8, read as U+FFFD", file=sys.stderr)
                yield text.decode("utf-8", "replace")
