"""What is to be asked, how fast and how long; bounded in every way."""

from array import array
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.load.requests import target
from benchmarks.load.result import MOST
from reccore.data.seeds import rng
from reccore.errors import UserError

LONGEST, MOST_CONNECTIONS = 600.0, 4096

Act = Callable[[], Awaitable[object]]
OnAnswer = Callable[[int, bytes], object]


@dataclass(frozen=True)
class Plan:
    """A sequence of requests is gone through again and again; any other iterable ends the run.

    Without a `rate` the loop is closed.
    """

    url: str
    requests: Iterable[bytes]
    seconds: float
    connections: int = 16  # closed: this many; open: at most
    rate: float | None = None  # requests a second
    poisson: bool = False  # gaps drawn from `seed`, or all alike
    seed: int = 0
    timeout: float = 10.0
    most: int = MOST  # requests
    pids: Sequence[int] = ()  # of the servers
    on_answer: OnAnswer | None = None
    at: Sequence[tuple[float, Act]] = field(default=())  # what is done meanwhile, and when

    def __post_init__(self) -> None:
        target(self.url)
        for name, value, most in (
            ("seconds", self.seconds, LONGEST),
            ("timeout", self.timeout, LONGEST),
            ("connections", self.connections, MOST_CONNECTIONS),
            ("most", self.most, MOST),
        ):
            if not 0 < value <= most:
                raise UserError(f"{name} is {value}", f"choose more than 0, at most {most:g}")
        if self.rate is not None and not 0 < self.rate * self.seconds <= self.most:
            raise UserError(
                f"{self.rate} requests a second, {self.seconds} s long",
                f"choose a rate above 0 that makes at most {self.most:,} requests",
            )

    def due(self) -> "array[float]":
        """When each request of an open loop is due, in seconds since the start."""
        assert self.rate is not None
        count = int(np.ceil(self.rate * self.seconds))
        if self.poisson:
            draw = rng(self.seed, "arrivals")
            gaps = draw.exponential(1 / self.rate, int(count + 10 * count**0.5 + 10))
            moments = np.cumsum(gaps)
        else:
            moments = np.arange(count) / self.rate
        return array("d", moments[moments < self.seconds][: self.most].tobytes())
