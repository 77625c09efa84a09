"""What the model reads, as tensors: the arrays of `giftrec.inputs` and `giftrec.columns`."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from giftrec import inputs
from giftrec.catalog.world import World
from giftrec.columns import Columns, kinds
from giftrec.vocabulary import TOOLS, Vocabulary


@dataclass(frozen=True)
class Tensors:
    """Named tensors that move together."""

    @classmethod
    def wrap(cls, arrays: object) -> Self:
        """Arrays of the same names, on the same memory."""
        return cls(**{f.name: torch.from_numpy(getattr(arrays, f.name)) for f in fields(cls)})

    def to(self, device: torch.device) -> Self:
        return type(self)(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


@dataclass(frozen=True)
class Recipients(Tensors):
    """[B] recipients."""

    age: Tensor
    hobbies: Tensor  # [B, H]
    preferences: Tensor  # [B, P]
    relationship: Tensor
    occasion: Tensor
    budget: Tensor  # minor units
    days_left: Tensor

    @classmethod
    def of(cls, columns: Columns) -> "Recipients":
        return cls.wrap(columns)

    def __len__(self) -> int:
        return len(self.age)


@dataclass(frozen=True)
class Catalogue(Tensors):
    """[G] gifts: `giftrec.inputs.Shelf`, which says what each column is."""

    category: Tensor
    hobbies: Tensor
    preferences: Tensor
    occasions: Tensor
    youngest: Tensor
    oldest: Tensor
    intimacy: Tensor
    text: Tensor
    text_weight: Tensor
    price: Tensor
    fees: Tensor
    volatility: Tensor
    lead_days: Tensor
    stock: Tensor
    rating: Tensor
    demand: Tensor

    @classmethod
    def of(cls, world: World, buckets: int) -> "Catalogue":
        return cls.wrap(inputs.Shelf.of(world, buckets))

    def __len__(self) -> int:
        return len(self.price)


@dataclass(frozen=True)
class Facts(Tensors, inputs.Told[Tensor]):
    """What the tools told, and which of them were asked."""

    def masked(self, known: Tensor) -> "Facts":
        """The same with only the tools of `known` [B, 5] asked."""
        return Facts(self.told * known.T[:, :, None], known)


def nothing_known(recipients: int, gifts: int) -> Facts:
    return Facts(torch.zeros(len(TOOLS), recipients, gifts), torch.zeros(recipients, len(TOOLS)))


def asked(world: World, days: Sequence[int], tools: Tensor) -> Facts:
    """Ask the tools of each recipient's row [N, 5] about all gifts, on that recipient's day."""
    return Facts.wrap(inputs.asked(world, days, tools.numpy()))


@dataclass(frozen=True)
class Words:
    """Families of the vocabulary's words, and how close people and occasions are."""

    hobby_kind: Tensor  # [H, 7]
    preference_kind: Tensor  # [P, 7]
    closeness: Tensor  # [R]
    personal: Tensor  # [O]

    @classmethod
    def of(cls, words: Vocabulary) -> "Words":
        return cls(
            torch.from_numpy(kinds(list(words.hobbies.values()), words.levels("hobby_category"))),
            torch.from_numpy(
                kinds(list(words.preferences.values()), words.levels("preference_type"))
            ),
            torch.tensor(list(words.relationships.values())),
            torch.tensor(list(words.occasions.values())),
        )
