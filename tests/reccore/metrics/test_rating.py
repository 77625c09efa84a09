import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.metrics.rating import RatingErrors, mae, mse, rating_metrics, rmse


def test_known_answers():
    predicted, given_ = np.array([3.0, 5.0, 1.0], np.float32), np.array([4.0, 3.0, 1.0], np.float32)
    assert mse(predicted, given_) == pytest.approx(5 / 3)
    assert rmse(predicted, given_) == pytest.approx(np.sqrt(5 / 3))
    assert mae(predicted, given_) == 1.0


@given(st.integers(0, 10_000), st.integers(1, 50))
def test_sums_by_user_give_the_metrics_over_rows(seed, rows):
    rng = np.random.default_rng(seed)
    users = rng.integers(0, 8, rows).astype(np.int32)
    predicted, given_ = rng.normal(3, 1, rows), rng.integers(1, 6, rows).astype(np.float32)
    errors = RatingErrors.of(users, predicted, given_)
    assert np.array_equal(errors.users, np.unique(users))
    assert errors.counts.sum() == rows
    expected = [rmse(predicted, given_), mse(predicted, given_), mae(predicted, given_)]
    np.testing.assert_allclose(rating_metrics(errors.columns.sum(axis=0)), expected)
    one = errors.take(np.array([0]))
    mine = users == one.users[0]
    assert rating_metrics(one.columns)[0, 0] == pytest.approx(rmse(predicted[mine], given_[mine]))
