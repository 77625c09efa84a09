import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from itertools import chain
from typing import Any

import pytest

from reccore.errors import UserError
from reccore.serve.cache.breaker import Breaker
from reccore.serve.cache.levels import Cache
from reccore.serve.cache.lists import SILENT, Bundle, Row
from reccore.serve.cache.owed import Owed
from reccore.serve.cache.postgres import (
    Postgres,
    begin_table,
    drop_other_versions,
    write_table,
)

BUNDLE = Bundle("cinesync", "sasrec", "7", 3)
ROWS = [
    Row("ann", b"{}", b"ann's"),
    Row("ann", b"{}", b"ann's in blue", experiment="blue"),
    Row("bob", b"{}", b"bob's"),
    Row("", b"{}", b"anybody's"),
]


@pytest.fixture
def server(postgres: Any) -> Any:
    write_table(postgres.url, BUNDLE, ROWS, begin_table(postgres.url))
    return postgres


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 60))


class opened:  # noqa: N801
    def __init__(self, url: str, **options: Any) -> None:
        plain: dict[str, Any] = {
            "timeout_s": 1.0,
            "connect_timeout_s": 2.0,
            "breaker": Breaker(3, 0.1),
        }
        self.lists = Postgres(url, **(plain | options))
        self.cache = Cache([self.lists])

    async def __aenter__(self) -> Cache:
        await self.cache.open()
        return self.cache

    async def __aexit__(self, *_: object) -> None:
        await self.cache.close()


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def test_every_list_is_found_and_no_other(server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with opened(server.url) as cache:
            for row in ROWS:
                found = await cache.get(key(row.user, row.request, experiment=row.experiment))
                assert (found.value, found.level) == (row.value, "lists")
            for other in (key("cid"), key(request=b"[]"), key(version="8"), key(generation=4)):
                assert (await cache.get(other)).value is None

    run(scenario())


def test_a_forgotten_user_stays_forgotten_until_lists_begun_later(server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with opened(server.url) as cache, opened(server.url) as other:
            begun_before = begin_table(server.url)
            assert await cache.forget_user("ann") == ()
            assert (await other.get(key())).value is None
            assert (await other.get(key(""))).value == b"anybody's"
            assert write_table(server.url, BUNDLE, ROWS, begun_before) == 2
            assert (await other.get(key())).value is None
            assert (await other.get(key("bob"))).value == b"bob's"
            write_table(server.url, BUNDLE, ROWS, begin_table(server.url))
            assert (await other.get(key())).value == b"ann's"

    run(scenario())


def test_a_user_forgotten_while_a_job_writes_stays_forgotten(server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with opened(server.url) as cache:
            begun, loop = begin_table(server.url), asyncio.get_running_loop()

            def rows() -> Iterator[Row]:
                yield from ROWS
                told = asyncio.run_coroutine_threadsafe(cache.forget_user("cid"), loop)
                assert told.result() == ()

            extra = [Row("cid", b"{}", b"cid's")]
            await asyncio.to_thread(write_table, server.url, BUNDLE, chain(extra, rows()), begun)
            assert (await cache.get(key("cid"))).value is None

            def late() -> Iterator[Row]:
                yield Row("dan", b"{}", b"dan's")
                told = asyncio.run_coroutine_threadsafe(cache.forget_user("dan"), loop)
                assert told.result() == ()  # the job's transaction is open, and blocks nobody

            await asyncio.to_thread(
                write_table, server.url, BUNDLE, late(), begin_table(server.url)
            )
            assert (await cache.get(key("dan"))).value is None

    run(scenario())


def test_a_list_committed_after_its_user_was_forgotten_is_not_answered(
    server: Any, key: Any
) -> None:
    """The job's own look at who was forgotten comes before its commit, however shortly."""
    import psycopg

    async def scenario() -> None:
        async with opened(server.url) as cache:
            with psycopg.connect(server.url) as db:
                db.execute("create temp table before as table giftrec_lists")
                await cache.forget_user("ann")
                db.execute("insert into giftrec_lists table before on conflict do nothing")
            with psycopg.connect(server.url) as db:
                assert db.execute("select count(*) from giftrec_lists").fetchone() == (4,)
            assert (await cache.get(key())).value is None
            assert (await cache.get(key("bob"))).value == b"bob's"

    run(scenario())


def test_other_versions_go_and_a_job_of_before_may_not_write(server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with opened(server.url) as cache:
            old = begin_table(server.url)
            await cache.forget_user("ann")
            newer, begun = Bundle("cinesync", "sasrec", "8", 0), begin_table(server.url)
            write_table(server.url, newer, ROWS, begun)
            assert drop_other_versions(server.url, newer, begun) == 2
            assert (await cache.get(key("bob"))).value is None
            assert (await cache.get(key(version="8", generation=0))).value == b"ann's"
            with pytest.raises(UserError, match="begin again"):
                write_table(server.url, BUNDLE, ROWS, old)

    run(scenario())


def test_gone_and_back_is_slower_and_its_debts_are_paid(server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with opened(server.url) as cache, opened(server.url) as other:
            assert (await cache.get(key())).value == b"ann's"
            assert (await other.get(key())).value == b"ann's"
            server.stop()
            for _ in range(10):
                found = await cache.get(key())
                assert (found.value, found.degraded) == (None, (SILENT,))
            assert await cache.forget_user("ann") == (SILENT,)
            server.start()
            found = await cache.get(key())
            assert (found.value, found.degraded) == (None, (SILENT,))  # not believed about ann
            await until(lambda: cache.facts()["levels"]["lists"]["owed"] == 0)
            while (found := await other.get(key("bob"))).degraded:
                await asyncio.sleep(0.02)
            assert found.value == b"bob's"
            assert (await other.get(key())).value is None

    run(scenario())


def test_too_many_debts_forget_everybody(server: Any, key: Any) -> None:
    async def scenario() -> None:
        handle = opened(server.url)
        async with handle as cache:
            old = begin_table(server.url)
            handle.lists._owed = Owed(most=1)
            for person in ("one", "two", "three"):
                handle.lists._owed.add(person)
            await until(lambda: cache.facts()["levels"]["lists"]["owed"] == 0)
            assert (await cache.get(key())).value is None
            assert (await cache.get(key(""))).value == b"anybody's"
            with pytest.raises(UserError, match="begin again"):
                write_table(server.url, BUNDLE, ROWS, old)

    run(scenario())


def test_a_query_that_hangs_is_left_behind_in_time(server: Any, key: Any) -> None:
    import psycopg

    async def scenario() -> None:
        async with opened(server.url, timeout_s=0.2, connect_timeout_s=0.3) as cache:
            await cache.get(key())
            with psycopg.connect(server.url) as db:
                db.execute("lock table giftrec_lists in access exclusive mode")
                started = time.monotonic()
                found = await cache.get(key())
                assert found.degraded == (SILENT,)
                assert time.monotonic() - started < 2
            while (found := await cache.get(key())).degraded:
                await asyncio.sleep(0.02)
            assert found.value == b"ann's"

    run(scenario())


def test_a_cancelled_request_leaves_no_rows_for_the_next(server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with opened(server.url) as cache:
            for turns in range(12):
                task = asyncio.create_task(cache.get(key()))
                await asyncio.sleep(turns * 0.0005)
                task.cancel()
                found = await cache.get(key("bob"))
                assert found.value in (b"bob's", None)
                assert (found.value is None) == bool(found.degraded)

    run(scenario())


def test_an_address_that_is_none_is_refused_without_its_password() -> None:
    with pytest.raises(UserError) as error:
        Postgres("postgresql://ann:secret@host:port:9/%zz")
    assert "secret" not in str(error.value)


def test_a_job_is_told_that_postgres_is_away_without_its_password() -> None:
    with pytest.raises(UserError, match="does not answer") as error:
        begin_table("postgresql://ann:secret@127.0.0.1:1/lists?connect_timeout=2")
    assert "secret" not in str(error.value)
