"""Each optimiser takes the steps of its paper."""

import pytest
import torch

from nmt.config import TrainingConfig
from nmt.training.optimizer import build_optimizer

GRADIENTS = [0.5, -0.2, 0.3]


def steps(settings: TrainingConfig) -> list[float]:
    """The values of a parameter that was 1, after each gradient."""
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer, seen = build_optimizer([weight], settings, fused=True), []
    for gradient in GRADIENTS:
        weight.grad = torch.full_like(weight, gradient)
        optimizer.step()
        seen.append(weight.item())
    return seen


def test_plain_gradient_descent_with_decay() -> None:
    weight, expected = 1.0, []
    for gradient in GRADIENTS:
        weight -= 0.1 * (gradient + 0.01 * weight)
        expected.append(weight)
    settings = TrainingConfig(optimizer="sgd", learning_rate=0.1, weight_decay=0.01)
    assert steps(settings) == pytest.approx(expected)
    assert build_optimizer([torch.nn.Parameter(torch.ones(1))], settings, fused=True).defaults["fused"]


def test_adadelta_is_that_of_zeiler() -> None:
    weight, squares, moves, expected = 1.0, 0.0, 0.0, []
    for gradient in GRADIENTS:  # Zeiler 2012, algorithm 1, with the constants of Bahdanau et al. 2015
        squares = 0.95 * squares + 0.05 * gradient**2
        move = -(((moves + 1e-6) / (squares + 1e-6)) ** 0.5) * gradient
        moves = 0.95 * moves + 0.05 * move**2
        weight += move
        expected.append(weight)
    assert steps(TrainingConfig(optimizer="adadelta", learning_rate=1)) == pytest.approx(expected)


def test_adam_decays_weights_apart_from_the_gradient() -> None:
    plain, decayed = (steps(TrainingConfig(learning_rate=0.1, weight_decay=decay))[0] for decay in (0, 0.5))
    assert plain == pytest.approx(0.9)
    assert decayed == pytest.approx(0.9 - 0.1 * 0.5)
