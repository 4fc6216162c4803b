#!/usr/bin/env python3
"""Measures speed and memory on this machine, beside what its matrix products could give and beside other programs.

python scripts/benchmark.py train --data FOLDER [--device cuda] [--peers SCRIPT FOLDER [NAME]]
python scripts/benchmark.py translate RUN --data FOLDER [--variants fp32 int8] [--peers SCRIPT FOLDER [NAME]]

Each figure comes from a process of its own, so that threads and peak memory are its own; the contestants take turns in
every round, so that a slow moment of the machine hits all of them. Tables show medians, the JSON file all figures.

What is counted and how stands in `benchmarks/`: `training.py`, `translation.py` and `start.py` for what is measured,
`roofline.py` for operations and the rate that the matrix products alone would give, `comparison.py` for ratios,
`harness.py` for the turns, tables and files.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import start, training, translation
from benchmarks.harness import Figures

from nmt.cli.parsing import at_least

CHILDREN: dict[str, Callable[..., Figures]] = {
    "prepare-training": training.prepare_training,
    "measure-training": training.measure_training,
    "train-peer": training.train_peer,
    "prepare-translation": translation.prepare_translation,
    "measure-translation": translation.measure_translation,
    "measure-start": start.measure_start,
    "translate-peer": translation.translate_peer,
}
"""What this script does in processes that it starts itself."""


def build_parser() -> argparse.ArgumentParser:
    """The command line; each subcommand names the function that runs it."""
    parser = argparse.ArgumentParser(prog="benchmark.py", description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="target tokens a second and memory of the training step")
    train.set_defaults(run_command=training.train)
    translate = commands.add_parser("translate", help="sentences a second, quality, memory and cold start")
    translate.set_defaults(run_command=translation.translate)
    translate.add_argument("run", metavar="RUN", help="folder of a run, or of a model")

    option = train.add_argument
    option("--data", required=True, metavar="FOLDER", help="corpus, as `nmt train --data.path` wants it (de to en)")
    option("--updates", type=at_least(1), default=60, help=f"that are timed, after {training.WARMUP_UPDATES} others")
    option("--rounds", type=at_least(1), help="default 3, on cuda 2")
    option("--batch-sentences", type=at_least(1), nargs="+", help="default 80, on cuda 80 and 512")
    option("--precision", choices=("32", "bf16"), nargs="+", help="default 32, on cuda both")
    option("--variants", choices=training.VARIANTS, nargs="+", help="default reference and luong, on cuda all")
    option("--seed", type=at_least(1), default=1)
    option("--out", type=Path, metavar="FILE", help="default reports/benchmarks/train-DEVICE.json")

    option = translate.add_argument
    option("--data", required=True, metavar="FOLDER", help="corpus, as `nmt train --data.path` wants it")
    option("--split", default=translation.PEERS_SPLIT, metavar="NAME", help="that is translated (default: %(default)s)")
    option("--limit", type=at_least(1), metavar="N", help="only the first N sentences")
    option("--rounds", type=at_least(1), default=3)
    option("--batch-sentences", type=at_least(1), nargs="+", default=[1, 32, 64, 128])
    option("--beam-sizes", type=at_least(1), nargs="+", default=[1, 5], help="1 is greedy search (default: 1 and 5)")
    option("--variants", choices=translation.VARIANTS, nargs="+", default=["fp32"])
    option("--out", type=Path, metavar="FILE", help="default reports/benchmarks/translate-DEVICE.json")

    for command in (train, translate):
        option = command.add_argument
        option("--device", choices=("cpu", "cuda"), default="cpu")
        option("--threads", type=at_least(1), default=2)
        peers = "other programs to measure beside: a script, its folder and which (default: both); see `benchmarks/`"
        option("--peers", nargs="+", metavar="PEER", help=peers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand, or what one wants in a process of its own; returns 2 for a mistake in what was asked for."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given and given[0] in CHILDREN:
            print(json.dumps(CHILDREN[given[0]](*given[1:])))
        else:
            settings = build_parser().parse_args(given)
            settings.run_command(settings, shlex.join(["python", "scripts/benchmark.py", *given]))
    except (ValueError, OSError) as error:
        print(f"benchmark.py: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
