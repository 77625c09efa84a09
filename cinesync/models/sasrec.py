"""Self-attentive sequential recommendation (M5): SASRec (Kang & McAuley 2018, arXiv:1808.09781).

As published, but for what has been found since: pre-norm blocks, and cross entropy over all items
in place of one negative (Klenitskiy & Vasilev 2023, arXiv:2309.07602, and Petrov & Macdonald 2023),
which is worth far more than any change of the network.
"""

from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from cinesync.models.attention import Blocks, FeedForward, Past, Shape, gap_buckets, rotations
from cinesync.models.events import When
from cinesync.models.sequence import SequenceNet, SequenceRecommender, SequenceSettings
from reccore.data.dataset import Dataset
from reccore.data.packing import Layout

Positions = Literal["learned", "rotary", "none"]


class SASRecSettings(SequenceSettings):
    blocks: int = Field(2, ge=1, description="attention blocks")
    heads: int = Field(2, ge=1, description="attention heads")
    hidden: int = Field(128, ge=1, description="width inside a block's feed-forward layers")
    feed_forward: FeedForward = Field("swiglu", description="its activation")
    gated: bool = Field(True, description="scale each branch by a gate of its input (LiGR)")
    positions: Positions = Field(
        "rotary", description="a vector a place, rotations of queries and keys, or nothing"
    )
    relative_time: bool = Field(
        False, description="temporal: add to attention what the time between two events says (HSTU)"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.dim % self.heads:
            raise ValueError(f"dim={self.dim} is not a multiple of heads={self.heads}")
        if self.positions == "rotary" and self.dim // self.heads % 2:
            raise ValueError(
                f"rotary positions need an even width a head, dim/heads={self.dim // self.heads}"
            )
        if self.relative_time and self.temporal == "off":
            raise ValueError("relative_time reads times: set temporal to events or now")
        return self


class SASRecNet(SequenceNet):
    settings: SASRecSettings
    turns: Tensor  # while a graph is made

    def __init__(self, settings: SASRecSettings, data: Dataset) -> None:
        super().__init__(settings, data)
        s, self.relative = settings, settings.relative_time
        learned = s.positions == "learned"
        self.places = nn.Embedding(s.length, s.dim) if learned else None
        shape = Shape(s.dim, s.heads, s.hidden, s.feed_forward, s.gated, s.dropout, s.relative_time)
        self.blocks = Blocks(shape, s.blocks)
        self.initialise()

    def before_tracing(self) -> None:
        s = self.settings
        self.turns = rotations(torch.arange(s.length), s.dim // s.heads)  # no sine in the graph

    def read(self, x: Tensor, layout: Layout, when: When | None) -> Tensor:
        states: Tensor = self.blocks(x, self._past(layout, when))
        return states

    def read_last(self, x: Tensor, layout: Layout, when: When | None) -> Tensor:
        return self.blocks.last(x, self._past(layout, when))

    def enter(self, rows: Tensor, layout: Layout, when: When | None) -> Tensor:
        x = super().enter(rows, layout, when)
        return x if self.places is None else x + self.places(layout.place)

    def _past(self, layout: Layout, when: When | None) -> Past:
        s, turns, gaps = self.settings, None, None
        if s.positions == "rotary" and torch.compiler.is_exporting():
            turns = self.turns[layout.place]
        elif s.positions == "rotary":
            turns = rotations(layout.place, s.dim // s.heads)
        if self.relative:
            assert when is not None
            gaps = when.gaps if when.gaps is not None else _gaps(when, layout)
        return Past(layout, turns, gaps)


def _gaps(when: When, layout: Layout) -> tuple[Tensor, ...]:
    assert when.asked is not None
    assert when.times is not None
    parts = zip(layout.groups, layout.split(when.asked), layout.split(when.times), strict=True)
    return tuple(gap_buckets(asked.view(group), times.view(group)) for group, asked, times in parts)


class SASRec(SequenceRecommender):
    net: ClassVar[type[SequenceNet]] = SASRecNet
