"""Models of a (user, item) pair: a state of each side, joined into one score.

Whatever depends on one side alone is computed in its state, once a user or item and not once a
pair. For an MLP over both that is exact: W [u; i] = W_u u + W_i i, so the first layer costs a
pair an addition.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from cinesync.models.neural import NeuralRecommender, Validate, inference
from cinesync.models.pointwise import PairScorer, PointwiseSettings, RatingScale, Scores, pair_task
from cinesync.models.sides import Met, Rows, Side
from reccore.bundle.parts import Axes, Export, Graph
from reccore.data.dataset import Dataset
from reccore.data.ids import Codes
from reccore.data.interactions import Floats
from reccore.data.temporal import NAMES, asked_moments
from reccore.recommender import UserBatch
from reccore.train.task import Task

BLOCK = 2**23  # numbers in the widest tensor of a block of pairs: 32 MiB
USERS = 256  # users of a block, at most
PAIRS = 2**14  # pairs predicted at once
State = Sequence[Tensor]


class PairSettings(PointwiseSettings):
    """What all models of pairs can be told."""

    dim: int = Field(64, ge=1, description="width of the vectors")
    init: float = Field(0.05, gt=0, description="standard deviation of vectors at first")
    features: bool = Field(True, description="add the features' vectors to those of the ids")
    history: Literal["none", "users", "both"] = Field(
        "none", description="add the vectors of the items met to a user (SVD++), and vice versa"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="share of what is dropped in training")


class PairModule(PairScorer):
    """Sides, their states, and the join. Subclasses say the last two."""

    width: int = 1  # numbers that joining a pair makes: bounds the blocks

    def __init__(self, settings: PairSettings, data: Dataset) -> None:
        super().__init__()
        met = {
            side: Met(data.interactions, side == "users")
            for side in ("users", "items")
            if settings.history in (side, "both")
        }
        tables, d, init = (data.users, data.items), settings.dim, settings.init
        users, items = map(len, tables)
        self.users = Side(tables[0], d, init, settings.features, met.get("users"), items)
        self.items = Side(tables[1], d, init, settings.features, met.get("items"), users)
        self.middle = nn.Parameter(torch.zeros(()))
        self.ratings = RatingScale(data.interactions)

    @abstractmethod
    def user_state(self, rows: Rows) -> State:
        """All that a pair needs of its user: tensors [N, ...]."""

    @abstractmethod
    def item_state(self, rows: Rows) -> State:
        """All that a pair needs of its item: tensors [N, ...]."""

    @abstractmethod
    def join(self, users: State, items: State) -> Tensor:
        """States [B, 1, ...] and [B or 1, N, ...] -> scores [B, N]."""

    def cross(self, users: State, items: State) -> Tensor:
        """States [B, ...] and [N, ...] -> the scores of all pairs [B, N]."""
        return self.join([u[:, None] for u in users], [i[None] for i in items])

    def forward(
        self, users: Tensor, items: Tensor, trained: bool, moments: Tensor | None = None
    ) -> Scores:
        u = self.users(users, items[:, 0] if trained else None)._replace(moments=moments)
        known = None
        if trained and self.items.met is not None:  # of an item's pairs, only the first is one
            known = torch.full_like(items, -1)
            known[:, 0] = users
        i = self.items(items.flatten(), None if known is None else known.flatten())
        user_state = [part[:, None] for part in self.user_state(u)]
        item_state = [part.view(*items.shape, -1) for part in self.item_state(i)]
        values = self.join(user_state, item_state) + self.middle
        return Scores(values, u.vectors, i.vectors)


class Join(nn.Module):
    """A user's row and items' states -> scores: the part of a model of pairs that is no table."""

    def __init__(self, module: PairModule, inputs: Sequence[str]) -> None:
        super().__init__()
        self.module, self.inputs = module, tuple(inputs)

    def forward(self, *given: Tensor) -> Tensor:
        """User rows [B, ...] and item states [N, ...], in the order of `inputs` -> [B, N]."""
        parts = dict(zip(self.inputs, given, strict=True))
        words, moments = parts.get("user_words"), parts.get("user_moments")
        mine = Rows(parts["user_vectors"], parts["user_bias"], words, moments)
        states = [part for name, part in parts.items() if name.startswith("item_")]
        return self.module.cross(self.module.user_state(mine), states)


class PairRecommender(NeuralRecommender):
    """Scores, ratings and the task of any `PairModule`.

    A user unknown to training (-1) is the zero row: no taste and no bias, so that the scores are
    the items' own, close to popularity. `recommend` refuses such users by name before it asks.
    """

    module: PairModule

    def __init__(self, settings: PairSettings, module: PairModule) -> None:
        self.settings = settings
        self.module = module
        self.rates = settings.target == "rating"

    def task(self, data: Dataset, validate: Validate, seed: int) -> Task:
        return pair_task(self.module, data.interactions, self.settings, validate)

    def export(self) -> Export:
        with inference(self.module) as module:
            mine, theirs = (
                side(torch.arange(len(side), device=self.device))
                for side in (module.users, module.items)
            )
            users = {"vectors": mine.vectors, "bias": mine.bias}
            users |= {} if mine.words is None else {"words": mine.words}
            states = {f"state{at}": part for at, part in enumerate(module.item_state(theirs))}
        inputs: dict[str, Axes] = {
            f"user_{name}": ("batch", rows.shape[1]) for name, rows in users.items()
        }
        options: dict[str, Any] = {"width": module.width}
        if module.reads_now:
            inputs["user_moments"] = ("batch", len(NAMES) + 1)
            options["temporal"] = "now"
        inputs |= {f"item_{name}": ("items", part.shape[1]) for name, part in states.items()}
        if self.rates:
            scale = {name: float(part) for name, part in module.ratings.named_buffers()}
            scale["mean"] += scale["deviation"] * float(module.middle)
            options["rating"] = scale
        return Export(
            "pairs",
            items={name: part.cpu().numpy() for name, part in states.items()},
            users={name: rows.cpu().numpy() for name, rows in users.items()},
            graphs={"join": Graph(Join(self.module, [*inputs]), inputs, "scores")},
            options=options,
            from_history=False,
        )

    def score(self, users: UserBatch) -> Floats:
        codes = torch.from_numpy(users.codes.astype(np.int64)).to(self.device)
        with inference(self.module) as module:
            moments: Tensor | None = None
            if module.reads_now:
                asked = asked_moments(users.histories, users.now)
                moments = torch.from_numpy(asked).to(self.device)
            every = torch.arange(len(module.items), device=self.device)
            items = module.item_state(module.items(every))
            scores = torch.empty((len(codes), len(every)), dtype=torch.float32)
            for start in range(0, len(codes), USERS):
                some = codes[start : start + USERS]
                when = None if moments is None else moments[start : start + USERS]
                state = module.user_state(module.users(some)._replace(moments=when))
                size = max(1, BLOCK // (module.width * len(some)))
                for first in range(0, len(every), size):
                    block = module.cross(state, [part[first : first + size] for part in items])
                    scores[start : start + USERS, first : first + size] = block
        return scores.numpy()

    def predict(self, users: Codes, items: Codes) -> Floats:
        if not self.rates:
            return super().predict(users, items)
        ratings = torch.empty(len(users))
        with inference(self.module) as module:
            for start in range(0, len(users), PAIRS):
                pairs = [
                    torch.from_numpy(codes[start : start + PAIRS].astype(np.int64)).to(self.device)
                    for codes in (users, items)
                ]
                numbers = module(pairs[0], pairs[1][:, None], trained=False).values[:, 0]
                ratings[start : start + PAIRS] = module.ratings.restore(numbers)
        return ratings.numpy()
