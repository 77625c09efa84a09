"""The Redis level and two replicas that share it, against a real server that dies and returns."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest

from reccore.errors import UserError
from reccore.serve.cache.breaker import Breaker
from reccore.serve.cache.key import Key, hash_user
from reccore.serve.cache.level import Got
from reccore.serve.cache.levels import Cache
from reccore.serve.cache.memory import Memory
from reccore.serve.cache.owed import Owed
from reccore.serve.cache.redis import SLOWER, UNHEARD, Redis

TTL = 60


class Truth:
    """What answers are made from: how often a user has given feedback."""

    def __init__(self) -> None:
        self.feedback: dict[str, int] = {}

    def maker(self, key: Key) -> Callable[[], Awaitable[bytes]]:
        async def make() -> bytes:
            return self.right(key)

        return make

    def right(self, key: Key) -> bytes:
        return f"{key.user} {self.feedback.get(key.user, 0)}".encode()

    def give(self, user: str) -> None:
        self.feedback[user] = self.feedback.get(user, 0) + 1


def replica(url: str, memory: bool = True, **options: Any) -> Cache:
    # generous, as the machine may be busy; the server's own default is 20 ms
    plain = {"timeout_s": 0.5, "connect_timeout_s": 1.0, "heartbeat_s": 0.1}
    redis = Redis(url, TTL, breaker=Breaker(3, 0.1), **(plain | options))
    return Cache([Memory(10**7, TTL), redis] if memory else [redis])


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 60))


async def opened(stack: AsyncExitStack, *caches: Cache) -> tuple[Cache, ...]:
    for cache in caches:
        await cache.open()
        stack.push_async_callback(cache.close)
    return caches


def level(cache: Cache) -> Redis:
    redis = cache.slower[0]
    assert isinstance(redis, Redis)
    return redis


async def until(condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it does not come to pass"
        await asyncio.sleep(0.01)


def test_what_one_replica_made_the_other_answers_and_every_key_has_a_ttl(
    redis_server: Any, key: Any
) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            a, b = await opened(stack, replica(redis_server.url), replica(redis_server.url))
            for user in ("ann", ""):
                wanted = key(user)
                made = await a.get_or_make(wanted, Truth().maker(wanted))
                assert (made.level, made.degraded) == ("made", ())
                await a.settle()
                assert (await b.get(wanted)).level == "redis"
                assert (await b.get(wanted)).level == "memory"
                quick = b.quick(wanted)
                assert quick is not None
                assert quick.value == made.value
            names = redis_server.keys()
            assert len(names) == 3  # two answers and a user's token
            for name in names:
                ttl = int(redis_server.say(f"TTL {name}").splitlines()[0].lstrip(":"))
                assert 0 < ttl <= TTL + 120
            assert "ann" not in " ".join(names)

    run(scenario())


def test_feedback_at_one_replica_is_heard_by_the_other(redis_server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            a, b = await opened(stack, replica(redis_server.url), replica(redis_server.url))
            truth, wanted, other = Truth(), key(), key("bob")
            for cache in (a, b):
                for one in (wanted, other):
                    await cache.get_or_make(one, truth.maker(one))
                await cache.settle()
            truth.give("ann")
            assert await a.forget_user("ann") == ()
            assert a.quick(wanted) is None
            await until(lambda: b.quick(wanted) is None)
            found = await b.get_or_make(wanted, truth.maker(wanted))
            assert (found.value, found.level) == (b"ann 1", "made")
            assert b.quick(other) is not None
            await b.settle()
            assert (await a.get(wanted)).value == b"ann 1"

    run(scenario())


@pytest.mark.parametrize("where", ["same replica", "other replica"])
@pytest.mark.parametrize("memory", [True, False])
def test_feedback_while_an_answer_is_made_outdates_it(
    redis_server: Any, key: Any, where: str, memory: bool
) -> None:
    """The race the tokens are for: read, feedback, put. The old answer must be nobody's."""

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            a, b = await opened(
                stack, replica(redis_server.url, memory), replica(redis_server.url, memory)
            )
            wanted, truth = key(), Truth()
            teller = a if where == "same replica" else b

            async def make() -> bytes:
                value = truth.right(wanted)  # reads, and is slow to answer
                truth.give("ann")
                await teller.forget_user("ann")
                return value

            assert (await a.get_or_make(wanted, make)).value == b"ann 0"
            await a.settle()
            await asyncio.sleep(0.05)
            for cache in (a, b):
                assert (await cache.get(wanted)).value is None

    run(scenario())


