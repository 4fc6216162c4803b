"""The command line: finds the command, and turns a user's mistake into one line and exit code 2.

A command is a module of this package with a function `run`, which imports what it needs when it runs, so that
``nmt --help`` answers at once.
"""

import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

DESCRIPTION = """Recurrent encoder-decoder translation with attention.

commands:
  nmt train --config FILE [--KEY VALUE ...]   train a model; `nmt train --help` lists the keys
  nmt train --resume RUN                      go on with a stopped run, exactly where it stopped
  nmt translate RUN [TEXT ...]                translate arguments, or the lines of standard input
  nmt score RUN SOURCES TARGETS               how probable given translations are, and their alignment
  nmt evaluate RUN --split NAME               translate and score a split of the run's corpus
  nmt compare RUN RUN [RUN ...]               whether their scores differ by more than chance, and where
  nmt report RUN                              one offline HTML file of all that was evaluated
  nmt shortlist RUN                           the words that a source is likely to need, for `--shortlist`
  nmt export RUN                              the model as ONNX files, to be run without torch
  nmt push RUN user/name                      the model and its card to the Hugging Face hub

`nmt COMMAND --help` tells more, `nmt --version` which version this is. NMT_DEBUG=1 shows where an error comes from."""

COMMANDS = (
    "train",
    "translate",
    "score",
    "evaluate",
    "compare",
    "report",
    "shortlist",
    "export",
    "push",
)
"""Each is the module of that name."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code: 0 done, 2 a mistake in what was asked for, 128 + n stopped by signal n.
    """
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    if isinstance(sys.stdout, TextIOWrapper):  # in a notebook it is something else
        sys.stdout.reconfigure(errors="replace")  # texts may hold what the terminal cannot show
    command, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if command in ("-h", "--help", "help"):
        print(DESCRIPTION)
        return 0
    if command == "--version":
        from importlib.metadata import version

        print(f"nmt {version('nmt')}")
        return 0
    if command not in COMMANDS:
        from nmt.cli.parsing import nearest

        print(f"nmt: there is no command {command!r}{nearest(command, COMMANDS)}; see `nmt --help`", file=sys.stderr)
        return 2
    try:
        return int(import_module(f"nmt.cli.{command}").run(rest))
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except (MemoryError, RuntimeError) as error:
        if _is_debugged() or not (
            isinstance(error, MemoryError) or re.search("allocate memory|out of memory", str(error))
        ):
            raise
        told = "memory is used up: work on less at once, as by --batch-sentences, --beam-size or --data.batch_tokens"
        print(f"nmt {command}: {told} ({' '.join(str(error).split())[:200]})", file=sys.stderr)
        return 2
    except (ValueError, OSError) as error:
        if _is_debugged():
            raise
        print(f"nmt {command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def _is_debugged() -> bool:
    return bool(os.environ.get("NMT_DEBUG"))
