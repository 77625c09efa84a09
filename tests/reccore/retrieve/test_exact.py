import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from reccore.data.interactions import Histories
from reccore.errors import UserError
from reccore.metrics.topk import top_k
from reccore.retrieve import exact as module
from reccore.retrieve.exact import Part, exact
from reccore.retrieve.index import Index


def brute(vectors, queries, k, allowed=None, exclude=None, codes=None):
    """Every score in plain Python, sorted: best first, then by code."""
    codes = range(len(vectors)) if codes is None else codes.tolist()
    items, scores = [], []
    for row, query in enumerate(queries):
        seen = set() if exclude is None else set(exclude.row(row).tolist())
        left = [
            (-float(query @ vector), code)
            for code, vector in zip(codes, vectors, strict=True)
            if code not in seen and (allowed is None or allowed[code])
        ]
        best = sorted(left)[:k]
        blank = k - len(best)
        items.append([code for _, code in best] + [-1] * blank)
        scores.append([-value for value, _ in best] + [-np.inf] * blank)
    shape = (len(queries), k)
    return np.array(items, np.int32).reshape(shape), np.array(scores, np.float32).reshape(shape)


@st.composite
def problems(draw):
    """Small whole numbers: products are exact in any order, and ties are everywhere."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, items, dim = draw(st.integers(0, 6)), draw(st.integers(0, 40)), draw(st.integers(1, 5))
    most = draw(st.sampled_from([1, 2, 50]))
    vectors = rng.integers(-most, most + 1, (items, dim)).astype(np.float32)
    queries = rng.integers(-most, most + 1, (rows, dim)).astype(np.float32)
    allowed = rng.random(items) < draw(st.sampled_from([0.0, 0.1, 0.7])) if items % 2 else None
    sizes = rng.integers(0, items + 1, rows)
    seen = [rng.permutation(items)[:size].astype(np.int32) for size in sizes]
    exclude = Histories.of_lists(seen) if draw(st.booleans()) else None
    return vectors, queries, draw(st.integers(1, 50)), allowed, exclude


@examples(max_examples=200)
@given(problem=problems(), least=st.sampled_from([1, 7, 4096]), together=st.sampled_from([1, 256]))
def test_equals_brute_force_whatever_the_blocks(problem, least, together):
    vectors, queries, k, allowed, exclude = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LEAST_BLOCK", least)
        patch.setattr(module, "BLOCK_CELLS", 1)
        patch.setattr(module, "QUERIES", together)
        items, scores = Index.flat(vectors).search(queries, k, allowed=allowed, exclude=exclude)
    expected = brute(vectors, queries, k, allowed, exclude)
    assert np.array_equal(items, expected[0])
    assert np.array_equal(scores, expected[1])
    assert items.dtype == np.int32
    assert scores.dtype == np.float32


@examples(max_examples=50)
@given(problem=problems())
def test_agrees_with_the_top_k_of_evaluation(problem):
    vectors, queries, k, allowed, exclude = problem
    items, scores = Index.flat(vectors).search(queries, k, allowed=allowed, exclude=exclude)
    histories = Histories.empty(len(queries)) if exclude is None else exclude
    expected = top_k(queries @ vectors.T, histories, k, allowed)
    assert np.array_equal(items, expected[0])
    assert np.array_equal(scores, expected[1])


def test_codes_with_gaps_are_answered_and_excluded_by_code():
    rng = np.random.default_rng(3)
    vectors = rng.integers(-3, 4, (50, 4)).astype(np.float32)
    codes = np.sort(rng.permutation(200)[:50]).astype(np.int32)
    queries = rng.integers(-3, 4, (6, 4)).astype(np.float32)
    allowed = rng.random(200) < 0.5
    exclude = Histories.of_lists([rng.permutation(200)[:60].astype(np.int32) for _ in range(6)])
    part = Part(vectors, codes)
    items, scores = exact(part, queries, 8, part.mask(allowed), exclude)
    expected = brute(vectors, queries, 8, allowed, exclude, codes)
    assert np.array_equal(items, expected[0])
    assert np.array_equal(scores, expected[1])


@pytest.mark.parametrize("order", [1, -1])
def test_sorted_catalogues_are_no_trap(order):
    """Best last: every block beats all before it."""
    vectors = np.arange(20_000, dtype=np.float32)[::order, None]
    items, _ = Index.flat(vectors).search(np.ones((300, 1)), 3)
    best = [19_999, 19_998, 19_997] if order == 1 else [0, 1, 2]
    assert (items == best).all()


def test_more_than_are_left_is_an_honest_partial_answer():
    index = Index.flat(np.array([[1.0], [3.0], [2.0]]))
    allowed = np.array([True, True, False])
    items, scores = index.search([[1.0]], 5, allowed=allowed)
    assert items.tolist() == [[1, 0, -1, -1, -1]]
    assert scores[0, :2].tolist() == [3, 1]
    assert (scores[0, 2:] == -np.inf).all()


@pytest.mark.parametrize(
    ("queries", "k", "extra", "message"),
    [
        ([[1.0, np.nan]], 1, {}, "a query is NaN or infinite: row 0, 1 in all"),
        ([[0.0, 0.0], [1.0, np.inf]], 1, {}, "row 1, 1 in all"),
        ([[1.0]], 1, {}, "queries have 1 numbers, the index has 2"),
        ([1.0, 2.0], 1, {}, r"a query needs a table \[N, d\]"),
        ([[1.0, 2.0]], 0, {}, "k=0"),
        ([[1.0, 2.0]], 1, {"allowed": np.ones(2, bool)}, "one bool for each of the 3 codes"),
        ([[1.0, 2.0]], 1, {"allowed": np.ones(3)}, "allowed is float64"),
        ([[1.0, 2.0]], 1, {"exclude": Histories.empty(2)}, "2 rows to exclude for 1 queries"),
        (
            [[1.0, 2.0]],
            1,
            {"exclude": Histories.of_lists([np.array([3])])},
            "item code 3 to exclude is none of the index's",
        ),
        ([[1.0, 2.0]], 1, {"exclude": Histories.of_lists([np.array([-1])])}, "item code -1"),
    ],
)
def test_bad_input_is_refused_by_name(queries, k, extra, message):
    index = Index.flat(np.eye(3, 2))
    with pytest.raises(UserError, match=message):
        index.search(queries, k, **extra)


def test_vectors_that_are_no_numbers_are_refused():
    with pytest.raises(UserError, match="an item's vector is NaN or infinite: row 1"):
        Index.flat([[1.0], [np.nan]])
