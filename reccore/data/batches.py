"""An epoch is a permutation of row numbers with a cursor: no DataLoader, no per-row Python."""

from collections.abc import Iterator

import torch
from torch import Tensor

from reccore.data.seeds import derive
from reccore.errors import UserError


class IndexBatches:
    """Row numbers of 0..rows-1 in seeded order, `batch_size` at a time.

    The order is a pure function of (seed, epoch): a stored cursor (epoch, batch) is enough to
    go on exactly where a killed run stopped.
    """

    def __init__(self, rows: int, batch_size: int, seed: int, drop_last: bool = False) -> None:
        if rows < 1:
            raise UserError(f"no rows to train on (rows={rows})", "is the training part empty?")
        if batch_size < 1:
            raise UserError(f"batch_size={batch_size} is not positive", "set it to 1 or more")
        if drop_last and rows < batch_size:
            raise UserError(
                f"batch_size={batch_size} is larger than the {rows} training rows, "
                "and incomplete batches are dropped",
                f"set it to {rows} or less",
            )
        self.rows = rows
        self.batch_size = batch_size
        self.seed = seed
        self.drop_last = drop_last

    def __len__(self) -> int:
        whole, rest = divmod(self.rows, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Tensor]:
        """Batches [B] int64 of one epoch, from batch number `start` on."""
        assert 0 <= start <= len(self), f"cursor {start} is outside 0..{len(self)}"
        generator = torch.Generator().manual_seed(derive(self.seed, "batches", epoch))
        order = torch.randperm(self.rows, generator=generator)  # [rows]
        for batch in range(start, len(self)):
            yield order[batch * self.batch_size : (batch + 1) * self.batch_size]
