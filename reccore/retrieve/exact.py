"""The best k of many vectors by inner product, exact, in blocks that stay in the cache.

The catalogue is never scored whole: a block's scores are compared with each row's k-th best so
far, and only what beats it is kept. After the first blocks almost nothing does, so the cost is
that of the product and one comparison, and memory does not depend on the catalogue.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reccore.data.ids import Codes
from reccore.data.interactions import Floats, Histories
from reccore.metrics.topk import Items

Bools = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

QUERIES = 256  # queries scored together
BLOCK_CELLS = 1 << 21  # scores in a block: 8 MiB
LEAST_BLOCK, MOST_BLOCK = 4096, 1 << 16  # items in a block


@dataclass(frozen=True, eq=False)
class Part:
    """Vectors and the codes they answer to; codes rise, gaps are items removed for good."""

    vectors: Floats  # [n, d]
    codes: Codes  # [n] ascending

    @classmethod
    def of(cls, vectors: Floats, first: int = 0) -> "Part":
        """Vectors whose codes are first, first + 1, ..."""
        return cls(vectors, np.arange(first, first + len(vectors), dtype=np.int32))

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def first(self) -> int | None:
        """What to add to a position for its code; None where codes have gaps."""
        if len(self) == 0:
            return 0
        first = int(self.codes[0])
        return first if int(self.codes[-1]) - first + 1 == len(self) else None

    def mask(self, allowed: Bools) -> Bools:
        """`allowed` by code -> by position: [n]. A view where codes have no gaps."""
        if self.first is not None:
            return allowed[self.first : self.first + len(self)]
        picked: Bools = allowed[self.codes]
        return picked


@dataclass(frozen=True, eq=False)
class _Held:
    """What is held so far, flat: sorted by row, then best first, then by code."""

    rows: Positions
    codes: Codes
    scores: Floats

    @classmethod
    def nothing(cls) -> "_Held":
        return cls(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))

    def bounds(self, rows: int, k: int) -> Floats:
        """Each row's k-th best score [B]; -inf where fewer than k are held."""
        ends = np.searchsorted(self.rows, np.arange(rows), side="right")
        counts = np.diff(ends, prepend=0)
        bounds = np.full(rows, -np.inf, np.float32)
        full = counts == k
        bounds[full] = self.scores[ends[full] - 1]
        return bounds

    def merge(self, rows: Positions, codes: Codes, scores: Floats, k: int) -> "_Held":
        rows = np.concatenate([self.rows, rows])
        codes = np.concatenate([self.codes, codes])
        scores = np.concatenate([self.scores, scores])
        order = np.lexsort((codes, -scores, rows))
        rows, codes, scores = rows[order], codes[order], scores[order]
        rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
        return _Held(rows[rank < k], codes[rank < k], scores[rank < k])

    def padded(self, rows: int, k: int) -> tuple[Items, Floats]:
        items, scores = padding(rows, k)
        rank = np.arange(len(self.rows)) - np.searchsorted(self.rows, self.rows)
        items[self.rows, rank] = self.codes
        scores[self.rows, rank] = self.scores
        return items, scores


def padding(rows: int, k: int) -> tuple[Items, Floats]:
    """Answers [B, k] with nothing in them: code -1, score -inf."""
    return np.full((rows, k), -1, np.int32), np.full((rows, k), -np.inf, np.float32)


def exact(
    part: Part,
    queries: Floats,
    k: int,
    chosen: Bools | None = None,
    exclude: Histories | None = None,
) -> tuple[Items, Floats]:
    """The k best codes and scores [B, k]; equal scores go to the lower code.

    `chosen` [n] limits positions, `exclude` [B] lists codes a row must not get. Only what is
    chosen is scored, so a narrow filter is cheap.
    """
    items, scores = padding(len(queries), k)
    at = None if chosen is None else np.flatnonzero(chosen)
    for start in range(0, len(queries), QUERIES):
        rows = slice(start, start + QUERIES)
        seen = None if exclude is None else exclude.take(np.arange(len(queries))[rows])
        items[rows], scores[rows] = _few(part, queries[rows], k, at, seen)
    return items, scores


def _few(
    part: Part, queries: Floats, k: int, at: Positions | None, seen: Histories | None
) -> tuple[Items, Floats]:
    """`exact` for at most QUERIES queries; `at` are the positions to score, ascending."""
    rows, total = len(queries), len(part) if at is None else len(at)
    codes = part.codes if at is None else part.codes[at]
    size = min(max(LEAST_BLOCK, BLOCK_CELLS // max(1, rows)), MOST_BLOCK)
    seen_rows, seen_at = _places(codes, seen)
    held = _Held.nothing()
    for start in range(0, total, size):
        stop = min(start + size, total)
        vectors = part.vectors[start:stop] if at is None else part.vectors[at[start:stop]]
        scores: Floats = queries @ vectors.T
        low, high = np.searchsorted(seen_at, (start, stop))
        scores[seen_rows[low:high], seen_at[low:high] - start] = -np.inf
        hits = np.flatnonzero(scores > _bounds(held, scores, k)[:, None])
        of, found = np.divmod(hits, stop - start)
        held = held.merge(of, codes[start:stop][found], scores.reshape(-1)[hits], k)
    return held.padded(rows, k)


def _bounds(held: _Held, scores: Floats, k: int) -> Floats:
    """Scores a candidate must beat [B]. What it may equal is one step of a float higher."""
    bounds = held.bounds(len(scores), k)
    if scores.shape[1] <= k or np.count_nonzero(scores > bounds[:, None]) <= 4 * k * len(scores):
        return bounds
    best = np.partition(scores, scores.shape[1] - k, axis=1)[:, -k]
    below: Floats = np.nextafter(best, np.float32(-np.inf))
    raised: Floats = np.maximum(bounds, below)
    return raised


def _places(codes: Codes, seen: Histories | None) -> tuple[Positions, Positions]:
    """Rows of what was seen and its places in `codes`, by place; what is not there drops out."""
    if seen is None or len(codes) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    at = np.minimum(np.searchsorted(codes, seen.items), len(codes) - 1)
    there = codes[at] == seen.items
    order = np.argsort(at[there], kind="stable")
    return seen.row_of[there][order], at[there][order].astype(np.int64)
