"""Every flag fires on a history made for it, once an onset, and none is red on a healthy one."""

import io
import math
from typing import get_args

import pytest
import torch

from reccore.config import validate
from reccore.train.flags import FlagName
from reccore.train.health import Flag, HealthMonitor, HealthSettings

INFO = {"monitor": "ndcg@10", "higher_is_better": True}
History = list[dict[str, float]]


def observe(history: History, info=INFO, **settings) -> list[Flag]:
    monitor = HealthMonitor(HealthSettings(**settings), info)
    return [flag for record in history for flag in monitor.observe(record)]


def records(**columns: list[float]) -> History:
    """Columns -> records of epochs 1, 2, ...; `__` stands for `/`, `_at_` for `@`."""
    names = {name: name.replace("__", "/").replace("_at_", "@") for name in columns}
    rows = zip(*columns.values(), strict=True)
    return [
        {"epoch": epoch, **dict(zip(names.values(), row, strict=True))}
        for epoch, row in enumerate(rows, 1)
    ]


def healthy(epochs: int = 60) -> History:
    """Four balanced terms that fall together, a validation that follows, gradients of 1."""
    history = []
    for epoch in range(1, epochs + 1):
        fall = 0.4 + 0.6 * math.exp(-epoch / 15)
        terms = {"category": 0.9, "tool": 1.0, "reward": 1.1, "semantic": 1.0}
        loss = fall * sum(terms.values())
        history.append(
            {"epoch": epoch, "step": epoch * 10, "loss": loss, "val_loss": loss * 1.02}
            | {f"loss/{name}": fall * size for name, size in terms.items()}
            | {f"balance/{name}": fall * size / loss for name, size in terms.items()}
            | {"val/ndcg@10": 0.4 * (1 - math.exp(-epoch / 15)), "grad_norm": 1.0 + 0.1 * fall}
            | {"grad_norm_max": 4.0, "stat/kl": 3.0, "weight/kl": 0.01}
        )
    return history


def found(flags: list[Flag], colour: str) -> list[tuple[str, int]]:
    return [(flag.name, flag.epoch) for flag in flags if flag.colour == colour]


def test_a_healthy_training_is_all_green():
    info = INFO | {"parameters": 1_000_000, "dropout": 0.4, "kl_weight": 0.01}
    flags = observe(healthy(), info, reference_parameters=800_000)
    assert found(flags, "red") == []
    assert found(flags, "amber") == []
    assert found(flags, "green") == [
        ("validation_close", 1),
        ("balanced", 1),
        ("quality_steady", 3),
        ("steady_decrease", 5),
    ]


FALLING = [1.0 - 0.01 * n for n in range(12)]

RED = {
    "plateau of the metric": ("plateau", 6, records(val__ndcg_at_10=[0.3] * 8)),
    "plateau of the validation loss": ("plateau", 7, records(val_loss=[1, 0.9] + [0.95] * 6)),
    "kl_collapse, stated": ("kl_collapse", 4, records(stat__kl=[0.5, 0.2, 0.005, 0.001, 0.0])),
    "kl_collapse, a term": ("kl_collapse", 2, records(loss__kl=[0.001, 0.001])),
    "gap": ("gap", 2, records(loss=[0.9, 0.5, 0.4], val_loss=[0.95, 0.66, 0.6])),
    "gradient_norm": ("gradient_norm", 2, records(grad_norm=[9.9, 10.1, 50.0])),
    "gradient_norm not a number": ("gradient_norm", 1, records(grad_norm=[math.nan])),
    "term_collapse": ("term_collapse", 3, records(loss__category=[0.72, 0.2, 0.09, 0.06])),
    "term_not_falling": ("term_not_falling", 11, records(loss__tool=[0.5] * 12)),
    "rising in place of falling": ("term_not_falling", 11, records(loss=FALLING[::-1])),
    "quality_falling": ("quality_falling", 5, records(val__ndcg_at_10=[1, 2, 1.9, 1.8, 1.7, 1.6])),
    "imbalance, dominant": (
        "imbalance",
        1,
        records(balance__a=[0.7], balance__b=[0.15], balance__c=[0.15]),
    ),
    "imbalance, starved": ("imbalance", 2, records(balance__a=[0.5, 0.92], balance__b=[0.5, 0.08])),
    "kl_weight": ("kl_weight", 2, records(weight__kl=[0.01, 0.02])),
}


