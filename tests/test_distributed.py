"""Two processes on one machine, or on what they take for two (gloo): they train one model, each sentence once."""

import csv
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import TINY_RUN, align_word_by_word
from safetensors.torch import load_file

from nmt.data.corpus import load_split
from nmt.data.datamodule import collate
from nmt.data.pairs import encode
from nmt.decoding.options import SearchOptions
from nmt.decoding.translator import Translator
from nmt.evaluation.aer import attention_error_rate
from nmt.evaluation.metrics import bleu
from nmt.model.saved import load_model
from nmt.training.loss import sequence_loss

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent

TWO = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.max_epochs", "2"]


NODES = ["--trainer.accelerator", "cpu", "--trainer.max_epochs", "2"]
"""How a run is trained by one process on each of two machines, which `--trainer.num_nodes` tells of."""

FULL_DISK = """
import sys
import {0}

write = {0}.{1}

def fail(*arguments, **settings):
    if any({2!r} in str(each) for each in arguments if not isinstance(each, dict)):
        raise OSError(28, "No space left on device")
    return write(*arguments, **settings)

{0}.{1} = fail
from nmt.cli import main
sys.exit(main())
"""
"""The command, where a function cannot write files of a certain name."""

SRUN = """#!/usr/bin/env bash
[[ $1 == --kill-on-bad-exit ]] && shift
processes=()
for rank in 0 1; do
  SLURM_PROCID=$rank SLURM_NODEID=$rank SLURM_LOCALID=0 "$@" &
  processes+=($!)
done
printf '%s\\n' "${processes[@]}" >> started
code=0
for process in "${processes[@]}"; do wait "$process" || code=$?; done
exit "$code"
"""
"""Starts a command as two tasks, each on a machine of its own, as far as it can tell; notes their process numbers."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def figures(run: Path) -> list[tuple[str, str]]:
    """Step and loss of each validation."""
    with open(run / "metrics.csv", newline="") as file:
        return [(row["step"], row["val_loss"]) for row in csv.DictReader(file) if row["val_loss"]]


def command(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("nmt")), "train", *arguments]


def test_figures_of_two_ranks_are_those_of_one(corpus_folder: Path, tmp_path: Path) -> None:
    align_word_by_word(corpus_folder, "validation")
    ended = ("--trainer.max_steps", "6")  # within the second epoch
    run = command("--name", "two", "--data.path", str(corpus_folder), *TINY_RUN, *TWO, *ended)
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "runs/two/metrics.csv", newline="") as file:
        validations = [row for row in csv.DictReader(file) if row["val_bleu"]]
    assert [row["step"] for row in validations] == ["4", "6"]
    best = min(validations, key=lambda row: float(row["val_loss"]))

    translator = Translator.load(tmp_path / "runs/two", device="cpu")
    split = load_split(str(corpus_folder), "de", "en", "validation")
    rows = encode(split, translator.tokenizers)
    model, _ = load_model(tmp_path / "runs/two/model")
    with torch.no_grad():
        loss = sequence_loss(model, collate([rows[index] for index in range(len(rows))]))
    assert float(best["val_loss"]) == pytest.approx(float(loss.nll) / loss.tokens, rel=1e-5)
    entropy = float(torch.special.entr(loss.attention).sum()) / loss.tokens
    assert float(best["val_attention_entropy"]) == pytest.approx(entropy, rel=1e-4)
    even = sum((len(row["tgt_ids"]) + 1) * math.log(len(row["src_ids"]) + 1) for row in rows) / loss.tokens
    assert float(best["val_attention_evenness"]) == pytest.approx(entropy / even, rel=1e-4)
    found = [record.text for record in translator.translate(list(split["src"]), SearchOptions(beam_size=1))]
    assert float(best["val_bleu"]) == pytest.approx(bleu(found, list(split["tgt"]), "en"), abs=1e-4)
    forced = list(translator.force(zip(split["src"], split["tgt"], strict=True)))
    aligned = attention_error_rate(forced, [[tuple(link) for link in links] for links in split["alignment"]])
    assert float(best["val_aer"]) == pytest.approx(aligned.aer)


IN_MEMORY = """
import nmt

