"""Rate limits: the arithmetic against a slow token bucket, and Redis, there and gone."""

import asyncio
import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.errors import UserError
from reccore.serve.limits import SECOND, Limit, LimitSettings, MemoryLimits
from reccore.serve.limits_redis import RedisLimits

LIMITS = st.builds(Limit, st.floats(0.01, 5000), st.integers(1, 50))
GAPS = st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=120)


class Time:
    def __init__(self) -> None:
        self.now = 7 * SECOND

    def __call__(self) -> int:
        return self.now


class SlowBucket:
    """The textbook: tokens, refilled by the time gone by, never more than `burst`."""

    def __init__(self, limit: Limit, now: int) -> None:
        self.limit, self.tokens, self.at = limit, Fraction(limit.burst), now

    def take(self, now: int) -> bool:
        gained = Fraction(now - self.at, self.limit.interval)
        self.tokens = min(Fraction(self.limit.burst), self.tokens + gained)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@given(limit=LIMITS, gaps=GAPS)
def test_it_is_a_token_bucket(limit: Limit, gaps: list[int]) -> None:
    clock = Time()
    bucket, limits = SlowBucket(limit, clock.now), MemoryLimits(clock=clock)
    for gap in gaps:
        clock.now += gap
        assert (limits.spend("a", limit) == 0) == bucket.take(clock.now)


@given(limit=LIMITS, gaps=GAPS)
def test_no_window_admits_more_than_burst_and_rate(limit: Limit, gaps: list[int]) -> None:
    clock = Time()
    limits = MemoryLimits(clock=clock)
    admitted: list[int] = []
    for gap in gaps:
        clock.now += gap
        if limits.spend("a", limit) == 0:
            admitted.append(clock.now)
    for first, begin in enumerate(admitted):
        for last in range(first, len(admitted)):
            window = Fraction(admitted[last] - begin, SECOND)
            assert last - first + 1 <= limit.burst + Fraction(limit.rate) * window


@given(limit=LIMITS, gaps=GAPS)
def test_the_wait_is_just_long_enough(limit: Limit, gaps: list[int]) -> None:
    clock = Time()
    limits = MemoryLimits(clock=clock)
    for gap in gaps:
        clock.now += gap
        wait = round(limits.spend("a", limit) * SECOND)
        if wait > 1000:  # below, the float of seconds is too coarse to stop a nanosecond short
            clock.now += wait - 100
            assert limits.spend("a", limit) > 0
            clock.now += 200
            assert limits.spend("a", limit) == 0


@given(limit=LIMITS, count=st.integers(1, 100))
def test_who_keeps_to_the_rate_is_never_refused(limit: Limit, count: int) -> None:
    clock = Time()
    limits = MemoryLimits(clock=clock)
    for _ in range(count):
        assert limits.spend("a", limit) == 0
        clock.now += limit.interval


def test_intervals_are_rounded_up() -> None:
    clock = Time()
    limits, limit = MemoryLimits(clock=clock), Limit(3, 1)
    assert limits.spend("a", limit) == 0
    clock.now += 333_333_333
    assert limits.spend("a", limit) > 0, "three in 0.999999999 s would be more than 3 a second"
    clock.now += 1
    assert limits.spend("a", limit) == 0


def test_callers_do_not_share_a_bucket() -> None:
    limits, limit = MemoryLimits(clock=Time()), Limit(1, 1)
    assert [limits.spend(who, limit) for who in "aba"] == [0, 0, 1]


def test_memory_is_bounded_and_the_longest_unused_goes_first() -> None:
    limits, limit = MemoryLimits(3, clock=Time()), Limit(1, 1)
    for who in "abc":
        limits.spend(who, limit)
    limits.spend("a", limit)  # refused, and used
    limits.spend("d", limit)
    assert len(limits) == 3
    assert limits.spend("a", limit) > 0
    assert limits.spend("b", limit) == 0, "b was forgotten"
    for n in range(1000):
        limits.spend(str(n), limit)
    assert len(limits) == 3


def test_a_url_that_is_none_is_the_users_to_mend_and_not_repeated() -> None:
    with pytest.raises(UserError, match="Redis URL") as caught:
        RedisLimits("http://:s3cret@host")
    assert "s3cret" not in str(caught.value)


def test_settings() -> None:
    assert LimitSettings().limit is None
    assert LimitSettings(per_second=2.0, burst=10).limit == Limit(2, 10)
    assert Limit.of(0, 10) is None
    assert Limit.of(2, 10) == Limit(2, 10)
    for rate, burst in ((-1, 1), (1, 0), (float("nan"), 1), (2e6, 1)):
        with pytest.raises(UserError, match="rate limit"):
            Limit.of(rate, burst)


