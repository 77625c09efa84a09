"""Causal self-attention over packed sequences: the blocks that sequence models are built of.

Tokens are [T, d] in the layout of `reccore.data.packing`; only attention itself sees rectangles.
Blocks are pre-norm (Xiong et al. 2020, arXiv:2002.04745); gated ones scale each branch by a sigmoid
of its input, as LiGR does (Borisyuk et al. 2025, arXiv:2502.03417).
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from cinesync.models.dropout import Dropout
from reccore.data.packing import Layout
from reccore.data.temporal import GAPS

FeedForward = Literal["gelu", "relu", "swiglu"]
WAVELENGTH = 10_000.0  # of the slowest rotation


class Shape(NamedTuple):
    """What the blocks of a model share."""

    dim: int
    heads: int
    hidden: int
    feed_forward: FeedForward
    gated: bool
    dropout: float
    relative_time: bool


@dataclass(frozen=True)
class Past:
    """What attention needs to know besides the tokens."""

    layout: Layout
    turns: Tensor | None = None  # rotary, see `rotations`
    gaps: tuple[Tensor, ...] | None = None  # relative times: buckets [B, L, L] of each group


class Attention(nn.Module):
    """Multi-head attention of tokens over their own sequence, up to themselves."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.into = nn.Linear(shape.dim, 3 * shape.dim)
        self.out = nn.Linear(shape.dim, shape.dim)
        self.gaps = nn.Embedding(GAPS, shape.heads) if shape.relative_time else None

    def forward(self, x: Tensor, past: Past) -> Tensor:
        """Every token: [T, d] -> [T, d]."""
        found = []
        for at, part in enumerate(past.layout.split(self._projected(x, past))):
            q, k, v = self._heads(part, past.layout.groups[at])
            bias = None if self.gaps is None else self._bias(past, at)
            seen = functional.scaled_dot_product_attention(
                q, k, v, attn_mask=bias, is_causal=bias is None
            )
            found.append(seen.transpose(1, 2).reshape(-1, x.shape[1]))
        joined: Tensor = self.out(one(found))
        return joined

    def last(self, x: Tensor, past: Past) -> Tensor:
        """Each sequence's last token alone: [T, d] -> [B, d]."""
        layout, parts = past.layout, self._projected(x, past)
        queries, ends = parts[layout.ends, 0], layout.place[layout.ends]  # [B, H, d_h], [B]
        found, first = [], 0
        for at, part in enumerate(layout.split(parts)):
            rows, length = layout.groups[at]
            _, k, v = self._heads(part, (rows, length))
            end = ends[first : first + rows]
            there = torch.arange(length, device=x.device) <= end[:, None]  # [B, L]
            mask = there[:, None, None]
            if self.gaps is not None:
                assert past.gaps is not None
                bias = self.gaps(past.gaps[at][torch.arange(rows, device=x.device), end])
                mask = bias.transpose(1, 2)[:, :, None].masked_fill(~mask, -torch.inf)
            mine = queries[first : first + rows, :, None]
            seen = functional.scaled_dot_product_attention(mine, k, v, attn_mask=mask)
            found.append(seen.reshape(-1, x.shape[1]))
            first += rows
        joined: Tensor = self.out(one(found))
        return joined

    def _projected(self, x: Tensor, past: Past) -> Tensor:
        """Queries, keys and values: [T, 3, H, d_h]."""
        parts: Tensor = self.into(x).view(x.shape[0], 3, self.heads, -1)
        return parts if past.turns is None else turned(parts, past.turns)

    def _heads(self, part: Tensor, group: tuple[int, int]) -> tuple[Tensor, ...]:
        """The same of one group: [B, H, L, d_h] each."""
        return part.view(*group, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)

    def _bias(self, past: Past, group: int) -> Tensor:
        """What a pair's distance in time adds to its score, the future masked: [B, H, L, L]."""
        assert self.gaps is not None
        assert past.gaps is not None
        gaps = past.gaps[group]
        ahead = torch.ones(gaps.shape[1:], dtype=torch.bool, device=gaps.device).triu(1)
        bias: Tensor = self.gaps(gaps).permute(0, 3, 1, 2).masked_fill(ahead, -torch.inf)
        return bias


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x)): [T, d] -> [T, d]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        dim, doubled = shape.dim, shape.feed_forward == "swiglu"
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2))
        self.attention = Attention(shape)
        self.kind = shape.feed_forward
        self.wide = nn.Linear(dim, shape.hidden * (1 + doubled))
        self.narrow = nn.Linear(shape.hidden, dim)
        self.gates = nn.ModuleList(nn.Linear(dim, dim) for _ in range(2 if shape.gated else 0))
        self.drop = Dropout(shape.dropout)

    def forward(self, x: Tensor, past: Past) -> Tensor:
        normed = self.norms[0](x)
        x = x + self._branch(0, self.attention(normed, past), normed)
        return self._fed(x)

    def last(self, x: Tensor, past: Past) -> Tensor:
        """Of each sequence's last token alone: [T, d] -> [B, d]."""
        normed, ends = self.norms[0](x), past.layout.ends
        return self._fed(x[ends] + self._branch(0, self.attention.last(normed, past), normed[ends]))

    def _fed(self, x: Tensor) -> Tensor:
        normed = self.norms[1](x)
        wide = self.wide(normed)
        if self.kind == "swiglu":
            gate, wide = wide.chunk(2, dim=-1)
            wide = functional.silu(gate) * wide
        else:
            wide = functional.gelu(wide) if self.kind == "gelu" else functional.relu(wide)
        return x + self._branch(1, self.narrow(self.drop(wide)), normed)

    def _branch(self, which: int, out: Tensor, normed: Tensor) -> Tensor:
        out = self.drop(out)
        return out * torch.sigmoid(self.gates[which](normed)) if len(self.gates) else out


