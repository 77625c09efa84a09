"""Hearing what other replicas forget, and knowing when nothing can be heard.

A subscription on a connection of its own, with a heartbeat. Redis sends in order, so a heartbeat
that came back proves that everything published before it was heard. While none came back within
the lease, the ear is deaf: memory's entries of known users must not be served, since feedback given
elsewhere may have been missed. Silence of a network that swallows everything is thus noticed within
the lease; a closed connection at once.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

from reccore.serve.cache.wire import Wire, WireError

log = logging.getLogger(__name__)


class Hearing(Protocol):
    """What becomes of what is heard. People are pseudonyms (`key.hash_user`)."""

    def forgotten(self, person: str) -> None: ...

    def untold(self, person: str) -> None:
        """Forgotten elsewhere, where the lists could not be told so."""

    def everyone_forgotten(self) -> None: ...


class Ear:
    def __init__(
        self,
        wire: Wire,
        channel: str,
        heard: Callable[[str], None],
        back: Callable[[], Awaitable[None]],
        heartbeat_s: float = 0.5,
        rest_s: float = 0.25,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`back` is awaited when the subscription stands, before the ear counts as hearing."""
        self._wire, self._channel, self._heard, self._back = wire, channel, heard, back
        self._heartbeat_s, self._rest_s, self._clock = heartbeat_s, rest_s, clock
        self.lease_s = 3 * heartbeat_s
        self.run = ""  # of the server listened to
        self.since_us = 0  # the server's clock when hearing began again after a gap; 0 before any
        self.gaps = 0
        self._deadline = -math.inf
        self._task: asyncio.Task[None] | None = None
        self._hearing = asyncio.Event()

    def hears(self) -> bool:
        return self._clock() < self._deadline

    async def open(self, wait_s: float) -> bool:
        if self._task is None:
            self._task = asyncio.create_task(self._forever(), name="cache-ear")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hearing.wait(), wait_s)
        return self.hears()

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _forever(self) -> None:
        heard_before = False
        while True:
            try:
                await self._listen(heard_before)
            except WireError as error:
                log.debug("cache invalidations are not heard: %s", error)
            except Exception:  # a bug must not make this replica deaf for good
                log.exception("cache invalidations are not heard")
            if self._hearing.is_set():
                heard_before = True
                self.gaps += 1
                log.warning("redis went away: memory answers nobody known until it is back")
            self._hearing.clear()
            self._deadline = -math.inf
            await asyncio.sleep(self._rest_s)

    async def _listen(self, again: bool) -> None:
        connection, run = await self._wire.connect()
        try:
            async with asyncio.timeout(self._wire.connect_timeout_s):
                await connection.send_command("TIME", check_health=False)
                since_us = microseconds(await connection.read_response())
                await connection.send_command("SUBSCRIBE", self._channel, check_health=False)
                await connection.read_response()
            self.run, self.since_us = run, since_us if again else 0
            await self._back()
            beat = asyncio.create_task(self._beat(connection), name="cache-ear-beat")
            try:
                await self._read(connection)
            finally:
                beat.cancel()
                await asyncio.gather(beat, return_exceptions=True)
        except Exception as error:
            raise self._wire.plain(error) from None
        finally:
            await connection.disconnect(nowait=True)

    async def _read(self, connection: Any) -> None:
        while True:
            reply = await connection.read_response()
            if reply[0] == b"message":
                self._heard(reply[2].decode("ascii", "replace"))
            elif reply[0] == b"pong":  # says when the heartbeat that came back was sent
                self._deadline = float(reply[1]) + self.lease_s
                if not self._hearing.is_set():
                    self._hearing.set()
                    log.info("cache invalidations are heard")

    async def _beat(self, connection: Any) -> None:
        """Hang up, which ends the reading, when no heartbeat has come back for two leases."""
        started = self._clock()
        while True:
            now = self._clock()
            if now - max(started, self._deadline) > self.lease_s:
                await connection.disconnect(nowait=True)
                return
            await connection.send_command("PING", repr(now), check_health=False)
            await asyncio.sleep(self._heartbeat_s)


def microseconds(reply: Any) -> int:
    return int(reply[0]) * 1_000_000 + int(reply[1])
