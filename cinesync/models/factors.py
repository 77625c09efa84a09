"""Matrix factorisation with an element-wise product, an MLP on top of it, and biases.

    score = bias_u + bias_i + u . i + MLP(u * i)

The dot product is Koren, Bell & Volinsky's (2009); the MLP learns what a plain sum over the
factors cannot, and begins as no correction at all. Without layers (`hidden = []`) it is plain
matrix factorisation, with BPR loss the fastest ranker here.
"""

from typing import Self

import torch
from pydantic import Field
from torch import Tensor, nn

from cinesync.models.dense import Norm, quiet_head, stack
from cinesync.models.pairs import PairModule, PairRecommender, PairSettings
from cinesync.models.sides import Rows
from reccore.data.dataset import Dataset


class MFSettings(PairSettings):
    hidden: tuple[int, ...] = Field(
        (64, 32), description="widths of the MLP over the product; [] for the plain dot product"
    )
    norm: Norm = Field("none", description="normalisation inside the MLP")


class MFModule(PairModule):
    def __init__(self, settings: MFSettings, data: Dataset) -> None:
        super().__init__(settings, data)
        self.drop = nn.Dropout(settings.dropout)
        self.mlp: nn.Sequential | None = None
        if settings.hidden:
            widths = (settings.dim, *settings.hidden)
            layers = stack(widths, settings.norm, settings.dropout)
            self.mlp = nn.Sequential(layers, quiet_head(widths[-1]))
            self.width = max(widths)

    def user_state(self, rows: Rows) -> Tensor:
        return self._state(rows)

    def item_state(self, rows: Rows) -> Tensor:
        return self._state(rows)

    def _state(self, rows: Rows) -> Tensor:
        """Dropout takes factors, never the bias: [N, d + 1]."""
        if not (self.training and self.drop.p):
            return rows.whole
        return torch.cat([self.drop(rows.whole[:, :-1]), rows.whole[:, -1:]], dim=1)

    def join(self, users: Tensor, items: Tensor) -> Tensor:
        product = users[..., :-1] * items[..., :-1]  # [..., d]
        score = product.sum(dim=-1) + users[..., -1] + items[..., -1]
        return score if self.mlp is None else score + self.mlp(product).squeeze(-1)

    def cross(self, users: Tensor, items: Tensor) -> Tensor:
        if self.mlp is not None:
            return super().cross(users, items)
        return users[:, :-1] @ items[:, :-1].T + users[:, -1:] + items[:, -1]


class MF(PairRecommender):
    @classmethod
    def build(cls, settings: MFSettings, data: Dataset) -> Self:
        return cls(settings, MFModule(settings, data))
