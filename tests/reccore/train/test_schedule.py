import math

import pytest
import torch
from torch.optim import lr_scheduler

from reccore.config import validate
from reccore.errors import UserError
from reccore.train.schedule import Plateau, ScheduleSettings, factor_of


def factors(steps_per_epoch, epochs, **settings):
    factor = factor_of(ScheduleSettings(**settings), steps_per_epoch, epochs)
    return [factor(step) for step in range(steps_per_epoch * epochs)]


def torch_rates(make, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_constant_is_one():
    assert factors(3, 2) == [1.0] * 6


@pytest.mark.parametrize(("steps", "start"), [(50, 0.1), (200, 0.3), (7, 0.5)])
def test_onecycle_is_that_of_torch(steps, start):
    ours = factors(steps, 1, kind="onecycle", pct_start=start)
    theirs = torch_rates(
        lambda o: lr_scheduler.OneCycleLR(
            o, max_lr=1.0, total_steps=steps + 1, pct_start=start, cycle_momentum=False
        ),
        steps,
    )
    exact = torch_rates(
        lambda o: lr_scheduler.OneCycleLR(
            o, max_lr=1.0, total_steps=steps, pct_start=start, cycle_momentum=False
        ),
        steps - 1,
    )
    assert ours[:-1] == pytest.approx(exact, abs=1e-12)
    assert ours != pytest.approx(theirs, abs=1e-6)  # the total is felt
    assert ours[-1] == pytest.approx(1 / 25 / 1e4)


@pytest.mark.parametrize("growth", [1, 2, 3])
def test_restarts_are_those_of_torch(growth):
    ours = factors(5, 24, kind="cosine-restarts", t_0=2.0, t_mult=growth)
    theirs = torch_rates(
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=10, T_mult=growth), 120
    )
    assert ours == pytest.approx(theirs, abs=1e-9)
    assert ours[10] == 1.0


def test_cosine_falls_to_its_floor():
    ours = factors(100, 1, kind="cosine", min_factor=0.1)
    assert ours[0] == 1.0
    assert ours == sorted(ours, reverse=True)
    assert ours[50] == pytest.approx(0.55)
    assert 0.1 < ours[-1] < 0.101


@pytest.mark.parametrize("kind", ["constant", "cosine", "cosine-restarts", "plateau"])
def test_warmup_reaches_the_rate_and_then_the_shape_begins(kind):
    ours = factors(10, 5, kind=kind, warmup_epochs=1.5)
    assert ours[:15] == pytest.approx([(i + 1) / 15 for i in range(15)])
    assert ours[15] == 1.0


def test_warmup_as_a_fraction_and_the_longer_one_holds():
    assert factors(10, 4, warmup_fraction=0.25)[8:11] == pytest.approx([0.9, 1.0, 1.0])
    both = factors(10, 4, warmup_fraction=0.25, warmup_epochs=2.0)
    assert both[18:20] == pytest.approx([0.95, 1.0])


def test_onecycle_refuses_a_second_warmup():
    with pytest.raises(UserError, match="pct_start"):
        validate(ScheduleSettings, {"kind": "onecycle", "warmup_epochs": 1}, "test")


@pytest.mark.parametrize("higher", [True, False])
def test_plateau_is_that_of_torch(higher):
    values = [0.1, 0.2, 0.2, 0.19, 0.2, 0.2, 0.3, 0.1, math.nan, 0.1, 0.1, 0.3, 0.3, 0.31, 0.2]
    values = values * 3 if higher else [1 - v for v in values * 3]
    plateau = Plateau(ScheduleSettings(kind="plateau", plateau_patience=2))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="max" if higher else "min", factor=0.5, patience=2
    )
    for value in values:
        plateau.update(value, higher)
        reference.step(value)
        assert plateau.scale == optimizer.param_groups[0]["lr"]
    assert plateau.scale < 0.5


def test_plateau_keeps_its_patience_on_resume():
    settings = ScheduleSettings(kind="plateau", plateau_patience=3)
    whole, first = Plateau(settings), Plateau(settings)
    for value in (1.0, 0.9, 0.9, 0.9):
        whole.update(value, True)
        first.update(value, True)
    second = Plateau(settings)
    second.load_state_dict(first.state_dict())
    second.update(0.9, True)
    whole.update(0.9, True)
    assert second.scale == whole.scale == 0.5


def test_plateau_of_another_kind_does_nothing():
    plateau = Plateau(ScheduleSettings())
    for _ in range(50):
        plateau.update(0.0, True)
    assert plateau.scale == 1.0
