"""Two towers, and cross-attention over the candidates they find (M2's re-ranker).

The best `candidates` of the towers look at the user's recent items (Vaswani et al. 2017):

    c [B, N, w] -> + attention(c, history) -> + feed forward -> correction of the towers' score

The last layer is zero at first, so re-ranking begins as the towers' own order. The terms
`retrieval` and `rerank` train together, but no gradient of the second reaches the towers: what
the attention gains over them is then what it adds, and nothing else.
"""

from dataclasses import replace

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from cinesync.models.dense import quiet_head
from cinesync.models.neural import Validate, inference
from cinesync.models.sampled import MASKED
from cinesync.models.towers import Bag
from cinesync.models.two_tower import (
    Towers,
    TwoTower,
    TwoTowerSettings,
)
from cinesync.models.two_tower_task import Encoded, TwoTowerTask
from reccore.bundle.parts import Axes, Export, Graph
from reccore.config import Settings
from reccore.data.dataset import Dataset
from reccore.data.interactions import Floats
from reccore.recommender import UserBatch
from reccore.train.task import Batch, Task

USERS = 128  # users re-ranked at once


class CrossSettings(Settings):
    """The re-ranker."""

    candidates: int = Field(100, ge=2, description="items of the towers that are re-ranked")
    recent: int = Field(50, ge=1, description="items of the history that are attended to")
    width: int = Field(64, ge=1, description="width of the attention, a multiple of heads")
    heads: int = Field(4, ge=1, description="attention heads: 4, 8 or 16, say")
    layers: int = Field(1, ge=1, description="attention and feed-forward blocks")
    dropout: float = Field(0.2, ge=0, lt=1, description="of the attention and feed-forward blocks")

    @model_validator(mode="after")
    def _whole_heads(self) -> "CrossSettings":
        if self.width % self.heads:
            raise ValueError(f"width={self.width} is not a multiple of heads={self.heads}")
        return self


class TwoTowerCrossSettings(TwoTowerSettings):
    """The towers' settings, and the re-ranker's."""

    cross: CrossSettings = CrossSettings()

    @model_validator(mode="after")
    def _ranks(self) -> "TwoTowerCrossSettings":
        if self.rating == "only":
            raise ValueError("a re-ranker ranks: set rating to off or joint")
        if self.targets != "hidden":
            raise ValueError("a re-ranker never meets what was shown: set targets to hidden")
        return self


