import numpy as np
import polars as pl
import pytest
import torch

from cinesync.models.sides import Met, Side, Words, pool
from reccore.data.dataset import Bags, Table
from reccore.data.ids import IdMap
from reccore.data.interactions import Interactions

IDS = IdMap(pl.Series(range(3)))


def interactions(users: list[int], items: list[int]) -> Interactions:
    columns = [np.array(codes, dtype=np.int32) for codes in (users, items)]
    return Interactions(IDS, IdMap(pl.Series(range(5))), *columns)


def table() -> Table:
    genres = Bags(("a", "b", "c"), np.array([0, 2, 2, 3]), np.array([0, 2, 1], dtype=np.int32))
    decade = Bags(("80s", "90s"), np.array([0, 1, 2, 3]), np.array([1, 0, 1], dtype=np.int32))
    return Table(IDS, None, {"genres": genres, "decade": decade})


def test_pool_sums_ragged_rows() -> None:
    lists = [[1, 4, 4], [], [0]]
    offsets = torch.tensor([0, 3, 3, 4])
    codes = torch.tensor([code for one in lists for code in one])
    weights = torch.tensor([1.0, 0.5, 0.25, 2.0])
    vectors = torch.randn(5, 4)
    rows = torch.tensor([2, 0, 1, 0])
    pooled = pool(offsets, codes, rows, vectors, weights)
    slow = torch.zeros(4, 4)
    for at, row in enumerate(rows.tolist()):
        for place in range(int(offsets[row]), int(offsets[row + 1])):
            slow[at] += weights[place] * vectors[codes[place]]
    torch.testing.assert_close(pooled, slow)


def test_each_feature_counts_once() -> None:
    words = Words(table(), 2, 1.0)
    v = words.table.weight
    expected = torch.stack([(v[0] + v[2]) / 2 + v[4], v[3], v[1] + v[4]])
    torch.testing.assert_close(words(torch.arange(3)), expected)
    assert not words.state_dict().keys() - {"table.weight"}  # features travel with the tables


def test_a_user_does_not_know_the_pair_it_is_asked_about() -> None:
    met = Met(interactions([0, 0, 0, 2, 0], [1, 3, 4, 0, 1]), of_users=True)
    vectors = torch.randn(5, 3)
    whole = met(torch.tensor([0, 1, 2]), vectors, None)
    expected = torch.stack([(vectors[[1, 3, 4]]).sum(0) / 3**0.5, torch.zeros(3), vectors[0]])
    torch.testing.assert_close(whole, expected)
    without = met(torch.tensor([0, 0, 2]), vectors, torch.tensor([3, -1, 0]))
    expected = torch.stack([(vectors[[1, 4]]).sum(0) / 2**0.5, whole[0], torch.zeros(3)])
    torch.testing.assert_close(without, expected)


def test_items_know_their_users() -> None:
    met = Met(interactions([0, 2, 1], [1, 1, 0]), of_users=False)
    vectors = torch.randn(3, 2)
    torch.testing.assert_close(
        met(torch.tensor([1]), vectors, None)[0], (vectors[0] + vectors[2]) / 2**0.5
    )


def test_histories_come_back_without_the_data() -> None:
    full = interactions([0, 0, 2], [1, 3, 0])
    one = Side(table(), 4, 0.1, True, Met(full, True), 5).eval()
    other = Side(table(), 4, 0.1, True, Met(interactions([], []), True), 5).eval()
    other.load_state_dict(one.state_dict())
    codes = torch.arange(3)
    torch.testing.assert_close(one(codes).vectors, other(codes).vectors)


def test_unknown_code_is_the_zero_row() -> None:
    side = Side(table(), 4, 0.1, True, Met(interactions([0], [1]), True), 5).eval()
    with torch.no_grad():
        side.ids.weight += 1
        rows = side(torch.tensor([-1, 0]))
    assert rows.words is not None
    assert not rows.vectors[0].any()
    assert not rows.words[0].any()
    assert rows.vectors[1].any()


@pytest.mark.parametrize("features", [True, False])
def test_a_table_without_features_has_no_words(features: bool) -> None:
    side = Side(Table(IDS), 4, 0.1, features, None, 5)
    assert side.words is None
    assert side(torch.arange(3)).words is None
