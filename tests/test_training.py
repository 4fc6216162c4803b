"""Training through the command: what a run leaves behind, and that a stopped run goes on as if it had not stopped."""

import csv
import fcntl
import io
import logging
import os
import re
import shutil
import signal
import stat
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from conftest import TINY_RUN, align_word_by_word
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import EarlyStopping, Timer
from safetensors.torch import load_file

import nmt.data.datamodule
import nmt.data.tokenizer_pair
import nmt.training.folder
import nmt.training.module
import nmt.training.reporter
import nmt.training.train
import nmt.training.validation
from nmt.cli import main
from nmt.config import Config, DataConfig, ModelConfig, TokenizerConfig, TrainingConfig
from nmt.config_file import load_config, load_settings
from nmt.data.batch import Batch
from nmt.data.corpus import load_split
from nmt.data.files import lock_folder
from nmt.decoding.alignment import attention_entropy, words_of_sides
from nmt.decoding.options import SearchOptions
from nmt.decoding.sentences import SearchBatch
from nmt.decoding.translator import Translator
from nmt.evaluation.results import Evaluation
from nmt.evaluation.samples import load_samples
from nmt.training.checkpoint_files import checkpoint_step, latest_checkpoint, write_checkpoint
from nmt.training.checkpoints import Resumable, best_checkpoint
from nmt.training.checks import idle_settings
from nmt.training.ending import how_to_go_on, why_it_ended
from nmt.training.loss import Loss
from nmt.training.quiet import quiet
from nmt.training.reporter import EpochBar
from nmt.training.stopping import STOPPING, Signals
from nmt.training.trainer_settings import TRAINER_DEFAULTS
from nmt.training.validation import Validation

UNAVAILABLE = ["--trainer.accelerator", "tpu"]  # nor is torch_xla installed


@pytest.fixture
def train(corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs `nmt train` in the temporary folder; runs go to tmp_path/runs."""
    monkeypatch.chdir(tmp_path)

    def run(name: str, *arguments: str) -> int:
        return main(["train", "--name", name, "--data.path", str(corpus_folder), *TINY_RUN, *arguments])

    return run


def weights(name: str) -> dict[str, torch.Tensor]:
    return load_file(Path("runs") / name / "model" / "model.safetensors")


def logged(name: str) -> list[tuple[str, ...]]:
    """The rows of the run's metrics.csv, without how fast it was."""
    with open(Path("runs") / name / "metrics.csv", newline="") as file:
        return [
            tuple(value for key, value in row.items() if key != "tokens_per_second") for row in csv.DictReader(file)
        ]


def progress(printed: str) -> list[str]:
    """The lines of progress, without how fast it was."""
    return re.findall(r"^step .*?(?=  tokens_per_second|$)", printed, re.MULTILINE)


def files(folder: str) -> dict[Path, bytes]:
    paths = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in paths if path.parent.name != "tensorboard"}


def one_line(capsys: pytest.CaptureFixture) -> str:
    """What went to standard error, which is one line."""
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("nmt train: ")
    return line


