"""Rate limits that replicas share: the buckets are in Redis, one round trip a request.

Redis may be slow or gone: then each replica counts by itself (so that N replicas admit up to N
times the rate), which is counted, logged, and ends by itself. While it lasts no request waits for
Redis: a task in the background asks whether it is back.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from typing import Any

from reccore.errors import UserError, need
from reccore.serve.limits import Limit, MemoryLimits

log = logging.getLogger(__name__)

# The same arithmetic as MemoryLimits, in microseconds of Redis' own clock, which replicas share.
# The entry ends when the bucket is full, which is what no entry means. A clock set back must not
# lock anybody out: no bucket is fuller than full.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = tonumber(redis.call('GET', KEYS[1]) or now) or now
full_at = math.min(math.max(full_at, now), now + interval * burst)
local wait = full_at - now - interval * (burst - 1)
if wait > 0 then return wait end
full_at = full_at + interval
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
return 0
"""
SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
MICROSECONDS = 1_000_000


class RedisLimits:
    """`on_fallback` is called for each request that was counted locally because Redis was out."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "limit:",
        patience: float = 0.1,
        pause: float = 1.0,
        local: MemoryLimits | None = None,
        on_fallback: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        redis = need("redis.asyncio", "redis")
        self._errors = need("redis.exceptions", "redis")
        once = need("redis.asyncio.retry", "redis").Retry(
            need("redis.backoff", "redis").NoBackoff(), 0
        )
        try:
            pool = redis.BlockingConnectionPool.from_url(
                url,
                max_connections=64,
                timeout=patience,
                socket_timeout=patience,
                socket_connect_timeout=patience,
                retry=once,
            )
        except ValueError:  # its words would repeat the URL, which may hold a password
            raise UserError(
                "the rate limits' Redis URL is none", "e.g. redis://HOST:6379/0"
            ) from None
        self._redis: Any = redis.Redis.from_pool(pool)
        self._prefix, self._patience, self._pause = prefix, patience, pause
        self._local = local or MemoryLimits()
        self._on_fallback = on_fallback
        self._clock = clock
        self._ask_again_at: float | None = None  # None: Redis answers
        self._asking: asyncio.Task[None] | None = None

    @property
    def down(self) -> bool:
        return self._ask_again_at is not None

    async def take(self, who: str, limit: Limit) -> float:
        if self._ask_again_at is None:
            try:
                return await self._spend(self._prefix + who, limit)
            except (self._errors.RedisError, OSError, TimeoutError) as error:
                self._open(error)
        elif self._asking is None and self._clock() >= self._ask_again_at:
            self._asking = asyncio.create_task(self._ask())
        self._on_fallback()
        return self._local.spend(who, limit)

    async def _spend(self, name: str, limit: Limit) -> float:
        interval = -(-limit.interval // 1000)
        async with asyncio.timeout(self._patience):
            try:
                wait = await self._redis.evalsha(SHA, 1, name, interval, limit.burst)
            except self._errors.NoScriptError:  # the first request, or Redis restarted
                wait = await self._redis.eval(SCRIPT, 1, name, interval, limit.burst)
        return int(wait) / MICROSECONDS

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._redis.ping()
        except (self._errors.RedisError, OSError, TimeoutError):
            self._ask_again_at = self._clock() + self._pause
        else:
            self._ask_again_at = None
            log.warning("rate limits are shared again: Redis answers")
        finally:
            self._asking = None

    def _open(self, error: Exception) -> None:
        if self._ask_again_at is None:
            log.warning(
                "rate limits are counted by this replica alone: Redis does not answer (%s)",
                type(error).__name__,  # its words may hold the URL's password
            )
        self._ask_again_at = self._clock() + self._pause

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()
