import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.data.interactions import Histories
from reccore.metrics.calibration import popularity_rank
from reccore.metrics.lists import coverage, diversity, exposure, gini, novelty, serendipity
from reccore.metrics.ranking import relevance
from reccore.metrics.topk import top_k


def lists_with_padding(seed, users=30, items=25, k=8):
    rng = np.random.default_rng(seed)
    listed = np.argsort(rng.random((users, items)), axis=1)[:, :k].astype(np.int32)
    listed[np.arange(k) >= rng.integers(0, k + 1, users)[:, None]] = -1
    return rng, listed


@pytest.mark.parametrize("seed", range(5))
def test_diversity_equals_the_mean_over_pairs(seed):
    rng, items = lists_with_padding(seed)
    genres = (rng.random((25, 6)) < 0.3).astype(float)  # some items have none
    kinds = Histories.of_lists([np.flatnonzero(row).astype(np.int32) for row in genres])
    slow = []
    for row in items:
        vectors = genres[row[row >= 0]]
        distances = []
        for i in range(len(vectors)):
            for j in range(i):
                norm = np.linalg.norm(vectors[i]) * np.linalg.norm(vectors[j])
                distances.append(1 - vectors[i] @ vectors[j] / norm if norm else 1.0)
        slow.append(np.mean(distances) if distances else 0.0)
    np.testing.assert_allclose(diversity(items, kinds), slow, atol=1e-12)


def test_diversity_of_twins_and_strangers():
    kinds = Histories.of_lists([np.array(words, np.int32) for words in ([0], [0], [1], [2], [])])
    items = np.array([[0, 1, -1], [0, 2, 3], [0, 1, 2], [0, 4, -1], [-1, -1, -1]], dtype=np.int32)
    np.testing.assert_allclose(diversity(items, kinds), [0, 1, 2 / 3, 1, 0], atol=1e-15)


def test_diversity_where_no_item_has_a_word():
    kinds = Histories.empty(4)
    assert diversity(np.array([[0, 1]], dtype=np.int32), kinds).tolist() == [1.0]


@given(st.integers(0, 1000))
def test_list_metrics_ignore_the_order_within_a_list(seed):
    rng, items = lists_with_padding(seed, users=5)
    kinds = Histories.of_lists([rng.permutation(4)[:2].astype(np.int32) for _ in range(25)])
    popularity = rng.integers(0, 50, 25)
    shuffled = rng.permuted(items, axis=1)
    np.testing.assert_allclose(diversity(items, kinds), diversity(shuffled, kinds), atol=1e-12)
    np.testing.assert_allclose(novelty(items, popularity), novelty(shuffled, popularity))


def test_novelty_is_in_bits():
    popularity = np.array([8, 4, 4, 0])  # 16 in all
    items = np.array([[0, 1], [3, -1], [-1, -1], [1, 2]], dtype=np.int32)
    assert novelty(items, popularity).tolist() == [1.5, 4.0, 0.0, 2.0]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("k", [1, 3, 10])
def test_serendipity_leaves_out_what_the_popularity_model_lists(world, seed, k):
    w = world(seed)
    popularity = w.catalogue.popularity
    histories, targets = w.holdout.histories, w.holdout.targets
    items, _ = top_k(w.scores, histories, k)
    popular, _ = top_k(np.broadcast_to(popularity.astype(np.float32), (60, 40)), histories, k)
    slow = []
    for user in range(60):
        relevant = set(targets.row(user)) & set(items[user])
        slow.append(len(relevant - set(popular[user])) / k)
    hits, _ = relevance(items, targets, 40)
    values = serendipity(items, hits, histories, popularity_rank(popularity))
    np.testing.assert_allclose(values, slow)
    assert k == 1 or 0 < values.mean() < hits.mean()


def test_the_popularity_model_is_never_serendipitous(world):
    w = world()
    popularity = np.broadcast_to(w.catalogue.popularity.astype(np.float32), (60, 40))
    items, _ = top_k(popularity, w.holdout.histories, 10)
    hits, _ = relevance(items, w.holdout.targets, 40)
    assert hits.any()
    assert not serendipity(items, hits, w.holdout.histories, w.catalogue.rank).any()


def test_exposure_and_coverage():
    exposed = exposure(np.array([[0, 3], [3, -1]], dtype=np.int32), 5)
    assert exposed.tolist() == [1, 0, 0, 2, 0]
    assert coverage(exposed) == 0.4


@given(st.lists(st.integers(0, 30), min_size=1, max_size=20))
def test_gini_equals_the_mean_difference(counts):
    x = np.array(counts)
    differences = np.abs(x[:, None] - x[None]).mean()
    expected = differences / (2 * x.mean()) if x.sum() else 0.0
    assert gini(x) == pytest.approx(expected, abs=1e-12)
    assert -1e-12 <= gini(x) < 1
