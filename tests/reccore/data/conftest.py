"""Small interactions for the tests of the data package."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from reccore.data.ids import IdMap
from reccore.data.interactions import Interactions

Make = Callable[..., Interactions]


@pytest.fixture(scope="session")
def make() -> Make:
    """Interactions of lists of codes: `make(users, items, timestamps=..., shape=...)`."""

    def build(
        users: list[int],
        items: list[int],
        timestamps: list[int] | None = None,
        order: list[int] | None = None,
        values: list[float] | None = None,
        shape: tuple[int, int] | None = None,
    ) -> Interactions:
        sizes = shape or (max(users, default=-1) + 1, max(items, default=-1) + 1)
        ids = [IdMap(pl.Series(range(size), dtype=pl.Int64)) for size in sizes]
        return Interactions(
            ids[0],
            ids[1],
            np.array(users, dtype=np.int32),
            np.array(items, dtype=np.int32),
            None if values is None else np.array(values, dtype=np.float32),
            None if timestamps is None else np.array(timestamps, dtype=np.int64),
            None if order is None else np.array(order, dtype=np.int64),
        )

    return build


@pytest.fixture(scope="session")
def world(make: Make) -> Interactions:
    """60 users, 40 items, every pair at most once, times with ties, rows in no order."""
    rng = np.random.default_rng(5)
    met = rng.random((60, 40)) < rng.uniform(0.05, 0.6, size=(60, 1))
    users, items = np.nonzero(met)
    rows = rng.permutation(len(users))
    times = rng.integers(0, 200, len(users))
    return make(users[rows], items[rows], times, values=rng.uniform(1, 5, len(users)))
