"""Answers shared between replicas through Redis: one round trip a get, and every key has a TTL.

An entry of a known user is stored with the epoch it was begun under: a random token at a key of the
user's own. Who reads compares the two; feedback deletes the token and says so on a channel. From
that follows:

- The token is read *before* the answer is made. Feedback that arrives in between removes it, so the
  answer is stored under a token that is nobody's any more.
- A lost token (evicted, expired, flushed) makes entries unreadable. It cannot bring one back, since
  the next token is another random one: tokens are no counters, and clocks play no part.
- Tokens are named by the server's run (see `wire`), so a restart from an old dump or a promoted
  replica, which may have lost deletions, begins with no token at all.
- Deletions that no Redis heard (it was away) are owed and paid when it is back. After a gap each
  replica ignores what was begun before the gap ended, by Redis' own clock, as others may owe.

What remains: a replica cut off alone cannot tell the others until it is back; they go on with what
they had, for the TTL at most. The replica itself never does.
"""

import asyncio
import logging
import os
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from reccore.serve.cache.breaker import Breaker
from reccore.serve.cache.ear import Ear, Hearing, microseconds
from reccore.serve.cache.key import NOBODY, Key
from reccore.serve.cache.level import Got
from reccore.serve.cache.owed import EVERYONE, Owed
from reccore.serve.cache.wire import Command, Wire, WireError

log = logging.getLogger(__name__)

SLOWER = "redis does not answer: slower, not wrong"
UNHEARD = "redis cannot be listened to: slower, not wrong"
_HEAD = struct.Struct(">4s16sQ")  # magic, the epoch's token, begun at (the server's microseconds)
_MAGIC = b"gtc1"
_NO_TOKEN = bytes(16)
_CHANNEL = "giftrec:forget"
_SPARE_S = 120  # by which a token outlives the last entry begun under it


@dataclass(frozen=True, slots=True)
class Stamp:
    run: str
    token: bytes
    begun_us: int


