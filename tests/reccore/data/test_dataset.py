import numpy as np
import polars as pl

from reccore.data.dataset import Bags, Dataset, Table
from reccore.data.ids import IdMap


def test_multi_hot_marks_the_words_of_each_row() -> None:
    bags = Bags(("a", "b", "c"), np.array([0, 2, 2, 3]), np.array([2, 0, 1], dtype=np.int32))
    assert bags.multi_hot().tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert bags.multi_hot().dtype == np.float32


def test_with_interactions_keeps_what_is_known(make) -> None:
    data = make([0, 1], [1, 0])
    users, items = (Table(IdMap(pl.Series([0, 1]))) for _ in range(2))
    dataset = Dataset("tiny", data, users, items, licence="CC0")
    fewer = dataset.with_interactions(data.take(np.array([0])))
    assert len(fewer.interactions) == 1
    assert (fewer.items, fewer.licence) == (items, "CC0")
    assert len(dataset.interactions) == 2
    assert len(users) == 2