class RedisServer:
    """A Redis of our own: on a free loopback port, with nothing on disk."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.url = f"redis://:s3cret@127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        words += ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        self.process = subprocess.Popen(
            [*words, "--requirepass", "s3cret"], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    made = RedisServer(tmp_path)
    made.start()
    yield made
    made.stop()


def test_replicas_share_a_bucket_and_every_entry_ends(server: RedisServer) -> None:
    async def main() -> None:
        one, two = RedisLimits(server.url, patience=2), RedisLimits(server.url, patience=2)
        slow = Limit(0.1, 6)
        waits = await asyncio.gather(
            *((one if n % 2 else two).take("key:web", slow) for n in range(12))
        )
        assert sorted(waits)[:6] == [0] * 6
        assert all(8 < wait <= 10 for wait in sorted(waits)[6:])
        assert await one.take("key:other", slow) == 0
        names = await one._redis.keys("*")
        assert sorted(names) == [b"limit:key:other", b"limit:key:web"]
        lives = [await one._redis.pttl(name) for name in sorted(names)]
        assert 8_000 < lives[0] <= 10_000, "one token of six is missing"
        assert 50_000 < lives[1] <= 60_000
        await one.close()
        await two.close()

    asyncio.run(main())


def test_redis_refills_at_the_rate(server: RedisServer) -> None:
    async def main() -> None:
        limits = RedisLimits(server.url, patience=2)
        limit = Limit(50, 5)
        began, admitted = time.monotonic(), 0
        while (gone := time.monotonic() - began) < 1.0:
            admitted += await limits.take("a", limit) == 0
            await asyncio.sleep(0.002)
        gone = time.monotonic() - began
        assert 30 < admitted <= limit.burst + limit.rate * gone
        assert not limits.down
        await limits.close()

    asyncio.run(main())


def test_one_round_trip_a_request(server: RedisServer) -> None:
    async def main() -> None:
        limits = RedisLimits(server.url, patience=2)
        await limits.take("a", Limit(1000, 100))  # loads the script
        before = (await limits._redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
        for _ in range(10):
            await limits.take("a", Limit(1000, 100))
        stats = await limits._redis.info("commandstats")
        assert stats["cmdstat_evalsha"]["calls"] - before == 10
        assert stats["cmdstat_eval"]["calls"] == 1
        await limits.close()

    asyncio.run(main())


def test_redis_killed_and_restarted(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        caplog.set_level(logging.WARNING)
        fallbacks: list[int] = []
        limits = RedisLimits(
            server.url, patience=0.5, pause=0.1, on_fallback=lambda: fallbacks.append(1)
        )
        limit = Limit(0.001, 3)
        assert [await limits.take("a", limit) for _ in range(3)] == [0, 0, 0]
        assert await limits.take("a", limit) > 0
        assert fallbacks == []
        server.stop()
        during = [await limits.take("a", limit) == 0 for _ in range(5)]
        assert during == [True] * 3 + [False] * 2, "this replica counts alone, and still limits"
        assert limits.down
        assert len(fallbacks) == 5
        began = time.perf_counter()
        for _ in range(2000):
            await limits.take("b", limit)
        assert time.perf_counter() - began < 1, "a dead Redis costs nothing"
        await asyncio.sleep(0.15)
        await limits.take("c", limit)  # asks, in the background, in vain
        await asyncio.sleep(0.05)
        assert limits.down
        server.start()
        for _ in range(100):
            await limits.take("c", limit)
            await asyncio.sleep(0.05)
            if not limits.down:
                break
        assert not limits.down
        count = len(fallbacks)
        assert [await limits.take("a", limit) == 0 for _ in range(4)] == [True] * 3 + [False]
        assert len(fallbacks) == count
        assert caplog.text.count("counted by this replica alone") == 1
        assert caplog.text.count("shared again") == 1
        assert "s3cret" not in caplog.text
        await limits.close()

    asyncio.run(main())


def test_a_redis_that_hangs_is_waited_for_once(server: RedisServer) -> None:
    async def main() -> None:
        limits = RedisLimits(server.url, patience=0.1, pause=30)
        limit = Limit(100, 50)
        await limits.take("a", limit)
        assert server.process is not None
        server.process.send_signal(19)  # SIGSTOP: connected, and silent
        try:
            began = time.perf_counter()
            for _ in range(20):
                assert await limits.take("a", limit) == 0
            assert time.perf_counter() - began < 1
            assert limits.down
        finally:
            server.process.send_signal(18)
        await limits.close()

    asyncio.run(main())


def test_a_redis_that_was_never_there() -> None:
    async def main() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        limits = RedisLimits(f"redis://127.0.0.1:{port}/0")
        assert await limits.take("a", Limit(1, 1)) == 0
        assert await limits.take("a", Limit(1, 1)) > 0
        assert limits.down
        await limits.close()

    asyncio.run(main())
