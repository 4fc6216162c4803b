"""The command line: parses, dispatches, and turns a user's mistake into one line and exit code 2.

Each command imports what it needs when it runs, so that ``nmt --help`` answers at once.
"""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from nmt.decoding.search import SearchOptions
    from nmt.decoding.translation import Translation

DESCRIPTION = """Recurrent encoder-decoder translation with attention.

commands:
  nmt train --config FILE [--KEY VALUE ...]   train a model; `nmt train --help` lists the keys
  nmt train --resume RUN                      go on with a stopped run, exactly where it stopped
  nmt translate RUN [TEXT ...]                translate arguments, or the lines of standard input
  nmt evaluate RUN --split NAME               translate and score a split of the run's corpus
  nmt report RUN                              one offline HTML file of all that was evaluated

`nmt COMMAND --help` tells more."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code: 0 done, 2 a mistake in what was asked for, 128 + n stopped by signal n.
    """
    command, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if command in ("-h", "--help"):
        print(DESCRIPTION)
        return 0
    if command == "--version":
        from importlib.metadata import version

        print(f"nmt {version('nmt')}")
        return 0
    if command not in COMMANDS:
        print(f"nmt: there is no command {command!r}{_nearest(command, COMMANDS)}; see `nmt --help`", file=sys.stderr)
        return 2
    try:
        return COMMANDS[command](rest)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except (ValueError, OSError) as error:
        print(f"nmt {command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def train(arguments: list[str]) -> int:
    """`nmt train`: a new run, or a stopped one again."""
    parser = _train_parser()
    settings = _parse_train(parser, arguments)
    if settings.resume:
        stored = Path(settings.resume) / "config.yaml"
        if not stored.is_file():
            raise ValueError(f"--resume {settings.resume}: not a run, there is no config.yaml in it")
        settings = _parse_train(parser, ["--config", str(stored), *arguments])
    made = parser.instantiate(settings)
    from nmt.config import Config
    from nmt.training.callbacks import Stopped
    from nmt.training.train import prepare_folder, quiet
    from nmt.training.train import train as run_training

    quiet()
    config = Config(made.name, made.seed, made.data, made.model, made.training)
    folder = Path(settings.resume or Path("runs") / config.name)
    prepare_folder(folder, config, parser.dump(_without_switches(settings)), bool(settings.resume), settings.overwrite)
    trainer = {key: value for key, value in vars(made.trainer).items() if value is not None}
    try:
        run_training(config, trainer, folder, bool(settings.resume))
    except Stopped as stopped:
        print(f"{stopped}; go on with: nmt train --resume {folder}", file=sys.stderr)
        return 128 + stopped.signal_number
    print(f"model: {folder / 'model'}")
    return 0


def _without_switches(settings: Any) -> Any:
    """The settings of the run itself, without those of this call."""
    kept = settings.clone()
    for switch in ("config", "resume", "overwrite"):
        del kept[switch]
    return kept


def _train_parser() -> "ArgumentParser":
    import pytorch_lightning as pl
    from jsonargparse import ArgumentParser

    from nmt.config import Config
    from nmt.training.train import OWN_TRAINER_ARGUMENTS, TRAINER_DEFAULTS

    parser = ArgumentParser(prog="nmt train", exit_on_error=False, allow_abbrev=False, description="Train a model.")
    parser.add_argument("--config", action="config", help="YAML file with what differs from the defaults")
    parser.add_argument("--resume", metavar="RUN", help="go on with the run in this folder from its last checkpoint")
    parser.add_argument("--overwrite", action="store_true", help="delete a run of the same name first")
    parser.add_class_arguments(Config)
    parser.add_class_arguments(pl.Trainer, "trainer", instantiate=False, skip=OWN_TRAINER_ARGUMENTS)
    parser.set_defaults({f"trainer.{key}": value for key, value in TRAINER_DEFAULTS.items()})
    return parser


def _parse_train(parser: "ArgumentParser", arguments: list[str]) -> Any:
    """The settings; an unknown key or a wrong value is a ValueError that names the nearest known key."""
    try:
        return parser.parse_args(arguments)
    except argparse.ArgumentError as error:
        message = " ".join(str(error).split())
        known = [action.dest for action in parser._actions]
        group = re.search(r"Group '([\w.]+)' does not accept option '([\w.]+)'", message)
        option = re.search(r"(?:unrecognized arguments: --|Key ')([\w.]+)", message, re.IGNORECASE)
        if group or option:
            key = f"{group[1]}.{group[2]}" if group else option[1]  # type: ignore[index]
            raise ValueError(f"there is no key {key!r}{_nearest(key, known)}; see `nmt train --help`") from error
        raise ValueError(message) from error


def translate(arguments: list[str]) -> int:
    """`nmt translate`: arguments, a file or standard input to lines of text."""
    parser = _parser("translate", "Translate arguments, or lines: one line of output for each line of input.")
    parser.add_argument("text", nargs="*", help="sentences; without any, lines are read")
    parser.add_argument("--input", type=Path, metavar="FILE", help="read lines from here, not from standard input")
    parser.add_argument("--records", type=Path, metavar="FOLDER", help="save records with scores and attention here")
    options = parser.parse_intermixed_args(arguments)
    search = _search_options(options)
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


def evaluate(arguments: list[str]) -> int:
    """`nmt evaluate`: a split of the run's corpus to scores and records."""
    parser = _parser("evaluate", "Translate and score a split of the run's corpus.")
    parser.add_argument("--split", default="test", metavar="NAME", help="name of the split (default: test)")
    parser.add_argument("--path", metavar="CORPUS", help="take the split from this corpus, not from the run's")
    options = parser.parse_args(arguments)
    search = _search_options(options)
    from dataclasses import replace

    from nmt.config import load_config
    from nmt.decoding.translator import Translator
    from nmt.evaluation.evaluate import evaluate as run_evaluation

    config = load_config(options.run / "config.yaml")
    if options.path:
        config = replace(config, data=replace(config.data, path=options.path))
    translator = Translator.load(options.run, options.device)
    command = shlex.join(["nmt", "evaluate", *arguments])
    result = run_evaluation(options.run, config, options.split, search, translator, command)
    for score in result.scores:
        interval = f" [{score.low:.1f}, {score.high:.1f}]" if score.low is not None and score.high is not None else ""
        print(f"{score.name} {score.score:.2f}{interval}  {score.form}  {score.signature}")
    if result.alignment:
        alignment = result.alignment
        print(f"AER {alignment.aer:.3f}  precision {alignment.precision:.3f}  recall {alignment.recall:.3f}")
    folder = options.run / "evaluations" / options.split
    print(f"{len(result.translations):,} sentences in {result.seconds:.1f} s: {folder}")
    return 0


def report(arguments: list[str]) -> int:
    """`nmt report`: the evaluations of a run to one HTML file."""
    parser = _Parser(prog="nmt report", description="One offline HTML file of all that was evaluated.")
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="default: reports/<name of the run>")
    options = parser.parse_args(arguments)
    from nmt.report.build import build_report

    print(build_report(options.run, options.output or Path("reports") / options.run.resolve().name))
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see `{self.prog} --help`")


def _parser(command: str, description: str) -> argparse.ArgumentParser:
    """What the commands that translate have in common."""
    parser = _Parser(
        prog=f"nmt {command}", description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of the run, or of a model")
    parser.add_argument("--beam-size", type=int, default=5, metavar="K", help="hypotheses kept; 1 is greedy search")
    parser.add_argument("--length-penalty", type=float, default=1.0, metavar="A", help="score is log P / length ** A")
    parser.add_argument("--batch-sentences", type=int, default=64, metavar="N", help="sentences searched together")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps; auto is a GPU if there is one")
    return parser


def _search_options(options: argparse.Namespace) -> "SearchOptions":
    from nmt.decoding.search import SearchOptions

    if options.batch_sentences < 1:
        raise ValueError(f"--batch-sentences {options.batch_sentences} is not allowed, it must be at least 1")
    return SearchOptions(beam_size=options.beam_size, length_penalty=options.length_penalty)


def _nearest(word: str, known: Any) -> str:
    """A suggestion, as the end of a sentence; nothing where nothing is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


COMMANDS = {"train": train, "translate": translate, "evaluate": evaluate, "report": report}
