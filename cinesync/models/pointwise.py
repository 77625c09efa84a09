"""Training on pairs: to rank what was met above what was not, or to predict ratings.

Ranking: each positive stands against drawn negatives, by binary cross entropy (He et al. 2017),
BPR (Rendle et al. 2009) or sampled softmax with the logQ correction (Yi et al. 2019).
Ratings: squared or Huber loss on (rating - mean) / standard deviation.
"""

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from reccore.config import Settings
from reccore.data.interactions import Interactions
from reccore.data.negatives import NegativeSampler, NegativeSettings
from reccore.data.temporal import pair_moments
from reccore.errors import UserError
from reccore.train.task import Batch, ParameterGroup, Task, Term


class PointwiseSettings(Settings):
    """What a model of pairs is trained for."""

    target: Literal["ranking", "rating"] = Field(
        "ranking", description="rank what was met above what was not, or predict ratings"
    )
    loss: Literal["bce", "bpr", "softmax"] = Field("bce", description="ranking: the loss")
    negatives: NegativeSettings = Field(
        NegativeSettings(per_positive=4), description="ranking: how negatives are drawn"
    )
    logq: bool = Field(True, description="softmax: correct for how often negatives are drawn")
    rating_loss: Literal["mse", "huber"] = Field("mse", description="rating: the loss")
    huber_delta: float = Field(
        1.0, gt=0, description="rating: where Huber's loss turns linear, in standard deviations"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="rating: share s in target * (1 - s) + s * middle of the scale"
    )
    embedding_l2: float = Field(
        0.0, ge=0, description="times the squared length of both vectors, a pair: a loss term"
    )


class Scores(NamedTuple):
    """Of users [B] and items [B, N]: scores, and the vectors that an L2 penalty is about."""

    values: Tensor  # [B, N]
    users: Tensor  # [B, d]
    items: Tensor  # [B, N, d]


class RatingScale(nn.Module):
    """Ratings of the data <-> numbers of mean 0 and deviation 1; learned state, stored."""

    mean: Tensor
    deviation: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, data: Interactions) -> None:
        super().__init__()
        values = np.array([0.0, 1.0]) if data.values is None or not len(data) else data.values
        figures = {"mean": values.mean(), "deviation": values.std() or 1.0}
        figures |= {"low": values.min(), "high": values.max()}
        for name, figure in figures.items():
            self.register_buffer(name, torch.tensor(float(figure)))

    def normalise(self, ratings: Tensor) -> Tensor:
        return (ratings - self.mean) / self.deviation

    def restore(self, numbers: Tensor) -> Tensor:
        """Ratings within the range that training saw."""
        return (numbers * self.deviation + self.mean).clamp(self.low, self.high)

    @property
    def middle(self) -> Tensor:
        """The middle of the range, normalised."""
        return self.normalise((self.low + self.high) / 2)


class PairScorer(nn.Module):
    """What the tasks below ask of a module."""

    ratings: RatingScale
    reads_now: bool = False
    """True: a user's state is one of a moment."""

    @abstractmethod
    def forward(
        self, users: Tensor, items: Tensor, trained: bool, moments: Tensor | None = None
    ) -> Scores:
        """Users [B], items [B, N]. `trained`: the first of the items is a pair of training.

        `moments` [B, F + 1] say when, where the module reads it.
        """


class PairTask(Task):
    """Pairs of the training rows; a penalty on their vectors as a term of its own."""

    module: PairScorer

    def __init__(
        self,
        module: PairScorer,
        data: Interactions,
        settings: PointwiseSettings,
        validate: Callable[[], dict[str, float]],
    ) -> None:
        self.module, self.settings, self.validate = module, settings, validate
        self.rows = len(data)
        self.users = torch.from_numpy(data.users.astype(np.int64))  # [rows]
        self.items = torch.from_numpy(data.items.astype(np.int64))  # [rows]

    @property
    @abstractmethod
    def loss_name(self) -> str: ...

    @property
    def term_names(self) -> tuple[str, ...]:
        return (self.loss_name, "l2") if self.settings.embedding_l2 else (self.loss_name,)

    def evaluate(self) -> dict[str, float]:
        return self.validate()

    @abstractmethod
    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        """The sum of the loss: [B, N] -> scalar."""

    def parameter_groups(self) -> list[ParameterGroup]:
        """Vectors and biases of ids, words and the met as `embeddings`, the rest as `main`."""
        tables = [m for m in self.module.modules() if isinstance(m, nn.Embedding)]
        vectors = tuple(p for table in tables for p in table.parameters())
        taken = {id(p) for p in vectors}
        rest = [p for p in self.module.parameters() if id(p) not in taken]
        groups = [
            ParameterGroup("embeddings", vectors, decay=False),
            ParameterGroup("main", tuple(p for p in rest if p.ndim >= 2)),
            ParameterGroup("main_plain", tuple(p for p in rest if p.ndim < 2), decay=False),
        ]
        return [group for group in groups if group.parameters]

    def terms(self, batch: Batch) -> dict[str, Term]:
        moments = batch.get("moments")
        scores = self.module(batch["users"], batch["items"], trained=True, moments=moments)
        counts = self.counts(batch)
        loss = self.loss(scores.values.float(), batch)  # a sum of fp16 would overflow
        terms = {self.loss_name: Term(loss, counts[self.loss_name])}
        if self.settings.embedding_l2:
            squares = scores.users.float().square().sum() + scores.items.float().square().sum()
            terms["l2"] = Term(self.settings.embedding_l2 * squares, counts["l2"])
        return terms


