"""What the model reads: recipients, the catalogue with its dated listing, and revealed facts.

Everything here is visible: gifts' words, ages and text, the listing's columns, and what tools told.
A gift's number never enters, so that the gifts' order means nothing and new gifts need no training.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Self
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from giftrec.catalog.gifts import words_of
from giftrec.catalog.today import reveal, standard
from giftrec.catalog.world import World
from giftrec.columns import Columns, incidence, kinds
from giftrec.vocabulary import TOOLS, Vocabulary

STOP = frozenset(
    (
        "a",
        "an",
        "and",
        "for",
        "from",
        "in",
        "is",
        "it",
        "of",
        "on",
        "or",
        "that",
        "the",
        "to",
        "with",
    )
)


@dataclass(frozen=True)
class Tensors:
    """Named tensors that move together."""

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
        return cls(**{f.name: torch.from_numpy(getattr(columns, f.name)) for f in fields(cls)})

    def __len__(self) -> int:
        return len(self.age)


@dataclass(frozen=True)
class Catalogue(Tensors):
    """[G] gifts."""

    category: Tensor
    hobbies: Tensor  # [G, H]
    preferences: Tensor  # [G, P]
    occasions: Tensor  # [G, O]
    youngest: Tensor
    oldest: Tensor
    intimacy: Tensor
    text: Tensor  # [G, L] hashed words
    text_weight: Tensor  # [G, L]
    price: Tensor  # listed, minor units
    fees: Tensor
    volatility: Tensor
    lead_days: Tensor
    stock: Tensor
    rating: Tensor  # standard score
    demand: Tensor  # standard score

    @classmethod
    def of(cls, world: World, buckets: int) -> "Catalogue":
        gifts, words, listing = world.gifts, world.vocabulary, world.listing

        texts = Texts.of([f"{g.title} {g.description}" for g in gifts], buckets)

        def floats(values: object) -> Tensor:
            return torch.as_tensor(np.asarray(values, dtype=np.float32))

        return cls(
            category=torch.as_tensor(world.categories),
            hobbies=floats(incidence([g.hobbies for g in gifts], words.levels("hobby"))),
            preferences=floats(
                incidence([g.preferences for g in gifts], words.levels("preference"))
            ),
            occasions=floats(incidence([g.occasions for g in gifts], words.levels("occasion"))),
            youngest=floats([g.ages[0] for g in gifts]),
            oldest=floats([g.ages[1] for g in gifts]),
            intimacy=floats([g.intimacy for g in gifts]),
            text=texts.buckets,
            text_weight=texts.weight,
            price=floats(listing.price),
            fees=floats(listing.fees),
            volatility=floats(listing.volatility),
            lead_days=floats(listing.lead_days),
            stock=floats(listing.stock),
            rating=floats(standard(listing.rating)),
            demand=floats(standard(listing.demand)),
        )

    def __len__(self) -> int:
        return len(self.price)


@dataclass(frozen=True)
class Facts(Tensors):
    """What the tools told, and which of them were asked."""

    told: Tensor  # [5, B, G] in the order of the tools; blank where not asked
    known: Tensor  # [B, 5]

    @property
    def price(self) -> Tensor:
        return self.told[0]

    @property
    def quality(self) -> Tensor:
        return self.told[1]

    @property
    def lead_days(self) -> Tensor:
        return self.told[2]

    @property
    def trend(self) -> Tensor:
        return self.told[3]

    @property
    def fees(self) -> Tensor:
        return self.told[4]

    def masked(self, known: Tensor) -> "Facts":
        """The same with only the tools of `known` [B, 5] asked."""
        return Facts(self.told * known.T[:, :, None], known)


def nothing_known(recipients: int, gifts: int) -> Facts:
    return Facts(torch.zeros(len(TOOLS), recipients, gifts), torch.zeros(recipients, len(TOOLS)))


def asked(world: World, days: list[int], tools: Tensor) -> Facts:
    """Ask the tools of each recipient's row [N, 5] about all gifts, on that recipient's day."""
    values = np.zeros((len(TOOLS), len(days), len(world)), dtype=np.float32)
    for row, day in enumerate(days):
        for t, tool in enumerate(TOOLS):
            if tools[row, t]:
                values[t, row] = reveal(world, day, tool).values
    return Facts(torch.from_numpy(values), tools.float())


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


@dataclass(frozen=True)
class Texts(Tensors):
    """[N] texts as hashed words and pairs of words: rows of a table, and what each weighs."""

    buckets: Tensor  # [N, L]
    weight: Tensor  # [N, L] 0 where a text is shorter

    @classmethod
    def of(cls, texts: Sequence[str], buckets: int) -> "Texts":
        tokens = [_tokens(text) for text in texts]
        longest = max(1, *map(len, tokens)) if tokens else 1
        rows = torch.zeros(len(texts), longest, dtype=torch.int64)
        weight = torch.zeros(len(texts), longest)
        for n, some in enumerate(tokens):
            codes = [crc32(token.encode()) % buckets for token in some]
            rows[n, : len(codes)] = torch.tensor(codes, dtype=torch.int64)
            weight[n, : len(codes)] = len(codes) ** -0.5 if codes else 0.0
        return cls(rows, weight)


def _tokens(text: str) -> list[str]:
    words = [word for word in words_of(text) if word not in STOP]
    return words + [f"{first} {second}" for first, second in pairwise(words)]
