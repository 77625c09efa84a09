import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from reccore.data.interactions import Histories
from reccore.errors import MissingExtraError
from reccore.retrieve import index as module
from reccore.retrieve.choose import RetrieveSettings, choose
from reccore.retrieve.exact import Part
from reccore.retrieve.hnsw import Hnsw
from reccore.retrieve.index import Index
from reccore.retrieve.ivf import Ivf
from reccore.retrieve.recall import recall

NEEDS_FAISS = "FAISS is an extra: pip install 'giftrec[cpu]'"
ITEMS, DIM = 6000, 16


def clustered(seed=0, items=ITEMS):
    """Clusters of 60 whose vectors differ in length, and queries near items."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((items // 60, DIM))
    vectors = centres[rng.integers(0, len(centres), items)]
    vectors = vectors + 0.3 * rng.standard_normal(vectors.shape)
    vectors *= rng.lognormal(0, 0.3, (items, 1))
    queries = vectors[rng.integers(0, items, 80)] + 0.1 * rng.standard_normal((80, DIM))
    return vectors.astype(np.float32), queries.astype(np.float32)


@pytest.fixture(scope="module")
def world():
    return clustered()


@pytest.fixture(scope="module", params=["ivf", "hnsw"])
def structure(request, world):
    pytest.importorskip("faiss", reason=NEEDS_FAISS)
    vectors, _ = world
    if request.param == "ivf":
        return Ivf.build(vectors, 64, 12, seed=0)
    return Hnsw.build(vectors, 16, 64)


@pytest.fixture
def index(world, structure, monkeypatch):
    """Approximate, whatever the size: these tests are small."""
    monkeypatch.setattr(module, "READ", 1e9)
    return Index(Part.of(world[0]), structure)


def filters(seed=5):
    rng = np.random.default_rng(seed)
    seen = [rng.permutation(ITEMS)[:size].astype(np.int32) for size in rng.integers(0, 300, 80)]
    return rng.random(ITEMS) < 0.3, Histories.of_lists(seen)


def test_finds_nearly_all_of_what_exact_search_finds(index, world):
    items, scores = index.search(world[1], 10)
    truth, best = index.exactly().search(world[1], 10)
    assert recall(items, truth) >= 0.95
    assert np.allclose(scores[:, 0], best[:, 0], rtol=1e-5)
    assert (np.diff(scores, axis=1) <= 0).all()
    for row, query in enumerate(world[1]):
        assert np.allclose(scores[row], world[0][items[row]] @ query, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("share", [0.5, 0.05])
def test_masks_keep_answers_full_and_good(index, world, share):
    allowed = np.random.default_rng(1).random(ITEMS) < share
    items, _ = index.search(world[1], 10, allowed=allowed)
    assert (items >= 0).all()
    assert allowed[items].all()
    assert recall(items, index.exactly().search(world[1], 10, allowed=allowed)[0]) >= 0.8


@pytest.mark.parametrize("k", [10, 200])
def test_what_was_seen_is_never_returned_and_answers_stay_full(index, world, k):
    best, _ = index.exactly().search(world[1], 250)
    lengths = np.random.default_rng(2).integers(0, 250, len(best))
    seen = Histories.of_lists([row[:size] for row, size in zip(best, lengths, strict=True)])
    items, scores = index.search(world[1], k, exclude=seen)
    assert (items >= 0).all()
    assert np.isfinite(scores).all()
    assert not any(np.isin(items[row], seen.row(row)).any() for row in range(len(items)))
    assert recall(items, index.exactly().search(world[1], k, exclude=seen)[0]) >= 0.75
    assert all(len(set(row.tolist())) == k for row in items)


def test_fewer_than_k_come_back_only_where_fewer_are_left(index, world):
    allowed, seen = filters()
    allowed[np.flatnonzero(allowed)[40:]] = False
    found = index.search(world[1], 60, allowed=allowed, exclude=seen)
    truth = index.exactly().search(world[1], 60, allowed=allowed, exclude=seen)
    assert np.array_equal(found[0] >= 0, truth[0] >= 0)
    assert np.array_equal(np.sort(found[0]), np.sort(truth[0]))
    assert (found[1][found[0] < 0] == -np.inf).all()


def test_asking_for_everything_gives_everything(index, world):
    items, _ = index.search(world[1][:2], ITEMS + 5)
    assert np.array_equal(np.sort(items[:, :ITEMS]), np.tile(np.arange(ITEMS), (2, 1)))
    assert (items[:, ITEMS:] == -1).all()


def test_nothing_allowed_is_nothing_returned(index, world):
    items, scores = index.search(world[1], 3, allowed=np.zeros(ITEMS, bool))
    assert (items == -1).all()
    assert (scores == -np.inf).all()


def test_no_queries_are_no_answers(index):
    items, scores = index.search(np.empty((0, DIM)), 3)
    assert items.shape == scores.shape == (0, 3)


def test_one_query_is_answered_as_in_a_batch(index, world):
    allowed, seen = filters()
    whole, _ = index.search(world[1], 10, allowed=allowed, exclude=seen)
    for row in range(5):
        alone, _ = index.search(
            world[1][row : row + 1], 10, allowed=allowed, exclude=seen.take(np.array([row]))
        )
        assert recall(alone, whole[row : row + 1]) >= 0.9  # batches share their efforts


def test_many_threads_are_answered_as_one(index, world):
    def alone(row):
        return index.search(world[1][row : row + 1], 1 + row % 20)

    expected = [alone(row) for row in range(80)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(alone, range(80)))
    for (codes, scores), (ours, values) in zip(expected, found, strict=True):
        assert np.array_equal(codes, ours)
        assert np.array_equal(scores, values)


def test_what_is_remembered_of_a_search_does_not_outlive_what_it_rested_on(
    world, structure, monkeypatch
):
    index = Index(Part.of(world[0]), structure)
    exact = index.search(world[1], 10)[0]  # so many rows of so few items: cheaper
    twin = index.approximately()
    assert np.array_equal(exact, index.exactly().search(world[1], 10)[0])
    monkeypatch.setattr(structure, "search", None)
    with pytest.raises(TypeError):
        twin.search(world[1], 10)


def test_a_structure_takes_no_rows_but_its_own(structure, world):
    for bad, refused in (
        (world[1][:, :-1].copy(), AssertionError),
        (world[1].astype(np.float64), TypeError),
        (np.asfortranarray(world[1]), ValueError),
    ):
        with pytest.raises(refused):
            structure.search(bad, 3)


def test_added_items_are_found_and_removed_ones_are_not(world, structure, monkeypatch):
    monkeypatch.setattr(module, "READ", 1e9)
    vectors, queries = world
    new = 10 * queries[:20]
    first = Index(Part.of(vectors), structure).search(queries, 10)[0]
    gone = np.unique(first[:, 0]).astype(np.int32)
    index = Index(Part.of(vectors), structure, Part.of(new, ITEMS), gone)
    items, _ = index.search(queries, 10)
    assert (items[:20] >= ITEMS).any(axis=1).all()
    assert not np.isin(items, gone).any()
    assert (items >= 0).all()
    assert len(index) == ITEMS + 20 - len(gone)
    assert recall(items, index.exactly().search(queries, 10)[0]) >= 0.9


def test_codes_with_gaps_are_what_is_returned(world, structure, monkeypatch):
    monkeypatch.setattr(module, "READ", 1e9)
    vectors, queries = world
    codes = (3 * np.arange(ITEMS) + 1).astype(np.int32)
    plain = Index(Part.of(vectors), structure)
    gapped = Index(Part(vectors, codes), structure)
    assert np.array_equal(gapped.search(queries, 10)[0], codes[plain.search(queries, 10)[0]])
    allowed, _ = filters()
    wide = np.zeros(gapped.count, bool)
    wide[codes] = allowed
    expected = codes[plain.search(queries, 10, allowed=allowed)[0]]
    assert np.array_equal(gapped.search(queries, 10, allowed=wide)[0], expected)


def test_few_allowed_are_scored_exactly(world, structure):
    index = Index(Part.of(world[0]), structure)
    allowed = np.arange(ITEMS) % 100 == 0
    found = index.search(world[1], 10, allowed=allowed)
    truth = index.exactly().search(world[1], 10, allowed=allowed)
    assert np.array_equal(found[0], truth[0])


def test_cells_are_made_for_vectors_of_any_length():
    """Clustering by inner product, as FAISS does by itself, finds far less for the same visits."""
    faiss = pytest.importorskip("faiss", reason=NEEDS_FAISS)
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((ITEMS, 6)) @ rng.standard_normal((6, DIM))
    vectors = (vectors * rng.lognormal(0, 0.5, (ITEMS, 1))).astype(np.float32)
    queries = vectors[rng.integers(0, ITEMS, (80, 3))].mean(axis=1)
    truth = Index.flat(vectors).search(queries, 10)[0]
    theirs = faiss.IndexIVFFlat(faiss.IndexFlatIP(DIM), DIM, 64, faiss.METRIC_INNER_PRODUCT)
    theirs.train(vectors)
    theirs.add(vectors)
    theirs.nprobe = 4
    ours = Ivf.build(vectors, 64, 4, seed=0).search(queries, 10)[1]
    assert recall(ours, truth) >= recall(theirs.search(queries, 10)[1], truth) + 0.2


def test_without_faiss_flat_works_and_others_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    vectors, queries = clustered()
    index, report = choose(vectors, RetrieveSettings(), seed=0)
    assert index.kind == "flat"
    assert (report.chosen.recall, report.met) == (1, True)
    assert index.search(queries, 5)[0].shape == (80, 5)
    with pytest.raises(
        MissingExtraError, match=r"faiss is not installed \(pip install 'giftrec\[cpu\]'\)"
    ):
        choose(vectors, RetrieveSettings(kind="ivf"), seed=0)
