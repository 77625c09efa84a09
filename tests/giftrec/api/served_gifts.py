"""A server of the bundle that ships, over the demonstration shop of one day."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from giftrec.api.gifts import Gifts
from giftrec.api.settings import GiftSettings
from giftrec.app import application
from giftrec.catalog.live import Catalogue
from giftrec.counter import Counter, Desk
from giftrec.tools.registry import Tool
from reccore.bundle.registry import Registry
from reccore.serve.server import Server

RELEASED = Path(__file__).resolve().parents[3] / "checkpoints" / "gifts"
TODAY = date(2026, 11, 21)
Start = Callable[..., AbstractContextManager["Served"]]


@dataclass
class Day:
    """What day it is for the server; a test may let one pass."""

    now: date = TODAY

    def __call__(self) -> date:
        return self.now


@dataclass
class Served:
    """A running server and who asks it."""

    client: TestClient
    gifts: Gifts
    server: Server[Counter]
    catalogue: Catalogue
    day: Day = field(default_factory=Day)

    @property
    def desk(self) -> Desk:
        """Who answers now."""
        return self.server.champion.bundle.desk

    def ask(self, **body: Any) -> dict[str, Any]:
        answer = self.client.post("/v1/recommendations", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refused(self, path: str, body: Any, status: int = 422) -> dict[str, Any]:
        answer = self.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        return dict(answer.json()["error"])


@contextmanager
def serving(
    made: Path, own: Path, *changes: str, tools: Sequence[Tool] | None = None
) -> Iterator[Served]:
    """A server with a catalogue of its own."""
    shutil.copytree(made / "catalogue", own / "catalogue", dirs_exist_ok=True)
    usual = {
        "catalogue": own / "catalogue",
        "kept.url": own / "kept.sqlite",
        "feedback.url": own / "feedback.sqlite",
        "watch_s": 0.05,
    }
    given = [f"{name}={value}" for name, value in usual.items()]
    settings = GiftSettings.read(None, [*given, *changes], {})
    day = Day()
    gifts = Gifts(Registry("giftrec", made / "models"), settings, tools=tools, today=day)
    edge = application(gifts, "gifts")
    with TestClient(edge, raise_server_exceptions=False) as client:
        assert gifts.server is not None
        yield Served(client, gifts, gifts.server, Catalogue(own / "catalogue"), day)
