"""Whose turn it is: answers are made one at a time, and who would wait too long is told at once.

A quick model answers on the event loop itself: handing it to a thread costs more than it takes,
and both would wait for the interpreter. A slow one gets a thread, so that cached answers, health
and metrics go on meanwhile. Which it is was measured when the model was warmed up.

A queue that empties again and again absorbs bursts, and may be long; one that never empties only
makes everybody late, and is kept short (Nichols & Jacobson 2012, "Controlling Queue Delay").
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Literal, TypeVar

from pydantic import Field

from reccore.config import Settings
from reccore.serve.refusal import Refusal

T = TypeVar("T")
QUICK = 0.004  # seconds of an answer that may hold up the event loop
RECENT = 0.05  # weight of the newest turn in the mean
STANDING = 0.25  # seconds without an empty queue, after which it is no burst any more
CALM = 1.0  # seconds without a refusal, after which a burst is taken for one again
FEW = 3  # answers that may always wait


class WorkSettings(Settings):
    """How much may wait."""

    queue: int = Field(128, ge=1, description="answers that may wait; who comes then gets a 429")
    patience_ms: float = Field(
        100, gt=0, description="in a burst, an answer that would wait longer is refused at once"
    )
    standing_ms: float = Field(
        20, gt=0, description="the same while more is asked than can be answered, for longer"
    )
    deadline_ms: float = Field(
        1000, gt=0, description="an answer that has waited so long is refused instead of made"
    )
    mode: Literal["auto", "loop", "thread"] = Field(
        "auto", description="make answers on the event loop, or in a thread; auto: by their time"
    )


class Line:
    """One at a time: first come, first served, but who has begun goes before who has not."""

    def __init__(self) -> None:
        self._taken = False
        self._begun: deque[asyncio.Future[None]] = deque()
        self._new: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def turn(self, *, first: bool) -> AsyncIterator[None]:
        if self._taken:
            mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            (self._begun if first else self._new).append(mine)
            try:
                await mine
            except asyncio.CancelledError:
                if mine.done() and not mine.cancelled():  # it was my turn already
                    self._next()
                raise
        self._taken = True
        try:
            yield
        finally:
            self._next()

    def _next(self) -> None:
        for line in (self._begun, self._new):
            while line:
                who = line.popleft()
                if not who.done():  # else gone meanwhile
                    who.set_result(None)
                    return
        self._taken = False


class Work:
    """A queue of one worker."""

    def __init__(self, settings: WorkSettings) -> None:
        self.settings = settings
        self.waiting = 0  # the one that is being made among them
        self.turn = 0.001  # seconds from one answer to the next, lately
        self.threaded = settings.mode == "thread"
        self._free = self._done = time.perf_counter()  # last without a queue; last answered
        self._pressed = 0.0  # until then no queue may be long
        self._one = Line()
        self._thread = ThreadPoolExecutor(1, "answers")

    def measured(self, seconds: float) -> None:
        """How long an answer takes, once a model is warm."""
        self.turn = seconds
        if self.settings.mode == "auto":
            self.threaded = seconds > QUICK

    def full(self) -> Refusal | None:
        """What to tell who comes now, if it is too many."""
        how, waiting = self.settings, self.waiting
        if waiting < min(FEW, how.queue):
            return None
        now = time.perf_counter()
        standing = now - self._free > STANDING or now < self._pressed
        patience = how.standing_ms if standing else how.patience_ms
        if waiting < how.queue and 1000 * waiting * self.turn <= patience:
            return None
        if standing:
            self._pressed = now + CALM
        return self._busy()

    async def run(self, job: Callable[[], T], *, begun: bool = False) -> tuple[T, float, float]:
        """The job's result, the seconds it waited, and the seconds it took.

        What is part of an answer that was begun already is never refused.
        """
        refusal = None if begun else self.full()
        if refusal is not None:
            raise refusal
        asked = time.perf_counter()
        if not self.waiting:
            self._free = asked
        self.waiting += 1
        try:
            async with self._one.turn(first=begun):
                await asyncio.sleep(0)  # see who came meanwhile: the queue must not hide in sockets
                began = time.perf_counter()
                if not begun and (began - asked) * 1000 > self.settings.deadline_ms:
                    raise self._busy()
                if self.threaded:
                    loop = asyncio.get_running_loop()
                    result = await asyncio.shield(loop.run_in_executor(self._thread, job))
                else:
                    result = job()
                ended = time.perf_counter()
                self.turn += RECENT * (ended - max(asked, self._done) - self.turn)
                self._done = ended
        finally:
            self.waiting -= 1
        return result, began - asked, ended - began

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    def _busy(self) -> Refusal:
        seconds = max(1, round(self.waiting * self.turn))
        return Refusal(
            429, "busy", "more is asked than can be answered now",
            remedy=f"ask again in {seconds} s", retry_after=seconds,
        )  # fmt: skip


class Turns:
    """The stages of one answer, each in its turn, and the seconds they waited and took together."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._begun = False
        self.waited = self.took = 0.0

    async def __call__(self, stage: Callable[[], T]) -> T:
        """Only the first can be refused: what is begun is finished."""
        result, waited, took = await self._work.run(stage, begun=self._begun)
        self._begun = True
        self.waited += waited
        self.took += took
        return result
