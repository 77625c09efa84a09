"""Columns of sparse rows in a byte each: how far a column is from the one before in its row.

Columns of a row rise, and most are near the one before. Where a gap does not fit, entries of
weight 0 bridge it: they add nothing to a sum, and are left out again when the rows are read.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.integer]
Kind = type[np.unsignedinteger[Any]]
KINDS: tuple[Kind, ...] = (np.uint8, np.uint16)


@dataclass(frozen=True, eq=False)
class Rows:
    """Sparse rows: entry n of `places` and `weights` is of row r if starts[r] <= n < starts[r + 1].

    `places` are columns, or gaps between them.
    """

    starts: Whole  # [R + 1]
    places: Whole  # [nnz]
    weights: npt.NDArray[Any]  # [nnz]

    @property
    def row_of(self) -> npt.NDArray[np.int64]:
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def packed(rows: Rows, weight_bytes: int) -> Rows:
    """With gaps for columns, of the type that takes fewer bytes in all."""
    order = np.lexsort((rows.places, rows.row_of))
    columns, weights = rows.places[order].astype(np.int64), rows.weights[order]
    gaps = np.diff(columns, prepend=0)
    first = rows.starts[:-1][np.diff(rows.starts) > 0]
    gaps[first] = columns[first]

    def size(kind: Kind) -> int:
        entries = len(gaps) + int((gaps // np.iinfo(kind).max).sum())
        return entries * (np.dtype(kind).itemsize + weight_bytes)

    kind = min(KINDS, key=size)
    bridged = _bridged(Rows(rows.starts, gaps, weights), int(np.iinfo(kind).max))
    return Rows(bridged.starts, bridged.places.astype(kind), bridged.weights)


def _bridged(rows: Rows, most: int) -> Rows:
    """The same rows with no gap above `most`."""
    bridges, rest = np.divmod(rows.places, most)
    at = np.arange(len(rest)) + np.cumsum(bridges)  # where each entry goes
    ends = np.append(0, at + 1)
    gaps = np.full(ends[-1], most, dtype=np.int64)
    weights = np.zeros(ends[-1], dtype=rows.weights.dtype)
    gaps[at], weights[at] = rest, rows.weights
    return Rows(ends[rows.starts].astype(np.int64), gaps, weights)


def unpacked(rows: Rows) -> Rows:
    """Columns again, ascending in each row, without entries of weight 0."""
    reached = np.cumsum(rows.places, dtype=np.int64)
    before = np.append(0, reached)[rows.starts[:-1]]
    columns = reached - np.repeat(before, np.diff(rows.starts))
    there = rows.weights != 0
    starts = np.append(0, np.cumsum(there))[rows.starts]
    return Rows(starts, columns[there].astype(np.int32), rows.weights[there])
