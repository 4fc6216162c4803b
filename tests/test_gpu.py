"""What a GPU computes otherwise than a CPU. Without one, these tests are left out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import NETWORKS, PAIR, SENTENCES, TINY_RUN, build, name_of, step_log_probs
from torch import Tensor

from nmt.cli import main
from nmt.config import ModelConfig
from nmt.data.batch import Batch
from nmt.decoding.options import SearchOptions
from nmt.decoding.translator import Translator
from nmt.training.loss import Objective, sequence_loss

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
ON_GPU = Batch(*(each.cuda() if isinstance(each, Tensor) and torch.cuda.is_available() else each for each in PAIR))
SOURCES = [source for source, _ in SENTENCES]


@pytest.fixture(autouse=True)
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TF32, which cuDNN else computes in."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def trained(network: ModelConfig, batch: Batch, device: str, low: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and gradients of a step, in bfloat16 where `low`."""
    model = build(network, vocab_size=10).to(device).train()
    with torch.autocast(device, torch.bfloat16, enabled=low):
        loss = sequence_loss(model, batch, Objective(0.1)).total
    loss.backward()
    return loss.detach().cpu(), {name: each.grad.cpu() for name, each in model.named_parameters()}


@pytest.mark.parametrize("network", NETWORKS[::5], ids=name_of)
def test_loss_and_gradients_are_those_of_a_cpu(network: ModelConfig) -> None:
    torch.testing.assert_close(trained(network, ON_GPU, "cuda"), trained(network, PAIR, "cpu"), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("network", NETWORKS[::5], ids=name_of)
def test_steps_equal_teacher_forcing(network: ModelConfig) -> None:
    model = build(network, vocab_size=10).cuda()
    with torch.no_grad():
        expected = model.log_probs(*model(ON_GPU.src_ids, ON_GPU.src_lengths, ON_GPU.tgt_ids[:, :-1]))
        memory, state = model.encode(ON_GPU.src_ids, ON_GPU.src_lengths)
        for t in range(expected.shape[1]):
            log_probs, state, _ = step_log_probs(model, ON_GPU.tgt_ids[:, t], memory, state)
            torch.testing.assert_close(log_probs, expected[:, t], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("network", NETWORKS[::5], ids=name_of)
def test_in_bfloat16_a_step_trains(network: ModelConfig) -> None:
    loss, gradients = trained(network, ON_GPU, "cuda", low=True)
    assert loss.item() == pytest.approx(trained(network, PAIR, "cpu")[0].item(), rel=0.1)
    assert all(each.isfinite().all() for each in gradients.values())


@pytest.mark.parametrize("asked", [{"beam_size": 1}, {"beam_size": 4}, {"beam_size": 4, "groups": 2}, {"mbr": "chrf"}])
def test_translations_are_those_of_a_cpu(model_folder: Path, asked: dict[str, Any]) -> None:
    options = SearchOptions(**asked)
    found, expected = (
        list(Translator.load(model_folder, each).translate(SOURCES, options)) for each in ("cuda", "cpu")
    )
    assert [each.text for each in found] == [each.text for each in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.attention, other.attention, atol=1e-4)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_run_trains_and_goes_on(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = ("--data.path", str(corpus_folder), *TINY_RUN, "--trainer.accelerator", "gpu", "--trainer.devices", "1")
    arguments = ("--name", "small", *settings, "--trainer.precision", precision, "--trainer.max_epochs")
    assert main(["train", *arguments, "1"]) == 0
    assert main(["train", "--resume", "runs/small", "--trainer.max_epochs", "2"]) == 0
    for translated in ("fp32", "bf16"):
        assert main(["translate", "runs/small", "--precision", translated, "der hund"]) == 0
