"""A server of the bundle that ships, over the demonstration shop of one day."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for served_gifts.py

from served_gifts import RELEASED, TODAY, Served, Start, serving

from giftrec.catalog.default import demonstration
from giftrec.catalog.live import Catalogue
from giftrec.tools.registry import Tool
from reccore.bundle.registry import Registry


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry and a catalogue. Nobody may change them."""
    folder = tmp_path_factory.mktemp("gifts-served")
    registry = Registry("giftrec", folder / "models", lambda bundle: None)
    registry.add(RELEASED, "gifts", "1")
    registry.activate("gifts", "1")
    Catalogue(folder / "catalogue").publish(*demonstration(TODAY))
    return folder


@pytest.fixture
def start(made: Path, tmp_path: Path) -> Start:
    """`with start("work.queue=1") as served:`."""

    @contextmanager
    def begin(*changes: str, tools: Sequence[Tool] | None = None) -> Iterator[Served]:
        with serving(made, tmp_path, *changes, tools=tools) as served:
            yield served

    return begin


@pytest.fixture(scope="module")
def served(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for a module; its catalogue and its day stay what they are."""
    with serving(made, tmp_path_factory.mktemp("one")) as served:
        yield served
