"""Models of the next item: a state of the history's last token, in a dot product with the items.

Training predicts after every token, answering after the last one alone. Whatever lies between the
tokens and their states (attention, recurrence) is the subclass's; the rest is here.
"""

import math
from abc import abstractmethod
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from cinesync.models.dropout import Dropout
from cinesync.models.events import Events, Temporal, Tokens, When
from cinesync.models.neural import NeuralRecommender, Validate, inference
from cinesync.models.next_item import confidence
from reccore.bundle.parts import Axes, Export, Graph
from reccore.config import Settings
from reccore.data.dataset import Dataset
from reccore.data.interactions import Floats
from reccore.data.packing import Layout, rectangle
from reccore.data.temporal import GAPS, NAMES
from reccore.recommender import UserBatch
from reccore.train.task import Task

USERS = 256  # of a block when scoring
Loss = Literal["softmax", "sampled", "bce", "gbce"]


class SequenceSettings(Settings):
    """What every model of sequences can be told."""

    dim: int = Field(64, ge=1, description="width of the vectors")
    length: int = Field(200, ge=1, description="the last so many items of a history are read")
    dropout: float = Field(0.2, ge=0, lt=1, description="of tokens and inside the layers")
    init: float = Field(0.02, gt=0, description="standard deviation of weights at first")

    windows: Literal["last", "all"] = Field(
        "all", description="train on the last `length` items of a history, or on all, in pieces"
    )
    loss: Loss = Field(
        "softmax", description="over all items; sampled; bce or gbce against sampled items"
    )
    negatives: int = Field(256, ge=1, description="sampled losses: items drawn")
    shared: bool = Field(True, description="sampled losses: one draw a batch, not one a token")
    proposal: Literal["uniform", "popularity"] = Field(
        "uniform", description="sampled losses: how items are drawn"
    )
    alpha: float = Field(0.75, ge=0, description="popularity: its exponent")
    logq: bool = Field(True, description="sampled: correct for how often items are drawn")
    calibration: float = Field(0.75, ge=0, le=1, description="gbce: t; 0 is bce")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="softmax, sampled: share of a target spread over all items"
    )
    products: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="softmax: its products; auto: bf16 where the device is quick at it"
    )

    temporal: Temporal = Field(
        "off",
        description="read when events were; now: also the time of the one to predict, which a "
        "server knows",
    )
    forget_now: float = Field(
        0.1, ge=0, lt=1, description="now: how often training hides it, as a request may"
    )

    def power(self, items: int) -> float:
        """What a target's probability is raised to, see `confidence`."""
        return confidence(self.negatives, items, self.calibration) if self.loss == "gbce" else 1.0

    def first_bias(self, items: int) -> float:
        """Binary losses begin where an item is as likely right as it is on average: else their
        first steps do nothing but learn that most are wrong (Lin et al. 2017, arXiv:1708.02002)."""
        binary = self.loss in ("bce", "gbce")
        return math.log(self.power(items) / self.negatives) if binary else 0.0

    @model_validator(mode="after")
    def _smoothing_of_what(self) -> Self:
        if self.label_smoothing and self.loss in ("bce", "gbce"):
            raise ValueError(f"label_smoothing is of softmax and sampled, not of {self.loss}")
        return self


class Moments(nn.Module):
    """What the times of events, and of those that follow them, add to tokens."""

    def __init__(self, dim: int, now: bool) -> None:
        super().__init__()
        self.of_events = nn.Linear(len(NAMES), dim, bias=False)
        self.of_next = nn.Linear(len(NAMES) + 1, dim, bias=False) if now else None

    def forward(self, when: When) -> Tensor:
        """[T, d]"""
        added: Tensor = self.of_events(when.events)
        return added if self.of_next is None else added + self.of_next(when.following)


class SequenceNet(nn.Module):
    """Item vectors with a bias, and what reads sequences of them."""

    relative = False
    """True: it reads the time between any two events."""

    def __init__(self, settings: SequenceSettings, data: Dataset) -> None:
        super().__init__()
        self.settings = s = settings
        self.items = nn.Embedding(len(data.items), s.dim)
        self.bias = nn.Parameter(torch.full((len(data.items),), s.first_bias(len(data.items))))
        self.moments = Moments(s.dim, s.temporal == "now") if s.temporal != "off" else None
        self.drop = Dropout(s.dropout)

    def initialise(self) -> None:
        """First weights, once all modules are there."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=self.settings.init)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    @abstractmethod
    def read(self, x: Tensor, layout: Layout, when: When | None) -> Tensor:
        """Tokens [T, d] -> states of all of them [T, d]."""

    @abstractmethod
    def read_last(self, x: Tensor, layout: Layout, when: When | None) -> Tensor:
        """The same of each sequence's last token alone: [B, d]."""

    def before_tracing(self) -> None:
        """Make ready what a graph shall hold as it is."""

    def enter(self, rows: Tensor, layout: Layout, when: When | None) -> Tensor:
        """Item vectors [T, d] as tokens."""
        return rows if self.moments is None or when is None else rows + self.moments(when)

    def states(self, tokens: Tokens) -> Tensor:
        """After every true token: [P, d]."""
        x = self.drop(self.enter(self.items(tokens.items), tokens.layout, tokens.when))
        return self.read(x, tokens.layout, tokens.when)[tokens.layout.real]

    def last(self, rows: Tensor, layout: Layout, when: When | None) -> Tensor:
        """After the last token, of item vectors [T, d]: [B, d]."""
        return self.read_last(self.drop(self.enter(rows, layout, when)), layout, when)


