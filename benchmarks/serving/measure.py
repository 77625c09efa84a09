"""How a scenario measures and keeps what it found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from benchmarks.load import Plan, Result, request, run
from benchmarks.load.plan import Act, OnAnswer
from benchmarks.record import append, done
from benchmarks.serving.hosts import Host

NAME = "serving"
SECONDS = 60.0


@dataclass(frozen=True)
class Bench:
    """Shorter runs are to try things out: they are printed, and not kept."""

    seconds: float = SECONDS
    name: str = NAME  # of the file of rows

    @property
    def kept(self) -> bool:
        return self.seconds == SECONDS

    def done(self, key: str) -> bool:
        return self.kept and done(self.name, key)

    def keep(self, key: str, **figures: Any) -> None:
        if self.kept:
            append(self.name, key, **figures)
        print(key, figures, flush=True)

    def load(
        self,
        host: Host,
        bodies: Iterable[bytes],
        *,
        seconds: float | None = None,
        connections: int = 64,
        rate: float | None = None,
        poisson: bool = False,
        on_answer: OnAnswer | None = None,
        at: Sequence[tuple[float, Act]] = (),
    ) -> Result:
        """Bodies in a list are asked again and again; those of an iterator once."""
        asked: Iterable[bytes] = (request(host.url, body, host.headers) for body in bodies)
        return run(
            Plan(
                host.url,
                list(asked) if isinstance(bodies, Sequence) else iter(list(asked)),
                seconds or self.seconds,
                connections,
                rate,
                poisson,
                pids=[host.pid],
                on_answer=on_answer,
                at=at,
            )
        )

    def needed(self, rate: float) -> int:
        """Requests of an open loop, with some to spare for what chance adds."""
        return int(1.1 * rate * self.seconds) + 100


def warm_up(bench: Bench, host: Host, bodies: Sequence[bytes], how_many: int = 200) -> None:
    """Before the clock starts; failures are nobody's business yet."""
    some = iter(list(islice(bodies, how_many)))
    bench.load(host, some, seconds=min(20.0, bench.seconds), connections=4)


class Answers:
    """What answers say, read as cheaply as it goes: how many were made anew, how many degraded."""

    def __init__(self) -> None:
        self.made = self.degraded = self.refused = 0

    def __call__(self, status: int, body: bytes) -> None:
        if status != 200:
            self.refused += 1
            return
        self.made += b'"cached":null' in body
        self.degraded += b'"degraded":[]' not in body

    def to_json(self) -> dict[str, int]:
        return dict(vars(self))
