"""Rate limits as token buckets, each kept as one number.

A bucket of `burst` tokens refilled at `rate` a second is the same as the instant at which it will
be full again (the generic cell rate algorithm, ITU-T I.371): a request moves that instant one
interval on, and is refused if it then lay further ahead than a whole bucket takes to fill. Whole
nanoseconds, intervals rounded up, so that in any window of t seconds never more than
burst + rate * t requests get through, rounding included.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from pydantic import Field

from reccore.config import Settings
from reccore.errors import UserError

SECOND = 1_000_000_000


@dataclass(frozen=True)
class Limit:
    """`rate` requests a second on average, `burst` at once."""

    rate: float
    burst: int
    interval: int = field(init=False, repr=False)  # nanoseconds a request

    def __post_init__(self) -> None:
        if not (0 < self.rate <= 1e6 and self.burst >= 1):
            raise UserError(
                f"rate limit of {self.rate} a second, burst {self.burst}",
                "a rate above 0 and up to 1000000, and a burst of 1 or more",
            )
        object.__setattr__(self, "interval", math.ceil(SECOND / Fraction(self.rate)))

    @classmethod
    def of(cls, rate: float, burst: int) -> "Limit | None":
        """From settings, where a rate of 0 means no limit."""
        return None if rate == 0 else cls(rate, burst)


class LimitSettings(Settings):
    """How often one may ask whose key says nothing of it; by key, or by address without one."""

    per_second: float = Field(0.0, ge=0, le=1e6, description="0: no limit")
    burst: int = Field(100, ge=1, description="requests at once")
    callers: int = Field(100_000, ge=1, description="counted at a time")
    redis_url: str = Field("", repr=False, description="shared by replicas; empty: each its own")

    @property
    def limit(self) -> Limit | None:
        return Limit.of(self.per_second, self.burst)


class Limits(Protocol):
    """Where the buckets are kept."""

    async def take(self, who: str, limit: Limit) -> float:
        """0 if `who` may go on, else the seconds after which one request may."""


class MemoryLimits:
    """Buckets of this process. At most `buckets` of them: the longest unused is forgotten first.

    A forgotten bucket is a full one, so `buckets` should exceed the callers active at a time.
    """

    def __init__(
        self, buckets: int = 100_000, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._buckets = buckets
        self._clock = clock
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    async def take(self, who: str, limit: Limit) -> float:
        return self.spend(who, limit)

    def spend(self, who: str, limit: Limit) -> float:
        now = self._clock()
        full_at = max(self._full_at.get(who, now), now)
        wait = full_at - now - limit.interval * (limit.burst - 1)
        if wait > 0:
            self._full_at.move_to_end(who)
            return wait / SECOND
        self._full_at[who] = full_at + limit.interval
        self._full_at.move_to_end(who)
        if len(self._full_at) > self._buckets:
            self._full_at.popitem(last=False)
        return 0.0
