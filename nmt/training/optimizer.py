"""How a gradient becomes a step, and which parameters it moves."""

from collections.abc import Iterable, Sequence
from typing import assert_never

import torch
from torch import nn
from torch.optim import Optimizer

from nmt.checked import check
from nmt.config import TrainingConfig


def build_optimizer(parameters: Iterable[nn.Parameter], settings: TrainingConfig, fused: bool) -> Optimizer:
    """Adam with decoupled weight decay, plain gradient descent, or Adadelta as Bahdanau et al. (2015) use it.

    Args:
        parameters: to be trained.
        settings: which, and its highest learning rate.
        fused: in one pass over the parameters, where there is such a form.
    """
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, fused=fused)
    if settings.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, weight_decay=decay, fused=fused)
    if settings.optimizer == "adadelta":
        return torch.optim.Adadelta(parameters, lr=rate, rho=0.95, eps=1e-6)
    assert_never(settings.optimizer)


def freeze(model: nn.Module, parts: Sequence[str]) -> None:
    """Keeps parts of a network from being trained.

    Args:
        model: the network.
        parts: names of its modules or parameters.

    Raises:
        ValueError: if there is no such part, or nothing is left to train.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    for part in parts:
        held = [each for name, each in parameters.items() if f"{name}.".startswith(f"{part}.")]
        choices = ", ".join(name for name, _ in model.named_children())
        check(bool(held), "training.freeze", part, f"among {choices}, or a part of these such as decoder.embedding")
        for parameter in held:
            parameter.requires_grad_(False)
    trained = any(parameter.requires_grad for parameter in parameters.values())
    check(trained, "training.freeze", ", ".join(parts), "fewer parts, for nothing is left to train")
