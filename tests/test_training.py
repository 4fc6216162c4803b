"""Training through the command: what a run leaves behind, and that a stopped run goes on as if it had not stopped."""

import csv
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import TINY_RUN
from safetensors.torch import load_file

import nmt.training.module
from nmt.cli import main
from nmt.decoding.translator import Translator
from nmt.training.callbacks import latest_checkpoint


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


def fail_at(monkeypatch: pytest.MonkeyPatch, step: int, what: Callable[[], None]) -> None:
    """Does `what` in the training step of that number, counted from 1."""
    real, calls = nmt.training.module.sequence_loss, []

    def counting(model: object, batch: object, *objective: object) -> object:
        calls.extend(objective and [1])  # validation gives no objective
        if objective and len(calls) == step:
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
    }
    assert {path.name for path in (folder / "model").iterdir()} == {
        "model.safetensors",
        "config.json",
        "tokenizer.json",
    }
    header, *rows = (folder / "metrics.csv").read_text().splitlines()
    assert {"train_loss", "val_loss", "val_bleu", "step"} <= set(header.split(","))
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
    ["--training.average_decay", "0.9", "--training.schedule", "plateau", "--trainer.val_check_interval", "4"],
    [  # all that is drawn at random
        *("--data.tokenizer.kind", "bpe", "--data.tokenizer.vocab_size", "320", "--data.tokenizer.bpe_dropout", "0.3"),
        *("--model.word_dropout", "0.2"),
        *("--model.variational", "true", "--model.recurrent_dropout", "0.2", "--training.r_drop", "1"),
        *("--training.scheduled_sampling", "0.5", "--training.scheduled_sampling_steps", "10"),
    ],
]


@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("step", [3, 4, 8, 13])  # within an epoch, where a validation follows, at its end, in the next
def test_a_run_stopped_by_a_signal_goes_on_bit_for_bit(
    train: Callable, monkeypatch: pytest.MonkeyPatch, step: int, extra: list[str], capfd: pytest.CaptureFixture
) -> None:
    assert train("whole", "--trainer.max_epochs", "3", *extra) == 0
    with monkeypatch.context() as patch:
        fail_at(patch, step, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert train("stopped", "--trainer.max_epochs", "3", *extra) == 128 + signal.SIGTERM
    assert "go on with: nmt train --resume runs/stopped" in capfd.readouterr().err
    assert latest_checkpoint(Path("runs/stopped/checkpoints")).name == f"step-{step}.ckpt"
    assert main(["train", "--resume", "runs/stopped"]) == 0
    torch.testing.assert_close(weights("stopped"), weights("whole"), rtol=0, atol=0)
    assert logged("stopped") == logged("whole")


def test_a_run_killed_between_checkpoints_goes_on_bit_for_bit(train: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--trainer.max_epochs", "3", "--training.checkpoint_steps", "5", "--training.schedule", "linear")
    assert train("whole", *arguments) == 0

    class Killed(BaseException):
        pass

    def kill() -> None:
        raise Killed

    with monkeypatch.context() as patch:
        fail_at(patch, 14, kill)
        with pytest.raises(Killed):
            train("killed", *arguments)
    assert latest_checkpoint(Path("runs/killed/checkpoints")).name == "step-13.ckpt", (
        "after 5, 8 (the epoch's last) and 13"
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
    lines = (corpus_folder / "train.de").read_text().splitlines()
    links = [" ".join(f"{word}-{word}" for word in range(len(line.split()))) for line in lines]
    (corpus_folder / "train.align").write_text("\n".join(links) + "\n")
    shares = {}
    for name, weight in (("guided", "5"), ("free", "0")):
        assert train(name, "--training.guided_alignment", weight, "--trainer.max_epochs", "8") == 0
        (record,) = Translator.load(f"runs/{name}").force([("der hund rennt", "DER HUND RENNT")])
        unlinked = [position for position, (start, end) in enumerate(record.source_spans) if start == end]
        shares[name] = record.attention[:, unlinked].sum(axis=1).mean()
    assert 4 * shares["guided"] < shares["free"]


def test_a_finished_run_can_be_trained_longer(train: Callable) -> None:
    assert train("whole", "--trainer.max_epochs", "3") == 0
    assert train("longer", "--trainer.max_epochs", "2") == 0
    assert main(["train", "--resume", "runs/longer", "--trainer.max_epochs", "3"]) == 0
    torch.testing.assert_close(weights("longer"), weights("whole"), rtol=0, atol=0)


def test_a_run_is_not_overwritten_unless_asked(train: Callable, capsys: pytest.CaptureFixture) -> None:
    Path("runs/mine").mkdir(parents=True)
    Path("runs/mine/notes").write_text("mine")
    assert train("mine", "--trainer.max_epochs", "1") == 2
    assert "runs/mine exists: go on with `--resume runs/mine`" in capsys.readouterr().err
    assert Path("runs/mine/notes").read_text() == "mine"
    assert train("mine", "--trainer.max_epochs", "1", "--overwrite") == 0


def test_resuming_what_is_no_run_is_named(train: Callable, capsys: pytest.CaptureFixture) -> None:
    assert main(["train", "--resume", "runs/none"]) == 2
    assert "--resume runs/none: not a run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data.pth", "x"], "there is no key 'data.pth', did you mean 'data.path'?"),
        (["--model.cell", "gruu"], "model.cell"),
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
    assert message in lines[-1]
    assert lines[-1].startswith("nmt train: ")
    assert not Path("runs/wrong").exists()


def test_a_mistake_loses_nothing_of_the_run_that_was_to_be_replaced(train: Callable) -> None:
    assert train("kept", "--trainer.max_epochs", "1") == 0
    before = weights("kept")
    assert train("kept", "--overwrite", "--data.train", "training") == 2
    torch.testing.assert_close(weights("kept"), before, rtol=0, atol=0)


def test_a_run_that_failed_before_its_first_checkpoint_is_not_in_the_way(train: Callable) -> None:
    assert (
        train("again", "--data.tokenizer.kind", "bpe", "--data.tokenizer.vocab_size", "50") == 2
    )  # too few for the bytes
    assert train("again", "--trainer.max_epochs", "1") == 0


def test_an_unknown_key_of_a_file_is_named(train: Callable, capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("model:\n  hiden_size: 5\n")
    assert train("wrong", "--config", "wrong.yaml") == 2
    assert "there is no key 'model.hiden_size', did you mean 'model.hidden_size'?" in capsys.readouterr().err
