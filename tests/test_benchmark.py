"""The benchmark measures what it says; how fast anything is, no test asserts."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import benchmark
import pytest
import torch
from benchmarks import roofline
from benchmarks.harness import run_child
from benchmarks.roofline import Product, Seconds, Work, compare_with_roofline, products, seconds_per_row
from benchmarks.training import VARIANTS, WARMUP_UPDATES, Training, read_batches, summarise, time_updates, works

from nmt.model.seq2seq import Seq2Seq
from nmt.training.loss import sequence_loss

FAKE_PEER = """#!/bin/sh
[ "$2 $4 $5 threads $THREADS" = "train 2 3 threads 1" ] || { echo "wrong: $*, $THREADS threads" >&2; exit 1; }
echo "reading $1"
case $3 in opennmt) rate=1068;; joeynmt) rate=534;; esac
echo "$3-train: median $rate target tokens/s, 1 to 2000 over 5 log lines"
"""


@pytest.fixture
def training(corpus_folder: Path, tmp_path: Path) -> Training:
    found = Training(
        data=str(corpus_folder),
        tokenizers=str(tmp_path),
        device="cpu",
        batch_sentences=16,
        precision="32",
        variant="reference",
        updates=3,
        seed=1,
    )
    data = found.corpus()
    data.prepare_data()
    return found


@pytest.fixture
def peers(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        script = tmp_path / "peers.sh"
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)
        return str(script)

    return write


def mistake(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a mistake prints."""
    assert benchmark.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    return captured.err


def test_every_weight_is_a_product_once(training: Training) -> None:
    """The products' sizes are those of the model's own weight matrices, which were written down elsewhere."""
    for variant in VARIANTS:
        network = replace(training, variant=variant).network()
        listed = products(network, 50)
        model = Seq2Seq(network, 50, 50)
        left_out = ("encoder.embedding", "decoder.embedding", "decoder.bridge")
        weights = [each for name, each in model.named_parameters() if not name.startswith(left_out)]
        assert sum(each.inner * each.outer for each in listed) == sum(
            weight.numel() for weight in weights if weight.dim() == 2 and min(weight.shape) > 1
        )


