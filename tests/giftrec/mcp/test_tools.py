"""Every tool over the SDK's own client: what is listed, what is answered, what is refused."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import mcp_types as types
import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.server import Server
from mcp.shared.exceptions import MCPError
from talking import SISTER, call, refused, talk, text_of

from giftrec.agent.agent import Agent
from giftrec.asking import from_sentence
from giftrec.mcp.server import gift_server
from giftrec.mcp.shared import Shared
from giftrec.money import RateTable
from giftrec.vocabulary import TOOLS

NAMES = ["recommend_gifts", "next_gifts", "search_catalogue", "describe_gift", *sorted(TOOLS)]


@pytest.fixture
def server(shared: Shared) -> "Server[Any]":
    return gift_server(shared)


@pytest.fixture(scope="module")
def some(agent: Agent) -> list[str]:
    return agent.front.snapshot.ids[:4]


def _needed(agent: Agent) -> str:
    return str(agent.front.as_of + timedelta(days=10))


def _inner(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for part in schema.values():
            yield from _inner(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _inner(part)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_lists_its_tools(server: "Server[Any]", mode: str) -> None:
    tools = talk(server, lambda client: client.list_tools(), mode).tools
    assert sorted(tool.name for tool in tools) == sorted(NAMES)
    for tool in tools:
        Draft202012Validator.check_schema(tool.input_schema)
        assert tool.output_schema is not None
        Draft202012Validator.check_schema(tool.output_schema)
        assert tool.description
        assert tool.title
        hints = tool.annotations
        assert hints is not None
        assert hints.read_only_hint
        assert hints.idempotent_hint
        assert hints.destructive_hint is False
        assert hints.open_world_hint is False
        assert tool.input_schema["additionalProperties"] is False
        text = json.dumps(tool.input_schema)
        assert "x-words" not in text, "a mark of ours was left in the schema"


def test_schemas_name_the_words(server: "Server[Any]", agent: Agent) -> None:
    tools = {t.name: t for t in talk(server, lambda client: client.list_tools()).tools}
    words = agent.front.vocabulary

    def lists(name: str, key: str) -> list[list[str]]:
        return [part[key] for part in _inner(tools[name].input_schema) if key in part]

    assert list(words.levels("category")) in lists("search_catalogue", "enum")
    assert list(words.relationships) in lists("recommend_gifts", "examples")


def test_recommends_what_the_agent_does(server: "Server[Any]", agent: Agent) -> None:
    on = agent.front.as_of
    heard = from_sentence(
        SISTER, on, agent.front.vocabulary, currency="EUR", terms=agent.front.texts.terms
    )
    expected = agent.recommend_sync(heard.wish)
    result = call(server, "recommend_gifts", sentence=SISTER)
    assert not result.is_error
    told = result.structured_content
    assert [p["gift"] for p in told["picks"]] == [p.gift for p in expected.picks]
    assert told["picks"][0]["reasons"][0]["words"] == expected.picks[0].reasons[0].words
    assert told["missing"] == list(heard.missing)
    assert told["wish"]["profile"]["age"] == 30
    text = text_of(result)
    for pick in expected.picks:
        assert pick.gift in text
        assert str(pick.cost.total) in text
    assert told["recommendation"] in text


def test_a_recipient_without_a_sentence(server: "Server[Any]") -> None:
    who = {"age": 61, "relationship": "mum", "budget": "40 EUR", "hobbies": ["gardening"]}
    told = call(server, "recommend_gifts", recipient=who, count=3).structured_content
    assert told["wish"]["profile"]["relationship"] == "mother"
    assert len(told["picks"]) == 3
    assert all(p["cost"]["total"]["minor"] <= 4000 for p in told["picks"])
    assert any("occasion" in words for words in told["missing"])


def test_fields_stand_instead_of_the_sentence(server: "Server[Any]") -> None:
    told = call(
        server, "recommend_gifts", sentence=SISTER, recipient={"budget": "25 EUR"}
    ).structured_content
    assert told["wish"]["profile"]["budget"] == {"minor": 2500, "currency": "EUR"}
    assert told["wish"]["profile"]["age"] == 30


def test_objects_written_as_text_are_understood(server: "Server[Any]") -> None:
    """Some assistants send nested arguments as JSON in a string."""
    who = json.dumps({"age": "44", "budget": "50 EUR"})
    told = call(server, "recommend_gifts", recipient=who).structured_content
    assert told["wish"]["profile"]["age"] == 44


def test_several_people(server: "Server[Any]") -> None:
    text = "a gift for my mum, 60, about 40 euros, and one for my boss, 50, about 20 euros"
    told = call(server, "recommend_gifts", sentence=text, person=1)
    assert told.structured_content["people"] == 2
    assert told.structured_content["wish"]["profile"]["relationship"] == "boss"
    assert "2 people" in text_of(told)
    assert "0 to 1" in refused(server, "recommend_gifts", sentence=text, person=2)


def test_an_impossible_budget_is_an_honest_answer(server: "Server[Any]") -> None:
    result = call(server, "recommend_gifts", sentence=SISTER, recipient={"budget": "1 EUR"})
    assert not result.is_error
    assert result.structured_content["picks"] == []
    assert "cheapest" in text_of(result)


def test_markup_is_text(server: "Server[Any]") -> None:
    told = call(
        server,
        "recommend_gifts",
        recipient={"wishes": ["<script>alert(1)</script>"], "excluded": ["'; DROP TABLE gifts;--"]},
    )
    assert not told.is_error
    assert told.structured_content["wish"]["wishes"] == ["<script>alert(1)</script>"]


def test_other_currencies(agent: Agent, shared: Shared) -> None:
    rates = RateTable(on=agent.front.as_of, base="EUR", rates={"USD": 0.5})
    rich = Agent(agent.front, agent.runner, agent.settings, rates)
    server = gift_server(Shared(lambda: rich, shared.today))
    told = call(server, "recommend_gifts", recipient={"budget": "100 USD"}).structured_content
    assert all(p["cost"]["total"]["minor"] <= 5000 for p in told["picks"])
    assert told["picks"][0]["cost"]["shopper"]["currency"] == "USD"
    gift = told["picks"][0]["gift"]
    prices = call(server, "price_comparison", gifts=[gift], currency="USD").structured_content
    assert prices["data"]["gifts"][0]["best"]["landed"]["currency"] == "USD"
    assert "CHF" in refused(server, "price_comparison", gifts=[gift], currency="CHF")


def test_without_rates_other_currencies_are_refused(server: "Server[Any]", some: list[str]) -> None:
    assert "USD" in refused(server, "recommend_gifts", recipient={"budget": "100 USD"})
    assert "USD" in refused(server, "price_comparison", gifts=some, currency="USD")


# --- next_gifts


def _first(server: "Server[Any]") -> dict[str, Any]:
    told: dict[str, Any] = call(server, "recommend_gifts", sentence=SISTER).structured_content
    return told


def _gifts(told: dict[str, Any]) -> list[str]:
    return [pick["gift"] for pick in told["picks"]]


def test_swap_leaves_out_and_fills_up(server: "Server[Any]") -> None:
    first = _first(server)
    told = call(
        server, "next_gifts", recommendation=first["recommendation"], swap=_gifts(first)[:1]
    ).structured_content
    assert _gifts(first)[0] not in _gifts(told)
    assert len(told["picks"]) == 5
    assert told["recommendation"] != first["recommendation"]
    again = call(
        server, "next_gifts", recommendation=told["recommendation"], swap=_gifts(told)[:1]
    ).structured_content
    assert not {_gifts(first)[0], _gifts(told)[0]} & set(_gifts(again)), "it forgot the first swap"


def test_all_new_goes_on_over_several_pages(server: "Server[Any]") -> None:
    seen: list[str] = []
    told = _first(server)
    for _ in range(3):
        assert not set(seen) & set(_gifts(told))
        seen += _gifts(told)
        told = call(
            server, "next_gifts", recommendation=told["recommendation"], all_new=True
        ).structured_content


def test_the_wish_does_as_well_as_the_id(server: "Server[Any]") -> None:
    first = _first(server)
    by_id = call(
        server, "next_gifts", recommendation=first["recommendation"], swap=_gifts(first)[:2]
    ).structured_content
    by_wish = call(
        server, "next_gifts", wish=first["wish"], swap=_gifts(first)[:2]
    ).structured_content
    assert _gifts(by_id) == _gifts(by_wish)
    assert by_id["wish"] == by_wish["wish"]


def test_owns_exclude_budget_and_more_like(server: "Server[Any]", agent: Agent) -> None:
    first = _first(server)
    gifts = _gifts(first)
    told = call(
        server,
        "next_gifts",
        recommendation=first["recommendation"],
        owns=[gifts[0]],
        exclude=["candle"],
        more_like=gifts[1],
        budget="30 EUR",
    ).structured_content
    assert gifts[0] not in _gifts(told)
    assert told["wish"]["excluded"] == ["candle"]
    assert told["wish"]["like"] == gifts[1]
    assert all(p["cost"]["total"]["minor"] <= 3000 for p in told["picks"])


def test_what_is_forgotten_is_told(server: "Server[Any]") -> None:
    words = refused(server, "next_gifts", recommendation="never-was")
    assert "wish" in words
    assert "recommend_gifts" in words
    assert "one of them" in refused(server, "next_gifts")


# --- the catalogue


def test_search_and_describe(server: "Server[Any]", agent: Agent) -> None:
    told = call(server, "search_catalogue", words="coffee", at_most="40 EUR", limit=2)
    found = told.structured_content
    assert found["total"] >= len(found["gifts"]) > 0
    assert all(gift["price"]["minor"] <= 4000 for gift in found["gifts"])
    gift = found["gifts"][0]["gift"]
    described = call(server, "describe_gift", gift=gift).structured_content
    assert described["title"] == agent.front.snapshot.gift(gift).title
    nothing = call(server, "search_catalogue", words="zzzz qqqq")
    assert nothing.structured_content["total"] == 0
    assert text_of(nothing) == "No gift fits."


def test_search_by_conditions(server: "Server[Any]", agent: Agent) -> None:
    category = next(c for c in agent.front.snapshot.gifts["category"] if c)
    found = call(server, "search_catalogue", category=category, in_stock=True).structured_content
    assert {gift["category"] for gift in found["gifts"]} == {category}


# --- the five tools


def test_each_of_the_five(server: "Server[Any]", agent: Agent, some: list[str]) -> None:
    more: dict[str, dict[str, Any]] = {
        "inventory_check": {"needed_by": _needed(agent)},
        "budget_optimizer": {"budget": "100 EUR", "fewest": 2, "most": 3},
    }
    for name in TOOLS:
        result = call(server, name, gifts=some, **more.get(name, {}))
        assert not result.is_error, text_of(result)
        told = result.structured_content
        assert told["status"] == "ok"
        assert told["data"] is not None
        if name != "budget_optimizer":
            assert [gift["gift"] for gift in told["data"]["gifts"]] == some
            assert all(gift in text_of(result) for gift in some)
        assert str(told["as_of"]) in text_of(result)


def test_old_facts_are_called_stale(server: "Server[Any]", agent: Agent, some: list[str]) -> None:
    later = agent.front.as_of + timedelta(days=30)
    told = call(server, "inventory_check", gifts=some, on=str(later), needed_by=str(later))
    assert told.structured_content["status"] == "stale"
    assert not told.is_error
    assert "30 days old" in text_of(told)


# --- mistakes


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("recommend_gifts", {}, "say who it is for"),
        ("recommend_gifts", {"sentense": "x"}, "nearest: sentence"),
        ("recommend_gifts", {"sentence": "  "}, "empty"),
        ("recommend_gifts", {"sentence": "x" * 2001}, "sentence:"),
        ("recommend_gifts", {"recipient": {"relationship": "wurst"}}, "is not known ("),
        ("recommend_gifts", {"recipient": {"age": 300}}, "recipient.age"),
        ("recommend_gifts", {"recipient": {"hobbys": ["x"]}}, "nearest: hobbies"),
        ("recommend_gifts", {"recipient": {"budget": "60"}}, "no currency"),
        ("recommend_gifts", {"recipient": {"budget": "-5 EUR"}}, "not above 0"),
        ("recommend_gifts", {"recipient": {"needed_by": "soon"}}, "needed_by"),
        ("recommend_gifts", {"sentence": "a gift", "count": 99}, "count"),
        ("recommend_gifts", {"recipient": 5}, "recipient"),
        ("search_catalogue", {"category": "home"}, "nearest: home_decor"),
        ("search_catalogue", {"limit": 0}, "limit"),
        ("describe_gift", {"gift": "nothing-of-the-kind"}, "search_catalogue"),
        ("describe_gift", {}, "gift: missing"),
        ("price_comparison", {"gifts": []}, "at least 1"),
        ("price_comparison", {"gifts": ["no-such-gift"]}, "no gift"),
        ("price_comparison", {"gifts": ["x"] * 51}, "at most 50"),
        ("inventory_check", {"gifts": ["x"]}, "needed_by: missing"),
        ("next_gifts", {"wish": {"profile": {}}}, "wish.profile.age: missing"),
    ],
)
def test_mistakes_are_told_in_words(
    server: "Server[Any]", tool: str, arguments: dict[str, Any], said: str
) -> None:
    words = refused(server, tool, **arguments)
    assert said in words
    assert "Traceback" not in words
    assert "pydantic" not in words
    assert len(words) < 1000


def test_sets_that_contradict_themselves(server: "Server[Any]", some: list[str]) -> None:
    words = refused(
        server,
        "budget_optimizer",
        gifts=some,
        budget="50 EUR",
        forced=some[:1],
        forbidden=some[:1],
    )
    assert "forced and forbidden" in words
    assert "2 values for 4 gifts" in refused(
        server, "budget_optimizer", gifts=some, budget="50 EUR", values=[1.0, 2.0]
    )


def test_nearest_gift_is_named(server: "Server[Any]", some: list[str]) -> None:
    assert some[0] in refused(server, "describe_gift", gift=some[0][:-1])


def test_an_unknown_tool_is_an_error_of_the_protocol(server: "Server[Any]") -> None:
    async def said(client: Client) -> None:
        with pytest.raises(MCPError, match="nearest: recommend_gifts") as caught:
            await client.call_tool("recomend_gift", {})
        assert caught.value.error.code == types.INVALID_PARAMS

    talk(server, said)


def test_progress_is_told(server: "Server[Any]") -> None:
    told: list[tuple[float, str | None]] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    async def said(client: Client) -> None:
        await client.call_tool("recommend_gifts", {"sentence": SISTER}, progress_callback=heard)

    talk(server, said)
    assert [step for step, _ in told] == sorted(step for step, _ in told)
    assert any(message and "price_comparison" in message for _, message in told)