class SequenceGraph(nn.Module):
    """A history's item vectors, as a rectangle, to its state."""

    def __init__(self, module: SequenceNet) -> None:
        super().__init__()
        self.module = module
        module.before_tracing()

    def forward(self, rows: Tensor, lengths: Tensor, *moments: Tensor) -> Tensor:
        """Rows [B, L, d], padded on the right; lengths [B]; features of events and of what follows
        [B, L, ...], and gaps [B, L, L], where the model reads them -> [B, d]."""
        layout = rectangle(rows.shape[0], rows.shape[1], lengths)
        when = None
        if moments:
            events, following = (part.flatten(0, 1) for part in moments[:2])
            when = When(events, following, gaps=moments[2:] or None)
        return self.module.last(rows.flatten(0, 1), layout, when)


class SequenceRecommender(NeuralRecommender):
    """Scores anyone with a history; an empty one gets the items' own biases."""

    from_history: ClassVar[bool] = True
    net: ClassVar[type[SequenceNet]]
    module: SequenceNet

    def __init__(self, settings: SequenceSettings, module: SequenceNet) -> None:
        self.settings = settings
        self.module = module

    @classmethod
    def build(cls, settings: SequenceSettings, data: Dataset) -> Self:
        return cls(settings, cls.net(settings, data))

    def task(self, data: Dataset, validate: Validate, seed: int) -> Task:
        from cinesync.models.sequence_task import SequenceTask

        return SequenceTask(self.module, data, validate)

    def user_vectors(self, users: UserBatch) -> Floats:
        """For an index over `item_vectors`: [B, d + 1], the last number 1."""
        histories = users.histories.last(self.settings.length)
        vectors = torch.zeros(len(users), self.settings.dim + 1)
        vectors[:, -1] = 1
        order = np.argsort(-histories.lengths, kind="stable")  # neighbours of like length: no waste
        order = order[: int(np.count_nonzero(histories.lengths))]
        events = Events.of(users.histories, users.now, self.settings.temporal)
        ends = torch.from_numpy(users.histories.offsets[1:])
        with inference(self.module) as module:
            for start in range(0, len(order), USERS):
                rows = torch.from_numpy(order[start : start + USERS])
                lengths = torch.from_numpy(histories.lengths)[rows]
                tokens = events.pack(ends[rows] - lengths, lengths).to(self.device)
                found = module.last(module.items(tokens.items), tokens.layout, tokens.when)
                vectors[rows, :-1] = found.float().cpu()
        return vectors.numpy()

    def item_vectors(self) -> Floats:
        """[I, d + 1], the last number the bias: `user_vectors @ item_vectors.T == score`."""
        with torch.no_grad():
            table, bias = self.module.items.weight, self.module.bias
            return torch.cat([table, bias[:, None]], 1).float().cpu().numpy()

    def score(self, users: UserBatch) -> Floats:
        scores: Floats = self.user_vectors(users) @ self.item_vectors().T
        return scores

    def export(self) -> Export:
        """The last `length` items' vectors go through a graph; items are vectors for an index."""
        s = self.settings
        inputs: dict[str, Axes] = {"rows": ("batch", "length", s.dim), "lengths": ("batch",)}
        if s.temporal != "off":
            inputs |= {"events": ("batch", "length", len(NAMES))}
            inputs |= {"following": ("batch", "length", len(NAMES) + 1)}
        examples = {"lengths": torch.tensor([5, 3, 2])}
        if self.module.relative:
            inputs |= {"gaps": ("batch", "length", "length")}
            examples["gaps"] = torch.arange(75).view(3, 5, 5) % GAPS
        options: dict[str, Any] = {"length": s.length, "temporal": s.temporal}
        options["gaps"] = self.module.relative
        graph = Graph(SequenceGraph(self.module), inputs, "vector", examples)
        return Export(
            "sequence",
            items={"vectors": self.item_vectors()},
            graphs={"user": graph},
            options=options,
        )
