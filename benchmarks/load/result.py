"""What a run found: every latency kept, so that quantiles are exact, of any status and any time."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.load.watch import Use

MOST = 5_000_000  # samples: 90 MB
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
TRUSTED = 0.2  # of the measured p99: more lateness than that, and it is the generator's p99


class Samples:
    """Latencies in seconds, each with its moment since the start and its status."""

    def __init__(self) -> None:
        self.moments, self.latencies, self.statuses = array("d"), array("d"), array("H")

    def __len__(self) -> int:
        return len(self.latencies)

    def add(self, moment: float, latency: float, status: int) -> None:
        self.moments.append(moment)
        self.latencies.append(latency)
        self.statuses.append(status)

    def of(
        self, status: int | None = None, since: float = 0.0, until: float = float("inf")
    ) -> npt.NDArray[np.float64]:
        """Latencies of a status, of requests that were due in a stretch of the run."""
        moments = np.frombuffer(self.moments) if len(self) else np.empty(0)
        kept = (moments >= since) & (moments < until)
        if status is not None:
            kept &= np.frombuffer(self.statuses, np.uint16) == status if len(self) else False
        found = np.frombuffer(self.latencies) if len(self) else np.empty(0)
        return np.asarray(found[kept], np.float64)


def quantiles(latencies: npt.NDArray[np.float64]) -> dict[str, float]:
    """In milliseconds, by nearest rank: each is a latency that was measured. Empty for none."""
    if not len(latencies):
        return {}
    found = np.quantile(latencies, list(QUANTILES.values()), method="inverted_cdf")
    return {name: 1000 * float(value) for name, value in zip(QUANTILES, found, strict=True)}


@dataclass(frozen=True)
class Acted:
    """Something that was done to the server in mid-run."""

    name: str
    at: float  # seconds since the start
    took: float
    error: str | None


@dataclass(frozen=True)
class Result:
    """`sent` counts all that were due, so sent = answered + errors."""

    sent: int
    answered: int
    statuses: Mapping[int, int]
    errors: Mapping[str, int]  # refused, reset, closed, timeout, malformed, ...
    seconds: float  # from the start to the last answer
    offered: float | None  # requests a second that were asked for; None: as fast as possible
    connections: int  # open at the same time, at most
    opened: int
    waited: int  # requests that found no idle connection
    generator_cpu_seconds: float
    servers: Sequence[Use]
    lateness: Mapping[str, float]  # ms: how late the generator itself was
    loop: str
    exact_clock: bool
    acted: Sequence[Acted] = ()
    samples: Samples = field(default_factory=Samples, repr=False)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds if self.seconds else 0.0

    @property
    def failed(self) -> int:
        return sum(self.errors.values())

    @property
    def latency(self) -> dict[str, float]:
        return quantiles(self.samples.of())

    def latency_of(self, status: int) -> dict[str, float]:
        return quantiles(self.samples.of(status))

    @property
    def generator_bound(self) -> bool:
        """Whether the latencies say more of the generator than of the server."""
        p99 = self.latency.get("p99")
        return p99 is None or self.lateness.get("p99", 0.0) > TRUSTED * p99

    def to_json(self) -> dict[str, Any]:
        """The figures, for a row of results."""
        requests = max(1, self.sent)
        answered = Counter(self.statuses)
        return {
            "sent": self.sent,
            "answered": self.answered,
            "statuses": {str(status): answered[status] for status in sorted(answered)},
            "errors": dict(self.errors),
            "seconds": round(self.seconds, 3),
            "offered": self.offered,
            "rate": round(self.rate, 1),
            "ms": rounded(self.latency),
            "ms_by_status": {
                str(status): rounded(self.latency_of(status)) for status in sorted(answered)
            },
            "connections": self.connections,
            "opened": self.opened,
            "waited": self.waited,
            "generator": {
                "cpu_seconds": round(self.generator_cpu_seconds, 3),
                "cpu_us_a_request": round(1e6 * self.generator_cpu_seconds / requests, 2),
                "lateness_ms": rounded(self.lateness),
                "bound": self.generator_bound,
                "loop": self.loop,
                "exact_clock": self.exact_clock,
            },
            "servers": [
                {
                    "cpu_seconds": round(use.cpu_seconds, 3),
                    "cpu_us_a_request": round(1e6 * use.cpu_seconds / requests, 2),
                    "rss_mib": {
                        "before": round(use.rss_before / 2**20, 1),
                        "after": round(use.rss_after / 2**20, 1),
                        "most": round(use.rss_most / 2**20, 1),
                    },
                    "ended": use.ended,
                }
                for use in self.servers
            ],
            "acted": [
                {"name": a.name, "at": round(a.at, 3), "took": round(a.took, 3), "error": a.error}
                for a in self.acted
            ],
        }


def rounded(figures: Mapping[str, float], digits: int = 3) -> dict[str, float]:
    return {name: round(value, digits) for name, value in figures.items()}
