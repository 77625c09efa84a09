"""Neural collaborative filtering (He et al. 2017, arXiv:1708.05031) and an advanced form of it.

`ncf` is an MLP over both vectors. `neumf` adds the generalised product (GMF), which attends to
what the pair consists of (Vaswani et al. 2017), and reads the whole with residual blocks.
"""

from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from cinesync.models.dense import Norm, Residual, activate, quiet_head, stack
from cinesync.models.pairs import PairModule, PairRecommender, PairSettings, State
from cinesync.models.sides import Rows
from reccore.data.dataset import Dataset
from reccore.data.temporal import NAMES


class TimedSettings(PairSettings):
    """The first layer of an MLP over user and item may read the moment, too."""

    temporal: Literal["off", "now"] = Field(
        "off",
        description="now: read hour, weekday, season and the user's rhythm at the time that the "
        "item is asked for, which a server knows",
    )
    forget_now: float = Field(
        0.1, ge=0, lt=1, description="now: how often training hides it, as a request may"
    )

    @model_validator(mode="after")
    def _ranks(self) -> Self:
        if self.temporal != "off" and self.target == "rating":
            raise ValueError("temporal is of target ranking: a rating is predicted without a time")
        return self


class NCFSettings(TimedSettings):
    hidden: tuple[int, ...] = Field(
        (64, 32), min_length=1, description="widths of the MLP over user and item"
    )
    norm: Norm = Field("none", description="normalisation inside the MLP")


class FirstLayer(nn.Module):
    """W [u; i] + b in two halves, each computed once a user or item.

    The moment t makes it W [u; i; t]: it is the same for all items, so its part is the user's.
    """

    def __init__(self, settings: TimedSettings, width: int) -> None:
        super().__init__()
        self.drop = nn.Dropout(settings.dropout)
        self.of_users = nn.Linear(settings.dim, width)
        self.of_items = nn.Linear(settings.dim, width, bias=False)
        now, self.forget = settings.temporal == "now", settings.forget_now
        self.of_moments = nn.Linear(len(NAMES) + 1, width, bias=False) if now else None

    def users(self, rows: Rows) -> Tensor:
        half: Tensor = self.of_users(self.drop(rows.vectors))
        if self.of_moments is not None and rows.moments is not None:
            half = half + self.of_moments(self._remembered(rows.moments))
        return half

    def _remembered(self, moments: Tensor) -> Tensor:
        """In training a share of the rows do not know when: a request may not say, either."""
        if not self.training:
            return moments
        return moments * (torch.rand_like(moments[:, :1]) >= self.forget)

    def items(self, vectors: Tensor) -> Tensor:
        half: Tensor = self.of_items(self.drop(vectors))
        return half


class NCFModule(PairModule):
    """score = bias_u + bias_i + MLP([u; i])."""

    def __init__(self, settings: NCFSettings, data: Dataset) -> None:
        super().__init__(settings, data)
        first, *rest = settings.hidden
        self.first = FirstLayer(settings, first)
        self.reads_now = settings.temporal == "now"
        self.mlp = nn.Sequential(
            activate(settings.norm, first, settings.dropout),
            stack((first, *rest), settings.norm, settings.dropout),
            nn.Linear(settings.hidden[-1], 1),
        )
        self.width = max(settings.hidden)

    def user_state(self, rows: Rows) -> State:
        return self.first.users(rows), rows.bias

    def item_state(self, rows: Rows) -> State:
        return self.first.items(rows.vectors), rows.bias

    def join(self, users: State, items: State) -> Tensor:
        (half_u, bias_u), (half_i, bias_i) = users, items
        score: Tensor = self.mlp(half_u + half_i) + bias_u + bias_i  # [B, N, 1]
        return score.squeeze(-1)


class NCF(PairRecommender):
    @classmethod
    def build(cls, settings: NCFSettings, data: Dataset) -> Self:
        return cls(settings, NCFModule(settings, data))


class NeuMFSettings(TimedSettings):
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
        self.first = FirstLayer(settings, h)
        self.reads_now = settings.temporal == "now"
        self.query = nn.Linear(d, d)
        self.memory = nn.Linear(d, 2 * d, bias=False)  # keys and values of any token
        self.kinds = nn.ParameterList(torch.randn(2 * d) * d**-0.5 for _ in range(4))
        self.enter = activate(settings.norm, h, settings.dropout)
        blocks = [Residual(h + d, settings.norm, settings.dropout) for _ in range(settings.blocks)]
        self.blocks = nn.Sequential(*blocks, quiet_head(h + d))
        self.width = 12 * d + 4 * h

    def user_state(self, rows: Rows) -> State:
        u = self.drop(rows.vectors)
        token = self.memory(u) + self.kinds[0]
        half = self.first.users(rows._replace(vectors=u))
        return u, rows.bias, half, token, self._features(rows)

    def item_state(self, rows: Rows) -> State:
        i = self.drop(rows.vectors)
        token = self.memory(i) + self.kinds[1]
        return i, rows.bias, self.first.items(i), token, self._features(rows)

    def _features(self, rows: Rows) -> Tensor:
        """One side's half of the features' keys and values: [N, 2 d]."""
        half: Tensor = rows.vectors.new_zeros(rows.vectors.shape[0], 2 * self.dim)
        return half if rows.words is None else self.memory(self.drop(rows.words))

    def join(self, users: State, items: State) -> Tensor:
        u, bias_u, half_u, user, words_u = users
        i, bias_i, half_i, item, words_i = items
        product = u * i  # [B, N, d]
        tokens = [user, item, self.memory(product) + self.kinds[2]]
        tokens.append(words_u + words_i + self.kinds[3])
        attended = self._attend(self.query(product), tokens)  # [B, N, d]
        deep = torch.cat([self.enter(half_u + half_i), attended], dim=-1)
        score: Tensor = self.blocks(deep) + bias_u + bias_i  # [B, N, 1]
        return score.squeeze(-1) + product @ self.product

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
