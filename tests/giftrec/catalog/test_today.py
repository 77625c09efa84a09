import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from giftrec.catalog import today
from giftrec.catalog.today import (
    DEMAND_TELLS,
    NEVER,
    RATING_TELLS,
    facts_on,
    reveal,
    standard,
)
from giftrec.catalog.world import World, default_world
from giftrec.vocabulary import TOOLS

DAYS = np.arange(2000)


@pytest.fixture(scope="module")
def long(world):
    """The facts of many days: [2000, 45]."""
    return facts_on(world, DAYS)


@given(
    st.integers(0, 10**9),
    st.permutations(TOOLS),
    st.lists(st.integers(0, 44), min_size=1, max_size=60),
)
def test_what_a_tool_tells_does_not_depend_on_what_was_asked_before(world, day, order, gifts):
    whole = facts_on(world, [day])
    for tool in order:
        told = reveal(world, day, tool, np.array(gifts))
        assert told.gifts.tolist() == gifts
        assert told.values.tolist() == whole.column(tool)[0, gifts].tolist()
        every = reveal(world, day, tool)
        assert every.gifts.tolist() == list(range(len(world)))
        assert every.values.tolist() == whole.column(tool)[0].tolist()


ASKED = {
    "price_comparison": "price",
    "review_analysis": "quality",
    "inventory_check": "lead_days",
    "trend_analyzer": "trend",
    "budget_optimizer": "fees",
}


@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_has_its_own_question_and_price(world, tool):
    ask = getattr(today, f"reveal_{tool}")
    told = ask(world, 3, np.array([5, 2]))
    assert told.tool == tool
    assert told.values.tolist() == getattr(facts_on(world, [3]), ASKED[tool])[0, [5, 2]].tolist()
    assert told.cost == ask(world, 4).cost == world.vocabulary.tools[tool] > 0


def test_what_was_told_can_be_changed_without_harm(world):
    first = reveal(world, 11, "price_comparison")
    before = first.values.tolist()
    first.values[:] = 0
    assert reveal(world, 11, "price_comparison").values.tolist() == before


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=5))
def test_a_day_is_the_same_alone_and_among_others(world, days):
    together = facts_on(world, days)
    for row, day in enumerate(days):
        alone = facts_on(world, day)
        for tool in TOOLS:
            assert together.column(tool)[row].tolist() == alone.column(tool)[0].tolist()


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_no_two_days_are_alike(world, day, other):
    if day == other:
        other += 1
    both = facts_on(world, [day, other])
    for tool in TOOLS:
        assert (both.column(tool)[0] != both.column(tool)[1]).any()


@pytest.mark.parametrize("seed", range(3))
def test_facts_follow_their_gift(world, seed):
    order = np.random.default_rng(seed).permutation(len(world))
    other = World(tuple(world.gifts[g] for g in order), world.vocabulary, world.seed)
    ours, theirs = facts_on(world, [1, 2, 3]), facts_on(other, [1, 2, 3])
    for name in ("price", "lead_days", "fees"):
        assert getattr(theirs, name).tolist() == getattr(ours, name)[:, order].tolist()
    for name in ("quality", "trend"):  # standard scores over the catalogue: sums in another order
        np.testing.assert_allclose(
            getattr(theirs, name), getattr(ours, name)[:, order], rtol=0, atol=1e-9
        )


def test_another_world_has_other_days(world):
    ours, theirs = facts_on(world, [5]), facts_on(default_world(seed=8), [5])
    for tool in TOOLS:
        assert (ours.column(tool) != theirs.column(tool)).any()


def test_facts_are_in_their_units(world, long):
    for tool in TOOLS:
        assert long.column(tool).shape == (len(DAYS), len(world))
        assert np.isfinite(long.column(tool)).all()
    for column in (long.price, long.fees, long.lead_days):
        assert (column == np.round(column)).all()
    assert (long.price > 0).all()
    assert (long.fees >= 0).all()
    there = long.lead_days[long.lead_days < NEVER]
    assert there.min() >= 1
    assert there.max() < 30


def test_the_listing_hints_at_today(world, long):
    """How much, says the module: prices move by their volatility, stock runs out where it is low,
    ratings and demand tell a little."""
    seen = world.listing
    moved = np.log(long.price / seen.price)
    np.testing.assert_allclose(moved.std(axis=0), today.DRIFT * seen.volatility, rtol=0.08)
    assert np.abs(np.median(moved, axis=0) / (today.DRIFT * seen.volatility)).max() < 0.18
    out = (long.lead_days == NEVER).mean(axis=0)
    np.testing.assert_allclose(out, 0.07 + 0.54 * np.exp(-seen.stock / 12), atol=0.05)
    assert (np.where(long.lead_days < NEVER, long.lead_days, np.inf) >= seen.lead_days).all()
    for column, listed, tells in (
        (long.quality, seen.rating, RATING_TELLS),
        (long.trend, seen.demand, DEMAND_TELLS),
    ):
        expected = np.broadcast_to(standard(listed), column.shape)
        told = np.corrcoef(expected.ravel(), column.ravel())[0, 1]
        assert told == pytest.approx(tells, abs=0.015)
        assert column.std() == pytest.approx(1, abs=0.015)


def test_facts_of_different_tools_are_independent_given_the_listing(long):
    columns = [long.price, long.quality, long.lead_days == NEVER, long.trend, long.fees]
    surprises = [((c - c.mean(axis=0)) / c.std(axis=0)).ravel() for c in columns]
    assert np.abs(np.corrcoef(surprises) - np.eye(len(columns))).max() < 0.02


def test_standard_scores():
    scores = standard(np.array([1.0, 2.0, 3.0, 6.0]))
    assert scores.mean() == pytest.approx(0)
    assert scores.std() == pytest.approx(1)
    assert standard(np.full(5, 3.7)).tolist() == [0.0] * 5