def test_operations_of_the_reference(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand, with 9 source tokens for 10 target tokens and V = 7,870.

    Weights for a target token: gates 1,536 * (256 + 512 + 512), query 512 * 512, readout 1,280 * 512, output 512 * V:
    6,913,024. For a source token: gates 2 * 768 * (256 + 256), key 512 * 512: 1,048,576. Times 6: 41.478 and 6.291 M.
    """
    monkeypatch.setattr(roofline, "seconds_per_row", lambda *_: Seconds(1e-6, 1.25e-6))
    timing = {"src_tokens": 900, "tgt_tokens": 1000}
    done = works(products(training.network(), 7870), timing, training)
    found = compare_with_roofline(done, 0.02, 1000, "32", "cpu")
    assert found["mflop_per_token"] == pytest.approx(41.478144 + 0.9 * 6.291456)
    assert found["gflops"] == pytest.approx(47.1404544 * 1000 / 0.02 / 1e3)
    seconds = 5 * 900e-6 + 6 * 1000e-6  # each product's rows at a microsecond each
    assert found["roofline_gflops"] == pytest.approx(47.1404544 * 1000 / seconds / 1e3)
    assert found["roofline_share"] == pytest.approx(found["gflops"] / found["roofline_gflops"])
    assert found["usual_gflops"] == pytest.approx(found["roofline_gflops"] / 1.25)
    assert found["usual_share"] == pytest.approx(found["roofline_share"] * 1.25)


def test_only_real_target_tokens_count(training: Training) -> None:
    """The same batches by the text: words of the target and EOS; words of the source and BOS."""
    data = training.corpus()
    data.setup("fit")
    size = data.tokenizers.tgt.vocab_size
    model = Seq2Seq(training.network(), size, size)
    before = [parameter.clone() for parameter in model.parameters()]
    timing = time_updates(model, read_batches(data), training)
    timed = list(islice(read_batches(data), WARMUP_UPDATES, WARMUP_UPDATES + 3))
    places = {index: row for row, index in enumerate(data.train["index"])}  # filters may have taken some
    rows = [data.train[places[index]] for batch in timed for index in batch.indices.tolist()]
    assert timing["tgt_tokens"] == sum(len(row["tgt_ids"]) + 1 for row in rows)
    assert timing["src_tokens"] == sum(len(row["src_ids"]) + 1 for row in rows)
    assert timing["tgt_tokens"] == sum(int(sequence_loss(model, batch).tokens) for batch in timed)
    assert any(int(batch.tgt_lengths.min()) < batch.tgt_ids.shape[1] for batch in timed)  # there was padding
    assert all(not torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))


def test_batches_are_the_same_each_time_and_go_on_after_an_epoch(training: Training) -> None:
    data = training.corpus()
    data.setup("fit")
    one, other = ([b.indices.tolist() for b in islice(read_batches(data), 20)] for _ in range(2))
    assert one == other
    epoch = -(-len(data.train) // 16)
    assert sorted(sum(one[:epoch], [])) == sorted(data.train["index"])
    assert one[:epoch] != one[epoch : 2 * epoch]


def test_summary_compares_with_the_first() -> None:
    rates = {"ours": (30, 20, 10), "theirs": (10, 10, 10)}
    rounds = [
        {name: {"tokens_per_second": of[number], "note": "x"} for name, of in rates.items()} for number in range(3)
    ]
    summary = summarise(rounds)
    assert summary["ours"] == {
        "tokens_per_second": 20,
        "spread": 1,
        "first_over_this": 1,
        "first_over_this_by_round": 1,
    }
    assert summary["theirs"]["first_over_this"] == 2
    rounds[0]["theirs"]["tokens_per_second"] = 5
    rounds[2]["theirs"]["tokens_per_second"] = 2
    assert summarise(rounds)["theirs"]["first_over_this"] == 4
    assert summarise(rounds)["theirs"]["first_over_this_by_round"] == 5


@pytest.mark.slow
def test_whole_command(corpus_folder: Path, tmp_path: Path, peers: Callable[[str], str]) -> None:
    out = tmp_path / "deep" / "train.json"
    arguments = ["train", "--data", str(corpus_folder), "--updates", "2", "--rounds", "1", "--threads", "1"]
    arguments += ["--batch-sentences", "3", "--variants", "reference", "--seed", "4", "--out", str(out)]
    arguments += ["--peers", peers(FAKE_PEER), str(tmp_path)]
    # From a small process, as this one's memory would count as theirs.
    done = subprocess.run([sys.executable, benchmark.__file__, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "reference fp32 x3" in done.stdout
    assert "output layer" in done.stdout

    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["command"].startswith("python scripts/benchmark.py train --data ")
    assert {"cpu", "cores", "flags"} == set(report["hardware"])
    assert {"python", "torch"} <= set(report["versions"])
    assert (report["device"], report["threads"], report["updates"], report["seed"]) == ("cpu", 1, 2, 4)
    assert report["found"]["pairs"] > 100
    (figures,) = report["rounds"]
    assert list(figures) == list(report["medians"]) == ["reference fp32 x3", "opennmt", "joeynmt"]
    assert figures["opennmt"]["tokens_per_second"] == 1068
    assert figures["joeynmt"]["tokens_per_second"] == 534
    assert 0 < figures["joeynmt"]["peak_mib"] < figures["reference fp32 x3"]["peak_mib"]  # not that of other children

    ours = figures["reference fp32 x3"]
    assert ours["tokens_per_second"] == pytest.approx(ours["tgt_tokens"] / ours["seconds"])
    assert ours["roofline_share"] == pytest.approx(ours["gflops"] / ours["roofline_gflops"])
    assert ours["before_model_mib"] < ours["peak_mib"]
    assert [product["shape"][0] for product in ours["products"] if product["name"] == "decoder recurrence"] == [3]
    assert report["medians"]["opennmt"]["first_over_this"] == pytest.approx(ours["tokens_per_second"] / 1068)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("#!/bin/sh\necho loading >&2; echo 'no such peer' >&2; exit 3\n", "exit status 3: no such peer"),
        ("#!/bin/sh\necho nothing to say\n", "but printed: nothing to say"),
    ],
)
def test_peer_that_fails(script: str, message: str, peers: Callable[[str], str]) -> None:
    with pytest.raises(ValueError, match=message):
        run_child("opennmt", ["train-peer", peers(script)], threads=1)


def test_mistakes_are_one_line(corpus_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = ["train", "--data", str(corpus_folder), "--out", str(tmp_path / "out.json")]
    missing = str(tmp_path / "missing")
    assert f"--peers {missing}: there is no such file" in mistake([*here, "--peers", missing, "x"], capsys)
    assert "--device cuda" in mistake([*here, "--peers", __file__, "x", "--device", "cuda"], capsys)
    assert missing in mistake(["train", "--data", missing], capsys)
    assert not (tmp_path / "out.json").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu(corpus_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "torch finds no GPU" in mistake(["train", "--data", str(corpus_folder), "--device", "cuda"], capsys)


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_roofline_times_every_precision(precision: str) -> None:
    product = Product("small", "tgt", True, 4, 5)
    for gradient in (0, 6):
        best, usual = seconds_per_row(Work(product, 2, 100, gradient), precision, "cpu")
        assert 0 < best <= usual
