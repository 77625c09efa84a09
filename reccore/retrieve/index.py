"""The best k items of any query vector, whatever is filtered out.

An index is a base, which may have an approximate structure, and a tail of vectors added since,
which is small and always scored exactly. Filters never shorten an answer: where the structure
returns too few, more is fetched, and what is still short is scored exactly. Fewer than k come
back only where fewer than k are left.
"""

import copy
import math

import numpy as np
import numpy.typing as npt

from reccore.data.ids import Codes
from reccore.data.interactions import Floats, Histories
from reccore.errors import UserError
from reccore.metrics.topk import Items, contains, pair_keys
from reccore.retrieve.exact import Bools, Part, exact, padding
from reccore.retrieve.structure import Kind, Structure

SLACK = 32  # fetched beyond k at first where seen items must be dropped
TUNED_FOR = 10  # efforts are chosen by recall@10
DEEPER = 0.4  # effort grows so with what is fetched: holds recall from 10 to 500 on the hard set
PLANS = 256  # sizes of unfiltered searches whose effort is remembered
FULL = 8  # vectors scored for each one fetched, at least, so that visited lists fill the answer

# What a vector of 64 costs on one core, in nanoseconds; only their ratios matter. Measured at a
# million: exact search reads a vector once for a whole batch, a structure once for each query.
READ, GATHER, SCORE = 10.0, 20.0, 2.2  # exact: in order; more if masked; for each query
VISIT, TEST = 20.0, 10.0  # structure: a vector scored; a vector's mask looked at


