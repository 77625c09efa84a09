"""Metrics: what is exposed, and that no label can grow without end."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families as parse

from reccore.serve.metrics import GONE, Metrics, Serving

Labels = frozenset[tuple[str, str]]


def read(metrics: Metrics, name: str) -> dict[Labels, float]:
    """The samples of that name, by their labels."""
    text = metrics.exposition()[0].decode()
    return {
        frozenset(sample.labels.items()): sample.value
        for family in parse(text)
        for sample in family.samples
        if sample.name == name
    }


def only(**labels: str) -> Labels:
    return frozenset(labels.items())


def test_requests_by_route_method_and_status_class() -> None:
    metrics = Metrics()
    for status in (200, 201, 404, GONE, 503):
        metrics.request("GET", "/v1/items/{id}", status, 0.002)
    counts = read(metrics, "giftrec_request_seconds_count")
    by = {dict(labels)["status"]: count for labels, count in counts.items()}
    assert by == {"2xx": 2, "4xx": 1, "499": 1, "5xx": 1}
    buckets = read(metrics, "giftrec_request_seconds_bucket")
    same = {"route": "/v1/items/{id}", "method": "GET", "status": "2xx"}
    assert buckets[only(**same, le="0.001")] == 0
    assert buckets[only(**same, le="0.0025")] == 2
    assert read(metrics, "giftrec_request_seconds_sum")[only(**same)] == pytest.approx(0.004)


def test_the_counters() -> None:
    metrics = Metrics()
    metrics.hit("local")
    metrics.hit("redis")
    metrics.hit("local")
    metrics.missed()
    metrics.fell_back("redis_down")
    metrics.limited()
    metrics.refused("no_key")
    metrics.failed()
    metrics.queued(0.1)
    metrics.computed("retrieve", 0.2)
    assert read(metrics, "giftrec_cache_hits_total") == {
        only(level="local"): 2,
        only(level="redis"): 1,
    }
    assert read(metrics, "giftrec_fallbacks_total") == {only(reason="redis_down"): 1}
    assert read(metrics, "giftrec_refusals_total") == {only(code="no_key"): 1}
    assert read(metrics, "giftrec_queue_seconds_sum") == {only(): pytest.approx(0.1)}
    assert read(metrics, "giftrec_compute_seconds_sum") == {
        only(what="retrieve"): pytest.approx(0.2)
    }
    for name in ("cache_misses", "rate_limited", "errors"):
        assert read(metrics, f"giftrec_{name}_total") == {only(): 1}


def test_the_models_that_answer_replace_those_before() -> None:
    metrics = Metrics()
    metrics.serving([Serving("films", "3", "12"), Serving("films", "4", "1", "canary")])
    metrics.serving([Serving("films", "4", "1")])
    name = only(name="films", version="4", generation="1", arm="champion")
    assert read(metrics, "giftrec_model_info") == {name: 1}


def test_watched_gauges_are_read_when_scraped() -> None:
    metrics = Metrics()
    held = [3]
    metrics.watch("in_flight", lambda: held[0])
    assert read(metrics, "giftrec_in_flight") == {only(): 3}
    held[0] = 4
    assert read(metrics, "giftrec_in_flight") == {only(): 4}


def test_a_registry_of_its_own_with_the_process_in_it() -> None:
    before = set(REGISTRY._names_to_collectors)
    one, two = Metrics(), Metrics()
    one.failed()
    assert read(two, "giftrec_errors_total") == {only(): 0}
    assert set(REGISTRY._names_to_collectors) == before
    assert read(one, "process_resident_memory_bytes")[only()] > 1e6
    assert one.exposition()[1].startswith("text/plain; version=0.0.4")


@given(
    asked=st.lists(
        st.tuples(st.text(max_size=8), st.text(max_size=8), st.integers(-5, 9999)), max_size=60
    )
)
def test_requests_have_a_bounded_number_of_series(asked: list[tuple[str, str, int]]) -> None:
    metrics = Metrics(most_series=10)
    for method, route, status in asked:
        metrics.request(method, route, status, 0.1)
        metrics.request("GET", route, status, 0.1)
    counts = read(metrics, "giftrec_request_seconds_count")
    assert sum(counts.values()) == 2 * len(asked), "blurred, never lost"
    assert len(counts) <= 10 + 7
    assert {dict(labels)["method"] for labels in counts} <= {"GET", "other"}


def test_many_routes_end_in_other() -> None:
    metrics = Metrics(most_series=10)
    for n in range(100):
        metrics.request("GET", f"/v1/users/{n}", 200, 0.1)
    counts = read(metrics, "giftrec_request_seconds_count")
    assert len(counts) == 11
    assert counts[only(route="other", method="other", status="2xx")] == 90


@given(codes=st.lists(st.text(max_size=60), max_size=80))
def test_codes_have_a_bounded_number_of_values(codes: list[str]) -> None:
    metrics = Metrics()
    for code in codes:
        metrics.fell_back(code)
    found = read(metrics, "giftrec_fallbacks_total")
    assert sum(found.values()) == len(codes)
    assert len(found) <= 41
    for value in (dict(labels)["reason"] for labels in found):
        assert value == "other" or value.isascii()


def test_many_plain_codes_end_in_other() -> None:
    metrics = Metrics()
    for n in range(100):
        metrics.refused(f"user_{n}")
    found = read(metrics, "giftrec_refusals_total")
    assert len(found) == 41
    assert found[only(code="other")] == 60


def test_sentences_are_no_codes() -> None:
    metrics = Metrics()
    metrics.fell_back("user 7 is unknown")
    assert read(metrics, "giftrec_fallbacks_total") == {only(reason="other"): 1}


def test_nothing_heavy_is_imported_before_there_are_metrics() -> None:
    code = "import sys, reccore.serve.metrics; assert 'prometheus_client' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
