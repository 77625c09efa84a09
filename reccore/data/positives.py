"""Which (user, item) pairs training knows: the question every negative sampler asks."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from reccore.data.ids import ExternalId, IdMap
from reccore.data.interactions import Interactions

TABLE_BITS = 2**30  # up to so many pairs there is a bit for every one (128 MiB)
_HASH = -7046029254386353131  # 2^64 / golden ratio, odd: Fibonacci hashing, as signed int64


@dataclass(frozen=True, eq=False)
class Positives:
    """Pairs as sorted keys `user * I + item`, behind a bit table that answers most questions.

    Small catalogues have a bit for every pair. Large ones share bits by hash: a clear bit is a
    sure no, a set one is confirmed by binary search. On ML-1M the table is 20 times faster than
    the search alone.
    """

    user_ids: IdMap
    items: int
    keys: Tensor  # [nnz] int64, ascending, unique
    counts: Tensor  # [U] distinct items of each user
    bits: Tensor  # [bytes] uint8
    shift: int  # 0: slot = key; otherwise slot = top (64 - shift) bits of key * constant

    @classmethod
    def of(cls, data: Interactions, table_bits: int = TABLE_BITS) -> "Positives":
        items = len(data.item_ids)
        keys = np.sort(data.users.astype(np.int64) * items + data.items)
        keys = keys[np.diff(keys, prepend=-1) > 0]  # np.unique hashes, and is 20 times slower
        pairs = len(data.user_ids) * items
        width = max((32 * len(keys) - 1).bit_length(), 6)  # 1 bit in 32 set, or fewer
        shift = 0 if pairs <= table_bits else 64 - width
        counts = np.bincount(keys // max(items, 1), minlength=len(data.user_ids))
        tensor = torch.from_numpy(keys)
        slots = np.sort(_slot(tensor, shift).numpy()) if shift else keys
        table = _pack(slots, 2**width if shift else pairs)
        return cls(data.user_ids, items, tensor, torch.from_numpy(counts), table, shift)

    def contains(self, users: Tensor, items: Tensor) -> Tensor:
        """Whether the pairs are known: bool, of the broadcast shape of both."""
        keys = users.long() * self.items + items
        slot = _slot(keys, self.shift)
        found = ((self.bits[slot >> 3] >> (slot & 7).to(torch.uint8)) & 1).bool()
        if self.shift:
            maybe = keys[found]
            place = torch.searchsorted(self.keys, maybe).clamp_(max=len(self.keys) - 1)
            found[found.clone()] = self.keys[place] == maybe
        return found

    def knows_all(self, users: Tensor) -> ExternalId | None:
        """The id of a user among these who has met every item; None if there is none."""
        full = users[self.counts[users.long()] >= self.items]
        if len(full) == 0:
            return None
        external: ExternalId = self.user_ids.ids[int(full[0])]
        return external

    def to(self, device: torch.device | str) -> "Positives":
        moved = {name: getattr(self, name).to(device) for name in ("keys", "counts", "bits")}
        return replace(self, **moved)


def _slot(keys: Tensor, shift: int) -> Tensor:
    if shift == 0:
        return keys
    return ((keys * _HASH) >> shift) & ((1 << (64 - shift)) - 1)  # wraps, as hashing should


def _pack(slots: npt.NDArray[np.int64], size: int) -> Tensor:
    """A bit table with the given ascending slots set; bit s is bit s % 8 of byte s // 8."""
    table = np.zeros(size // 8 + 1, dtype=np.uint8)
    if len(slots):
        place = slots >> 3
        starts = np.flatnonzero(np.diff(place, prepend=-1))
        marks = np.left_shift(1, slots & 7).astype(np.uint8)
        table[place[starts]] = np.bitwise_or.reduceat(marks, starts)
    return torch.from_numpy(table)