class Blocks(nn.Module):
    """The whole stack; the norm at its end is part of it."""

    def __init__(self, shape: Shape, count: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(shape) for _ in range(count))
        self.norm = nn.LayerNorm(shape.dim)

    def forward(self, x: Tensor, past: Past) -> Tensor:
        """States of all tokens: [T, d] -> [T, d]."""
        for block in self.blocks:
            x = block(x, past)
        normed: Tensor = self.norm(x)
        return normed

    def last(self, x: Tensor, past: Past) -> Tensor:
        """The same of each sequence's last token, without the work that only others need."""
        *early, final = self.blocks
        for block in early:
            x = block(x, past)
        normed: Tensor = self.norm(final.last(x, past))  # type: ignore[operator]
        return normed


def rotations(place: Tensor, width: int) -> Tensor:
    """Cosines and sines of places [T], for queries, keys and values, which stay as they are:
    [T, 3, 1, width / 2, 2] (Su et al. 2021, arXiv:2104.09864)."""
    steps = torch.arange(0, width, 2, device=place.device, dtype=torch.float32) / width
    angles = place[:, None] * WAVELENGTH**-steps
    angles = torch.stack([angles, angles, torch.zeros_like(angles)], dim=1)[:, :, None]
    return torch.stack([angles.cos(), angles.sin()], dim=-1)


def turned(x: Tensor, turns: Tensor) -> Tensor:
    """Neighbouring numbers [T, 3, H, d_h] as pairs, rotated: products of queries and keys then
    depend on their distance alone."""
    pairs = x.view(*x.shape[:-1], -1, 2)
    if x.dtype == torch.float32 and not torch.compiler.is_exporting():  # a sixth of the time
        product = torch.view_as_complex(pairs) * torch.view_as_complex(turns)
        return torch.view_as_real(product).flatten(-2)
    (one, two), (cosines, sines) = pairs[:, :2].unbind(-1), turns[:, :2].unbind(-1)
    rotated = [one * cosines - two * sines, two * cosines + one * sines]
    return torch.cat([torch.stack(rotated, dim=-1).flatten(-2), x[:, 2:]], dim=1)


def gap_buckets(asked: Tensor, times: Tensor) -> Tensor:
    """`reccore.data.temporal.gap_buckets` of tensors."""
    seconds = (asked[:, :, None] - times[:, None, :]).clamp(min=1)
    return (torch.frexp(seconds.float()).exponent - 1).clamp(max=GAPS - 1).long()


def one(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)
