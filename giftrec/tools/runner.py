"""Asks tools in parallel and always comes back in time, whatever they do.

Each tool has threads of its own, a time limit and a circuit breaker, so that one that hangs or
fails costs the others nothing. Failures that may pass are tried again, after a pause that grows,
within the time limit. What did not answer is in its envelope, in the trace and in the counts.
"""

import asyncio
import random
import time
import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock

from giftrec.tools.envelope import Envelope, Run, Status, Step
from giftrec.tools.provider import Provider, TransientError
from giftrec.tools.registry import Tool, default_tools
from giftrec.tools.results import Request, Result
from giftrec.tools.tables import ProviderError
from giftrec.tools.workers import SaturatedError, Workers
from reccore.errors import UserError
from reccore.serve.cache.breaker import Breaker

PASSING = (TransientError, ConnectionError, TimeoutError)


@dataclass(frozen=True)
class Limits:
    """How patient a runner is."""

    deadline_s: float = 0.6  # of a whole run
    retries: int = 2
    backoff_s: float = 0.02  # before the first retry; doubled each time, jittered
    failures: int = 3  # in a row, after which a tool is left alone
    rest_s: float = 5.0
    threads: int = 4  # of each tool
    spare_threads: int = 4


@dataclass
class _Log:
    """Of one run."""

    began: float
    steps: list[Step] = field(default_factory=list)

    def add(self, tool: str, event: str) -> None:
        at_ms = round(1000 * (time.monotonic() - self.began), 2)
        self.steps.append(Step(tool=tool, at_ms=at_ms, event=event))


