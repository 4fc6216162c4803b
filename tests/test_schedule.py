"""Learning-rate shapes, and that a resumed schedule goes on as if nothing had happened."""

import pytest
import torch

from nmt.config import TrainingConfig
from nmt.training.schedule import Schedule


def schedule(kind: str, warmup: int = 4, total: float = 20, patience: int = 2) -> Schedule:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    halvings = {"halving_start_steps": 10, "halving_steps": 3}
    settings = TrainingConfig(schedule=kind, warmup_steps=warmup, patience=patience, **halvings)
    return Schedule(optimizer, settings, total)


def rates(made: Schedule, steps: int) -> list[float]:
    seen = []
    for _ in range(steps):
        seen.append(made.optimizer.param_groups[0]["lr"])
        made.optimizer.step()
        made.step()
    return seen


@pytest.mark.parametrize("kind", ["constant", "inverse_sqrt", "linear", "halving", "plateau"])
def test_warm_up_rises_to_the_highest_rate(kind: str) -> None:
    assert rates(schedule(kind), 4) == pytest.approx([0.025, 0.05, 0.075, 0.1])


def test_shapes_after_the_warm_up() -> None:
    assert rates(schedule("constant"), 16)[15] == pytest.approx(0.1)
    assert rates(schedule("inverse_sqrt"), 16)[15] == pytest.approx(0.1 * (4 / 16) ** 0.5)
    linear = rates(schedule("linear"), 20)
    assert linear[11] == pytest.approx(0.1 * (20 - 12) / 16)
    assert linear[19] == 0
    assert rates(schedule("linear"), 22)[20:] == [0, 0], "beyond the end it does not turn negative"
    assert rates(schedule("linear", total=4), 4) == pytest.approx([0.025, 0.05, 0.075, 0]), "all of it warm-up"
    assert rates(schedule("halving"), 17)[4:] == pytest.approx([0.1] * 6 + [0.05] * 3 + [0.025] * 3 + [0.0125])


def test_the_rate_is_halved_first_after_as_many_steps_as_then_if_nothing_else_is_said() -> None:
    settings = TrainingConfig(schedule="halving", warmup_steps=2, halving_steps=3)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    assert rates(Schedule(optimizer, settings, 9), 7) == pytest.approx([0.05] + [0.1] * 2 + [0.05] * 3 + [0.025])


def test_without_warm_up_the_first_step_has_the_highest_rate() -> None:
    assert rates(schedule("inverse_sqrt", warmup=0), 4) == pytest.approx([0.1, 0.1 / 2**0.5, 0.1 / 3**0.5, 0.05])


def test_plateau_halves_after_patience_validations_without_improvement() -> None:
    made = schedule("plateau", warmup=0)
    seen = []
    for figure in (10, 12, 12, 11, 12.5, 12, 12):
        seen.append((made.validated(figure), made.factor))
    halved = [(False, 1)] * 3 + [(True, 0.5)] + [(False, 0.5)] * 2 + [(True, 0.25)]
    assert seen == halved
    assert rates(made, 2)[1] == pytest.approx(0.025)


def test_after_a_halving_the_patience_begins_anew() -> None:
    made = schedule("plateau", warmup=0)
    assert [made.validated(figure) for figure in (12, 11, 11, 11, 11)] == [False, False, True, False, True]


def test_validations_within_the_warm_up_make_no_plateau() -> None:
    made = schedule("plateau", warmup=4, patience=1)
    assert not any(made.validated(figure) for figure in (3, 2, 1))
    assert rates(made, 4)[3] == pytest.approx(0.1)
    assert made.validated(2.5), "worse than the best of the warm-up"
    assert rates(made, 1) == pytest.approx([0.05])


def test_a_saved_schedule_goes_on_alike() -> None:
    whole = schedule("plateau")
    rates(whole, 6)
    whole.validated(3)
    whole.validated(2)
    resumed = schedule("plateau")
    resumed.load_state_dict(whole.state_dict())
    for made in (whole, resumed):
        made.validated(1)
    assert rates(resumed, 5)[1:] == rates(whole, 5)[1:]
    assert resumed.factor == 0.5


def test_a_saved_schedule_goes_on_with_the_settings_of_its_new_config() -> None:
    finished, longer = schedule("linear"), schedule("linear", total=40)
    rates(finished, 20)
    longer.load_state_dict(finished.state_dict())
    assert rates(longer, 20) == pytest.approx([0.1 * (40 - step) / 36 for step in range(21, 41)])
