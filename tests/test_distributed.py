"""Two processes on one machine (gloo): they train one model, and validate each sentence once."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import TINY_RUN
from safetensors.torch import load_file

from nmt.data.corpus import load_split
from nmt.data.datamodule import collate, encode
from nmt.decoding.search import SearchOptions
from nmt.decoding.translator import Translator
from nmt.evaluation.metrics import bleu
from nmt.model.saved import load_model
from nmt.training.loss import sequence_loss

pytestmark = pytest.mark.slow

TWO = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.max_epochs", "2"]


def command(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("nmt")), "train", *arguments]


def test_figures_of_two_ranks_are_those_of_one(corpus_folder: Path, tmp_path: Path) -> None:
    run = command("--name", "two", "--data.path", str(corpus_folder), *TINY_RUN, *TWO)
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "runs/two/metrics.csv", newline="") as file:
        validations = [row for row in csv.DictReader(file) if row["val_bleu"]]
    best = min(validations, key=lambda row: float(row["val_loss"]))

    translator = Translator.load(tmp_path / "runs/two", device="cpu")
    split = load_split(str(corpus_folder), "de", "en", "validation")
    rows = encode(split, translator.tokenizers)
    model, _ = load_model(tmp_path / "runs/two/model")
    with torch.no_grad():
        loss = sequence_loss(model, collate([rows[index] for index in range(len(rows))]))
    assert float(best["val_loss"]) == pytest.approx(float(loss.nll) / loss.tokens, rel=1e-5)
    found = [record.text for record in translator.translate(list(split["src"]), SearchOptions(beam_size=1))]
    assert float(best["val_bleu"]) == pytest.approx(bleu(found, list(split["tgt"]), "en"), abs=1e-4)


def test_two_ranks_stop_on_a_signal_and_go_on_bit_for_bit(corpus_folder: Path, tmp_path: Path) -> None:
    arguments = ("--data.path", str(corpus_folder), *TINY_RUN, *TWO, "--trainer.max_epochs", "40")
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
    whole, stopped = (load_file(tmp_path / "runs" / name / "model/model.safetensors") for name in ("whole", "stopped"))
    torch.testing.assert_close(stopped, whole, rtol=0, atol=0)
