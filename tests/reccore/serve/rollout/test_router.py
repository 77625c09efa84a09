"""Arms are sticky, a raised share only adds, and the shadow is drawn apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.serve.rollout import Plan, Router, unit_of

units = st.text(max_size=20)
USERS = [unit_of(user=str(n)) for n in range(20_000)]


def plan(share: float = 0.0, shadow: float = 0.0, **facts: object) -> Plan:
    told = {"id": "p", "version": "2", "champion": "1", "seed": "0d1f9c5a", **facts}
    return Plan.model_validate({**told, "share": share, "shadow": shadow})


@given(units, st.floats(0, 1), st.floats(0, 1), st.text(min_size=1, max_size=8))
def test_raising_the_share_only_moves_units_to_the_challenger(
    unit: str, one: float, two: float, seed: str
) -> None:
    few, many = (Router(plan(share, seed=seed), "1").arm(unit) for share in sorted((one, two)))
    assert (few, many) != ("challenger", "champion")
    assert Router(plan(one, seed=seed), "1").arm(unit) == Router(plan(one, seed=seed), "1").arm(
        unit
    )


@given(units)
def test_nobody_and_everybody(unit: str) -> None:
    assert Router(plan(0.0), "1").arm(unit) == "champion"
    assert Router(plan(1.0), "1").arm(unit) == "challenger"
    assert not Router(plan(shadow=0.0), "1").shadows(unit)
    assert Router(plan(shadow=1.0), "1").shadows(unit)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_the_share_is_kept(share: float) -> None:
    router = Router(plan(share, shadow=share), "1")
    sigma = (share * (1 - share) / len(USERS)) ** 0.5
    arms = sum(router.arm(u) == "challenger" for u in USERS) / len(USERS)
    shadows = sum(router.shadows(u) for u in USERS) / len(USERS)
    assert arms == pytest.approx(share, abs=4 * sigma)
    assert shadows == pytest.approx(share, abs=4 * sigma)


def test_the_shadow_is_drawn_apart_from_the_arm() -> None:
    router = Router(plan(0.3, shadow=0.2), "1")
    both = sum(router.arm(u) == "challenger" and router.shadows(u) for u in USERS)
    assert both / len(USERS) == pytest.approx(0.06, abs=4 * (0.06 * 0.94 / len(USERS)) ** 0.5)


@pytest.mark.parametrize(
    ("tried", "champion"),
    [
        (plan(1.0, 1.0), "3"),
        (plan(1.0, 1.0), "2"),
        (plan(1.0, 1.0), None),
        (plan(1.0, 1.0, stopped="slow"), "1"),
        (Plan.none(), "1"),
    ],
)
def test_a_plan_that_does_not_hold_tries_nobody(tried: Plan, champion: str | None) -> None:
    router = Router(tried, champion)
    assert (router.challenger, router.arm("u"), router.shadows("u")) == (None, "champion", False)


def test_halted_is_champion_for_all_and_keeps_the_first_reason() -> None:
    router = Router(plan(1.0, 1.0), "1")
    assert (router.challenger, router.arm("u")) == ("2", "challenger")
    router.halt("slow")
    router.halt("again")
    assert (router.challenger, router.arm("u"), router.shadows("u")) == (None, "champion", False)
    assert router.halted == "slow"


def test_units_keep_kinds_apart_and_hide_nothing_in_a_separator() -> None:
    kinds = [
        unit_of(user="5"),
        unit_of(session="5"),
        unit_of(history=["5"]),
        unit_of(history=[5]),
        unit_of(history=["5,6"]),
        unit_of(history=["5", "6"]),
        unit_of(),
    ]
    assert len(set(kinds)) == len(kinds)
    assert unit_of(user="5", session="6", history=["7"]) == unit_of(user="5")
    assert unit_of(history=["a", "b"]) == unit_of(history=("a", "b"))
