"""A tool that hangs, raises, is slow or lies degrades an answer and never breaks it."""

import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event

import polars as pl
import pytest
from stall import ON, Shelf, patient_tools, shown, wish

from giftrec.agent.settings import AgentSettings
from giftrec.tools.provider import TransientError
from giftrec.vocabulary import TOOLS

LIMIT_S, DEADLINE_S = 0.4, 0.5
SLACK_S = 3.0  # stages, and a machine that is busy with other work
SISTER = {"hobbies": ("crafts", "hiking"), "age": 30, "relationship": "sibling"}


@pytest.fixture
def release():
    """Ends whatever hangs, after the test."""
    event = Event()
    yield event
    event.set()


def behaviours(release: Event) -> dict[str, Callable]:
    def hangs(request, provider):
        release.wait(30)
        raise TimeoutError

    def raises(request, provider):
        raise ValueError("secret of the shop")

    def passes(request, provider):
        raise TransientError("try later")

    def lies(request, provider):
        return {"gifts": "none"}

    return {"hangs": hangs, "raises": raises, "passes": passes, "lies": lies}


def with_broken(names, behaviour):
    tools = patient_tools(timeout_s=LIMIT_S)
    return [replace(t, answer=behaviour) if t.name in names else t for t in tools]


@pytest.mark.parametrize("how", ["hangs", "raises", "passes", "lies"])
@pytest.mark.parametrize("tool", [*TOOLS, "all"])
def test_the_answer_comes_in_time_and_says_so(how, tool, shop, release):
    names = TOOLS if tool == "all" else (tool,)
    settings = AgentSettings(deadline_s=DEADLINE_S, tools="all")
    agent = shop.agent(settings=settings, tools=with_broken(names, behaviours(release)[how]))
    began = time.monotonic()
    reply = agent.recommend_sync(wish(6600, **SISTER))
    took = time.monotonic() - began
    assert took < (1 + settings.rounds) * DEADLINE_S + SLACK_S
    assert len(reply.picks) == 5
    for name in names:
        assert any(said.startswith(f"{name}: ") for said in reply.degraded)
        (use,) = [use for use in reply.tools if use.tool == name]
        assert use.asked
        assert use.status == ("timeout" if how == "hangs" else "error")
    assert "secret" not in reply.model_dump_json()
    checked_now = {"price_comparison": "prices not checked now", "inventory_check": "stock and"}
    for name, said in checked_now.items():
        assert any(word.startswith(said) for word in reply.degraded) is (name in names)
    offers = shop.snapshot.offers
    for pick in reply.picks:
        mine = offers.filter((pl.col("gift") == pick.gift) & (pl.col("shop") == pick.cost.shop))
        assert (mine["price"] + mine["fees"]).to_list() == [pick.cost.total.minor]
        assert pick.cost.total.minor <= 6600
        assert mine["stock"].min() > 0


def test_a_hanging_tool_is_left_alone_after_a_while(shop, release):
    """Then answers are as quick as without it."""
    tools = with_broken(["price_comparison"], behaviours(release)["hangs"])
    agent = shop.agent(settings=AgentSettings(deadline_s=DEADLINE_S), tools=tools)
    for _ in range(3):
        agent.recommend_sync(wish(**SISTER))
    began = time.monotonic()
    reply = agent.recommend_sync(wish(**SISTER))
    assert time.monotonic() - began < LIMIT_S
    assert any("left alone" in said for said in reply.degraded)
    assert len(reply.picks) == 5


def test_with_all_well_nothing_is_degraded(shop):
    for tools in ("chosen", "all", "none"):
        agent = shop.agent(settings=AgentSettings(deadline_s=20, tools=tools))
        reply = agent.recommend_sync(wish(**SISTER))
        assert reply.degraded == ()
        assert [use.tool for use in reply.tools] == list(TOOLS)
        if tools != "chosen":
            assert all(use.asked is (tools == "all") for use in reply.tools)


def test_what_the_snapshot_lists_is_judged_where_no_tool_answers(stall_of, release):
    """The same gift passes or does not as it would with live tools over the snapshot."""
    shelf = Shelf().gift("late", lead_days=30).gift("out", stock=0).gift("dear", 9000)
    shelf.gift("fine", 2000).offer("fine", 1500, "South", lead_days=30)
    stall = stall_of(shelf)
    broken = stall.agent(tools=with_broken(TOOLS, behaviours(release)["raises"]))
    asked = wish(6000, days=5)
    for agent in (stall.agent(), broken):
        (fine,) = agent.recommend_sync(asked).picks
        assert (fine.gift, fine.cost.shop, fine.cost.total.minor) == ("fine", "North", 2000)
        assert (fine.cost.as_of, fine.delivery.as_of) == (ON, ON)


def test_a_provider_that_has_nothing_shows_nothing(shop):
    """No offer on record now: none is shown, and the cheapest that was listed is named."""
    agent = shop.agent(shop.live(offers=shop.snapshot.offers.head(0)))
    reply = agent.recommend_sync(wish(**SISTER))
    assert shown(reply) == []
    assert "only 0 gifts of 5 may be shown" in reply.notes
