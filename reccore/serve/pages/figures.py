"""What the metrics say, for people: quantiles, counts and shares since this process started."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reccore.serve.metrics import Metrics

SHARES = (0.5, 0.95, 0.99)


@dataclass(frozen=True)
class Times:
    """Durations of one kind; None where the histogram cannot tell (longer than its last bound)."""

    what: str
    count: int
    quantiles: tuple[float | None, ...]  # milliseconds, of SHARES
    last: float  # milliseconds: the histogram's last bound


@dataclass(frozen=True)
class Figures:
    """All of one page."""

    requests: list[Times]
    everything: Times | None
    work: list[Times]
    statuses: dict[str, int]
    hits: dict[str, int]
    misses: int
    fallbacks: dict[str, int]
    refusals: dict[str, int]
    errors: int

    @property
    def answers(self) -> int:
        return sum(self.hits.values()) + self.misses

    @classmethod
    def of(cls, metrics: Metrics) -> "Figures":
        """As the metrics stand now."""
        found = {family.name.partition("_")[2]: family for family in metrics.registry.collect()}
        requests, calls = found["request_seconds"], found["compute_seconds"]
        everything = _times(requests, ())
        served = _times(requests, ("method", "route"))
        return cls(
            requests=sorted(served, key=lambda one: -one.count),
            everything=everything[0] if everything else None,
            work=[
                *(_named("waiting for a turn", one) for one in _times(found["queue_seconds"], ())),
                *_times(calls, ("what",)),
            ],
            statuses=_counts(requests, "status", "_count"),
            hits=_counts(found["cache_hits"], "level", "_total"),
            misses=_total(found["cache_misses"]),
            fallbacks=_counts(found["fallbacks"], "reason", "_total"),
            refusals=_counts(found["refusals"], "code", "_total"),
            errors=_total(found["errors"]),
        )


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """Of cumulative counts by upper bound, by a straight line within a bucket.

    As Prometheus reads them; None beyond the last bound.

    >>> quantile({1.0: 10, 2.0: 20, math.inf: 20}, 0.75)
    1.5
    """
    bounds = sorted(buckets)
    wanted = share * buckets[bounds[-1]]
    below, begin = 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= wanted and buckets[bound] > below:
            if math.isinf(bound):
                return None
            return begin + (bound - begin) * (wanted - below) / (buckets[bound] - below)
        below, begin = buckets[bound], bound
    return None


def _times(family: Any, by: tuple[str, ...]) -> list[Times]:
    """The histograms of a family, added up over all labels but these."""
    groups: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for labels, value in _samples(family, "_bucket"):
        groups[" ".join(labels[name] for name in by)][float(labels["le"])] += value
    found = []
    for what, buckets in groups.items():
        count = int(buckets[math.inf])
        if count:
            seconds = [quantile(buckets, share) for share in SHARES]
            values = tuple(None if one is None else 1000 * one for one in seconds)
            last = 1000 * max(bound for bound in buckets if not math.isinf(bound))
            found.append(Times(what, count, values, last))
    return found


def _named(what: str, times: Times) -> Times:
    return Times(what, times.count, times.quantiles, times.last)


def _counts(family: Any, label: str, suffix: str) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for labels, value in _samples(family, suffix):
        found[labels[label]] += int(value)
    return dict(sorted(found.items()))


def _total(family: Any) -> int:
    return sum(int(value) for _, value in _samples(family, "_total"))


def _samples(family: Any, suffix: str) -> Iterator[tuple[dict[str, str], float]]:
    for sample in family.samples:
        if sample.name == family.name + suffix:
            yield sample.labels, sample.value
