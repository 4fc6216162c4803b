"""`benchmark.py train`: target tokens a second and memory of the training step.

Measured is the training step on the corpus in FOLDER (de-en): reading and padding a batch, forward, loss, backward,
clipping at 1.0, Adam. The reference is a bidirectional GRU 2 x 256, a GRU decoder of 512, additive attention,
embeddings of 256, untied, dropout 0.2, a joint BPE vocabulary of 7,870. Tokens are real ones: EOS counts, BOS and
padding do not. The first updates are not counted; every round has the same batches.

The operations and the roofline are those of `benchmarks.roofline`, with a decoder row for each target token: on
Multi30k, with 1.02 source tokens for each target token, 41.5 + 1.02 x 6.3 = 47.9 MFLOP a target token. A product inside
the recurrence has a row a sentence, any other one a row a token; a weight's gradient is one product over all tokens.

`--peers SCRIPT FOLDER [NAME]` measures other programs: `SCRIPT FOLDER train NAME UPDATES BATCH_SENTENCES` trains the
reference on the CPU with as many threads as THREADS says and prints "median N target tokens/s"; NAME is opennmt, then
joeynmt. Both count target tokens as here (EOS, but neither BOS nor padding) and read their data within the time that
they divide by, and both find the most probable tokens too, to log an accuracy. Their tokens are those of the script's
tokenisation, and N is a median over stretches of updates where here it is the mean over a round's updates.
"""

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.harness import (
    Figures,
    check_device,
    format_table,
    hardware,
    medians_of,
    peak_mib,
    peer_commands,
    run_child,
    run_peer,
    run_rounds,
    table_of,
)
from benchmarks.roofline import Product, Work, compare_with_roofline, products

if TYPE_CHECKING:
    from nmt.config import ModelConfig
    from nmt.data.batch import Batch
    from nmt.data.datamodule import TranslationData
    from nmt.model.seq2seq import Seq2Seq

