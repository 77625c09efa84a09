"""Parameters with a normal prior, learned in units of its spread.

An optimiser such as Adam moves every parameter by about its rate, whatever its size. Measured in
spreads of what was believed before any data, one rate suits all: what may be of order 1 moves a
hundred times further than what must be of order 0.01.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

STRIDE = 30.0  # spreads that a parameter of 1 stands for: a rate of 1e-3 moves 0.03 spreads a step


class Belief(nn.Module):
    """A tensor whose elements are normal before any data, around `mean` with `spread`."""

    def __init__(
        self, *shape: int, mean: float | Sequence[float] = 0.0, spread: float | Sequence[float]
    ) -> None:
        """`mean` and `spread` are one for all elements, or one for each of the last dimension."""
        super().__init__()
        self.moved = nn.Parameter(torch.zeros(shape))
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.tensor(mean), False)
        self.register_buffer("spread", torch.tensor(spread), False)

    def forward(self) -> Tensor:
        """The tensor as it is believed now."""
        value: Tensor = self.mean + STRIDE * self.spread * self.moved
        return value

    def surprise(self) -> Tensor:
        """-log prior, less its constant: how far data have moved the belief."""
        squares: Tensor = (STRIDE * self.moved).square()
        return squares.sum() / 2
