"""Commands to one Redis: a batch a round trip, each on a connection that knows its server's run.

A run is the life of one Redis process. A server restarted from an old dump, or a replica promoted
before it had the last writes, has another run id; who names keys by the run cannot be answered
with a past that others have since forgotten. The run must be that of the very connection used,
hence connections of our own rather than a client's pool.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from reccore.errors import UserError, need

Command = tuple[str | bytes | int, ...]


class WireError(Exception):
    """Redis did not answer, in time or as it should."""


class Wire:
    def __init__(
        self, url: str, timeout_s: float, connect_timeout_s: float, most: int = 16
    ) -> None:
        module = need("redis.asyncio", "redis")
        self.error: type[Exception] = need("redis.exceptions", "redis").RedisError
        try:
            self._pool = module.ConnectionPool.from_url(
                url,
                protocol=2,
                socket_timeout=None,  # the batch as a whole has one
                socket_connect_timeout=connect_timeout_s,
            )
        except (ValueError, TypeError):  # the message would quote a password
            raise UserError(
                "redis_url is no Redis address", "redis://[user:password@]host:port/db"
            ) from None
        self.timeout_s, self.connect_timeout_s = timeout_s, connect_timeout_s
        self._idle: list[tuple[Any, str]] = []
        self._room = asyncio.Semaphore(most)
        self._age = 0  # rises with each failure: connections older than it are not used again

    async def connect(self) -> tuple[Any, str]:
        """A connection of the caller's own, and the run id of the server it leads to."""
        connection = self._pool.make_connection()
        try:
            async with asyncio.timeout(self.connect_timeout_s):
                await connection.connect()
                await connection.send_command("INFO", "server", check_health=False)
                run = _run_id(await connection.read_response())
        except BaseException as error:
            await connection.disconnect(nowait=True)
            raise self.plain(error) from None
        return connection, run

    async def ask(self, build: Callable[[str], Sequence[Command]]) -> tuple[str, list[Any]]:
        """Send what `build` makes of the run id, in one round trip: the run and the replies."""
        try:
            async with self._room:
                return await self._ask(build)
        except BaseException as error:
            raise self.plain(error) from None

    async def _ask(self, build: Callable[[str], Sequence[Command]]) -> tuple[str, list[Any]]:
        age = self._age
        connection, run = self._idle.pop() if self._idle else await self.connect()
        try:
            commands = build(run)
            async with asyncio.timeout(self.timeout_s):
                await connection.send_packed_command(
                    connection.pack_commands(commands), check_health=False
                )
                replies = [await connection.read_response() for _ in commands]
        except BaseException as error:
            await connection.disconnect(nowait=True)
            if isinstance(error, OSError | self.error) and not isinstance(error, TimeoutError):
                self._age += 1  # the server went away: so did what it had on the other connections
                await self._hang_up()
            raise
        if age == self._age:
            self._idle.append((connection, run))
        else:
            await connection.disconnect(nowait=True)
        return run, replies

    def plain(self, error: BaseException) -> BaseException:
        """Failures of the wire as one kind; cancellation and bugs as they are."""
        if isinstance(error, TimeoutError | OSError | self.error):
            return WireError(f"redis: {type(error).__name__}")
        return error

    async def _hang_up(self) -> None:
        idle, self._idle = self._idle, []
        for connection, _ in idle:
            await connection.disconnect(nowait=True)

    async def close(self) -> None:
        self._age += 1
        await self._hang_up()


def _run_id(info: object) -> str:
    text = info.decode() if isinstance(info, bytes) else str(info)
    for line in text.splitlines():
        if line.startswith("run_id:"):
            return line.removeprefix("run_id:").strip()
    raise WireError("redis hides its run id (INFO server), without which restarts go unseen")