class Killed(BaseException):
    """As if the process had ended."""


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Holds a folder as a process does that trains in it."""
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    yield
    os.close(handle)


def fail_at(monkeypatch: pytest.MonkeyPatch, step: int, what: Callable[[], None]) -> None:
    """Does `what` in the training step of that number, counted from 1."""
    real, calls = nmt.training.module.sequence_loss, []

    def counting(model: object, batch: object, *objective: object) -> object:
        calls.append(1)
        if len(calls) == step:
            what()
        return real(model, batch, *objective)

    monkeypatch.setattr(nmt.training.module, "sequence_loss", counting)


def test_a_run_leaves_all_that_the_next_commands_need(train: Callable, capsys: pytest.CaptureFixture) -> None:
    assert train("first", "--trainer.max_epochs", "2") == 0
    folder = Path("runs/first")
    assert {path.name for path in folder.iterdir()} >= {
        "config.yaml",
        "tokenizer.json",
        "checkpoints",
        "metrics.csv",
        "model",
        "train.log",
    }
    assert {path.name for path in (folder / "model").iterdir()} == {
        "model.safetensors",
        "config.json",
        "tokenizer.json",
    }
    header, *rows = (folder / "metrics.csv").read_text().splitlines()
    assert {"train_loss", "val_loss", "val_bleu", "val_attention_entropy", "step"} <= set(header.split(","))
    assert rows
    printed = capsys.readouterr().out
    assert "train: dropped 0 of 120 pairs" in printed
    assert "val_bleu" in printed
    assert "reference" in printed
    assert Translator.load(folder).translate("der hund").source == "der hund"


def test_the_same_seed_gives_the_same_run_and_another_seed_another(train: Callable) -> None:
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        assert train(name, "--seed", seed, "--trainer.max_epochs", "1") == 0
    torch.testing.assert_close(weights("a"), weights("b"), rtol=0, atol=0)
    assert any(not torch.equal(value, weights("c")[key]) for key, value in weights("a").items())


EXTRAS = [
    [],
    ["--training.optimizer", "adadelta", "--training.schedule", "halving", "--training.halving_steps", "3"],
    ["--training.schedule", "linear"],
    ["--training.average_decay", "0.9", "--training.schedule", "plateau", "--trainer.val_check_interval", "4"],
    ["--trainer.check_val_every_n_epoch", "2", "--trainer.val_check_interval", "4"],  # where none follows in epoch 1
    [  # all that is drawn at random
        *("--data.tokenizer.kind", "bpe", "--data.tokenizer.vocab_size", "320", "--data.tokenizer.bpe_dropout", "0.3"),
        *("--model.word_dropout", "0.2"),
        *("--model.variational", "true", "--model.recurrent_dropout", "0.2", "--training.r_drop", "1"),
        *("--training.scheduled_sampling", "0.5", "--training.scheduled_sampling_steps", "10"),
    ],
]


STOPS = (4, 13), (3, 8)
"""Steps before a validation and in another epoch; within an epoch and at its end."""


@pytest.mark.parametrize(
    ("steps", "extra"),
    [
        pytest.param(
            steps, extra, marks=[] if steps == STOPS[0] and extra in (EXTRAS[0], EXTRAS[-1]) else pytest.mark.slow
        )
        for steps in STOPS
        for extra in EXTRAS
    ],
)
def test_a_run_stopped_by_a_signal_goes_on_bit_for_bit(
    train: Callable,
    monkeypatch: pytest.MonkeyPatch,
    steps: tuple[int, ...],
    extra: list[str],
    capfd: pytest.CaptureFixture,
) -> None:
    assert train("whole", "--trainer.max_epochs", "3", *extra) == 0
    told = progress(capfd.readouterr().out)
    for step in steps:
        name = f"stopped-{step}"
        with monkeypatch.context() as patch:
            fail_at(patch, step, lambda: os.kill(os.getpid(), signal.SIGTERM))
            assert train(name, "--trainer.max_epochs", "3", *extra) == 128 + signal.SIGTERM
        before = capfd.readouterr()
        assert f"go on with: nmt train --resume runs/{name}" in before.err
        assert latest_checkpoint(Path(f"runs/{name}/checkpoints")).name == f"step-{step}.ckpt"
        assert main(["train", "--resume", f"runs/{name}"]) == 0
        assert progress(before.out + capfd.readouterr().out) == told
        torch.testing.assert_close(weights(name), weights("whole"), rtol=0, atol=0)
        assert logged(name) == logged("whole")


@pytest.mark.parametrize(
    "limits",
    [
        ["--trainer.max_epochs", "3", "--trainer.max_steps", "99"],
        ["--trainer.max_epochs", "2", "--trainer.max_steps", "12"],
        ["--trainer.max_steps", "17"],
    ],
)
def test_a_run_stopped_at_the_end_of_an_epoch_goes_on_with_the_next_though_steps_are_limited(
    train: Callable, monkeypatch: pytest.MonkeyPatch, limits: list[str]
) -> None:
    assert train("whole", *limits) == 0
    with monkeypatch.context() as patch:
        fail_at(patch, 8, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert train("stopped", *limits) == 128 + signal.SIGTERM
    assert steps_of("stopped") == 8
    assert main(["train", "--resume", "runs/stopped"]) == 0
    assert steps_of("stopped") == steps_of("whole")
    torch.testing.assert_close(weights("stopped"), weights("whole"), rtol=0, atol=0)
    assert logged("stopped") == logged("whole")


def test_a_run_killed_between_checkpoints_goes_on_bit_for_bit(train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--trainer.max_epochs", "3", "--training.checkpoint_steps", "5", "--training.schedule", "linear")
    arguments += ("--trainer.val_check_interval", "13", "--trainer.check_val_every_n_epoch", "null")
    assert train("whole", *arguments) == 0

    def kill() -> None:
        raise Killed

    with monkeypatch.context() as patch:
        fail_at(patch, 15, kill)
        with pytest.raises(Killed):
            train("killed", *arguments)
    assert latest_checkpoint(Path("runs/killed/checkpoints")).name == "step-13.ckpt", (
        "after 5, 8 (the epoch's last) and 13, once that is validated"
    )
    assert main(["train", "--resume", "runs/killed"]) == 0
    torch.testing.assert_close(weights("killed"), weights("whole"), rtol=0, atol=0)
    assert logged("killed") == logged("whole")


def test_a_latent_alignment_is_trained_translated_with_and_aligned_with(train: Callable) -> None:
    network = ["--model.alignment", "latent", "--model.decoder", "luong", "--model.attention.score", "general"]
    assert train("latent", "--trainer.max_epochs", "1", *network) == 0
    translator = Translator.load("runs/latent")
    found = translator.translate("der hund")
    (forced,) = translator.force([("der hund", found.text)])
    if forced.tokens == found.tokens:
        assert forced.log_prob == pytest.approx(found.log_prob, abs=1e-4)


def test_guided_alignment_needs_an_alignment_and_follows_it(
    train: Callable, corpus_folder: Path, capsys: pytest.CaptureFixture
) -> None:
    assert train("guided", "--training.guided_alignment", "5") == 2
    assert "add a file train.align beside the texts" in capsys.readouterr().err
    assert not Path("runs/guided").exists()
    align_word_by_word(corpus_folder, "train")
    shares = {}
    for name, weight in (("guided", "5"), ("free", "0")):
        assert train(name, "--training.guided_alignment", weight, "--trainer.max_epochs", "8") == 0
        (record,) = Translator.load(f"runs/{name}").force([("der hund rennt", "DER HUND RENNT")])
        unlinked = [position for position, words in enumerate(words_of_sides(record)[0]) if not words]
        shares[name] = record.attention[:, unlinked].sum(axis=1).mean()
    assert 4 * shares["guided"] < shares["free"]


def test_a_validation_with_gold_alignments_has_the_error_rate_that_an_evaluation_has(
    train: Callable, corpus_folder: Path, capsys: pytest.CaptureFixture
) -> None:
    align_word_by_word(corpus_folder, "validation")
    links = corpus_folder / "validation.align"
    links.write_text(links.read_text().replace("1-1", "1?1 1?0"))
    several = ("--data.tokenizer.lowercase", "true", "--data.batch_sentences", "8")  # 2 batches of 12 pairs
    assert train("aligned", "--trainer.max_epochs", "3", *several) == 0
    with open("runs/aligned/metrics.csv", newline="") as file:
        validations = [row for row in csv.DictReader(file) if row["val_aer"]]
    rates = [float(row["val_aer"]) for row in validations]
    evenness = float(validations[-1]["val_attention_evenness"])
    assert f"val_aer {rates[-1]:.3f}  val_attention_evenness {evenness:.2f}" in capsys.readouterr().out
    assert main(["evaluate", "runs/aligned", "--split", "validation"]) == 0
    evaluation = Evaluation.load(Path("runs/aligned/evaluations/validation"))
    assert evaluation.alignment.aer == pytest.approx(rates[-1])
    weights = [record.attention for record in evaluation.forced]
    even = sum(len(each) * np.log(each.shape[1]) for each in weights)
    assert evenness == pytest.approx(sum(attention_entropy(each).sum() for each in weights) / even, rel=1e-3)
    assert len(rates) == 3
    assert 0 < rates[-1] < 1


def test_each_validation_leaves_the_same_sentences_as_it_translated_them(
    train: Callable, corpus_folder: Path, capsys: pytest.CaptureFixture
) -> None:
    tried = ("--training.sample_sentences", "3", "--trainer.num_sanity_val_steps", "1")  # which is no validation
    assert train("watched", "--trainer.max_epochs", "2", *tried) == 0
    first, last = load_samples(Path("runs/watched/samples"))
    changed = sum(one.text != two.text for one, two in zip(first.translations, last.translations, strict=True))
    printed = capsys.readouterr().out
    assert printed.count("\n  translation ") == 3 + changed > 3, "only those that have changed"
    assert len(re.findall(r"^step .* val_loss (?!.*learning_rate)", printed, re.MULTILINE)) == 2
    assert (first.step, last.step) == (8, 16)
    assert [each.source for each in first.translations] == [each.source for each in last.translations]
    validation = load_split(str(corpus_folder), "de", "en", "validation")
    pairs = list(zip(validation["src"], validation["tgt"], strict=True))
    every = len(pairs) // 3
    found = [(each.source, reference) for each, reference in zip(last.translations, last.references, strict=True)]
    assert found == [pairs[0], pairs[every], pairs[2 * every]]
    translator = Translator.load("runs/watched", device="cpu")  # the last validation was the best
    greedy = translator.translate([source for source, _ in found], SearchOptions(beam_size=1))
    for expected, sample in zip(greedy, last.translations, strict=True):
        assert (sample.text, sample.tokens, sample.source_spans) == (
            expected.text,
            expected.tokens,
            expected.source_spans,
        )
        np.testing.assert_allclose(sample.attention, expected.attention, atol=1e-4)


def test_a_finished_run_can_be_trained_longer(train: Callable) -> None:
    assert train("whole", "--trainer.max_epochs", "3") == 0
    assert train("longer", "--trainer.max_epochs", "2") == 0
    assert main(["train", "--resume", "runs/longer", "--trainer.max_epochs", "3"]) == 0
    torch.testing.assert_close(weights("longer"), weights("whole"), rtol=0, atol=0)


def test_a_run_is_trained_a_single_step_longer(train: Callable, capsys: pytest.CaptureFixture) -> None:
    assert train("longer", "--trainer.max_steps", "5") == 0
    assert train("whole", "--trainer.max_steps", "6") == 0
    assert main(["train", "--resume", "runs/longer", "--trainer.max_steps", "6"]) == 0
    assert capsys.readouterr().out.count("exporting step 6, the best by val_loss") == 2
    torch.testing.assert_close(weights("longer"), weights("whole"), rtol=0, atol=0)


def test_a_run_that_was_moved_knows_its_best_validation(tmp_path: Path) -> None:
    here, there = (best_checkpoint(tmp_path / name) for name in ("here", "there"))
    path = str(tmp_path / "here" / "best.ckpt")
    here.best_model_path = here.kth_best_model_path = path
    here.best_k_models, here.best_model_score, here.kth_value = {path: torch.tensor(90.0)}, *torch.full((2,), 90.0)
    there.load_state_dict(here.state_dict())
    assert there.best_model_score is None, "the file was lost"
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "best.ckpt").touch()
    there.load_state_dict(here.state_dict())
    assert there.best_model_path == there.kth_best_model_path == str(tmp_path / "there" / "best.ckpt")
    assert there.best_model_score == there.kth_value == 90.0
    assert there.best_k_models == {there.best_model_path: 90.0}
    there.load_state_dict(best_checkpoint(tmp_path / "here").state_dict())
    assert (there.best_model_path, there.best_k_models) == ("", {}), "of a step before the first validation"


def test_samples_that_the_terminal_cannot_show_do_not_end_the_training(
    train: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert train("plain", "--trainer.max_epochs", "1") == 0
    terminal.flush()
    assert b"  translation " in terminal.buffer.getvalue()
    assert b"schl?ft" in terminal.buffer.getvalue()


def test_a_longer_training_falls_to_zero_at_its_own_last_step(train: Callable) -> None:
    assert train("longer", "--trainer.max_epochs", "1", "--training.schedule", "linear") == 0
    assert main(["train", "--resume", "runs/longer", "--trainer.max_epochs", "2"]) == 0
    with open("runs/longer/metrics.csv", newline="") as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file) if row["learning_rate"] != ""]
    second_epoch = rates[4:]
    assert len(second_epoch) == 4, "8 steps, of which every other is logged"
    assert sorted(second_epoch, reverse=True) == second_epoch
    assert second_epoch[-2] > second_epoch[-1] == 0


@pytest.mark.parametrize(
    "limit",
    [["-1"], ["null", "--trainer.max_time", "00:00:01:00"], ["null", "--training.early_stopping", "2"]],
)
def test_a_rate_that_falls_until_the_end_needs_an_end(
    train: Callable, capsys: pytest.CaptureFixture, limit: list[str]
) -> None:
    assert train("endless", "--training.schedule", "linear", "--trainer.max_epochs", *limit) == 2
    assert "training.schedule: linear falls to zero at the last step, and this training has none" in one_line(capsys)
    assert not Path("runs/endless").exists()


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "64-true"])
@pytest.mark.parametrize(
    "model",
    [
        ["--model.layers", "1"],
        ["--model.decoder", "gnmt", "--model.layers", "2"],
        ["--model.attention.coverage", "neural", "--model.attention.heads", "2"],
        ["--model.attention.coverage", "linguistic", "--model.decoder", "luong"],
    ],
)
def test_other_precisions_train_and_average(train: Callable, precision: str, model: list[str]) -> None:
    averaged = ["--training.average_decay", "0.9"]
    assert train("other", "--trainer.max_epochs", "1", "--trainer.precision", precision, *averaged, *model) == 0
    kinds = {each.dtype for each in weights("other").values()}
    assert kinds == {{"bf16-mixed": torch.float32, "bf16-true": torch.bfloat16, "64-true": torch.float64}[precision]}
    averages = torch.load(latest_checkpoint(Path("runs/other/checkpoints")), weights_only=True)["state_dict"]
    kind = torch.float64 if precision == "64-true" else torch.float32
    assert {each.dtype for each in averages.values()} == {kind}, "an average of bfloat16 would stand still"


@pytest.mark.parametrize(
    ("flags", "fused"),
    [
        (["--trainer.precision", "32-true", "--trainer.gradient_clip_algorithm", "value"], True),
        (["--trainer.precision", "bf16-mixed"], True),
        (["--trainer.precision", "bf16-mixed", "--trainer.gradient_clip_algorithm", "value"], False),
    ],
)
def test_the_optimiser_is_fused_where_gradients_are_clipped_all_the_same(
    train: Callable, monkeypatch: pytest.MonkeyPatch, flags: list[str], fused: bool
) -> None:
    made, adam = [], torch.optim.AdamW

    def noted(*arguments: object, **settings: object) -> torch.optim.AdamW:
        made.append(settings["fused"])
        return adam(*arguments, **settings)

    monkeypatch.setattr(torch.optim, "AdamW", noted)
    assert train("fused", "--trainer.max_steps", "2", *flags) == 0
    assert made == [fused]


def test_a_run_is_not_overwritten_unless_asked(train: Callable, capsys: pytest.CaptureFixture) -> None:
    Path("runs/mine").mkdir(parents=True)
    Path("runs/mine/notes").write_text("mine")
    assert train("mine", "--trainer.max_epochs", "1") == 2
    assert "runs/mine exists: go on with `--resume runs/mine`" in capsys.readouterr().err
    assert Path("runs/mine/notes").read_text() == "mine"
    assert train("mine", "--trainer.max_epochs", "1", "--overwrite") == 0


def test_resuming_what_is_no_run_is_named(train: Callable, capsys: pytest.CaptureFixture) -> None:
    for folder, told in (
        ("none", "none: no such folder; give a run (runs/<name>)"),
        (".", ". is not a run: it has no"),
    ):
        assert main(["train", "--resume", folder]) == 2
        assert told in one_line(capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data.pth", "x"], "there is no key 'data.pth', did you mean 'data.path'?"),
        (["--lr", "1"], "there is no key 'lr', did you mean 'training.learning_rate'?"),
        (["--batch_size", "1"], "did you mean 'data.batch_sentences'?"),
        (["--training.optimizer", "adam"], "it must be adamw, sgd or adadelta, did you mean 'adamw'?"),
        (["--model.encoder", "brnn"], "did you mean 'bidirectional'?"),
        (["--model.cell", "LSTM"], "it must be elman, gru, gru_reset_first or lstm, did you mean 'lstm'?"),
        (["--training.learning_rate", "number"], "'number' is not allowed, it must be a number\n"),
        (["--config", "none.yaml"], "--config none.yaml: there is no such file"),
        (["."], "'.' is not a key; a config is given as `--config FILE`, a setting as `--KEY VALUE`, a corpus as"),
        (["--modle.layers", "2"], "there is no key 'modle.layers', did you mean 'model.layers'?"),
        (["--model.cell", "gruu"], "model.cell: 'gruu' is not allowed, it must be elman, gru, gru_reset_first or lstm"),
        (["--model.layers", "two"], "model.layers: 'two' is not allowed, it must be a whole number"),
        (["--model.bridge", "maybe"], "model.bridge: 'maybe' is not allowed, it must be true, false or null"),
        (["--trainer.precision", "fp16"], "trainer.precision: 'fp16' is not allowed, it must be 64, 32, 16, "),
        (
            ["--trainer.max_epochs", "1.5"],
            "trainer.max_epochs: '1.5' is not allowed, it must be a whole number or null",
        ),
        (["--data.tokenizer", "bpe"], "data.tokenizer: 'bpe' is not allowed, it must be a mapping"),
        (["--trainer.accumulate_grad_batches", "0"], "trainer.accumulate_grad_batches: 0 is not allowed"),
        (["--trainer.devices", "{}"], "should be an int > 0"),
        (["--config="], "argument --config: expected one argument"),
        (["--trainer.accumulate_grad_batches", "-1"], "trainer.accumulate_grad_batches: -1 is not allowed"),
        (["--trainer.limit_test_batches", "2"], "trainer.limit_test_batches cannot be set: training does not test"),
        (["--trainer.sync_batchnorm", "true"], "trainer.sync_batchnorm cannot be set: nothing here is normalised"),
        (
            ["--trainer.limit_val_batches", "0", "--training.early_stopping", "3"],
            "training.early_stopping: 3 is not allowed, it must be 0, for trainer.limit_val_batches is 0",
        ),
        (
            ["--trainer.limit_val_batches", "0", "--training.schedule", "plateau"],
            "training.schedule: 'plateau' is not allowed, it must be another, for trainer.limit_val_batches is 0",
        ),
        (
            ["--trainer.val_check_interval", "9"],
            "trainer.val_check_interval: 9 batches are more than an epoch has, 8: "
            "add --trainer.check_val_every_n_epoch null",
        ),
        (["--trainer.max_epochs", "0"], "trainer.max_epochs: 0 is not allowed, it must be positive, or -1 for no end"),
        (["--trainer.max_steps", "0"], "trainer.max_steps: 0 is not allowed"),
        (
            ["--training.learning_rate", "1e400"],
            "training.learning_rate: inf is not allowed, it must be",
        ),
        (["config.yaml"], "'config.yaml' is not a key; a config is given as `--config FILE`"),
        (["--model.hidden_size", "7"], "model.hidden_size: 7 is not allowed"),
        (["--trainer.max_epoch", "1"], "did you mean 'trainer.max_epochs'?"),
        (["--data.train", "training"], "no split 'training'"),
        (["--config", "none.yaml"], "none.yaml"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    train: Callable, capsys: pytest.CaptureFixture, arguments: list[str], message: str
) -> None:
    assert train("wrong", *arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert message in f"{lines[-1]}\n"
    assert lines[-1].startswith("nmt train: ")
    assert not Path("runs/wrong").exists()


def test_a_mistake_loses_nothing_of_the_run_that_was_to_be_replaced(train: Callable) -> None:
    assert train("kept", "--trainer.max_epochs", "1") == 0
    before = weights("kept")
    assert train("kept", "--overwrite", "--data.train", "training") == 2
    torch.testing.assert_close(weights("kept"), before, rtol=0, atol=0)


MISTAKEN_RESUMES = [
    (["--model.hidden_size", "16"], "model.hidden_size: 16 cannot be changed by --resume, runs/kept was trained"),
    (["--data.tokenizer.kind", "bpe"], "data.tokenizer.kind: 'bpe' cannot be changed by --resume"),
    (["--seed", "5"], "seed: 5 cannot be changed by --resume"),
    (["--training.optimizer", "sgd"], "training.optimizer: 'sgd' cannot be changed by --resume"),
    (
        ["--trainer.max_epochs", "1"],
        "trainer.max_epochs: 1 cannot be reached by --resume, runs/kept is past 2",
    ),
    (["--trainer.devices", "0"], "devices"),
    (UNAVAILABLE, "torch_xla"),
    (["--trainer.max_epochs", "-1", "--training.schedule", "linear"], "training.schedule: linear"),
]


def test_a_mistaken_resume_is_one_line_and_changes_nothing(train: Callable, capsys: pytest.CaptureFixture) -> None:
    assert train("kept", "--trainer.max_epochs", "3") == 0
    before = files("runs")
    for arguments, message in MISTAKEN_RESUMES:
        capsys.readouterr()
        assert main(["train", "--resume", "runs/kept", *arguments]) == 2
        assert message in one_line(capsys)
        assert files("runs") == before


@pytest.mark.parametrize(
    "arguments", [UNAVAILABLE, ["--data.tokenizer.kind", "bpe", "--data.tokenizer.vocab_size", "50"]]
)
def test_a_run_is_replaced_only_once_the_new_one_trains(
    train: Callable, capsys: pytest.CaptureFixture, arguments: list[str]
) -> None:
    assert train("kept", "--trainer.max_epochs", "1") == 0
    before = files("runs")
    capsys.readouterr()
    assert train("kept", "--overwrite", *arguments) == 2
    one_line(capsys)
    assert files("runs") == before
    assert train("kept", "--overwrite", "--trainer.max_epochs", "1", "--seed", "2") == 0
    assert [path.name for path in Path("runs").iterdir()] == ["kept"]
    assert files("runs") != before


@pytest.mark.parametrize(
    "arguments",
    [["--trainer.max_steps", "6", "--trainer.val_check_interval", "3"], ["--trainer.max_epochs", "1"]],
)
def test_without_a_validation_the_latest_checkpoint_is_exported(
    train: Callable, capsys: pytest.CaptureFixture, arguments: list[str]
) -> None:
    assert train("unjudged", *arguments, "--trainer.limit_val_batches", "0") == 0
    assert "no validation has chosen a checkpoint: exporting the latest, step-" in capsys.readouterr().out
    latest = torch.load(latest_checkpoint(Path("runs/unjudged/checkpoints")), weights_only=True)["state_dict"]
    for key, value in weights("unjudged").items():
        torch.testing.assert_close(value, latest[f"model.{key}"], rtol=0, atol=0)
    assert Translator.load("runs/unjudged").info.training["validated"] is False


def test_without_a_step_there_is_nothing_to_export(train: Callable, capsys: pytest.CaptureFixture) -> None:
    assert train("idle", "--trainer.limit_train_batches", "0") == 2
    printed = capsys.readouterr()
    assert "ended" not in printed.out, "the error says it all"
    assert (
        "runs/idle: not a step was trained; raise trainer.max_epochs, max_steps or limit_train_batches" in printed.err
    )


def test_an_interrupt_before_the_first_step_ends_it_and_leaves_nothing(
    train: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(nmt.data.datamodule, "train_tokenizers", interrupt)
    handler = signal.getsignal(signal.SIGINT)
    assert train("none") == 130
    assert signal.getsignal(signal.SIGINT) == handler
    assert not Path("runs/none").exists()


def test_a_trial_run_leaves_nothing_and_replaces_nothing(train: Callable, capsys: pytest.CaptureFixture) -> None:
    trial = ("--trainer.fast_dev_run", "true")
    assert train("kept", *trial) == 0
    assert not Path("runs/kept").exists()
    assert train("kept", "--trainer.max_epochs", "1") == 0
    before = files("runs")
    assert train("kept", "--overwrite", *trial) == 0
    assert "nothing is kept of a run with trainer.fast_dev_run" in capsys.readouterr().out.splitlines()[-1]
    assert main(["train", "--resume", "runs/kept", *trial]) == 0
    assert files("runs") == before


JOB = {"JOB_ID": "1", "JOB_NAME": "nmt", "NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0"}
"""What SLURM tells a job of one task, before the names of which it puts its own."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_before_the_first_step_leaves_nothing(
    train: Callable, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    for name, value in JOB.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setattr(nmt.data.datamodule.TranslationData, "prepare_data", lambda self: os.kill(os.getpid(), number))
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as stopped:
        train("stopped")
    assert stopped.value.code == 128 + number
    assert not list(Path("runs").iterdir())
    assert signal.getsignal(number) == before


