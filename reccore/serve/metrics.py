"""What Prometheus reads, in a registry of this server's own.

Label values come from sets that are small by construction: route templates, status classes, codes.
Each kind is capped besides, and what comes after counts as "other": a bug may blur a figure but
never fill the memory of whoever scrapes. Children are looked up once and kept: binding labels costs
more than observing.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from reccore.errors import need

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
GONE = 499  # the client went away before it had its answer

# Half a millisecond to ten seconds: cached answers lie in the first buckets, time-outs in the last.
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_CODE = re.compile(r"[a-z][a-z0-9_]{0,47}")


class Serving(NamedTuple):
    """A model that answers."""

    name: str
    version: str
    generation: str
    arm: str = "champion"


class Family:
    """A counter or histogram with one label; at most `most` values, then "other"."""

    def __init__(self, metric: Any, most: int = 40) -> None:
        self._metric, self._most = metric, most
        self._children: dict[str, Any] = {}

    def of(self, value: str) -> Any:
        child = self._children.get(value)
        if child is None:
            known = len(self._children) < self._most and _CODE.fullmatch(value)
            child = self._metric.labels(value if known else OTHER)
            if known:
                self._children[value] = child
        return child


class Metrics:
    """The counters of one server. Everything here is cheap enough for every request."""

    def __init__(self, prefix: str = "giftrec", most_series: int = 500) -> None:
        client = need("prometheus_client", "serve")
        client.disable_created_metrics()  # as many series again, that nobody reads
        registry = client.CollectorRegistry(auto_describe=True)
        self._generate = client.generate_latest
        self._content_type: str = client.CONTENT_TYPE_PLAIN_0_0_4
        self.registry = registry
        client.ProcessCollector(registry=registry)
        client.GCCollector(registry=registry)

        def histogram(name: str, words: str, labels: Iterable[str] = ()) -> Any:
            full = f"{prefix}_{name}"
            return client.Histogram(full, words, labels, buckets=SECONDS, registry=registry)

        def counter(name: str, words: str, labels: Iterable[str] = ()) -> Any:
            return client.Counter(f"{prefix}_{name}", words, labels, registry=registry)

        self._requests = histogram(
            "request_seconds", "From headers read to answer sent.", ("route", "method", "status")
        )
        self._bound: dict[tuple[str, str, int], Any] = {}
        self._most = most_series
        self._queued = histogram("queue_seconds", "Waited for a turn to compute.")
        self._computed = Family(histogram("compute_seconds", "Computed, by what.", ("what",)))
        self._hits = Family(counter("cache_hits", "Answers found, by cache level.", ("level",)))
        self._misses = counter("cache_misses", "Answers no cache level had.")
        self._fallbacks = Family(
            counter("fallbacks", "Answers that were degraded, by reason.", ("reason",))
        )
        self._limited = counter("rate_limited", "Requests refused by a rate limit.")
        self._refused = Family(counter("refusals", "Requests refused, by code.", ("code",)))
        self._errors = counter("errors", "Exceptions that escaped a route.")
        self._models = client.Gauge(
            f"{prefix}_model_info", "The models that answer.", Serving._fields, registry=registry
        )
        self._gauges = {
            name: client.Gauge(f"{prefix}_{name}", words, registry=registry)
            for name, words in (
                ("in_flight", "Requests being answered."),
                ("registry_followed", "1 while what the registry says is what answers."),
                ("queue_length", "Requests waiting for a turn to compute."),
                ("log_lines_dropped", "Log lines dropped because nobody read them fast enough."),
            )
        }

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        child = self._bound.get((method, route, status))
        if child is None:
            child = self._bind(method, route, status)
        child.observe(seconds)

    def _bind(self, method: str, route: str, status: int) -> Any:
        known = len(self._bound) < self._most and method in METHODS
        kind = str(GONE) if status == GONE else f"{status // 100}xx"
        if kind not in ("1xx", "2xx", "3xx", "4xx", "5xx", str(GONE)):
            known = False
            kind = OTHER
        if not known:
            return self._requests.labels(OTHER, OTHER, kind)
        child = self._bound[method, route, status] = self._requests.labels(route, method, kind)
        return child

    def queued(self, seconds: float) -> None:
        self._queued.observe(seconds)

    def computed(self, what: str, seconds: float) -> None:
        self._computed.of(what).observe(seconds)

    def hit(self, level: str) -> None:
        self._hits.of(level).inc()

    def missed(self) -> None:
        self._misses.inc()

    def fell_back(self, reason: str) -> None:
        """`reason` is a code such as `redis_down`, never a sentence."""
        self._fallbacks.of(reason).inc()

    def limited(self) -> None:
        self._limited.inc()

    def refused(self, code: str) -> None:
        self._refused.of(code).inc()

    def failed(self) -> None:
        self._errors.inc()

    def serving(self, models: Iterable[Serving]) -> None:
        """The models that answer from now on, in place of those before."""
        self._models.clear()
        for model in models:
            self._models.labels(*model).set(1)

    def watch(self, gauge: str, read: Callable[[], float]) -> None:
        """Have a gauge (in_flight, queue_length, log_lines_dropped) read when it is scraped."""
        self._gauges[gauge].set_function(read)

    def exposition(self) -> tuple[bytes, str]:
        """The body and content type of `/metrics`."""
        return self._generate(self.registry), self._content_type
