"""Steps that torch compiles: they train as the others do, and are compiled once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import Any, cast

import pytest
import torch
from conftest import NETWORKS, PAIR, TINY_RUN, build, name_of
from torch import Tensor

from nmt.cli import main
from nmt.config import AttentionConfig, ModelConfig
from nmt.data.batch import Batch
from nmt.model.kernels import compiled
from nmt.model.seq2seq import Seq2Seq
from nmt.training.loss import sequence_loss

SMALL = ModelConfig(embedding_size=6, hidden_size=8, dropout=0.0)
STEPWISE = [
    replace(SMALL, attention=AttentionConfig(score="general")),
    replace(SMALL, decoder="luong", cell="lstm", layers=2, recurrent_dropout=0.2, attention=AttentionConfig(heads=2)),
    replace(SMALL, decoder="conditional", layer_norm=True, attention=AttentionConfig(coverage="neural")),
    replace(SMALL, alignment="latent", encoder="gnmt", layers=2, attention=AttentionConfig(window="local_p")),
]
"""Networks that a CPU computes step by step."""
LONGER = Batch(*(torch.cat([part, part]) for part in PAIR[:-1]), torch.arange(4))
LONGER = LONGER._replace(
    src_ids=torch.cat([LONGER.src_ids, LONGER.src_ids[:, 1:]], 1), src_lengths=torch.tensor([5, 2, 5, 2])
)
"""More pairs than `PAIR`, with longer sources."""


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that compiling does, but for the machine's code."""
    torch._dynamo.reset()
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")


def trained(model: Seq2Seq, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and gradients of a step."""
    torch.manual_seed(1)
    model.zero_grad()
    loss = sequence_loss(model, batch).total
    loss.backward()
    return loss.detach(), {name: cast(Tensor, each.grad).clone() for name, each in model.named_parameters()}


def assert_trains_alike(network: ModelConfig) -> None:
    """With compiled steps and without, for batches of two sizes."""
    plain, steps = build(network).train(), build(network).train()
    steps.compile_steps()
    for batch in (PAIR, LONGER):
        torch.testing.assert_close(trained(steps, batch), trained(plain, batch), atol=1e-5, rtol=1e-5)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("network", STEPWISE, ids=name_of)
def test_compiled_steps_train_as_the_others_do(network: ModelConfig) -> None:
    assert_trains_alike(network)


@pytest.mark.slow
@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("network", NETWORKS[::40], ids=name_of)
def test_so_do_all_networks(network: ModelConfig) -> None:
    assert_trains_alike(network)


@pytest.mark.slow
@pytest.mark.skipif(not which("g++"), reason="there is no C++ compiler")
def test_so_does_what_the_machine_runs() -> None:
    torch._dynamo.reset()
    assert_trains_alike(STEPWISE[2])


@pytest.mark.usefixtures("traced")
def test_a_step_is_compiled_once() -> None:
    model = build(STEPWISE[0]).train()
    model.compile_steps()
    trained(model, LONGER)
    with torch._dynamo.config.patch(error_on_recompile=True):
        trained(model, PAIR)


def test_without_gradients_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "BACKEND", refusing)
    model = build(STEPWISE[0])
    model.compile_steps()
    with torch.no_grad():
        model(PAIR.src_ids, PAIR.src_lengths, PAIR.tgt_ids)


def refusing(graph: Any, inputs: Any) -> Callable[..., Any]:
    """A backend on a machine that has nothing to compile with."""
    raise RuntimeError("no working compiler\nand much else")


def test_where_there_is_no_compiler_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch._dynamo.reset()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compiled, "BACKEND", refusing)
    chosen = ["--model.attention.score", "dot", "--training.compile_steps", "true"]
    assert main(["train", *TINY_RUN, *chosen]) == 2
    said = capsys.readouterr().err
    assert "training.compile_steps: " in said
    assert "no working compiler; install a C++ compiler, or turn it off" in said
