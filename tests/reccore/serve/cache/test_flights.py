import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from reccore.serve.cache.flights import Flights, MakingCancelledError


def always(_: int) -> bool:
    return True


async def _turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def counting(
    result: Callable[[int], Any], gate: asyncio.Event
) -> tuple[list[int], Callable[[], Awaitable[Any]]]:
    calls: list[int] = []

    async def make() -> Any:
        calls.append(len(calls))
        number = calls[-1]
        await gate.wait()
        value = result(number)
        if isinstance(value, BaseException):
            raise value
        return value

    return calls, make


def test_a_hundred_who_ask_at_once_wait_for_one() -> None:
    async def scenario() -> None:
        gate, flights = asyncio.Event(), Flights[int]()
        calls, make = counting(lambda n: n, gate)
        asked = [asyncio.create_task(flights.share("k", 0, always, make)) for _ in range(100)]
        await _turns()
        gate.set()
        assert await asyncio.gather(*asked) == [0] * 100
        assert calls == [0]
        assert flights.joined == 99
        assert len(flights) == 0

    asyncio.run(scenario())


def test_other_names_fly_apart() -> None:
    async def scenario() -> None:
        gate, flights = asyncio.Event(), Flights[int]()
        gate.set()
        calls, make = counting(lambda n: n, gate)
        await asyncio.gather(*(flights.share(name, 0, always, make) for name in "abc"))
        assert len(calls) == 3

    asyncio.run(scenario())


def test_the_first_ones_failure_is_not_everybodys() -> None:
    async def scenario() -> None:
        gate, flights = asyncio.Event(), Flights[int]()
        calls, make = counting(lambda n: ValueError("mine") if n == 0 else n, gate)
        asked = [asyncio.create_task(flights.share("k", 0, always, make)) for _ in range(50)]
        await _turns()
        gate.set()
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(results[0], ValueError)
        assert results[1:] == [1] * 49
        assert calls == [0, 1]

    asyncio.run(scenario())


def test_what_fails_always_fails_after_two_makings_and_poisons_nothing() -> None:
    async def scenario() -> None:
        gate, flights = asyncio.Event(), Flights[int]()
        calls, make = counting(lambda n: ValueError(str(n)) if n < 2 else n, gate)
        asked = [asyncio.create_task(flights.share("k", 0, always, make)) for _ in range(50)]
        await _turns()
        gate.set()
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(result, ValueError) for result in results)
        assert calls == [0, 1]
        assert await flights.share("k", 0, always, make) == 2

    asyncio.run(scenario())


def test_the_first_one_may_be_cancelled_without_harm_to_the_others() -> None:
    async def scenario() -> None:
        gate, flights = asyncio.Event(), Flights[int]()
        calls, make = counting(lambda n: n, gate)
        asked = [asyncio.create_task(flights.share("k", 0, always, make)) for _ in range(10)]
        await _turns()
        asked[0].cancel()
        await _turns()
        gate.set()
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert results[1:] == [0] * 9
        assert calls == [0]

    asyncio.run(scenario())


def test_a_making_nobody_waits_for_is_cancelled() -> None:
    async def scenario() -> None:
        flights, ended = Flights[int](), []

        async def make() -> int:
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(True)
            return 1

        asked = [asyncio.create_task(flights.share("k", 0, always, make)) for _ in range(3)]
        await _turns()
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await _turns()
        assert ended == [True]
        assert len(flights) == 0

    asyncio.run(scenario())


def test_a_maker_that_cancels_itself_hangs_nobody() -> None:
    async def scenario() -> None:
        gate, flights = asyncio.Event(), Flights[int]()
        calls, make = counting(lambda n: asyncio.CancelledError() if n == 0 else n, gate)
        asked = [asyncio.create_task(flights.share("k", 0, always, make)) for _ in range(5)]
        await _turns()
        gate.set()
        results = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)
        assert isinstance(results[0], MakingCancelledError)
        assert results[1:] == [1] * 4
        assert calls == [0, 1]

    asyncio.run(scenario())


@pytest.mark.parametrize("stands", [True, False])
def test_a_making_begun_before_feedback_is_not_joined(stands: bool) -> None:
    async def scenario() -> None:
        gate, flights = asyncio.Event(), Flights[int]()
        _calls, make = counting(lambda n: n, gate)
        first = asyncio.create_task(flights.share("k", 0, always, make))
        await _turns()
        second = asyncio.create_task(flights.share("k", 1, lambda moment: stands, make))
        await _turns()
        third = asyncio.create_task(
            flights.share("k", 1, lambda moment: moment == 1 or stands, make)
        )
        await _turns()
        gate.set()
        expected = (0, 0, 0) if stands else (0, 1, 1)
        assert tuple(await asyncio.gather(first, second, third)) == expected
        assert len(flights) == 0

    asyncio.run(scenario())
