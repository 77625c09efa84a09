"""Loops as machine code (numba): no GIL, so plain threads run them side by side."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """`function`, compiled at its first call and kept on disk: a later process loads it.

    The cache lies beside the source, or in the user's cache folder where that is read-only;
    with neither, each process compiles anew.
    """
    options = {"nogil": True, "fastmath": True}
    try:
        return cast(F, numba.njit(cache=True, **options)(function))
    except RuntimeError:  # numba: no place to cache in
        return cast(F, numba.njit(**options)(function))


def in_threads(work: Callable[[int, int], None], rows: int, threads: int, chunk: int = 64) -> None:
    """Call `work(start, stop)` over chunks of `rows`. Threads take chunks as they get free, and
    a row's result depends on no other row, so any number of threads gives the same bits."""
    starts = range(0, rows, chunk)
    if threads == 1 or len(starts) <= 1:
        for start in starts:
            work(start, min(start + chunk, rows))
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda start: work(start, min(start + chunk, rows)), starts))
