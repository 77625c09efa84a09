"""Connections to Postgres that fail soon rather than late.

A database can be gone in three ways: it refuses, it is silent, or it answers with an error. All
become `GoneError`, in a second at most. Silence is the hard one: a cancelled statement would wait
for the server's consent, so a watchdog shuts the socket down under it instead.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from reccore.errors import UserError, need

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    Connection = AsyncConnection[tuple[Any, ...]]

T = TypeVar("T")
Work = Callable[["Connection"], Awaitable[T]]

CONNECT = 1.0  # seconds
STATEMENT = 0.5  # seconds, told to the server
SILENCE = 0.75  # seconds a piece of work may take before its connection is cut
CONNECTIONS = 4  # of one process: one writes, the others read


class GoneError(Exception):
    """The database does not do its work; the reason holds no personal data."""

    def __init__(self, reason: str, while_idle: bool = False) -> None:
        super().__init__(reason)
        self.while_idle = while_idle  # perhaps only this connection is dead


class Link:
    """A few connections, made when needed, kept while they work."""

    def __init__(self, url: str, what: str = "feedback") -> None:
        """`what` is kept there, for messages."""
        self._psycopg = need("psycopg", "postgres")
        try:
            self._psycopg.conninfo.conninfo_to_dict(url)
        except self._psycopg.ProgrammingError:
            raise UserError(
                f"the {what} address is no Postgres address",
                "postgresql://user:password@host:5432/database",
            ) from None
        self._url = url
        self._idle: list[Connection] = []
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._failures = 0
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, work: "Work[T]", seconds: float = SILENCE) -> T:
        """Do the work, perhaps twice: it must be idempotent."""
        task = asyncio.ensure_future(self._run(work, seconds))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)  # a caller who leaves must not cancel a statement

    async def close(self) -> None:
        if self._running:
            await asyncio.gather(*self._running, return_exceptions=True)
        await self._drop_idle()

    async def _drop_idle(self) -> None:
        while self._idle:
            await self._idle.pop().close()

    async def _run(self, work: "Work[T]", seconds: float) -> T:
        failures = self._failures
        async with self._free:
            if self._failures != failures:  # or a queue would wait for one silence after another
                raise GoneError("it failed others meanwhile")
            try:
                return await self._work(work, seconds)
            except GoneError:
                self._failures += 1
                await self._drop_idle()  # or each would have to fail by itself
                raise

    async def _work(self, work: "Work[T]", seconds: float) -> T:
        if self._idle:
            try:
                return await self._use(self._idle.pop(), work, seconds)
            except GoneError as gone:
                if not gone.while_idle:
                    raise
                await self._drop_idle()  # as after a restart of the database: once more
        return await self._use(await self._connect(), work, seconds)

    async def _use(self, connection: "Connection", work: "Work[T]", seconds: float) -> T:
        try:
            return await self._watched(connection, work, seconds)
        finally:
            if not connection.closed:
                self._idle.append(connection)

    async def _watched(self, connection: "Connection", work: "Work[T]", seconds: float) -> T:
        late = False

        def cut() -> None:
            nonlocal late
            late = True
            _shut_down(connection.fileno())

        watchdog = asyncio.get_running_loop().call_later(seconds, cut)
        try:
            return await work(connection)
        except (self._psycopg.Error, OSError) as error:
            reason = f"silent for {seconds} s" if late else _reason(error)
            raise GoneError(reason, while_idle=connection.broken and not late) from None
        finally:
            watchdog.cancel()
            if connection.broken or late:
                await connection.close()

    async def _connect(self) -> "Connection":
        try:
            async with asyncio.timeout(CONNECT):
                connection: Connection = await self._psycopg.AsyncConnection.connect(
                    self._url, autocommit=True
                )
        except TimeoutError:
            raise GoneError(f"no connection in {CONNECT} s") from None
        except (self._psycopg.Error, OSError) as error:
            first = str(error).strip().splitlines() or [type(error).__name__]
            raise GoneError(first[0][:200]) from None
        if connection.info.parameter_status("server_encoding") != "UTF8":
            await connection.close()
            raise GoneError("its encoding is not UTF8, and ids may be in any script")
        await self._watched(connection, _limit_statements, SILENCE)
        return connection


async def _limit_statements(connection: "Connection") -> None:
    await connection.execute(f"SET statement_timeout = {int(STATEMENT * 1000)}")


def _reason(error: Exception) -> str:
    """Without the message: it may quote a row."""
    state = getattr(error, "sqlstate", None)
    return f"{type(error).__name__} {state}" if state else type(error).__name__


def _shut_down(descriptor: int) -> None:
    """The waiting statement sees the end of the stream, and fails at once."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as twin:
            twin.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
