import numpy as np
import pytest

from reccore.metrics import intervals
from reccore.metrics.intervals import Metric, interval, means, rating_means, resampled_sums
from reccore.metrics.rating import RatingErrors


def test_resamples_draw_whole_users():
    columns = np.random.default_rng(0).normal(size=(7, 2))
    with_count = np.column_stack([columns, np.ones(7)])
    sums = resampled_sums(with_count, 500, seed=1)
    np.testing.assert_allclose(sums[:, 2], 7)  # always as many users as there are
    np.testing.assert_allclose(sums[:, :2].mean(axis=0), columns.sum(axis=0), atol=0.5)
    assert np.array_equal(sums, resampled_sums(with_count, 500, seed=1))
    assert not np.array_equal(sums, resampled_sums(with_count, 500, seed=2))


def test_equals_resampling_rows_one_by_one():
    columns = np.random.default_rng(0).normal(size=(20, 3))
    rng = np.random.default_rng(5)
    slow = [columns[rng.integers(0, 20, 20)].sum(axis=0) for _ in range(50)]
    np.testing.assert_allclose(resampled_sums(columns, 50, seed=5), slow)


@pytest.mark.parametrize("block_bytes", [1, 1000, 1 << 30])
def test_blocks_change_nothing(monkeypatch, block_bytes):
    columns = np.random.default_rng(0).normal(size=(30, 3))
    expected = resampled_sums(columns, 40, seed=0)
    monkeypatch.setattr(intervals, "BLOCK_BYTES", block_bytes)
    np.testing.assert_allclose(resampled_sums(columns, 40, seed=0), expected)


def test_coverage_of_a_known_mean():
    """About 95% of the intervals of skewed samples hold the true mean."""
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(300):
        sample = rng.beta(1, 3, 100)  # mean 1/4
        found = means({"m": sample}, 300, seed=trial)["m"]
        held += found.low <= 0.25 <= found.high
    assert 0.91 <= held / 300 <= 0.985


def test_width_matches_the_normal_interval():
    sample = np.random.default_rng(1).normal(size=2000)
    found = means({"m": sample}, 2000, seed=0)["m"]
    expected = 2 * 1.96 * sample.std() / np.sqrt(2000)
    assert found.high - found.low == pytest.approx(expected, rel=0.08)
    assert found.value == pytest.approx(sample.mean())


def test_undefined_users_are_left_out():
    values = np.array([0.2, np.nan, 0.4, np.nan])
    found = means({"m": values, "never": np.full(4, np.nan)}, 200, seed=0)
    assert list(found) == ["m"]
    assert found["m"].value == pytest.approx(0.3)
    assert (found["m"].low, found["m"].high) == pytest.approx((0.2, 0.4))
    assert means({"never": np.full(4, np.nan)}, 200, seed=0) == {}


def test_no_resamples_no_interval():
    assert means({"m": np.ones(3)}, 0, seed=0) == {"m": Metric(1.0, None, None)}
    assert interval(np.array([np.nan])) == (None, None)


def test_rmse_interval_resamples_users_with_all_their_rows():
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(300), rng.integers(1, 20, 300)).astype(np.int32)
    bias = rng.normal(0, 1, 300)[users]  # a user's errors resemble each other
    errors = RatingErrors.of(users, bias + rng.normal(0, 0.3, len(users)), np.zeros(len(users)))
    found = rating_means(errors, 600, seed=3)
    resample = np.random.default_rng(3)
    slow = []
    for _ in range(600):
        drawn = resample.integers(0, 300, 300)
        slow.append(np.sqrt(errors.squared[drawn].sum() / errors.counts[drawn].sum()))
    assert (found["rmse"].low, found["rmse"].high) == pytest.approx(
        tuple(np.quantile(slow, [0.025, 0.975]))
    )
    assert found["rmse"].low < found["rmse"].value < found["rmse"].high
    assert found["mse"].value == pytest.approx(found["rmse"].value ** 2)