class Redis:
    name = "redis"

    def __init__(
        self,
        url: str,
        ttl_s: int,
        timeout_s: float = 0.02,
        connect_timeout_s: float = 0.05,
        heartbeat_s: float = 0.5,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ttl_s = ttl_s
        self.breaker = breaker or Breaker(clock=clock)
        self.wire = Wire(url, timeout_s, connect_timeout_s)
        self.ear = Ear(
            self.wire, _CHANNEL, self._heard, self._back, heartbeat_s=heartbeat_s, clock=clock
        )
        self.owed = Owed()
        self._me = os.urandom(8).hex()
        self._hearing: Hearing | None = None
        self._payer: asyncio.Task[None] | None = None
        self._rest_s = heartbeat_s
        self.hits = self.misses = self.errors = self.outdated = self.foreign = 0

    async def open(self, hearing: Hearing) -> None:
        """Start listening; waits shortly for it to stand, and goes on without when it does not."""
        self._hearing = hearing
        self._payer = asyncio.create_task(self._pay_forever(), name="cache-debts")
        await self.ear.open(wait_s=4 * self.wire.connect_timeout_s)

    async def close(self) -> None:
        await self.ear.close()
        if self._payer is not None:
            self._payer.cancel()
            await asyncio.gather(self._payer, return_exceptions=True)
        await self.wire.close()

    async def get(self, key: Key) -> Got:
        person = key.person
        if person != NOBODY and self.owed.has(person):
            return Got(said=SLOWER)
        if not self.breaker.allows():
            return Got(said=SLOWER)
        try:
            got = await (self._of_nobody(key) if person == NOBODY else self._of_person(key))
        except WireError as error:
            self._failed(error)
            return Got(said=SLOWER)
        self.breaker.succeeded()
        if got.value is None:
            self.misses += 1
        else:
            self.hits += 1
        return got

    async def _of_nobody(self, key: Key) -> Got:
        run, (stored, now) = await self.wire.ask(lambda _: [("GET", key.text()), ("TIME",)])
        now_us = microseconds(now)
        stamp = Stamp(run, _NO_TOKEN, now_us)
        _, begun_us, value = self._read(stored)
        return Got(value, stamp, max(0.0, (now_us - begun_us) / 1e6))

    async def _of_person(self, key: Key) -> Got:
        person = key.person

        def build(run: str) -> Sequence[Command]:
            return [("MGET", key.text(), _epoch(run, person)), ("TIME",)]

        run, ((stored, epoch), now) = await self.wire.ask(build)
        now_us = microseconds(now)
        if not self.ear.hears() or run != self.ear.run or self.owed.has(person):
            return Got(said=UNHEARD)
        token, begun_us, value = self._read(stored)
        if value is not None and (epoch != token or begun_us < self.ear.since_us):
            self.outdated += 1
            value = None
        if value is None and epoch is None:
            run, epoch = await self._new_epoch(person)
        if value is None and (epoch is None or len(epoch) != len(_NO_TOKEN)):
            return Got()
        return Got(value, Stamp(run, epoch, now_us), max(0.0, (now_us - begun_us) / 1e6))

    async def _new_epoch(self, person: str) -> tuple[str, bytes | None]:
        """The token all replicas agree on: the first one's."""
        fresh, lasts = os.urandom(len(_NO_TOKEN)), self.ttl_s + _SPARE_S

        def build(run: str) -> Sequence[Command]:
            epoch = _epoch(run, person)
            return [("SET", epoch, fresh, "NX", "EX", lasts), ("GET", epoch)]

        run, (_, epoch) = await self.wire.ask(build)
        return run, epoch

    def _read(self, stored: bytes | None) -> tuple[bytes, int, bytes | None]:
        if stored is None:
            return _NO_TOKEN, 0, None
        if len(stored) < _HEAD.size or not stored.startswith(_MAGIC):
            self.foreign += 1
            return _NO_TOKEN, 0, None
        _, token, begun_us = _HEAD.unpack_from(stored)
        return token, begun_us, stored[_HEAD.size :]

    async def put(self, key: Key, value: bytes, stamp: object) -> None:
        person = key.person
        if not isinstance(stamp, Stamp) or self.owed.has(person) or not self.breaker.allows():
            return
        kept = _HEAD.pack(_MAGIC, stamp.token, stamp.begun_us) + value

        def build(run: str) -> Sequence[Command]:
            store: Command = ("SET", key.text(), kept, "EX", self.ttl_s)
            if person == NOBODY:
                return [store]
            if run != stamp.run:  # the token was another server's: nobody could read the entry
                return [("PING",)]
            return [store, ("EXPIRE", _epoch(run, person), self.ttl_s + _SPARE_S)]

        try:
            await self.wire.ask(build)
        except WireError as error:
            self._failed(error)
        else:
            self.breaker.succeeded()

    async def forget(self, person: str) -> str:
        number = self.owed.add(person)
        if self.breaker.allows():
            try:
                await self._tell([person])
            except WireError as error:
                self._failed(error)
            else:
                self.breaker.succeeded()
                self.owed.paid(person, number)
        return SLOWER if self.owed.has(person) else ""

    async def shout_untold(self, person: str) -> None:
        """Let other replicas not believe the lists about this user, and tell them themselves."""
        try:
            await self._send("PUBLISH", _CHANNEL, f"{self._me}:!{person}")
        except WireError as error:
            self._failed(error)

    async def _tell(self, people: Sequence[str]) -> None:
        def build(run: str) -> Sequence[Command]:
            gone: list[Command] = [("UNLINK", *(_epoch(run, person) for person in people))]
            return gone + [("PUBLISH", _CHANNEL, f"{self._me}:{person}") for person in people]

        await self.wire.ask(build)

    async def _tell_everyone(self) -> None:
        cursor, found = await self._scan(b"0")
        while found or cursor != b"0":
            if found:
                await self._send("UNLINK", *found)
            if cursor == b"0":
                break
            cursor, found = await self._scan(cursor)
        await self._send("PUBLISH", _CHANNEL, f"{self._me}:{EVERYONE}")

    async def _scan(self, cursor: bytes) -> tuple[bytes, list[bytes]]:
        cursor, found = await self._send("SCAN", cursor, "MATCH", _epoch("*", "*"), "COUNT", 1000)
        return cursor, found

    async def _send(self, *command: str | bytes | int) -> Any:
        _, (reply,) = await self.wire.ask(lambda _: [command])
        return reply

    async def _pay(self) -> None:
        while debts := self.owed.some():
            people = [person for person, _ in debts]
            if people == [EVERYONE]:
                await self._tell_everyone()
            else:
                await self._tell(people)
            for person, number in debts:
                self.owed.paid(person, number)

    async def _pay_forever(self) -> None:
        while True:
            await asyncio.sleep(self._rest_s)
            if len(self.owed) and self.breaker.allows():
                try:
                    await self._pay()
                except WireError as error:
                    self._failed(error)
                except Exception:
                    log.exception("forgotten users could not be told to redis")
                else:
                    self.breaker.succeeded()

    async def _back(self) -> None:
        """The subscription stands (again): nothing heard before it can be relied on."""
        if self._hearing is not None:
            self._hearing.everyone_forgotten()
        await self._pay()
        self.breaker.succeeded()

    def _heard(self, message: str) -> None:
        sender, _, what = message.partition(":")
        if sender == self._me or not what or self._hearing is None:
            return
        if what == EVERYONE:
            self._hearing.everyone_forgotten()
        elif what.startswith("!"):
            self._hearing.untold(what[1:])
        else:
            self._hearing.forgotten(what)

    def _failed(self, error: WireError) -> None:
        self.errors += 1
        self.breaker.failed()
        if self.breaker.state == "open":
            log.warning("redis is left alone for a while: %s", error)

    def facts(self) -> dict[str, Any]:
        return {
            "hits": self.hits,
            "misses": self.misses,
            "outdated": self.outdated,
            "errors": self.errors,
            "foreign": self.foreign,
            "owed": len(self.owed),
            "heard": self.ear.hears(),
            "gaps": self.ear.gaps,
            "breaker": self.breaker.state,
            "opened": self.breaker.opened,
        }


def _epoch(run: str, person: str) -> str:
    return f"giftrec:epoch:{run}:{person}"
