"""Shared by the agent's tests: the shipped bundle and shops."""

import sys
from pathlib import Path

import pytest

from giftrec.bundle.bundle import GiftBundle
from giftrec.catalog.default import demonstration
from giftrec.checkpoints import RELEASED

sys.path.insert(0, str(Path(__file__).parent))  # for stall.py
from stall import ON, Stall, opened


@pytest.fixture(scope="session")
def bundle() -> GiftBundle:
    return GiftBundle.open(Path(__file__).parents[3] / "checkpoints" / RELEASED)


@pytest.fixture(scope="module")
def shop(bundle, tmp_path_factory):
    """The 45 shipped gifts as of ON. Nobody may change it."""
    with opened(*demonstration(ON), bundle, tmp_path_factory.mktemp("shop")) as stall:
        yield stall


@pytest.fixture
def stall_of(bundle, tmp_path):
    """A shop of gifts written down by hand; closed after the test."""
    made: list[Stall] = []

    def make(shelf) -> Stall:
        stall = opened(shelf.tables, shelf.facts, bundle, tmp_path / str(len(made)))
        made.append(stall)
        return stall

    yield make
    for stall in made:
        stall.close()
