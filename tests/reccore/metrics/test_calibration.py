import numpy as np
import pytest

from reccore.data.interactions import Histories
from reccore.metrics.calibration import (
    popularity_calibration,
    popularity_groups,
    popularity_rank,
)


def test_rank_breaks_ties_by_code():
    assert popularity_rank(np.array([3, 7, 3, 0])).tolist() == [1, 0, 2, 3]


def test_groups_cut_at_a_fifth_of_the_interactions():
    assert popularity_groups(np.array([1, 1, 1, 1, 1])).tolist() == [0, 1, 1, 1, 2]
    assert popularity_groups(np.array([10, 0, 30, 20, 15, 15, 10])).tolist() == [
        *[2, 2, 0, 1, 1, 1, 2]  # held from the top: 30, 50, 65, 80, 90, 100, 100
    ]


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_ordered_by_popularity(seed):
    popularity = np.random.default_rng(seed).zipf(1.3, 300).clip(max=10_000)
    groups = popularity_groups(popularity)
    assert set(groups) == {0, 1, 2} or popularity.max() > 0.6 * popularity.sum()
    for group in (0, 1):
        lower = popularity[groups > group]
        assert popularity[groups == group].min() >= lower.max()


def test_equals_the_formula():
    groups = np.array([0, 0, 1, 2])
    histories = Histories.of_lists([np.array([0, 1, 2, 2], np.int32), np.array([3], np.int32)])
    items = np.array([[0, 3], [0, 1]], dtype=np.int32)
    q = 0.99 * np.array([0.5, 0.0, 0.5]) + 0.01 * np.array([0.5, 0.5, 0.0])
    first = 0.5 * np.log(0.5 / q[0]) + 0.5 * np.log(0.5 / q[1])
    np.testing.assert_allclose(
        popularity_calibration(items, histories, groups), [first, np.log(1 / 0.01)]
    )


def test_a_list_like_the_history_is_calibrated_and_no_history_is_undefined():
    groups = np.array([0, 0, 1, 2])
    histories = Histories.of_lists([np.array([0, 2], np.int32), np.array([], np.int32)])
    values = popularity_calibration(np.array([[1, 2], [1, 2]], np.int32), histories, groups)
    assert values[0] == pytest.approx(0, abs=1e-12)
    assert np.isnan(values[1])