@pytest.mark.parametrize("case", RED)
def test_red_flags(case):
    name, epoch, history = RED[case]
    red = found(observe(history), "red")
    assert red[0] == (name, epoch)
    assert {flag for flag, _ in red} == {name}


@pytest.mark.parametrize(
    ("name", "info", "settings"),
    [
        ("capacity", {"parameters": 151}, {"reference_parameters": 100}),
        ("dropout_against_kl", {"dropout": 0.5, "kl_weight": 0.005}, {}),
        ("kl_weight", {"kl_weight": 0.016}, {}),
    ],
)
def test_red_flags_of_what_is_known_at_the_start(name, info, settings):
    assert found(observe([{"epoch": 1}, {"epoch": 2}], info, **settings), "red") == [(name, 1)]


@pytest.mark.parametrize(
    ("info", "settings"),
    [
        ({"parameters": 150}, {"reference_parameters": 100}),  # the increase is not above half
        ({"parameters": 151}, {}),
        ({"dropout": 0.5, "kl_weight": 0.01}, {}),
        ({"dropout": 0.4, "kl_weight": 0.005}, {}),
        ({"dropout": 0.5}, {}),
        ({"kl_weight": 0.015}, {}),
    ],
)
def test_silent_at_the_threshold(info, settings):
    assert observe([{"epoch": 1}], info, **settings) == []


@pytest.mark.parametrize(
    "history",
    [
        [r | {"epoch": r["epoch"] + 15} for r in records(val__ndcg_at_10=[0.3] * 9)],  # from 20 on
        records(val__ndcg_at_10=[0.3, 0.29, 0.28, 0.31, 0.29, 0.3, 0.28, 0.27]),  # ups and downs
        [r | {"epoch": r["epoch"] + 24} for r in records(loss__category=[0.5, 0.05])],
        records(loss__other=[0.5, 0.05]),
        records(stat__kl=[0.001, 0.3, 0.5]),  # a fresh encoder starts near 0
        records(grad_norm=[1.0, 1.0], grad_norm_max=[90.0, 90.0]),
        records(loss__tool=[1.0, 0.5] + [0.45] * 20),  # fell, and rests
        records(loss=[0.5, 0.5], val_loss=[0.4, 0.5]),
        records(balance__a=[1.0]),  # a single term
        records(balance__a=[0.5], balance__b=[0.49], balance__kl=[0.01]),  # small by design
        records(loss=[math.nan, math.inf], val_loss=[math.nan, 1.0]),  # the trainer's guard counts
    ],
)
def test_no_red_without_its_reason(history):
    assert found(observe(history), "red") == []


def test_a_flag_is_raised_once_an_onset():
    norms = [1.0, 20.0, 30.0, 1.0, 1.0, 20.0]
    assert found(observe(records(grad_norm=norms)), "red") == [
        ("gradient_norm", 2),
        ("gradient_norm", 6),
    ]


def test_epochs_without_evaluation_change_nothing():
    every = records(val__ndcg_at_10=[0.5, 0.4, 0.3, 0.2])
    sparse = [r | {"epoch": 2 * r["epoch"]} for r in every]
    between = [{"epoch": 2 * n + 1} for n in range(5)]
    mixed = sorted([*sparse, *between], key=lambda record: record["epoch"])
    assert found(observe(mixed), "red") == [("quality_falling", 8)]
    assert found(observe(every), "red") == [("quality_falling", 4)]


