"""The cache: its levels in the order of the settings, and one making for all who miss at once.

Local memory first is the default: a hit there costs microseconds and no network. What a slower
level answers is copied to memory and nowhere else: an answer must never be written anew to a level
shared with others, where it would look younger than the feedback it has not seen.

With Redis, memory answers known users only while invalidations of the other replicas can be heard
(see `ear`). Without Redis, memory is right for one replica alone.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from reccore.serve.cache.flights import Flights
from reccore.serve.cache.key import NOBODY, Key, hash_user
from reccore.serve.cache.level import Got, Level
from reccore.serve.cache.memory import Entry, Memory
from reccore.serve.cache.moments import Moments
from reccore.serve.cache.redis import Redis

log = logging.getLogger(__name__)

MADE = "made"
_MOST_WRITES = 256  # to slower levels, under way at once


@dataclass(frozen=True)
class Found:
    """An answer or none, whence it came, and what did not work meanwhile."""

    value: bytes | None
    level: str
    degraded: tuple[str, ...] = ()
    moment: int = field(default=0, repr=False, compare=False)
    stamps: tuple[object, ...] = field(default=(), repr=False, compare=False)


class Cache:
    """Levels of one replica, of one event loop. `open` first, `close` last."""

    def __init__(self, levels: Sequence[Memory | Level]) -> None:
        memories = [level for level in levels if isinstance(level, Memory)]
        if len(memories) > 1:
            raise ValueError("one memory is enough")
        self.memory = memories[0] if memories else None
        self.moments = Moments() if self.memory is None else self.memory.moments
        self.slower: list[Level] = [level for level in levels if not isinstance(level, Memory)]
        self.order = tuple(levels)
        self._redis = next((level for level in self.slower if isinstance(level, Redis)), None)
        self._quick = self.memory if levels and levels[0] is self.memory else None
        self._flights: Flights[Found] = Flights()
        self._background: set[asyncio.Task[Any]] = set()
        self.made = self.dropped_writes = 0

    async def open(self) -> None:
        try:
            for level in self.slower:
                await level.open(self)
        except BaseException:
            await self.close()
            raise

    def quick(self, key: Key) -> Entry | None:
        """Memory's answer, when memory comes first: microseconds, and nothing else is asked."""
        memory, redis = self._quick, self._redis
        if memory is None or (redis is not None and key.user and not redis.ear.hears()):
            return None
        return memory.get(key)

    async def get(self, key: Key) -> Found:
        """The first level's answer that has one; `level` is "" when none has."""
        moment, degraded, stamps = self.moments.now(), list[str](), list[object]()
        for level in self.order:
            if isinstance(level, Memory):
                got = self._from_memory(level, key)
            else:
                got = await level.get(key)
                stamps.append(got.stamp)
            if got.said and got.said not in degraded:
                degraded.append(got.said)
            if got.value is None:
                continue
            if not self.moments.stands(key.person, moment):
                break  # forgotten while a level was asked: whatever it says is of before
            if self.memory is not None and level is not self.memory:
                self.memory.put(key, got.value, moment, got.age_s)
            return Found(got.value, level.name, tuple(degraded), moment)
        else:
            return Found(None, "", tuple(degraded), moment, tuple(stamps))
        return Found(None, "", tuple(degraded), self.moments.now())

    def _from_memory(self, memory: Memory, key: Key) -> Got:
        if self._redis is not None and key.user and not self._redis.ear.hears():
            return Got()  # Redis says why
        entry = memory.get(key)
        return Got(None if entry is None else entry.value)

    async def put(self, key: Key, value: bytes, since: Found | None = None) -> None:
        """Keep an answer made after `since`, what `get` gave before it was made.

        Feedback between the two keeps it from ever being answered; so a known user's needs it.
        """
        if since is None:
            if key.user:
                raise ValueError("a known user's answer needs what `get` found before it was made")
            since = await self.get(key)
        self._put_memory(key, value, since)
        await self._put_slower(key, value, since)

    def _put_memory(self, key: Key, value: bytes, since: Found) -> None:
        if self.memory is not None:
            self.memory.put(key, value, since.moment)

    async def _put_slower(self, key: Key, value: bytes, since: Found) -> None:
        for level, stamp in zip(self.slower, since.stamps, strict=False):
            if stamp is not None and self.moments.stands(key.person, since.moment):
                await level.put(key, value, stamp)

    async def get_or_make(
        self,
        key: Key,
        make: Callable[[], Awaitable[bytes]],
        keep: Callable[[], bool] = lambda: True,
    ) -> Found:
        """The answer kept, or the one made now for all who ask for it at this moment.

        `keep` is asked once it is made: where it says no, only they get it.
        """
        entry = self.quick(key)
        if entry is not None:
            return Found(entry.value, Memory.name)
        person = key.person
        return await self._flights.share(
            key.text(),
            self.moments.now(),
            lambda moment: self.moments.stands(person, moment),
            lambda: self._make(key, make, keep),
        )

    async def _make(
        self, key: Key, make: Callable[[], Awaitable[bytes]], keep: Callable[[], bool]
    ) -> Found:
        found = await self.get(key)
        if found.value is not None:
            return found
        value = await make()
        self.made += 1
        if not keep():
            return Found(value, MADE, found.degraded)
        self._put_memory(key, value, found)
        if any(stamp is not None for stamp in found.stamps):
            if len(self._background) < _MOST_WRITES:  # nobody waits for a write
                self._later(self._put_slower(key, value, found))
            else:
                self.dropped_writes += 1
        return Found(value, MADE, found.degraded)

    async def forget_user(self, user: str) -> tuple[str, ...]:
        """Nothing made before now for this user is ever answered again, on any replica.

        For feedback and for deletion; call it once the feedback is stored. What is returned says
        which level could not be told yet: it will be as soon as it answers, and is not believed
        about the user until then. An entry in Redis becomes unreadable at once and vanishes with
        its TTL.
        """
        person = hash_user(user)
        if person == NOBODY:
            return ()
        self.moments.forget(person)
        said = await asyncio.gather(*(level.forget(person) for level in self.slower))
        untold = [level for level, words in zip(self.slower, said, strict=True) if words]
        if self._redis is not None and any(level is not self._redis for level in untold):
            await self._redis.shout_untold(person)
        return tuple(dict.fromkeys(words for words in said if words))

    def forgotten(self, person: str) -> None:
        """Heard from another replica, which has told the slower levels itself."""
        self.moments.forget(person)

    def untold(self, person: str) -> None:
        """Heard from another replica, which could not tell the lists."""
        self.moments.forget(person)
        for level in self.slower:
            if level is not self._redis:
                self._later(level.forget(person))

    def everyone_forgotten(self) -> None:
        """A gap in hearing: any known user may have been forgotten meanwhile."""
        self.moments.forget_everyone()

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work, name="cache-write")
        self._background.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a write to the cache failed", exc_info=error)

    async def settle(self) -> None:
        """Wait for the writes under way."""
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)

    async def close(self) -> None:
        await self._flights.close()
        await self.settle()
        for level in self.slower:
            await level.close()

    def facts(self) -> dict[str, Any]:
        """What each level has done, for metrics and the operator; no key and no user in it."""
        return {
            "order": [level.name for level in self.order],
            "levels": {level.name: level.facts() for level in self.order},
            "made": self.made,
            "joined": self._flights.joined,
            "making": len(self._flights),
            "dropped_writes": self.dropped_writes,
        }
