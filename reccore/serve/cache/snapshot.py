"""Precomputed lists in a DuckDB file: written once, whole, then only read.

A lookup in DuckDB takes about a third of a millisecond, as it plans a query each time, so the keys
are loaded at the start (100,000 in about 0.15 s and 15 MB): who has no list learns it from a
dictionary, and only a hit goes to the file, in a thread. A new file put in the place of the old
is noticed within a second. Deletions are tombstones beside the file, which all replicas must see:
they share its folder, or use Postgres.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from reccore.errors import UserError, need
from reccore.files import write_atomic
from reccore.serve.cache.ear import Hearing
from reccore.serve.cache.key import NOBODY, Key
from reccore.serve.cache.level import Got
from reccore.serve.cache.lists import SILENT, Bundle, Row
from reccore.serve.cache.owed import EVERYONE, Owed
from reccore.serve.cache.tombstones import Tombstones

log = logging.getLogger(__name__)

_LAYOUT = 1
_PLAIN = {
    "threads": 1,
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_REST_S = 1.0


def begin_snapshot(path: Path) -> int:
    """Call before reading the data lists are made of; hand the number to `write_snapshot`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Tombstones(path).locked():
        return Tombstones(path).last()


def write_snapshot(path: Path, bundle: Bundle, rows: Iterable[Row], begun: int) -> int:
    """Write all lists of one bundle in place of what was there; says how many."""
    import polars as pl  # the job's, not the server's

    duckdb = need("duckdb", "duckdb")
    tombstones = Tombstones(path)
    tombstones.check(begun)
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0

    def fill(temporary: Path) -> None:
        nonlocal count
        part = temporary.with_name(temporary.name + ".part")
        with contextlib.closing(duckdb.connect(str(temporary), config=_PLAIN)) as db:
            db.execute("create table facts (layout int, product text, name text, version text,"
                       " generation bigint, begun bigint)")  # fmt: skip
            db.execute("insert into facts values (?, ?, ?, ?, ?, ?)", [
                _LAYOUT, bundle.product, bundle.name, bundle.version, bundle.generation, begun
            ])  # fmt: skip
            db.execute("create table lists (wanted blob, value blob)")
            source = (row for row in rows if tombstones.number(row.person) <= begun)
            try:
                while chunk := list(islice(source, 10_000)):
                    wanted = [_wanted(row.experiment, row.person, row.asked) for row in chunk]
                    frame = pl.DataFrame({"wanted": wanted, "value": [r.value for r in chunk]})
                    frame.write_parquet(part, compression="uncompressed")
                    db.execute("insert into lists select * from read_parquet(?)", [str(part)])
                    count += len(chunk)
            finally:
                part.unlink(missing_ok=True)
            twice = db.execute("select count(*) - count(distinct wanted) from lists").fetchone()
            if twice[0]:
                raise UserError(f"{twice[0]} lists are given twice", "one list a user and request")

    full = path.with_name(f".{path.name}.{os.getpid()}.full")
    try:
        write_atomic(full, fill)
        with tombstones.locked():  # only now: servers wait for the lock when they forget a user
            tombstones.check(begun)
            full.replace(path)
            tombstones.drop(begun)
    finally:
        full.unlink(missing_ok=True)
    return count


@dataclass(frozen=True)
class _Opened:
    """One file's lists; they change together or not at all."""

    db: Any
    bundle: Bundle
    rows: dict[bytes, int]
    begun: int
    seen: tuple[int, int]


