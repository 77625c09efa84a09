"""Ragged events as tensors, and batches of them packed for a sequence model."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from reccore.data.interactions import Histories, Times
from reccore.data.packing import Layout, lay_out
from reccore.data.temporal import moments

Temporal = Literal["off", "events", "now"]


class When(NamedTuple):
    """What times say of T tokens."""

    events: Tensor  # [T, F] of the token's own event
    following: Tensor  # [T, F + 1] of the event after it; the last number 1 where that is known
    times: Tensor | None = None  # [T] seconds
    asked: Tensor | None = None  # [T] when what follows was, or is asked for
    gaps: tuple[Tensor, ...] | None = None  # of each group, where they are computed already


@dataclass(frozen=True)
class Tokens:
    """Sequences side by side."""

    items: Tensor  # [T] codes
    index: Tensor  # [T] rows of the events they came from
    layout: Layout
    when: When | None = None

    def to(self, device: torch.device, non_blocking: bool = False) -> "Tokens":
        def move(part: Tensor) -> Tensor:
            return part.to(device, non_blocking=non_blocking)

        when = self.when
        if when is not None:
            times, asked = (None if t is None else move(t) for t in (when.times, when.asked))
            when = When(move(when.events), move(when.following), times, asked)
        layout = self.layout.to(device, non_blocking)
        return Tokens(move(self.items), move(self.index), layout, when)


@dataclass(frozen=True)
class Events:
    """All events of some histories, one after another; their times where a model reads them."""

    items: Tensor  # [N]
    features: Tensor | None = None  # [N, F]
    following: Tensor | None = None  # [N, F + 1]
    times: Tensor | None = None  # [N] seconds
    asked: Tensor | None = None  # [N] when the next event was, or is asked for

    @classmethod
    def of(cls, histories: Histories, now: Times | None, temporal: Temporal) -> "Events":
        """`now` [R] is when what follows each history is asked for."""
        items = torch.from_numpy(histories.items.astype(np.int64))
        if temporal == "off":
            return cls(items)
        found = moments(histories, now if temporal == "now" else None)
        parts = (torch.from_numpy(part) for part in found)
        return cls(items, *parts)

    def pack(self, starts: Tensor, lengths: Tensor) -> Tokens:
        """Sequences of events starts[b] .. starts[b] + lengths[b], longest first: [B] each."""
        layout = lay_out(lengths)
        place = torch.minimum(layout.place, (lengths - 1)[layout.owner])
        index = starts[layout.owner] + place
        if self.times is None:
            return Tokens(self.items[index], index, layout)
        assert self.features is not None
        assert self.following is not None
        assert self.asked is not None
        when = When(
            self.features[index], self.following[index], self.times[index], self.asked[index]
        )
        return Tokens(self.items[index], index, layout, when)
