"""Who met what, when, and how it went: columns of codes with their id maps."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reccore.data.ids import Codes, IdMap

Floats = npt.NDArray[np.float32]
Times = npt.NDArray[np.int64]
UNKNOWN = -1  # a time that nobody knows
Rows = npt.NDArray[np.int64] | npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Histories:
    """Ragged item lists, one per row, oldest first: `items[offsets[r]:offsets[r + 1]]`.

    `times` say when each was met, where that is known: of a row's items all, or none (`UNKNOWN`).
    """

    offsets: npt.NDArray[np.int64]  # [R + 1]
    items: Codes  # [nnz]
    times: Times | None = None  # [nnz] seconds since the epoch

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        return np.diff(self.offsets)

    def row(self, index: int) -> Codes:
        return self.items[self.offsets[index] : self.offsets[index + 1]]

    def take(self, rows: npt.NDArray[np.integer]) -> "Histories":
        """The chosen rows, in that order."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return self._pick(offsets, self.offsets[rows])

    def last(self, length: int) -> "Histories":
        """The last `length` items of each row."""
        lengths = np.minimum(self.lengths, length)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return self._pick(offsets, self.offsets[1:] - lengths)

    def _pick(self, offsets: npt.NDArray[np.int64], starts: npt.NDArray[np.int64]) -> "Histories":
        """Rows of the lengths that `offsets` [R + 1] say, from where each starts [R]."""
        at = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], np.diff(offsets))
        return Histories(offsets, self.items[at], None if self.times is None else self.times[at])

    def append(self, other: "Histories") -> "Histories":
        """These rows, then the other's."""
        offsets = np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]])
        times = [rows.times if len(rows.items) else np.empty(0, np.int64) for rows in (self, other)]
        known = [part for part in times if part is not None]
        return Histories(
            offsets,
            np.concatenate([self.items, other.items]),
            np.concatenate(known) if len(known) == len(times) else None,
        )

    def where(self, kept: npt.NDArray[np.bool_], items: Codes) -> "Histories":
        """Under new codes `items` [nnz], only what is `kept` [nnz]."""
        lengths = np.bincount(self.row_of[kept], minlength=len(self))
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Histories(offsets, items[kept], None if self.times is None else self.times[kept])

    @property
    def row_of(self) -> npt.NDArray[np.int64]:
        """The row each item belongs to: [nnz]."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @classmethod
    def empty(cls, rows: int) -> "Histories":
        return cls(np.zeros(rows + 1, dtype=np.int64), np.empty(0, dtype=np.int32))

    @classmethod
    def of_lists(cls, lists: "list[Codes]") -> "Histories":
        offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
        items = np.concatenate([np.empty(0, np.int32), *lists]).astype(np.int32)
        return cls(offsets, items)


@dataclass(frozen=True, eq=False)
class Interactions:
    """Columns in one row order. `values` and `timestamps` may be absent.

    `order` breaks ties of time (and stands in for time where there is none); rows that tie
    in both keep their order in the file: sorts here are stable.
    """

    user_ids: IdMap
    item_ids: IdMap
    users: Codes  # [N]
    items: Codes  # [N]
    values: Floats | None = None  # [N]
    timestamps: Times | None = None  # [N] seconds since the epoch
    order: Times | None = None  # [N]

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: Rows) -> "Interactions":
        """The chosen rows under the same id maps."""
        return Interactions(
            self.user_ids,
            self.item_ids,
            self.users[rows],
            self.items[rows],
            None if self.values is None else self.values[rows],
            None if self.timestamps is None else self.timestamps[rows],
            None if self.order is None else self.order[rows],
        )

    @cached_property
    def by_user(self) -> npt.NDArray[np.int64]:
        """Row numbers sorted by user, then time, then `order`, then position in the file."""
        keys: list[npt.NDArray[np.integer]] = [self.users]
        keys += [key for key in (self.timestamps, self.order) if key is not None]
        return np.lexsort(keys[::-1])

    @cached_property
    def histories(self) -> Histories:
        """Each user's items, oldest first: one row a user code."""
        counts = np.bincount(self.users, minlength=len(self.user_ids))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = self.by_user
        return Histories(
            offsets, self.items[rows], None if self.timestamps is None else self.timestamps[rows]
        )

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of content: equal data, equal fingerprint, whatever file it came from."""
        digest = hashlib.sha256()
        for ids in (self.user_ids, self.item_ids):
            digest.update("\x1f".join(map(str, ids.ids.to_list())).encode())
        for column in (self.users, self.items, self.values, self.timestamps, self.order):
            digest.update(b"-" if column is None else np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()[:16]
