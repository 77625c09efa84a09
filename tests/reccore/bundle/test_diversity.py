"""Maximal marginal relevance against the obvious way to say it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.bundle.diversity import diversify, relevance


def slowly(scores, vectors, k, share):
    """One candidate at a time, every likeness computed anew."""
    worth, taken = relevance(scores), []
    for _ in range(min(k, len(scores))):
        best, best_gain = -1, -np.inf
        for item in range(len(scores)):
            if item in taken:
                continue
            alike = 0.0
            for other in taken:
                a, b = vectors[item], vectors[other]
                size = max(np.linalg.norm(a), 1e-9) * max(np.linalg.norm(b), 1e-9)
                alike = max(alike, float(a @ b) / size)
            gain = (1 - share) * worth[item] - share * alike
            if gain > best_gain + 1e-12:
                best, best_gain = item, gain
        taken.append(best)
    return taken


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.floats(0.01, 0.99))
def test_it_is_the_slow_way(seed, k, share):
    draw = np.random.default_rng(seed)
    scores = np.sort(draw.normal(size=10))[::-1].astype(np.float64)
    vectors = draw.normal(size=(10, 4))
    taken, kept = diversify(scores, vectors, k, share)
    assert taken.tolist() == slowly(scores, vectors, k, share)
    assert 0 <= kept <= 1 + 1e-9


def test_without_diversity_the_order_stays():
    taken, kept = diversify(np.array([3.0, 2.0, 1.0]), np.eye(3), 2, 0.0)
    assert taken.tolist() == [0, 1]
    assert kept == 1


def test_equal_scores_lose_nothing():
    _, kept = diversify(np.ones(5, np.float32), np.eye(5, dtype=np.float32), 3, 1.0)
    assert kept == pytest.approx(1)