def test_the_gap_goes_through_amber_to_red_and_back_in_silence():
    vals = [1.05, 1.12, 1.2, 1.12, 1.2, 1.05]
    flags = observe(records(loss=[1.0] * 6, val_loss=vals))
    of_gap = [(f.colour, f.epoch) for f in flags if f.name in ("gap", "validation_close")]
    green, amber, red = ("green", 1), ("amber", 2), ("red", 3)
    assert of_gap == [green, amber, red, ("red", 5), ("green", 6)]


def test_a_gap_can_be_relative():
    history = records(loss=[5.0], val_loss=[5.5])
    assert found(observe(history), "red") == [("gap", 1)]
    assert found(observe(history, gap_kind="relative"), "red") == []


def test_lower_may_be_better():
    info = {"monitor": "rmse", "higher_is_better": False}
    rising = observe(records(val__rmse=[0.8, 0.81, 0.82, 0.83]), info)
    assert found(rising, "red") == [("quality_falling", 4)]
    falling = observe(records(val__rmse=[0.83, 0.82, 0.81, 0.8]), info)
    assert found(falling, "red") == []
    assert found(falling, "green") == [("quality_steady", 3)]


def test_rapid_convergence_is_not_steady():
    """Seed 004's first training: 0.72 to 0.06 in nine epochs."""
    collapse = [0.72 * (0.06 / 0.72) ** (n / 9) for n in range(10)]
    flags = observe(records(loss__category=collapse, loss=collapse))
    assert ("steady_decrease", 5) not in found(flags, "green")
    assert found(flags, "red") == [("term_collapse", 9)]


def test_equal_shares_are_balanced_however_many_terms():
    for terms in (2, 3, 4, 5):
        record = {"epoch": 1} | {f"balance/{n}": 1 / terms for n in range(terms)}
        assert found(observe([record]), "green") == [("balanced", 1)]
    uneven = {"epoch": 1, "balance/a": 0.4, "balance/b": 0.2, "balance/c": 0.2, "balance/d": 0.2}
    assert observe([uneven]) == []  # neither: between 0.30 and 0.45


def test_settings_decide():
    loud = records(grad_norm=[20.0], grad_norm_max=[50.0])
    assert found(observe(loud, gradient_norm=30.0), "red") == []
    assert found(observe(loud, gradient_norm=30.0, gradient_norm_of="largest"), "red") != []
    assert observe(loud, ignore=("gradient_norm",)) == []
    named = records(loss__genre=[0.5, 0.05])
    assert found(observe(named, collapse_terms=("genre",)), "red") == [("term_collapse", 2)]
    assert validate(HealthSettings, {"ignore": ["gap"]}, "test").ignore == ("gap",)


def test_every_setting_says_where_its_default_comes_from():
    for field in HealthSettings.model_fields.values():
        assert field.description


def test_every_flag_is_tested():
    seen = {name for name, _, _ in RED.values()} | {"capacity", "dropout_against_kl"}
    seen |= {name for name, _ in found(observe(healthy()), "green")}
    assert seen == set(get_args(FlagName))


@pytest.mark.parametrize("case", [*RED, "healthy"])
def test_state_survives_a_weights_only_file_at_any_epoch(case):
    history = healthy(12) if case == "healthy" else RED[case][2]
    whole = HealthMonitor(HealthSettings(), INFO)
    expected = [whole.observe(record) for record in history]
    for cut in range(len(history)):
        before = HealthMonitor(HealthSettings(), INFO)
        flags = [before.observe(record) for record in history[:cut]]
        file = io.BytesIO()
        torch.save(before.state_dict(), file)
        file.seek(0)
        after = HealthMonitor(HealthSettings(), INFO)
        after.load_state_dict(torch.load(file, weights_only=True))
        assert after.state_dict() == before.state_dict()
        flags += [after.observe(record) for record in history[cut:]]
        assert flags == expected


def test_a_flag_as_a_record():
    (flag,) = observe(records(grad_norm=[20.0]))
    assert flag.as_record() == {
        "name": "gradient_norm",
        "colour": "red",
        "message": "mean gradient norm is 20, more than 10: lower the rate or clip harder",
    }
