"""Single flight: many who miss the same answer at once wait for one making of it.

A making runs in a task of its own, so whoever began it may be cancelled without harm to the others;
when nobody waits any more it is cancelled. A failure need not be everybody's (its maker's own
deadline, say), so who only joined tries once more before failing. A making begun before its user's
feedback is joined by nobody who comes after it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


class MakingCancelledError(Exception):
    """Whoever makes the answer gave up, without the one who waits for it being cancelled."""


@dataclass(eq=False)
class _Flight(Generic[T]):
    moment: int
    task: asyncio.Task[T] = field(init=False)
    waiting: int = 0


class Flights(Generic[T]):
    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}
        self.joined = 0

    async def share(
        self,
        name: str,
        moment: int,
        stands: Callable[[int], bool],
        begin: Callable[[], Awaitable[T]],
    ) -> T:
        """The result of `begin`, or of another's in flight whose moment still stands."""
        flight = self._flights.get(name)
        mine = flight is None or flight.task.done() or not stands(flight.moment)
        if not mine:
            self.joined += 1
            assert flight is not None
            try:
                return await self._wait(flight)
            except asyncio.CancelledError:
                raise
            except Exception:
                flight = self._flights.get(name)  # perhaps another who waited has begun anew
                mine = flight is None or flight.task.done() or not stands(flight.moment)
        if mine or flight is None:
            flight = self._begin(name, moment, begin)
        return await self._wait(flight)

    def _begin(self, name: str, moment: int, begin: Callable[[], Awaitable[T]]) -> _Flight[T]:
        flight: _Flight[T] = _Flight(moment)

        async def fly() -> T:
            return await begin()

        def landed(task: asyncio.Task[T]) -> None:
            if self._flights.get(name) is flight:
                del self._flights[name]
            if not task.cancelled():
                task.exception()  # seen: those who waited have it

        flight.task = asyncio.create_task(fly(), name="cache-making")
        flight.task.add_done_callback(landed)
        self._flights[name] = flight
        return flight

    async def _wait(self, flight: _Flight[T]) -> T:
        flight.waiting += 1
        try:
            await asyncio.wait({flight.task})
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                flight.task.cancel()
        if flight.task.cancelled():
            raise MakingCancelledError
        return flight.task.result()

    def __len__(self) -> int:
        return len(self._flights)

    async def close(self) -> None:
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
