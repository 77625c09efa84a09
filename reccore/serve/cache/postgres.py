"""Precomputed lists in Postgres, for replicas on any machine.

Deletions and lists are ordered by a sequence of the database: a list begun at or before the moment
its user was forgotten is not answered, even when the job that made it commits long after. Servers
read, and forget; a job writes (`write_table`), in one transaction.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from reccore.errors import UserError, need
from reccore.serve.cache.breaker import Breaker
from reccore.serve.cache.ear import Hearing
from reccore.serve.cache.key import NOBODY, Key
from reccore.serve.cache.level import Got
from reccore.serve.cache.lists import SILENT, Bundle, Row
from reccore.serve.cache.owed import EVERYONE, Owed

log = logging.getLogger(__name__)

# `person` "" in giftrec_forgotten holds the moment up to which the others were dropped.
_TABLES = """
create sequence if not exists giftrec_moment;
create table if not exists giftrec_lists (
    person text, request text, product text, name text, version text, generation bigint,
    experiment text, begun bigint not null, made_at timestamptz not null default now(),
    value bytea not null,
    primary key (person, request, product, name, version, generation, experiment)
);
create table if not exists giftrec_forgotten (person text primary key, moment bigint not null);
"""
_GET = """
select value from giftrec_lists l
where person = %s and request = %s and product = %s and name = %s and version = %s
  and generation = %s and experiment = %s
  and not exists (select from giftrec_forgotten f where f.person = l.person and f.moment >= l.begun)
"""
_FORGET = """
with gone as (delete from giftrec_lists where person = any(%(people)s))
insert into giftrec_forgotten select person, nextval('giftrec_moment')
from unnest(%(people)s::text[]) as person
on conflict (person) do update set moment = excluded.moment
"""
_FORGET_EVERYONE = """
with gone as (delete from giftrec_lists where person <> %(nobody)s)
insert into giftrec_forgotten values ('', nextval('giftrec_moment'))
on conflict (person) do update set moment = excluded.moment
"""
_PUT = """
insert into giftrec_lists
    (person, request, product, name, version, generation, experiment, begun, value)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (person, request, product, name, version, generation, experiment)
do update set begun = excluded.begun, value = excluded.value, made_at = now()
where giftrec_lists.begun <= excluded.begun
"""


def begin_table(url: str) -> int:
    """Call before reading the data lists are made of; hand the number to `write_table`."""
    with _connected(url) as db:
        db.execute(_TABLES)
        (begun,) = db.execute("select nextval('giftrec_moment')").fetchone()
    return int(begun)


def write_table(url: str, bundle: Bundle, rows: Iterable[Row], begun: int) -> int:
    """Put all lists of a bundle at once; says how many. Those of other bundles stay."""
    of = (bundle.product, bundle.name, bundle.version, bundle.generation)
    values = ((row.person, row.asked, *of, row.experiment, begun, row.value) for row in rows)
    with _connected(url) as db:
        _check(db, begun)
        with db.cursor() as cursor:
            cursor.executemany(_PUT, values)
            count = cursor.rowcount
        gone = db.execute(
            "delete from giftrec_lists l using giftrec_forgotten f"
            " where f.person = l.person and f.moment >= l.begun"
        ).rowcount
    return int(count - gone)


def drop_other_versions(url: str, bundle: Bundle, begun: int) -> int:
    """Drop a product's lists of all other bundles of that name, and needless tombstones."""
    of = (bundle.product, bundle.name, bundle.version, bundle.generation)
    with _connected(url) as db:
        _check(db, begun)
        gone = db.execute(
            "delete from giftrec_lists where product = %s and name = %s"
            " and (version, generation) <> (%s, %s)",
            of,
        ).rowcount
        (needed,) = db.execute(
            "select least(min(begun), %s) from giftrec_lists", (begun,)
        ).fetchone()
        db.execute("delete from giftrec_forgotten where moment < %s and person <> ''", (needed,))
        db.execute(
            "insert into giftrec_forgotten values ('', %s) on conflict (person)"
            " do update set moment = greatest(giftrec_forgotten.moment, excluded.moment)",
            (needed,),
        )
    return int(gone)


@contextmanager
def _connected(url: str) -> Iterator[Any]:
    """A transaction; an unreachable server is the user's to mend, and no message has a password."""
    psycopg = need("psycopg", "postgres")
    try:
        connection = psycopg.connect(url)
    except psycopg.Error as error:
        raise UserError(
            f"the lists' Postgres does not answer: {type(error).__name__}",
            "check the address, and that the server runs",
        ) from None
    with connection as db:
        yield db


