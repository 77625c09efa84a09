"""A registry with two versions of one model, and a server of it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from cinesync.app import application
from cinesync.bundles import export
from cinesync.settings import resolve
from cinesync.training import train
from reccore.bundle.registry import Registry
from reccore.serve.settings import ServeSettings

Start = Callable[..., AbstractContextManager[TestClient]]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EASE as version 1, the champion; item-knn as version 2; 200 users, 120 items."""
    folder = tmp_path_factory.mktemp("served")
    registry = Registry("cinesync", folder / "models")
    for model in ("ease", "item-knn"):
        changes: dict[str, Any] = {
            "data": {"options": {"users": 200, "items": 120}},
            "evaluate": {"bootstrap": 0},
        }
        run = train(resolve(model, changes=changes), out=folder / model)[0]
        registry.add(export(run, folder / f"{model}-bundle").path, "films")
    registry.activate("films", "1")
    return folder / "models"


@pytest.fixture
def models(made: Path, tmp_path: Path) -> Path:
    """A registry of one's own."""
    return Path(shutil.copytree(made, tmp_path / "models"))


@pytest.fixture
def start(models: Path, tmp_path: Path) -> Start:
    """`with start("work.queue=1") as client:`."""

    @contextmanager
    def begin(*changes: str, settings: Path | None = None) -> Iterator[TestClient]:
        usual = [f"feedback.url={tmp_path}/feedback.sqlite", "ahead=0", "watch_s=0.05"]
        read = ServeSettings.read(settings, [*usual, *changes], {})
        edge = application(Registry("cinesync", models), "films", read)
        with TestClient(edge, raise_server_exceptions=False) as client:
            yield client

    return begin


@pytest.fixture
def client(start: Start) -> Iterator[TestClient]:
    with start() as client:
        yield client
