"""What a product may add to the server: stages, a wider key, what lives beside it, its problems."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Response
from starlette.testclient import TestClient

from reccore.bundle.manifest import Manifest
from reccore.bundle.registry import Registry
from reccore.config import Settings
from reccore.serve.app import Face, build
from reccore.serve.edge import Edge
from reccore.serve.live import Opened
from reccore.serve.product import Job, Product, Question, Staged
from reccore.serve.route import JsonRoute
from reccore.serve.server import Server
from reccore.serve.settings import ServeSettings
from reccore.serve.work import Turns


class Asking(Settings):
    slow: bool = False


class Shop(Product[str]):
    """Answers in two stages with a wait between them; what it stands on may change."""

    name = "toy"

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.stock, self.keeps = "stock 1", True
        self.made = 0
        self.lives: list[str] = []
        self.wrong: str | None = None
        self.gate: asyncio.Event | None = None

    def open(self, folder: Path, settings: ServeSettings) -> Opened[str]:
        return Opened(folder.name, 1, 0.001)

    def facts(self, bundle: str) -> dict[str, Any]:
        return {}

    def frequent(self, bundle: str, most: int) -> Iterable[Question[str]]:
        return ()

    def forget(self, folder: Path, user: str) -> bool:
        return False

    def problem(self, bundle: str) -> str | None:
        return self.wrong

    def beside(self, server: Server[str]) -> AbstractAsyncContextManager[None]:
        return self._beside(server)

    @asynccontextmanager
    async def _beside(self, server: Server[str]) -> AsyncIterator[None]:
        assert server.champion.bundle == "1"
        self.gate = asyncio.Event()
        self.lives.append("begun")
        yield
        self.lives.append("ended")

    def question(self, slow: bool) -> Question[str]:
        async def make(serving: Any) -> tuple[Job | Staged, tuple[str, ...]]:
            async def run(turns: Turns) -> bytes:
                stock = await turns(lambda: self.stock)
                if slow:
                    assert self.gate is not None
                    await self.gate.wait()
                self.made += 1
                made: str = await turns(lambda: json.dumps({"items": [], "stock": stock}))
                return made[:-1].encode() + b',"degraded":[]}'

            return Staged(run), ()

        return Question(
            user="",
            unit="anybody",
            request=b"slow" if slow else b"",
            make=make,
            stands_on=lambda serving: self.stock.encode(),
            keep=lambda: self.keeps,
        )


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    registry = Registry("toy", tmp_path / "models", lambda folder: None)
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    facts = {"product": "toy", "model": "toy", "blessed": True, "files": {}, "generation": 1}
    Manifest({**facts, "created": "2026-01-02T03:04:05+00:00"}).write(bundle)
    registry.add(bundle, "toy", "1")
    registry.activate("toy", "1")
    return Shop(registry)


@contextlib.contextmanager
def served(shop: Shop, tmp_path: Path) -> Any:
    settings = ServeSettings.read(None, [f"feedback.url={tmp_path}/f.sqlite"], {})
    server: Server[str] = Server(settings, shop, "toy")
    routes = APIRouter(route_class=JsonRoute)

    @routes.post("/v1/recommendations")
    async def ask(asked: Asking) -> Response:
        return Response(await server.respond(shop.question(asked.slow)))

    @routes.post("/v1/open/{place}/{door}")
    async def open_(asked: Asking, place: str, door: str) -> Response:
        assert shop.gate is not None
        shop.gate.set()
        return Response(f"{place} {door}")

    edge: Edge = build(server, Face("toy", "toys", [routes]), settings)
    with TestClient(edge) as client:
        yield client


def _ask(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/recommendations", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_key_holds_what_the_answer_stands_on(shop: Shop, tmp_path: Path) -> None:
    with served(shop, tmp_path) as client:
        assert [_ask(client)["cached"] for _ in range(2)] == [None, "memory"]
        shop.stock = "stock 2"
        changed = _ask(client)
        assert (changed["cached"], changed["stock"]) == (None, "stock 2")
        shop.stock = "stock 1"
        assert (_ask(client)["cached"], shop.made) == ("memory", 2)


def test_what_is_not_to_be_kept_is_made_each_time(shop: Shop, tmp_path: Path) -> None:
    shop.keeps = False
    with served(shop, tmp_path) as client:
        assert [_ask(client)["cached"] for _ in range(3)] == [None] * 3
        assert shop.made == 3


def test_who_waits_between_stages_holds_up_nobody(shop: Shop, tmp_path: Path) -> None:
    """The slow one is let go on by a request that comes after it, and is answered then."""
    with served(shop, tmp_path) as client:

        async def both() -> list[Any]:
            async def ask(path: str, body: dict[str, Any]) -> Any:
                return await asyncio.to_thread(client.post, path, json=body)

            slow = asyncio.create_task(ask("/v1/recommendations", {"slow": True}))
            await asyncio.sleep(0.05)
            quick = await ask("/v1/recommendations", {})
            assert not slow.done()
            opened = await ask("/v1/open/attic/left", {})
            return [quick, opened, await slow]

        quick, opened, slow = asyncio.run(both())
        assert (quick.status_code, slow.status_code) == (200, 200)
        assert opened.text == "attic left"  # parts of the path come beside the body


def test_problems_are_said_and_what_is_beside_ends_with_the_server(
    shop: Shop, tmp_path: Path
) -> None:
    with served(shop, tmp_path) as client:
        assert "problem" not in client.get("/health/ready").json()
        shop.wrong = "the stock is old"
        assert client.get("/health/ready").json()["problem"] == "the stock is old"
        assert client.get("/v1/admin/status").json()["problem"] == "the stock is old"
        assert shop.lives == ["begun"]
    assert shop.lives == ["begun", "ended"]
