"""Dense layers that take any leading shape: [..., d] -> [..., d']."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

Norm = Literal["none", "batch", "layer"]


class BatchNorm(nn.BatchNorm1d):
    """Batch statistics over all leading dimensions."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.reshape(-1, input.shape[-1])).view(input.shape)


def normalise(kind: Norm, width: int) -> nn.Module:
    if kind == "batch":
        return BatchNorm(width)
    return nn.LayerNorm(width) if kind == "layer" else nn.Identity()


def activate(kind: Norm, width: int, dropout: float) -> nn.Sequential:
    """What follows a linear map inside a stack."""
    return nn.Sequential(normalise(kind, width), nn.ReLU(), nn.Dropout(dropout))


def stack(widths: Sequence[int], norm: Norm, dropout: float) -> nn.Sequential:
    """Linear maps from width to width, each normalised and activated."""
    layers = nn.Sequential()
    for before, after in pairwise(widths):
        layers.extend([nn.Linear(before, after), activate(norm, after, dropout)])
    return layers


def quiet_head(width: int) -> nn.Linear:
    """[..., width] -> [..., 1], zero at first: what precedes it begins as no correction at all."""
    head = nn.Linear(width, 1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head


class Residual(nn.Module):
    """x + f(x): [..., d] -> [..., d] (He et al. 2016)."""

    def __init__(self, width: int, norm: Norm, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Linear(width, width), activate(norm, width, dropout), nn.Linear(width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.inner(x)
        return out
