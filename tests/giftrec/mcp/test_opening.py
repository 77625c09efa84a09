"""A catalogue that takes its time keeps nobody from shaking hands."""

import threading
from typing import Any

import anyio
import pytest
from mcp import Client
from talking import SISTER, refused, talk

from giftrec.agent.agent import Agent
from giftrec.mcp.opening import Opening
from giftrec.mcp.server import gift_server
from giftrec.mcp.shared import Shared
from reccore.errors import UserError


def _over(opening: Opening[Agent], agent: Agent, shared: Shared) -> Shared:
    return Shared(
        opening.result,
        shared.today,
        vocabulary=lambda: agent.front.vocabulary,
        opened=lambda: opening.done,
    )


def test_lists_at_once_and_calls_when_it_is_there(agent: Agent, shared: Shared) -> None:
    there = threading.Event()

    def slow() -> Agent:
        there.wait(30)
        return agent

    opening = Opening(slow)
    answered: list[Any] = []

    async def said(client: Client) -> None:
        assert len((await client.list_tools()).tools) == 9
        assert (await client.list_resources()).resources
        wrong = await client.call_tool("recommend_gifts", {"sentense": SISTER})
        assert wrong.is_error, "a mistake needs no catalogue"

        async def asked() -> None:
            answered.append(await client.call_tool("recommend_gifts", {"sentence": SISTER}))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asked)
            await anyio.sleep(0.2)
            assert not answered
            assert not opening.over
            there.set()
        assert answered[0].structured_content["picks"]

    talk(gift_server(_over(opening, agent, shared)), said)


def test_a_call_may_be_given_up_while_it_opens(agent: Agent, shared: Shared) -> None:
    there = threading.Event()

    def slow() -> Agent:
        there.wait(30)
        return agent

    async def said(client: Client) -> None:
        with anyio.fail_after(5):
            with anyio.move_on_after(0.2):
                await client.call_tool("recommend_gifts", {"sentence": SISTER})
            assert (await client.list_tools()).tools

    talk(gift_server(_over(Opening(slow), agent, shared)), said)
    there.set()


def test_what_cannot_be_opened_is_told_to_every_call(agent: Agent, shared: Shared) -> None:
    def broken() -> Agent:
        raise UserError("the catalogue is torn", "import it again")

    opening = Opening(broken)
    with pytest.raises(UserError):
        opening.result()
    assert opening.over
    assert not opening.done
    server = gift_server(_over(opening, agent, shared))
    for _ in range(2):
        words = refused(server, "recommend_gifts", sentence=SISTER)
        assert words == "the catalogue is torn (import it again)"
