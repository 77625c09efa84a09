"""Two towers that meet in a dot product (M2): user vector . item vector + item bias.

The score is an inner product and nothing else, so an exact or approximate index over
`item_vectors()` answers `user_vectors()`. Rows of training are *users*: one forward pass each,
a random part of the history is shown and the rest is to be found (the denoising of Mult-DAE,
Liang et al. 2018), so train and use differ in nothing but length.
"""

from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from cinesync.models.dense import Norm
from cinesync.models.neural import NeuralRecommender, Validate, inference
from cinesync.models.pointwise import RatingScale
from cinesync.models.rounding import rounded
from cinesync.models.sampled import Proposal
from cinesync.models.sides import Met, embedding
from cinesync.models.towers import Bag, BagNorm, ItemTower, UserTower, blocks, pool_history
from reccore.bundle.parts import Export, Graph
from reccore.config import Settings
from reccore.data.dataset import Dataset
from reccore.data.ids import Codes
from reccore.data.interactions import Floats
from reccore.errors import UserError
from reccore.recommender import UserBatch
from reccore.train.task import Task

USERS = 512  # users of a block when scoring
PAIRS = 2**14  # pairs predicted at once


class HardSettings(Settings):
    """Negatives that the model takes for positives, as a loss term of their own."""

    ratio: int = Field(0, ge=0, description="hard negatives of each positive; 0: no such term")
    top: int = Field(100, ge=1, description="drawn from so many best scored items not met")


class TwoTowerSettings(Settings):
    """Shape of the towers and what they are trained for.

    Defaults: best on ML-1M validation, but for features, which cost 2% there and gain 3% on the
    generated data. A residual block cost 1% on both.
    """

    dim: int = Field(256, ge=1, description="width of the vectors")
    init: float = Field(0.05, gt=0, description="standard deviation of vectors at first")
    tied: bool = Field(True, description="histories are read with the item tower's id vectors")
    features: bool = Field(True, description="add the vectors of user and item features")
    user_ids: bool = Field(False, description="a vector of each known user besides the history")
    id_dropout: float = Field(0.5, ge=0, le=1, description="how often training hides a user's id")

    bag_norm: BagNorm = Field("mean", description="a history of n items is divided by n, sqrt n, 1")
    bag_scale: float = Field(8.0, gt=0, description="times this")
    history_dropout: float = Field(
        0.5, gt=0, lt=1, description="share of a history that is hidden, on average"
    )
    vary_dropout: bool = Field(
        False, description="draw the hidden share of each user evenly around history_dropout"
    )
    targets: Literal["hidden", "all"] = Field(
        "hidden", description="predict what was hidden (what was shown is masked), or everything"
    )
    user_weight: float = Field(
        1.0, ge=0, le=1, description="a user with n targets weighs n to this power"
    )

    user_layers: int = Field(0, ge=0, description="residual blocks of the user tower")
    item_layers: int = Field(0, ge=0, description="residual blocks of the item tower")
    hidden: int = Field(512, ge=1, description="width inside a residual block")
    norm: Norm = Field("batch", description="normalisation at the head of a residual block")
    dropout: float = Field(0.3, ge=0, lt=1, description="inside the residual blocks")
    vector_dropout: float = Field(0.0, ge=0, lt=1, description="of the finished user vector")

    cosine: bool = Field(False, description="vectors of length 1, scores divided by temperature")
    temperature: float = Field(0.1, gt=0, description="cosine: the divisor")
    item_bias: bool = Field(True, description="add a learned bias of each item")

    negatives: int | None = Field(
        None, ge=1, description="negatives shared by a batch; none set: the whole catalogue"
    )
    proposal: Proposal = Field("uniform", description="how shared negatives are drawn")
    alpha: float = Field(0.75, ge=0, description="popularity: its exponent")
    logq: bool = Field(True, description="correct for how often negatives are drawn")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of a target that is spread over all candidates"
    )
    hard: HardSettings = HardSettings()
    ridge: float = Field(
        3e-7, ge=0, description="times the squared norm of history vectors . item vectors, [I, I]"
    )

    quantise_aware: bool = Field(
        False, description="train on vectors rounded to int8, as `cinesync export` would store them"
    )

    rating: Literal["off", "joint", "only"] = Field(
        "off", description="a head that predicts ratings: beside the ranking, or in its place"
    )
    rating_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share s in rating * (1 - s) + s * middle of the scale"
    )

    @model_validator(mode="after")
    def _hard_of_whom(self) -> "TwoTowerSettings":
        if self.hard.ratio and self.rating == "only":
            raise ValueError("hard negatives are for ranking: set hard.ratio=0 or rating=joint")
        return self


