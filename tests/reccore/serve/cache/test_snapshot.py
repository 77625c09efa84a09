import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from reccore.errors import UserError
from reccore.serve.cache import snapshot
from reccore.serve.cache.levels import Cache
from reccore.serve.cache.lists import SILENT, Bundle, Row
from reccore.serve.cache.memory import Memory
from reccore.serve.cache.owed import Owed
from reccore.serve.cache.snapshot import Snapshot, begin_snapshot, write_snapshot

pytest.importorskip("duckdb")

BUNDLE = Bundle("cinesync", "sasrec", "7", 3)
ROWS = [
    Row("ann", b"{}", b"ann's"),
    Row("ann", b"{}", b"ann's in blue", experiment="blue"),
    Row("bob", b"{}", b"bob's"),
    Row("", b"{}", b"anybody's"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "it's lists.duckdb"
    assert write_snapshot(path, BUNDLE, ROWS, begin_snapshot(path)) == len(ROWS)
    return path


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 60))


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


class opened:  # noqa: N801
    """An open cache of a snapshot alone."""

    def __init__(self, path: Path, *before: Memory, expected: Bundle | None = None) -> None:
        self.lists = Snapshot(path, expected)
        self.cache = Cache([*before, self.lists])

    async def __aenter__(self) -> Cache:
        await self.cache.open()
        return self.cache

    async def __aexit__(self, *_: object) -> None:
        await self.cache.close()


def test_every_list_is_found_and_no_other(path: Path, key: Any) -> None:
    async def scenario() -> None:
        async with opened(path, expected=BUNDLE) as cache:
            for row in ROWS:
                found = await cache.get(key(row.user, row.request, experiment=row.experiment))
                assert (found.value, found.level) == (row.value, "lists")
            for other in (
                key("cid"),
                key(request=b"[]"),
                key(version="8"),
                key(generation=4),
                key(product="giftrec"),
                key(experiment="red"),
            ):
                assert (await cache.get(other)).value is None
            facts = cache.facts()["levels"]["lists"]
            assert (facts["hits"], facts["misses"], facts["entries"]) == (4, 6, 4)

    run(scenario())


def test_a_forgotten_user_stays_forgotten_until_lists_begun_later(path: Path, key: Any) -> None:
    async def scenario() -> None:
        async with opened(path) as cache, opened(path) as other:
            assert (await other.get(key())).value == b"ann's"
            begun_before = begin_snapshot(path)
            assert await cache.forget_user("ann") == ()
            for one in (cache, other):
                assert (await one.get(key())).value is None
                assert (await one.get(key("bob"))).value == b"bob's"
        async with opened(path) as restarted:
            assert (await restarted.get(key())).value is None
        assert write_snapshot(path, BUNDLE, ROWS, begun_before) == 2  # ann's are not even written
        async with opened(path) as cache:
            assert (await cache.get(key())).value is None
        write_snapshot(path, BUNDLE, ROWS, begin_snapshot(path))
        async with opened(path) as cache:
            assert (await cache.get(key())).value == b"ann's"
        with pytest.raises(UserError, match="begin again"):
            write_snapshot(path, BUNDLE, ROWS, begun_before)

    run(scenario())


def test_a_user_forgotten_while_lists_are_written_stays_forgotten(path: Path, key: Any) -> None:
    async def scenario() -> None:
        async with opened(path) as cache:
            begun = begin_snapshot(path)

            def rows() -> Iterator[Row]:
                yield from ROWS  # ann's are in the file by now, or will be
                asyncio.run(_forget(path, "ann"))

            await asyncio.to_thread(write_snapshot, path, BUNDLE, rows(), begun)
            await until(lambda: cache.facts()["levels"]["lists"]["entries"] == 4)
            assert (await cache.get(key())).value is None
            assert (await cache.get(key("bob"))).value == b"bob's"

    run(scenario())


