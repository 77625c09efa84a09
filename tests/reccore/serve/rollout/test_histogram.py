"""Quantiles from few numbers, against exact ones."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.serve.rollout.histogram import BUCKETS, HIGHEST, LOWEST, Histogram


def filled(seconds: list[float]) -> Histogram:
    histogram = Histogram()
    for one in seconds:
        histogram.add(one)
    return histogram


@given(
    st.lists(st.floats(LOWEST * 1.1, HIGHEST * 0.9), min_size=1, max_size=60),
    st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]),
)
def test_quantiles_are_within_the_stated_error(seconds: list[float], share: float) -> None:
    exact = float(np.quantile(seconds, share, method="inverted_cdf"))
    found = filled(seconds).quantile(share)
    assert found == pytest.approx(exact, rel=0.0251)


def test_real_looking_latencies() -> None:
    seconds = np.random.default_rng(0).lognormal(-4.5, 0.6, 50_000)
    found = filled(seconds.tolist()).quantile(0.95)
    assert found == pytest.approx(np.quantile(seconds, 0.95), rel=0.0251)


@given(st.lists(st.floats(0, 200)), st.lists(st.floats(0, 200)))
def test_sums_are_as_if_counted_together(one: list[float], two: list[float]) -> None:
    together = Histogram.sum([filled(one), filled(two)])
    assert together.counts == filled(one + two).counts
    assert together.total == len(one) + len(two) == sum(together.counts)


def test_what_no_clock_should_say_is_counted_all_the_same() -> None:
    histogram = filled([-1.0, 0.0, math.nan, math.inf, 1e9])
    assert (histogram.total, histogram.counts[0], histogram.counts[BUCKETS - 1]) == (5, 3, 2)


def test_of_nothing_there_is_no_quantile() -> None:
    assert Histogram().quantile(0.95) is None
    assert Histogram.sum([]).quantile(0.95) is None


def test_slower_than() -> None:
    histogram = filled([0.010] * 7 + [0.020] * 3)
    assert [histogram.slower(s) for s in (0.001, 0.015, 0.025, 1e9)] == [10, 3, 0, 0]
