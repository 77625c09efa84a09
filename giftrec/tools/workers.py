"""A few threads for work that may hang: what hangs is left behind and counted, and blocks nobody.

A thread cannot be stopped from outside. When its work is given up, the thread is *abandoned*: a
spare one takes its place, and it ends, or takes work again, when the work returns. Spares are
bounded; when all threads hang, new work is refused at once instead of waiting for them.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class SaturatedError(Exception):
    """All threads hang."""


@dataclass(eq=False)
class Job(Generic[T]):
    work: Callable[[], T]
    future: Future[T] = field(default_factory=Future)
    finished: bool = False
    abandoned: bool = False


class Workers:
    """At most `size` threads at work and `spare` more that stand in for hanging ones."""

    def __init__(self, name: str, size: int = 4, spare: int = 4) -> None:
        if size < 1 or spare < 0:
            raise ValueError("at least one thread, and no fewer than no spare ones")
        self.name, self._size, self._spare = name, size, spare
        self._queue: SimpleQueue[Job[object] | None] = SimpleQueue()
        self._lock = threading.RLock()  # a finalizer may close it at any time
        self._able = 0  # threads that work or wait for work
        self._waiting = 0  # jobs queued or running that nobody gave up
        self._closed = False
        self.hanging = 0  # threads abandoned and not yet back
        self.abandoned = 0  # how often that happened

    @property
    def threads(self) -> int:
        """All there are, hanging ones included."""
        return self._able + self.hanging

    def submit(self, work: Callable[[], T]) -> Job[T]:
        job = Job(work)
        with self._lock:
            if self._closed:
                raise SaturatedError(f"{self.name} is closed")
            self._waiting += 1
            self._grow()
            if self._able == 0:
                self._waiting -= 1
                raise SaturatedError(f"{self.name}: all {self.hanging} threads hang")
        self._queue.put(job)  # type: ignore[arg-type]
        return job

    def abandon(self, job: Job[T]) -> None:
        """Give a job up: it is not started any more, or its thread is left behind."""
        cancelled = job.future.cancel()
        with self._lock:
            if job.finished or job.abandoned:
                return
            job.abandoned = True
            self._waiting -= 1
            if cancelled or job.future.cancelled():
                return
            self.hanging += 1
            self.abandoned += 1
            self._able -= 1
            self._grow()

    def close(self) -> None:
        """Threads end when they are done; nothing waits for those that hang."""
        with self._lock:
            self._closed = True
            for _ in range(self._able):
                self._queue.put(None)

    def _grow(self) -> None:
        """Start threads while there is work for them and they are allowed."""
        wanted = min(self._waiting, self._size)
        while self._able < wanted and self.threads < self._size + self._spare:
            self._able += 1
            threading.Thread(target=self._work, name=self.name, daemon=True).start()

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            if not job.future.set_running_or_notify_cancel():
                continue
            result, failure = None, None
            try:
                result = job.work()
            except BaseException as error:
                failure = error
            with self._lock:
                job.finished = True
                goes = job.abandoned and (self._closed or self._able >= self._size)
                if job.abandoned:
                    self.hanging -= 1
                    self._able += not goes
                else:
                    self._waiting -= 1
            if failure is not None:
                job.future.set_exception(failure)
            else:
                job.future.set_result(result)
            if goes:
                return
