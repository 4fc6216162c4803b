#!/usr/bin/env python3
"""Measures speed and memory on this machine, beside what its matrix products could give and beside other programs.

python scripts/benchmark.py train --data FOLDER [--device cuda] [--peers SCRIPT FOLDER]

Each figure comes from a process of its own, so that threads and peak memory are its own; the contestants take turns in
every round, so that a slow moment of the machine hits all of them. Tables show medians, the JSON file all figures.

`train` measures target tokens a second of the training step on the corpus in FOLDER (de-en): reading and padding a
batch, forward, loss, backward, clipping at 1.0, Adam. The reference is a bidirectional GRU 2 x 256, a GRU decoder of
512, additive attention, embeddings of 256, untied, dropout 0.2, a joint BPE vocabulary of 7,870. Tokens are real ones:
EOS counts, BOS and padding do not. The first updates are not counted; every round has the same batches.

Floating-point operations are those of the matrix products of the standard formulation, whatever the implementation
saves or repeats: a forward product of N rows by a weight (inner x outer) costs 2 N inner outer, and backward, which has
the gradients of its input and of its weight, twice as much. For each target token: input, context and previous state to
the gates, the query, readout and output layer; for each source token (BOS included): input and previous state to the
gates of both directions, and the key. Not counted are elementwise work, the bridge (once a sentence), and the scores
and mixtures of attention (below half a percent). On Multi30k, with 1.02 source tokens for each target token, that is
41.5 + 1.02 x 6.3 = 47.9 MFLOP a target token.

The roofline is what `torch.mm` gives for these very products at the same number of threads and precision, the best of
several times each: all operations over the sum of the times, the harmonic mean weighted by operations. A product inside
the recurrence has a row a sentence, any other one a row a token; a weight's gradient is one product over all tokens.

`--peers SCRIPT FOLDER` measures other programs too: `SCRIPT FOLDER train NAME UPDATES BATCH_SENTENCES` trains the
reference on the CPU with as many threads as THREADS says and prints "median N target tokens/s"; NAME is opennmt, then
joeynmt. Both count target tokens as here (EOS, but neither BOS nor padding) and read their data within the time that
they divide by, and both find the most probable tokens too, to log an accuracy. Their tokens are those of the script's
tokenisation, and N is a median over stretches of updates where here it is the mean over a round's updates.
"""

import argparse
import itertools
import json
import os
import platform
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # the process that starts the others stays small, for a child's peak begins with its parent's
    from torch import Tensor

    from nmt.config import ModelConfig
    from nmt.data.batch import Batch
    from nmt.data.datamodule import TranslationData
    from nmt.model.seq2seq import Seq2Seq

Figures = dict[str, Any]

WARMUP_UPDATES = 5
PEERS = ("opennmt", "joeynmt")
REFERENCE: dict[str, Any] = {
    **{"cell": "gru", "encoder": "bidirectional", "decoder": "bahdanau", "layers": 1, "tie_embeddings": "none"},
    **{"embedding_size": 256, "hidden_size": 512, "dropout": 0.2},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "reference": {},
    "luong": {"decoder": "luong", "input_feeding": False, "attention": {"score": "dot"}},
}
"""What differs from the reference; "luong": scores by the dot product and, without input feeding, one fused call."""
COLUMNS = {
    "tokens_per_second": ("target tokens/s", "{:,.0f}"),
    "spread": ("spread", "{:.0%}"),
    "first_over_this": ("first / this", "{:.2f}"),
    "first_over_this_by_round": ("by round", "{:.2f}"),
    "gflops": ("GFLOP/s", "{:,.1f}"),
    "roofline_gflops": ("roofline", "{:,.1f}"),
    "roofline_share": ("share", "{:.0%}"),
    "loading_share": ("loading", "{:.1%}"),
    "peak_mib": ("peak MiB", "{:,.0f}"),
    "before_model_mib": ("before the model", "{:,.0f}"),
    "peak_gpu_mib": ("GPU MiB", "{:,.0f}"),
}


