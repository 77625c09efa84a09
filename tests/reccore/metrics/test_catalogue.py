import numpy as np
import polars as pl

from reccore.data.dataset import Bags, Table
from reccore.data.ids import IdMap
from reccore.metrics.evaluate import Catalogue


def test_popularity_counts_training_rows(world):
    w = world()
    expected = [(w.data.interactions.items == item).sum() for item in range(40)]
    assert w.catalogue.popularity.tolist() == expected
    assert len(w.catalogue) == 40
    assert w.catalogue.popularity[np.argsort(w.catalogue.rank)].tolist() == sorted(expected)[::-1]


def test_kinds_are_distinct_words():
    bags = Bags(("a", "b", "c"), np.array([0, 3, 3, 4]), np.array([2, 0, 2, 1], np.int32))
    table = Table(IdMap(pl.Series([1, 2, 3])), features={"genres": bags})
    kinds = Catalogue(table, np.zeros(3, dtype=np.int64)).kinds("genres")
    assert [kinds.row(item).tolist() for item in range(3)] == [[0, 2], [], [1]]
    assert Catalogue(table, np.zeros(3, dtype=np.int64)).kinds("mood") is None
