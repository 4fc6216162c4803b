"""What is known of a run before it trains: settings that change nothing, and settings that the trainer may not have."""

from typing import Any

import pytest

from nmt.checked import build
from nmt.config import Config, TrainingConfig
from nmt.training.checks import idle_settings
from nmt.training.trainer_settings import resolve_trainer_settings


def config(settings: dict[str, Any]) -> Config:
    """The defaults but for some settings, by their whole keys."""
    nested: dict[str, Any] = {}
    for key, value in settings.items():
        *sections, name = key.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return build(Config, nested)


@pytest.mark.parametrize(
    ("key", "value", "without", "needed"),
    [
        ("model.attention.size", 64, {"model.attention.score": "general"}, {}),
        ("model.attention.positions", 9, {}, {"model.attention.score": "location"}),
        ("model.attention.reach", 9, {}, {"model.attention.window": "local_p"}),
        ("model.attention.coverage_size", 9, {}, {"model.attention.coverage": "neural"}),
        ("model.input_feeding", False, {}, {"model.decoder": "luong"}),
        ("model.residual", True, {}, {"model.layers": 2}),
        ("model.variational", True, {"model.dropout": 0.0}, {}),
        ("training.patience", 9, {}, {"training.schedule": "plateau"}),
        ("training.halving_steps", 9, {}, {"training.schedule": "halving"}),
        ("training.scheduled_sampling_steps", 9, {}, {"training.scheduled_sampling": 0.5}),
        (
            *("training.halving_start_steps", 9, {}),
            {"training.schedule": "halving", "training.halving_steps": 9},
        ),
    ],
)
def test_a_setting_is_idle_only_without_what_it_needs(
    key: str, value: Any, without: dict[str, Any], needed: dict[str, Any]
) -> None:
    idle = idle_settings(config({key: value, **without}))
    assert [each.partition(" changes nothing without ")[0] for each in idle] == [
        key if value is True else f"{key} {value}"
    ]
    assert idle_settings(config({key: value, **needed})) == []


@pytest.mark.parametrize(("rate", "is_told"), [(TrainingConfig.learning_rate, True), (0.5, False)])
def test_a_learning_rate_is_told_where_it_was_left_as_it_is_for_another_optimiser(rate: float, is_told: bool) -> None:
    told = idle_settings(config({"training.optimizer": "sgd", "training.learning_rate": rate}))
    assert [each.startswith(f"training.learning_rate {rate} is that of adamw") for each in told] == [True] * is_told


@pytest.mark.parametrize(
    ("setting", "value", "allowed"),
    [
        ("check_val_every_n_epoch", 0, [1, None]),
        ("val_check_interval", 0.0, [0.5, 7, None]),
        ("accumulate_grad_batches", 0, [1]),
        ("max_epochs", -2, [-1, 1, None]),
        ("max_steps", 0, [-1, 1]),
        ("gradient_clip_val", -0.5, [0, 0.5, None]),
        ("strategy", "ddp_spawn", ["ddp"]),
        ("strategy", "ddp_fork_find_unused_parameters_true", ["ddp_find_unused_parameters_true"]),
        ("strategy", "ddp_notebook", ["auto"]),
        ("precision", "16-true", ["16-mixed", "bf16-true"]),
        ("logger", True, [None]),
        ("logger", False, [None]),
    ],
)
def test_what_a_trainer_may_not_have_is_named(setting: str, value: Any, allowed: list[Any]) -> None:
    with pytest.raises(ValueError, match=rf"trainer\.{setting}: {value!r} is not allowed, it must be "):
        resolve_trainer_settings({setting: value}, TrainingConfig())
    for each in allowed:
        resolve_trainer_settings({setting: each}, TrainingConfig())


@pytest.mark.parametrize(
    ("given", "early_stopping", "epochs"),
    [
        ({}, 0, 10),
        ({}, 3, -1),
        ({"max_steps": -1}, 0, 10),
        ({"max_steps": 5}, 0, None),
        ({"max_time": "00:01:00:00"}, 3, None),
        ({"max_steps": 5, "max_epochs": 2}, 3, 2),
    ],
)
def test_a_training_without_an_end_has_one(given: dict[str, Any], early_stopping: int, epochs: int | None) -> None:
    settings = resolve_trainer_settings(given, TrainingConfig(early_stopping=early_stopping))
    assert settings.get("max_epochs") == epochs
    assert settings["num_sanity_val_steps"] == 0
    assert resolve_trainer_settings({"num_sanity_val_steps": 2}, TrainingConfig())["num_sanity_val_steps"] == 2