@dataclass(frozen=True)
class Training:
    """A training to measure; `tokenizers` is a folder where they are, or go; precision is "32", or "bf16": autocast."""

    data: str
    tokenizers: str
    device: str
    batch_sentences: int
    precision: str
    variant: str
    updates: int
    seed: int

    def network(self) -> "ModelConfig":
        """The variant's."""
        from nmt.config import AttentionConfig, ModelConfig

        settings = REFERENCE | VARIANTS[self.variant]
        return ModelConfig(**{**settings, "attention": AttentionConfig(**settings.get("attention", {}))})

    def corpus(self) -> "TranslationData":
        """In batches that only their number of sentences limits."""
        from nmt.config import DataConfig, TokenizerConfig
        from nmt.data.datamodule import TranslationData

        config = DataConfig(path=self.data, tokenizer=TokenizerConfig(vocab_size=7870))
        tokens = self.batch_sentences * (config.max_length_tokens + 2)
        config = replace(config, batch_sentences=self.batch_sentences, batch_tokens=tokens)
        return TranslationData(config, self.seed, Path(self.tokenizers))


class Product(NamedTuple):
    """A forward product with a row for each token of a side ("src", "tgt"), `stepwise` if inside the recurrence."""

    name: str
    side: str
    stepwise: bool
    inner: int
    outer: int


def products(network: "ModelConfig", vocabulary: int) -> list[Product]:
    """The products of a GRU model with one layer and a bidirectional encoder, untied, in the standard formulation."""
    embedding, hidden, half = network.embedding_size, network.hidden_size, network.hidden_size // 2
    bahdanau = network.decoder == "bahdanau"
    contexts = [Product("context to the gates", "tgt", True, hidden, 3 * hidden)]
    keys = [Product("attention key", "src", False, hidden, hidden)]
    queries = [Product("attention query", "tgt", bahdanau, hidden, hidden)]
    learned = network.attention.score == "additive"
    return [
        Product("encoder input, forward", "src", False, embedding, 3 * half),
        Product("encoder input, backward", "src", False, embedding, 3 * half),
        Product("encoder recurrence, forward", "src", True, half, 3 * half),
        Product("encoder recurrence, backward", "src", True, half, 3 * half),
        *(keys if learned else []),
        Product("decoder input", "tgt", False, embedding, 3 * hidden),
        *(contexts if bahdanau else []),
        Product("decoder recurrence", "tgt", True, hidden, 3 * hidden),
        *(queries if learned else []),
        Product("readout", "tgt", False, 2 * hidden + bahdanau * embedding, hidden),
        Product("output layer", "tgt", False, hidden, vocabulary),
    ]


def seconds_per_row(product: Product, rows: int, tokens: int, precision: str, device: str) -> float:
    """Forward and input gradient with `rows` at once, weight gradient with all `tokens`; strides are training's."""
    import torch
    from torch.utils.benchmark import Timer

    def best_seconds(left: "Tensor", right: "Tensor") -> float:
        names = {"torch": torch, "left": left, "right": right, "out": left.new_empty(len(left), right.shape[1])}
        timer = Timer("torch.mm(left, right, out=out)", globals=names, num_threads=torch.get_num_threads())
        return min(timer.blocked_autorange(min_run_time=0.02).times)

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    weight = torch.randn(product.outer, product.inner, dtype=dtype, device=device)
    inputs = torch.randn(tokens, product.inner, dtype=dtype, device=device)
    gradients = torch.randn(tokens, product.outer, dtype=dtype, device=device)
    by_rows = best_seconds(inputs[:rows], weight.t()) + best_seconds(gradients[:rows], weight)
    return by_rows / rows + best_seconds(gradients.t(), inputs) / tokens