class Runner:
    """The tools over one provider. Threads and event loops may share it."""

    def __init__(
        self, provider: Provider, tools: Sequence[Tool] | None = None, limits: Limits | None = None
    ) -> None:
        self.provider, self.limits = provider, limits or Limits()
        self.tools = {tool.name: tool for tool in tools or default_tools()}
        self.counts: Counter[tuple[str, str]] = Counter()  # (tool, what happened): how often
        limits = self.limits
        self._workers = {
            name: Workers(name, limits.threads, limits.spare_threads) for name in self.tools
        }
        self._breakers = {name: Breaker(limits.failures, limits.rest_s) for name in self.tools}
        self._lock = Lock()
        self._jitter = random.Random(0)  # noqa: S311 - spreads retries, guards nothing
        weakref.finalize(self, _close, tuple(self._workers.values())).atexit = False

    def warm(self, requests: Mapping[str, Request]) -> float:
        """Answer once without time limits, so that what is remembered is there. Seconds taken."""
        began = time.monotonic()
        for name, request in requests.items():
            self.tools[name].answer(request, self.provider)
        return time.monotonic() - began

    def run_sync(self, requests: Mapping[str, Request], deadline_s: float | None = None) -> Run:
        """`run` for callers without an event loop."""
        return asyncio.run(self.run(requests, deadline_s))

    async def run(self, requests: Mapping[str, Request], deadline_s: float | None = None) -> Run:
        """Ask the tools named in `requests`, all at once; never later than the deadline."""
        for name, request in requests.items():
            if name not in self.tools:
                known = ", ".join(self.tools)
                raise UserError(f"no tool {name!r}", f"known: {known}")
            if not isinstance(request, self.tools[name].request):
                raise UserError(
                    f"{name} cannot answer a {type(request).__name__}",
                    f"it takes a {self.tools[name].request.__name__}",
                )
        began = time.monotonic()
        log = _Log(began)
        end = began + (self.limits.deadline_s if deadline_s is None else deadline_s)
        answers = await asyncio.gather(
            *(self._ask(self.tools[name], request, end, log) for name, request in requests.items())
        )
        ms = round(1000 * (time.monotonic() - began), 3)
        envelopes = dict(zip(requests, answers, strict=True))
        return Run(envelopes=envelopes, trace=tuple(log.steps), ms=ms)

    async def _ask(self, tool: Tool, request: Request, end: float, log: _Log) -> Envelope:
        began = time.monotonic()
        end = min(end, began + tool.timeout_s)
        close = partial(self._closed, tool, request, began, log)
        if not self._allowed(tool):
            return close("error", 0, words=("left alone after repeated failures",))
        attempt = 0
        while True:
            attempt += 1
            log.add(tool.name, "asked" if attempt == 1 else f"asked again ({attempt})")
            try:
                data = await self._once(tool, request, end)
            except TimeoutError:
                self._report(tool, good=False)
                return close("timeout", attempt, words=("no answer in time",))
            except _Failed as failed:
                pause = self._pause(attempt)
                again = failed.passing and tool.idempotent and attempt <= self.limits.retries
                if again and time.monotonic() + pause < end:
                    self._count(tool, "retry")
                    log.add(tool.name, failed.words)
                    await asyncio.sleep(pause)
                    continue
                self._report(tool, good=failed.callers)
                return close("error", attempt, words=(failed.words,))
            self._report(tool, good=True)
            return close("ok", attempt, data)

    async def _once(self, tool: Tool, request: Request, end: float) -> Result:
        """One call in a thread. TimeoutError: it is not back in time; _Failed: it failed."""
        workers = self._workers[tool.name]
        try:
            job = workers.submit(partial(tool.answer, request, self.provider))
        except SaturatedError as error:
            self._count(tool, "saturated")
            raise _Failed(str(error)) from None
        future = asyncio.wrap_future(job.future)
        try:
            done, _ = await asyncio.wait({future}, timeout=max(0.0, end - time.monotonic()))
        except asyncio.CancelledError:
            workers.abandon(job)
            raise
        if not done:
            workers.abandon(job)
            future.cancel()
            self._count(tool, "abandoned")
            raise TimeoutError
        failure = future.exception()
        if failure is not None:
            raise _told(failure)
        data = future.result()
        if not isinstance(data, Result):
            raise _Failed(f"answered with a {type(data).__name__}, which is no result")
        return data

    def _closed(
        self,
        tool: Tool,
        request: Request,
        began: float,
        log: _Log,
        status: Status,
        attempts: int,
        data: Result | None = None,
        words: tuple[str, ...] = (),
    ) -> Envelope:
        as_of = None if data is None else data.as_of
        if data is not None:
            words = data.words
            if not data.found:
                status = "empty"
            elif tool.fresh_days is not None and as_of is not None:
                age = (request.on - as_of).days
                if age > tool.fresh_days:
                    status = "stale"
                    words = (f"{age} days old (limit {tool.fresh_days})", *words)
        self._count(tool, status)
        log.add(tool.name, status)
        return Envelope(
            tool=tool.name,
            status=status,
            data=data,
            source=self.provider.name,
            as_of=as_of,
            ms=round(1000 * (time.monotonic() - began), 3),
            attempts=attempts,
            words=words,
        )

    def _pause(self, attempt: int) -> float:
        with self._lock:
            jitter = 0.5 + self._jitter.random() / 2
        return float(self.limits.backoff_s * 2 ** (attempt - 1) * jitter)

    def _allowed(self, tool: Tool) -> bool:
        with self._lock:
            return self._breakers[tool.name].allows()

    def _report(self, tool: Tool, *, good: bool) -> None:
        with self._lock:
            breaker = self._breakers[tool.name]
            (breaker.succeeded if good else breaker.failed)()

    def _count(self, tool: Tool, event: str) -> None:
        with self._lock:
            self.counts[tool.name, event] += 1

    def gauges(self) -> dict[tuple[str, str], float]:
        """What holds now, for metrics: threads, hanging ones, open breakers."""
        found: dict[tuple[str, str], float] = {}
        for name, workers in self._workers.items():
            found[name, "threads"] = workers.threads
            found[name, "hanging"] = workers.hanging
            found[name, "open"] = float(self._breakers[name].state == "open")
        return found

    def close(self) -> None:
        """Its threads end; they do so by themselves, too, once nobody holds the runner."""
        _close(tuple(self._workers.values()))


def _close(workers: tuple[Workers, ...]) -> None:
    for some in workers:
        some.close()


class _Failed(Exception):  # noqa: N818 - an outcome, not a defect
    """A call that failed, in words for the envelope."""

    def __init__(self, words: str, *, passing: bool = False, callers: bool = False) -> None:
        self.words, self.passing, self.callers = words, passing, callers
        super().__init__(words)


def _told(error: BaseException) -> _Failed:
    """Errors of our own say what they say; of others only the kind, as they may hold secrets."""
    if isinstance(error, UserError):
        return _Failed(str(error), callers=True)
    if isinstance(error, PASSING):
        return _Failed(f"failed: {type(error).__name__}", passing=True)
    if isinstance(error, ProviderError):
        return _Failed(f"unusable rows: {error}")
    return _Failed(f"failed: {type(error).__name__} at {_place(error)}")


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    if trace is None:
        return "an unknown place"
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
