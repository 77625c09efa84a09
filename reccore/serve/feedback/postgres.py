"""Events in Postgres, for many replicas, with a spool for the times it is gone.

Three states. "up": everything goes to the database. "gone": events and deletions go to the spool;
nobody waits for a database that does not answer, because only the mending task tries it. It comes
back through "draining": the spool is sent in order, deletions first, while new events still queue
behind it. What is sent twice, after a crash in the middle, changes nothing.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

from reccore.serve.feedback import tables
from reccore.serve.feedback.event import (
    Added,
    Arrival,
    Event,
    Forgotten,
    Recent,
    possible,
    unavailable,
)
from reccore.serve.feedback.line import Line
from reccore.serve.feedback.link import CONNECT, GoneError, Link
from reccore.serve.feedback.outcome import Outcome, Written, judge
from reccore.serve.feedback.spool import Spool, SpoolFullError

log = logging.getLogger(__name__)

GONE_WRITE = "the database does not answer: stored here until it is back"
GONE_READ = "the database does not answer: only events that wait here are known"
GONE_FORGET = "the database does not answer: what it holds is deleted when it is back"
SENDING = "events that waited here are on their way to the database: stored here until they are"
SENDING_FORGET = "the deletion waits here for its turn, and reaches the database within moments"
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
SENT = 500  # events of the spool sent at once


class PostgresStore:
    """One process's way to the table that all replicas share."""

    def __init__(self, url: str, spool: Path, spool_bytes: int) -> None:
        self._link = Link(url)
        self._spool = Spool(spool, spool_bytes)
        self._line = Line(self._write)
        self._order = asyncio.Lock()  # between the writer and the sending of the spool
        self._state: Literal["up", "draining", "gone"] = "gone"
        self._mending: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._closing = asyncio.Event()
        self._full = False
        self._at_once = SENT  # halved when that is too much for the time a statement has
        self._reason = "not yet tried"
        self._counts = {"spooled": 0, "sent": 0, "sent_conflicts": 0, "losses": 0}

    async def add(self, events: Sequence[Event]) -> Added:
        await self._begun()
        return await self._line.add(events)

    async def of_user(self, user: str, limit: int) -> Recent:
        if limit <= 0 or not possible(user):
            return Recent(())
        await self._begun()
        here = self._spool.of_person(user)  # before the database is asked: they move there
        deleted = user in self._spool.forgotten
        degraded: tuple[str, ...] = ()
        stored: list[Event] = []
        if self._state == "gone":
            degraded = (GONE_READ,)
        elif not deleted:
            try:
                stored = await self._link.run(partial(tables.latest, user=user, limit=limit))
            except GoneError as gone:
                self._lost(gone)
                degraded = (GONE_READ,)
        if not here:
            return Recent(tuple(stored), degraded)
        there = {event.id for event in stored}
        both = stored + [event for event in here if event.id not in there]
        return Recent(tuple(sorted(both, key=lambda event: event.at)[-limit:]), degraded)

    async def forget(self, user: str) -> Forgotten:
        if not possible(user):
            return Forgotten(0)
        await self._begun()
        return await self._line.alone(partial(self._forget, user))

    async def expire(self, older_than: int) -> int:
        total = 0
        while count := await self._ask(partial(tables.expire, older_than=older_than)):
            total += count
        await self._ask(partial(tables.expire_forgotten, older_than=older_than))
        return total

    async def export(self, since: int = 0) -> AsyncIterator[list[Event]]:
        place = (since, -1, -1)
        while rows := await self._ask(partial(tables.page, place=place)):
            last = rows[-1]
            place = (last[5], last[7], last[8])
            yield [Event(*row[:7]) for row in rows]

    async def ready(self) -> bool:
        """True without the database too, as long as the spool takes events."""
        await self._begun()
        return self._state == "up" or self._spool.usable

    async def close(self) -> None:
        await self._line.close()
        self._closing.set()
        if self._mending is not None:
            await self._mending
        await self._link.close()
        self._spool.close()

    def facts(self) -> dict[str, Any]:
        counts = {outcome.value: count for outcome, count in self._line.counts.items()}
        spool = self._spool
        return {
            "database": "postgres",
            "state": self._state,
            "reason": "" if self._state == "up" else self._reason,
            **counts,
            **self._counts,
            "groups": self._line.groups,
            "waiting": self._line.waiting,
            "spool_events": len(spool.arrivals),
            "spool_deletions": len(spool.forgotten),
            "spool_bytes": spool.size,
            "spool_unreadable": spool.unreadable,
        }

    async def _ask(self, work: Any) -> Any:
        """What only the database can do."""
        await self._begun()
        if self._state == "gone":
            raise unavailable("the feedback database does not answer")
        try:
            return await self._link.run(work)
        except GoneError as gone:
            self._lost(gone)
            raise unavailable("the feedback database does not answer") from None

    async def _write(self, arrivals: Sequence[Arrival]) -> Written:
        async with self._order:
            if self._state == "up":
                try:
                    return Written(await self._link.run(partial(tables.insert, arrivals=arrivals)))
                except GoneError as gone:
                    self._lost(gone)
            degraded = GONE_WRITE if self._state == "gone" else SENDING
            return Written(await self._keep(arrivals), (degraded,))

    async def _keep(self, arrivals: Sequence[Arrival]) -> list[Outcome]:
        """Into the spool; one that does not fit is refused, with all that follow."""
        spool = self._spool
        before = {
            key: spool.arrivals[key].event.content
            for arrival in arrivals
            if (key := arrival.event.key) in spool.arrivals
        }
        new = {a.event.key: a for a in reversed(arrivals) if a.event.key not in before}
        fitting, lines = spool.fitting(sorted(new.values(), key=lambda arrival: arrival.received))
        problem = "" if len(fitting) == len(new) else "it is full"
        try:
            if lines:
                await asyncio.to_thread(spool.append, lines)
        except SpoolFullError as error:
            fitting, problem = [], str(error)
        if problem and not self._full:
            log.error("the feedback spool takes no more events: %s", problem)
        self._full = bool(problem)
        spool.hold(fitting)
        fresh = {arrival.event.key for arrival in fitting}
        outcomes = judge(arrivals, fresh, before)
        for place, arrival in enumerate(arrivals):
            if arrival.event.key not in fresh and arrival.event.key not in before:
                outcomes[place] = Outcome.REFUSED
        self._counts["spooled"] += len(fitting)
        return outcomes

    async def _forget(self, user: str) -> Forgotten:
        async with self._order:
            deletion = (user, self._line.now())
            if self._state == "up":
                try:
                    return Forgotten(await self._delete([deletion]))
                except GoneError as gone:
                    self._lost(gone)
            said = GONE_FORGET if self._state == "gone" else SENDING_FORGET
            return Forgotten(await self._note(deletion), (said,))

    async def _delete(self, deletions: list[tuple[str, int]]) -> int:
        total, count = 0, tables.BATCH
        while count == tables.BATCH:
            count = await self._link.run(partial(tables.forget, deletions=deletions))
            total += count
        return total

    async def _note(self, deletion: tuple[str, int]) -> int:
        """The deletion is in force here at once, and taken back if it cannot be recorded."""
        user, received = deletion
        spool, earlier = self._spool, self._spool.forgotten.get(user)
        taken = spool.take(user)
        spool.forgotten[user] = received
        try:
            await asyncio.to_thread(spool.write_deletion, user, rewrite=bool(taken))
        except SpoolFullError as error:
            spool.hold(taken)
            if earlier is None:
                del spool.forgotten[user]
            else:
                spool.forgotten[user] = earlier
            log.error("the feedback spool takes no deletion: %s", error)
            raise unavailable("the deletion cannot be recorded at the moment") from None
        return len(taken)

    async def _begun(self) -> None:
        """The first caller of all waits for the first attempt to connect."""
        if self._tried.is_set():
            return
        if self._mending is None:
            self._mending = asyncio.create_task(self._mend())
        try:
            async with asyncio.timeout(CONNECT * 1.5):
                await self._tried.wait()
        except TimeoutError:
            self._tried.set()

    def _lost(self, gone: GoneError) -> None:
        self._reason = str(gone)
        if self._state == "up":
            self._counts["losses"] += 1
            log.warning("the feedback database is gone (%s): events wait in the spool", gone)
        self._state = "gone"
        if self._mending is None or self._mending.done():
            self._mending = asyncio.create_task(self._mend())

    async def _mend(self) -> None:
        """Until the database is back and holds what the spool held."""
        pause = FIRST_PAUSE
        while self._state != "up" and not self._closing.is_set():
            try:
                await self._link.run(tables.lay_out, seconds=5.0)
                self._state = "draining"
                await self._drain()
            except Exception as error:  # whatever it was: to give up would be for ever
                known = isinstance(error, GoneError)
                reason = str(error) if known else type(error).__name__
                if not self._tried.is_set() or not known:
                    log.warning("the feedback database is gone (%s)", reason)
                self._state, self._reason = "gone", reason
                self._at_once = max(1, self._at_once // 2)
                self._tried.set()
                await self._pause(pause * random.uniform(0.8, 1.2))  # noqa: S311
                pause = min(LONGEST_PAUSE, pause * 2)
            self._tried.set()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    async def _drain(self) -> None:
        """Send a part at a time; new events queue up between the parts."""
        spool, sent = self._spool, 0
        while not self._closing.is_set():
            async with self._order:
                if deletions := list(spool.forgotten.items())[:SENT]:
                    await self._delete(deletions)
                    for user, _ in deletions:
                        del spool.forgotten[user]
                elif arrivals := spool.first(self._at_once):
                    outcomes = await self._link.run(partial(tables.replay, arrivals=arrivals))
                    spool.release([arrival.event.key for arrival in arrivals])
                    self._at_once = min(SENT, self._at_once * 2)
                    self._counts["sent"] += len(arrivals)
                    self._counts["sent_conflicts"] += outcomes.count(Outcome.CONFLICT)
                    sent += len(arrivals)
                else:
                    await asyncio.to_thread(spool.clear)
                    self._state = "up"
                    break
        if sent:
            log.info("the feedback database is back: %d events of the spool were sent", sent)
