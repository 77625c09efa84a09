"""Group commit: who waits for the disk together, pays for it once.

Callers queue in one line. While a write is under way the next ones gather, and all of them become
one write; what is not an event (a deletion) goes alone, in its place, so that an event accepted
before it cannot be stored after it. There is no timer: an idle store writes at once.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from reccore.serve.feedback.event import Added, Arrival, Event, unavailable
from reccore.serve.feedback.outcome import Outcome, Written, added
from reccore.serve.refusal import Refusal

T = TypeVar("T")
Write = Callable[[Sequence[Arrival]], Awaitable[Written]]

TOGETHER = 512  # events of one write: about 5 ms of SQLite
WAITING = 20_000  # events in line before the next are refused: memory stays flat
AHEAD = 86_400  # seconds a client's clock may run fast: what is dated later would never expire


@dataclass(slots=True, eq=False)
class _Call:
    arrivals: list[Arrival]
    answer: asyncio.Future[Added]


@dataclass(slots=True, eq=False)
class _Alone:
    action: Callable[[], Awaitable[Any]]
    answer: asyncio.Future[Any]


class Line:
    """The one way to a store's writer."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._line: deque[_Call | _Alone] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._last = 0
        self.waiting = 0
        self.groups = 0
        self.counts = dict.fromkeys(Outcome, 0)

    def now(self) -> int:
        """Microseconds, always later than before, whatever is done to the clock."""
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return self._last

    async def add(self, events: Sequence[Event]) -> Added:
        latest = time.time() + AHEAD
        if any(event.at > latest for event in events):
            raise Refusal(422, "invalid_event", "at lies in the future", field="at")
        if self.waiting and self.waiting + len(events) > WAITING:
            raise unavailable("more feedback waits to be stored than fits", retry_after=1)
        if not events:
            return Added(0, 0)
        arrivals = [Arrival(event, self.now()) for event in events]
        call = _Call(arrivals, asyncio.get_running_loop().create_future())
        self.waiting += len(arrivals)
        self._enter(call)
        return await call.answer

    async def alone(self, action: Callable[[], Awaitable[T]]) -> T:
        """Do something else with the writer, in its turn."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._enter(_Alone(action, answer))
        return await answer

    async def close(self) -> None:
        """What is in line is still written."""
        self._closed = True
        if self._task is not None:
            await self._task

    def _enter(self, entry: _Call | _Alone) -> None:
        if self._closed:
            raise unavailable("the server is stopping")
        self._line.append(entry)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        while self._line:
            entry = self._line.popleft()
            if isinstance(entry, _Alone):
                await self._do(entry)
            else:
                await self._write_together(self._gather(entry))

    def _gather(self, call: _Call) -> list[_Call]:
        group, size = [call], len(call.arrivals)
        while self._line and size < TOGETHER:
            following = self._line[0]
            if isinstance(following, _Alone):
                break
            self._line.popleft()
            group.append(following)
            size += len(following.arrivals)
        self.waiting -= size
        return group

    async def _write_together(self, group: list[_Call]) -> None:
        arrivals = [arrival for call in group for arrival in call.arrivals]
        try:
            written = await self._write(arrivals)
        except Exception as error:  # whatever it was, each caller is told
            for call in group:
                _fail(call.answer, error)
            return
        self.groups += 1
        for outcome in written.outcomes:
            self.counts[outcome] += 1
        start = 0
        for call in group:
            stop = start + len(call.arrivals)
            part = Written(written.outcomes[start:stop], written.degraded)
            start = stop
            if call.answer.done():  # its caller went away; the events are stored all the same
                continue
            try:
                call.answer.set_result(added(call.arrivals, part))
            except Refusal as refusal:
                call.answer.set_exception(refusal)

    async def _do(self, entry: _Alone) -> None:
        try:
            result = await entry.action()
        except Exception as error:
            _fail(entry.answer, error)
        else:
            if not entry.answer.done():
                entry.answer.set_result(result)


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
