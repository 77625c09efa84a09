"""Talking to a server as an assistant does: the SDK's own client, without a transport."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import mcp_types as types
from mcp import Client
from mcp.server import Server

T = TypeVar("T")
SISTER = "my sister turns 30, loves pottery and hiking, about 60 euros"


def talk(server: "Server[Any]", said: Callable[[Client], Awaitable[T]], mode: str = "auto") -> T:
    """What `said` comes to in one connection."""

    async def connected() -> T:
        async with Client(server, mode=mode) as client:
            return await said(client)

    return asyncio.run(connected())


def call(server: "Server[Any]", tool: str, **arguments: Any) -> types.CallToolResult:
    """One call, in a connection of its own."""

    async def said(client: Client) -> types.CallToolResult:
        return await client.call_tool(tool, arguments)

    return talk(server, said)


def text_of(result: types.CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, types.TextContent)
    return content.text


def refused(server: "Server[Any]", tool: str, **arguments: Any) -> str:
    """The words of a call that is refused."""
    result = call(server, tool, **arguments)
    assert result.is_error
    return text_of(result)
