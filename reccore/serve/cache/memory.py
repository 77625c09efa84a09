"""Answers in this process: a least-recently-used map bounded by bytes, with an age limit.

Every operation is O(1). For one event loop; not safe between threads. With no Redis it is right
for one replica only: feedback heard by another replica would not be heard here.
"""

import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from reccore.serve.cache.key import Key
from reccore.serve.cache.moments import Moments

OVERHEAD = 240  # bytes an entry costs beside its key, value and user: measured, see the tests


class Entry:
    """An answer, and when it was begun."""

    __slots__ = ("expires", "moment", "person", "size", "value")

    def __init__(self, value: bytes, person: str, moment: int, expires: float, size: int) -> None:
        self.value, self.person, self.moment = value, person, moment
        self.expires, self.size = expires, size


class Memory:
    name = "memory"

    def __init__(
        self,
        max_bytes: int,
        ttl_s: float,
        clock: Callable[[], float] = time.monotonic,
        moments: Moments | None = None,
    ) -> None:
        self.max_bytes, self.ttl_s, self._clock = max_bytes, ttl_s, clock
        self.moments = Moments() if moments is None else moments
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self.bytes = 0
        self.hits = self.misses = self.evictions = self.expired = self.outdated = self.refused = 0

    def get(self, key: Key) -> Entry | None:
        text = key.text()
        entry = self._entries.get(text)
        if entry is None or not self._alive(text, entry):
            self.misses += 1
            return None
        self._entries.move_to_end(text)
        self.hits += 1
        return entry

    def put(self, key: Key, value: bytes, begun: int, age_s: float = 0.0) -> bool:
        """Keep an answer begun at the moment `begun`; False when it may not or cannot be kept.

        `age_s` is how old it is already, when it comes from a slower level.
        """
        text, person = key.text(), key.person
        size = sys.getsizeof(text) + sys.getsizeof(value) + sys.getsizeof(person) + OVERHEAD
        if size > self.max_bytes or age_s >= self.ttl_s or not self.moments.stands(person, begun):
            self.refused += 1
            return False
        if text in self._entries:
            self._drop(text)
        entry = Entry(value, person, begun, self._clock() + self.ttl_s - age_s, size)
        self._entries[text] = entry
        self.bytes += size
        self._sweep()
        while self.bytes > self.max_bytes:
            self._drop(next(iter(self._entries)))
            self.evictions += 1
        return True

    def _alive(self, text: str, entry: Entry) -> bool:
        if not self.moments.stands(entry.person, entry.moment):
            self.outdated += 1
        elif self._clock() >= entry.expires:
            self.expired += 1
        else:
            return True
        self._drop(text)
        return False

    def _sweep(self) -> None:
        """Let two dead ones go with each put, so that nothing dead outlives the traffic."""
        for _ in range(2):
            text = next(iter(self._entries), None)
            if text is None or self._alive(text, self._entries[text]):
                return

    def _drop(self, text: str) -> None:
        self.bytes -= self._entries.pop(text).size

    def __len__(self) -> int:
        return len(self._entries)

    def facts(self) -> dict[str, Any]:
        return {
            "hits": self.hits,
            "misses": self.misses,
            "entries": len(self._entries),
            "bytes": self.bytes,
            "max_bytes": self.max_bytes,
            "evictions": self.evictions,
            "expired": self.expired,
            "outdated": self.outdated,
            "refused": self.refused,
        }
