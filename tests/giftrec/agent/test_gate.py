"""What is shown can be had: one shop's price, stock and delivery, all of them as they are now."""

from datetime import date, timedelta

import pytest
from stall import ON, Shelf, shown, wish


def test_price_and_delivery_are_of_one_shop(stall_of):
    """A cheap shop that is late and a dear one that is in time are no cheap gift in time."""
    shelf = Shelf().gift("lamp", 2000, lead_days=30).offer("lamp", 2600, "South", lead_days=1)
    agent = stall_of(shelf.gift("mug", 1500)).agent()
    (lamp,) = [p for p in agent.recommend_sync(wish(6000, days=5)).picks if p.gift == "lamp"]
    assert (lamp.cost.shop, lamp.cost.total.minor) == ("South", 2600)
    assert lamp.delivery.arrives == date(2026, 11, 24)
    assert shown(agent.recommend_sync(wish(2400, days=5))) == ["mug"]
    (cheap,) = [p for p in agent.recommend_sync(wish(2400, days=60)).picks if p.gift == "lamp"]
    assert (cheap.cost.shop, cheap.cost.total.minor) == ("North", 2000)
    assert cheap.delivery.in_time
    assert cheap.delivery.arrives == ON + timedelta(days=42)


def test_price_and_stock_are_of_one_shop(stall_of):
    shelf = Shelf().gift("lamp", 2000, stock=0).offer("lamp", 2600, "South")
    agent = stall_of(shelf.gift("mug", 1500)).agent()
    (lamp,) = [p for p in agent.recommend_sync(wish(6000)).picks if p.gift == "lamp"]
    assert (lamp.cost.shop, lamp.cost.total.minor) == ("South", 2600)
    assert shown(agent.recommend_sync(wish(2400))) == ["mug"]


@pytest.mark.parametrize(
    "offer",
    [
        {"stock": 0},
        {"lead_days": 30},
        {"fees": 4001},
        {"stock": 0, "lead_days": None},
    ],
)
def test_what_cannot_be_had_is_not_shown(offer, stall_of):
    agent = stall_of(Shelf().gift("lamp", 2000, **offer).gift("mug", 1500)).agent()
    reply = agent.recommend_sync(wish(6000, days=5))
    assert shown(reply) == ["mug"]
    assert "only 1 gift of 5 may be shown" in reply.notes


@pytest.mark.parametrize("offer", [{"stock": None}, {"lead_days": None}, {"fees": None}])
def test_what_no_shop_states_is_shown_and_said(offer, stall_of):
    agent = stall_of(Shelf().gift("lamp", 2000, **offer)).agent()
    (lamp,) = agent.recommend_sync(wish()).picks
    assert lamp.delivery.in_stock is (None if "stock" in offer else True)
    assert lamp.delivery.in_time is (True if "fees" in offer else None)
    assert lamp.cost.fees_stated is ("fees" not in offer)


def test_exactly_the_budget_and_exactly_the_day(stall_of):
    agent = stall_of(Shelf().gift("lamp", 1900, fees=100, lead_days=2)).agent()
    assert shown(agent.recommend_sync(wish(2000, days=2))) == ["lamp"]
    assert shown(agent.recommend_sync(wish(1999, days=2))) == []
    assert shown(agent.recommend_sync(wish(2000, days=1))) == []


def test_the_gate_looks_on_until_enough_pass(stall_of):
    """The most promising twenty have run out since the snapshot was made."""
    shelf = Shelf()
    for n in range(20):
        shelf.gift(f"good-{n}", 3000, hobbies=["gardening"], occasions=["birthday"])
    for n in range(5):
        shelf.gift(f"plain-{n}", 1000)
    stall = stall_of(shelf)
    offers = shelf.tables["offers"]
    gone = offers.with_columns(
        stock=offers["stock"] * offers["gift"].str.starts_with("plain").cast(int)
    )
    agent = stall.agent(stall.live(offers=gone))
    reply = agent.recommend_sync(wish(hobbies=("gardening",)))
    assert sorted(shown(reply)) == [f"plain-{n}" for n in range(5)]
