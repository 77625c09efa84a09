"""The memory level against a slow, obvious one."""

import os
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.serve.cache.key import Key
from reccore.serve.cache.memory import Memory

KEYS = [
    Key("cinesync", "sasrec", "7", 3, "", user, request)
    for user in ("", "ann", "bob")
    for request in (b"1", b"2")
]
TTL = 10


class Slow:
    """A list in order of use, scanned for everything."""

    def __init__(self, room: int) -> None:
        self.room, self.now = room, 0.0
        self.kept: list[tuple[Key, bytes, float, int]] = []
        self.forgotten: list[str] = []  # in order; a moment is its length

    def _live(self, item: tuple[Key, bytes, float, int]) -> bool:
        key, _, made, moment = item
        return self.now < made + TTL and (not key.user or key.user not in self.forgotten[moment:])

    def get(self, key: Key) -> bytes | None:
        for item in self.kept:
            if item[0] == key:
                self.kept.remove(item)
                if self._live(item):
                    self.kept.append(item)
                    return item[1]
                break
        return None

    def put(self, key: Key, value: bytes, moment: int, size: Callable[[Key, bytes], int]) -> None:
        new = (key, value, self.now, moment)
        if size(key, value) > self.room or not self._live(new):
            return
        self.kept = [item for item in self.kept if item[0] != key] + [new]
        for _ in range(2):
            if self._live(self.kept[0]):
                break
            del self.kept[0]
        while sum(size(item[0], item[1]) for item in self.kept) > self.room:
            del self.kept[0]


actions = st.one_of(
    st.tuples(st.just("get"), st.sampled_from(KEYS)),
    st.tuples(st.just("put"), st.sampled_from(KEYS), st.integers(0, 900), st.integers(0, 3)),
    st.tuples(st.just("forget"), st.sampled_from(["ann", "bob"])),
    st.tuples(st.just("wait"), st.integers(1, TTL)),
)


@given(st.lists(actions, max_size=60), st.integers(300, 3000))
def test_it_does_what_the_slow_one_does(script: list[tuple[Any, ...]], room: int) -> None:
    slow = Slow(room)
    memory = Memory(room, TTL, clock=lambda: slow.now)

    def size(key: Key, value: bytes) -> int:
        alone = Memory(10**9, TTL)
        alone.put(key, value, 0)
        return alone.bytes

    for step, (what, *arguments) in enumerate(script):
        if what == "get":
            entry = memory.get(arguments[0])
            assert (entry.value if entry else None) == slow.get(arguments[0])
        elif what == "put":
            key, length, back = arguments
            value = bytes([step % 256]) * length
            moment = max(0, memory.moments.now() - back)  # begun before the last `back` forgettings
            memory.put(key, value, moment)
            slow.put(key, value, moment, size)
        elif what == "forget":
            memory.moments.forget(Key("", "", "", 0, "", arguments[0], b"").person)
            slow.forgotten.append(arguments[0])
        else:
            slow.now += arguments[0]
        assert memory.bytes <= room
        assert memory.bytes == sum(size(item[0], item[1]) for item in slow.kept)
        assert len(memory) == len(slow.kept)


@pytest.mark.parametrize("length", [100, 1500])
def test_its_bytes_are_those_of_the_process(length: int) -> None:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        memory = Memory(10**9, TTL)
        for number in range(20_000):
            key = Key("cinesync", "sasrec", "7", 3, "", f"user {number}", b"{}")
            memory.put(key, os.urandom(length), 0)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert memory.bytes == pytest.approx(taken, rel=0.12)


def test_a_value_larger_than_all_room_evicts_nobody(key: Any, clock: Any) -> None:
    memory = Memory(1000, TTL, clock)
    assert memory.put(key(), b"small", 0)
    assert not memory.put(key("bob"), bytes(1000), 0)
    assert memory.get(key()) is not None
    assert memory.facts()["refused"] == 1


def test_what_comes_from_a_slower_level_keeps_its_age(key: Any, clock: Any) -> None:
    memory = Memory(10_000, TTL, clock)
    memory.put(key(), b"old", 0, age_s=TTL - 1)
    assert not memory.put(key("bob"), b"too old", 0, age_s=TTL)
    clock.now += 0.9
    assert memory.get(key()) is not None
    clock.now += 0.2
    assert memory.get(key()) is None


def test_the_dead_go_with_the_traffic(key: Any, clock: Any) -> None:
    memory = Memory(10**6, TTL, clock)
    for number in range(100):
        memory.put(key(request=str(number).encode()), b"x", 0)
    clock.now += TTL
    for number in range(50):
        memory.put(key("bob", str(number).encode()), b"x", memory.moments.now())
    assert len(memory) == 50
    assert memory.facts()["expired"] == 100
