"""What the commands that translate share: the model, the machine and the search as flags."""

import argparse
import sys
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from nmt.checked import idle
from nmt.cli.parsing import Parser, at_least, named
from nmt.config import Combine, Precision
from nmt.decoding.options import SearchOptions

if TYPE_CHECKING:
    from nmt.decoding.translator import Translator

SEARCH_FLAGS: dict[str, dict[str, tuple[str | None, str]]] = {
    "search": {
        "method": (None, "beam search, or one sample for each hypothesis"),
        "beam_size": ("K", "hypotheses kept, 1 is greedy search; or samples that --mbr chooses among"),
        "n_best": ("N", "hypotheses to give back, best first, or samples, as they were drawn"),
        "mbr": (None, "give back what agrees best with the other hypotheses, by this utility"),
        "groups": ("G", "groups of a diverse beam"),
        "diversity": ("D", "what a token costs that an earlier group took"),
        "replace_unknown": (None, "write <unk>, as of word models, as the source token that it attended to most"),
    },
    "score": {
        "length_norm": (None, "score is log P / length ** A, or / ((5 + length) / 6) ** A"),
        "length_penalty": ("A", "0 ranks by log P, 1 by its average"),
        "coverage_penalty": ("B", "weight of the penalty for source words that got no attention"),
        "word_reward": ("R", "added for each token"),
    },
    "limits": {
        "min_length": ("T", "tokens at least"),
        "max_length": ("T", "tokens at most, or one more where it is cut off"),
        "max_length_ratio": ("X", "tokens at most: X for each source token, and --max-length-offset more"),
        "max_length_offset": ("T", "tokens at most beside those of --max-length-ratio"),
        "no_repeat_ngram": ("N", "no N tokens come twice; 0 allows it"),
    },
    "samples": {
        "temperature": ("T", "below 1 the probable becomes more probable"),
        "top_k": ("K", "sample among the K most probable tokens; 0 for all"),
        "top_p": ("P", "sample among the fewest tokens that have this probability together"),
        "seed": ("N", "the same seed and number of the line give the same samples"),
    },
}
"""Group -> field of `SearchOptions` -> how its value is called, and what it does; type and default are the field's."""

MOST_THREADS = 1024
"""More than any machine has use for."""


def translating_parser(command: str, description: str, run: str, without: Collection[str] = ()) -> Parser:
    """What the commands that translate have in common.

    Args:
        command: its name.
        description: what it does.
        run: what its first argument is.
        without: search options that have no flag.
    """
    parser = Parser(f"nmt {command}", description)
    parser.add_argument("run", type=named, metavar="RUN", help=run)
    model = add_model_flags(parser)
    told = (
        "choose among likely words only; every model needs a shortlist, that of the first says which (`nmt shortlist`)"
    )
    model.add_argument("--shortlist", action="store_true", help=told)
    hints, defaults = get_type_hints(SearchOptions), _defaults()
    for title, flags in SEARCH_FLAGS.items():
        group = parser.add_argument_group(title)
        for name, (metavar, told) in flags.items():
            if name not in without:
                kind = _kind(hints[name], metavar)
                group.add_argument(flag(name), default=defaults[name], help=told, **kind)
    return parser


def add_model_flags(parser: Parser) -> "argparse._ArgumentGroup":
    """The flags that `load_translator` reads, but for the run and the shortlist; the group that they are in."""
    model = parser.add_argument_group("model and machine")
    told = "decode with this model too (repeatable)"
    model.add_argument("--ensemble", type=named, action="append", default=[], metavar="RUN", help=told)
    model.add_argument(
        "--combine", choices=get_args(Combine), default="log_linear", help="how an ensemble's models agree"
    )
    told = "cpu, cuda, cuda:1, mps; auto is a GPU if there is one, but of int8 the CPU"
    model.add_argument("--device", default="auto", help=told)
    model.add_argument("--precision", choices=get_args(Precision), default="fp32", help="of the products")
    model.add_argument(
        "--threads", type=at_least(1, MOST_THREADS), metavar="N", help="of the CPU; without, as torch chooses"
    )
    model.add_argument(
        "--batch-sentences", type=at_least(1), default=64, metavar="N", help="sentences computed together"
    )
    return model


def _defaults() -> dict[str, Any]:
    """Of the fields of `SearchOptions`."""
    return {each.name: each.default for each in fields(SearchOptions)}


def _kind(hint: Any, metavar: str | None) -> dict[str, Any]:
    """How argparse reads a value of that type."""
    if hint is bool:
        return {"action": "store_true"}
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint)}
    return {"type": float if hint is float else int, "metavar": metavar}


def search_options(options: argparse.Namespace, **others: Any) -> SearchOptions:
    """What the flags ask for, and `others`; of flags that change nothing, a line on standard error.

    Raises:
        ValueError: if a value is not allowed.
    """
    names = (name for flags in SEARCH_FLAGS.values() for name in flags)
    search = SearchOptions(**{name: getattr(options, name) for name in names if hasattr(options, name)}, **others)
    needs = dict.fromkeys(SEARCH_FLAGS["samples"], (search.is_sampled, "--method sample"))
    needs |= {"diversity": (search.groups > 1, "--groups"), "combine": (bool(options.ensemble), "--ensemble")}
    tell_idle(options, needs, {**_defaults(), "combine": "log_linear"})
    return search


def tell_idle(options: argparse.Namespace, needs: Mapping[str, tuple[bool, str]], defaults: Mapping[str, Any]) -> None:
    """Prints a line on standard error for each flag that changes nothing, as `nmt.checked.idle` finds them by name."""
    by_flag = ({flag(name): value for name, value in each.items()} for each in (needs, vars(options), defaults))
    for told in idle(*by_flag):
        print(f"nmt: {told}", file=sys.stderr)


def flag(name: str) -> str:
    """The flag of an option: "--beam-size" of "beam_size"."""
    return f"--{name.replace('_', '-')}"


def load_translator(options: argparse.Namespace, device: str) -> "Translator":
    """The model, or the ensemble, that the flags ask for."""
    import torch

    from nmt.decoding.translator import Translator
    from nmt.decoding.workers import can_fork

    if options.threads:
        torch.set_num_threads(options.threads)
    path = [options.run, *options.ensemble] if options.ensemble else options.run
    return Translator.load(path, device, options.precision, options.shortlist, options.combine, can_fork())
