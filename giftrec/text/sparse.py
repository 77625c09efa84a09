"""Sparse rows with numpy alone: what a text holds, times what that means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Arrays = dict[str, npt.NDArray[Any]]
BLOCK_CELLS = 1 << 23  # numbers gathered at a time: 32 MiB


@dataclass(frozen=True)
class Sparse:
    """R rows of numbers at some of `width` columns (compressed sparse rows)."""

    starts: Numbers  # [R + 1] where each row begins
    columns: Numbers  # [n]
    values: Floats  # [n]
    width: int

    @classmethod
    def of(
        cls, columns: Sequence[Sequence[int]], values: Sequence[Sequence[float]], width: int
    ) -> "Sparse":
        starts = np.zeros(len(columns) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in columns], out=starts[1:])
        flat = np.fromiter((c for row in columns for c in row), np.int64, int(starts[-1]))
        numbers = np.fromiter((v for row in values for v in row), np.float32, int(starts[-1]))
        return cls(starts, flat, numbers, width)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def rows(self) -> Numbers:
        """[n] the row of each number"""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def times(self, dense: Floats) -> Floats:
        """This [R, width] @ dense [width, d] -> [R, d], a block of rows at a time."""
        found = np.zeros((len(self), dense.shape[1]), dtype=np.float32)
        room = max(1, BLOCK_CELLS // max(1, dense.shape[1]))
        first = 0
        while first < len(self):
            last = int(np.searchsorted(self.starts, self.starts[first] + room, side="right")) - 1
            last = min(max(last, first + 1), len(self))
            low, high = int(self.starts[first]), int(self.starts[last])
            filled = first + np.flatnonzero(np.diff(self.starts[first : last + 1]))
            if high > low:
                terms = dense[self.columns[low:high]] * self.values[low:high, None]
                found[filled] = np.add.reduceat(terms, self.starts[filled] - low, axis=0)
            first = last
        return found

    def transposed(self) -> "Sparse":
        order = np.argsort(self.columns, kind="stable")
        starts = np.zeros(self.width + 1, dtype=np.int64)
        np.cumsum(np.bincount(self.columns, minlength=self.width), out=starts[1:])
        return Sparse(starts, self.rows[order], self.values[order], len(self))

    def unit(self) -> "Sparse":
        """Every row of length 1; empty rows stay empty."""
        squares = np.zeros(len(self))
        np.add.at(squares, self.rows, self.values.astype(np.float64) ** 2)
        lengths = np.sqrt(np.where(squares > 0, squares, 1.0))
        values = (self.values / lengths[self.rows]).astype(np.float32)
        return Sparse(self.starts, self.columns, values, self.width)

    def take(self, rows: Numbers) -> "Sparse":
        counts = np.diff(self.starts)[rows]
        starts = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(counts, out=starts[1:])
        at = np.repeat(self.starts[rows] - starts[:-1], counts) + np.arange(starts[-1])
        return Sparse(starts, self.columns[at], self.values[at], self.width)
