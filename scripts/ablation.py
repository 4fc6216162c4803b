#!/usr/bin/env python3
"""What each attention and each decoder is worth: trains them all for the same number of updates and prints a table.

python scripts/ablation.py [--seeds 3] [--jobs 2] [--only dot conditional ...]

Each model is `configs/ablation.yaml` (embedded corpus, a small network) with the settings of `MODELS`, trained by
`nmt train` with one thread and scored by `nmt evaluate` on the test split: BLEU of beam 5, AER of the attention under
forced decoding, and the entropy of a target token's attention in nats (0: one position; log S: all alike). The runs
stay in `runs/`; those that are there already are not made again, so that the comparison can be stopped and continued.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import yaml

from nmt.cli.parsing import at_least
from nmt.decoding.alignment import attention_entropy
from nmt.evaluation.results import Evaluation, installed_versions

LUONG = ["--model.decoder", "luong", "--model.attention.score", "general"]

MODELS: dict[str, list[str]] = {
    "bahdanau, additive": [],
    "conditional": ["--model.decoder", "conditional"],
    "luong, general, input feeding": LUONG,
    "luong, general": [*LUONG, "--model.input_feeding", "false"],
    "gnmt, 2 layers": ["--model.decoder", "gnmt", "--model.layers", "2"],
    "dot": ["--model.attention.score", "dot"],
    "scaled dot": ["--model.attention.score", "scaled_dot"],
    "general": ["--model.attention.score", "general"],
    "concat": ["--model.attention.score", "concat"],
    "location": ["--model.attention.score", "location"],
    "local-m": ["--model.attention.window", "local_m", "--model.attention.reach", "4"],
    "local-p": ["--model.attention.window", "local_p", "--model.attention.reach", "4"],
    "sparsemax": ["--model.attention.normalizer", "sparsemax"],
    "entmax-1.5": ["--model.attention.normalizer", "entmax15"],
    "linguistic coverage": ["--model.attention.coverage", "linguistic"],
    "neural coverage": ["--model.attention.coverage", "neural"],
    "4 heads": ["--model.attention.heads", "4"],
    "latent alignment": ["--model.alignment", "latent"],
    "guided alignment": ["--training.guided_alignment", "0.1"],
}
"""Name in the table -> how it differs from the first."""

CONFIG = Path(__file__).parents[1] / "configs" / "ablation.yaml"
OUT = Path("reports/benchmarks/ablation.json")
FIGURES = ("BLEU", "AER", "entropy")


def run_of(name: str, seed: int) -> Path:
    """The run's folder."""
    words = "".join(letter if letter.isalnum() else " " for letter in name).split()
    return Path("runs") / f"ablation-{'-'.join(words)}-{seed}"


def make(name: str, seed: int) -> None:
    """Trains and scores one model, unless that was done before."""
    run = run_of(name, seed)
    if (run / "evaluations" / "test" / "scores.json").is_file():
        return
    again = ["--overwrite"] if run.exists() else []
    trainer = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
    settings = ["--name", run.name, "--seed", str(seed), *MODELS[name], *trainer, *again]
    for command in (["train", "--config", str(CONFIG), *settings], ["evaluate", str(run), "--split", "test"]):
        call = [sys.executable, "-c", "import sys; from nmt.cli import main; sys.exit(main())", *command]
        done = subprocess.run(call, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        if done.returncode:
            raise SystemExit(f"{run}: nmt {command[0]} failed: {done.stderr.strip().splitlines()[-1]}")
    print(f"{name}, seed {seed}: " + ", ".join(f"{k} {v:.3f}" for k, v in figures(run).items()), file=sys.stderr)


def figures(run: Path) -> dict[str, float]:
    """BLEU, AER and entropy of one run."""
    evaluation = Evaluation.load(run / "evaluations" / "test")
    assert evaluation.alignment is not None
    entropies = [attention_entropy(each.attention) for each in evaluation.translations]
    return {
        "BLEU": evaluation.scores[0].score,
        "AER": evaluation.alignment.aer,
        "entropy": float(np.concatenate(entropies).mean()),
    }


def table(results: dict[str, list[dict[str, float]]]) -> str:
    """Mean and standard deviation over the seeds, as Markdown, two models a line."""
    rows = []
    for name, runs in results.items():
        cells = [name]
        for figure, digits in zip(FIGURES, (1, 3, 2), strict=True):
            values = [each[figure] for each in runs]
            spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
            cells.append(f"{mean(values):.{digits}f}{spread}")
        rows.append(" | ".join(cells))
    half = -(-len(rows) // 2)
    head = " | ".join(["model", *FIGURES])
    pairs = itertools.zip_longest(rows[:half], rows[half:], fillvalue=" | " * len(FIGURES))
    lines = [f"{head} | {head}", "|".join(["---"] * 2 * (1 + len(FIGURES))), *map(" | ".join, pairs)]
    return "\n".join(f"| {line} |" for line in lines)


def main() -> None:
    """Trains what is missing, prints the table, and writes all figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=at_least(1), default=3, help="runs of each model (default: 3)")
    parser.add_argument("--jobs", type=at_least(1), default=os.cpu_count(), help="runs at a time, one thread each")
    parser.add_argument("--only", nargs="+", choices=MODELS, default=list(MODELS), metavar="MODEL", help="some of them")
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"JSON; of all models, {OUT} by default")
    arguments = parser.parse_args()
    names, seeds = list(dict.fromkeys(arguments.only)), range(1, arguments.seeds + 1)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda each: make(*each), [(name, seed) for seed in seeds for name in names]))
    results = {name: [figures(run_of(name, seed)) for seed in seeds] for name in names}
    print(table(results))
    out = arguments.out or (OUT if len(names) == len(MODELS) else None)
    if out is None:
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    found = {"config": config, "models": MODELS, "versions": installed_versions(), "results": results}
    out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
