"""Matrix factorisation with an element-wise product, an MLP on top of it, and biases.

    score = bias_u + bias_i + u . i + MLP(u * i)

The dot product is Koren, Bell & Volinsky's (2009); the MLP learns what a plain sum over the
factors cannot, and begins as no correction at all. Without layers (`hidden = []`) it is plain
matrix factorisation, with BPR loss the fastest ranker here.
"""

from typing import Self

from pydantic import Field
from torch import Tensor, nn

from cinesync.models.dense import Norm, quiet_head, stack
from cinesync.models.dots import dots
from cinesync.models.pairs import PairModule, PairRecommender, PairSettings, State
from cinesync.models.pointwise import Scores
from cinesync.models.sides import Rows
from reccore.data.dataset import Dataset


class MFSettings(PairSettings):
    hidden: tuple[int, ...] = Field(
        (), description="widths of the MLP over the product; none: better, measured on MovieLens"
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

        plain = not (settings.hidden or settings.embedding_l2 or settings.dropout)
        self.fast = plain and not any(side.composed for side in (self.users, self.items))

    def forward(
        self, users: Tensor, items: Tensor, trained: bool, moments: Tensor | None = None
    ) -> Scores:
        """Plain factors of plain ids have a loop of their own, on the CPU."""
        if not (self.fast and trained and users.device.type == "cpu"):
            return super().forward(users, items, trained, moments)
        sides = self.users, self.items
        tables = sides[0].ids.weight, sides[1].ids.weight
        biases = sides[0].bias.weight, sides[1].bias.weight
        values = dots(users, items, tables, biases) + self.middle
        return Scores(values, *tables)  # no penalty is asked for, so no vectors are looked up

    def user_state(self, rows: Rows) -> State:
        return self.drop(rows.vectors), rows.bias

    def item_state(self, rows: Rows) -> State:
        return self.drop(rows.vectors), rows.bias

    def join(self, users: State, items: State) -> Tensor:
        (u, bias_u), (i, bias_i) = users, items
        product = u * i  # [B, N, d]
        score = product.sum(dim=-1) + (bias_u + bias_i).squeeze(-1)
        return score if self.mlp is None else score + self.mlp(product).squeeze(-1)

    def cross(self, users: State, items: State) -> Tensor:
        if self.mlp is not None:
            return super().cross(users, items)
        (u, bias_u), (i, bias_i) = users, items
        return u @ i.T + bias_u + bias_i.T


class MF(PairRecommender):
    @classmethod
    def build(cls, settings: MFSettings, data: Dataset) -> Self:
        return cls(settings, MFModule(settings, data))
