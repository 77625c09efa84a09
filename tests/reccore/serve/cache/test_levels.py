"""The cache over levels that do as they are told."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from reccore.serve.cache.key import Key
from reccore.serve.cache.level import Got
from reccore.serve.cache.levels import Cache
from reccore.serve.cache.memory import Memory


class Shelf:
    """A slower level in a dictionary; `said` makes it fail."""

    def __init__(self, name: str = "shelf", stamps: bool = True) -> None:
        self.name, self.said, self.stamps = name, "", stamps
        self.kept: dict[str, bytes] = {}
        self.told: list[str] = []
        self.asked = 0
        self.gate: asyncio.Event | None = None
        self.state = "new"

    async def open(self, hearing: Any) -> None:
        self.state = "open"

    async def close(self) -> None:
        self.state = "closed"

    async def get(self, key: Key) -> Got:
        self.asked += 1
        if self.said:
            return Got(said=self.said)
        found = Got(self.kept.get(key.text()), "stamp" if self.stamps else None, age_s=1.0)
        if self.gate is not None:
            await self.gate.wait()
        return found

    async def put(self, key: Key, value: bytes, stamp: object) -> None:
        assert stamp == "stamp"
        self.kept[key.text()] = value

    async def forget(self, person: str) -> str:
        self.told.append(person)
        return self.said

    def facts(self) -> dict[str, Any]:
        return {"entries": len(self.kept)}


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 20))


async def make() -> bytes:
    return b"made"


@pytest.fixture
def memory(clock: Any) -> Memory:
    return Memory(10**6, 60, clock)


def test_made_once_then_answered_by_the_first_level(memory: Memory, key: Any) -> None:
    async def scenario() -> None:
        shelf = Shelf()
        cache = Cache([memory, shelf])
        assert cache.quick(key()) is None
        made = await cache.get_or_make(key(), make)
        assert (made.value, made.level, made.degraded) == (b"made", "made", ())
        await cache.settle()
        assert shelf.kept == {key().text(): b"made"}
        again = await cache.get_or_make(key(), make)
        assert (again.value, again.level) == (b"made", "memory")
        assert shelf.asked == 1
        entry = cache.quick(key())
        assert entry is not None
        assert entry.value == b"made"

    run(scenario())


def test_what_is_not_to_be_kept_is_made_again(memory: Memory, key: Any) -> None:
    async def scenario() -> None:
        shelf = Shelf()
        cache = Cache([memory, shelf])
        made = await cache.get_or_make(key(), make, lambda: False)
        assert (made.value, made.level) == (b"made", "made")
        await cache.settle()
        assert not shelf.kept
        assert cache.quick(key()) is None
        assert (await cache.get_or_make(key(), make)).level == "made"

    run(scenario())


def test_a_hit_in_a_slower_level_fills_memory_with_its_age(
    memory: Memory, key: Any, clock: Any
) -> None:
    async def scenario() -> None:
        shelf = Shelf()
        shelf.kept[key().text()] = b"kept"
        cache = Cache([memory, shelf])
        assert (await cache.get(key())).level == "shelf"
        assert (await cache.get(key())).level == "memory"
        clock.now += 59.5  # it was a second old already
        assert (await cache.get(key())).level == "shelf"

    run(scenario())


def test_a_hit_in_memory_is_never_written_to_a_shared_level(memory: Memory, key: Any) -> None:
    """It would look younger there than the feedback it has not seen."""

    async def scenario() -> None:
        shelf = Shelf()
        cache = Cache([shelf, memory])
        assert cache.quick(key()) is None  # memory is not first
        await cache.get_or_make(key(), make)
        await cache.settle()
        shelf.kept.clear()
        assert (await cache.get_or_make(key(), make)).level == "memory"
        await cache.settle()
        assert shelf.kept == {}

    run(scenario())


def test_a_failing_level_is_said_once_and_harms_nobody(memory: Memory, key: Any) -> None:
    async def scenario() -> None:
        one, other, sound = Shelf("one"), Shelf("two"), Shelf("three")
        one.said = other.said = "does not answer: slower, not wrong"
        cache = Cache([memory, one, other, sound])
        found = await cache.get_or_make(key(), make)
        assert (found.value, found.degraded) == (b"made", (one.said,))
        await cache.settle()
        assert sound.kept == {key().text(): b"made"}
        assert one.kept == {}
        assert await cache.forget_user("ann") == (one.said,)
        assert sound.told == one.told == [key().person]

    run(scenario())


def test_forgetting_is_for_one_user_and_all_levels(memory: Memory, key: Any) -> None:
    async def scenario() -> None:
        shelf = Shelf()
        cache = Cache([memory, shelf])
        for user in ("ann", "bob", ""):
            await cache.get_or_make(key(user), make)
        assert await cache.forget_user("ann") == ()
        assert await cache.forget_user("") == ()
        assert shelf.told == [key("ann").person]
        assert cache.quick(key("ann")) is None
        assert cache.quick(key("bob")) is not None
        assert cache.quick(key("")) is not None

    run(scenario())


def test_feedback_while_an_answer_is_made_keeps_it_out_of_every_level(
    memory: Memory, key: Any
) -> None:
    async def scenario() -> None:
        shelf = Shelf()
        cache = Cache([memory, shelf])

        async def slow() -> bytes:
            await cache.forget_user("ann")
            return b"of before"

        assert (await cache.get_or_make(key(), slow)).value == b"of before"
        await cache.settle()
        assert cache.quick(key()) is None
        assert shelf.kept == {}

    run(scenario())


def test_feedback_while_a_level_is_asked_outdates_what_it_says(memory: Memory, key: Any) -> None:
    async def scenario() -> None:
        shelf = Shelf()
        shelf.kept[key().text()] = b"of before"
        shelf.gate = asyncio.Event()
        cache = Cache([memory, shelf])
        asked = asyncio.create_task(cache.get_or_make(key(), make))
        while not shelf.asked:
            await asyncio.sleep(0)
        await cache.forget_user("ann")
        shelf.gate.set()
        assert (await asked).value == b"made"
        assert cache.quick(key()) is not None
        await cache.settle()
        assert shelf.kept == {key().text(): b"of before"}  # it gave no stamp that still holds

    run(scenario())


def test_who_asks_after_feedback_does_not_join_a_making_of_before(memory: Memory, key: Any) -> None:
    async def scenario() -> None:
        cache, gate = Cache([memory]), asyncio.Event()

        async def old() -> bytes:
            await gate.wait()
            return b"of before"

        first = asyncio.create_task(cache.get_or_make(key(), old))
        await asyncio.sleep(0.01)
        await cache.forget_user("ann")
        assert (await cache.get_or_make(key(), make)).value == b"made"
        gate.set()
        assert (await first).value == b"of before"
        entry = cache.quick(key())
        assert entry is not None
        assert entry.value == b"made"

    run(scenario())


def test_a_hundred_misses_are_one_making(memory: Memory, key: Any) -> None:
    async def scenario() -> None:
        cache, calls = Cache([memory, Shelf()]), 0

        async def slow() -> bytes:
            nonlocal calls
            calls += 1
            await asyncio.sleep(0.01)
            return b"made"

        asked = (cache.get_or_make(key(), slow) for _ in range(100))
        assert {found.value for found in await asyncio.gather(*asked)} == {b"made"}
        assert calls == 1
        assert cache.facts()["joined"] == 99

    run(scenario())


def test_put_of_a_known_user_needs_what_was_found_before(memory: Memory, key: Any) -> None:
    async def scenario() -> None:
        cache = Cache([memory, Shelf()])
        with pytest.raises(ValueError, match="before it was made"):
            await cache.put(key(), b"x")
        await cache.put(key(""), b"x")
        assert cache.quick(key("")) is not None
        since = await cache.get(key())
        await cache.put(key(), b"x", since)
        assert cache.quick(key()) is not None

    run(scenario())


def test_a_level_that_cannot_open_closes_those_that_did() -> None:
    class Broken(Shelf):
        async def open(self, hearing: Any) -> None:
            raise OSError("broken")

    async def scenario() -> None:
        shelf = Shelf()
        with pytest.raises(OSError, match="broken"):
            await Cache([shelf, Broken()]).open()
        assert shelf.state == "closed"

    run(scenario())


def test_facts_are_by_level_and_in_order(memory: Memory, key: Any) -> None:
    async def scenario() -> None:
        cache = Cache([memory, Shelf()])
        await cache.get_or_make(key(), make)
        cache.quick(key())
        facts = cache.facts()
        assert facts["order"] == ["memory", "shelf"]
        assert facts["levels"]["memory"]["entries"] == 1
        assert facts["levels"]["memory"]["hits"] == 1
        assert "ann" not in str(facts)

    run(scenario())
