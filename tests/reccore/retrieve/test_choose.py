import json

import numpy as np
import pytest
from pydantic import ValidationError

from reccore.errors import UserError
from reccore.retrieve import choose as module
from reccore.retrieve.choose import RetrieveSettings, choose, lists_for, steps
from reccore.retrieve.recall import recall, recall_with_error, sample_queries

NEEDS_FAISS = "FAISS is an extra: pip install 'giftrec[cpu]'"


def vectors_and_queries(items=8000, dim=16, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((items // 50, dim))
    vectors = centres[rng.integers(0, len(centres), items)]
    vectors = vectors + 0.3 * rng.standard_normal(vectors.shape)
    queries = vectors[rng.integers(0, items, 300)] + 0.1 * rng.standard_normal((300, dim))
    return vectors.astype(np.float32), queries.astype(np.float32)


@pytest.fixture
def large(monkeypatch):
    """As if 8,000 items were many."""
    pytest.importorskip("faiss", reason=NEEDS_FAISS)
    monkeypatch.setattr(module, "FLAT_BELOW", 1000)
    monkeypatch.setattr("reccore.retrieve.index.READ", 1e9)


def test_small_catalogues_are_searched_exactly():
    vectors, _ = vectors_and_queries()
    index, report = choose(vectors, RetrieveSettings(), seed=0)
    assert (index.kind, report.chosen.recall, report.tried) == ("flat", 1, ())
    assert report.chosen.qps > 0
    assert report.chosen.bytes == vectors.nbytes


def test_lists_are_visited_until_the_target_is_met(large):
    vectors, queries = vectors_and_queries()
    index, report = choose(vectors, RetrieveSettings(recall=0.95), 0, queries)
    assert index.kind == "ivf"
    assert report.met
    sure = [trial.recall - 1.64 * trial.recall_error for trial in report.tried]
    assert all(value < 0.95 for value in sure[:-1])
    assert sure[-1] >= 0.95
    probes = [trial.parameters["probes"] for trial in report.tried]
    assert probes == steps(1, 1000)[: len(probes)]
    assert index.parameters == report.tried[-1].parameters == report.chosen.parameters
    truth = index.exactly().search(queries, 10)[0]
    assert recall(index.search(queries, 10)[0], truth) >= 0.95
    assert report.chosen.queries == 150


def test_the_choice_repeats(large):
    vectors, queries = vectors_and_queries()
    one, two = (choose(vectors, RetrieveSettings(recall=0.95), 7, queries) for _ in range(2))
    assert one[0].parameters == two[0].parameters
    assert one[1].chosen.recall == two[1].chosen.recall
    found = [index.search(queries, 10)[0] for index, _ in (one, two)]
    assert np.array_equal(*found)


def test_a_graph_is_built_when_asked_and_reaches_the_target(large):
    vectors, queries = vectors_and_queries()
    index, report = choose(vectors, RetrieveSettings(kind="hnsw", recall=0.9), 0, queries)
    assert index.kind == "hnsw"
    assert report.met
    assert index.parameters["m"] == 16


def test_what_is_asked_for_by_number_is_taken_and_a_miss_is_said(large):
    vectors, queries = vectors_and_queries()
    settings = RetrieveSettings(kind="ivf", lists=128, probes=1, recall=1.0)
    index, report = choose(vectors, settings, 0, queries)
    assert index.parameters == {"lists": 128, "probes": 1}
    assert not report.met
    assert len(report.tried) == 1


def test_recall_is_measured_of_the_structure_not_of_a_shortcut():
    """Batches are sometimes cheaper to score exactly; single queries would then find less."""
    pytest.importorskip("faiss", reason=NEEDS_FAISS)
    vectors = np.random.default_rng(0).standard_normal((8000, 16)).astype(np.float32)
    settings = RetrieveSettings(kind="ivf", lists=128, probes=20)
    index, report = choose(vectors, settings, 0, vectors[:256])
    assert np.array_equal(index.search(vectors, 10)[0], index.exactly().search(vectors, 10)[0])
    assert report.chosen.recall < 1


def test_where_nothing_meets_the_target_the_answer_is_exact(large, monkeypatch):
    monkeypatch.setattr(module, "MOST_VISITED", 64)
    monkeypatch.setattr(module, "WIDEST", 10)
    vectors, queries = vectors_and_queries()
    index, report = choose(vectors, RetrieveSettings(recall=1.0), 0, queries)
    assert index.kind == "flat"
    assert {trial.kind for trial in report.tried} == {"ivf", "hnsw"}
    assert all(trial.recall < 1 for trial in report.tried)
    assert report.met


def test_the_report_is_json():
    vectors, _ = vectors_and_queries(500)
    _, report = choose(vectors, RetrieveSettings(), 0)
    assert json.loads(json.dumps(report.to_json()))["chosen"]["kind"] == "flat"


def test_sampled_queries_are_near_items_and_no_items():
    vectors, queries = vectors_and_queries(500)
    near = sample_queries(vectors, 100, 3)
    assert near.shape == (100, 16)
    assert near.dtype == np.float32
    distance = np.linalg.norm(near[:, None] - vectors[None], axis=2).min(axis=1)
    assert (distance > 0).all()
    assert (distance < np.linalg.norm(near, axis=1)).all()
    assert np.array_equal(near, sample_queries(vectors, 100, 3))
    assert len(sample_queries(vectors, 1000, 0, queries)) == 300


def test_bad_queries_are_refused():
    vectors, _ = vectors_and_queries(500)
    with pytest.raises(UserError, match=r"the sample of queries is \[1, 16\]"):
        choose(vectors, RetrieveSettings(), 0, vectors[:1])
    with pytest.raises(UserError, match=r"\[500, 15\] .*each of 16 numbers"):
        choose(vectors, RetrieveSettings(), 0, vectors[:, 1:])


@pytest.mark.parametrize("bad", [{"recall": 0.0}, {"recall": 1.1}, {"probes": 0}, {"kind": "pq"}])
def test_settings_are_strict(bad):
    with pytest.raises(ValidationError):
        RetrieveSettings(**bad)


def test_steps_and_lists_grow():
    assert steps(1, 16) == [1, 2, 3, 4, 6, 8, 12, 16]
    assert steps(10, 100) == [10, 20, 30, 40, 60, 80]
    assert lists_for(1_000_000) == 4096
    assert lists_for(100_000) == 1024
    assert lists_for(1) == 1


def test_recall_counts_only_what_could_be_found():
    truth = np.array([[1, 2, -1], [3, -1, -1]])
    assert recall(np.array([[2, 9, -1], [3, 1, 2]]), truth) == 2 / 3
    assert recall(np.full((2, 3), -1), np.full((2, 3), -1)) == 1


def test_the_error_of_recall_is_that_of_resampled_queries():
    rng = np.random.default_rng(0)
    truth = np.tile(np.arange(10), (400, 1))
    found = np.where(rng.random((400, 10)) < rng.random((400, 1)), truth, -1)
    truth[rng.random((400, 10)) < 0.3] = -1
    error = recall_with_error(found, truth)[1]
    rows = rng.integers(0, 400, (2000, 400))
    resampled = np.std([recall(found[some], truth[some]) for some in rows])
    assert error == pytest.approx(resampled, rel=0.1)
