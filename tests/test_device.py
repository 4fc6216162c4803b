"""On a device that is not the CPU: the same results, nothing on the wrong device, and no step of training that waits.

There is a pretended device, which the CPU computes for; with a GPU all is asked of it too, and more in `test_gpu`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
import torch
from conftest import LINKED, NETWORKS, PAIR, SENTENCES, build, name_of, step_log_probs
from pretended import DEVICE, moved, pretended
from torch import Tensor

from nmt.config import ModelConfig, TrainingConfig
from nmt.data.special import EOS_ID
from nmt.decoding import translator as translators
from nmt.decoding.options import SearchOptions
from nmt.decoding.shortlist import Shortlist
from nmt.decoding.translation import Request
from nmt.decoding.translator import Translator
from nmt.model.seq2seq import Seq2Seq
from nmt.training.loss import sequence_loss

OBJECTIVES = [
    TrainingConfig(label_smoothing=0.1, scheduled_sampling=0.5),
    TrainingConfig(guided_alignment=0.5),
    TrainingConfig(r_drop=1.0),
]


class Place(NamedTuple):
    """A device, what moves a model there, and what the host has waited for, where that is known."""

    device: torch.device
    moved: Callable[[Seq2Seq], Seq2Seq]
    waits: list[str]


WITH_GPU = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"))


@pytest.fixture(params=["pretended", WITH_GPU])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The pretended device, and a GPU if there is one, in float32 without TF32."""
    if request.param == "pretended":
        with pretended() as device:
            yield Place(DEVICE, moved, device.waits)
    else:
        monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
        gpu = torch.device("cuda", 0)
        yield Place(gpu, lambda model: model.to(gpu), [])


def trained(model: Seq2Seq, settings: TrainingConfig, kind: torch.device, low: bool = False) -> tuple[Tensor, ...]:
    """Loss and gradients of a step."""
    torch.manual_seed(1)  # for scheduled sampling
    with torch.autocast(kind.type, torch.bfloat16, enabled=low):
        loss = sequence_loss(model.train(), LINKED.to(kind), settings).total
    loss.backward()
    return loss.detach(), *(cast(Tensor, each.grad) for each in model.parameters())


def assert_steps_alike(network: ModelConfig, settings: TrainingConfig, place: Place) -> None:
    place.waits.clear()  # of a comparison before
    found = trained(place.moved(build(network, vocab_size=10)), settings, place.device)
    assert all(each.device == place.device for each in found)
    assert place.waits == []
    expected = trained(build(network, vocab_size=10), settings, torch.device("cpu"))
    torch.testing.assert_close([each.cpu() for each in found], list(expected), atol=1e-4, rtol=1e-4)


def objective_of(network: ModelConfig, index: int) -> TrainingConfig:
    """One after the other, as far as the attention allows."""
    objectives = OBJECTIVES if network.attention.normalizer == "softmax" else OBJECTIVES[::2]
    return objectives[index % len(objectives)]


@pytest.mark.parametrize(
    ("network", "settings"),
    [(network, objective_of(network, index)) for index, network in enumerate(NETWORKS[::60])],
    ids=[name_of(network) for network in NETWORKS[::60]],
)
def test_a_step_is_that_of_the_cpu_and_does_not_wait(
    network: ModelConfig, settings: TrainingConfig, place: Place
) -> None:
    assert_steps_alike(network, settings, place)


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS[::16], ids=name_of)
def test_each_objective_is_that_of_the_cpu_and_does_not_wait(network: ModelConfig, place: Place) -> None:
    for index in range(len(OBJECTIVES)):
        assert_steps_alike(network, objective_of(network, index), place)


@pytest.mark.parametrize("network", NETWORKS[::120], ids=name_of)
def test_steps_equal_teacher_forcing(network: ModelConfig, place: Place) -> None:
    model, batch = place.moved(build(network, vocab_size=10)), PAIR.to(place.device)
    with torch.no_grad():
        expected = model.log_probs(*model(batch.src_ids, batch.src_lengths, batch.tgt_ids[:, :-1])).cpu()
        memory, state = model.encode(batch.src_ids, batch.src_lengths)
        for t in range(expected.shape[1]):
            log_probs, state, _ = step_log_probs(model, batch.tgt_ids[:, t], memory, state)
            torch.testing.assert_close(log_probs.cpu(), expected[:, t], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("network", NETWORKS[::120], ids=name_of)
def test_a_step_in_bfloat16_is_nearly_that_in_float32(network: ModelConfig, place: Place) -> None:
    settings = TrainingConfig()
    loss, *gradients = trained(place.moved(build(network, vocab_size=10)), settings, place.device, low=True)
    expected, *_ = trained(build(network, vocab_size=10), settings, torch.device("cpu"))
    assert loss.item() == pytest.approx(expected.item(), rel=0.1)
    assert all(each.cpu().isfinite().all() for each in gradients)


ASKED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"beam_size": 1}, {}),
    ({"beam_size": 4, "n_best": 2, "coverage_penalty": 0.2}, {}),
    ({"beam_size": 4, "groups": 2}, {}),
    ({"beam_size": 4, "mbr": "chrf"}, {}),
    ({"beam_size": 4, "min_length": 3, "no_repeat_ngram": 2}, {}),
    ({"beam_size": 4}, {"prefix": "the"}),
    ({"beam_size": 4}, {"include": ("dog",), "exclude": ("e",)}),
]
"""Fields of a search, and of a request."""


@pytest.mark.parametrize(
    "models", ["one", *(pytest.param(each, marks=pytest.mark.slow) for each in ("ensemble", "shortlist"))]
)
@pytest.mark.parametrize(("asked", "demand"), ASKED)
def test_translations_are_those_of_the_cpu(
    model_folder: Path,
    models: str,
    asked: dict[str, Any],
    demand: dict[str, Any],
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = [model_folder, model_folder] if models == "ensemble" else model_folder
    if models == "shortlist":
        size = Translator.load(model_folder, "cpu").tokenizers.tgt.vocab_size
        types = (torch.arange(size).unsqueeze(1) + torch.arange(40)).clamp(4, size - 1)
        Shortlist(types, torch.tensor([EOS_ID]), size).save(model_folder)
    requests, options = [Request(source, **demand) for source, _ in SENTENCES], SearchOptions(**asked)
    expected = list(Translator.load(path, "cpu", shortlist=models == "shortlist").translate(requests, options))
    monkeypatch.setattr(translators, "choose_device", lambda *_: place.device)
    found = list(Translator.load(path, "auto", shortlist=models == "shortlist").translate(requests, options))
    for one, other in zip(found, expected, strict=True):
        assert one.text == other.text
        np.testing.assert_allclose(one.attention, other.attention, atol=1e-4)


def test_given_translations_are_as_probable_as_on_the_cpu(
    model_folder: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = list(Translator.load(model_folder, "cpu").force(SENTENCES))
    monkeypatch.setattr(translators, "choose_device", lambda *_: place.device)
    for one, other in zip(Translator.load(model_folder, "auto").force(SENTENCES), expected, strict=True):
        assert one.log_prob == pytest.approx(other.log_prob, abs=1e-3)
