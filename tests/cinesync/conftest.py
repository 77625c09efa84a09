"""Shared by the tests of commands: a small table as a user would have it."""

from pathlib import Path

import polars as pl
import pytest


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 users who like even or odd items, as a CSV file."""
    rows = [
        (f"u{u}", f"i{i}", (u * 7 + i * 3) % 50) for u in range(60) for i in range(u % 2, 24, 2)
    ]
    path = tmp_path_factory.mktemp("data") / "plays.csv"
    pl.DataFrame(rows, schema=["who", "what", "at"], orient="row").write_csv(path)
    return path
