"""A server over the shipped model and the generated catalogue of 45 gifts."""

import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

pytest.importorskip("mcp")
sys.path.insert(0, str(Path(__file__).parent))  # for talking.py

from giftrec.agent.agent import Agent
from giftrec.bundle.bundle import GiftBundle
from giftrec.catalog.live import Catalogue
from giftrec.catalog.sources.generated import generated
from giftrec.counter import Counter
from giftrec.mcp.shared import Shared

BUNDLE = Path(__file__).resolve().parents[3] / "checkpoints" / "gifts"


@pytest.fixture(scope="session")
def bundle() -> Path:
    return BUNDLE


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose live catalogue nobody may change."""
    folder = tmp_path_factory.mktemp("catalogue")
    Catalogue(folder).publish(*generated(45, 7))
    return folder


@pytest.fixture(scope="session")
def counter(catalogue: Path) -> Iterator[Counter]:
    counter = Counter(GiftBundle.open(BUNDLE), catalogue)
    yield counter
    counter.close()


@pytest.fixture(scope="session")
def agent(counter: Counter) -> Agent:
    return counter.desk.agent


@pytest.fixture
def today(agent: Agent) -> Callable[[], date]:
    """The catalogue's own day, so that nothing in it is old."""
    return lambda: agent.front.as_of


@pytest.fixture
def shared(agent: Agent, today: Callable[[], date]) -> Shared:
    return Shared(lambda: agent, today)