class RatingHead(nn.Module):
    """Rating = user bias + item bias + <A u, B v>, on the normalised scale (see RatingScale)."""

    def __init__(self, data: Dataset, dim: int) -> None:
        super().__init__()
        self.users = embedding(len(data.users), 0, 1.0)  # biases only: [U, 1], 0 at first
        self.items = embedding(len(data.items), 0, 1.0)
        self.of_user, self.of_item = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.scale = RatingScale(data.interactions)
        nn.init.zeros_(self.of_item.weight)

    def forward(self, codes: Tensor, users: Tensor, items: Tensor, vectors: Tensor) -> Tensor:
        """Codes [P] and vectors [P, d] of both sides -> [P]."""
        bias = self.users(codes.clamp(min=0))[:, 0] * (codes >= 0) + self.items(items)[:, 0]
        product = (self.of_user(users) * self.of_item(vectors)).sum(1)
        ratings: Tensor = bias + product / users.shape[1] ** 0.5
        return ratings


class Towers(nn.Module):
    """Both towers, and the heads on them."""

    def __init__(self, settings: TwoTowerSettings, data: Dataset) -> None:
        super().__init__()
        s = self.settings = settings
        deep = [
            blocks(layers, s.dim, s.hidden, s.norm, s.dropout)
            for layers in (s.user_layers, s.item_layers)
        ]
        self.items = ItemTower(data.items, s.dim, s.init, s.features, deep[1])
        self.users = UserTower(
            data.users, s.dim, s.init, s.user_ids, s.id_dropout, s.features, deep[0]
        )
        self.history = None if s.tied else embedding(len(data.items), s.dim, s.init)
        self.rating = RatingHead(data, s.dim) if s.rating != "off" else None
        # Ratings are asked for by code alone, so the histories behind the codes are kept.
        self.met = Met(data.interactions, of_users=True) if s.rating != "off" else None

    def user_vectors(self, codes: Tensor, bag: Bag, raw: Tensor, places: Tensor) -> Tensor:
        """Codes [B]; the history's items lie at `places` [nnz] of the raw item rows: [B, d]."""
        s = self.settings
        if self.history is None:
            pooled = pool_history(bag, self._stored(raw), places, s.bag_norm, s.bag_scale)
        else:
            table = self._stored(self.history.weight)
            pooled = pool_history(bag, table, bag.items, s.bag_norm, s.bag_scale)
        vectors = self.users(codes, pooled[:, :-1])
        vectors = functional.dropout(vectors, s.vector_dropout, self.training)
        return functional.normalize(vectors, dim=1) / s.temperature if s.cosine else vectors

    def item_vectors(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Raw rows [N, d + 1] -> vectors [N, d], biases [N]."""
        vectors, bias = self.items(raw)
        if self.settings.cosine:
            vectors = functional.normalize(vectors, dim=1)
        vectors = self._stored(vectors)
        return vectors, bias if self.settings.item_bias else torch.zeros_like(bias)

    def _stored(self, rows: Tensor) -> Tensor:
        """Rows as training shall see them."""
        return rounded(rows) if self.training and self.settings.quantise_aware else rows

    def ridge(self) -> Tensor:
        """Squared norm of H V^T [I, I] of the id tables H, V [I, d]: EASE's penalty (Steck 2019).

        Input dropout alone restrains popular items more than rare ones; this does the converse.
        """
        of_items = self.items.ids.weight[:, :-1].float()
        of_history = of_items if self.history is None else self.history.weight[:, :-1].float()
        return ((of_history.T @ of_history) * (of_items.T @ of_items)).sum()

    def catalogue(self) -> tuple[Tensor, Tensor, Tensor]:
        """Raw rows [I, d + 1], vectors [I, d] and biases [I] of every item."""
        raw = self.items.raw(torch.arange(len(self.items), device=self.items.ids.weight.device))
        return raw, *self.item_vectors(raw)


class UserGraph(nn.Module):
    """What lies between a pooled history and the user's vector."""

    def __init__(self, towers: Towers) -> None:
        super().__init__()
        self.deep, self.settings = towers.users.deep, towers.settings

    def forward(self, pooled: Tensor) -> Tensor:
        """[B, d] -> [B, d]"""
        vectors: Tensor = self.deep(pooled)
        s = self.settings
        return functional.normalize(vectors, dim=1) / s.temperature if s.cosine else vectors * 1.0


class TwoTower(NeuralRecommender):
    """Scores anyone with a history; an empty history gets the items' own biases."""

    from_history: ClassVar[bool] = True
    module: Towers

    def __init__(self, settings: TwoTowerSettings, module: Towers) -> None:
        self.settings = settings
        self.module = module
        self.rates = settings.rating != "off"

    @classmethod
    def build(cls, settings: TwoTowerSettings, data: Dataset) -> "TwoTower":
        return cls(settings, Towers(settings, data))

    def task(self, data: Dataset, validate: Validate, seed: int) -> Task:
        from cinesync.models.two_tower_task import two_tower_task

        return two_tower_task(self.module, data, validate)

    def user_vectors(self, users: UserBatch) -> Floats:
        """For an index over `item_vectors`: [B, d + 1], the last number 1."""
        with inference(self.module) as module:
            vectors = self._users(users, module.catalogue()[0]).float()
        ones = torch.ones(len(users), 1, device=vectors.device)
        return torch.cat([vectors, ones], 1).cpu().numpy()

    def item_vectors(self) -> Floats:
        """[I, d + 1], the last number the bias: `user_vectors @ item_vectors.T == score`."""
        with inference(self.module) as module:
            _, vectors, bias = module.catalogue()
            return torch.cat([vectors, bias[:, None]], 1).float().cpu().numpy()

    def export(self) -> Export:
        """Pooled histories go through the user tower's graph; items are vectors for an index."""
        s = self.settings
        if s.rating == "only":
            raise UserError("a two-tower of ratings alone cannot be exported", "use rating=joint")
        with inference(self.module) as module:
            raw = module.catalogue()[0]
            table = raw if module.history is None else module.history.weight
            rows = module.users.rows(torch.arange(module.users.known, device=self.device))
        return Export(
            "encoder",
            items={"vectors": self.item_vectors(), "history": table[:, :-1].cpu().numpy()},
            users={} if rows is None else {"rows": rows.cpu().numpy()},
            graphs={"user": Graph(UserGraph(module), {"pooled": ("batch", s.dim)}, "vector")},
            options={"bag_norm": s.bag_norm, "bag_scale": s.bag_scale},
        )

    def score(self, users: UserBatch) -> Floats:
        with inference(self.module) as module:
            raw, vectors, bias = module.catalogue()
            scores = torch.empty((len(users), len(bias)), dtype=torch.float32)
            for start in range(0, len(users), USERS):
                part = users.take(np.arange(start, min(start + USERS, len(users))))
                states = self._users(part, raw)
                scores[start : start + USERS] = states @ vectors.T + bias
        return scores.numpy()

    def predict(self, users: Codes, items: Codes) -> Floats:
        """Known users by their training history; a code of -1 is a user without one."""
        if not self.rates:
            return super().predict(users, items)
        ratings = torch.empty(len(users))
        with inference(self.module) as module:
            assert module.rating is not None
            assert module.met is not None
            raw, vectors, _ = module.catalogue()
            codes, inverse = np.unique(users, return_inverse=True)
            every = torch.from_numpy(codes.astype(np.int64)).to(self.device)
            states = torch.cat(
                [
                    module.user_vectors(part, bag, raw, bag.items)
                    for part in torch.split(every, USERS)
                    for bag in [known_history(module.met, part)]
                ]
            )
            whose = torch.from_numpy(inverse.astype(np.int64)).to(self.device)
            which = torch.from_numpy(items.astype(np.int64)).to(self.device)
            for start in range(0, len(users), PAIRS):
                u, i = whose[start : start + PAIRS], which[start : start + PAIRS]
                numbers = module.rating(every[u], states[u], i, vectors[i])
                ratings[start : start + PAIRS] = module.rating.scale.restore(numbers)
        return ratings.numpy()

    def _users(self, users: UserBatch, raw: Tensor) -> Tensor:
        bag = Bag.of(users.histories, self.device)
        codes = torch.from_numpy(users.codes.astype(np.int64)).to(self.device)
        return self.module.user_vectors(codes, bag, raw, bag.items)


def known_history(met: Met, codes: Tensor) -> Bag:
    """Training histories of codes [B]; nothing for -1."""
    rows = codes.clamp(min=0)
    starts = met.offsets[rows]
    lengths = (met.offsets[rows + 1] - starts) * (codes >= 0)
    ends = lengths.cumsum(0)
    shift = torch.repeat_interleave(starts - ends + lengths, lengths)
    at = torch.arange(len(shift), device=codes.device) + shift
    return Bag(met.codes[at], torch.cat([ends.new_zeros(1), ends]))