class Snapshot:
    name = "lists"

    def __init__(self, path: Path, expected: Bundle | None = None) -> None:
        """With `expected`, a file of another bundle is refused; else its lists are never found."""
        self._duckdb = need("duckdb", "duckdb")
        self.path, self.expected = path, expected
        self._tombstones = Tombstones(path)  # touched in the thread alone
        self._owed = Owed()
        self._opened: _Opened | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cache-lists")
        self._watcher: asyncio.Task[None] | None = None
        self._failing = False
        self.hits = self.misses = self.errors = self.outdated = 0

    async def open(self, hearing: Hearing) -> None:
        await self._run(self._load)
        if not os.access(self.path.parent, os.W_OK):
            raise UserError(
                f"{self.path.parent} cannot be written: who asks to be forgotten could not be",
                "let the server write beside the lists, or use Postgres",
            )
        bundle = self._opened.bundle if self._opened else None
        if self.expected is not None and bundle != self.expected:
            raise UserError(
                f"{self.path} holds lists of {bundle}, not of {self.expected}",
                "write the lists of the bundle that is served",
            )
        self._watcher = asyncio.create_task(self._watch(), name="cache-lists")

    async def close(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        opened, self._opened = self._opened, None
        if opened is not None:
            await self._run(opened.db.close)
        self._thread.shutdown()

    async def get(self, key: Key) -> Got:
        opened, person = self._opened, key.person
        if opened is None or self._failing or self._owed.has(person):
            return Got(said=SILENT)
        at = opened.rows.get(_wanted(key.experiment, person, key.asked))
        if at is None or opened.bundle != Bundle.of(key):
            self.misses += 1
            return Got()
        try:
            value = await self._run(self._fetch, opened, at, person)
        except Exception as error:  # duckdb's, the disk's, a damaged file's
            self._failed(error)
            return Got(said=SILENT)
        if value is None or self._owed.has(person):
            self.outdated += 1
            return Got()
        self.hits += 1
        return Got(value)

    async def put(self, key: Key, value: bytes, stamp: object) -> None:
        """Servers do not write lists."""

    async def forget(self, person: str) -> str:
        if person == NOBODY:
            return ""
        number = self._owed.add(person)
        try:
            await self._run(self._tombstones.add, person)
        except (OSError, UserError) as error:
            self.errors += 1
            log.warning("a forgotten user could not be written: %s", type(error).__name__)
            return SILENT
        self._owed.paid(person, number)
        return ""

    def _fetch(self, opened: _Opened, at: int, person: str) -> bytes | None:
        if person != NOBODY:
            forgotten = max(self._tombstones.number(who) for who in (person, EVERYONE))
            if forgotten > opened.begun:
                return None
        row = opened.db.execute("select value from lists.lists where rowid = ?", [at]).fetchone()
        return None if row is None else bytes(row[0])

    def _load(self) -> None:
        """Open what is at the path now, unless it is what was opened last."""
        try:
            stat = self.path.stat()
        except OSError:
            raise UserError(
                f"no lists at {self.path}", "write them, or leave `lists` out"
            ) from None
        seen = (stat.st_ino, stat.st_mtime_ns)
        if self._opened is not None and seen == self._opened.seen:
            return
        db = self._duckdb.connect(":memory:", config=_PLAIN)  # by path, it would share instances
        try:
            quoted = str(self.path).replace("'", "''")
            db.execute(f"attach '{quoted}' as lists (read_only)")
            layout, *of, begun = db.execute("select * from lists.facts").fetchone()
            if layout != _LAYOUT:
                raise UserError(f"{self.path} has layout {layout}, not {_LAYOUT}", "write it anew")
            rows = dict(db.execute("select wanted, rowid from lists.lists").fetchall())
            self._tombstones.last()
        except self._duckdb.Error as error:
            db.close()
            detail = " ".join(str(error).split())[:200]
            raise UserError(f"{self.path} is no lists file: {detail}", "write it anew") from None
        self._opened = _Opened(db, Bundle(*of), rows, begun, seen)
        log.info("precomputed lists of %s: %d", self._opened.bundle, len(rows))

    async def _watch(self) -> None:
        """Take up a new file, and write tombstones that could not be written."""
        while True:
            await asyncio.sleep(_REST_S)
            try:
                await self._run(self._load)
                self._failing = False
            except Exception as error:
                self._failed(error)
            for person, _ in self._owed.some():
                if await self.forget(person):
                    break

    async def _run(self, call: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    def _failed(self, error: Exception) -> None:
        self.errors += 1
        if not self._failing:
            self._failing = True
            log.warning("precomputed lists do not answer: %s", error)

    def facts(self) -> dict[str, Any]:
        return {
            "hits": self.hits,
            "misses": self.misses,
            "outdated": self.outdated,
            "errors": self.errors,
            "entries": len(self._opened.rows) if self._opened else 0,
            "bundle": str(self._opened.bundle) if self._opened else "",
            "owed": len(self._owed),
            "breaker": "open" if self._failing else "closed",
        }


def _wanted(experiment: str, person: str, asked: str) -> bytes:
    return blake2b(f"{person}:{asked}:{experiment}".encode(), digest_size=16).digest()