def compare_with_roofline(listed: Sequence[Product], timing: Figures, training: Training) -> Figures:
    """What the timed updates computed, and the rate of the same products alone, all together and each."""
    sizes = []
    for product in listed:
        at_once = max(1, timing[f"{product.side}_tokens"] // training.updates)
        sizes.append((min(at_once, training.batch_sentences) if product.stepwise else at_once, at_once))
    setting = training.precision, training.device
    passes = [  # in turn, so that a slow moment does not hit all times of a product
        [seconds_per_row(product, *size, *setting) for product, size in zip(listed, sizes, strict=True)]
        for _ in range(3)
    ]
    all_operations, all_seconds, each = 0.0, 0.0, []
    for product, (rows, _), times in zip(listed, sizes, zip(*passes, strict=True), strict=True):
        tokens = timing[f"{product.side}_tokens"]
        operations, seconds = 6 * product.inner * product.outer * tokens, min(times) * tokens
        all_operations, all_seconds = all_operations + operations, all_seconds + seconds
        figures = {"mflop_per_token": operations / timing["tgt_tokens"] / 1e6, "gflops": operations / seconds / 1e9}
        each.append({"name": product.name, "shape": [rows, product.inner, product.outer], **figures})
    return {
        "mflop_per_token": all_operations / timing["tgt_tokens"] / 1e6,
        "gflops": all_operations / timing["seconds"] / 1e9,
        "roofline_gflops": all_operations / all_seconds / 1e9,
        "roofline_share": all_seconds / timing["seconds"],
        "products": each,
    }


def read_batches(data: "TranslationData") -> Iterator["Batch"]:
    """The batches of one epoch after the other, in training's order."""
    from torch.utils.data import DataLoader

    from nmt.data.batch import BucketSampler, collate

    config = data.config
    sampler = BucketSampler(data.train_lengths, config.batch_tokens, config.batch_sentences, True, data.seed)
    for epoch in itertools.count():
        sampler.epoch = epoch
        yield from DataLoader(data.train, batch_sampler=sampler, collate_fn=collate)


def time_updates(model: "Seq2Seq", batches: Iterator["Batch"], training: Training) -> Figures:
    """Trains: first to warm up, then against the clock."""
    import torch
    from pytorch_lightning.utilities import move_data_to_device

    from nmt.training.loss import sequence_loss

    parameters = list(model.train().parameters())
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)

    def update(batch: "Batch") -> None:
        batch = move_data_to_device(batch, torch.device(training.device))
        with torch.autocast(training.device, torch.bfloat16, enabled=training.precision == "bf16"):
            minimised, _, tokens = sequence_loss(model, batch)
        (minimised / tokens).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    def now() -> float:
        if training.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    for batch in itertools.islice(batches, WARMUP_UPDATES):
        update(batch)
    began, loading_seconds, src_tokens, tgt_tokens = now(), 0.0, 0, 0
    for _ in range(training.updates):
        asked = time.perf_counter()
        batch = next(batches)
        loading_seconds += time.perf_counter() - asked
        src_tokens += int(batch.src_lengths.sum())
        tgt_tokens += int((batch.tgt_lengths - 1).sum())
        update(batch)
    seconds = now() - began
    rates = {"tokens_per_second": tgt_tokens / seconds, "loading_share": loading_seconds / seconds}
    return {"seconds": seconds, "src_tokens": src_tokens, "tgt_tokens": tgt_tokens, **rates}


def peak_mib(who: int = resource.RUSAGE_SELF) -> float:
    """The most memory that this process, or the largest of its children, has held."""
    return resource.getrusage(who).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def prepare_training(specification: str) -> Figures:
    """Learns the tokenizer and fills the cache, so that no training does; returns what it finds."""
    import torch

    training = Training(**json.loads(specification))
    if training.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: torch finds no GPU here")
    data = training.corpus()
    data.prepare_data()
    data.setup("fit")
    return {
        "vocabulary": data.tokenizers.tgt.vocab_size,
        "pairs": len(data.train),
        "gpu": torch.cuda.get_device_name() if training.device == "cuda" else None,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
    }


def measure_training(specification: str) -> Figures:
    """The figures of one training, and of the roofline right after it."""
    import torch

    from nmt.model.seq2seq import Seq2Seq

    training = Training(**json.loads(specification))
    torch.manual_seed(training.seed)
    data = training.corpus()
    data.setup("fit")
    memory = {"before_model_mib": peak_mib()}
    vocabulary = data.tokenizers.tgt.vocab_size
    model = Seq2Seq(training.network(), vocabulary, vocabulary).to(training.device)
    timing = time_updates(model, read_batches(data), training)
    memory["peak_mib"] = peak_mib()
    if training.device == "cuda":
        memory["peak_gpu_mib"] = torch.cuda.max_memory_allocated() / 2**20
    return {**timing, **memory, **compare_with_roofline(products(training.network(), vocabulary), timing, training)}


