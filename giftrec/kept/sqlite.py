"""Recommendations in a SQLite file: the default, for one machine; several processes may share it.

An answer waits for its id, so a write must not wait for the disk: with `synchronous=NORMAL` a kept
recommendation survives the death of the process; a loss of power may take the last seconds'.
"""

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from giftrec.kept.kept import Kept, Row, is_id, unavailable, unreadable
from giftrec.kept.reading import read_back
from reccore.serve.feedback.event import possible
from reccore.serve.sqlite_file import Layout, changed, connect, empty_log, prepare

T = TypeVar("T")
log = logging.getLogger(__name__)

PATIENCE = 0.5  # seconds for another process's write
WAIT = 1.0  # seconds an answer waits for its turn and its write
WAITING = 500  # calls in line before the next are refused
BATCH = 500  # rows deleted or exported at a time: others' turns come between

SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (
    id TEXT PRIMARY KEY, person TEXT, at INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_of_person ON kept (person);
CREATE INDEX IF NOT EXISTS kept_in_time ON kept (at, id);
"""
LAYOUT = Layout("recommendations", version=10_001, schema=SCHEMA)  # no feedback file has this one
SAVE = "INSERT OR IGNORE INTO kept (id, person, at, body) VALUES (?, ?, ?, ?)"
GET = "SELECT id, person, at, body FROM kept WHERE id = ?"
FORGET = "DELETE FROM kept WHERE person = ?"
EXPIRE = """DELETE FROM kept WHERE id IN
    (SELECT id FROM kept WHERE at < ? ORDER BY at, id LIMIT ?)"""
PAGE = """SELECT id, person, at, body FROM kept
    WHERE (at, id) > (?, ?) ORDER BY at, id LIMIT ?"""


class SqliteKept:
    """One thread writes, another reads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        prepare(path, LAYOUT)
        self._writer = connect(path, PATIENCE, durable=False)
        self._reader = connect(path, PATIENCE, reads=True)
        self._writing = ThreadPoolExecutor(1, "kept-write")
        self._reading = ThreadPoolExecutor(1, "kept-read")
        self._waiting = 0
        self._closed = False
        self._counts = {"saved": 0, "refused": 0, "unreadable": 0}

    async def save(self, kept: Kept) -> None:
        row = kept.row
        await self._soon(self._writing, lambda: changed(self._writer, SAVE, row))
        self._counts["saved"] += 1

    async def get(self, id: str) -> Kept | None:
        if not is_id(id):
            return None
        row = await self._soon(self._reading, lambda: self._reader.execute(GET, (id,)).fetchone())
        if row is None:
            return None
        try:
            return Kept.of_row(row)
        except ValueError:
            self._counts["unreadable"] += 1
            raise unreadable() from None

    async def forget(self, user: str) -> int:
        if not possible(user):
            return 0

        def forget() -> int:
            count = changed(self._writer, FORGET, (user,))
            empty_log(self._writer, PATIENCE)
            return count

        return await self._in(self._writing, forget)

    async def expire(self, older_than: int) -> int:
        values = (older_than, BATCH)
        total = 0
        while count := await self._in(self._writing, lambda: changed(self._writer, EXPIRE, values)):
            total += count
        return total

    async def export(self, since: int = 0) -> AsyncIterator[list[Kept]]:
        place = (since, "")
        while rows := await self._in(self._reading, partial(self._page, place)):
            place = (rows[-1][2], rows[-1][0])
            yield read_back(rows, self._counts)

    async def ready(self) -> bool:
        try:
            await self._soon(self._reading, lambda: self._reader.execute(GET, ("",)).fetchone())
        except Exception:
            return False
        return os.access(self._path, os.W_OK)

    async def close(self) -> None:
        self._closed = True
        for pool in (self._writing, self._reading):
            await asyncio.to_thread(pool.shutdown)
        for connection in (self._reader, self._writer):
            connection.close()

    def facts(self) -> dict[str, Any]:
        return {"database": "sqlite", "state": "up", "waiting": self._waiting, **self._counts}

    async def _soon(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        """What an answer waits for: refused rather than late."""
        if self._waiting >= WAITING:
            self._counts["refused"] += 1
            raise unavailable("more recommendations wait to be kept than fit", retry_after=1)
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT):
                return await self._in(pool, work)
        except TimeoutError:
            self._counts["refused"] += 1
            raise unavailable("the file of recommendations is busy", retry_after=1) from None
        finally:
            self._waiting -= 1

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        if self._closed:
            raise unavailable("the server is stopping")
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work)
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "closed")
            log.error("the file of recommendations failed: %s", name)
            self._counts["refused"] += 1
            raise unavailable("recommendations cannot be kept at the moment") from None

    def _page(self, place: tuple[int, str]) -> list[Row]:
        return self._reader.execute(PAGE, (*place, BATCH)).fetchall()
