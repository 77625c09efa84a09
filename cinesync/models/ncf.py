"""Neural collaborative filtering (He et al. 2017, arXiv:1708.05031) and an advanced form of it.

`ncf` is an MLP over both vectors. `neumf` adds the generalised product (GMF), which attends to
what the pair consists of (Vaswani et al. 2017), and reads the whole with residual blocks.
"""

from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from cinesync.models.dense import Norm, Residual, activate, quiet_head, stack
from cinesync.models.pairs import PairModule, PairRecommender, PairSettings
from cinesync.models.sides import Rows
from reccore.data.dataset import Dataset


class NCFSettings(PairSettings):
    hidden: tuple[int, ...] = Field(
        (64, 32), min_length=1, description="widths of the MLP over user and item"
    )
    norm: Norm = Field("none", description="normalisation inside the MLP")


class FirstLayer(nn.Module):
    """W [u; i] + b in two halves, each computed once a user or item."""

    def __init__(self, dim: int, width: int, dropout: float) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.of_users = nn.Linear(dim, width)
        self.of_items = nn.Linear(dim, width, bias=False)

    def users(self, vectors: Tensor) -> Tensor:
        half: Tensor = self.of_users(self.drop(vectors))
        return half

    def items(self, vectors: Tensor) -> Tensor:
        half: Tensor = self.of_items(self.drop(vectors))
        return half


class NCFModule(PairModule):
    """score = bias_u + bias_i + MLP([u; i])."""

    def __init__(self, settings: NCFSettings, data: Dataset) -> None:
        super().__init__(settings, data)
        first, *rest = settings.hidden
        self.first = FirstLayer(settings.dim, first, settings.dropout)
        self.mlp = nn.Sequential(
            activate(settings.norm, first, settings.dropout),
            stack((first, *rest), settings.norm, settings.dropout),
            nn.Linear(settings.hidden[-1], 1),
        )
        self.width = max(settings.hidden)

    def user_state(self, rows: Rows) -> Tensor:
        return torch.cat([self.first.users(rows.whole[:, :-1]), rows.whole[:, -1:]], dim=1)

    def item_state(self, rows: Rows) -> Tensor:
        return torch.cat([self.first.items(rows.whole[:, :-1]), rows.whole[:, -1:]], dim=1)

    def join(self, users: Tensor, items: Tensor) -> Tensor:
        both = users + items  # [..., h + 1] the first layer, and the sum of biases
        deep: Tensor = self.mlp(both[..., :-1])
        return deep.squeeze(-1) + both[..., -1]


class NCF(PairRecommender):
    @classmethod
    def build(cls, settings: NCFSettings, data: Dataset) -> Self:
        return cls(settings, NCFModule(settings, data))


class NeuMFSettings(PairSettings):
    heads: int = Field(4, ge=1, description="heads of the attention over tokens")
    hidden: int = Field(64, ge=1, description="width of the MLP over user and item")
    blocks: int = Field(2, ge=0, description="residual blocks that read MLP and attention")
    norm: Norm = Field("layer", description="normalisation inside the blocks")

    @model_validator(mode="after")
    def _whole_heads(self) -> Self:
        if self.dim % self.heads:
            raise ValueError(f"dim={self.dim} is not a multiple of heads={self.heads}")
        return self


class NeuMFModule(PairModule):
    """score = bias_u + bias_i + w . (u * i) + blocks([MLP of u and i; attention]).

    The product is the query; it attends to the tokens user, item, product and features of both.
    Keys and values are linear, so those of the user, the item and the features are part of the
    states: only the product's are made for each pair.
    """

    def __init__(self, settings: NeuMFSettings, data: Dataset) -> None:
        super().__init__(settings, data)
        d, h = settings.dim, settings.hidden
        self.dim, self.heads = d, settings.heads
        self.drop = nn.Dropout(settings.dropout)
        self.product = nn.Parameter(torch.ones(d))  # w: begins as the dot product
        self.first = FirstLayer(d, h, settings.dropout)
        self.query = nn.Linear(d, d)
        self.memory = nn.Linear(d, 2 * d, bias=False)  # keys and values of any token
        self.kinds = nn.Parameter(torch.randn(4, 2 * d) * d**-0.5)  # what tells tokens apart
        self.enter = activate(settings.norm, h, settings.dropout)
        blocks = [Residual(h + d, settings.norm, settings.dropout) for _ in range(settings.blocks)]
        self.blocks = nn.Sequential(*blocks, quiet_head(h + d))
        self.width = 12 * d + 4 * h
        self.parts = [d, 1, h, 2 * d, 2 * d]

    def user_state(self, rows: Rows) -> Tensor:
        vectors, bias = self._vectors(rows)
        own = self.memory(vectors) + self.kinds[0]
        parts = [vectors, bias, self.first.users(vectors), own, self._features(rows)]
        return torch.cat(parts, dim=1)

    def item_state(self, rows: Rows) -> Tensor:
        vectors, bias = self._vectors(rows)
        own = self.memory(vectors) + self.kinds[1]
        parts = [vectors, bias, self.first.items(vectors), own, self._features(rows)]
        return torch.cat(parts, dim=1)

    def _vectors(self, rows: Rows) -> tuple[Tensor, Tensor]:
        return self.drop(rows.whole[:, :-1]), rows.whole[:, -1:]

    def _features(self, rows: Rows) -> Tensor:
        """One side's half of the features' keys and values: [N, 2 d]."""
        if rows.words is None:
            return rows.whole.new_zeros(len(rows.whole), 2 * self.dim)
        half: Tensor = self.memory(self.drop(rows.words[:, :-1]))
        return half

    def join(self, users: Tensor, items: Tensor) -> Tensor:
        u, bias_u, first_u, user, words_u = torch.split(users, self.parts, dim=-1)
        i, bias_i, first_i, item, words_i = torch.split(items, self.parts, dim=-1)
        product = u * i  # [..., d]
        tokens = [user, item, self.memory(product) + self.kinds[2]]
        tokens.append(words_u + words_i + self.kinds[3])
        attended = self._attend(self.query(product), tokens)  # [..., d]
        deep = torch.cat([self.enter(first_u + first_i), attended], dim=-1)
        shallow = (bias_u + bias_i).squeeze(-1) + product @ self.product
        read: Tensor = shallow + self.blocks(deep).squeeze(-1)
        return read

    def _attend(self, query: Tensor, tokens: list[Tensor]) -> Tensor:
        """Query [..., d] over tokens of keys and values [..., 2 d], which broadcast: [..., d]."""
        heads, width = self.heads, self.dim // self.heads
        query = query.reshape(*query.shape[:-1], heads, width) * width**-0.5  # [..., H, d / H]
        memory = [token.reshape(*token.shape[:-1], 2, heads, width) for token in tokens]
        scores = [(query * m[..., 0, :, :]).sum(dim=-1) for m in memory]
        weights = torch.stack(scores, dim=-1).softmax(dim=-1)  # [..., H, 4]
        parts = [weights[..., t, None] * m[..., 1, :, :] for t, m in enumerate(memory)]
        return torch.stack(parts).sum(dim=0).flatten(-2)


class NeuMF(PairRecommender):
    @classmethod
    def build(cls, settings: NeuMFSettings, data: Dataset) -> Self:
        return cls(settings, NeuMFModule(settings, data))