def test_a_lost_token_brings_no_old_answer_back(redis_server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            (a,) = await opened(stack, replica(redis_server.url, memory=False))
            wanted, truth = key(), Truth()
            await a.get_or_make(wanted, truth.maker(wanted))
            await a.settle()
            assert (await a.get(wanted)).value is not None
            before = await a.get(key(request=b"another"))
            (token,) = redis_server.keys("giftrec:epoch:*")
            redis_server.say(f"DEL {token}")  # as eviction does
            assert (await a.get(wanted)).value is None
            await a.put(wanted, b"made under the lost token", before)
            assert (await a.get(wanted)).value is None
            assert level(a).outdated >= 2

    run(scenario())


def test_a_restart_from_an_old_dump_resurrects_nothing(redis_server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            (a,) = await opened(stack, replica(redis_server.url, memory=False))
            wanted, truth, anybody = key(), Truth(), key("")
            for one in (wanted, anybody):
                await a.get_or_make(one, truth.maker(one))
            await a.settle()
            redis_server.say("SAVE")
            truth.give("ann")
            await a.forget_user("ann")  # not in the dump
            redis_server.kill()
            redis_server.start()
            assert len(redis_server.keys("giftrec:epoch:*")) == 1  # the old token is there again
            await until(level(a).ear.hears)
            (newcomer,) = await opened(stack, replica(redis_server.url))
            for cache in (a, newcomer):
                assert (await cache.get(wanted)).value is None
                assert (await cache.get(anybody)).level == "redis"  # a function of its key

    run(scenario())


def test_redis_killed_and_restarted_is_slower_never_wrong(redis_server: Any, key: Any) -> None:
    """Two replicas answer and take feedback all the while; no answer is older than feedback."""

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            a, b = await opened(stack, replica(redis_server.url), replica(redis_server.url))
            truth, stop = Truth(), False
            told: dict[str, int] = {}  # what every replica has had a tenth of a second to hear
            asked = {"degraded": 0, "memory": 0, "redis": 0, "made": 0}
            users = ["u1", "u2", "u3"]

            async def ask(cache: Cache, user: str) -> None:
                wanted = key(user)
                while not stop:
                    least = told.get(user, 0)
                    found = await cache.get_or_make(wanted, truth.maker(wanted))
                    assert found.value is not None
                    assert int(found.value.split()[-1]) >= least
                    assert found.degraded in ((), (SLOWER,), (UNHEARD,))
                    asked[found.level] += 1
                    asked["degraded"] += found.degraded != ()
                    await asyncio.sleep(0.002)

            async def feedback(cache: Cache, user: str) -> None:
                """This replica's next answer has seen it at once, the other's shortly after."""
                while not stop:
                    truth.give(user)
                    given = truth.feedback[user]
                    await cache.forget_user(user)
                    wanted = key(user)
                    found = await cache.get_or_make(wanted, truth.maker(wanted))
                    assert found.value is not None
                    assert int(found.value.split()[-1]) >= given
                    asyncio.get_running_loop().call_later(0.1, told.__setitem__, user, given)
                    await asyncio.sleep(0.025)

            works = [ask(cache, user) for cache in (a, b) for user in users]
            works += [feedback(cache, user) for cache, user in zip((a, b, a), users, strict=True)]
            tasks = [asyncio.create_task(work) for work in works]
            await asyncio.sleep(0.3)
            redis_server.kill()
            await asyncio.sleep(0.5)
            assert asked["degraded"] > 0
            redis_server.start()
            await until(lambda: level(a).ear.hears() and level(b).ear.hears())
            asked["memory"] = asked["redis"] = 0
            await asyncio.sleep(0.3)
            stop = True
            await asyncio.gather(*tasks)
            assert asked["memory"] > 0
            await until(lambda: not len(level(a).owed) and not len(level(b).owed))

    run(scenario())


def test_while_redis_is_away_memory_answers_nobody_known(redis_server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            a, b = await opened(stack, replica(redis_server.url), replica(redis_server.url))
            truth, wanted, anybody = Truth(), key(), key("")
            for cache in (a, b):
                for one in (wanted, anybody):
                    await cache.get_or_make(one, truth.maker(one))
            redis_server.kill()
            await until(lambda: not level(a).ear.hears() and not level(b).ear.hears())
            assert a.quick(wanted) is None
            assert a.quick(anybody) is not None
            truth.give("ann")
            assert await a.forget_user("ann") == (SLOWER,)  # b cannot hear it
            found = await b.get_or_make(wanted, truth.maker(wanted))
            assert (found.value, found.level, found.degraded) == (b"ann 1", "made", (SLOWER,))
            redis_server.start()
            await until(lambda: level(a).ear.hears() and level(b).ear.hears())
            assert b.quick(wanted) is None  # of before the gap's end
            await until(lambda: not len(level(a).owed))
            found = await b.get_or_make(wanted, truth.maker(wanted))
            assert (found.value, found.degraded) == (b"ann 1", ())
            assert b.quick(wanted) is not None

    run(scenario())


def test_a_frozen_redis_is_given_up_and_its_debts_are_paid(redis_server: Any, key: Any) -> None:
    """The same server returns, tokens and all, and has heard nothing of the feedback meanwhile."""

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            options = {"timeout_s": 0.1, "connect_timeout_s": 0.2}
            a, b = await opened(
                stack,
                replica(redis_server.url, memory=False, **options),
                replica(redis_server.url, memory=False, **options),
            )
            truth, wanted = Truth(), key()
            await a.get_or_make(wanted, truth.maker(wanted))
            await a.settle()
            assert (await b.get(wanted)).value == b"ann 0"
            redis_server.signal(signal.SIGSTOP)
            truth.give("ann")
            started = time.monotonic()
            assert await a.forget_user("ann") == (SLOWER,)
            assert (await a.get(wanted)).degraded == (SLOWER,)
            await until(lambda: not level(b).ear.hears())
            for _ in range(20):
                assert (await b.get(wanted)).value is None
            assert time.monotonic() - started < 5
            redis_server.signal(signal.SIGCONT)

            # whichever replica is back first, the old answer is never given
            async def watch(cache: Cache) -> None:
                while not level(cache).ear.hears():
                    assert (await cache.get(wanted)).value is None
                    await asyncio.sleep(0)
                assert (await cache.get(wanted)).value is None

            await asyncio.gather(watch(a), watch(b))
            await until(lambda: not len(level(a).owed))
            await a.get_or_make(wanted, truth.maker(wanted))
            await a.settle()
            assert (await b.get(wanted)).value == b"ann 1"

    run(scenario())


def test_after_a_gap_what_was_begun_before_it_is_not_believed(redis_server: Any, key: Any) -> None:
    """Its token stands, but another replica may owe the deletion and be back later than we are."""

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            (a,) = await opened(stack, replica(redis_server.url, memory=False))
            truth, wanted, anybody = Truth(), key(), key("")
            for one in (wanted, anybody):
                await a.get_or_make(one, truth.maker(one))
            await a.settle()
            assert (await a.get(wanted)).level == "redis"
            redis_server.say("CLIENT KILL TYPE pubsub")
            await until(lambda: level(a).ear.gaps == 1 and level(a).ear.hears())
            assert (await a.get(wanted)).value is None
            assert (await a.get(anybody)).level == "redis"
            await a.get_or_make(wanted, truth.maker(wanted))
            await a.settle()
            assert (await a.get(wanted)).level == "redis"

    run(scenario())


class Lists:
    """Lists of two replicas in one place; only who may tell them can make them forget."""

    name = "lists"

    def __init__(self, kept: dict[str, bytes], tells: bool) -> None:
        self.kept, self.tells = kept, tells

    async def open(self, hearing: Any) -> None: ...

    async def close(self) -> None: ...

    async def get(self, key: Key) -> Got:
        return Got(self.kept.get(key.person))

    async def put(self, key: Key, value: bytes, stamp: object) -> None: ...

    async def forget(self, person: str) -> str:
        if self.tells:
            self.kept.pop(person, None)
        return "" if self.tells else "lists do not answer"

    def facts(self) -> dict[str, Any]:
        return {}


def test_lists_one_replica_cannot_tell_are_told_by_another(redis_server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            kept = {key().person: b"of before"}
            a, b = (
                Cache([*replica(redis_server.url).order, Lists(kept, tells)])
                for tells in (False, True)
            )
            await opened(stack, a, b)
            assert (await b.get(key())).value == b"of before"
            assert await a.forget_user("ann") == ("lists do not answer",)
            await until(lambda: not kept)
            assert (await b.get(key())).value is None

    run(scenario())


def test_too_many_debts_drop_what_is_known_of_everybody(redis_server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            a, b = await opened(stack, replica(redis_server.url), replica(redis_server.url))
            truth, wanted = Truth(), key("somebody else")
            for cache in (a, b):
                await cache.get_or_make(wanted, truth.maker(wanted))
                await cache.settle()
            level(a).owed = Owed(most=2)
            for user in ("ann", "bob", "cid", "dan"):
                level(a).owed.add(hash_user(user))
            await until(lambda: not len(level(a).owed))
            await until(lambda: b.quick(wanted) is None)
            assert redis_server.keys("giftrec:epoch:*") == []
            assert (await b.get(wanted)).value is None

    run(scenario())


def test_what_others_left_at_a_key_is_no_answer(redis_server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            (a,) = await opened(stack, replica(redis_server.url))
            wanted = key("")
            redis_server.say(f"SET {wanted.text()} rubbish")
            assert (await a.get(wanted)).value is None
            assert level(a).facts()["foreign"] == 1

    run(scenario())


def test_a_cancelled_request_leaves_no_reply_for_the_next(redis_server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            (a,) = await opened(stack, replica(redis_server.url, memory=False))
            keys = [key("", str(n).encode()) for n in range(20)]
            for number, one in enumerate(keys):
                await a.put(one, str(number).encode())
            for turns in range(40):
                task = asyncio.create_task(a.get(keys[0]))
                for _ in range(turns % 8):
                    await asyncio.sleep(0)
                task.cancel()
                number = turns % 20
                assert (await a.get(keys[number])).value == str(number).encode()

    run(scenario())


def test_without_redis_at_the_start_it_answers_and_finds_it_later(
    redis_server: Any, key: Any
) -> None:
    async def scenario() -> None:
        redis_server.kill()
        async with AsyncExitStack() as stack:
            (a,) = await opened(stack, replica(redis_server.url))
            truth, wanted = Truth(), key()
            found = await a.get_or_make(wanted, truth.maker(wanted))
            assert (found.value, found.degraded) == (b"ann 0", (SLOWER,))
            redis_server.start()
            await until(level(a).ear.hears)
            found = await a.get_or_make(wanted, truth.maker(wanted))
            assert found.degraded == ()

    run(scenario())


def test_a_hit_is_one_round_trip(redis_server: Any, key: Any) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            (a,) = await opened(stack, replica(redis_server.url, memory=False))
            truth, wanted = Truth(), key()
            await a.get_or_make(wanted, truth.maker(wanted))
            await a.settle()
            batches = 0
            ask = level(a).wire.ask

            async def counted(build: Any) -> Any:
                nonlocal batches
                batches += 1
                return await ask(build)

            level(a).wire.ask = counted  # type: ignore[method-assign]
            assert (await a.get(wanted)).level == "redis"
            assert batches == 1

    run(scenario())


def test_an_address_that_is_none_is_refused_without_its_password() -> None:
    with pytest.raises(UserError) as error:
        Redis("http://:secret@host", TTL)
    assert "secret" not in str(error.value)
