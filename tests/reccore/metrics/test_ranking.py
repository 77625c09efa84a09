import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, Success, nDCG

from reccore.data.interactions import Histories
from reccore.metrics.ranking import RANKING, relevance

USERS, ITEMS = 80, 50


def random_lists(seed):
    """Lists [U, 20] of distinct items and targets of 1..30 items."""
    rng = np.random.default_rng(seed)
    items = np.argsort(rng.random((USERS, ITEMS)), axis=1)[:, :20].astype(np.int32)
    targets = Histories.of_lists(
        [rng.permutation(ITEMS)[: rng.integers(1, 31)].astype(np.int32) for _ in range(USERS)]
    )
    return items, targets


def by_ir_measures(items, targets, measure):
    """Per-user values of the reference, for lists cut before they are handed over."""
    qrels = [
        ir_measures.Qrel(f"u{u}", f"i{i}", 1) for u in range(USERS) for i in targets.row(u).tolist()
    ]
    run = [
        ir_measures.ScoredDoc(f"u{u}", f"i{i}", 100.0 - place)
        for u in range(USERS)
        for place, i in enumerate(items[u].tolist())
    ]
    values = {m.query_id: m.value for m in ir_measures.pytrec_eval.iter_calc([measure], qrels, run)}
    return np.array([values[f"u{u}"] for u in range(USERS)])


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("k", [1, 5, 10, 20])
def test_equal_to_ir_measures(seed, k):
    items, targets = random_lists(seed)
    hits, n = relevance(items[:, :k], targets, ITEMS)
    references = {"ndcg": nDCG @ k, "recall": R @ k, "precision": P @ k, "hit": Success @ k}
    for name, measure in references.items():
        expected = by_ir_measures(items, targets, measure)
        np.testing.assert_allclose(RANKING[name](hits, n), expected, atol=1e-6, err_msg=name)
    expected = by_ir_measures(items[:, :k], targets, RR)
    np.testing.assert_allclose(RANKING["mrr"](hits, n), expected, atol=1e-6)
    # trec_eval divides cut MAP by n and has no capped recall: scale by n / min(k, n)
    scale = n / np.minimum(n, k)
    for name, measure in {"map": AP @ k, "recall_capped": R @ k}.items():
        expected = by_ir_measures(items, targets, measure) * scale
        np.testing.assert_allclose(RANKING[name](hits, n), expected, atol=1e-6, err_msg=name)


def test_known_answers():
    hits = np.array([[0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]], dtype=bool)
    n = np.array([3, 2, 9])
    expected = {
        "ndcg": [(1 / np.log2(3) + 1 / np.log2(5)) / (1 + 1 / np.log2(3) + 0.5), 0, 1],
        "recall": [2 / 3, 0, 4 / 9],
        "recall_capped": [2 / 3, 0, 1],
        "precision": [0.5, 0, 1],
        "hit": [1, 0, 1],
        "mrr": [0.5, 0, 1],
        "map": [(1 / 2 + 2 / 4) / 3, 0, 1],
    }
    assert set(expected) == set(RANKING)
    for name, values in expected.items():
        np.testing.assert_allclose(RANKING[name](hits, n), values, err_msg=name)


def test_a_user_without_relevant_items_gets_zero():
    for name, metric in RANKING.items():
        assert metric(np.zeros((1, 3), dtype=bool), np.array([0])).tolist() == [0.0], name


@st.composite
def outcomes(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    users, k = draw(st.integers(1, 8)), draw(st.integers(1, 15))
    hits = rng.random((users, k)) < draw(st.floats(0, 1))
    return hits, np.maximum(1, hits.sum(axis=1) + rng.integers(0, 10, users))


@settings(deadline=None)
@given(outcomes())
def test_bounds_and_users_are_independent(outcome):
    hits, n = outcome
    order = np.random.default_rng(0).permutation(len(n))
    for name, metric in RANKING.items():
        values = metric(hits, n)
        assert ((values >= 0) & (values <= 1 + 1e-12)).all(), name
        assert np.array_equal(metric(hits[order], n[order]), values[order]), name
        assert ((values > 0) == hits.any(axis=1)).all(), name


@settings(deadline=None)
@given(outcomes())
def test_a_hit_moved_up_never_hurts(outcome):
    hits, n = outcome
    best_first = np.sort(hits, axis=1)[:, ::-1]
    for name, metric in RANKING.items():
        assert (metric(best_first, n) >= metric(hits, n) - 1e-12).all(), name


@given(st.integers(1, 20), st.integers(1, 20))
def test_the_ideal_list_has_one(k, n):
    hits = (np.arange(k) < n)[None]
    for name in ("ndcg", "recall_capped", "hit", "mrr", "map"):
        assert RANKING[name](hits, np.array([n]))[0] == 1, name
    assert RANKING["recall"](hits, np.array([n]))[0] == pytest.approx(min(k, n) / n)
    assert RANKING["precision"](hits, np.array([n]))[0] == pytest.approx(min(k, n) / k)


def test_relevance_counts_distinct_targets_and_never_padding():
    items = np.array([[3, 1, -1], [0, -1, -1]], dtype=np.int32)
    targets = Histories.of_lists([np.array([1, 1, 4], np.int32), np.array([4], np.int32)])
    hits, n = relevance(items, targets, 5)
    assert hits.tolist() == [[False, True, False], [False, False, False]]
    assert n.tolist() == [2, 1]
