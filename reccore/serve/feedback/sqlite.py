"""Events in a SQLite file: the default, for one machine; several processes may share it.

"Stored" means on the disk: WAL with `synchronous=FULL`, one fsync for a group of writes, so an
answered event survives kill -9 and loss of power. (NORMAL survives the kill alone, and is hardly
faster once writes are grouped.) Deleted rows are overwritten with zeros.

sqlite3 gives the interpreter lock up at every step, and gets it back when the event loop lets go.
A group is therefore inserted by few many-row statements, and compared with what was there only
when a row of it was not new.
"""

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from reccore.serve.feedback.event import (
    Added,
    Arrival,
    Content,
    Event,
    Forgotten,
    Key,
    Recent,
    possible,
    unavailable,
)
from reccore.serve.feedback.line import Line
from reccore.serve.feedback.outcome import Written, first_of_each, judge
from reccore.serve.sqlite_file import Layout, changed, connect, empty_log, prepare, transaction

T = TypeVar("T")
log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds for another process's write
INLINE = 100  # rows read on the event loop, in 0.2 ms; more would keep others waiting
BATCH = 2000  # rows deleted or exported at a time: others' turns come between

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, person TEXT NOT NULL, id TEXT NOT NULL, item TEXT NOT NULL,
    kind TEXT NOT NULL, value REAL, at INTEGER NOT NULL, recommendation TEXT,
    received INTEGER NOT NULL, UNIQUE (person, id));
CREATE INDEX IF NOT EXISTS events_of_person ON events (person, at, received);
CREATE INDEX IF NOT EXISTS events_in_time ON events (at, received);
"""
LAYOUT = Layout("feedback", version=1, schema=SCHEMA)
COLUMNS = "id, person, item, kind, value, at, recommendation"  # as in Event
INSERT = f"INSERT OR IGNORE INTO events ({COLUMNS}, received) VALUES "  # noqa: S608
LATEST = f"""SELECT {COLUMNS} FROM events WHERE person = ?
    ORDER BY at DESC, received DESC LIMIT ?"""  # noqa: S608
BEFORE = "SELECT item, kind, value, recommendation FROM events WHERE person = ? AND id = ?"
EXPIRE = """DELETE FROM events WHERE seq IN
    (SELECT seq FROM events WHERE at < ? ORDER BY at LIMIT ?)"""
PAGE = f"""SELECT {COLUMNS}, received, seq FROM events
    WHERE (at, received, seq) > (?, ?, ?) ORDER BY at, received, seq LIMIT ?"""  # noqa: S608


class SqliteStore:
    """One thread writes, one reads what takes long; a person's few events are read at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        prepare(path, LAYOUT)
        self._writer = connect(path, PATIENCE)
        self._reader = connect(path, 0, reads=True)  # the event loop waits for nobody
        self._patient = connect(path, PATIENCE, reads=True)
        self._writing = ThreadPoolExecutor(1, "feedback-write")
        self._reading = ThreadPoolExecutor(1, "feedback-read")
        self._line = Line(self._write)

    async def add(self, events: Sequence[Event]) -> Added:
        return await self._line.add(events)

    async def of_user(self, user: str, limit: int) -> Recent:
        if limit <= 0 or not possible(user):
            return Recent(())
        if limit <= INLINE:
            try:
                return _recent(self._reader, user, limit)
            except sqlite3.OperationalError:  # locked: another process recovers the file, say
                pass
        return await self._in(self._reading, lambda: _recent(self._patient, user, limit))

    async def forget(self, user: str) -> Forgotten:
        if not possible(user):
            return Forgotten(0)

        def forget() -> int:
            count = changed(self._writer, "DELETE FROM events WHERE person = ?", (user,))
            empty_log(self._writer, PATIENCE)
            return count

        return Forgotten(await self._line.alone(lambda: self._in(self._writing, forget)))

    async def expire(self, older_than: int) -> int:
        def expire() -> int:
            return changed(self._writer, EXPIRE, (older_than, BATCH))

        total = 0
        while count := await self._line.alone(lambda: self._in(self._writing, expire)):
            total += count
        return total

    async def export(self, since: int = 0) -> AsyncIterator[list[Event]]:
        place = (since, -1, -1)
        while True:
            rows = await self._in(self._reading, partial(self._page, place))
            if not rows:
                return
            last = rows[-1]
            place = (last[5], last[7], last[8])
            yield [Event(*row[:7]) for row in rows]

    async def ready(self) -> bool:
        try:
            await self._in(self._reading, lambda: self._patient.execute("SELECT 1").fetchone())
        except Exception:
            return False
        return os.access(self._path, os.W_OK)

    async def close(self) -> None:
        await self._line.close()
        for pool in (self._writing, self._reading):
            await asyncio.to_thread(pool.shutdown)
        for connection in (self._reader, self._patient, self._writer):
            connection.close()

    def facts(self) -> dict[str, Any]:
        counts = {outcome.value: count for outcome, count in self._line.counts.items()}
        line = {"groups": self._line.groups, "waiting": self._line.waiting}
        return {"database": "sqlite", "state": "up", **counts, **line}

    async def _write(self, arrivals: Sequence[Arrival]) -> Written:
        return await self._in(self._writing, lambda: self._insert(arrivals))

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work)
        except sqlite3.Error as error:
            log.error("the feedback file failed: %s", getattr(error, "sqlite_errorname", "closed"))
            raise unavailable("the feedback file cannot be used at the moment") from None

    def _insert(self, arrivals: Sequence[Arrival]) -> Written:
        first = first_of_each(arrivals)
        with transaction(self._writer) as run:
            if _insert_all(run, list(first.values())) == len(first):
                run.execute("COMMIT")
                return Written(judge(arrivals, first, {}))
            run.execute("ROLLBACK")  # some were there; which, is asked before and not after
        with transaction(self._writer) as run:
            before: dict[Key, Content] = {}
            for key in first:
                if row := run.execute(BEFORE, key).fetchone():
                    before[key] = row
            fresh = {key: arrival for key, arrival in first.items() if key not in before}
            _insert_all(run, list(fresh.values()))
            run.execute("COMMIT")
        return Written(judge(arrivals, fresh, before))

    def _page(self, place: tuple[int, int, int]) -> list[tuple[Any, ...]]:
        return self._patient.execute(PAGE, (*place, BATCH)).fetchall()


def _insert_all(run: sqlite3.Connection, arrivals: Sequence[Arrival]) -> int:
    """How many were new. Powers of two rows a statement, so that few are ever prepared."""
    count = start = 0
    while start < len(arrivals):
        size = min(512, 1 << (len(arrivals) - start).bit_length() - 1)
        values: list[Any] = []
        for event, received in arrivals[start : start + size]:
            values += (event.id, event.user, event.item, event.kind, event.value, event.at)
            values += (event.recommendation, received)
        rows = ",".join(["(?,?,?,?,?,?,?,?)"] * size)
        count += run.execute(INSERT + rows, values).rowcount
        start += size
    return count


def _recent(connection: sqlite3.Connection, user: str, limit: int) -> Recent:
    rows = connection.execute(LATEST, (user, limit)).fetchall()
    return Recent(tuple(Event(*row) for row in reversed(rows)))