async def _forget(path: Path, user: str) -> None:
    async with opened(path) as cache:
        assert await cache.forget_user(user) == ()


def test_new_lists_are_taken_up_while_serving(
    path: Path, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_REST_S", 0.02)
    newer = Bundle("cinesync", "sasrec", "8", 0)

    async def scenario() -> None:
        async with opened(path) as cache:
            rows = [Row("ann", b"{}", b"new")]
            await asyncio.to_thread(write_snapshot, path, newer, rows, begin_snapshot(path))
            await until(lambda: cache.facts()["levels"]["lists"]["bundle"] == str(newer))
            assert (await cache.get(key())).value is None
            assert (await cache.get(key(version="8", generation=0))).value == b"new"
            path.write_bytes(b"rubbish")
            await until(lambda: cache.facts()["levels"]["lists"]["breaker"] == "open")
            found = await cache.get(key(version="8", generation=0))
            assert (found.value, found.degraded) == (None, (SILENT,))
            await asyncio.to_thread(write_snapshot, path, BUNDLE, ROWS, begin_snapshot(path))
            await until(lambda: cache.facts()["levels"]["lists"]["breaker"] == "closed")
            assert (await cache.get(key())).value == b"ann's"

    run(scenario())


def test_who_cannot_be_written_as_forgotten_is_not_answered_and_written_later(
    path: Path, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_REST_S", 0.02)

    async def scenario() -> None:
        handle = opened(path)
        async with handle as cache:
            good = handle.lists._tombstones.add

            def full(person: str) -> None:
                raise OSError("no space left")

            monkeypatch.setattr(handle.lists._tombstones, "add", full)
            handle.lists._owed = Owed(most=1)
            assert await cache.forget_user("ann") == (SILENT,)
            assert (await cache.get(key())).degraded == (SILENT,)
            assert (await cache.get(key("bob"))).value == b"bob's"
            assert await cache.forget_user("cid") == (SILENT,)  # past the bound: everybody
            assert (await cache.get(key("bob"))).value is None
            monkeypatch.setattr(handle.lists._tombstones, "add", good)
            await until(lambda: cache.facts()["levels"]["lists"]["owed"] == 0)
            assert (await cache.get(key("bob"))).value is None
            assert (await cache.get(key(""))).value == b"anybody's"

    run(scenario())


def test_a_hit_is_copied_to_memory(path: Path, key: Any) -> None:
    async def scenario() -> None:
        async with opened(path, Memory(10**6, 60)) as cache:
            assert (await cache.get(key())).level == "lists"
            assert (await cache.get(key())).level == "memory"
            await cache.forget_user("ann")
            assert (await cache.get(key())).value is None

    run(scenario())


@pytest.mark.parametrize("fault", ["another bundle", "absent", "rubbish", "layout"])
def test_what_cannot_be_served_is_refused_at_the_start(path: Path, fault: str) -> None:
    expected = None
    if fault == "another bundle":
        expected = Bundle("cinesync", "sasrec", "8", 3)
    elif fault == "absent":
        path.unlink()
    elif fault == "rubbish":
        path.write_bytes(b"rubbish" * 1000)
    else:
        import duckdb

        with duckdb.connect(str(path)) as db:
            db.execute("update facts set layout = 99")

    async def scenario() -> None:
        async with opened(path, expected=expected):
            pass

    with pytest.raises(UserError, match="write"):
        run(scenario())


def test_a_list_given_twice_is_refused_and_nothing_replaced(path: Path, key: Any) -> None:
    with pytest.raises(UserError, match="twice"):
        write_snapshot(path, BUNDLE, [ROWS[0], ROWS[0]], begin_snapshot(path))

    async def scenario() -> None:
        async with opened(path) as cache:
            assert (await cache.get(key("bob"))).value == b"bob's"

    run(scenario())
    left = sorted(each.name for each in path.parent.iterdir())
    assert left == [path.name, path.name + ".forgotten", path.name + ".lock"]
