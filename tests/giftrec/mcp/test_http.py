"""Over HTTP: the client of the SDK, and everybody who should not be let in."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from talking import SISTER

from giftrec.mcp.http import Address, guard, http_edge
from giftrec.mcp.server import gift_server
from giftrec.mcp.shared import Shared
from reccore.errors import UserError
from reccore.serve.keys import KeyRing

MAIN = [sys.executable, "-c", "from giftrec.cli import main; main()", "mcp"]
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


@contextmanager
def _served(bundle: Path, catalogue: Path, log: Path, *options: str) -> Iterator[str]:
    """The address of a server of the test's own."""
    command = [*MAIN, str(bundle), "--catalogue", str(catalogue), "--http", "--port", "0"]
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*command, "--log", "json", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    try:
        yield _address(log, process)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=15)
        assert process.returncode == 0, "Ctrl-C is no failure"
        assert out == b""
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.communicate()


def _address(log: Path, process: "subprocess.Popen[bytes]") -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        if found is not None:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def url(bundle: Path, catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with _served(bundle, catalogue, tmp_path_factory.mktemp("log") / "log") as address:
        yield address


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_assistants_talk_to_it(url: str, mode: str) -> None:
    told: list[str | None] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async def one() -> list[str]:
        async with Client(f"{url}/mcp", mode=mode) as client:
            assert len((await client.list_tools()).tools) == 9
            assert (await client.read_resource("giftrec://catalogue")).contents
            result = await client.call_tool(
                "recommend_gifts", {"sentence": SISTER}, progress_callback=heard
            )
            wrong = await client.call_tool("search_catalogue", {"category": "home"})
            assert wrong.is_error
            return [pick["gift"] for pick in result.structured_content["picks"]]

    async def several() -> list[list[str]]:
        return await asyncio.gather(*(one() for _ in range(3)))

    slates = asyncio.run(several())
    assert len(slates[0]) == 5
    assert slates.count(slates[0]) == 3
    assert any(message and "price_comparison" in message for message in told)


def _post(url: str, **more: Any) -> httpx2.Response:
    headers = {**HEADERS, **more.pop("headers", {})}
    content = more.pop("content", json.dumps(HELLO).encode())
    return httpx2.post(f"{url}/mcp", headers=headers, content=content, timeout=10, **more)


def test_pages_of_other_sites_are_refused(url: str) -> None:
    assert _post(url).status_code == 200
    assert _post(url, headers={"host": "evil.example"}).status_code == 421
    assert _post(url, headers={"origin": "https://evil.example"}).status_code == 403
    assert _post(url, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    port = url.rpartition(":")[2]
    assert _post(url, headers={"origin": f"http://localhost:{port}"}).status_code == 200


def test_large_bodies_are_refused(url: str) -> None:
    large = b'{"x": "' + b"x" * 300_000 + b'"}'
    assert _post(url, content=large).status_code == 413
    chunks = (large[at : at + 10_000] for at in range(0, len(large), 10_000))
    assert _post(url, content=chunks).status_code == 413
    assert _post(url, content=b"no json").status_code == 400
    assert httpx2.get(f"{url}/health/live").json() == {"status": "live"}
    assert httpx2.get(f"{url}/elsewhere").status_code == 404


def test_keys(bundle: Path, catalogue: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    _, secret = KeyRing.load(keys).create("assistant", ("read",))
    bearer = {"authorization": f"Bearer {secret}"}
    options = ("--keys", str(keys), "--per-second", "1000")
    with _served(bundle, catalogue, tmp_path / "log", *options) as url:
        assert _post(url).status_code == 401
        assert _post(url, headers={"authorization": "Bearer gr_wrong"}).status_code == 401
        assert _post(url, headers=bearer).status_code == 200
        assert httpx2.get(f"{url}/health/live").status_code == 200

        async def talked() -> bool:
            async with httpx2.AsyncClient(headers=bearer) as client:
                transport = streamable_http_client(f"{url}/mcp", http_client=client)
                async with Client(transport) as assistant:
                    result = await assistant.call_tool("recommend_gifts", {"sentence": SISTER})
                    return result.is_error

        assert asyncio.run(talked()) is False
        log = (tmp_path / "log").read_text()
        assert secret not in log
        assert "pottery" not in log


def test_too_many_requests_are_refused(bundle: Path, catalogue: Path, tmp_path: Path) -> None:
    with _served(bundle, catalogue, tmp_path / "log", "--per-second", "0.05") as url:
        statuses = [_post(url).status_code for _ in range(3)]
        assert 429 in statuses
        assert statuses[0] == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.7.7", "::"])
def test_other_machines_need_keys(shared: Shared, host: str, tmp_path: Path) -> None:
    server = gift_server(shared)
    with pytest.raises(UserError, match="no API keys"):
        http_edge(server, Address(host, names=("gifts.example.com",)))
    empty = tmp_path / "none.toml"
    with pytest.raises(UserError, match="no API keys"):
        http_edge(server, Address(host, names=("gifts.example.com",)), empty)
    KeyRing.load(empty).create("assistant", ("read",))
    http_edge(server, Address(host, names=("gifts.example.com",)), empty)


def test_every_name_has_to_be_said() -> None:
    with pytest.raises(UserError, match="--name"):
        guard(Address("0.0.0.0"))
    named = guard(Address("0.0.0.0", names=("gifts.example.com", "shop.example:8443")))
    assert named.enable_dns_rebinding_protection
    assert {"gifts.example.com", "gifts.example.com:*", "shop.example:8443"} <= {
        *named.allowed_hosts
    }
    assert "shop.example" not in named.allowed_hosts
    assert "https://gifts.example.com" in named.allowed_origins
    assert "192.168.7.7:*" in guard(Address("192.168.7.7")).allowed_hosts
    assert "[fe80::7]:*" in guard(Address("fe80::7")).allowed_hosts
