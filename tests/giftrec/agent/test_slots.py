"""Names of gifts in a slate are true of them."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stall import Shelf, wish

from giftrec.agent import slots
from giftrec.agent.slots import HALF, LOSS, MOST_OF, NAMES, Traits
from giftrec.money import Money


@st.composite
def traits(draw, least: int = 1):
    size = draw(st.integers(least, 14))
    part = st.floats(0, 1, width=32)

    def column(values):
        return np.array(draw(st.lists(values, min_size=size, max_size=size)), dtype=np.float32)

    return Traits(
        price=column(st.integers(1, 12_000)),
        sure=column(part),
        meets=column(st.sampled_from([0, 0, 0.5, 1, 1.5, 2])),
        expected=column(part),
    )


def slate_of(traits: Traits, budget: int, size: int) -> np.ndarray:
    within = np.flatnonzero(traits.price <= budget)
    return within[np.argsort(-traits.expected[within], kind="stable")][:size]


@given(traits(), st.integers(1, 12_000), st.integers(1, 10))
def test_a_name_is_true_or_not_given(some, budget, size):
    slate = slate_of(some, budget, size)
    told = slots.name(slate, some, budget)
    assert len(told) == len(slate)
    names = [name for name in told if name != "also"]
    assert len(set(names)) == len(names)
    for place, name in zip(slate.tolist(), told, strict=True):
        price = some.price[place]
        if name == "safe":
            assert some.sure[place] == some.sure[slate].max()
        if name == "splurge":
            assert price == some.price[slate].max()
            assert price >= np.float32(MOST_OF * budget)
        if name == "bargain":
            assert price == some.price[slate].min()
            assert price <= np.float32(HALF * budget)
        if name == "thoughtful":
            assert some.meets[place] > 0
        if name == "surprise":
            assert some.meets[place] == 0


@given(traits(), st.integers(1, 12_000), st.integers(1, 10))
def test_no_name_is_withheld_from_a_whole_slate(some, budget, size):
    """The surest is always there; so no slate is without a name."""
    slate = slate_of(some, budget, size)
    assume(len(slate))
    assert set(slots.name(slate, some, budget)) - {"also"}


@given(traits(least=6), st.integers(1, 12_000))
def test_a_missing_name_costs_little(some, budget):
    may = some.price <= budget
    slate = slate_of(some, budget, 5)
    assume(len(slate))
    new = slots.with_names(slate, may, some, budget)
    assert len(set(new.tolist())) == len(new) == len(slate)
    assert may[new].all()
    best = some.expected[slate].max()
    assert some.expected[new].max() >= (1 - LOSS) * best - 1e-6 or set(new) == set(slate)
    fits = slots.fit(some, budget)
    before, after = ((fits[:, one] >= 0).any(axis=1) for one in (slate, new))
    assert after.sum() >= before.sum(), "a swap never loses more names than it brings"


def test_the_shipped_shop_names_what_is_true(shop):
    """By what the gifts really cost."""
    agent = shop.agent()
    seen = set()
    for budget, hobbies in ((3000, ("gardening",)), (6600, ("crafts", "hiking")), (12_000, ())):
        reply = agent.recommend_sync(wish(budget, hobbies=hobbies))
        totals = {pick.slot: pick.cost.total.minor for pick in reply.picks}
        everything = [pick.cost.total.minor for pick in reply.picks]
        names = [pick.slot for pick in reply.picks if pick.slot != "also"]
        assert len(set(names)) == len(names)
        seen |= set(names)
        if "splurge" in totals:
            assert totals["splurge"] == max(everything) >= MOST_OF * budget
        if "bargain" in totals:
            assert totals["bargain"] == min(everything) <= HALF * budget
    assert seen == set(NAMES)


@pytest.mark.parametrize(("live", "name"), [(4500, "splurge"), (2900, "bargain")])
def test_names_go_by_what_is_asked_today(live, name, stall_of):
    """The snapshot lists 35.00; of a budget of 60.00 that is neither most nor little."""
    stall = stall_of(Shelf().gift("lamp", 3500).gift("mug", 3400))
    offers = stall.snapshot.offers
    moved = offers.with_columns(price=offers["price"].replace({3500: live}))
    agent = stall.agent(stall.live(offers=moved))
    reply = agent.recommend_sync(wish(6000))
    totals = {p.gift: p.cost.total for p in reply.picks}
    assert totals["lamp"] == Money(minor=live, currency="EUR")
    (mug,) = [p for p in reply.picks if p.gift == "mug"]
    assert mug.slot not in {"splurge", "bargain"}
    (lamp,) = [p for p in reply.picks if p.gift == "lamp"]
    assert lamp.slot in {name, "safe", "surprise"}
    same = stall.agent().recommend_sync(wish(6000))
    assert not {p.slot for p in same.picks} & {"splurge", "bargain"}
