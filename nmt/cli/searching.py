"""What the commands that translate share: the model, the device and the search as flags."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.cli.parsing import Parser

if TYPE_CHECKING:
    from nmt.decoding.search import SearchOptions


def translating_parser(command: str, description: str) -> argparse.ArgumentParser:
    """What the commands that translate have in common."""
    parser = Parser(
        prog=f"nmt {command}", description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of the run, or of a model")
    parser.add_argument("--beam-size", type=int, default=5, metavar="K", help="hypotheses kept; 1 is greedy search")
    parser.add_argument("--length-penalty", type=float, default=1.0, metavar="A", help="score is log P / length ** A")
    parser.add_argument("--batch-sentences", type=int, default=64, metavar="N", help="sentences searched together")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps; auto is a GPU if there is one")
    return parser


def search_options(options: argparse.Namespace) -> "SearchOptions":
    """What the flags ask for; a wrong value is a ValueError."""
    from nmt.decoding.search import SearchOptions

    if options.batch_sentences < 1:
        raise ValueError(f"--batch-sentences {options.batch_sentences} is not allowed, it must be at least 1")
    return SearchOptions(beam_size=options.beam_size, length_penalty=options.length_penalty)
