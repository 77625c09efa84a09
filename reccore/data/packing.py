"""Sequences of many lengths side by side, with almost nothing padded.

All tokens of a batch lie in one long row, so whatever looks at a token alone (embeddings, norms,
linear layers) hardly sees padding. Attention needs rectangles: sequences lie longest first, and
neighbours of nearly equal length form a group that is padded on the right to its longest. Causal
attention never looks to the right, so no mask is needed. (Krell et al. 2021, arXiv:2107.02027, pack
several sequences into one row instead; that does need a mask.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

WASTE = 1.04  # tokens of a group, at most, for each true one


@dataclass(frozen=True)
class Layout:
    """Where the tokens of B sequences lie in a row of T, the few padded ones included."""

    groups: tuple[tuple[int, int], ...]  # (sequences, length) of each rectangle, in order
    owner: Tensor  # [T] the sequence of a token
    place: Tensor  # [T] its index within the sequence
    real: Tensor  # [P] tokens that are not padding, in order
    ends: Tensor  # [B] each sequence's last true token

    def to(self, device: torch.device, non_blocking: bool = False) -> "Layout":
        tensors = (self.owner, self.place, self.real, self.ends)
        return Layout(self.groups, *(t.to(device, non_blocking=non_blocking) for t in tensors))

    def split(self, x: Tensor) -> tuple[Tensor, ...]:
        """Anything of the tokens [T, ...], a part a group."""
        if len(self.groups) == 1:
            return (x,)
        return torch.split(x, [rows * length for rows, length in self.groups])


def lay_out(lengths: Tensor) -> Layout:
    """The layout of sequences of these lengths [B], at least 1 each, longest first."""
    groups = tuple(rectangles(lengths.tolist()))
    widths = torch.tensor([length for rows, length in groups for _ in range(rows)])  # [B]
    starts = widths.cumsum(0) - widths
    owner = torch.repeat_interleave(widths)  # [T]
    place = torch.arange(owner.shape[0]) - starts[owner]
    real = (place < lengths[owner]).nonzero()[:, 0]
    return Layout(groups, owner, place, real, starts + lengths - 1)


def rectangle(rows: int, length: int, lengths: Tensor) -> Layout:
    """All of B sequences in one group, whatever their lengths [B]: what a graph is traced with."""
    device = lengths.device
    owner = torch.arange(rows, device=device)[:, None].expand(rows, length).reshape(-1)
    place = torch.arange(length, device=device)[None].expand(rows, length).reshape(-1)
    starts = torch.arange(rows, device=device) * length
    return Layout(((rows, length),), owner, place, place, starts + lengths - 1)


def rectangles(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Groups (sequences, length) of descending lengths: each as large as `WASTE` lets it be."""
    groups: list[tuple[int, int]] = []
    first, true = 0, 0
    for at, length in enumerate(lengths):
        rows = at - first
        if rows and lengths[first] * (rows + 1) > WASTE * (true + length):
            groups.append((rows, lengths[first]))
            first, true = at, 0
        true += length
    groups.append((len(lengths) - first, lengths[first]))
    return groups
