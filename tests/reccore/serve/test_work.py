"""Answers are made one at a time; who would wait too long hears it at once."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from reccore.serve.refusal import Refusal
from reccore.serve.work import FEW, STANDING, Turns, Work, WorkSettings

T = TypeVar("T")


def do(body: Callable[[Work], Awaitable[T]], **settings: Any) -> T:
    async def inside() -> T:
        work = Work(WorkSettings(**settings))
        try:
            return await body(work)
        finally:
            work.close()

    return asyncio.run(inside())


@pytest.mark.parametrize("mode", ["loop", "thread"])
def test_first_come_first_served_and_never_two_at_once(mode: str) -> None:
    order: list[int] = []
    inside = threading.Lock()

    def job(number: int) -> int:
        assert inside.acquire(blocking=False), "two at once"
        time.sleep(0.002)
        order.append(number)
        inside.release()
        return number

    async def body(work: Work) -> list[tuple[int, float, float]]:
        return await asyncio.gather(*(work.run(lambda n=n: job(n)) for n in range(20)))  # type: ignore[misc]

    found = do(body, mode=mode)
    assert order == list(range(20))
    assert [one[0] for one in found] == order
    waits = [one[1] for one in found]
    assert waits == sorted(waits)
    assert waits[-1] >= 19 * 0.002
    assert all(took >= 0.002 for _, _, took in found)


def test_a_full_queue_refuses_and_then_takes_again() -> None:
    async def body(work: Work) -> list[Any]:
        some = [work.run(lambda: time.sleep(0.001)) for _ in range(8)]
        found = await asyncio.gather(*some, return_exceptions=True)
        assert work.waiting == 0
        await work.run(lambda: None)
        return list(found)

    found = do(body, queue=5)
    refused = [one for one in found if isinstance(one, Refusal)]
    assert [isinstance(one, Refusal) for one in found] == [False] * 5 + [True] * 3
    assert (refused[0].status, refused[0].code, refused[0].retry_after) == (429, "busy", 1)


def test_who_would_wait_too_long_is_refused_at_once() -> None:
    async def body(work: Work) -> list[Any]:
        work.measured(0.01)
        some = [work.run(lambda: time.sleep(0.01)) for _ in range(10)]
        return list(await asyncio.gather(*some, return_exceptions=True))

    found = do(body, patience_ms=45.0, mode="loop")
    assert [isinstance(one, Refusal) for one in found] == [False] * 5 + [True] * 5


def test_a_queue_that_never_empties_is_kept_short() -> None:
    """A burst may wait; when it does not end, those who are taken do not wait long any more."""

    async def body(work: Work) -> tuple[list[float], list[float], int]:
        early, late, refused = list[float](), list[float](), 0
        began = time.perf_counter()

        async def one() -> None:
            nonlocal refused
            came = time.perf_counter() - began
            try:
                _, waited, _ = await work.run(lambda: time.sleep(0.002))
            except Refusal:
                refused += 1
            else:
                (early if came < STANDING else late).append(waited)

        tasks = []
        for _ in range(200):  # twice as many as can be answered, for 0.8 s and more
            tasks += [asyncio.create_task(one()) for _ in range(4)]
            await asyncio.sleep(0.004)
        await asyncio.gather(*tasks)
        return early, late, refused

    early, late, refused = do(body, patience_ms=80.0, standing_ms=8.0, mode="loop")
    assert refused > 50
    assert max(early) > 0.02
    assert len(late) > 30
    settled = sorted(late[len(late) // 3 :])
    assert settled[len(settled) // 2] < 0.03


def test_few_may_always_wait() -> None:
    async def body(work: Work) -> list[Any]:
        work.measured(10.0)
        some = [work.run(lambda: None) for _ in range(5)]
        return list(await asyncio.gather(*some, return_exceptions=True))

    found = do(body, mode="loop")
    assert [isinstance(one, Refusal) for one in found] == [False] * FEW + [True] * 2


def test_a_deadline_that_passed_while_waiting_is_not_answered() -> None:
    async def body(work: Work) -> list[Any]:
        made: list[int] = []
        slow = work.run(lambda: time.sleep(0.05))
        late = work.run(lambda: made.append(1))
        found = await asyncio.gather(slow, late, return_exceptions=True)
        assert not made
        return list(found)

    _, late = do(body, deadline_ms=10.0)
    assert isinstance(late, Refusal)


@pytest.mark.parametrize("mode", ["loop", "thread"])
def test_a_job_that_fails_holds_up_nobody(mode: str) -> None:
    async def body(work: Work) -> list[Any]:
        some = [work.run(lambda: 1 // 0), work.run(lambda: 7)]
        found = await asyncio.gather(*some, return_exceptions=True)
        assert work.waiting == 0
        return list(found)

    failed, fine = do(body, mode=mode)
    assert isinstance(failed, ZeroDivisionError)
    assert fine[0] == 7


def test_who_goes_away_while_waiting_leaves_the_queue() -> None:
    async def body(work: Work) -> None:
        made: list[str] = []
        first = asyncio.create_task(work.run(lambda: time.sleep(0.02)))
        gone = asyncio.create_task(work.run(lambda: made.append("gone")))
        last = asyncio.create_task(work.run(lambda: made.append("last")))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(first, last)
        assert made == ["last"]
        assert work.waiting == 0

    do(body, mode="thread")


def test_the_loop_goes_on_while_a_thread_answers() -> None:
    async def body(work: Work) -> int:
        turns = 0
        task = asyncio.create_task(work.run(lambda: time.sleep(0.05)))
        while not task.done():
            await asyncio.sleep(0.001)
            turns += 1
        return turns

    assert do(body, mode="thread") > 5


def test_slow_models_get_a_thread() -> None:
    async def body(work: Work) -> tuple[bool, bool]:
        work.measured(0.05)
        slow = work.threaded
        work.measured(0.0005)
        return slow, work.threaded

    assert do(body) == (True, False)
    assert do(body, mode="loop") == (False, False)


def test_what_is_begun_is_finished_however_full_the_queue_is() -> None:
    """The stages of an answer: the first waits its turn or is refused, the others are not."""

    async def body(work: Work) -> tuple[float, list[Any]]:
        turns = Turns(work)
        await turns(lambda: time.sleep(0.002))
        others = [asyncio.create_task(work.run(lambda: time.sleep(0.001))) for _ in range(5)]
        await asyncio.sleep(0)
        assert isinstance(work.full(), Refusal)
        with pytest.raises(Refusal):
            await Turns(work)(lambda: None)
        assert await turns(lambda: "done") == "done"
        return turns.took, await asyncio.gather(*others)

    took, others = do(body, queue=5, mode="loop")
    assert took >= 0.002
    assert len(others) == 5


def test_stages_let_others_go_between_them() -> None:
    order: list[str] = []

    async def body(work: Work) -> None:
        async def answer(name: str) -> None:
            turns = Turns(work)
            for stage in range(2):
                await turns(lambda at=stage: order.append(f"{name}{at}"))  # type: ignore[misc]

        await asyncio.gather(answer("a"), answer("b"))

    do(body, mode="loop")
    assert sorted(order[:2]) == ["a0", "b0"] or order[:2] == ["a0", "a1"]
    assert sorted(order) == ["a0", "a1", "b0", "b1"]


def test_who_has_begun_goes_first() -> None:
    order: list[str] = []

    async def body(work: Work) -> None:
        turns = Turns(work)
        await turns(lambda: order.append("begun"))
        hold = asyncio.create_task(work.run(lambda: time.sleep(0.005)))
        await asyncio.sleep(0)
        new = [asyncio.create_task(work.run(lambda: order.append("new"))) for _ in range(2)]
        await asyncio.sleep(0)
        await turns(lambda: order.append("ended"))
        await asyncio.gather(hold, *new)

    do(body, mode="thread", patience_ms=1e4, standing_ms=1e4)
    assert order == ["begun", "ended", "new", "new"]


def test_who_goes_away_while_waiting_leaves_the_turn_to_the_next() -> None:
    async def body(work: Work) -> list[str]:
        hold = asyncio.create_task(work.run(lambda: time.sleep(0.02)))
        await asyncio.sleep(0)
        gone = [asyncio.create_task(work.run(lambda: "gone")) for _ in range(2)]
        stays = asyncio.create_task(work.run(lambda: "stays"))
        await asyncio.sleep(0.005)
        gone[0].cancel()
        await hold
        gone[1].cancel()  # perhaps in the very moment of its turn
        return [(await stays)[0], (await work.run(lambda: "again"))[0]]

    found = do(body, mode="thread", patience_ms=1e4, standing_ms=1e4)
    assert found == ["stays", "again"]
