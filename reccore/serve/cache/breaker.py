"""A circuit breaker: what has failed repeatedly is left alone for a while, then tried once.

Closed: calls go through. Open: none does, so a dead service costs nobody a timeout. Half-open,
after the rest: one call tries; its success closes, its failure opens again. A trial that never
reports (its caller was cancelled) blocks nobody: after another rest the next one may try.
"""

import time
from collections.abc import Callable


class Breaker:
    def __init__(
        self, failures: int = 3, rest_s: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if failures < 1 or rest_s <= 0:
            raise ValueError("a breaker needs at least one failure and some rest")
        self._most, self._rest_s, self._clock = failures, rest_s, clock
        self._failed = 0
        self._until: float | None = None  # None is closed
        self._trying = False
        self.opened = 0  # how often

    @property
    def state(self) -> str:
        if self._until is None:
            return "closed"
        return "open" if self._clock() < self._until and not self._trying else "half-open"

    def allows(self) -> bool:
        """Asked before each call; in half-open a True makes the caller the trial."""
        if self._until is None:
            return True
        now = self._clock()
        if now < self._until:
            return False
        self._trying = True
        self._until = now + self._rest_s
        return True

    def succeeded(self) -> None:
        self._failed, self._until, self._trying = 0, None, False

    def failed(self) -> None:
        self._failed += 1
        if self._until is not None or self._failed >= self._most:
            if self._until is None:
                self.opened += 1
            self._until, self._trying = self._clock() + self._rest_s, False
