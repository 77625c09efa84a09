"""Recommendations in Postgres, for many replicas.

There is no spool: an answer whose recommendation cannot be kept is given without an id. While the
database is gone nobody waits for it; only the mending task tries it.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from giftrec.kept.kept import Kept, Row, is_id, unavailable, unreadable
from giftrec.kept.reading import read_back
from reccore.serve.feedback.event import possible
from reccore.serve.feedback.link import CONNECT, GoneError, Link, Work

if TYPE_CHECKING:
    from reccore.serve.feedback.link import Connection

T = TypeVar("T")
log = logging.getLogger(__name__)

BATCH = 500  # rows deleted or exported at a time, within the time a statement has
LOCK = 0x6B65_7074  # of the schema, by which replicas take turns
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

EXISTS = "SELECT to_regclass('kept_recommendations')"
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS kept_recommendations (
        id text COLLATE "C" PRIMARY KEY, person text COLLATE "C",
        at bigint NOT NULL, body text NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS kept_of_person ON kept_recommendations (person)",
    "CREATE INDEX IF NOT EXISTS kept_in_time ON kept_recommendations (at, id)",
)
SAVE = """INSERT INTO kept_recommendations (id, person, at, body) VALUES (%s, %s, %s, %s)
    ON CONFLICT (id) DO NOTHING"""
GET = "SELECT id, person, at, body FROM kept_recommendations WHERE id = %s"
FORGET = """DELETE FROM kept_recommendations WHERE id IN
    (SELECT id FROM kept_recommendations WHERE person = %s LIMIT %s)"""
EXPIRE = """DELETE FROM kept_recommendations WHERE id IN
    (SELECT id FROM kept_recommendations WHERE at < %s ORDER BY at, id LIMIT %s)"""
PAGE = """SELECT id, person, at, body FROM kept_recommendations
    WHERE (at, id) > (%s, %s) ORDER BY at, id LIMIT %s"""


class PostgresKept:
    """One process's way to the table that all replicas share."""

    def __init__(self, url: str) -> None:
        self._link = Link(url, "recommendations")
        self._up = False
        self._mending: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._closing = asyncio.Event()
        self._reason = "not yet tried"
        self._counts = {"saved": 0, "refused": 0, "unreadable": 0, "losses": 0}

    async def save(self, kept: Kept) -> None:
        await self._ask(partial(_changed, statement=SAVE, values=kept.row))
        self._counts["saved"] += 1

    async def get(self, id: str) -> Kept | None:
        if not is_id(id):
            return None
        rows = await self._ask(partial(_rows, statement=GET, values=(id,)))
        if not rows:
            return None
        try:
            return Kept.of_row(rows[0])
        except ValueError:
            self._counts["unreadable"] += 1
            raise unreadable() from None

    async def forget(self, user: str) -> int:
        return await self._delete(FORGET, user) if possible(user) else 0

    async def expire(self, older_than: int) -> int:
        return await self._delete(EXPIRE, older_than)

    async def export(self, since: int = 0) -> AsyncIterator[list[Kept]]:
        place: tuple[int, str] = (since, "")
        while rows := await self._ask(partial(_rows, statement=PAGE, values=(*place, BATCH))):
            place = (rows[-1][2], rows[-1][0])
            yield read_back(rows, self._counts)

    async def ready(self) -> bool:
        """Asks the database: one that went away in silence is found out here."""
        try:
            await self._ask(partial(_rows, statement=GET, values=("",)))
        except Exception:
            return False
        return True

    async def close(self) -> None:
        self._closing.set()
        if self._mending is not None:
            await self._mending
        await self._link.close()

    def facts(self) -> dict[str, Any]:
        state = "up" if self._up else "gone"
        reason = "" if self._up else self._reason
        return {"database": "postgres", "state": state, "reason": reason, **self._counts}

    async def _delete(self, statement: str, what: str | int) -> int:
        total, values = 0, (what, BATCH)
        while count := await self._ask(partial(_changed, statement=statement, values=values)):
            total += count
        return total

    async def _ask(self, work: "Work[T]") -> T:
        if self._closing.is_set():
            raise unavailable("the server is stopping")
        await self._begun()
        if self._up:
            try:
                return await self._link.run(work)
            except GoneError as gone:
                self._lost(gone)
        self._counts["refused"] += 1
        raise unavailable("the database of recommendations does not answer")

    async def _begun(self) -> None:
        """The first caller of all waits for the first attempt to connect."""
        if self._tried.is_set():
            return
        if self._mending is None:
            self._mending = asyncio.create_task(self._mend())
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT * 1.5):
                await self._tried.wait()
        self._tried.set()

    def _lost(self, gone: GoneError) -> None:
        self._reason = str(gone)
        if self._up:
            self._counts["losses"] += 1
            log.warning("the database of recommendations is gone (%s)", gone)
        self._up = False
        if self._mending is None or self._mending.done():
            self._mending = asyncio.create_task(self._mend())

    async def _mend(self) -> None:
        """Until the database is back."""
        pause = FIRST_PAUSE
        while not self._up and not self._closing.is_set():
            try:
                await self._link.run(_lay_out, seconds=5.0)
                self._up = True
            except Exception as error:  # whatever it was: to give up would be for ever
                self._reason = str(error) if isinstance(error, GoneError) else type(error).__name__
                if not self._tried.is_set():
                    log.warning("the database of recommendations is gone (%s)", self._reason)
                self._tried.set()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause * random.uniform(0.8, 1.2)):  # noqa: S311
                        await self._closing.wait()
                pause = min(LONGEST_PAUSE, pause * 2)
        self._tried.set()


async def _lay_out(connection: "Connection") -> None:
    """Create what is missing; replicas that start together take turns."""
    found = await (await connection.execute(EXISTS)).fetchone()
    if found and found[0]:
        return
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = '5s'")
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        for statement in SCHEMA:
            await connection.execute(statement)


async def _rows(connection: "Connection", statement: str, values: tuple[Any, ...]) -> list[Row]:
    found = await (await connection.execute(statement.encode(), values)).fetchall()
    return [(row[0], row[1], row[2], row[3]) for row in found]


async def _changed(connection: "Connection", statement: str, values: tuple[Any, ...]) -> int:
    return (await connection.execute(statement.encode(), values)).rowcount