def measure_peer(*command: str) -> Figures:
    """The figures of another program; its memory is that of the largest process that it started."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(f"exit status {done.returncode}: {last_line(done.stderr)}")
    rate = re.search(r"median ([\d.]+) target tokens/s", done.stdout)
    if rate is None:
        raise ValueError(f"it should print 'median N target tokens/s', but printed: {last_line(done.stdout)}")
    return {"tokens_per_second": float(rate[1]), "peak_mib": peak_mib(resource.RUSAGE_CHILDREN)}


CHILDREN: dict[str, Callable[..., Figures]] = {
    "prepare-training": prepare_training,
    "measure-training": measure_training,
    "measure-peer": measure_peer,
}
"""What this script does in processes that it starts itself."""


def last_line(text: str) -> str:
    """The last line, where there is one."""
    return (text.strip().splitlines() or ["(nothing)"])[-1]


def run_child(name: str, arguments: Sequence[str], threads: int) -> Figures:
    """The figures that a process of `CHILDREN` prints; `name` is what an error calls it."""
    environment = {**os.environ, **dict.fromkeys(("THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))}
    done = subprocess.run([sys.executable, __file__, *arguments], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(f"{name}: {last_line(done.stderr)}")
    figures: Figures = json.loads(last_line(done.stdout))
    return figures


def summarise(rounds: Sequence[dict[str, Figures]]) -> dict[str, Figures]:
    """Medians over the rounds, spread of the rate, and how many times the rate of each the first one's is."""
    first = next(iter(rounds[0]))
    rates = {name: [each[name]["tokens_per_second"] for each in rounds] for name in rounds[0]}
    summary = {}
    for name, figures in rounds[0].items():
        numbers = [key for key, value in figures.items() if isinstance(value, int | float)]
        medians = {key: median(each[name][key] for each in rounds) for key in numbers}
        ratios = [one / other for one, other in zip(rates[first], rates[name], strict=True)]
        medians["spread"] = (max(rates[name]) - min(rates[name])) / median(rates[name])
        medians["first_over_this"] = median(rates[first]) / median(rates[name])
        medians["first_over_this_by_round"] = median(ratios)
        if "roofline_gflops" in medians:
            medians["roofline_share"] = medians["gflops"] / medians["roofline_gflops"]
        summary[name] = medians
    return summary


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Cells under each other, the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ([first.ljust(widths[0]), *map(str.rjust, others, widths[1:])] for first, *others in rows)
    return "\n".join("  ".join(line) for line in lines)


def training_tables(rounds: Sequence[dict[str, Figures]], summary: dict[str, Figures]) -> str:
    """The contestants; and the products that the first one's roofline consists of."""
    columns = {key: column for key, column in COLUMNS.items() if any(key in each for each in summary.values())}
    rows = [["", *(head for head, _ in columns.values())]]
    for name, each in summary.items():
        rows.append([name, *(form.format(each[key]) if key in each else "-" for key, (_, form) in columns.items())])
    first, total = next(iter(summary.items()))
    parts = [[f"products of {first}", "rows x inner x outer", "MFLOP a target token", "GFLOP/s"]]
    for place, product in enumerate(rounds[0][first]["products"]):
        gflops = median(each[first]["products"][place]["gflops"] for each in rounds)
        shape = " x ".join(map(str, product["shape"]))
        parts.append([product["name"], shape, f"{product['mflop_per_token']:.2f}", f"{gflops:,.1f}"])
    parts.append(["all", "", f"{total['mflop_per_token']:.2f}", f"{total['roofline_gflops']:,.1f}"])
    return f"{format_table(rows)}\n\n{format_table(parts)}"


