"""What a little more money or time would change: enough of it, and it really would."""

from datetime import timedelta

import pytest
from stall import ON, Shelf, shown, wish

from giftrec.agent.whatif import BETTER, whole
from giftrec.money import Money

GARDENER = {"hobbies": ("gardening",), "preferences": ("handmade",), "relationship": "mother"}
LIKED = {"hobbies": ["gardening"], "preferences": ["handmade"], "occasions": ["birthday"]}


def poor_shop() -> Shelf:
    """What is affordable and in time is nothing that anybody wants."""
    shelf = Shelf()
    for n in range(6):
        shelf.gift(f"plain-{n}", 2000 + n, title=f"Plain thing {n}")
    return shelf


def test_a_little_more_money_buys_what_is_named(stall_of):
    shelf = poor_shop().gift("secateurs", 6600, fees=150, **LIKED)
    agent = stall_of(shelf).agent()
    reply = agent.recommend_sync(wish(5000, **GARDENER))
    (more,) = reply.alternatives
    assert (more.change, more.gift) == ("money", "secateurs")
    assert more.more == Money(minor=1800, currency="EUR"), "17.50 in whole units"
    assert more.total == Money(minor=6750, currency="EUR")
    assert more.expected >= max(pick.expected for pick in reply.picks) + BETTER
    assert more.words == "with 18.00 EUR more: Secateurs (67.50 EUR)"
    richer = agent.recommend_sync(wish(5000 + more.more.minor, **GARDENER))
    assert "secateurs" in shown(richer)
    assert "secateurs" not in shown(agent.recommend_sync(wish(6749, **GARDENER)))


@pytest.mark.parametrize("offer", [{"stock": 0}, {"lead_days": 40}, {"fees": 3000}])
def test_money_that_would_not_help_is_not_asked_for(offer, stall_of):
    """Sold out, too late, or too dear with its fees."""
    shelf = poor_shop().gift("secateurs", 6600, **LIKED, **offer)
    reply = stall_of(shelf).agent().recommend_sync(wish(5000, **GARDENER))
    assert reply.picks
    assert not [a for a in reply.alternatives if a.change == "money"]


def test_what_is_gone_now_is_no_alternative(stall_of):
    """The snapshot has an offer of it; today no shop does."""
    stall = stall_of(poor_shop().gift("secateurs", 6600, **LIKED))
    offers = stall.snapshot.offers
    agent = stall.agent(stall.live(offers=offers.filter(offers["gift"] != "secateurs")))
    reply = agent.recommend_sync(wish(5000, **GARDENER))
    assert reply.picks
    assert reply.alternatives == ()


def test_live_prices_decide_how_much_more(stall_of):
    stall = stall_of(poor_shop().gift("secateurs", 6600, **LIKED))
    offers = stall.snapshot.offers
    dearer = offers.with_columns(price=offers["price"].replace({6600: 7100}))
    reply = stall.agent(stall.live(offers=dearer)).recommend_sync(wish(5000, **GARDENER))
    (more,) = reply.alternatives
    assert more.total == Money(minor=7100, currency="EUR")
    assert more.more == Money(minor=2100, currency="EUR")


@pytest.mark.parametrize("tools", ["all", "none", "chosen"])
def test_a_little_more_time_brings_what_is_named(tools, stall_of):
    from giftrec.agent.settings import AgentSettings

    shelf = poor_shop().gift("secateurs", 3000, lead_days=4, **LIKED)
    agent = stall_of(shelf).agent(settings=AgentSettings(deadline_s=20, tools=tools))
    reply = agent.recommend_sync(wish(5000, days=2, **GARDENER))
    assert "secateurs" not in shown(reply)
    (more,) = reply.alternatives
    assert (more.change, more.gift, more.days) == ("time", "secateurs", 2)
    assert more.words == f"with 2 days more: Secateurs (there on {ON + timedelta(days=4)})"
    later = agent.recommend_sync(wish(5000, days=2 + more.days, **GARDENER))
    assert "secateurs" in shown(later)


def test_where_all_is_late_time_is_what_is_missing(stall_of):
    shelf = Shelf().gift("lamp", 2000, lead_days=3).gift("mug", 1500, lead_days=4)
    reply = stall_of(shelf).agent().recommend_sync(wish(5000, days=1))
    assert reply.picks == ()
    assert [a.change for a in reply.alternatives] == ["time"]
    assert reply.alternatives[0].days in (2, 3)


def test_where_nothing_fits_the_cheapest_is_named(stall_of):
    shelf = Shelf().gift("lamp", 3000).gift("mug", 1990, fees=100).gift("pin", 500, stock=0)
    agent = stall_of(shelf).agent()
    reply = agent.recommend_sync(wish(800))
    assert reply.picks == ()
    (cheapest,) = reply.alternatives
    assert (cheapest.gift, cheapest.total.minor) == ("mug", 2090)
    assert cheapest.more == Money(minor=1300, currency="EUR")
    assert shown(agent.recommend_sync(wish(800 + cheapest.more.minor))) == ["mug"]
    other = agent.recommend_sync(wish(800, excluded=("mug",)))
    assert other.alternatives[0].gift == "lamp", "what is excluded is no alternative"


def test_where_everything_is_excluded_there_is_nothing_to_name(stall_of):
    agent = stall_of(Shelf().gift("mug")).agent()
    reply = agent.recommend_sync(wish(excluded=("mug",)))
    assert (reply.picks, reply.alternatives) == ((), ())
    assert "only 0 gifts of 5 may be shown" in reply.notes


def test_whole_units():
    assert whole(1437, "EUR") == Money(minor=1500, currency="EUR")
    assert whole(1400, "EUR") == Money(minor=1400, currency="EUR")
    assert whole(1437, "JPY") == Money(minor=1437, currency="JPY")
