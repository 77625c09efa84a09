from pathlib import Path
from typing import Any

import pytest

from reccore.config import validate
from reccore.errors import UserError
from reccore.serve.cache.settings import CacheSettings, make_cache


def names(**tree: Any) -> list[str]:
    return [level.name for level in make_cache(validate(CacheSettings, tree, "test")).order]


def test_what_is_not_configured_is_left_out() -> None:
    assert names() == ["memory"]
    assert names(memory_mb=0) == []


def test_the_order_is_the_settings_order(tmp_path: Path) -> None:
    pytest.importorskip("redis")
    pytest.importorskip("duckdb")
    pytest.importorskip("psycopg")
    redis, lists = "redis://127.0.0.1:1/0", str(tmp_path / "lists.duckdb")
    assert names(redis_url=redis, lists=lists) == ["memory", "redis", "lists"]
    assert names(redis_url=redis, order=["redis", "memory"]) == ["redis", "memory"]
    cache = make_cache(CacheSettings(lists="postgresql://127.0.0.1:1/x"))
    assert type(cache.slower[0]).__name__ == "Postgres"


@pytest.mark.parametrize(
    "tree",
    [
        {"order": ["memory", "memory"]},
        {"order": []},
        {"order": ["disk"]},
        {"ttl_s": 0},
        {"memory_mb": -1},
        {"redis": "redis://"},
    ],
)
def test_settings_that_make_no_sense_are_refused(tree: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        validate(CacheSettings, tree, "test")


def test_addresses_are_not_printed() -> None:
    settings = CacheSettings(redis_url="redis://:secret@host", lists="postgresql://a:secret@host")
    assert "secret" not in repr(settings)