def hardware() -> dict[str, Any]:
    """The processor, and which of its vector instructions matrix products can use."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = sorted(set(re.findall(r"\b(?:avx2|fma|avx512f|avx512_vnni|avx512_bf16|amx_\w+|asimd|sve)\b", text)))
    return {"cpu": model[1] if model else platform.machine(), "cores": os.cpu_count(), "flags": flags}


def training_contestants(settings: argparse.Namespace, tokenizers: str) -> dict[str, list[str]]:
    """This project's trainings, then the peers: arguments of `run_child` by name."""
    sizes = settings.batch_sentences or ([80, 512] if settings.device == "cuda" else [80])
    precisions = settings.precision or (["32", "bf16"] if settings.device == "cuda" else ["32"])
    found = {}
    for kind in itertools.product(sizes, precisions, settings.variants):
        training = Training(settings.data, tokenizers, settings.device, *kind, settings.updates, settings.seed)
        name = f"{training.variant} {training.precision.replace('32', 'fp32')} x{training.batch_sentences}"
        found[name] = ["measure-training", json.dumps(asdict(training))]
    if settings.peers:
        script, folder = settings.peers
        if settings.device != "cpu":
            raise ValueError("--peers: they are measured on the CPU, not with --device cuda")
        if not Path(script).is_file():
            raise ValueError(f"--peers {script}: there is no such file")
        for peer in PEERS:
            command = [str(Path(script).resolve()), folder, "train", peer, str(settings.updates), str(sizes[0])]
            found[peer] = ["measure-peer", *command]
    return found


def train(settings: argparse.Namespace, command: str) -> None:
    """`benchmark.py train`: measures, writes the file after each round, prints the tables."""
    from nmt.evaluation.results import installed_versions

    out = settings.out or Path(f"reports/benchmarks/train-{settings.device}.json")
    report: dict[str, Any] = {"command": command, "hardware": hardware(), "versions": installed_versions()}
    report |= {key: vars(settings)[key] for key in ("device", "threads", "updates", "seed")}
    report |= {"warmup_updates": WARMUP_UPDATES, "rounds": []}
    with tempfile.TemporaryDirectory() as tokenizers:
        contestants = training_contestants(settings, tokenizers)
        preparation = ["prepare-training", next(iter(contestants.values()))[1]]
        report["found"] = run_child("preparation", preparation, settings.threads)
        for number in range(1, (settings.rounds or (2 if settings.device == "cuda" else 3)) + 1):
            figures = {}
            for name, arguments in contestants.items():
                figures[name] = run_child(name, arguments, settings.threads)
                print(f"round {number}: {name}: {figures[name]['tokens_per_second']:,.0f} target tokens/s", flush=True)
            report["rounds"].append(figures)
            report["medians"] = summarise(report["rounds"])
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"\n{training_tables(report['rounds'], report['medians'])}\n\n{out}")


def positive(text: str) -> int:
    """A number of things to do."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def build_parser() -> argparse.ArgumentParser:
    """The command line; each subcommand names the function that runs it."""
    parser = argparse.ArgumentParser(prog="benchmark.py", description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    training = commands.add_parser("train", help="target tokens a second and memory of the training step")
    training.set_defaults(run=train)
    option = training.add_argument
    option("--data", required=True, metavar="FOLDER", help="corpus, as `nmt train --data.path` wants it (de to en)")
    option("--device", choices=("cpu", "cuda"), default="cpu")
    option("--threads", type=positive, default=2)
    option("--updates", type=positive, default=60, help=f"that are timed, after {WARMUP_UPDATES} others")
    option("--rounds", type=positive, help="default 3, on cuda 2")
    option("--batch-sentences", type=positive, nargs="+", help="default 80, on cuda 80 and 512")
    option("--precision", choices=("32", "bf16"), nargs="+", help="default 32, on cuda both")
    option("--variants", choices=VARIANTS, nargs="+", default=list(VARIANTS))
    option("--peers", nargs=2, metavar=("SCRIPT", "FOLDER"), help="other programs to measure beside: see this file")
    option("--seed", type=int, default=1)
    option("--out", type=Path, metavar="FILE", help="default reports/benchmarks/train-DEVICE.json")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand, or what one wants in a process of its own; returns 2 for a mistake in what was asked for."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given and given[0] in CHILDREN:
            print(json.dumps(CHILDREN[given[0]](*given[1:])))
        else:
            settings = build_parser().parse_args(given)
            settings.run(settings, shlex.join(["python", "scripts/benchmark.py", *given]))
    except (ValueError, OSError) as error:
        print(f"benchmark.py: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
