"""Latencies in a fixed number of buckets: quantiles within a few per cent, in constant memory.

Each bucket is 5 % wider than the one before, so a quantile read from it is off by 2.5 % at most,
between 0.05 ms and 100 s; below and above, it is the end of the scale.
"""

import math
from collections.abc import Iterable

LOWEST, HIGHEST = 5e-5, 100.0  # seconds
GROWTH = 1.05
_LOG_GROWTH = math.log(GROWTH)
BUCKETS = math.ceil(math.log(HIGHEST / LOWEST) / _LOG_GROWTH)


class Histogram:
    """Counts of durations; `add` is one logarithm and one increment."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts, self.total = [0] * BUCKETS, 0

    def add(self, seconds: float) -> None:
        self.counts[_place(seconds)] += 1
        self.total += 1

    def quantile(self, share: float) -> float | None:
        """The duration (in seconds) that `share` of the counted do not exceed; None of none."""
        if not self.total:
            return None
        rank = max(1, math.ceil(share * self.total))
        below = 0
        for place, count in enumerate(self.counts):
            below += count
            if below >= rank:
                return _middle(place)
        raise AssertionError("the counts add up to the total")

    def slower(self, seconds: float) -> int:
        """How many took longer, as far as the buckets can tell."""
        return sum(self.counts[_place(seconds) + 1 :])

    @classmethod
    def sum(cls, histograms: Iterable["Histogram"]) -> "Histogram":
        every = list(histograms)
        result = cls()
        if every:
            result.counts = [sum(column) for column in zip(*(h.counts for h in every), strict=True)]
            result.total = sum(h.total for h in every)
        return result


def _place(seconds: float) -> int:
    if not seconds > LOWEST:  # a clock that jumped back, or no number: the lowest
        return 0
    if seconds >= HIGHEST:
        return BUCKETS - 1
    return min(int(math.log(seconds / LOWEST) / _LOG_GROWTH), BUCKETS - 1)


def _middle(place: int) -> float:
    """The geometric middle: the same relative error to either side."""
    return LOWEST * math.exp((place + 0.5) * _LOG_GROWTH)
