"""What only a GPU can show; the rest is asked of it in `test_device`. Without one, these tests are left out."""

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
from conftest import LINKED, NETWORKS, PAIR, SENTENCES, TINY_RUN, align_word_by_word, build, name_of
from torch import Tensor

from nmt.cli import main
from nmt.config import ModelConfig, TrainingConfig
from nmt.decoding.options import SearchOptions
from nmt.decoding.translator import Translator
from nmt.training.loss import sampled_previous, sequence_loss

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
GPU = "cuda"
ON_GPU = LINKED.to(torch.device(GPU)) if torch.cuda.is_available() else LINKED
SOURCES = [source for source, _ in SENTENCES]
SOFTMAX = [each for each in NETWORKS if each.attention.normalizer == "softmax"]
OBJECTIVES = [TrainingConfig(), TrainingConfig(guided_alignment=0.5), TrainingConfig(r_drop=1.0)]


@pytest.fixture(autouse=True)
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TF32, which cuDNN else computes in."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def trained(network: ModelConfig, low: bool, compiles: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and gradients of a step, in bfloat16 where `low`, with compiled steps where `compiles`."""
    model = build(network, vocab_size=10).to(GPU).train()
    if compiles:
        model.compile_steps()
    with torch.autocast(GPU, torch.bfloat16, enabled=low):
        loss = sequence_loss(model, ON_GPU, TrainingConfig()).total
    loss.backward()
    return loss.detach().cpu(), {name: cast(Tensor, each.grad).cpu() for name, each in model.named_parameters()}


@pytest.mark.parametrize("low", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("network", SOFTMAX[::30], ids=name_of)
def test_compiled_steps_train_as_the_others_do(network: ModelConfig, low: bool) -> None:
    found, expected = (trained(network, low, compiles) for compiles in (True, False))
    within = 0.1 if low else 1e-4
    torch.testing.assert_close(found, expected, atol=within, rtol=within)


@pytest.mark.parametrize("network", NETWORKS[::15], ids=name_of)
def test_previous_tokens_are_drawn_on_the_gpu(network: ModelConfig) -> None:
    previous = sampled_previous(build(network, vocab_size=10).to(GPU), ON_GPU, 0.5).cpu()
    assert torch.equal(previous[:, 0], PAIR.tgt_ids[:, 0])
    assert ((previous >= 0) & (previous < 10)).all()


@pytest.mark.parametrize("settings", OBJECTIVES, ids=["plain", "guided", "R-Drop"])
def test_a_step_does_not_wait_for_the_gpu(settings: TrainingConfig) -> None:
    """But for what cuDNN may do: the cells here are not its own."""
    network = replace(ModelConfig(embedding_size=6, hidden_size=8), layer_norm=True)
    model = build(network, vocab_size=10).to(GPU).train()
    sequence_loss(model, ON_GPU, settings).total.backward()  # libraries are loaded by now
    torch.cuda.set_sync_debug_mode("error")
    try:
        sequence_loss(model, ON_GPU, settings).total.backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert model.output.weight.grad is not None  # all of the step was done, and nothing in it waited


def test_samples_are_given_by_their_seed(model_folder: Path) -> None:
    options = SearchOptions(method="sample", n_best=3, top_p=0.9, seed=7)
    translator = Translator.load(model_folder, GPU)
    first, again = (list(translator.translate(SOURCES, options)) for _ in range(2))
    assert [each.text for each in first] == [each.text for each in again]
    assert all(each.tokens for each in first)


def test_a_translator_in_float32_turns_tf32_off(model_folder: Path) -> None:
    torch.backends.cudnn.allow_tf32 = True
    assert Translator.load(model_folder, "auto").engine.device.type == "cuda"
    assert not torch.backends.cudnn.allow_tf32
    assert Translator.load(model_folder, "auto", "int8").engine.device.type == "cpu"


def validations(run: str) -> list[float]:
    """The losses of a run's validations."""
    with open(Path(run) / "metrics.csv", newline="") as file:
        return [float(row["val_loss"]) for row in csv.DictReader(file) if row["val_loss"]]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed", "bf16-true"])
def test_a_run_trains_and_goes_on(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = ("--data.path", str(corpus_folder), *TINY_RUN, "--trainer.accelerator", "gpu", "--trainer.devices", "1")
    settings = (*settings, "--trainer.precision", precision, "--training.average_decay", "0.9")
    assert main(["train", "--name", "whole", *settings, "--trainer.max_epochs", "2"]) == 0
    assert main(["train", "--name", "small", *settings, "--trainer.max_epochs", "1"]) == 0
    assert main(["train", "--resume", "runs/small", "--trainer.max_epochs", "2"]) == 0
    whole, small = validations("runs/whole"), validations("runs/small")
    assert len(whole) == len(small) == 2
    assert whole[1] < whole[0]
    assert small == pytest.approx(whole, rel=0.02)
    for translated in ("fp32", "bf16"):
        assert main(["translate", "runs/small", "--precision", translated, "der hund"]) == 0


@pytest.mark.parametrize(
    "flags",
    [
        ["--training.guided_alignment", "0.5", "--training.scheduled_sampling", "0.5"],
        ["--training.r_drop", "1", "--model.word_dropout", "0.1"],
        ["--model.alignment", "latent", "--model.attention.coverage", "neural"],
        ["--model.attention.window", "local_p", "--model.decoder", "luong"],
        ["--trainer.gradient_clip_algorithm", "value"],
    ],
)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_whatever_is_minimised_falls(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, flags: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for split in ("train", "validation"):
        align_word_by_word(corpus_folder, split)
    settings = ("--data.path", str(corpus_folder), *TINY_RUN, "--trainer.accelerator", "gpu", "--trainer.devices", "1")
    settings = (*settings, "--trainer.precision", precision, "--trainer.max_epochs", "3")
    assert main(["train", "--name", "run", *settings, *flags]) == 0
    losses = validations("runs/run")
    assert losses[-1] < losses[0]


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are not two GPUs")
def test_two_gpus_train_and_go_on(corpus_folder: Path, tmp_path: Path) -> None:
    nmt = [str(Path(sys.executable).with_name("nmt")), "train"]
    settings = ["--data.path", str(corpus_folder), *TINY_RUN, "--trainer.accelerator", "gpu", "--trainer.devices", "2"]
    for arguments in (["--name", "two", *settings, "--trainer.max_epochs", "1"], ["--resume", "runs/two"]):
        run = [*nmt, *arguments, *(["--trainer.max_epochs", "2"] if "--resume" in arguments else [])]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    first, second = validations(str(tmp_path / "runs/two"))
    assert second < first