WARMUP_UPDATES = 20
REFERENCE: dict[str, Any] = {
    **{"cell": "gru", "encoder": "bidirectional", "decoder": "bahdanau", "layers": 1, "tie_embeddings": "none"},
    **{"embedding_size": 256, "hidden_size": 512, "dropout": 0.2},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "reference": {},
    "luong": {"decoder": "luong", "input_feeding": False, "attention": {"score": "dot"}},
    "compiled": {},
}
"""What differs from the reference; "luong": scores by the dot product and, without input feeding, one fused call;
"compiled": torch compiles the steps, which on a CPU are written out as it is."""
COLUMNS = {
    "tokens_per_second": ("target tokens/s", "{:,.0f}"),
    "spread": ("spread", "{:.0%}"),
    "first_over_this": ("first / this", "{:.2f}"),
    "first_over_this_by_round": ("by round", "{:.2f}"),
    "gflops": ("GFLOP/s", "{:,.1f}"),
    "roofline_gflops": ("roofline", "{:,.1f}"),
    "roofline_share": ("share", "{:.0%}"),
    "usual_gflops": ("usual rate", "{:,.1f}"),
    "usual_share": ("share of it", "{:.0%}"),
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


def works(listed: Sequence[Product], timing: Figures, training: Training) -> list[Work]:
    """The products of the timed updates, and of their backward passes."""
    found = []
    for product in listed:
        tokens = timing[f"{product.side}_tokens"]
        gradient = max(1, tokens // training.updates)
        at_once = min(gradient, training.batch_sentences) if product.stepwise else gradient
        found.append(Work(product, at_once, tokens, gradient))
    return found


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

    from nmt.training.loss import sequence_loss

    parameters = list(model.train().parameters())
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)

    def update(batch: "Batch") -> None:
        batch = batch.to(torch.device(training.device))
        with torch.autocast(training.device, torch.bfloat16, enabled=training.precision == "bf16"):
            loss = sequence_loss(model, batch)
        (loss.total / loss.tokens).backward()
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


def prepare_training(specification: str) -> Figures:
    """Learns the tokenizer and fills the cache, so that no training does; returns what it finds."""
    import torch

    training = Training(**json.loads(specification))
    gpu = check_device(training.device)
    data = training.corpus()
    data.prepare_data()
    data.setup("fit")
    return {
        "vocabulary": data.tokenizers.tgt.vocab_size,
        "pairs": len(data.train),
        "gpu": gpu,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
    }


def measure_training(specification: str) -> Figures:
    """The figures of one training, and of the roofline right after it."""
    import torch

    from nmt.model.seq2seq import Seq2Seq
    from nmt.training.memory import keep_freed_memory

    training = Training(**json.loads(specification))
    keep_freed_memory()
    if training.precision == "32":
        torch.backends.cudnn.allow_tf32 = False  # which the roofline does without
    torch.manual_seed(training.seed)
    data = training.corpus()
    data.setup("fit")
    memory = {"before_model_mib": peak_mib()}
    vocabulary = data.tokenizers.tgt.vocab_size
    model = Seq2Seq(training.network(), vocabulary, vocabulary).to(training.device)
    if training.variant == "compiled":
        model.compile_steps()
    timing = time_updates(model, read_batches(data), training)
    memory["peak_mib"] = peak_mib()
    timing["cudnn_allows_tf32"] = torch.backends.cudnn.allow_tf32
    if training.device == "cuda":
        memory["peak_gpu_mib"] = torch.cuda.max_memory_allocated() / 2**20
    done = works(products(training.network(), vocabulary), timing, training)
    setting = training.precision, training.device
    return {**timing, **memory, **compare_with_roofline(done, timing["seconds"], timing["tgt_tokens"], *setting)}


def train_peer(*command: str) -> Figures:
    """The figures of another program; its memory is that of the largest process that it started."""
    rate, peak = run_peer(command, r"median ([\d.]+) target tokens/s", "median N target tokens/s")
    return {"tokens_per_second": float(rate[1]), "peak_mib": peak}


def summarise(rounds: Sequence[dict[str, Figures]]) -> dict[str, Figures]:
    """Medians over the rounds, spread of the rate, and how many times the rate of each the first one's is."""
    summary = medians_of(rounds, "tokens_per_second")
    first = next(iter(summary))
    for name, medians in summary.items():
        ratios = [each[first]["tokens_per_second"] / each[name]["tokens_per_second"] for each in rounds]
        medians["first_over_this"] = summary[first]["tokens_per_second"] / medians["tokens_per_second"]
        medians["first_over_this_by_round"] = median(ratios)
    return summary


def training_tables(rounds: Sequence[dict[str, Figures]], summary: dict[str, Figures]) -> str:
    """The contestants; and the products that the first one's roofline consists of."""
    first, total = next(iter(summary.items()))
    parts = [[f"products of {first}", "rows x inner x outer", "MFLOP a target token", "GFLOP/s"]]
    for place, product in enumerate(rounds[0][first]["products"]):
        gflops = median(each[first]["products"][place]["gflops"] for each in rounds)
        shape = " x ".join(map(str, product["shape"]))
        parts.append([product["name"], shape, f"{product['mflop_per_token']:.2f}", f"{gflops:,.1f}"])
    parts.append(["all", "", f"{total['mflop_per_token']:.2f}", f"{total['roofline_gflops']:,.1f}"])
    return f"{table_of(summary, COLUMNS)}\n\n{format_table(parts)}"


def training_contestants(settings: argparse.Namespace, tokenizers: str) -> dict[str, list[str]]:
    """This project's trainings, then the peers: arguments of `run_child` by name."""
    sizes = settings.batch_sentences or ([80, 512] if settings.device == "cuda" else [80])
    precisions = settings.precision or (["32", "bf16"] if settings.device == "cuda" else ["32"])
    variants = settings.variants or (list(VARIANTS) if settings.device == "cuda" else ["reference", "luong"])
    found = {}
    for kind in itertools.product(sizes, precisions, variants):
        training = Training(settings.data, tokenizers, settings.device, *kind, settings.updates, settings.seed)
        name = f"{training.variant} {training.precision.replace('32', 'fp32')} x{training.batch_sentences}"
        found[name] = ["measure-training", json.dumps(asdict(training))]
    peers = peer_commands(settings.peers, settings.device, "train", str(settings.updates), str(sizes[0]))
    return found | {peer: ["train-peer", *command] for peer, command in peers.items()}


def train(settings: argparse.Namespace, command: str) -> None:
    """`benchmark.py train`: measures, writes the file after each round, prints the tables."""
    from nmt.evaluation.results import installed_versions

    out = settings.out or Path(f"reports/benchmarks/train-{settings.device}.json")
    report: Figures = {"command": command, "hardware": hardware(), "versions": installed_versions()}
    report |= {key: vars(settings)[key] for key in ("device", "threads", "updates", "seed")}
    report |= {"warmup_updates": WARMUP_UPDATES}
    with tempfile.TemporaryDirectory() as tokenizers:
        contestants = training_contestants(settings, tokenizers)
        preparation = ["prepare-training", next(iter(contestants.values()))[1]]
        report["found"] = run_child("preparation", preparation, settings.threads)
        run_rounds(
            contestants,
            settings.rounds or (2 if settings.device == "cuda" else 3),
            report,
            out,
            lambda figures: f"{figures['tokens_per_second']:,.0f} target tokens/s",
            lambda rounds: {"medians": summarise(rounds)},
        )
    print(f"\n{training_tables(report['rounds'], report['medians'])}\n\n{out}")
