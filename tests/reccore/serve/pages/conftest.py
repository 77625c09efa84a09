"""A server of a product without models: three versions, of which 2 answers and 3 challenges."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.testclient import TestClient

from reccore.bundle.manifest import Manifest
from reccore.bundle.registry import Registry
from reccore.errors import UserError
from reccore.serve.app import Face, build
from reccore.serve.app import Site as PublicSite
from reccore.serve.edge import Edge
from reccore.serve.keys import KeyRing
from reccore.serve.live import Opened
from reccore.serve.pages import Pages
from reccore.serve.product import Product, Question
from reccore.serve.scopes import Rule
from reccore.serve.server import Server
from reccore.serve.settings import ServeSettings

Start = Callable[..., AbstractContextManager["Site"]]


class Toy(Product[str]):
    """A product whose bundles are the names of their folders."""

    name = "toy"

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def open(self, folder: Path, settings: ServeSettings) -> Opened[str]:
        return Opened(folder.name, 1, 0.001)

    def facts(self, bundle: str) -> dict[str, Any]:
        return {}

    def frequent(self, bundle: str, most: int) -> Iterable[Question[str]]:
        return ()

    def forget(self, folder: Path, user: str) -> bool:
        return False


@dataclass
class Site:
    """A running server, and a browser that looks at it."""

    browser: TestClient
    server: Server[str]
    edge: Edge
    registry: Registry


def prove(folder: Path) -> None:
    if folder.name == "bad":
        raise UserError("bad answers nothing")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = Registry("toy", tmp_path / "models", prove)
    facts = {"product": "toy", "model": "toy", "blessed": True, "files": {}, "generation": 1}
    (tmp_path / "bundle").mkdir()
    Manifest({**facts, "created": "2026-01-02T03:04:05+00:00"}).write(tmp_path / "bundle")
    for version in ("1", "2", "3", "bad"):
        registry.add(tmp_path / "bundle", "ranker", version, challenger=version != "bad")
        if version in "12":
            registry.activate("ranker")
    assert registry.aliases("ranker") == {"champion": "2", "challenger": "3", "previous": "1"}
    return registry


@pytest.fixture
def start(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """`with start(keys=True) as site:`."""

    usual = KeyRing.load
    monkeypatch.setattr(KeyRing, "load", lambda path, every=0: usual(path, every=every))

    @contextmanager
    def begin(
        *changes: str, keys: bool = False, address: str = "http://127.0.0.1"
    ) -> Iterator[Site]:
        given = [f"feedback.url={tmp_path}/feedback.sqlite", *changes]
        if keys:
            given.append(f"keys={tmp_path}/keys.toml")
        settings = ServeSettings.read(None, given, {})
        server: Server[str] = Server(settings, Toy(registry), "ranker")
        failing = APIRouter()

        @failing.get("/v1/fails")
        async def fails() -> None:
            raise ValueError("a secret <b>")

        pages = Pages("Toys", count=server.metrics.refused)
        site = PublicSite(pages, [], [Rule("/v1/fails", None)])
        edge = build(server, Face("Toys", "", [failing], site), settings)
        with TestClient(edge, address, raise_server_exceptions=False) as browser:
            yield Site(browser, server, edge, registry)

    return begin


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.load(tmp_path / "keys.toml", every=0)
