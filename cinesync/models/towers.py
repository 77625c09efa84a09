"""Users and items as vectors: the towers (Covington et al. 2016; Yi et al. 2019).

    item: id + mean of the words of each feature                         -> residual blocks -> v [d]
    user: bag of the history + id (where kept) + mean of words           -> residual blocks -> u [d]

A user is mostly a history, so people unknown to training are welcome. Every residual block ends in
zeros at first: the deep towers begin as the shallow ones, and depth has to earn its place.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cinesync.models.dense import Norm
from cinesync.models.sides import Words, embedding
from reccore.data.dataset import Table
from reccore.data.interactions import Histories

BagNorm = Literal["mean", "sqrt", "sum"]


@dataclass(frozen=True)
class Bag:
    """Ragged item codes of rows [B]; row r holds `items[offsets[r]:offsets[r + 1]]`."""

    items: Tensor  # [nnz] int64
    offsets: Tensor  # [B + 1] int64

    @classmethod
    def of(cls, histories: Histories, device: torch.device) -> "Bag":
        items = torch.from_numpy(histories.items.astype(np.int64))
        return cls(items.to(device), torch.from_numpy(histories.offsets).to(device))

    @property
    def lengths(self) -> Tensor:
        return self.offsets.diff()

    @property
    def rows(self) -> Tensor:
        """The row of each item: [nnz]."""
        return torch.repeat_interleave(self.lengths)

    def recent(self, length: int) -> tuple[Tensor, Tensor]:
        """The last items of each row, left-aligned, and where there are any: both [B, length]."""
        kept = self.lengths.clamp(max=length)
        slots = torch.arange(length, device=self.items.device)
        there = slots < kept[:, None]
        at = (self.offsets[1:] - kept)[:, None] + slots
        padded = torch.cat([self.items, self.items.new_zeros(1)])
        return padded[at.masked_fill(~there, len(self.items))], there


class BatchNorm(nn.BatchNorm1d):
    """Batch statistics; a batch of one row has none, and takes the running ones."""

    def forward(self, input: Tensor) -> Tensor:
        if self.training and len(input) < 2:
            mean, var = self.running_mean, self.running_var
            return functional.batch_norm(input, mean, var, self.weight, self.bias, eps=self.eps)
        return super().forward(input)


class Residual(nn.Module):
    """x + f(norm(x)), f zero at first: [N, d] -> [N, d] (He et al. 2016)."""

    def __init__(self, width: int, hidden: int, norm: Norm, dropout: float) -> None:
        super().__init__()
        norms: dict[Norm, nn.Module] = {
            "batch": BatchNorm(width),
            "layer": nn.LayerNorm(width),
            "none": nn.Identity(),
        }
        last = nn.Linear(hidden, width)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.inner = nn.Sequential(
            norms[norm], nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), last
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.inner(x)
        return out


def blocks(layers: int, width: int, hidden: int, norm: Norm, dropout: float) -> nn.Sequential:
    return nn.Sequential(*(Residual(width, hidden, norm, dropout) for _ in range(layers)))


class ItemTower(nn.Module):
    """Codes [N] -> rows [N, d + 1] -> vectors [N, d] and biases [N]."""

    def __init__(
        self, table: Table, dim: int, init: float, features: bool, deep: nn.Sequential
    ) -> None:
        super().__init__()
        self.ids = embedding(len(table), dim, init)
        self.words = Words(table, dim, init) if features and table.features else None
        self.deep = deep

    def __len__(self) -> int:
        return self.ids.num_embeddings

    def raw(self, codes: Tensor) -> Tensor:
        """Id and features, before any depth; the bias is last: [N, d + 1]."""
        rows: Tensor = self.ids(codes)
        return rows if self.words is None else rows + self.words(codes)

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Raw rows [N, d + 1] -> vectors [N, d], biases [N]."""
        return self.deep(raw[:, :-1]), raw[:, -1]


class UserTower(nn.Module):
    """Bags of histories [B, d] and codes [B] -> vectors [B, d]. Code -1: the history alone."""

    def __init__(
        self,
        table: Table,
        dim: int,
        init: float,
        ids: bool,
        id_dropout: float,
        features: bool,
        deep: nn.Sequential,
    ) -> None:
        super().__init__()
        self.ids = embedding(len(table), dim, init) if ids else None
        self.words = Words(table, dim, init) if features and table.features else None
        self.id_dropout, self.known = id_dropout, len(table)
        self.deep = deep

    def rows(self, codes: Tensor) -> Tensor | None:
        """What a known user adds to the history, [N, d]; None where users add nothing."""
        parts = [part(codes)[:, :-1] for part in (self.ids, self.words) if part is not None]
        return torch.stack(parts).sum(0) if parts else None

    def forward(self, codes: Tensor, bags: Tensor) -> Tensor:
        known, x = (codes >= 0)[:, None], bags
        rows = codes.clamp(min=0)
        if self.ids is not None:
            kept = known
            if self.training:  # whole ids at a time, so that cold users are nothing new
                kept = known & (torch.rand(known.shape, device=x.device) >= self.id_dropout)
            x = x + self.ids(rows)[:, :-1] * kept
        if self.words is not None:
            x = x + self.words(rows)[:, :-1] * known
        out: Tensor = self.deep(x)
        return out


def pool_history(bag: Bag, table: Tensor, places: Tensor, norm: BagNorm, scale: float) -> Tensor:
    """Sums of `table[places]` over each row of the bag, normalised: [B, d]. Empty rows: zeros."""
    sums = functional.embedding_bag(places, table, bag.offsets[:-1], mode="sum")
    counts = bag.lengths.clamp(min=1).to(sums.dtype)[:, None]
    by = {"mean": counts, "sqrt": counts.sqrt(), "sum": torch.ones_like(counts)}[norm]
    return sums * (scale / by)
