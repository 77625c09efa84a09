"""Resources, the prompt, and what completes its words."""

import json
from typing import Any
from urllib.parse import unquote

import mcp_types as types
import pytest
from mcp import Client
from mcp.server import Server
from mcp.shared.exceptions import MCPError
from talking import talk

from giftrec.agent.agent import Agent
from giftrec.mcp.reading import gift_uri
from giftrec.mcp.server import gift_server
from giftrec.mcp.shared import Shared


@pytest.fixture
def server(shared: Shared) -> "Server[Any]":
    return gift_server(shared)


def _read(server: "Server[Any]", uri: str) -> Any:
    async def said(client: Client) -> Any:
        (content,) = (await client.read_resource(uri)).contents
        assert isinstance(content, types.TextResourceContents)
        assert content.mime_type == "application/json"
        return json.loads(content.text)

    return talk(server, said)


def test_every_listed_resource_can_be_read(server: "Server[Any]", agent: Agent) -> None:
    listed = talk(server, lambda client: client.list_resources()).resources
    read = {resource.uri: _read(server, resource.uri) for resource in listed}
    words = agent.front.vocabulary
    hobbies = read["giftrec://vocabulary/hobbies"]
    assert [hobby for some in hobbies.values() for hobby in some] == list(words.hobbies)
    assert read["giftrec://vocabulary/occasions"] == list(words.occasions)
    assert read["giftrec://vocabulary/relationships"] == list(words.relationships)
    assert list(read["giftrec://vocabulary/categories"]) == list(words.gift_categories)
    assert list(read["giftrec://vocabulary/preferences"]) == list(words.preference_types)
    assert read["giftrec://catalogue"]["counts"]["gifts"] == 45
    assert read["giftrec://catalogue"]["currency"] == "EUR"


def test_a_gift_is_a_resource(server: "Server[Any]", agent: Agent) -> None:
    gift = agent.front.snapshot.ids[3]
    templates = talk(server, lambda client: client.list_resource_templates()).resource_templates
    assert [template.uri_template for template in templates] == ["giftrec://gift/{id}"]
    assert _read(server, gift_uri(gift))["title"] == agent.front.snapshot.gift(gift).title


def test_any_id_makes_a_uri() -> None:
    odd = "a/b c?d#e%20ö"
    assert gift_uri(odd).isascii()
    assert unquote(gift_uri(odd)).endswith(odd)


@pytest.mark.parametrize("uri", ["giftrec://nothing", "giftrec://gift/none", "file:///etc/passwd"])
def test_other_resources_are_refused(server: "Server[Any]", uri: str) -> None:
    async def said(client: Client) -> None:
        with pytest.raises(MCPError, match=r"no resource|no gift"):
            await client.read_resource(uri)

    talk(server, said)


def test_the_prompt_tells_how_to_go_about_it(server: "Server[Any]") -> None:
    async def said(client: Client) -> None:
        (listed,) = (await client.list_prompts()).prompts
        assert [a.name for a in listed.arguments or [] if a.required] == ["who"]
        got = await client.get_prompt(listed.name, {"who": "my aunt", "budget": "60 EUR"})
        (message,) = got.messages
        assert isinstance(message.content, types.TextContent)
        assert "my aunt" in message.content.text
        assert "Budget: 60 EUR" in message.content.text
        assert "recommend_gifts" in message.content.text
        for arguments in ({}, {"who": " "}, {"who": "x", "wo": "y"}, {"who": "x" * 3000}):
            with pytest.raises(MCPError):
                await client.get_prompt(listed.name, arguments)
        with pytest.raises(MCPError, match="no prompt"):
            await client.get_prompt("find_a_yacht", {"who": "me"})

    talk(server, said)


def test_occasions_are_completed(server: "Server[Any]") -> None:
    async def said(client: Client) -> None:
        ref = types.PromptReference(type="ref/prompt", name="find_a_gift")
        found = await client.complete(ref, {"name": "occasion", "value": "Ch"})
        assert found.completion.values == ["christmas"]
        none = await client.complete(ref, {"name": "who", "value": "m"})
        assert none.completion.values == []

    talk(server, said)