class RankingTask(PairTask):
    """The item met is column 0, negatives are the others."""

    def __init__(
        self,
        module: PairScorer,
        data: Interactions,
        settings: PointwiseSettings,
        validate: Callable[[], dict[str, float]],
    ) -> None:
        super().__init__(module, data, settings, validate)
        self.sampler = NegativeSampler.of(data, settings.negatives)
        self.width = 1 + settings.negatives.per_positive
        self.moments: Tensor | None = None  # [rows, F + 1]
        if module.reads_now:
            if data.timestamps is None:
                raise UserError(
                    "temporal='now' reads times, and this data has none",
                    "map a column to timestamp, or set model.temporal=off",
                )
            self.moments = torch.from_numpy(pair_moments(data))

    @property
    def loss_name(self) -> str:
        return self.settings.loss

    def prepare(self, rows: Tensor, generator: torch.Generator) -> Batch:
        users, items = self.users[rows], self.items[rows]
        moments = None if self.moments is None else self.moments[rows]
        score = partial(self._score, moments)
        drawn = self.sampler.draw(users, self.width - 1, generator, score)  # [B, n]
        batch = {"users": users, "items": torch.cat([items[:, None], drawn], dim=1)}
        if moments is not None:
            batch["moments"] = moments
        if self.settings.loss == "softmax" and self.settings.logq:
            batch["log_q"] = self.sampler.log_q(batch["items"])
        return {**batch, "size": len(rows)}

    def _score(self, moments: Tensor | None, users: Tensor, items: Tensor) -> Tensor:
        """What a hard negative is hard for: the module as it is now, without dropout."""
        device, training = next(self.module.parameters()).device, self.module.training
        self.module.eval()
        when = None if moments is None else moments.to(device)
        scores: Scores = self.module(users.to(device), items.to(device), False, when)
        self.module.train(training)
        return scores.values.to(users.device)

    def counts(self, batch: Batch) -> dict[str, float]:
        pairs = {"bce": self.width, "bpr": self.width - 1, "softmax": 1}[self.settings.loss]
        size = float(batch["size"])
        return {name: size * (pairs if name == self.loss_name else 1) for name in self.term_names}

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        positive, negative = scores[:, :1], scores[:, 1:]
        if self.settings.loss == "bpr":
            return functional.softplus(negative - positive).sum()
        if self.settings.loss == "bce":
            return functional.softplus(-positive).sum() + functional.softplus(negative).sum()
        logits = scores - batch["log_q"] if "log_q" in batch else scores
        return (logits.logsumexp(dim=1) - logits[:, 0]).sum()

    def statistics(self) -> dict[str, float]:
        return self.sampler.statistics()


class RatingTask(PairTask):
    """One item a row, and what its user gave it."""

    monitor: ClassVar[str] = "rmse"
    higher_is_better = False

    def __init__(
        self,
        module: PairScorer,
        data: Interactions,
        settings: PointwiseSettings,
        validate: Callable[[], dict[str, float]],
    ) -> None:
        super().__init__(module, data, settings, validate)
        if data.values is None:
            raise UserError(
                "target 'rating' needs ratings, and this data has none",
                "map a column to value, or set model.target=ranking",
            )
        smoothing, scale = settings.label_smoothing, module.ratings
        device = scale.mean.device
        targets = scale.normalise(torch.from_numpy(data.values).to(device))
        targets = targets * (1 - smoothing) + smoothing * scale.middle
        self.targets = targets.cpu()  # [rows]

    @property
    def loss_name(self) -> str:
        return self.settings.rating_loss

    def prepare(self, rows: Tensor, generator: torch.Generator) -> Batch:
        batch = {"users": self.users[rows], "items": self.items[rows, None]}
        return {**batch, "targets": self.targets[rows], "size": len(rows)}

    def loss(self, scores: Tensor, batch: Batch) -> Tensor:
        values = scores[:, 0]
        if self.settings.rating_loss == "mse":
            return functional.mse_loss(values, batch["targets"], reduction="sum")
        delta = self.settings.huber_delta
        return functional.huber_loss(values, batch["targets"], reduction="sum", delta=delta)

    def evaluate(self) -> dict[str, float]:
        self._measured = self.validate()
        return self._measured

    def validation_loss(self) -> dict[str, float]:
        """The same error on held-out rows, where the training loss is that error alone."""
        s = self.settings
        if s.rating_loss != "mse" or s.label_smoothing or s.embedding_l2:
            return {}
        mse = self._measured.get("mse")
        return {} if mse is None else {"mse": mse / float(self.module.ratings.deviation) ** 2}


def pair_task(
    module: PairScorer,
    data: Interactions,
    settings: PointwiseSettings,
    validate: Callable[[], dict[str, float]],
) -> PairTask:
    kind = RatingTask if settings.target == "rating" else RankingTask
    return kind(module, data, settings, validate)
