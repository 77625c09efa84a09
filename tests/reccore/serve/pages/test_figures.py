"""Figures: what was observed comes out again."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reccore.serve.metrics import SECONDS, Metrics
from reccore.serve.pages.figures import Figures, quantile


@given(st.lists(st.floats(0, 9), min_size=1, max_size=60), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    bounds = [*SECONDS, math.inf]
    buckets = {bound: float(sum(v <= bound for v in values)) for bound in bounds}
    true = sorted(values)[math.ceil(share * len(values)) - 1]
    found = quantile(buckets, share)
    assert found is not None
    place = int(np.searchsorted(SECONDS, true))
    assert (0 if place == 0 else SECONDS[place - 1]) <= found <= SECONDS[place]


def test_beyond_the_last_bound_nobody_knows() -> None:
    assert quantile({1.0: 1.0, math.inf: 10.0}, 0.5) is None
    assert quantile({1.0: 0.0, math.inf: 0.0}, 0.5) is None


def test_new_metrics_are_empty() -> None:
    figures = Figures.of(Metrics())
    assert figures.everything is None
    assert (figures.requests, figures.work, figures.statuses, figures.answers) == ([], [], {}, 0)


def test_what_was_counted_is_shown() -> None:
    metrics = Metrics()
    for _ in range(9):
        metrics.request("GET", "/a", 200, 0.002)
    metrics.request("POST", "/b", 404, 20.0)
    metrics.queued(0.0001)
    metrics.computed("champion", 0.003)
    metrics.hit("memory")
    metrics.hit("redis")
    metrics.missed()
    metrics.fell_back("redis_down")
    metrics.refused("no_key")
    metrics.failed()
    figures = Figures.of(metrics)
    assert figures.everything is not None
    assert figures.everything.count == 10
    assert [(one.what, one.count) for one in figures.requests] == [("GET /a", 9), ("POST /b", 1)]
    assert figures.requests[1].quantiles == (None, None, None)
    assert 1 <= (figures.requests[0].quantiles[0] or 0) <= 2.5
    assert [one.what for one in figures.work] == ["waiting for a turn", "champion"]
    assert figures.statuses == {"2xx": 9, "4xx": 1}
    assert figures.hits == {"memory": 1, "redis": 1}
    assert (figures.misses, figures.answers, figures.errors) == (1, 3, 1)
    assert figures.fallbacks == {"redis_down": 1}
    assert figures.refusals == {"no_key": 1}
