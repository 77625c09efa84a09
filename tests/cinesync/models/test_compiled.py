"""Compiling works with and without a place to cache in."""

from collections.abc import Callable
from typing import Any

import numba
import pytest

from cinesync.models.compiled import compiled


def double(x: float) -> float:
    return 2 * x


def test_compiles_without_a_place_to_cache_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only install with no home: numba raises at once, and we compile uncached."""
    plain: Callable[..., Any] = numba.njit
    asked = []

    def nowhere(*function: Callable[..., Any], **options: bool) -> Callable[..., Any]:
        if options.get("fastmath"):  # ours, and not one of numba's own
            asked.append(options.get("cache", False))
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'double': no locator available")
        return plain(*function, **options)

    monkeypatch.setattr(numba, "njit", nowhere)
    assert compiled(double)(1.5) == 3.0
    assert asked == [True, False]