class Index:
    """Items' vectors by inner product, best first.

    `base` and `added` hold vectors and codes; `structure` covers the base alone; `count` is the
    number of codes ever given; `gone` lists codes removed since the base was made.
    """

    def __init__(
        self,
        base: Part,
        structure: Structure | None = None,
        added: Part | None = None,
        gone: Codes | None = None,
        count: int | None = None,
    ) -> None:
        self.base = base
        self.structure = structure
        self.dim = int(base.vectors.shape[1])
        self._size = len(base)
        self._shortcuts = True
        self._efforts: dict[tuple[int, int, int], float] = {}
        self.added = Part.of(np.empty((0, self.dim), np.float32)) if added is None else added
        self._tail = len(self.added)
        self.gone = np.empty(0, np.int32) if gone is None else gone
        last = [int(part.codes[-1]) + 1 for part in (base, self.added) if len(part)]
        self.count = max([*last, count or 0])
        self._live: Bools | None = None
        if len(self.gone):
            self._live = np.ones(self.count, np.bool_)
            self._live[self.gone] = False

    @classmethod
    def flat(cls, vectors: npt.ArrayLike) -> "Index":
        """Exact, for any number of items: codes are row numbers of `vectors` [I, d]."""
        return cls(Part.of(finite(vectors, "an item's vector")))

    @property
    def kind(self) -> Kind:
        return "flat" if self.structure is None else self.structure.kind

    @property
    def parameters(self) -> dict[str, int]:
        return {} if self.structure is None else dict(self.structure.parameters)

    @property
    def bytes(self) -> int:
        """Of the vectors and the structure, wherever they lie."""
        vectors = 4 * self.dim * (len(self.base) + len(self.added))
        return vectors + (0 if self.structure is None else self.structure.bytes)

    def __len__(self) -> int:
        """Items that can be returned."""
        return len(self.base) + len(self.added) - len(self.gone)

    def exactly(self) -> "Index":
        """The same items without the structure: what recall is measured against."""
        return Index(self.base, None, self.added, self.gone, self.count)

    def approximately(self) -> "Index":
        """The same index, always asking its structure: what is measured must not depend on how
        many queries happen to come together."""
        twin = copy.copy(self)
        twin._shortcuts, twin._efforts = False, {}
        return twin

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        allowed: Bools | None = None,
        exclude: Histories | None = None,
    ) -> tuple[Items, Floats]:
        """Codes and scores [B, k], best first; code -1 and score -inf where no more are left.

        `allowed` [count] limits all rows alike (lists, content types); `exclude` [B] is what
        each row has seen. In the exact kind equal scores go to the lower code.
        """
        points = self._checked(queries, k, allowed, exclude)
        if self._live is not None:
            allowed = self._live if allowed is None else allowed & self._live
        items, scores = self._in_base(points, k, allowed, exclude)
        if self._tail:
            chosen = None if allowed is None else self.added.mask(allowed)
            more = exact(self.added, points, k, chosen, exclude)
            items, scores = merged(items, scores, *more)
        return items, scores

    def _checked(
        self, queries: npt.ArrayLike, k: int, allowed: Bools | None, exclude: Histories | None
    ) -> Floats:
        points = finite(queries, "a query")
        if points.shape[1] != self.dim:
            raise UserError(
                f"queries have {points.shape[1]} numbers, the index has {self.dim}",
                "encode them with the model whose vectors were indexed",
            )
        if k < 1:
            raise UserError(f"k={k}", "ask for at least 1")
        if allowed is not None and (allowed.shape != (self.count,) or allowed.dtype != np.bool_):
            raise UserError(
                f"allowed is {allowed.dtype} {list(allowed.shape)}",
                f"give one bool for each of the {self.count} codes",
            )
        if exclude is not None and len(exclude) != len(points):
            raise UserError(
                f"{len(exclude)} rows to exclude for {len(points)} queries", "give one a query"
            )
        if exclude is not None and len(exclude.items):
            low, high = int(exclude.items.min()), int(exclude.items.max())
            if low < 0 or high >= self.count:
                raise UserError(
                    f"item code {low if low < 0 else high} to exclude is none of the index's",
                    f"codes are 0 to {self.count - 1}: leave unknown items out",
                )
        return points

    def _in_base(
        self, queries: Floats, k: int, allowed: Bools | None, exclude: Histories | None
    ) -> tuple[Items, Floats]:
        if allowed is None and exclude is None:
            return self._unfiltered(queries, k)
        chosen = None if allowed is None else self.base.mask(allowed)
        left = self._size if chosen is None else int(np.count_nonzero(chosen))
        if self._exact_is_cheaper(len(queries), k, left):
            return exact(self.base, queries, k, chosen, exclude)
        if left == self._size:
            chosen = None  # a mask that masks nothing would only slow the structure
        seen = exclude if exclude is not None and len(exclude.items) else None
        if seen is None and k <= left:
            items, scores, starved = self._fetch(queries, k, self._deeper(k, left), chosen)
            if starved is None:
                return items, scores
        return self._filled(queries, k, left, chosen, seen or Histories.empty(len(queries)))

    def _unfiltered(self, queries: Floats, k: int) -> tuple[Items, Floats]:
        effort = self._effort(len(queries), k)
        if not effort:
            return exact(self.base, queries, k)
        items, scores, starved = self._fetch(queries, k, effort, None)
        if starved is None:
            return items, scores
        return self._filled(queries, k, self._size, None, Histories.empty(len(queries)))

    def _effort(self, rows: int, k: int) -> float:
        """Of an unfiltered search; 0 where exact search is to answer.

        Remembered: a query takes microseconds, and servers ask for one row and the same k again.
        """
        asked = rows, k, 0 if self.structure is None else self.structure.scored
        effort = self._efforts.get(asked)
        if effort is None:
            whole = k > self._size or self._exact_is_cheaper(rows, k, self._size)
            effort = 0.0 if whole else self._deeper(k, self._size)
            if len(self._efforts) >= PLANS:
                self._efforts.clear()
            self._efforts[asked] = effort
        return effort

    def _exact_is_cheaper(self, rows: int, k: int, left: int) -> bool:
        if self.structure is None or left == 0:
            return True
        if not self._shortcuts:
            return False
        masked = left < self._size
        scored = min(left, self.structure.scored * self._deeper(k, self._size))
        exactly = left * (READ + GATHER * masked + SCORE * rows)
        return exactly <= rows * scored * (VISIT + TEST * masked * self._size / left)

    def _deeper(self, fetch: int, left: int) -> float:
        """How much more effort `fetch` of what is `left` needs than 10 of all, for which efforts
        are chosen."""
        assert self.structure is not None
        deeper = max(1.0, FULL * fetch / self.structure.scored)
        if fetch > TUNED_FOR:
            deeper = max(deeper, math.pow(fetch / TUNED_FOR, DEEPER))
        return deeper * self._size / left

    def _fetch(
        self, queries: Floats, fetch: int, effort: float, chosen: Bools | None
    ) -> tuple[Items, Floats, Bools | None]:
        """Codes and scores [B, fetch] from the structure, and the rows it left short, if any."""
        assert self.structure is not None
        scores, at = self.structure.search(queries, fetch, effort, chosen)
        last = at[:, -1]
        if -1 not in last.tolist():  # as an array, one row would take ten times as long
            first = self.base.first
            if first is None:
                return self.base.codes[at], scores, None
            return (at + first if first else at).astype(np.int32), scores, None
        starved: Bools = last < 0
        items = np.where(at < 0, np.int32(-1), self.base.codes[at]).astype(np.int32)
        return items, np.where(at < 0, np.float32(-np.inf), scores), starved

    def _filled(
        self, queries: Floats, k: int, left: int, chosen: Bools | None, seen: Histories
    ) -> tuple[Items, Floats]:
        """Answers without what was seen. Rows that come back short are asked for more, then
        scored exactly."""
        items, scores = padding(len(queries), k)
        longest = int(seen.lengths.max(initial=0))
        slack = min(longest, max(k, SLACK))
        open_rows = np.arange(len(queries))
        while len(open_rows):
            fetch = min(k + slack, left)
            rest = seen.take(open_rows)
            effort = self._deeper(fetch, left)
            found, value, starved = self._fetch(queries[open_rows], fetch, effort, chosen)
            value[contains(pair_keys(rest, self.count), found, self.count)] = -np.inf
            order = np.argsort(-value, axis=1, kind="stable")[:, :k]
            value = np.take_along_axis(value, order, 1)
            items[open_rows, : order.shape[1]] = np.take_along_axis(found, order, 1)
            scores[open_rows, : order.shape[1]] = value
            short = np.count_nonzero(value > -np.inf, axis=1) < k
            if starved is None:
                starved = np.zeros(len(open_rows), np.bool_)
            hopeless = open_rows[short & (starved | (fetch == left))]
            if len(hopeless):
                items[hopeless], scores[hopeless] = exact(
                    self.base, queries[hopeless], k, chosen, seen.take(hopeless)
                )
            open_rows = open_rows[short & ~starved & (fetch < left)]
            slack = min(longest, 4 * slack)
        items[scores == -np.inf] = -1
        return items, scores


def merged(items: Items, scores: Floats, more: Items, values: Floats) -> tuple[Items, Floats]:
    """The best of two answers [B, k]; equal scores go to the first, whose codes are lower."""
    k = items.shape[1]
    both = np.concatenate([scores, values], axis=1)
    order = np.argsort(-both, axis=1, kind="stable")[:, :k]
    codes = np.take_along_axis(np.concatenate([items, more], axis=1), order, 1)
    return codes, np.take_along_axis(both, order, 1)


def finite(rows: npt.ArrayLike, what: str) -> Floats:
    """Float32 rows [N, d] of numbers, or an error that names the first bad one."""
    array = np.ascontiguousarray(rows, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] == 0:
        raise UserError(f"{what} needs a table [N, d], this has shape {list(array.shape)}")
    flat = array.ravel()
    if not math.isfinite(flat.dot(flat)):  # one pass; lengths that overflow are caught too
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
        if len(bad) == 0:
            raise UserError(f"{what} is too long: its square overflows", "scale the vectors down")
        raise UserError(
            f"{what} is NaN or infinite: row {bad[0]}, {len(bad)} in all",
            "the model diverged or its input is damaged",
        )
    return array
