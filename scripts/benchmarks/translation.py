"""`benchmark.py translate`: sentences and target tokens a second, quality, memory; see `start.py` for the cold start.

Timed is the whole of `Translator.translate` on a split of the corpus: tokenisation, batches by length, search, and the
way back to text; not loading the model. Every child translates the split once, and nothing is warmed up (but a
sentence first on a GPU, whose libraries load on demand). Tokens are those of the best hypotheses, EOS included. Quality
is that of the very output that was timed: BLEU cased and detokenised, and in the form of the Multi30k literature
(lowercased Moses tokens); words a sentence are Moses tokens too. The beam is ranked by the average log-probability; as
`nmt translate` does for text, no alternatives are recorded.
Peak memory is that of the largest process until all is translated, the model and torch included: on Linux the searches
on a CPU run in processes, as the command's do, which share the model.

A variant is how the model is loaded: its weights in fp32, bf16 or int8, with the full vocabulary or, "shortlist", only
the target types that the shortlist in the model's folder names for a sentence.

The operations and the roofline are those of `benchmarks.roofline`, for fp32 and the reference's architecture (of any
size): forward products only, the encoder once a sentence, K decoder rows for each token of the best hypothesis. What a
beam searches beyond the best hypothesis' end is work that is not counted. A product of the decoder has a row for each
hypothesis of a full batch, as has one inside the encoder's recurrence for each sentence, any other of the encoder one
for each token of the batch. So few rows make these products slower than training's.

`--peers SCRIPT FOLDER [NAME]` measures others: `SCRIPT FOLDER translate NAME BEAM_SIZE BATCH_SENTENCES` translates
test_2016_flickr of Multi30k (de-en) on the CPU with as many threads as THREADS says, and prints "N sentences/s, N words
a sentence, BLEU (lowercased, Moses tokens) N"; NAME is opennmt, then joeynmt. Their clocks run from the first batch to
the last, without loading the model, as here; but their text is tokenised and split into pieces beforehand and not
detokenised afterwards. Their models are theirs: a comparison is fair where words a sentence agree.
"""

import argparse
import itertools
import json
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.comparison import Contestant, compare
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
from benchmarks.roofline import Work, compare_with_roofline, products
from benchmarks.start import START, START_COLUMNS
from benchmarks.training import REFERENCE

if TYPE_CHECKING:
    from nmt.config import ModelConfig
    from nmt.decoding.translator import Translator

PEERS_SPLIT = "test_2016_flickr"
VARIANTS: dict[str, dict[str, Any]] = {
    "fp32": {},
    "bf16": {"precision": "bf16"},
    "int8": {"precision": "int8"},
    "shortlist": {"shortlist": True},
    "int8+shortlist": {"precision": "int8", "shortlist": True},
}
"""Arguments of `Translator.load`."""
COLUMNS = {
    "sentences_per_second": ("sentences/s", "{:,.1f}"),
    "spread": ("spread", "{:.0%}"),
    "tokens_per_second": ("target tokens/s", "{:,.0f}"),
    "tokens_per_sentence": ("tokens", "{:.1f}"),
    "words_per_sentence": ("words", "{:.1f}"),
    "bleu_literature": ("BLEU lc", "{:.2f}"),
    "bleu_cased": ("BLEU cased", "{:.2f}"),
    "gflops": ("GFLOP/s", "{:,.1f}"),
    "roofline_gflops": ("roofline", "{:,.1f}"),
    "roofline_share": ("share", "{:.0%}"),
    "usual_gflops": ("usual rate", "{:,.1f}"),
    "usual_share": ("share of it", "{:.0%}"),
    "peak_mib": ("peak MiB", "{:,.0f}"),
    "before_translation_mib": ("before", "{:,.0f}"),
    "peak_gpu_mib": ("GPU MiB", "{:,.0f}"),
}


@dataclass(frozen=True)
class Decoding:
    """A translation to measure; `corpus` is a JSON file of sentences, "src", and their references, "tgt"."""

    run: str
    corpus: str
    device: str
    variant: str
    beam_size: int
    batch_sentences: int

    def translator(self) -> "Translator":
        """The run's model, as the variant wants it."""
        from nmt.decoding.translator import Translator
        from nmt.decoding.workers import can_fork

        return Translator.load(self.run, self.device, processes=can_fork(), **VARIANTS[self.variant])

    def sentences(self, side: str) -> list[str]:
        """All of one side."""
        found: list[str] = json.loads(Path(self.corpus).read_text(encoding="utf-8"))[side]
        return found


