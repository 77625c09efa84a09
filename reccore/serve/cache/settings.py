"""The cache's settings, and the cache they describe."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from reccore.config import Settings
from reccore.serve.cache.breaker import Breaker
from reccore.serve.cache.level import Level
from reccore.serve.cache.levels import Cache
from reccore.serve.cache.lists import Bundle
from reccore.serve.cache.memory import Memory
from reccore.serve.cache.postgres import Postgres
from reccore.serve.cache.redis import Redis
from reccore.serve.cache.snapshot import Snapshot

LevelName = Literal["memory", "redis", "lists"]


class CacheSettings(Settings):
    """What is not configured (no Redis, no lists) is left out of the order."""

    memory_mb: float = Field(128.0, ge=0)
    """Local memory for answers, keys and overhead counted; 0 for none."""
    ttl_s: int = Field(300, gt=0)
    """The oldest an answer may be, in any level."""
    redis_url: str = Field("", repr=False)
    """redis://, rediss:// or unix://; "" for none, which is right for one replica only."""
    lists: str = Field("", repr=False)
    """Lists made beforehand: a DuckDB file, or a postgresql:// address; "" for none."""
    order: tuple[LevelName, ...] = ("memory", "redis", "lists")
    """Memory before Redis: a hit takes 4 µs, the other way 86 µs (medians on 2 busy cores)."""
    redis_timeout_ms: float = Field(20.0, gt=0)
    """For one round trip; a server that is late is slower, not wrong."""
    redis_connect_timeout_ms: float = Field(50.0, gt=0)
    """For a new connection with its greeting, which takes several round trips."""
    lists_timeout_ms: float = Field(50.0, gt=0)
    """For a query to Postgres."""
    heartbeat_ms: float = Field(500.0, gt=0)
    """How often the way to hear other replicas is tried; three missed ones close memory."""
    breaker_failures: int = Field(3, ge=1)
    """Failures in a row after which a level is left alone."""
    breaker_rest_s: float = Field(1.0, gt=0)
    """For how long, before one call tries it again."""

    @model_validator(mode="after")
    def _sound(self) -> "CacheSettings":
        if not self.order or len(set(self.order)) != len(self.order):
            raise ValueError("order names each level once: memory, redis, lists")
        return self


def is_postgres(lists: str) -> bool:
    return lists.startswith(("postgresql://", "postgres://"))


def make_cache(settings: CacheSettings, expected: Bundle | None = None) -> Cache:
    """The levels of the settings, not yet open; `expected` refuses another bundle's lists file."""
    levels: list[Memory | Level] = []
    for name in settings.order:
        if name == "memory" and settings.memory_mb > 0:
            levels.append(Memory(int(settings.memory_mb * 2**20), settings.ttl_s))
        elif name == "redis" and settings.redis_url:
            levels.append(_redis(settings))
        elif name == "lists" and settings.lists:
            levels.append(_lists(settings, expected))
    return Cache(levels)


def _breaker(settings: CacheSettings) -> Breaker:
    return Breaker(settings.breaker_failures, settings.breaker_rest_s)


def _redis(settings: CacheSettings) -> Level:
    return Redis(
        settings.redis_url,
        settings.ttl_s,
        timeout_s=settings.redis_timeout_ms / 1000,
        connect_timeout_s=settings.redis_connect_timeout_ms / 1000,
        heartbeat_s=settings.heartbeat_ms / 1000,
        breaker=_breaker(settings),
    )


def _lists(settings: CacheSettings, expected: Bundle | None) -> Level:
    if is_postgres(settings.lists):
        return Postgres(
            settings.lists, settings.lists_timeout_ms / 1000, breaker=_breaker(settings)
        )
    return Snapshot(Path(settings.lists), expected)
