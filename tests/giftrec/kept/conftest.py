"""Both stores behind one fixture."""

import asyncio
import sys
from pathlib import Path

import pytest

from giftrec.kept import open_kept

sys.path.insert(0, str(Path(__file__).parent))  # for recommendations.py


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request, tmp_path):
    """A function that opens the same store again and again."""
    if request.param == "sqlite":
        address = str(tmp_path / "recommendations.sqlite")
    else:
        address = request.getfixturevalue("postgres").url
    return lambda: open_kept(address)


@pytest.fixture
def using(opened):
    """Runs a coroutine function with a store that is closed afterwards."""

    def run(work, store=None):
        async def main():
            subject = store or opened()
            try:
                return await work(subject)
            finally:
                await subject.close()

        return asyncio.run(main())

    return run