def _check(db: Any, begun: int) -> None:
    db.execute("select pg_advisory_xact_lock(hashtext('giftrec_lists'))")  # one job at a time
    dropped = db.execute("select moment from giftrec_forgotten where person = ''").fetchone()
    if dropped is not None and begun < dropped[0]:
        raise UserError(
            f"lists begun at {begun}, but who was forgotten before {dropped[0]} is no longer known",
            "begin again and compute the lists anew",
        )


class Postgres:
    name = "lists"

    def __init__(
        self,
        url: str,
        timeout_s: float = 0.05,
        connect_timeout_s: float = 0.25,
        connections: int = 4,
        breaker: Breaker | None = None,
    ) -> None:
        self._psycopg = need("psycopg", "postgres")
        try:
            self._psycopg.conninfo.conninfo_to_dict(url)
        except self._psycopg.Error:  # the message would quote a password
            raise UserError(
                "lists is no Postgres address", "postgresql://user:password@host:port/database"
            ) from None
        self._url, self._timeout_s, self._connect_timeout_s = url, timeout_s, connect_timeout_s
        self.breaker = breaker or Breaker()
        self._idle: list[Any] = []
        self._room = asyncio.Semaphore(connections)
        self._running: set[asyncio.Task[Any]] = set()
        self._owed = Owed()
        self._payer: asyncio.Task[None] | None = None
        self._closed = False
        self.hits = self.misses = self.errors = 0

    async def open(self, hearing: Hearing) -> None:
        self._payer = asyncio.create_task(self._pay_forever(), name="cache-lists-debts")

    async def close(self) -> None:
        self._closed = True
        tasks = [*self._running, *([self._payer] if self._payer else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()

    async def get(self, key: Key) -> Got:
        person = key.person
        if self._owed.has(person) or not self.breaker.allows():
            return Got(said=SILENT)
        of = (key.product, key.name, key.version, key.generation)
        try:
            rows = await self._ask(_GET, (person, key.asked, *of, key.experiment))
        except (self._psycopg.Error, TimeoutError, OSError) as error:
            self._failed(error)
            return Got(said=SILENT)
        self.breaker.succeeded()
        if not rows or self._owed.has(person):
            self.misses += 1
            return Got()
        self.hits += 1
        return Got(bytes(rows[0][0]))

    async def put(self, key: Key, value: bytes, stamp: object) -> None:
        """Servers do not write lists."""

    async def forget(self, person: str) -> str:
        if person == NOBODY:
            return ""
        number = self._owed.add(person)
        if self.breaker.allows():
            await self._tell([(person, number)])
        return SILENT if self._owed.has(person) else ""

    async def _tell(self, debts: Sequence[tuple[str, int]]) -> bool:
        people = [person for person, _ in debts]
        try:
            if people == [EVERYONE]:
                await self._ask(_FORGET_EVERYONE, {"nobody": NOBODY})
            else:
                await self._ask(_FORGET, {"people": people})
        except (self._psycopg.Error, TimeoutError, OSError) as error:
            self._failed(error)
            return False
        self.breaker.succeeded()
        for person, number in debts:
            self._owed.paid(person, number)
        return True

    async def _pay_forever(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            debts = self._owed.some()
            if debts and self.breaker.allows():
                await self._tell(debts)

    async def _ask(self, query: str, values: Any) -> list[Any]:
        """Psycopg may take seconds to cancel, so a query that is late is left behind to die."""
        task = asyncio.create_task(self._query(query, values))
        self._running.add(task)
        task.add_done_callback(self._finished)
        try:
            done, _ = await asyncio.wait({task}, timeout=self._timeout_s + self._connect_timeout_s)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            raise TimeoutError
        return task.result()

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen: whoever waited has been told, or has gone

    async def _query(self, query: str, values: Any) -> list[Any]:
        async with self._room:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                async with asyncio.timeout(self._timeout_s):
                    cursor = await connection.execute(query, values)
                    rows = await cursor.fetchall() if cursor.description else []
            except BaseException:
                with suppress(Exception):
                    await connection.close()
                self._hang_up()
                raise
            if self._closed:
                await connection.close()
            else:
                self._idle.append(connection)
            return rows

    async def _connect(self) -> Any:
        return await self._psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            prepare_threshold=1,
            connect_timeout=2,
            options=f"-c statement_timeout={max(1, round(self._timeout_s * 1000))}",
        )

    def _hang_up(self) -> None:
        """What one connection lost, the others lost too."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.pgconn.finish()

    def _failed(self, error: Exception) -> None:
        self.errors += 1
        self.breaker.failed()
        if self.breaker.state == "open":
            log.warning("precomputed lists are left alone: %s", type(error).__name__)

    def facts(self) -> dict[str, Any]:
        return {
            "hits": self.hits,
            "misses": self.misses,
            "errors": self.errors,
            "owed": len(self._owed),
            "breaker": self.breaker.state,
            "opened": self.breaker.opened,
        }