class CrossBlock(nn.Module):
    """Candidates attend to the history, pre-normalised, with residual connections."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.forward_part = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
        )

    def forward(self, x: Tensor, history: Tensor, mask: Tensor) -> Tensor:
        """Candidates [B, N, w], history [B, L, w], mask [B, L]: True where there is an item."""
        queries = self._split(self.query(self.norm(x)))  # [B, H, N, w / H]
        keys, values = map(self._split, self.key_value(history).chunk(2, dim=-1))
        mixed = functional.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=mask[:, None, None],
            dropout_p=self.dropout if self.training else 0.0,
        )
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        out: Tensor = x + self.forward_part(x)
        return out

    def _split(self, x: Tensor) -> Tensor:
        """[B, N, w] -> [B, H, N, w / H]."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class Reranker(nn.Module):
    """Corrections of the towers' scores: [B, N]."""

    def __init__(self, settings: CrossSettings, dim: int) -> None:
        super().__init__()
        self.candidate = nn.Linear(2 * dim + 1, settings.width)
        self.history = nn.Linear(dim, settings.width)
        self.nothing = nn.Parameter(torch.zeros(1, 1, settings.width))  # always there to attend to
        self.blocks = nn.ModuleList(
            CrossBlock(settings.width, settings.heads, settings.dropout)
            for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(settings.width)
        self.correction = quiet_head(settings.width)

    def forward(
        self, users: Tensor, candidates: Tensor, scores: Tensor, history: Tensor, there: Tensor
    ) -> Tensor:
        """Users [B, d], candidates [B, N, d], their scores [B, N], history [B, L, d] and mask."""
        centred = scores - scores.mean(1, keepdim=True)
        pair = users[:, None] * candidates
        x = self.candidate(torch.cat([candidates, pair, centred[..., None]], dim=-1))
        nothing = self.nothing.expand(users.shape[0], -1, -1)
        keys = torch.cat([nothing, self.history(history)], dim=1)
        mask = functional.pad(there, (1, 0), value=True)
        for block in self.blocks:
            x = block(x, keys, mask)
        corrected: Tensor = scores + self.correction(self.norm(x))[..., 0]
        return corrected


class CrossTowers(Towers):
    """Towers with a re-ranker."""

    def __init__(self, settings: TwoTowerCrossSettings, data: Dataset) -> None:
        super().__init__(settings, data)
        self.cross = settings.cross
        self.reranker = Reranker(settings.cross, settings.dim)

    def rerank(
        self,
        users: Tensor,
        columns: Tensor,
        scores: Tensor,
        bag: Bag,
        places: Tensor,
        vectors: Tensor,
    ) -> Tensor:
        """New scores of candidates: columns [B, N] of `vectors` and their scores [B, N]."""
        slots, there = Bag(places, bag.offsets).recent(self.cross.recent)
        history = vectors[slots]  # [B, L, d]; masked where there is no item
        out: Tensor = self.reranker(users, vectors[columns], scores, history, there)
        return out


class TwoTowerCross(TwoTower):
    """Towers' scores; the best unseen items are re-ranked and lifted above the rest."""

    module: CrossTowers

    def __init__(self, settings: TwoTowerCrossSettings, module: CrossTowers) -> None:
        super().__init__(settings, module)
        self.cross = settings.cross

    @classmethod
    def build(cls, settings: TwoTowerSettings, data: Dataset) -> "TwoTowerCross":
        assert isinstance(settings, TwoTowerCrossSettings)
        return cls(settings, CrossTowers(settings, data))

    def task(self, data: Dataset, validate: Validate, seed: int) -> Task:
        return CrossTask(self.module, data, validate)

    def retrieve(self, users: UserBatch) -> Floats:
        """The towers' scores alone: [B, I]."""
        return super().score(users)

    def export(self) -> Export:
        """The towers', and a second graph for their best candidates."""
        towers, width = super().export(), self.settings.dim
        pairs: Axes = ("batch", "candidates")
        inputs: dict[str, Axes] = {
            "users": ("batch", width),
            "candidates": (*pairs, width),
            "scores": pairs,
            "history": ("batch", self.cross.recent, width),
            "there": ("batch", self.cross.recent),
        }
        graph = Graph(self.module.reranker, inputs, "reranked")
        options = {"candidates": self.cross.candidates, "recent": self.cross.recent}
        return replace(
            towers,
            graphs={**towers.graphs, "rerank": graph},
            options={**towers.options, **options},
        )

    def score(self, users: UserBatch) -> Floats:
        scores = np.empty((len(users), len(self.module.items)), dtype=np.float32)
        with inference(self.module):
            catalogue = self.module.catalogue()
            for start in range(0, len(users), USERS):
                part = users.take(np.arange(start, min(start + USERS, len(users))))
                scores[start : start + USERS] = self._rerank(part, *catalogue).cpu().numpy()
        return scores

    def _rerank(self, users: UserBatch, raw: Tensor, vectors: Tensor, bias: Tensor) -> Tensor:
        states = self._users(users, raw)
        bag = Bag.of(users.histories, self.device)
        scores = states @ vectors.T + bias  # [B, I]
        unseen = scores.clone()
        unseen[bag.rows, bag.items] = MASKED
        top = min(self.cross.candidates, scores.shape[1])
        before, columns = unseen.topk(top, dim=1)
        real = before > MASKED / 2
        after = self.module.rerank(states, columns, before * real, bag, bag.items, vectors)
        return lift(scores, columns, after, real)


def lift(scores: Tensor, columns: Tensor, after: Tensor, real: Tensor) -> Tensor:
    """Candidates with their new scores, moved together above everything else: [B, I].

    Where not `real` a column is no candidate (the user has seen it) and keeps its score.
    """
    rest = scores.scatter(1, columns, torch.where(real, -torch.inf, scores.gather(1, columns)))
    ceiling = rest.amax(1, keepdim=True)
    lowest = after.masked_fill(~real, torch.inf).amin(1, keepdim=True)
    moved = after - lowest + ceiling + 1.0
    lifted = torch.where(torch.isfinite(ceiling), moved, after)  # nothing else: as they are
    return scores.scatter(1, columns, torch.where(real, lifted, scores.gather(1, columns)))


class CrossTask(TwoTowerTask):
    """Beside the towers' terms `rerank`: softmax over the candidates, some of which are targets."""

    module: CrossTowers

    @property
    def term_names(self) -> tuple[str, ...]:
        return (*super().term_names, "rerank")

    def sizes(self, batch: Batch) -> dict[str, float]:
        return {**super().sizes(batch), "rerank": float(batch["size"])}

    def prepare(self, rows: Tensor, generator: torch.Generator) -> Batch:
        batch = dict(super().prepare(rows, generator))
        targets = batch["rows"]
        luck = torch.rand(len(targets), generator=generator)
        order = torch.argsort(targets + luck.double() / 2)
        first = torch.searchsorted(targets[order], torch.arange(len(rows)))
        batch["forced"] = order[first]  # [B] a target of each user that is always a candidate
        return batch

    def ranking(self, encoded: Encoded, batch: Batch) -> dict[str, Tensor]:
        return {**super().ranking(encoded, batch), "rerank": self._rerank(encoded, batch)}

    @torch.no_grad()
    def candidates(self, encoded: Encoded, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Columns [B, N], their scores, and which are targets: the best not shown, one forced."""
        users, width = encoded.users, len(encoded.bias)
        scores = (users @ encoded.vectors.T).float() + encoded.bias.float()  # [B, columns]
        target = torch.zeros(scores.shape, dtype=torch.bool, device=scores.device)
        target[batch["rows"], encoded.targets] = True
        open_ = scores.masked_fill(self.shown(encoded, *scores.shape) & ~target, MASKED)
        lottery = open_.clone()
        every = torch.arange(len(users), device=users.device)
        lottery[every, encoded.targets[batch["forced"]]] = torch.inf
        columns = lottery.topk(min(self.module.cross.candidates, width), dim=1).indices
        return columns, open_.gather(1, columns), target.gather(1, columns)

    def _rerank(self, encoded: Encoded, batch: Batch) -> Tensor:
        columns, scores, target = self.candidates(encoded, batch)
        real = scores > MASKED / 2
        new = self.module.rerank(
            encoded.users.detach(),
            columns,
            scores * real,
            encoded.bag,
            encoded.places,
            encoded.vectors.detach(),
        ).float()
        log_p = new.masked_fill(~real, MASKED).log_softmax(1)
        return -(log_p * target).sum(1).div(target.sum(1)).sum()
