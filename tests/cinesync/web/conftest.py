"""A small world whose right answers are certain, served as pages, and a browser to look at them.

Who likes one title of a half of the catalogue likes all of that half, and nothing of the other.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from starlette.testclient import TestClient

from cinesync.app import application
from cinesync.bundles import export
from cinesync.settings import resolve
from cinesync.training import train
from reccore.bundle.registry import Registry
from reccore.serve.edge import Edge
from reccore.serve.settings import ServeSettings

sys.path.insert(0, str(Path(__file__).parent))  # for catalogue.py
from catalogue import HOSTILE, ITEMS, ids


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with EASE as champion, and item-knn as version 2."""
    folder = tmp_path_factory.mktemp("web")
    rows = [
        (f"u{u}", item, (u * 7 + n * 3) % 50)
        for u in range(80)
        for n, item in enumerate(ids())
        if n % 2 == u % 2 and (n // 2 + u // 2) % 4  # three of four of a half: the rest is to find
    ]
    pl.DataFrame(rows, schema=["user", "item", "at"], orient="row").write_csv(folder / "plays.csv")
    pl.DataFrame(
        {
            "item": ids(),
            "title": [
                HOSTILE.get(item, f"Story of {item} ({1980 + n})") for n, item in enumerate(ids())
            ],
            "genres": [["Drama", "War"] if n % 3 else ["Comedy"] for n in range(ITEMS)],
            "content_type": [["Movie"] if n % 4 < 2 else ["TV"] for n in range(ITEMS)],
        }
    ).write_parquet(folder / "items.parquet")
    registry = Registry("cinesync", folder / "models")
    data = {
        "name": "file",
        "path": str(folder / "plays.csv"),
        "items": str(folder / "items.parquet"),
        "map": {"user": "user", "item": "item", "timestamp": "at"},
    }
    for model in ("ease", "item-knn"):
        changes: dict[str, Any] = {"data": data, "evaluate": {"bootstrap": 0}}
        run = train(resolve(model, changes=changes), out=folder / model)[0]
        registry.add(export(run, folder / f"{model}-bundle").path, "films", force=True)
    registry.activate("films", "1")
    return folder / "models"


@pytest.fixture(scope="session")
def serve() -> Callable[..., Edge]:
    """`serve(models, folder, "limits.burst=1")` is the server with its pages."""
    return pages_of


def pages_of(models: Path, folder: Path, *changes: str) -> Edge:
    """The server with its pages."""
    usual = [f"feedback.url={folder}/feedback.sqlite", "ahead=0"]
    settings = ServeSettings.read(None, [*usual, *changes], {})
    return application(Registry("cinesync", models), "films", settings)


@pytest.fixture(scope="module")
def client(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A browser without JavaScript, as far as addresses, forms and cookies go."""
    edge = pages_of(made, tmp_path_factory.mktemp("client"))
    with TestClient(edge, "http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def visitor(client: TestClient) -> Iterator[TestClient]:
    """The same, somebody new."""
    client.cookies.clear()
    yield client
    client.cookies.clear()
