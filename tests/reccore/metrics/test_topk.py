import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reccore.data.interactions import Histories
from reccore.errors import UserError
from reccore.metrics import topk
from reccore.metrics.topk import blocks_of, contains, pair_keys, recommend, top_k, users_per_block
from reccore.recommender import UserBatch


def slow_top_k(scores, histories, k, allowed=None):
    """Sort everything in plain Python: by score descending, then by code ascending."""
    rows = []
    for user, row in enumerate(scores):
        seen = set(histories.row(user).tolist())
        open_items = [
            i
            for i in range(len(row))
            if i not in seen and row[i] > -np.inf and (allowed is None or allowed[i])
        ]
        best = sorted(open_items, key=lambda i: (-row[i], i))[:k]
        rows.append(best + [-1] * (k - len(best)))
    return np.array(rows, dtype=np.int32).reshape(len(scores), k)


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, items, k = draw(st.integers(1, 7)), draw(st.integers(1, 30)), draw(st.integers(1, 12))
    levels = draw(st.sampled_from([1, 2, 4, 1000]))  # few levels: many ties
    scores = rng.integers(0, levels, (rows, items)).astype(np.float32)
    scores[rng.random((rows, items)) < draw(st.sampled_from([0.0, 0.3]))] = -np.inf
    sizes = rng.integers(0, items + 1, rows)
    histories = Histories.of_lists([rng.permutation(items)[:n].astype(np.int32) for n in sizes])
    allowed = rng.random(items) < 0.7 if draw(st.booleans()) else None
    return scores, histories, k, allowed


@settings(max_examples=200, deadline=None)
@given(problem=problems(), chunk=st.sampled_from([1, 64, 8 << 20]))
def test_equals_a_full_sort(problem, chunk):
    scores, histories, k, allowed = problem
    before = scores.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topk, "CHUNK_BYTES", chunk)
        items, best = top_k(scores, histories, k, allowed)
    assert np.array_equal(items, slow_top_k(scores, histories, k, allowed))
    rows, places = np.nonzero(items >= 0)
    assert np.array_equal(best[rows, places], scores[rows, items[rows, places]])
    assert (best[items < 0] == -np.inf).all()
    assert np.array_equal(scores, before)


def test_ties_at_the_boundary_go_to_the_lowest_codes():
    scores = np.array([[1, 5, 1, 1, 5, 1], [2, 2, 2, 2, 2, 2]], dtype=np.float32)
    items, best = top_k(scores, Histories.of_lists([np.array([], int), np.array([0])]), 4)
    assert items.tolist() == [[1, 4, 0, 2], [1, 2, 3, 4]]
    assert best.tolist() == [[5, 5, 1, 1], [2, 2, 2, 2]]


def test_k_beyond_the_catalogue_is_padded():
    items, best = top_k(np.array([[1.0, 2.0]]), Histories.of_lists([np.array([1])]), 4)
    assert items.tolist() == [[0, -1, -1, -1]]
    assert best[0, 0] == 1
    assert (best[0, 1:] == -np.inf).all()


def test_nan_is_refused_unless_it_is_of_a_seen_item():
    scores = np.array([[0.0, np.nan, 1.0], [0.0, 1.0, 2.0]], dtype=np.float32)
    with pytest.raises(UserError, match="NaN for 1 of 2 users"):
        top_k(scores, Histories.empty(2), 1)
    seen = Histories.of_lists([np.array([1]), np.array([], int)])
    assert top_k(scores, seen, 1)[0].tolist() == [[2], [2]]


def test_histories_must_match_the_rows():
    with pytest.raises(AssertionError, match="1 histories for 2 rows"):
        top_k(np.zeros((2, 3), np.float32), Histories.empty(1), 1)


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_recommend_is_the_same_whatever_the_block(world, block):
    w = world(ties=True)
    batch = UserBatch(w.holdout.users, w.holdout.histories)
    calls = []
    items, best = recommend(w.model(), batch, 5, block, progress=lambda *at: calls.append(at))
    whole = top_k(w.scores, w.holdout.histories, 5)
    assert np.array_equal(items, whole[0])
    assert np.array_equal(best, whole[1])
    assert len(calls) == -(-len(batch) // block)
    assert calls[-1] == (len(batch), len(batch))


def test_recommend_nobody(world):
    items, best = recommend(
        world().model(), UserBatch(np.empty(0, np.int32), Histories.empty(0)), 5, 8
    )
    assert items.shape == best.shape == (0, 5)


def test_blocks():
    assert [rows.tolist() for rows in blocks_of(5, 2)] == [[0, 1], [2, 3], [4]]
    assert blocks_of(0, 2) == []
    assert users_per_block(100, 4 * 100 * 7, 1024) == 7
    assert users_per_block(100, 1, 1024) == 1
    assert users_per_block(100, 1 << 30, 1024) == 1024


def test_contains_is_membership(world):
    w = world()
    items = np.random.default_rng(1).integers(-1, 40, (60, 10)).astype(np.int32)
    found = contains(pair_keys(w.holdout.targets, 40), items, 40)
    slow = [[i in w.holdout.targets.row(u) for i in items[u]] for u in range(60)]
    assert np.array_equal(found, slow)
    assert not contains(pair_keys(Histories.empty(60), 40), items, 40).any()
