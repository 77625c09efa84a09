"""What hangs, fails, is given up or comes all at once costs nobody else an answer."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import anyio
import pytest
from mcp import Client
from talking import SISTER, call, talk, text_of

from giftrec.agent.agent import Agent
from giftrec.mcp import server as server_module
from giftrec.mcp.server import gift_server, gift_tools
from giftrec.mcp.shared import Shared
from giftrec.mcp.tool import Answer, Asked, Tell, Tool
from giftrec.schema import Record
from giftrec.tools.registry import Tool as AgentTool
from giftrec.tools.registry import default_tools
from giftrec.tools.runner import Runner


def _with(agent: Agent, name: str, answer: Callable[..., Any]) -> Agent:
    """The agent with one tool that answers otherwise."""
    tools: Sequence[AgentTool] = [
        replace(tool, answer=answer) if tool.name == name else tool for tool in default_tools()
    ]
    runner = Runner(agent.runner.provider, tools)
    return Agent(agent.front, runner, agent.settings, agent.rates)


def _hangs(*_: Any) -> Any:
    time.sleep(30)


def _breaks(*_: Any) -> Any:
    raise ValueError("a secret of the shop")


def test_a_hanging_tool_is_told_and_holds_up_nobody(shared: Shared, agent: Agent) -> None:
    ill = _with(agent, "inventory_check", _hangs)
    server = gift_server(Shared(lambda: ill, shared.today))
    gifts = agent.front.snapshot.ids[:2]
    day = str(shared.today())
    began = time.monotonic()
    result = call(server, "inventory_check", gifts=gifts, needed_by=day)
    assert result.is_error
    assert result.structured_content["status"] == "timeout"
    assert "did not answer in time" in text_of(result)
    recommended = call(server, "recommend_gifts", sentence=SISTER)
    assert time.monotonic() - began < 10
    assert not recommended.is_error
    assert recommended.structured_content["picks"]
    assert any("inventory_check" in words for words in recommended.structured_content["degraded"])
    assert "inventory_check" in text_of(recommended)


def test_a_raising_tool_says_no_more_than_its_kind(shared: Shared, agent: Agent) -> None:
    ill = _with(agent, "review_analysis", _breaks)
    server = gift_server(Shared(lambda: ill, shared.today))
    result = call(server, "review_analysis", gifts=agent.front.snapshot.ids[:2])
    assert result.is_error
    assert result.structured_content["status"] == "error"
    assert "ValueError" in text_of(result)
    assert "secret" not in text_of(result)
    assert call(server, "recommend_gifts", sentence=SISTER).structured_content["picks"]


class _Nothing(Record):
    done: bool


class _AnyWords(Asked):
    words: str = ""


def _tool(answer: Callable[[Any, Tell], Any]) -> Tool:
    return Tool("odd", "Odd", "for a test", _AnyWords, _Nothing, answer)


def test_what_fails_inside_is_logged_without_its_words(
    shared: Shared, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(asked: _AnyWords, tell: Tell) -> Answer:
        raise RuntimeError(f"about {asked.words}")

    with caplog.at_level(logging.DEBUG, "giftrec"):
        result = call(gift_server(shared, [_tool(answer)]), "odd", words="my sister")
    assert result.is_error
    assert text_of(result) == "odd failed inside (RuntimeError): try another way"
    (record,) = [r for r in caplog.records if r.name.startswith("giftrec")]
    assert "my sister" not in str(vars(record))
    assert "test_trouble.py" in str(vars(record))


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_call_that_is_given_up_ends(shared: Shared, mode: str) -> None:
    ended = []

    async def answer(asked: _AnyWords, tell: Tell) -> Answer:
        try:
            await anyio.sleep(30)
        except asyncio.CancelledError:
            ended.append(time.monotonic())
            raise
        return Answer(_Nothing(done=True), "done")

    async def said(client: Client) -> None:
        with anyio.move_on_after(0.3):
            await client.call_tool("odd", {})
        await anyio.sleep(0.2)
        assert ended, "the work went on"

    talk(gift_server(shared, [_tool(answer)]), said, mode)


def test_a_recommendation_that_is_given_up_leaves_its_tools(shared: Shared, agent: Agent) -> None:
    """The threads of tools are let go, and the next call is answered."""
    ill = _with(agent, "price_comparison", _hangs)
    server = gift_server(Shared(lambda: ill, shared.today))

    async def said(client: Client) -> None:
        with anyio.move_on_after(0.05):
            await client.call_tool("recommend_gifts", {"sentence": SISTER})
        result = await client.call_tool("search_catalogue", {"words": "coffee"})
        assert not result.is_error

    talk(server, said)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_calls_at_once_are_each_answered(shared: Shared, mode: str) -> None:
    server = gift_server(shared)
    budgets = [f"{euros} EUR" for euros in range(20, 44, 2)]

    async def said(client: Client) -> list[Any]:
        async def one(budget: str) -> Any:
            return await client.call_tool("recommend_gifts", {"recipient": {"budget": budget}})

        return await asyncio.gather(*(one(budget) for budget in budgets))

    for budget, result in zip(budgets, talk(server, said, mode), strict=True):
        euros = int(budget.split()[0])
        told = result.structured_content
        assert told["wish"]["profile"]["budget"]["minor"] == 100 * euros
        assert all(p["cost"]["total"]["minor"] <= 100 * euros for p in told["picks"])


def test_too_many_at_once_are_told_to_wait(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "AT_ONCE", 2)

    async def answer(asked: _AnyWords, tell: Tell) -> Answer:
        await anyio.sleep(0.2)
        return Answer(_Nothing(done=True), "done")

    async def said(client: Client) -> list[Any]:
        return await asyncio.gather(*(client.call_tool("odd", {}) for _ in range(5)))

    results = talk(gift_server(shared, [_tool(answer)]), said)
    assert [result.is_error for result in results].count(True) == 3
    assert any("ask again" in text_of(result) for result in results if result.is_error)


def test_a_catalogue_that_goes_live_answers_the_next_call(shared: Shared, agent: Agent) -> None:
    other = Agent(agent.front, agent.runner, agent.settings.model_copy(update={"explain": False}))
    live = [agent]
    server = gift_server(Shared(lambda: live[0], shared.today))

    async def said(client: Client) -> None:
        first = await client.call_tool("recommend_gifts", {"sentence": SISTER})
        live[0] = other
        second = await client.call_tool("recommend_gifts", {"sentence": SISTER})
        assert first.structured_content["picks"][0]["reasons"]
        assert not second.structured_content["picks"][0]["reasons"]

    talk(server, said)


def test_every_tool_only_reads(shared: Shared) -> None:
    """The hints are the same for all: whoever adds a tool that writes has to change that."""
    assert {tool.name.split("_")[0] for tool in gift_tools(shared)} == {
        "recommend", "next", "search", "describe", "price", "review", "inventory", "trend", "budget"
    }  # fmt: skip