words = [f"wort{number}" for number in range(90)]
pairs = [(word, word.upper()) for word in words]
corpus = {"train": pairs[:70], "validation": pairs[70:]}
config = nmt.Config(
    "two",
    data=nmt.DataConfig(tokenizer=nmt.TokenizerConfig("char"), batch_sentences=16),
    model=nmt.ModelConfig(embedding_size=8, hidden_size=12),
)
settings = {"accelerator": "cpu", "devices": 2, "strategy": "ddp", "enable_progress_bar": False}
nmt.train(config, {**settings, "max_steps": STEPS}, resume=STEPS > 2, corpus=corpus)
"""
"""A program whose processes all have the same pairs in memory."""


def test_two_ranks_keep_the_pairs_that_both_are_given_and_what_they_say_once(tmp_path: Path) -> None:
    program, log = tmp_path / "in_memory.py", tmp_path / "runs/two/train.log"
    for steps in (2, 4):
        program.write_text(IN_MEMORY.replace("STEPS", str(steps)), encoding="utf-8")
        done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        told = [line[len("2000-01-01 00:00:00 ") :] for line in log.read_text().splitlines()]
        for line in ("reading runs/two/corpus", "tokenizing 70 pairs", f"ended at step {steps}: trainer.max_steps is"):
            assert len([each for each in told if each.startswith(line)]) == (steps // 2 if "ended" not in line else 1)
    assert len(load_split(str(tmp_path / "runs/two/corpus"), "de", "en", "train")) == 70


def test_two_ranks_stop_on_a_signal_and_go_on_bit_for_bit(corpus_folder: Path, tmp_path: Path) -> None:
    ended = ("--trainer.max_epochs", "40", "--trainer.max_steps", "158")  # within the last epoch
    arguments = ("--data.path", str(corpus_folder), *TINY_RUN, *TWO, *ended)
    for name in ("whole", "stopped"):
        process = subprocess.Popen(
            command("--name", name, *arguments), cwd=tmp_path, start_new_session=True, stderr=subprocess.DEVNULL
        )
        checkpoints = tmp_path / "runs" / name / "checkpoints"
        while name == "stopped" and process.poll() is None and not list(checkpoints.glob("step-*.ckpt")):
            time.sleep(0.02)
        if name == "stopped":
            os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(timeout=300) == (0 if name == "whole" else 128 + signal.SIGTERM)
    resumed = subprocess.run(
        command("--resume", "runs/stopped"), cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert resumed.returncode == 0, resumed.stderr
    whole, stopped = (weights(tmp_path / "runs" / name) for name in ("whole", "stopped"))
    torch.testing.assert_close(stopped, whole, rtol=0, atol=0)
    assert figures(tmp_path / "runs/stopped") == figures(tmp_path / "runs/whole")


@pytest.mark.parametrize(
    ("writes", "file"),
    [
        ("nmt.data.files.fsync", "/samples/"),
        ("nmt.training.checkpoint_files.put", "best.ckpt"),
        ("nmt.training.checkpoint_files.put", "step-"),
    ],
)
def test_where_the_first_rank_cannot_save_the_other_ends_with_it(
    writes: str, file: str, corpus_folder: Path, tmp_path: Path
) -> None:
    program = tmp_path / "on_a_full_disk.py"
    program.write_text(FULL_DISK.format(*writes.rsplit(".", 1), file), encoding="utf-8")
    run = [sys.executable, str(program), *command("--name", "full", "--data.path", str(corpus_folder))[1:]]
    done = subprocess.run([*run, *TINY_RUN, *TWO], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    (told,) = [line for line in done.stderr.splitlines() if "nmt train" in line or "Error" in line]
    assert told.startswith("nmt train: [Errno 28] No space left on device")


@pytest.mark.parametrize("launcher", ["torchrun", "variables"])
def test_two_machines_that_are_joined_train_what_one_trains(launcher: str, corpus_folder: Path, tmp_path: Path) -> None:
    data = ["--data.path", str(corpus_folder), *TINY_RUN]
    subprocess.run(command("--name", "one", *data, *TWO), cwd=tmp_path, check=True, capture_output=True, timeout=300)
    shutil.copytree(tmp_path / "runs/one", tmp_path / "runs/two")
    train = command("--name", "two", "--overwrite", *data, *NODES, "--trainer.num_nodes", "2", "--trainer.devices", "1")
    torchrun, port = [str(Path(sys.executable).with_name("torchrun")), "--nnodes", "2"], str(free_port())
    torchrun += ["--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", port, "--no-python"]
    machines = []
    for rank in ("0", "1"):
        run = [*torchrun, "--node-rank", rank, *train] if launcher == "torchrun" else train
        own = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "NODE_RANK": rank} if launcher == "variables" else {}
        machines.append(subprocess.Popen(run, cwd=tmp_path, stderr=subprocess.PIPE, env=os.environ | own))
        while own and machines[0].poll() is None and not (tmp_path / "runs/.two.replaced").exists():
            time.sleep(0.1)  # the second comes when the first has put the old run aside; torchrun waits for both
    said = [machine.communicate(timeout=300)[1].decode() for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], said
    torch.testing.assert_close(weights(tmp_path / "runs/two"), weights(tmp_path / "runs/one"), rtol=0, atol=0)


def test_a_job_of_slurm_is_queued_again_and_goes_on(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in {"srun": SRUN, "scontrol": '#!/usr/bin/env bash\necho "$@" >> requeued\n'}.items():
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    job = {"JOB_ID": str(free_port()), "JOB_NAME": "nmt", "NNODES": "2", "NTASKS": "2", "NTASKS_PER_NODE": "1"}
    for name, value in {**job, "NODELIST": "127.0.0.1"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    flags = ["--data.path", str(corpus_folder), *TINY_RUN, *NODES, "--trainer.max_epochs", "40"]

    def submit(name: str) -> subprocess.Popen:
        return subprocess.Popen([ROOT / "scripts" / "train_slurm.sbatch", name, *flags], cwd=tmp_path)

    assert submit("whole").wait(timeout=300) == 0
    stopped = submit("stopped")
    while stopped.poll() is None and not list((tmp_path / "runs/stopped/checkpoints").glob("step-*.ckpt")):
        time.sleep(0.02)
    for process in (tmp_path / "started").read_text().split()[-2:]:
        os.kill(int(process), signal.SIGTERM)
    assert stopped.wait(timeout=300) == 128 + signal.SIGTERM
    assert (tmp_path / "requeued").read_text() == f"requeue {job['JOB_ID']}\n"
    assert submit("stopped").wait(timeout=300) == 0
    whole, stopped_weights = (weights(tmp_path / "runs" / name) for name in ("whole", "stopped"))
    torch.testing.assert_close(stopped_weights, whole, rtol=0, atol=0)
