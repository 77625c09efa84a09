"""A run: requests at a server of this machine, as fast as it goes or on a schedule.

Closed loop: each connection asks again as soon as it is answered. Open loop: requests are due at
moments fixed beforehand, whatever the server does, and a latency counts from the moment its request
was due, so that a server that stalls cannot hide the requests it kept from being sent ("coordinated
omission").
"""

import asyncio
import errno
import functools
import gc
import itertools
import time
from array import array
from collections import Counter, deque
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.load.alarm import Alarm
from benchmarks.load.answers import Answer
from benchmarks.load.connection import Connection
from benchmarks.load.plan import Act, Plan
from benchmarks.load.requests import target
from benchmarks.load.result import Acted, Result, Samples, quantiles
from benchmarks.load.watch import EVERY, Watch

SWEEP = 0.1  # seconds between looks for what takes too long
IDLE = 3.0  # seconds; servers close idle connections after 5, and a request may meet that
PAUSE = 0.02  # seconds before a refused connection is tried again
PROBE = 0.005  # seconds between the probes of a closed loop's lateness


def run(plan: Plan) -> Result:
    """Do it, on uvloop where there is one; the result says which loop it was."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.run(_Run(plan, "asyncio").go())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Run(plan, "uvloop").go())


class _Run:
    """What all connections of a run share: the clock, the schedule, the counts."""

    def __init__(self, plan: Plan, loop: str) -> None:
        self.plan, self.loop_name = plan, loop
        self.where = target(plan.url)
        self.samples, self.lateness = Samples(), array("d")
        self.errors: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.sent = self.opened = self.opening = self.most_open = self.waited = 0
        self.connections: set[Connection] = set()
        self.idle: list[Connection] = []  # the last one used is the next one used
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.acted: list[Acted] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.start = self.until = 0.0
        self.next = 0
        self.over = False  # nothing more is to be sent
        several = isinstance(plan.requests, Sequence)
        self.requests: Iterator[bytes] = (
            itertools.cycle(plan.requests) if several else iter(plan.requests)
        )

    async def go(self) -> Result:
        plan = self.plan
        self.schedule = plan.due() if plan.rate is not None else None
        self.done = asyncio.get_running_loop().create_future()
        watch = Watch(plan.pids)
        gc.collect()
        gc.disable()  # a collection stops everything for milliseconds; a run is bounded
        try:
            cpu = time.process_time()
            self.start = time.monotonic() + (0.0 if self.schedule is None else 0.01)
            self.until = self.start + plan.seconds
            alarm = Alarm(self._ring if self.schedule is not None else self._probe)
            alarm.set(self.start)
            self.alarm = alarm
            sweeping = asyncio.create_task(self._sweep(watch))
            acting = [asyncio.create_task(self._act(when, act)) for when, act in plan.at]
            try:
                if self.schedule is None:
                    for _ in range(plan.connections):
                        self._open()
                await asyncio.wait({self.done, sweeping}, return_when=asyncio.FIRST_COMPLETED)
                if sweeping.done():
                    sweeping.result()
                self.done.result()
                await asyncio.gather(*acting)
            finally:
                exact = alarm.exact
                alarm.close()
                for task in (sweeping, *acting, *self.tasks):
                    task.cancel()
                for connection in self.connections:
                    connection.abort()
                await asyncio.gather(sweeping, *acting, *self.tasks, return_exceptions=True)
            spent = time.process_time() - cpu
        finally:
            gc.enable()
        return self._result(spent, watch, exact)

    def _result(self, spent: float, watch: Watch, exact: bool) -> Result:
        moments = np.frombuffer(self.samples.moments) if len(self.samples) else np.zeros(1)
        latencies = np.frombuffer(self.samples.latencies) if len(self.samples) else np.zeros(1)
        return Result(
            sent=self.sent,
            answered=len(self.samples),
            statuses=dict(self.statuses),
            errors=dict(self.errors),
            seconds=float((moments + latencies).max()),
            offered=self.plan.rate,
            connections=self.most_open,
            opened=self.opened,
            waited=self.waited,
            generator_cpu_seconds=spent,
            servers=watch.found(),
            lateness=quantiles(np.frombuffer(self.lateness)) if self.lateness else {},
            loop=self.loop_name,
            exact_clock=exact,
            acted=tuple(self.acted),
            samples=self.samples,
        )

    # What is due

    def _ring(self) -> None:
        """Send all that is due; the alarm is set for what is next."""
        assert self.schedule is not None
        while self.next < len(self.schedule):
            due = self.start + self.schedule[self.next]
            late = time.monotonic() - due
            if late < 0:
                self.alarm.set(due)
                return
            request = next(self.requests, None)
            if request is None:
                break
            self.next += 1
            self.sent += 1
            self.lateness.append(late)
            connection = self._idle()
            if connection is not None:
                connection.send(request, due)
            else:
                self.waited += 1
                self.waiting.append((due, request))
                self._open()
        self.over = True
        self._end()

    def _idle(self) -> Connection | None:
        """One that is open: the server may have closed it just now."""
        while self.idle:
            connection = self.idle.pop()
            if connection.usable:
                return connection
        return None

    def _probe(self) -> None:
        """A closed loop is never late for a request; how late is it for an alarm?"""
        now = time.monotonic()
        due = self.start + self.next * PROBE
        self.lateness.append(now - due)
        self.next = int((now - self.start) / PROBE) + 1
        if now < self.until:
            self.alarm.set(self.start + self.next * PROBE)
        else:
            self.over = True
            self._end()

    def _go_on(self, connection: Connection) -> None:
        """A connection has nothing to do."""
        if not connection.usable:  # the end of it is on its way
            self._end()
            return
        if self.schedule is not None:
            if self.waiting:
                due, request = self.waiting.popleft()
                connection.send(request, due)
            else:
                self.idle.append(connection)
        elif (now := time.monotonic()) < self.until and self.sent < self.plan.most:
            request_or_none = next(self.requests, None)
            if request_or_none is None:
                self.over = True
            else:
                self.sent += 1
                connection.send(request_or_none, now)
                return
        if self.over or self.sent >= self.plan.most:
            self.over = True
            self._end()

    def _end(self) -> None:
        if self.over and self.sent == len(self.samples) + self.errors.total():
            self._finish()

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    # What connections report

    def answered(self, connection: Connection, answer: Answer) -> None:
        now = time.monotonic()
        self.samples.add(connection.due - self.start, now - connection.due, answer.status)
        self.statuses[answer.status] += 1
        if self.plan.on_answer is not None:
            try:
                self.plan.on_answer(answer.status, answer.body)
            except Exception as error:
                if not self.done.done():
                    self.done.set_exception(error)
                return
        if answer.closes:
            connection.close()
            self._end()
        else:
            self._go_on(connection)

    def failed(self, why: str) -> None:
        self.errors[why] += 1
        self._end()

    def lost(self, connection: Connection) -> None:
        self.connections.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)
        if self.over and not self.waiting:
            return
        if self.schedule is None or self.waiting:
            self._open()

    # Connections

    def _open(self) -> None:
        if len(self.connections) + self.opening < self.plan.connections:
            self.opening += 1
            task = asyncio.create_task(self._connect())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        make = functools.partial(Connection, self)
        try:
            async with asyncio.timeout(self.plan.timeout):
                _, connection = await loop.create_connection(make, self.where.host, self.where.port)
        except OSError as error:  # a timeout is one, too
            self.opening -= 1
            self._refused(_why(error))
            if self.schedule is None and not self.over:
                await asyncio.sleep(PAUSE)
                if time.monotonic() < self.until:
                    self._open()
            return
        self.opening -= 1
        self.opened += 1
        self.connections.add(connection)
        self.most_open = max(self.most_open, len(self.connections))
        self._go_on(connection)

    def _refused(self, why: str) -> None:
        """No connection: the request that was waiting for it, or would have been sent, fails."""
        if self.schedule is None:
            self.sent += 1
        elif self.waiting:
            self.waiting.popleft()
        else:
            return
        self.failed(why)

    async def _sweep(self, watch: Watch) -> None:
        looked = time.monotonic()
        while True:
            await asyncio.sleep(SWEEP)
            now = time.monotonic()
            for connection in tuple(self.connections):
                if connection.busy and now - connection.since > self.plan.timeout:
                    connection.give_up("timeout")
            while self.waiting and now - self.waiting[0][0] > self.plan.timeout:
                self.waiting.popleft()
                self.failed("no connection in time")
            while self.idle and now - self.idle[0].since > IDLE:
                self.idle.pop(0).close()
            if now - looked >= EVERY:
                looked = now
                watch.look()

    async def _act(self, when: float, act: Act) -> None:
        await asyncio.sleep(max(0.0, self.start + when - time.monotonic()))
        began, error = time.monotonic(), None
        try:
            await act()
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
        name = getattr(act, "__name__", type(act).__name__)
        took = time.monotonic() - began
        self.acted.append(Acted(name, began - self.start, took, error))


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    return errno.errorcode.get(error.errno or 0, type(error).__name__)
