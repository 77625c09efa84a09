"""Whose turn it is: answers are made one at a time, and who would wait too long is told at once.

A quick model answers on the event loop itself: handing it to a thread costs more than it takes,
and both would wait for the interpreter. A slow one gets a thread, so that cached answers, health
and metrics go on meanwhile. Which it is was measured when the model was warmed up.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar

from pydantic import Field

from reccore.config import Settings
from reccore.serve.refusal import Refusal

T = TypeVar("T")
QUICK = 0.004  # seconds of an answer that may hold up the event loop
RECENT = 0.05  # weight of the newest answer in the mean


class WorkSettings(Settings):
    """How much may wait."""

    queue: int = Field(128, ge=1, description="answers that may wait; who comes then gets a 429")
    patience_ms: float = Field(
        100, gt=0, description="an answer that would wait longer than this is refused at once"
    )
    deadline_ms: float = Field(
        1000, gt=0, description="an answer that has waited so long is refused instead of made"
    )
    mode: Literal["auto", "loop", "thread"] = Field(
        "auto", description="make answers on the event loop, or in a thread; auto: by their time"
    )


class Work:
    """A queue of one worker."""

    def __init__(self, settings: WorkSettings) -> None:
        self.settings = settings
        self.waiting = 0  # the one that is being made among them
        self.mean = 0.001  # seconds of an answer, lately
        self.threaded = settings.mode == "thread"
        self._turn = asyncio.Lock()  # first come, first served
        self._thread = ThreadPoolExecutor(1, "answers")

    def measured(self, seconds: float) -> None:
        """How long an answer takes, once a model is warm."""
        self.mean = seconds
        if self.settings.mode == "auto":
            self.threaded = seconds > QUICK

    async def run(self, job: Callable[[], T]) -> tuple[T, float, float]:
        """The job's result, the seconds it waited, and the seconds it took."""
        how = self.settings
        if self.waiting >= how.queue or self.waiting * self.mean * 1000 > how.patience_ms:
            raise self._busy()
        self.waiting += 1
        asked = time.perf_counter()
        try:
            async with self._turn:
                await asyncio.sleep(0)  # see who came meanwhile: the queue must not hide in sockets
                began = time.perf_counter()
                if (began - asked) * 1000 > how.deadline_ms:
                    raise self._busy()
                if self.threaded:
                    loop = asyncio.get_running_loop()
                    result = await asyncio.shield(loop.run_in_executor(self._thread, job))
                else:
                    result = job()
                took = time.perf_counter() - began
        finally:
            self.waiting -= 1
        self.mean += RECENT * (took - self.mean)
        return result, began - asked, took

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    def _busy(self) -> Refusal:
        seconds = max(1, round(self.waiting * self.mean))
        return Refusal(
            429, "busy", "more is asked than can be answered now",
            remedy=f"ask again in {seconds} s", retry_after=seconds,
        )  # fmt: skip
