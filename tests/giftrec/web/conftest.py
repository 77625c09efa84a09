"""The page of a whole server: the bundle that ships, over a small shop, on a day that stays."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for shopfront.py

from shopfront import TODAY, tables
from starlette.testclient import TestClient

from giftrec.api.gifts import Gifts
from giftrec.api.settings import GiftSettings
from giftrec.app import application
from giftrec.catalog.live import Catalogue
from giftrec.tools.registry import Tool
from reccore.bundle.registry import Registry
from reccore.serve.edge import Edge

RELEASED = Path(__file__).resolve().parents[3] / "checkpoints" / "gifts"
RATES = {"on": "2026-11-20", "base": "EUR", "rates": {"USD": 0.92, "GBP": 1.17}}
Serve = Callable[..., Edge]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry, a catalogue and rates. Nobody may change them."""
    folder = tmp_path_factory.mktemp("shop")
    registry = Registry("giftrec", folder / "models", lambda bundle: None)
    registry.add(RELEASED, "gifts", "1")
    registry.activate("gifts", "1")
    Catalogue(folder / "catalogue").publish(*tables())
    (folder / "rates.json").write_text(json.dumps(RATES))
    return folder


@pytest.fixture(scope="session")
def serve(shop: Path) -> Serve:
    """`serve(folder, "limits.burst=1")` is the server with its pages."""

    def begin(own: Path, *changes: str, tools: Sequence[Tool] | None = None) -> Edge:
        usual = {
            "catalogue": shop / "catalogue",
            "rates": shop / "rates.json",
            "kept.url": own / "kept.sqlite",
            "feedback.url": own / "feedback.sqlite",
        }
        given = [f"{name}={value}" for name, value in usual.items()]
        settings = GiftSettings.read(None, [*given, *changes], {})
        registry = Registry("giftrec", shop / "models")
        gifts = Gifts(registry, settings, tools=tools, today=lambda: TODAY)
        return application(gifts, "gifts")

    return begin


@pytest.fixture(scope="module")
def client(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A browser without JavaScript, as far as addresses, forms and cookies go."""
    edge = serve(tmp_path_factory.mktemp("client"))
    with TestClient(edge, "http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def visitor(client: TestClient) -> Iterator[TestClient]:
    """The same, somebody new."""
    client.cookies.clear()
    yield client
    client.cookies.clear()
