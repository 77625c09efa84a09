"""One side of a pair, users or items: its id, its features and whom it met, as one vector.

    vector = id + sum over features (mean of their words) + sum over whom it met / sqrt(how many)

Features as shallow embeddings are the factorisation machine's (Rendle 2010): they carry ids met
too rarely to have learned a vector of their own. The sum over whom it met is SVD++'s (Koren 2008).
A bias is the same sum over numbers: words and the met keep theirs last in rows of d + 1.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from reccore.data.dataset import Table
from reccore.data.interactions import Interactions


class Rows(NamedTuple):
    """What a side says of codes [N]."""

    vectors: Tensor  # [N, d]
    bias: Tensor  # [N, 1]
    words: Tensor | None  # [N, d] the features' part of the vectors; None where there are none
    moments: Tensor | None = None  # [N, F + 1] when users are asked about; None: nobody knows


class Side(nn.Module):
    """Codes [N] -> rows. An unknown code (-1) is the zero row: no taste, no bias."""

    def __init__(
        self,
        table: Table,
        dim: int,
        init: float,
        features: bool,
        met: "Met | None",
        others: int,
    ) -> None:
        super().__init__()
        self.ids = nn.Embedding(len(table), dim)
        nn.init.normal_(self.ids.weight, std=init)
        self.bias = nn.Embedding(len(table), 1)
        nn.init.zeros_(self.bias.weight)
        self.words = Words(table, dim, init) if features and table.features else None
        self.met = met
        self.others = None if met is None else embedding(others, dim, init)

    @property
    def composed(self) -> bool:
        """Its rows are more than those of its ids."""
        return self.words is not None or self.met is not None

    def __len__(self) -> int:
        return self.ids.num_embeddings

    def forward(self, codes: Tensor, without: Tensor | None = None) -> Rows:
        """`without` [N]: whom a row is asked about in training, so must not know of; -1: nobody."""
        known = codes.clamp(min=0)
        vectors, bias, words = self.ids(known), self.bias(known), None
        if self.words is not None:
            words, own = self.words(known).split([vectors.shape[1], 1], dim=1)
            vectors, bias = vectors + words, bias + own
        if self.met is not None and self.others is not None:
            met = self.met(known, self.others.weight, without)
            vectors, bias = vectors + met[:, :-1], bias + met[:, -1:]
        if not self.training:
            there = (codes >= 0)[:, None]
            vectors, bias = vectors * there, bias * there
            words = None if words is None else words * there
        return Rows(vectors, bias, words)


class Words(nn.Module):
    """Features as bags of words in one vocabulary, each feature counting once: [N, d + 1]."""

    offsets: Tensor  # [R + 1]
    codes: Tensor  # [nnz]
    weights: Tensor  # [nnz]

    def __init__(self, table: Table, dim: int, init: float) -> None:
        super().__init__()
        start, rows, codes, weights = 0, [], [], []
        for bags in table.features.values():
            lengths = np.diff(bags.offsets)
            rows.append(np.repeat(np.arange(len(table)), lengths))
            codes.append(bags.words.astype(np.int64) + start)
            weights.append(np.repeat(1.0 / np.maximum(lengths, 1), lengths))
            start += len(bags.vocabulary)
        self.table = embedding(start, dim, init)
        row = np.concatenate(rows)
        order = np.argsort(row, kind="stable")
        offsets = np.searchsorted(row[order], np.arange(len(table) + 1))
        arrays = {"offsets": offsets, "codes": np.concatenate(codes)[order]}
        arrays["weights"] = np.concatenate(weights)[order].astype(np.float32)
        for name, array in arrays.items():  # features travel with the run's tables, not here
            self.register_buffer(name, torch.from_numpy(array), persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        return pool(self.offsets, self.codes, rows, self.table.weight, self.weights)


class Met(nn.Module):
    """Whom each row has met in training: data, but the model answers from it, so it is stored."""

    offsets: Tensor  # [R + 1]
    codes: Tensor  # [nnz]

    def __init__(self, data: Interactions, of_users: bool) -> None:
        super().__init__()
        own, others = (data.users, data.items) if of_users else (data.items, data.users)
        rows = len(data.user_ids if of_users else data.item_ids)
        pairs = np.unique(np.stack([own, others], axis=1).astype(np.int64), axis=0)
        offsets = np.searchsorted(pairs[:, 0], np.arange(rows + 1))
        self.register_buffer("offsets", torch.from_numpy(offsets))
        self.register_buffer("codes", torch.from_numpy(np.ascontiguousarray(pairs[:, 1])))
        self.register_load_state_dict_pre_hook(_resize)  # type: ignore[no-untyped-call]

    def forward(self, rows: Tensor, table: Tensor, without: Tensor | None) -> Tensor:
        """Sums over whom rows [N] have met, but the one of the pair: [N, d + 1]."""
        unique, inverse = torch.unique(rows, return_inverse=True)
        sums = pool(self.offsets, self.codes, unique, table)[inverse]
        counts = self.offsets[rows + 1] - self.offsets[rows]
        if without is not None:
            one = (without >= 0).long()
            sums = sums - functional.embedding(without.clamp(min=0), table) * one[:, None]
            counts = counts - one
        return sums * counts.clamp(min=1).to(sums.dtype).rsqrt()[:, None]


def embedding(rows: int, dim: int, init: float) -> nn.Embedding:
    """Vectors drawn from N(0, init), biases 0: [rows, dim + 1]."""
    table = nn.Embedding(rows, dim + 1)
    with torch.no_grad():
        table.weight.normal_(std=init)[:, -1] = 0.0
    return table


def pool(
    offsets: Tensor, codes: Tensor, rows: Tensor, table: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Sums of the table's rows over the ragged lists of `rows` [N]: [N, d + 1]."""
    starts = offsets[rows]
    lengths = offsets[rows + 1] - starts
    ends = lengths.cumsum(0)
    shift = torch.repeat_interleave(starts - ends + lengths, lengths)
    at = torch.arange(len(shift), device=shift.device) + shift
    picked = None if weights is None else weights[at]
    return functional.embedding_bag(
        codes[at], table, ends - lengths, mode="sum", per_sample_weights=picked
    )


def _resize(
    module: nn.Module, state: Mapping[str, Tensor], prefix: str, *_rest: Any
) -> None:  # stored lists may be of any length: the data set may be absent when a run is opened
    for name, buffer in list(module.named_buffers(recurse=False)):
        if (stored := state.get(prefix + name)) is not None:
            module.register_buffer(name, torch.empty_like(stored, device=buffer.device))