def test_the_signal_before_the_time_of_a_job_is_over_stops_a_run(
    train: Callable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for name, value in JOB.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    fail_at(monkeypatch, 2, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    assert train("stopped") == 128 + signal.SIGUSR1
    assert (
        capsys.readouterr().err == "stopped by SIGUSR1; go on with: nmt train --resume runs/stopped "
        "(for a model of what there is: with --trainer.max_steps 1)\n"
    )
    assert latest_checkpoint(Path("runs/stopped/checkpoints")).name == "step-2.ckpt"
    assert not list(Path("runs/stopped").glob("hpc*")), "as Lightning stops, and queues the job again"


def test_a_signal_waits_for_the_gradient_that_is_accumulated(train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--trainer.max_epochs", "2", "--trainer.accumulate_grad_batches", "3")
    assert train("whole", *arguments) == 0
    for batch, step in ((7, 3), (4, 2)):  # of 8 an epoch: steps end with batch 3, 6 and 8
        with monkeypatch.context() as patch:
            fail_at(patch, batch, lambda: os.kill(os.getpid(), signal.SIGTERM))
            assert train("stopped", *arguments, "--overwrite") == 128 + signal.SIGTERM
        assert steps_of("stopped") == step
    assert main(["train", "--resume", "runs/stopped"]) == 0
    torch.testing.assert_close(weights("stopped"), weights("whole"), rtol=0, atol=0)


def test_null_is_lightnings_default_and_not_ours(train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRAINER_DEFAULTS, "gradient_clip_val", 1e-3)
    for name, limit in (("free", "null"), ("loose", "1e9"), ("ours", "1e-3")):
        assert train(name, "--trainer.max_epochs", "1", "--trainer.gradient_clip_val", limit) == 0
    torch.testing.assert_close(weights("free"), weights("loose"), rtol=0, atol=0)
    assert any(not torch.equal(value, weights("ours")[key]) for key, value in weights("free").items())


class Hostile:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Callable, tuple[Path]]:
        return Path.touch, (Path("executed"),)


@pytest.mark.parametrize("name", ["step-8", "best"])
def test_a_damaged_checkpoint_is_named_and_stays(train: Callable, capsys: pytest.CaptureFixture, name: str) -> None:
    assert train("cut", "--trainer.max_steps", "8") == 0
    checkpoint = Path(f"runs/cut/checkpoints/{name}.ckpt")
    hostile = io.BytesIO()
    torch.save({"state_dict": Hostile()}, hostile)
    for damaged in (checkpoint.read_bytes()[:-1000], b"", b"no checkpoint", hostile.getvalue()):
        checkpoint.write_bytes(damaged)
        before = files("runs/cut")
        capsys.readouterr()
        assert main(["train", "--resume", "runs/cut", "--trainer.max_steps", "9"]) == 2
        assert one_line(capsys).startswith(f"nmt train: {checkpoint} is damaged (")
        assert files("runs/cut") == before
    assert not Path("executed").exists()
    checkpoint.unlink()
    assert main(["train", "--resume", "runs/cut", "--trainer.max_steps", "9"]) == 0
    assert steps_of("cut") == 9


def test_a_checkpoint_of_another_form_is_told(train: Callable, capsys: pytest.CaptureFixture) -> None:
    assert train("old", "--trainer.max_steps", "2") == 0
    checkpoint = latest_checkpoint(Path("runs/old/checkpoints"))
    torch.save({**torch.load(checkpoint, weights_only=True), "format_version": 0}, checkpoint)
    capsys.readouterr()
    assert main(["train", "--resume", "runs/old", "--trainer.max_steps", "3"]) == 2
    assert f"{checkpoint} has format version 0, this program reads" in one_line(capsys)


def test_a_checkpoint_that_cannot_be_opened_is_named(train: Callable) -> None:
    assert train("cut", "--trainer.max_steps", "8") == 0
    with pytest.raises(FileNotFoundError, match=r"step-5.ckpt is not there; there are: best.ckpt, step-8.ckpt"):
        nmt.load_checkpoint("runs/cut", "step-5.ckpt")
    best = Path("runs/cut/checkpoints/best.ckpt")
    best.write_bytes(best.read_bytes()[:1000])
    with pytest.raises(ValueError, match=rf"^{best} is damaged \(.*take another of best.ckpt, step-8.ckpt$"):
        nmt.load_checkpoint("runs/cut")


def test_the_latest_checkpoint_is_that_of_the_most_steps(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path) is None
    for name in ("best", "step-9", "step-10"):
        (tmp_path / f"{name}.ckpt").touch()
        assert latest_checkpoint(tmp_path) == tmp_path / f"{name}.ckpt"


def test_a_handler_that_is_not_of_python_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    monkeypatch.setattr(signal, "signal", lambda *given: pytest.fail("there is no handler to give back"))
    with Signals().given_back():
        pass


def test_a_checkpoint_for_which_the_disk_is_too_full_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left on device: '.*writing.ckpt'"):
        write_checkpoint({}, tmp_path / "step-1.ckpt")
    trainer = SimpleNamespace(
        fast_dev_run=False,
        global_step=1,
        loggers=[SimpleNamespace(save=full)],
        _checkpoint_connector=SimpleNamespace(dump_checkpoint=dict),
    )
    with pytest.raises(OSError, match="No space left on device: '.*/run'"):
        Resumable(tmp_path / "run" / "checkpoints", 1, Signals())._save(trainer)


def test_a_second_signal_is_not_waited_for() -> None:
    numbers, signals = STOPPING, Signals()
    before = [signal.getsignal(number) for number in numbers]
    with signals.given_back():
        signals.take()
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.received == signal.SIGTERM
        assert [signal.getsignal(number) for number in numbers] == [signal.SIG_DFL] * len(numbers)
    assert [signal.getsignal(number) for number in numbers] == before


def test_signals_are_given_back_whatever_ends_a_training() -> None:
    before, signals = [signal.getsignal(number) for number in STOPPING], Signals()
    with pytest.raises(Killed), signals.given_back():  # noqa: PT012 - taken, then killed
        signals.take()
        raise Killed
    assert [signal.getsignal(number) for number in STOPPING] == before


def test_a_run_that_goes_on_with_other_pairs_says_so(
    train: Callable, capsys: pytest.CaptureFixture, corpus_folder: Path
) -> None:
    assert train("other", "--trainer.max_steps", "4") == 0
    for language in ("de", "en"):
        shutil.copy(corpus_folder / f"validation.{language}", f"validation.{language}")
        lines = (corpus_folder / f"train.{language}").read_text(encoding="utf-8").splitlines(keepends=True)
        Path(f"train.{language}").write_text("".join(lines[:-20]), encoding="utf-8")
    for steps, changed, told in (
        ("5", [], ""),
        ("6", ["--data.path", "."], "pairs 120, now 100; digest of their lengths "),
        ("7", ["--data.batch_sentences", "8"], "data.batch_sentences 16, now 8)"),
    ):
        capsys.readouterr()
        assert main(["train", "--resume", "runs/other", "--trainer.max_steps", steps, *changed]) == 0
        printed = capsys.readouterr().out
        assert told in printed
        assert ("train: not as in the checkpoint (" in printed) == bool(told)


def test_half_a_line_of_the_log_is_left_out_and_one_that_was_put_aside_comes_back(train: Callable) -> None:
    assert train("longer", "--trainer.max_epochs", "1") == 0
    whole, path = logged("longer"), Path("runs/longer/metrics.csv")
    with open(path, "a") as file:
        file.write("1,")
    path.rename("runs/longer/.metrics.csv.replaced")  # as by a resumed run that was killed before it trained
    path.write_text("step\n")
    assert main(["train", "--resume", "runs/longer", "--trainer.max_epochs", "2"]) == 0
    assert logged("longer")[: len(whole)] == whole
    assert not list(Path("runs/longer").glob(".*"))


@pytest.mark.parametrize(
    ("arguments", "step"),
    [(["--trainer.max_epochs", "1"], 2), (["--trainer.val_check_interval", "1"], 1)],  # in training, in validation
)
def test_a_loss_that_is_not_finite_is_one_line(
    train: Callable, capsys: pytest.CaptureFixture, arguments: list[str], step: int
) -> None:
    assert train("diverged", "--training.learning_rate", "1e38", "--training.warmup_steps", "0", *arguments) == 2
    told = one_line(capsys)
    assert re.search(rf"the loss is (nan|inf) at step {step}: lower training.learning_rate, 1e\+38", told)
    assert told.endswith("and train anew with --overwrite")


@pytest.mark.parametrize("steps", ["-1", "99"])
def test_a_run_that_has_diverged_goes_on_from_its_best_validation_bit_for_bit(
    train: Callable, capsys: pytest.CaptureFixture, steps: str
) -> None:
    average = ("--training.average_decay", "0.9", "--trainer.max_steps", steps)
    assert train("whole", "--trainer.max_epochs", "3", *average) == 0
    assert train("steep", "--trainer.max_epochs", "1", *average) == 0
    capsys.readouterr()
    steep = ("--training.learning_rate", "1e38", "--training.checkpoint_steps", "1")
    assert main(["train", "--resume", "runs/steep", "--trainer.max_epochs", "3", *steep]) == 2
    diverged = latest_checkpoint(Path("runs/steep/checkpoints"))
    again = f"`nmt train --resume runs/steep --training.learning_rate LOWER`; if it diverges again, delete {diverged}"
    assert f"and go on from step 9 with {again}, and it goes on from the best validation" in one_line(capsys)
    diverged.unlink()
    assert main(["train", "--resume", "runs/steep", "--training.learning_rate", "0.01"]) == 0
    torch.testing.assert_close(weights("steep"), weights("whole"), rtol=0, atol=0)
    assert logged("steep") == logged("whole")


def test_a_run_whose_average_is_given_up_goes_on_with_the_weights_that_were_trained(train: Callable) -> None:
    assert train("raw", "--trainer.max_steps", "4", "--training.average_decay", "0.9") == 0
    trained = torch.load(latest_checkpoint(Path("runs/raw/checkpoints")), weights_only=True)["current_model_state"]
    still = ("--training.average_decay", "0", "--training.learning_rate", "1e-30", "--trainer.max_steps", "5")
    assert main(["train", "--resume", "runs/raw", *still]) == 0
    on = torch.load(latest_checkpoint(Path("runs/raw/checkpoints")), weights_only=True)["state_dict"]
    torch.testing.assert_close(on, trained, rtol=0, atol=0)


def test_a_validation_without_finite_probabilities_is_one_line(
    train: Callable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def nothing(model: object, memory: object, state: object, batch: SearchBatch, *_: object) -> list[list]:
        return [[] for _ in batch.limits]

    monkeypatch.setattr(nmt.training.validation, "search", nothing)
    assert train("diverged", "--trainer.max_epochs", "1") == 2
    assert "no probability is finite at step 8: lower training.learning_rate, " in one_line(capsys)


def test_a_source_that_is_too_long_to_train_on_does_not_make_a_validation_last(
    train: Callable, corpus_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for language in ("de", "en"):
        with open(corpus_folder / f"validation.{language}", "a") as file:
            file.write("ja " * 2000 + "\n")
    real, limits = nmt.training.validation.search, []

    def noting(model: object, memory: object, state: object, batch: SearchBatch, *others: object) -> object:
        limits.extend(batch.limits.tolist())
        return real(model, memory, state, batch, *others)

    monkeypatch.setattr(nmt.training.validation, "search", noting)
    assert train("long", "--trainer.max_steps", "1", "--data.max_length_tokens", "40") == 0
    assert "validation: 13 pairs, 1 of them longer than data.max_length_tokens" in capsys.readouterr().out
    assert max(limits) == 80
    assert min(limits) < 40, "as before: twice the source, and 10"


def test_a_run_without_a_name_has_that_of_its_corpus(
    train: Callable, corpus_folder: Path, capsys: pytest.CaptureFixture
) -> None:
    arguments = ["--data.path", f"{corpus_folder}/", *TINY_RUN, "--trainer.max_steps"]
    assert main(["train", *arguments, "1"]) == 0
    assert "model: runs/corpus_de_en/model" in capsys.readouterr().out
    assert load_config(Path("runs/corpus_de_en/config.yaml")).name == "corpus_de_en"
    shutil.copytree(corpus_folder, "moved")
    assert main(["train", "--resume", "runs/corpus_de_en", "--data.path", "moved", "--trainer.max_steps", "2"]) == 0


def test_nothing_is_logged_between_validations_if_not_asked_for(train: Callable) -> None:
    assert train("silent", "--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "0") == 0


def test_the_speed_of_the_first_steps_leaves_out_what_came_before(
    train: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1000, 2000))
    monkeypatch.setattr(nmt.training.module.time, "perf_counter", lambda: float(next(clock)))
    assert train("timed", "--trainer.max_steps", "2") == 0
    with open("runs/timed/metrics.csv", newline="") as file:
        (speed,) = (float(row["tokens_per_second"]) for row in csv.DictReader(file) if row["tokens_per_second"])
    assert speed > 16, "two batches of 16 sentences in a second"


def test_a_checkpoint_is_on_the_disk_before_the_last_one_is_deleted(
    train: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    flush, unlink = os.fsync, Path.unlink

    def flushing(descriptor: int) -> None:
        flush(descriptor)
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")

    def unlinking(path: Path) -> None:
        done.append(path.name)
        unlink(path)

    monkeypatch.setattr(os, "fsync", flushing)
    monkeypatch.setattr(Path, "unlink", unlinking)
    assert train("flushed", "--trainer.max_epochs", "2", "--training.sample_sentences", "0") == 0
    config = best = latest = ["file", "folder"]
    model = ["file", "file", "file", "folder"]
    assert done == [*config, *best, *latest, *best, *latest, "step-8.ckpt", *model]


def test_a_run_that_failed_before_its_first_checkpoint_is_not_in_the_way(train: Callable) -> None:
    assert (
        train("again", "--data.tokenizer.kind", "bpe", "--data.tokenizer.vocab_size", "50") == 2
    )  # too few for the bytes
    assert train("again", "--trainer.max_epochs", "1") == 0


def test_an_unknown_key_of_a_file_is_named(train: Callable, capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("model:\n  hiden_size: 5\n")
    assert train("wrong", "--config", "wrong.yaml") == 2
    assert "there is no key 'model.hiden_size', did you mean 'model.hidden_size'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("- model", "--config wrong.yaml: a config is a mapping of keys to settings, not ['model']"),
        ("data: [{path: x}]", "--config wrong.yaml: data is a section, not [{'path': 'x'}]"),
        ("model: {attention: dot}", "--config wrong.yaml: model.attention is a section, not 'dot'"),
        (
            "model: [1",
            """--config wrong.yaml is not YAML in UTF-8: while parsing a flow sequence in "wrong.yaml", line 1""",
        ),
        (
            "model: {encoder: null}",
            "model.encoder: null is not allowed, it must be forward, reversed, bidirectional or",
        ),
        ("seed: null", "seed: null is not allowed, it must be a whole number"),
        ("trainer: {accumulate_grad_batches: null}", "trainer.accumulate_grad_batches: null is not allowed"),
    ],
)
def test_a_config_that_is_none_is_named(
    train: Callable, capsys: pytest.CaptureFixture, written: str, message: str
) -> None:
    Path("wrong.yaml").write_text(written + "\n")
    assert train("wrong", "--data.path", "phrasebook", "--config", "wrong.yaml") == 2
    assert message in one_line(capsys)


def test_a_section_may_be_commented_out(train: Callable) -> None:
    Path("all.yaml").write_text("# name: x\n")
    Path("some.yaml").write_text("training:\n  # patience: 3\nmodel:\n  attention:\n")
    assert train("defaults", "--config", "all.yaml", "--config=some.yaml", "--trainer.max_steps", "1") == 0


def test_a_run_with_null_goes_on_with_null(train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("null.yaml").write_text("trainer: {max_epochs: null, max_steps: 12, limit_train_batches: 1}\n")
    extra = ["--config", "null.yaml"]  # by default it would end with the tenth epoch
    assert train("whole", *extra) == 0
    with monkeypatch.context() as patch:
        fail_at(patch, 3, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert train("stopped", *extra) == 128 + signal.SIGTERM
    assert main(["train", "--resume", "runs/stopped"]) == 0
    torch.testing.assert_close(weights("stopped"), weights("whole"), rtol=0, atol=0)
    assert latest_checkpoint(Path("runs/stopped/checkpoints")).name == "step-12.ckpt"


def test_the_model_of_a_run_that_is_done_or_stopped_is_exported_by_resuming_it(
    train: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train("done", "--trainer.max_epochs", "1") == 0
    before = weights("done")
    shutil.rmtree("runs/done/model")  # as if the process had been killed before
    with monkeypatch.context() as patch:
        patch.chdir("runs/done")
        assert main(["train", "--resume", "."]) == 0
        assert main(["translate", ".", "hund"]) == 0
    torch.testing.assert_close(weights("done"), before, rtol=0, atol=0)


def test_one_goes_on_with_a_run_or_replaces_it(train: Callable, capsys: pytest.CaptureFixture) -> None:
    assert train("kept", "--trainer.max_steps", "1") == 0
    capsys.readouterr()
    assert main(["train", "--resume", "runs/kept", "--overwrite"]) == 2
    assert "--resume goes on with a run, --overwrite replaces it: give one of them" in one_line(capsys)


def test_a_run_that_was_put_aside_by_a_killed_process_comes_back(
    train: Callable, capsys: pytest.CaptureFixture
) -> None:
    assert train("kept", "--trainer.max_epochs", "1") == 0
    before = files("runs/kept")
    Path("runs/kept").rename("runs/.kept.replaced")
    Path("runs/kept").mkdir()
    Path("runs/kept/tokenizer.json").write_text("{}")
    assert train("kept", "--trainer.max_epochs", "1") == 2
    assert "runs/kept exists" in capsys.readouterr().err
    assert files("runs/kept") == before
    assert not Path("runs/.kept.replaced").exists()


def test_a_run_that_was_put_aside_is_gone_on_with(train: Callable, capsys: pytest.CaptureFixture) -> None:
    assert train("kept", "--trainer.max_steps", "8") == 0
    for steps in 9, 10:
        Path("runs/kept").rename("runs/.kept.replaced")
        Path("runs/kept").mkdir()
        for command in (["translate", "runs/kept", "hund"], ["evaluate", "runs/kept", "--split", "test"]):
            capsys.readouterr()
            assert main(command) == 2
            assert "runs/kept was put aside, as runs/.kept.replaced" in capsys.readouterr().err
        limit = {"max_steps": steps, "accelerator": "cpu", "enable_progress_bar": False}
        if steps == 9:
            assert main(["train", "--resume", "runs/kept", "--trainer.max_steps", "9"]) == 0
        else:
            config = load_config(Path("runs/.kept.replaced/config.yaml"))
            assert nmt.train(config, limit, Path("runs/kept"), resume=True) == Path("runs/kept/model")
        assert [path.name for path in Path("runs").iterdir()] == ["kept"]
        assert validated("kept") == [(8, 1), (steps, 2)]
        assert steps_of("kept") == steps


def test_a_full_disk_loses_nothing_of_the_run_that_was_to_be_replaced(
    train: Callable, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train("kept", "--trainer.max_steps", "1") == 0
    before = files("runs")
    capsys.readouterr()

    def full(unfinished: Path, path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(nmt.training.folder, "put", full)
    assert train("kept", "--overwrite") == 2
    assert "No space left on device: 'runs/kept/config.yaml'" in one_line(capsys)
    assert files("runs") == before


def test_a_model_is_exported_as_a_whole(train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    assert train("done", "--trainer.max_steps", "5") == 0
    Path("runs/done/model/shortlist.safetensors").write_bytes(b"shortlist")
    before = files("runs/done/model")

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(nmt.data.tokenizer_pair.TokenizerPair, "save", kill)
        with pytest.raises(Killed):
            main(["train", "--resume", "runs/done", "--trainer.max_steps", "6"])
    assert files("runs/done/model") == before
    assert main(["train", "--resume", "runs/done"]) == 0
    assert files("runs/done/model").keys() == before.keys()
    assert files("runs/done/model") != before
    assert not list(Path("runs/done").glob(".*"))


def test_a_run_is_held_and_no_signal_counts_until_its_model_is_exported(
    train: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = nmt.training.train.export_best

    def signalled(*given: Any) -> None:
        with pytest.raises(BlockingIOError):
            lock_folder(Path("runs/held"))
        os.kill(os.getpid(), signal.SIGTERM)
        real(*given)

    monkeypatch.setattr(nmt.training.train, "export_best", signalled)
    assert train("held", "--trainer.max_steps", "1") == 0
    assert Translator.load("runs/held").translate("der hund").source == "der hund"


@pytest.mark.parametrize("reader", ["none", "full disk"])
def test_a_training_goes_on_though_its_output_cannot_be_written(
    train: Callable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, reader: str
) -> None:
    read, write = os.pipe()
    os.close(read)
    if reader == "full disk":
        os.dup2(os.open("/dev/full", os.O_WRONLY), write)
    with open(write, "w") as output, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", output)
        assert train("unheard", "--trainer.max_steps", "1") == 0
    assert "standard output cannot be written ([Errno " in one_line(capsys)
    assert weights("unheard")


def test_where_another_process_has_ended_it_is_told_how_to_go_on(
    train: Callable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    lost = RuntimeError("[/gloo/transport/tcp/pair.cc:537] Read error [127.0.0.1]:24971: Connection reset by peer")
    late = torch.distributed.DistNetworkError("The client socket has timed out after 1800000ms")

    def lose(config: Config, *_: object) -> None:
        raise lost if config.name == "begun" else late

    assert train("begun", "--trainer.max_steps", "1") == 0
    monkeypatch.setattr(nmt.training.train, "train", lose)
    told = "another process of the training has ended, or not come: see what it says (nothing, if it was killed), and"
    for name, then in {"begun": "go on with: nmt train --resume runs/begun", "new": "train anew"}.items():
        capsys.readouterr()
        assert train(name) == 2
        assert one_line(capsys) == f"nmt train: {told} {then}"


def test_what_was_put_aside_is_not_put_back_over_a_run_that_has_begun(
    train: Callable, capsys: pytest.CaptureFixture
) -> None:
    assert train("kept", "--trainer.max_epochs", "1") == 0
    before = files("runs/kept")
    Path("runs/.kept.replaced").mkdir()  # what is left of it: the process was killed while it deleted it
    Path("runs/.kept.replaced/metrics.csv").write_text("")
    assert train("kept", "--trainer.max_epochs", "1") == 2
    assert "runs/kept exists" in capsys.readouterr().err
    assert files("runs/kept") == before
    assert [path.name for path in Path("runs").iterdir()] == ["kept"]


@pytest.mark.parametrize("name", [".kept.replaced", "..", "a/b", ""])
def test_a_name_is_that_of_a_visible_folder(train: Callable, capsys: pytest.CaptureFixture, name: str) -> None:
    assert train(name) == 2
    assert "it must be a folder name without slashes, and no dot at its beginning" in one_line(capsys)


def test_a_run_that_another_process_prepares_is_left_to_it(train: Callable, capsys: pytest.CaptureFixture) -> None:
    Path("runs/new").mkdir(parents=True)
    with locked("runs/new"):
        assert train("new") == 2
    assert "runs/new is being trained by another process" in one_line(capsys)
    assert train("new", "--trainer.max_steps", "1") == 0


def test_a_model_is_not_exported_anew_if_nothing_was_trained(train: Callable, capsys: pytest.CaptureFixture) -> None:
    assert train("kept", "--trainer.max_epochs", "1") == 0
    before = files("runs/kept")
    assert train("kept", "--overwrite", "--trainer.limit_train_batches", "0") == 2
    assert "not a step was trained" in capsys.readouterr().err
    assert files("runs/kept") == before


@pytest.mark.parametrize("again", [["--resume", "runs/kept"], ["--name", "kept", "--overwrite"]])
def test_a_run_is_trained_by_one_process_at_a_time(
    train: Callable, capsys: pytest.CaptureFixture, again: list[str]
) -> None:
    assert train("kept", "--trainer.max_epochs", "1") == 0
    before = files("runs/kept")
    with locked("runs/kept"):
        assert train("kept", *again, "--trainer.max_epochs", "2") == 2
        assert "runs/kept is being trained by another process" in capsys.readouterr().err
        assert files("runs/kept") == before
    assert train("kept", *again, "--trainer.max_epochs", "2") == 0


def test_what_a_process_has_put_aside_that_is_still_there_is_left_alone(
    train: Callable, capsys: pytest.CaptureFixture
) -> None:
    assert train("kept", "--trainer.max_epochs", "1") == 0
    Path("runs/kept").rename("runs/.kept.replaced")
    Path("runs/kept").mkdir()
    before = files("runs")
    with locked("runs/.kept.replaced"):
        assert train("kept", "--overwrite") == 2
    assert "runs/kept is being trained by another process" in capsys.readouterr().err
    assert files("runs") == before
    assert Path("runs/kept").is_dir()


STILL = ("--training.learning_rate", "1e-30", "--training.schedule", "constant")
"""Training that changes nothing, so that no validation is better than the one before."""


def steps_of(name: str) -> int:
    return int(latest_checkpoint(Path("runs") / name / "checkpoints").stem.removeprefix("step-"))


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch takes a minute."""
    monkeypatch.setattr(Timer, "time_elapsed", lambda self, stage="train": 60.0 * self.batches)
    monkeypatch.setattr(Timer, "batches", 0, raising=False)
    real = nmt.training.module.sequence_loss

    def counting(model: object, batch: object, *objective: object) -> object:
        Timer.batches += 1
        return real(model, batch, *objective)

    monkeypatch.setattr(nmt.training.module, "sequence_loss", counting)


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize(
    "extra",
    [
        [],
        ["--trainer.val_check_interval", "3", "--trainer.check_val_every_n_epoch", "null"],
        ["--training.schedule", "plateau", "--training.patience", "1", "--training.early_stopping", "2", *STILL],
        ["--training.average_decay", "0.9", "--trainer.check_val_every_n_epoch", "2"],
    ],
)
def test_a_run_that_ended_within_an_epoch_goes_on_within_it(train: Callable, extra: list[str]) -> None:
    assert train("whole", "--trainer.max_epochs", "3", *extra) == 0
    for key, ended, raised in (("max_steps", "12", "-1"), ("max_time", "00:00:11:30", "01:00:00:00")):
        Timer.batches = 0
        assert train(key, "--trainer.max_epochs", "3", f"--trainer.{key}", ended, *extra) == 0  # of 8 an epoch
        assert steps_of(key) == 12
        assert main(["train", "--resume", f"runs/{key}", f"--trainer.{key}", raised]) == 0
        torch.testing.assert_close(weights(key), weights("whole"), rtol=0, atol=0)
        assert logged(key) == logged("whole")


def test_a_stopped_run_gives_a_model_of_what_there_is_and_goes_on(
    train: Callable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert train("whole", "--trainer.max_epochs", "2") == 0
    with monkeypatch.context() as patch:
        fail_at(patch, 5, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert train("stopped", "--trainer.max_epochs", "2") == 128 + signal.SIGTERM
    assert not Path("runs/stopped/model").exists()
    capsys.readouterr()
    assert main(["train", "--resume", "runs/stopped", "--trainer.max_steps", "1"]) == 0
    printed = capsys.readouterr().out
    assert "runs/stopped is at step 5, past trainer.max_steps 1, and nothing was trained\n" in printed
    assert "come to its end" not in printed
    assert "step 5" in Translator.load("runs/stopped").info.checkpoint
    assert main(["train", "--resume", "runs/stopped"]) == 0
    torch.testing.assert_close(weights("stopped"), weights("whole"), rtol=0, atol=0)
    assert logged("stopped") == logged("whole")


def test_a_run_that_a_validation_ended_within_an_epoch_goes_on_within_it(train: Callable) -> None:
    extra = ("--trainer.max_epochs", "2", "--trainer.val_check_interval", "3", *STILL)
    assert train("whole", *extra) == 0
    assert train("longer", *extra, "--training.early_stopping", "1") == 0
    assert steps_of("longer") == 6  # the second validation is not better than the first
    assert checkpoint_step(Path("runs/whole/checkpoints/best.ckpt")) == 14, "the last that a validation has seen"
    assert main(["train", "--resume", "runs/longer", "--training.early_stopping", "0"]) == 0
    assert logged("longer") == logged("whole")


def test_a_run_that_has_ended_stays_so_until_its_limits_are_raised(
    train: Callable, capsys: pytest.CaptureFixture
) -> None:
    assert train("done", "--trainer.max_epochs", "9", "--training.early_stopping", "1", *STILL) == 0
    for changed, steps in (([], 16), (["--training.early_stopping", "3"], 32), ([], 32)):
        capsys.readouterr()
        assert main(["train", "--resume", "runs/done", *changed]) == 0
        assert steps_of("done") == steps
        told = f"runs/done had come to its end at step {steps}, and nothing was trained" in capsys.readouterr().out
        assert told == (not changed)


def test_of_equal_validations_the_later_is_exported(train: Callable, capsys: pytest.CaptureFixture) -> None:
    assert train("equal", "--trainer.max_epochs", "2", *STILL) == 0
    printed = capsys.readouterr().out
    assert "exporting step 16, the best by val_loss" in printed
    assert printed.count("\n  translation ") == 1, "it is the same each time"


@pytest.mark.parametrize(("monitor", "better"), [("val_bleu", 1), ("val_loss", -1)])
def test_what_is_better_is_kept_waited_for_and_trained_on_at_the_same_rate(
    train: Callable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, monitor: str, better: int
) -> None:
    figures = Validation.figures
    waiting = ("--training.early_stopping", "2", "--training.schedule", "plateau", "--training.patience", "1")
    for name, sign, steps, best, rates in (
        ("better", better, 32, 32, [0.01, 0.01, 0.01]),
        ("worse", -better, 24, 8, [0.01, 0.005]),
    ):
        said = iter(range(10, 10 + 9 * sign, sign))
        told = lambda self, device, said=said: {**figures(self, device), monitor: float(next(said))}  # noqa: E731
        monkeypatch.setattr(Validation, "figures", told)
        assert train(name, "--trainer.max_epochs", "4", "--training.monitor", monitor, *waiting) == 0
        assert steps_of(name) == steps
        assert f"exporting step {best}, the best by {monitor}" in capsys.readouterr().out
        with open(f"runs/{name}/metrics.csv", newline="") as file:
            logged_rates = {int(row["step"]): float(row["learning_rate"] or 0) for row in csv.DictReader(file)}
        assert [logged_rates[step] for step in range(14, steps, 8)] == pytest.approx(rates)


@pytest.mark.parametrize(
    ("bleu", "loss", "steps", "told"),
    [
        ((0.04, 0.0, 0.02, 0.0), (7, 6, 5, 4), 32, ["exporting step 32, the best by val_loss (val_bleu is below 1)"]),
        (
            *((0.0, 0.01, 0.02, 0.03), (6, 7, 8, 9), 24),
            [
                "val_loss (val_bleu is below 1) has not improved in 1 validations (training.patience): the",
                "val_loss (val_bleu is below 1) has not improved in 2 validations (training.early_stopping)",
                "exporting step 8, the best by val_loss (val_bleu is below 1)",
            ],
        ),
        ((0.5, 1.2, 0.9, 1.5), (7, 6, 5, 4), 32, ["exporting step 32, the best by val_bleu\n"]),
        ((1.5, 0.9, 1.2, 9.0), (7, 6, 5, 4), 24, ["exporting step 8, the best by val_bleu\n"]),
    ],
)
def test_where_bleu_is_chance_the_loss_decides(
    train: Callable,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    bleu: tuple[float, ...],
    loss: tuple[float, ...],
    steps: int,
    told: list[str],
) -> None:
    figures, said = Validation.figures, zip(bleu, loss, strict=True)

    def told_figures(self: Validation, device: torch.device) -> dict[str, float]:
        val_bleu, val_loss = next(said)
        return {**figures(self, device), "val_bleu": val_bleu, "val_loss": val_loss}

    monkeypatch.setattr(Validation, "figures", told_figures)
    waiting = ("--training.early_stopping", "2", "--training.schedule", "plateau", "--training.patience", "1")
    assert train("chance", "--trainer.max_epochs", "4", "--training.monitor", "val_bleu", *waiting) == 0
    assert steps_of("chance") == steps
    printed = capsys.readouterr().out
    assert all(each in printed for each in told)


@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_gradients_are_clipped_by_what_is_asked_for(train: Callable, algorithm: str) -> None:
    assert train("begun", "--trainer.max_steps", "1", *STILL) == 0
    clipping = ("--trainer.gradient_clip_val", "1e-14", "--trainer.gradient_clip_algorithm", algorithm)
    assert train("clipped", "--trainer.max_steps", "1", *clipping) == 0
    torch.testing.assert_close(weights("clipped"), weights("begun"), rtol=0, atol=1e-6)  # of 0.002 that Adam would go


def test_an_average_soon_forgets_the_first_weights(train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, torch.Tensor]] = []

    def noting(module: nmt.training.module.TranslationModule, *_: object) -> None:
        seen.append({name: each.detach().clone() for name, each in module.model.named_parameters()})

    monkeypatch.setattr(nmt.training.module.TranslationModule, "on_train_batch_end", noting)
    assert train("averaged", "--trainer.max_steps", "8", "--training.average_decay", "0.3") == 0
    average = seen[0]
    for updates, current in enumerate(seen[1:], start=1):
        decay = min(0.3, (1 + updates) / (10 + updates))
        average = {name: decay * average[name] + (1 - decay) * current[name] for name in average}
    torch.testing.assert_close(weights("averaged"), average, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data.src", "en", "--data.tgt", "de"], "data.src: 'en' cannot be changed by --resume"),
        (["--training.monitor", "val_bleu"], "training.monitor: 'val_bleu' cannot be changed by --resume"),
        (["--trainer.strategy", "ddp_spawn", "--trainer.devices", "2"], "trainer.strategy: 'ddp_spawn' is not allowed"),
        (["--trainer.precision", "16-true"], "trainer.precision: '16-true' is not allowed, it must be 16-mixed"),
        (["--trainer.gradient_clip_val", "-1"], "trainer.gradient_clip_val: -1 is not allowed, it must be at least 0"),
        (["--trainer.barebones", "true"], "trainer.barebones cannot be set: a run keeps logs"),
    ],
)
def test_what_would_spoil_a_run_is_refused_and_leaves_it(
    train: Callable, capsys: pytest.CaptureFixture, arguments: list[str], message: str
) -> None:
    assert train("kept", "--trainer.max_epochs", "1") == 0
    before = files("runs")
    capsys.readouterr()
    assert main(["train", "--resume", "runs/kept", "--trainer.max_epochs", "2", *arguments]) == 2
    assert message in one_line(capsys)
    assert files("runs") == before


def test_settings_that_change_nothing_are_told(train: Callable, capsys: pytest.CaptureFixture) -> None:
    network = ["--model.attention.score", "general", "--model.attention.size", "64", "--model.decoder", "bahdanau"]
    training = ["--training.optimizer", "sgd", "--training.learning_rate", "0.001", "--training.halving_steps", "9"]
    assert train("idle", "--trainer.max_steps", "1", *network, "--model.input_feeding", "false", *training) == 0
    assert capsys.readouterr().out.splitlines()[:5] == [
        "model.attention.size 64 changes nothing without model.attention.score additive",
        "model.input_feeding False changes nothing without model.decoder luong",
        "training.halving_steps 9 changes nothing without training.schedule halving",
        "training.learning_rate 0.001 is that of adamw: with training.optimizer sgd papers have 1"
        ", which is here 1 times the target tokens of a sentence if their loss is a mean over sentences",
        f"reading {load_config('runs/idle/config.yaml').data.path}",
    ]


def test_residual_layers_need_a_second_one_on_either_side() -> None:
    def idle(**network: int) -> list[str]:
        return idle_settings(Config(model=ModelConfig(residual=True, **network)))

    assert idle() == ["model.residual changes nothing without a second of model.layers"]
    assert idle(layers=2, decoder_layers=1) == idle(decoder_layers=2) == []


def test_a_run_with_no_name_is_not_gone_on_with(train: Callable, capsys: pytest.CaptureFixture) -> None:
    assert main(["train", "--resume", ""]) == 2
    assert "--resume: the name is empty" in one_line(capsys)


def test_processes_of_torchrun_that_the_trainer_does_not_count_on_are_told(
    train: Callable, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TORCHELASTIC_RUN_ID", "x"), ("WORLD_SIZE", "2"), ("RANK", "0"), ("LOCAL_RANK", "0")):
        monkeypatch.setenv(name, value)
    assert train("alone", "--trainer.max_steps", "1", "--trainer.devices", "1") == 2
    assert "torchrun started 2 processes, and trainer.devices times trainer.num_nodes are 1" in one_line(capsys)
    assert not Path("runs").exists()


def test_another_validation_split_is_no_measure_for_a_run(
    train: Callable, corpus_folder: Path, capsys: pytest.CaptureFixture
) -> None:
    assert train("kept", "--trainer.max_epochs", "1") == 0
    for language in ("de", "en"):
        shutil.copy(corpus_folder / f"test.{language}", corpus_folder / f"validation.{language}")
    capsys.readouterr()
    assert main(["train", "--resume", "runs/kept", "--trainer.max_epochs", "2"]) == 2
    assert "is not what the run was validated on: begin a new one with its weights" in one_line(capsys)


def test_a_batch_that_is_to_be_overfitted_is_the_same_in_each_epoch(
    train: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = nmt.training.module.sequence_loss, []

    def noting(model: object, batch: Batch, *objective: object) -> object:
        seen.extend([batch.indices.tolist()] if objective else [])
        return real(model, batch, *objective)

    monkeypatch.setattr(nmt.training.module, "sequence_loss", noting)
    assert train("fitted", "--trainer.overfit_batches", "1", "--trainer.max_epochs", "3") == 0
    assert len(seen) == 3
    assert seen[0] == seen[1] == seen[2]


def test_a_run_begins_with_the_weights_and_tokenizers_of_another(
    train: Callable, capsys: pytest.CaptureFixture, corpus_folder: Path
) -> None:
    assert train("before", "--trainer.max_epochs", "1") == 0
    (corpus_folder / "train.de").write_text("z\n" * 120)  # a corpus of which other tokenizers would be learned
    begun = ("--training.start_from", "runs/before", "--model.dropout", "0", *STILL)
    assert train("after", "--trainer.max_epochs", "1", *begun) == 0
    torch.testing.assert_close(weights("after"), weights("before"), rtol=1e-6, atol=1e-6)
    assert Path("runs/after/tokenizer.json").read_bytes() == Path("runs/before/tokenizer.json").read_bytes()
    shutil.rmtree("runs/before")  # the checkpoint has all that is needed
    assert main(["train", "--resume", "runs/after", "--trainer.max_epochs", "2"]) == 0
    capsys.readouterr()
    assert train("other", *begun[:1], "runs/after", "--model.hidden_size", "16", "--model.layers", "2") == 2
    others = "training.start_from: runs/after has model.layers 1, not 2; model.hidden_size 12, not 16: give the same"
    assert f"{others}, as by `--config runs/after/config.yaml --name NEW`" in one_line(capsys)
    assert train("other", *begun[:1], "runs/nowhere/model") == 2
    assert "runs/nowhere/model: no such folder; give a run" in one_line(capsys)
    assert not Path("runs/other").exists()


def test_a_key_that_is_there_twice_is_named(train: Callable, capsys: pytest.CaptureFixture) -> None:
    Path("twice.yaml").write_text("model: {cell: lstm}\nseed: 1\nmodel: {hidden_size: 32}\n")
    assert main(["train", "--config", "twice.yaml"]) == 2
    assert "--config twice.yaml:3: 'model' is there twice" in one_line(capsys)


def test_a_flag_counts_more_than_a_config_wherever_it_stands(train: Callable) -> None:
    Path("mine.yaml").write_text("name: mine\ntraining: {warmup_steps: 7}\n")
    assert train("flagged", "--trainer.max_steps", "1", "--config", "mine.yaml") == 0
    assert not Path("runs/mine").exists()
    assert "warmup_steps: 5" in Path("runs/flagged/config.yaml").read_text()


def validated(name: str) -> list[tuple[int, int]]:
    """Step and epoch of each validation of a run."""
    with open(Path("runs") / name / "metrics.csv", newline="") as file:
        return [(int(row["step"]), int(float(row["epoch"]))) for row in csv.DictReader(file) if row["val_loss"]]


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize(
    ("arguments", "validations"),
    [
        (["--trainer.max_steps", "10"], [(8, 1), (10, 2)]),
        (["--trainer.max_steps", "5"], [(5, 1)]),
        (["--trainer.max_time", "00:00:09:30"], [(8, 1), (10, 2)]),
        (["--trainer.max_time", "00:00:09:00", "--trainer.accumulate_grad_batches", "2"], [(4, 1), (5, 2)]),
        (["--trainer.max_epochs", "3", "--trainer.check_val_every_n_epoch", "2"], [(16, 2), (24, 3)]),
        (["--trainer.max_epochs", "2"], [(8, 1), (16, 2)]),
    ],
)
def test_the_last_step_is_validated_and_competes(
    train: Callable, capsys: pytest.CaptureFixture, arguments: list[str], validations: list[tuple[int, int]]
) -> None:
    assert train("done", *arguments, "--training.average_decay", "0.5") == 0
    step, epoch = validations[-1]
    assert (validated("done"), steps_of("done")) == (validations, step)
    printed = capsys.readouterr().out
    assert f"step {step} (epoch {epoch})" in printed
    assert f"exporting step {step}, the best by val_loss" in printed
    latest = torch.load(latest_checkpoint(Path("runs/done/checkpoints")), weights_only=True)
    averaged = {key.removeprefix("model."): value for key, value in latest["state_dict"].items()}
    torch.testing.assert_close(weights("done"), averaged, rtol=0, atol=0)
    assert any(not torch.equal(latest["current_model_state"][f"model.{key}"], averaged[key]) for key in averaged)


def test_a_last_step_that_is_worse_is_not_exported(
    train: Callable, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter((1.0, 2.0, 2.0))
    real = nmt.training.validation.Validation.figures
    monkeypatch.setattr(
        nmt.training.validation.Validation, "figures", lambda *given: real(*given) | {"val_loss": next(losses)}
    )
    assert train("worse", "--trainer.max_steps", "10") == 0
    assert "exporting step 8, the best by val_loss" in capsys.readouterr().out
    assert main(["train", "--resume", "runs/worse"]) == 0
    assert "exporting step 8, the best by val_loss" in capsys.readouterr().out


@pytest.mark.parametrize(
    "extra", [["--training.average_decay", "0.9"], ["--training.early_stopping", "1", "--training.schedule", "plateau"]]
)
def test_a_run_killed_in_its_last_validation_goes_on_bit_for_bit(
    train: Callable, monkeypatch: pytest.MonkeyPatch, extra: list[str]
) -> None:
    arguments = ("--trainer.max_steps", "12", *extra)
    assert train("whole", *arguments) == 0
    real, calls = nmt.training.validation.Validation.add, []

    def kill(*given: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise Killed
        real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(nmt.training.validation.Validation, "add", kill)
        with pytest.raises(Killed):
            train("killed", *arguments)
    assert validated("killed") == [(8, 1)]
    for _ in range(2):  # the second time nothing is left to be done
        assert main(["train", "--resume", "runs/killed"]) == 0
        torch.testing.assert_close(weights("killed"), weights("whole"), rtol=0, atol=0)
        assert logged("killed") == logged("whole")


def test_a_signal_does_not_stop_the_last_validation(train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = nmt.training.validation.Validation.add, []

    def signalled(*given: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        real(*given)

    monkeypatch.setattr(nmt.training.validation.Validation, "add", signalled)
    before = signal.getsignal(signal.SIGTERM)
    assert train("ended", "--trainer.max_steps", "12") == 0
    assert validated("ended") == [(8, 1), (12, 2)]
    assert signal.getsignal(signal.SIGTERM) == before


def test_early_stopping_waits_for_the_first_validation(train: Callable) -> None:
    late = ("--trainer.max_epochs", "2", "--trainer.check_val_every_n_epoch", "2")
    assert train("early", *late, "--training.early_stopping", "2") == 0
    assert validated("early") == [(16, 2)]


def test_a_run_that_ended_before_its_first_checkpoint_is_begun_anew(train: Callable) -> None:
    assert train("killed", "--trainer.max_epochs", "1") == 0
    folder = Path("runs/killed")
    shutil.rmtree(folder / "model")
    shutil.rmtree(folder / "checkpoints")
    assert train("killed", "--trainer.max_epochs", "1") == 0
    assert steps_of("killed") == 8


def test_what_is_frozen_stays_as_it_was(train: Callable, capsys: pytest.CaptureFixture) -> None:
    assert train("whole", "--trainer.max_steps", "1") == 0
    frozen = ("--training.freeze", "[encoder, decoder.readout.state]", "--training.weight_decay", "0.1")
    assert train("partly", "--trainer.max_steps", "4", "--training.start_from", "runs/whole", *frozen) == 0
    before, after = weights("whole"), weights("partly")
    still = {name for name in before if torch.equal(before[name], after[name])}
    assert still == {name for name in before if name.startswith(("encoder.", "decoder.readout.state."))}
    assert train("nothing", "--training.freeze", "[encoder, decoder, output]") == 2
    assert "training.freeze: 'encoder, decoder, output' is not allowed" in one_line(capsys)
    assert train("other", "--training.freeze", "[attention]") == 2
    assert "training.freeze: 'attention' is not allowed, it must be among encoder, decoder, output" in one_line(capsys)


def test_weights_decay_by_their_share(train: Callable) -> None:
    steady = ("--trainer.max_steps", "1", "--training.warmup_steps", "0", "--training.schedule", "constant")
    for name, decay in (("kept", "0"), ("decayed", "0.5")):
        assert train(name, *steady, "--training.weight_decay", decay) == 0
    assert train("begun", *steady, *STILL) == 0
    for name, value in weights("decayed").items():
        torch.testing.assert_close(value, weights("kept")[name] - 0.01 * 0.5 * weights("begun")[name])


def test_what_a_step_minimises_is_logged_by_its_parts(train: Callable, corpus_folder: Path) -> None:
    align_word_by_word(corpus_folder, "train")
    terms = ("--training.guided_alignment", "2", "--training.r_drop", "4", "--training.label_smoothing", "0")
    sampled = ("--training.scheduled_sampling", "0.5", "--training.scheduled_sampling_steps", "4")
    each = ("--trainer.max_steps", "4", "--trainer.log_every_n_steps", "1")
    assert train("parts", *each, *terms, *sampled) == 0
    with open("runs/parts/metrics.csv", newline="") as file:
        rows = [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
    _, first, _, second = (row for row in rows if "train_loss" in row)
    for row in (first, second):
        parts = row["train_nll"] + 2 * row["train_guided_alignment"] + 2 * row["train_divergence"]
        assert row["train_loss"] == pytest.approx(parts, rel=1e-5)
        assert row["gradient_norm"] > 0
    assert (first["step"], second["step"], first["epoch"]) == (2, 4, 1)
    assert (first["sampling_probability"], second["sampling_probability"]) == (0.125, 0.375)
    assert (first["learning_rate"], second["learning_rate"]) == pytest.approx((0.004, 0.008))


def test_a_gradient_that_is_not_finite_is_told_from_the_loss(
    train: Callable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    real = nmt.training.module.sequence_loss

    def steep(model: torch.nn.Module, batch: Batch, *objective: object) -> Loss:
        loss = real(model, batch, *objective)
        return loss._replace(total=loss.total + (0.0 * loss.total).sqrt())  # a slope without end, times zero

    monkeypatch.setattr(nmt.training.module, "sequence_loss", steep)
    assert train("steep", "--trainer.max_epochs", "1", "--training.checkpoint_steps", "1") == 2
    assert "the norm of the gradient is nan at step 1: lower training.learning_rate" in one_line(capsys)
    assert latest_checkpoint(Path("runs/steep/checkpoints")) is None, "of weights that are not finite"


def test_a_step_of_fewer_batches_than_are_accumulated_is_their_mean(
    train: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms = {}
    for name, batches in (("whole", "1"), ("few", "4")):  # of one batch, which is the first of both
        limits = ("--trainer.limit_train_batches", "1", "--trainer.max_epochs", "1", "--model.dropout", "0")
        assert (
            train(name, *limits, "--trainer.accumulate_grad_batches", batches, "--trainer.log_every_n_steps", "1") == 0
        )
        with open(f"runs/{name}/metrics.csv", newline="") as file:
            norms[name] = [float(row["gradient_norm"]) for row in csv.DictReader(file) if row["gradient_norm"]]
    assert norms["few"] == pytest.approx(norms["whole"], rel=1e-5)


def test_loggers_and_callbacks_of_ones_own_stand_beside_those_of_the_run(
    train: Callable, capsys: pytest.CaptureFixture
) -> None:
    Path("own.yaml").write_text(
        "trainer:\n  logger: {class_path: pytorch_lightning.loggers.CSVLogger, init_args: {save_dir: own}}\n"
        "  callbacks: [{class_path: pytorch_lightning.callbacks.LearningRateMonitor}]\n"
    )
    assert train("own", "--config", "own.yaml", "--trainer.max_steps", "2") == 0
    assert main(["train", "--resume", "runs/own", "--trainer.max_steps", "4"]) == 0
    assert len(list(Path("own").rglob("metrics.csv"))) == 2
    assert "lr-AdamW" in Path("runs/own/metrics.csv").read_text()
    assert train("none", "--trainer.logger.class_path", "Own") == 2
    assert one_line(capsys) == (
        "nmt train: trainer.logger.class_path: 'Own' is not a class that can be imported and fits there"
    )
    assert train("none", "--trainer.logger", "false") == 2
    assert "trainer.logger: False is not allowed" in one_line(capsys)


def test_tokenizers_of_another_run_are_those_that_the_config_says(
    train: Callable, capsys: pytest.CaptureFixture
) -> None:
    assert train("before", "--trainer.max_steps", "1") == 0
    assert train("after", "--training.start_from", "runs/before", "--data.tokenizer.lowercase", "true") == 2
    assert "training.start_from: runs/before has data.tokenizer.lowercase False, not True" in one_line(capsys)


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--trainer.max_steps", "9"], "ended at step 9: trainer.max_steps is 9"),
        (["--trainer.max_epochs", "2", "--trainer.max_steps", "99"], "ended at step 16: trainer.max_epochs is 2"),
        (["--trainer.max_time", "00:00:15:30"], "ended at step 16: trainer.max_time is 00:00:15:30"),
        (
            ["--trainer.max_time", "00:00:07:30", "--trainer.min_epochs", "2"],
            "ended at step 16: trainer.max_time is 00:00:07:30",
        ),
        (["--trainer.limit_train_batches", "1"], "ended at step 10: trainer.max_epochs is 10"),
        (
            ["--trainer.limit_train_batches", "1", "--training.early_stopping", "11", *STILL],
            "ended at step 12: val_loss has not improved in 11 validations (training.early_stopping)",
        ),
        (["--trainer.limit_train_batches", "1", "--trainer.max_steps", "11"], "ended at step 11: trainer.max_steps"),
        (
            ["--training.early_stopping", "2", *STILL],
            "ended at step 24: val_loss has not improved in 2 validations (training.early_stopping)",
        ),
    ],
)
def test_a_training_says_why_it_ended(
    train: Callable, capsys: pytest.CaptureFixture, arguments: list[str], why: str
) -> None:
    assert train("ended", *arguments, "--training.sample_sentences", "0") == 0
    printed = capsys.readouterr().out
    assert why in printed
    assert "inf updates" not in printed


def test_a_training_that_a_callback_of_ones_own_has_ended_says_so() -> None:
    trainer = SimpleNamespace(
        global_step=3,
        early_stopping_callbacks=[EarlyStopping("val_loss", patience=0)],
        is_last_batch=True,
        current_epoch=1,
        max_epochs=9,
    )
    assert why_it_ended(trainer, {"max_steps": 9}, TrainingConfig()) == "a callback has stopped it"


def test_of_a_run_without_a_best_validation_there_is_no_other_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "step-9.ckpt").touch()
    told = f"go on from step 9 with `nmt train --resume {tmp_path} --training.learning_rate LOWER`"
    assert how_to_go_on(tmp_path) == told


def test_a_training_says_what_it_trains(train: Callable, corpus_folder: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = ("--trainer.max_steps", "3", "--training.warmup_steps", "4", "--training.freeze", "[encoder]")
    assert train("told", *arguments) == 0
    parameters = sum(each.numel() for each in weights("told").values())
    frozen = sum(each.numel() for key, each in weights("told").items() if key.startswith("encoder."))
    printed = capsys.readouterr().out
    types = Translator.load("runs/told").tokenizers.src.vocab_size
    assert f"de {types} types, en {types} types, {parameters:,} parameters, {frozen:,} of them frozen, cpu" in printed
    assert ", 3 updates" in printed
    tgt, texts = Translator.load("runs/told").tokenizers.tgt, (corpus_folder / "train.en").read_text().splitlines()
    tokens = sum(len(tgt.encode(text).tokens) + 1 for text in texts) / 8  # and the end of each
    assert f"8 batches an epoch, on average 15 pairs and {tokens:,.0f} target tokens" in printed
    assert "data.batch_sentences limits most of them" in printed
    learns = "adamw 0.01, inverse_sqrt after 4 updates of warm-up, gradient clipped at 1, label smoothing 0.1"
    assert learns in printed
    assert (
        "training.warmup_steps 4 are more than there are updates: the learning rate never comes to its highest"
        in printed
    )
    assert train("told", *arguments, "--overwrite", "--data.batch_tokens", "102", "--training.warmup_steps", "3") == 0
    printed = capsys.readouterr().out
    assert "data.batch_tokens limits most of them" in printed
    assert "training.warmup_steps" not in printed
    whole = ("--data.batch_sentences", "120", "--data.batch_tokens", "10000")
    assert train("told", *arguments, "--overwrite", *whole) == 0
    assert f"one batch an epoch, of 120 pairs and {8 * tokens:,.0f} target tokens" in capsys.readouterr().out


def test_without_a_progress_bar_there_is_a_line_now_and_then(
    train: Callable, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)  # it is switched off there
    for seconds, lines in ((60, [2, 4]), (0, [1, 2, 3, 4, 5])):
        clock = count(0, 30)  # half a minute from one look to the next, of which a line takes one
        monkeypatch.setattr(nmt.training.reporter, "time", SimpleNamespace(monotonic=lambda clock=clock: next(clock)))
        monkeypatch.setattr(nmt.training.reporter, "LINE_SECONDS", seconds)
        assert train("told", "--trainer.max_steps", "5", "--overwrite") == 0
        told = re.findall(
            r"^step (\d) \(epoch 1\)  train_nll [\d.]+(?:  learning_rate [\d.]+  tokens_per_second [\d,]+)?$",
            capsys.readouterr().out,
            re.MULTILINE,
        )
        assert told == list(map(str, lines))


def test_a_line_tells_the_mean_of_what_was_trained_since_the_last(
    train: Callable, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, losses = nmt.training.module.sequence_loss, []

    def noting(*arguments: object) -> Loss:
        losses.append(real(*arguments))
        return losses[-1]

    monkeypatch.setattr(nmt.training.module, "sequence_loss", noting)
    accumulated = ("--trainer.accumulate_grad_batches", "3")  # of 8 an epoch: steps end with batch 3, 6, 8, 11, 14, 16
    assert train("told", "--trainer.max_epochs", "2", "--training.label_smoothing", "0.2", *accumulated) == 0
    told = re.findall(r"^step \d+ \(epoch \d\)  train_nll ([\d.]+)  val_loss", capsys.readouterr().out, re.MULTILINE)

    def mean(first: int, end: int) -> float:
        return sum(float(each.nll) for each in losses[first:end]) / sum(each.tokens for each in losses[first:end])

    assert list(map(float, told)) == pytest.approx([mean(0, 8), mean(8, 16)], abs=6e-4)
    with open("runs/told/metrics.csv", newline="") as file:
        kept = [float(row["train_nll"]) for row in csv.DictReader(file) if row["train_nll"]]
    assert kept == pytest.approx([mean(0, 6), mean(6, 11), mean(11, 16)], rel=1e-5)  # of steps 2, 4 and 6


def test_a_file_has_no_progress_bar(
    train: Callable, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nmt.training.reporter, "LINE_SECONDS", 0)
    assert train("told", "--trainer.max_epochs", "1", "--trainer.enable_progress_bar", "true") == 0
    printed = capsys.readouterr().out
    assert "step 8 (epoch 1)  train_nll" in printed
    assert "step 3 (epoch 1)  train_nll" in printed, "a line instead"
    assert "Epoch" not in printed
    assert "━" not in printed


def test_a_halved_learning_rate_is_told(train: Callable, capsys: pytest.CaptureFixture) -> None:
    plateau = ("--training.schedule", "plateau", "--training.patience", "1", "--training.warmup_steps", "10")
    ended = ("--trainer.max_epochs", "4", "--trainer.max_steps", "26")  # with a last validation that halves nothing
    assert train("halved", *ended, *plateau, "--training.learning_rate", "1e-30") == 0
    told = [line for line in capsys.readouterr().out.splitlines() if "is halved" in line]
    stale = "val_loss has not improved in 1 validations (training.patience)"
    assert told == [f"{stale}: the learning rate is halved to {rate}" for rate in ("5e-31", "2.5e-31")]


def test_the_progress_bar_counts_epochs_from_one() -> None:
    for last, name in ((3, "Epoch 1/3"), (-1, "Epoch 1")):
        bar = EpochBar()
        bar._trainer = Trainer(max_epochs=last, logger=False, enable_checkpointing=False, accelerator="cpu")
        assert bar._get_train_description(0).strip() == name


def test_the_help_tells_when_training_ends(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "null: as many as max_steps, max_time or training.early_stopping allow, or 10 without these" in told
    assert "max_epochs = 1000" not in told, "as Lightning has it"
    assert "validate after so many batches, not optimiser steps" in told
    assert "Default: " not in told, "Lightning's: gradient_clip_val is None"
    for optimizer in ("adamw", "sgd", "adadelta"):
        assert optimizer in told


def test_a_run_is_trained_from_python_as_from_the_command_line(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["train", *TINY_RUN, "--data.path", str(corpus_folder), "--trainer.max_epochs", "1"]
    assert main([*arguments, "--name", "told"]) == 0
    config = load_config(Path("runs/told/config.yaml"))
    settings = {"accelerator": "cpu", "enable_progress_bar": False, "log_every_n_steps": 2, "max_epochs": 1}
    handlers = [signal.getsignal(number) for number in STOPPING]
    model = nmt.train(replace(config, name="made"), {**settings, "callbacks": [Timer()]})
    assert model == Path("runs/made/model")
    assert [signal.getsignal(number) for number in STOPPING] == handlers
    one, other = (load_file(Path(f"runs/{name}/model/model.safetensors")) for name in ("told", "made"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert load_config(Path("runs/made/config.yaml")) == replace(config, name="made")
    with pytest.raises(ValueError, match="runs/made exists"):
        nmt.train(replace(config, name="made"), settings)
    assert main(["train", "--resume", "runs/made", "--trainer.max_epochs", "2"]) == 0
    assert main(["evaluate", "runs/made", "--split", "test", "--beam-size", "1"]) == 0


def test_a_run_is_trained_outside_the_main_thread(corpus_folder: Path, tmp_path: Path) -> None:
    data = DataConfig(str(corpus_folder), tokenizer=TokenizerConfig("char"))
    config = Config("threaded", data=data, model=ModelConfig(embedding_size=8, hidden_size=12))
    settings = {"accelerator": "cpu", "enable_progress_bar": False, "max_steps": 1}
    with ThreadPoolExecutor(1) as threads:
        model = threads.submit(nmt.train, config, settings, tmp_path / "threaded").result()
    assert model == tmp_path / "threaded" / "model"


def test_a_run_goes_on_from_python_with_the_settings_that_it_has(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["train", *TINY_RUN, "--data.path", str(corpus_folder), "--trainer.accumulate_grad_batches", "3"]
    logger = ["--trainer.logger", "pytorch_lightning.loggers.CSVLogger", "--trainer.logger.save_dir", "own"]
    assert main([*arguments, "--name", "whole", "--trainer.max_epochs", "2"]) == 0
    assert main([*arguments, "--name", "halves", "--trainer.max_epochs", "1", *logger]) == 0
    nmt.train(load_config("runs/halves/config.yaml"), {"max_epochs": 2}, folder="runs/halves", resume=True)
    one, other = (load_file(Path(f"runs/{name}/model/model.safetensors")) for name in ("whole", "halves"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    for checkpoint in ("best.ckpt", latest_checkpoint(Path("runs/halves/checkpoints")).name):  # the last is the best
        opened = Translator(*nmt.load_checkpoint("runs/halves", checkpoint))
        assert opened.info.training == {"step": 6}
        exported = Translator.load("runs/halves")
        scores = [each.score("der hund", "DER").log_prob for each in (opened, exported)]
        assert scores[0] == pytest.approx(scores[1], rel=1e-6)  # one has its matrices as they multiply faster
    saved = torch.load(Path("runs/halves/checkpoints/best.ckpt"), weights_only=True)
    torch.save({**saved, "global_step": 5}, Path("runs/halves/checkpoints/other.ckpt"))
    assert nmt.load_checkpoint("runs/halves", "other.ckpt")[2].checkpoint == "step 5"
    _, settings = load_settings("runs/halves/config.yaml")
    assert (settings["accumulate_grad_batches"], settings["max_epochs"]) == (3, 2)
    nmt.train(*load_settings("runs/halves/config.yaml"), folder=Path("runs/again"))
    again = load_file(Path("runs/again/model/model.safetensors"))
    assert all(torch.equal(one[name], again[name]) for name in one)


def test_libraries_are_quiet_within_a_training_and_only_there(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    datasets.enable_progress_bars()
    level, filters = logging.getLogger("pytorch_lightning").level, list(warnings.filters)
    data = DataConfig(str(corpus_folder), tokenizer=TokenizerConfig("char", vocab_size=60))
    config = Config("made", data=data, model=ModelConfig(embedding_size=8, hidden_size=12))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        nmt.train(config, {"accelerator": "cpu", "max_steps": 2, "enable_progress_bar": False})
    assert ([str(each.message) for each in told], capfd.readouterr().err) == ([], "")
    assert (logging.getLogger("pytorch_lightning").level, list(warnings.filters)) == (level, filters)
    assert not datasets.are_progress_bars_disabled()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_is_shown_at_a_terminal(monkeypatch: pytest.MonkeyPatch, is_terminal: bool) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    datasets.enable_progress_bars()
    with quiet():
        assert datasets.are_progress_bars_disabled() != is_terminal
    assert not datasets.are_progress_bars_disabled()


def test_settings_of_a_vocabulary_change_nothing_where_one_is_given() -> None:
    given = {"vocab_size": 500, "min_frequency": 3, "protected": ("<x>",)}
    path = TokenizerConfig(path="runs/other", **given)
    told = [line.partition(" changes nothing with data.tokenizer.path")[0] for line in idle_settings(config_of(path))]
    assert told == [f"data.tokenizer.{name} {value}" for name, value in given.items()]
    assert idle_settings(config_of(TokenizerConfig(**given))) == idle_settings(config_of(TokenizerConfig("char"))) == []


def config_of(tokenizer: TokenizerConfig) -> Config:
    return Config("made", data=DataConfig(tokenizer=tokenizer))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_steps": "60"}, "trainer.max_steps: '60' is not allowed, it must be a whole number"),
        ({"max_epochs": 1.5}, "trainer.max_epochs: 1.5 is not allowed, it must be a whole number or null"),
        ({"max_steps": True}, "trainer.max_steps: True is not allowed, it must be a whole number"),
        ({"precision": "half"}, "trainer.precision: 'half' is not allowed, it must be 64, 32, 16, "),
        ({"max_step": 60}, "trainer.max_step: 60 is not allowed, it must be left out: there is no such key, did you"),
        ({"default_root_dir": "x"}, "trainer.default_root_dir cannot be set: a run keeps"),
    ],
)
def test_a_mistaken_setting_of_the_trainer_is_named_in_python_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=re.escape(message)):
        nmt.train(Config("made"), settings)
    assert not Path("runs").exists()
