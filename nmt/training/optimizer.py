"""How a gradient becomes a step."""

from collections.abc import Iterable
from typing import assert_never

import torch
from torch import nn
from torch.optim import Optimizer

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