def is_covered(network: "ModelConfig") -> bool:
    """Whether the listed products are those of the network: the reference's architecture, of any size."""
    from nmt.config import ModelConfig

    free = {"embedding_size", "hidden_size", "dropout", "recurrent_dropout", "variational", "word_dropout"}
    plain, reference = asdict(network), asdict(ModelConfig(**REFERENCE))
    return all(plain[key] == reference[key] for key in plain.keys() - free)


def works(network: "ModelConfig", vocabulary: int, timing: Figures, decoding: Decoding) -> list[Work]:
    """The forward products of a translated corpus, in full batches."""
    sentences = min(decoding.batch_sentences, timing["sentences"])
    found = []
    for product in products(network, vocabulary):
        if product.side == "tgt":
            found.append(Work(product, sentences * decoding.beam_size, timing["tgt_tokens"] * decoding.beam_size))
        else:
            in_batch = max(1, sentences * timing["src_tokens"] // timing["sentences"])
            found.append(Work(product, sentences if product.stepwise else in_batch, timing["src_tokens"]))
    return found


def prepare_translation(specification: str, path: str, split: str, limit: str, *variants: str) -> Figures:
    """Writes the sentences to the file that children read, and tries every variant; returns what it finds."""
    import datasets

    from nmt.data.corpus import load_split

    decoding = Decoding(**json.loads(specification))
    gpu = check_device(decoding.device)
    for variant in variants:
        info = replace(decoding, variant=variant).translator().info
    datasets.disable_progress_bars()
    corpus = load_split(path, info.src, info.tgt, split)
    corpus = corpus.select(range(min(len(corpus), int(limit) or len(corpus))))
    if not len(corpus):
        raise ValueError(f"split '{split}' of {path} has no sentences")
    sentences = {side: list(corpus[side]) for side in ("src", "tgt")}
    Path(decoding.corpus).write_text(json.dumps(sentences), encoding="utf-8")
    languages = {"src": info.src, "tgt": info.tgt, "vocabulary": info.tgt_vocab_size}
    return {"sentences": len(corpus), **languages, "network": asdict(info.network), "gpu": gpu}


def measure_translation(specification: str) -> Figures:
    """The figures of one pass over the corpus, and of the roofline right after it."""
    from nmt.cli.startup import import_translator

    import_translator()  # as the command does
    import torch

    from nmt.decoding.options import SearchOptions

    decoding = Decoding(**json.loads(specification))
    translator, sources = decoding.translator(), decoding.sentences("src")
    options = SearchOptions(beam_size=decoding.beam_size, alternatives=0)
    if decoding.device == "cuda":
        translator.translate(sources[0], options)
    memory = {"before_translation_mib": peak_mib()}
    texts, src_tokens, tgt_tokens = [], 0, 0
    began = time.perf_counter()
    for record in translator.translate(sources, options, batch_sentences=decoding.batch_sentences):
        texts.append(record.text)
        src_tokens += len(record.source_tokens)
        tgt_tokens += len(record.tokens)
    seconds = time.perf_counter() - began
    translator.close()
    memory["peak_mib"] = max(peak_mib(), peak_mib(resource.RUSAGE_CHILDREN))
    if decoding.device == "cuda":
        memory["peak_gpu_mib"] = torch.cuda.max_memory_allocated() / 2**20
    timing: Figures = {"sentences": len(texts), "src_tokens": src_tokens, "tgt_tokens": tgt_tokens, "seconds": seconds}
    rates = {"sentences_per_second": len(texts) / seconds, "tokens_per_second": tgt_tokens / seconds}
    figures = {**timing, **rates, "tokens_per_sentence": tgt_tokens / len(texts), **memory}
    figures["cudnn_allows_tf32"] = torch.backends.cudnn.allow_tf32
    info = translator.info
    if decoding.variant == "fp32" and is_covered(info.network):
        done = works(info.network, info.tgt_vocab_size, timing, decoding)
        figures |= compare_with_roofline(done, seconds, tgt_tokens, "32", decoding.device)
    return figures | quality(texts, decoding.sentences("tgt"), info.tgt)


def quality(hypotheses: Sequence[str], references: Sequence[str], tgt: str) -> Figures:
    """BLEU in both forms, and words a sentence."""
    from nmt.evaluation.bleu_tokens import moses_tokens
    from nmt.evaluation.metrics import corpus_scores

    cased, *_, literature = corpus_scores(hypotheses, references, tgt, literature_form=True, bootstrap=0)
    words = sum(len(line.split()) for line in moses_tokens(hypotheses, tgt)) / len(hypotheses)
    return {"words_per_sentence": words, "bleu_literature": literature.score, "bleu_cased": cased.score}


def translate_peer(*command: str) -> Figures:
    """The figures of another program; its memory is that of the largest process that it started."""
    number = r"([\d.]+)"
    pattern = rf"{number} sentences/s, {number} words a sentence, BLEU \(lowercased, Moses tokens\) {number}"
    shown = "N sentences/s, N words a sentence, BLEU (lowercased, Moses tokens) N"
    found, peak = run_peer(command, pattern, shown)
    keys = ("sentences_per_second", "words_per_sentence", "bleu_literature")
    return {**dict(zip(keys, map(float, found.groups()), strict=True)), "peak_mib": peak}


def translation_contestants(settings: argparse.Namespace, corpus: str) -> list[Contestant]:
    """This project's variants, then the peers at their best batch sizes, for each beam."""
    if settings.peers and (settings.limit or settings.split != PEERS_SPLIT):
        raise ValueError(f"--peers: they translate all of {PEERS_SPLIT}: leave out --split and --limit")
    found = []
    for beam_size in settings.beam_sizes:
        for size, variant in itertools.product(settings.batch_sentences, settings.variants):
            decoding = Decoding(settings.run, corpus, settings.device, variant, beam_size, size)
            arguments = ["measure-translation", json.dumps(asdict(decoding))]
            found.append(Contestant(variant, beam_size, size, arguments))
        for size in (128,) if beam_size == 1 else (128, 64):
            peers = peer_commands(settings.peers, settings.device, "translate", str(beam_size), str(size))
            for peer, command in peers.items():
                found.append(Contestant(peer, beam_size, size, ["translate-peer", *command]))
    return found


def translation_tables(report: Figures) -> str:
    """The contestants, the comparisons, and the cold start."""
    medians = dict(report["medians"])
    start = medians.pop(START)
    tables = [table_of(medians, COLUMNS)]
    if report["comparisons"]:
        rows = [["sentences/s of", "over those of", "ratio", "by round"]]
        for each in report["comparisons"]:
            by_round = " ".join(f"{ratio:.2f}" for ratio in each["by_round"])
            rows.append([each["of"], each["over"], f"{each['ratio']:.2f}", by_round])
        tables.append(format_table(rows))
    return "\n\n".join([*tables, table_of({START: start}, START_COLUMNS)])


def headline(figures: Figures) -> str:
    """A child's figures in a few words."""
    if "first_translation_seconds" in figures:
        return f"{figures['first_translation_seconds']:.2f} s, import torch {figures['import_torch_seconds']:.2f} s"
    return f"{figures['sentences_per_second']:,.1f} sentences/s, BLEU {figures['bleu_literature']:.2f}"


def translate(settings: argparse.Namespace, command: str) -> None:
    """`benchmark.py translate`: measures, writes the file after each round, prints the tables."""
    from nmt.evaluation.results import installed_versions

    if settings.limit and not settings.out:
        raise ValueError("--limit: give --out too, so that the figures of all sentences stay where they are")
    out = settings.out or Path(f"reports/benchmarks/translate-{settings.device}.json")
    report: Figures = {"command": command, "hardware": hardware(), "versions": installed_versions()}
    report |= {key: vars(settings)[key] for key in ("device", "threads", "split")}
    with tempfile.TemporaryDirectory() as folder:
        corpus = str(Path(folder) / "corpus.json")
        contestants = translation_contestants(settings, corpus)
        first = contestants[0].arguments[1]
        preparation = ["prepare-translation", first, settings.data, settings.split, str(settings.limit or 0)]
        report["found"] = run_child("preparation", [*preparation, *settings.variants], settings.threads)
        sentence = json.loads(Path(corpus).read_text(encoding="utf-8"))["src"][0]
        turns = {START: ["measure-start", settings.run, sentence, settings.device]}
        turns |= {each.name: each.arguments for each in contestants}

        def summarise(rounds: list[dict[str, Figures]]) -> Figures:
            medians = medians_of(rounds, "sentences_per_second")
            return {"medians": medians, "comparisons": compare(contestants, rounds, medians)}

        run_rounds(turns, settings.rounds, report, out, headline, summarise)
    print(f"\n{translation_tables(report)}\n\n{out}")
