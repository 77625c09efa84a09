"""What the model reads, as arrays: the catalogue with its dated listing, and revealed facts.

Everything here is visible: gifts' words, ages and text, the listing's columns, and what tools told.
A gift's number never enters, so that the gifts' order means nothing and new gifts need no training.
Recipients are read as `giftrec.columns.Columns`. No torch: a bundle reads the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Generic, TypeVar
from zlib import crc32

import numpy as np
import numpy.typing as npt

from giftrec.catalog.gifts import words_of
from giftrec.catalog.today import reveal, standard
from giftrec.catalog.world import World
from giftrec.columns import Floats, Numbers, incidence
from giftrec.vocabulary import TOOLS

A = TypeVar("A")  # of arrays: numpy's, or torch's tensors
PRICE, QUALITY, LEAD, TREND, FEES = range(len(TOOLS))
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
class Shelf:
    """[G] gifts."""

    category: Numbers
    hobbies: Floats  # [G, H]
    preferences: Floats  # [G, P]
    occasions: Floats  # [G, O]
    youngest: Floats
    oldest: Floats
    intimacy: Floats
    text: Numbers  # [G, L] hashed words
    text_weight: Floats  # [G, L]
    price: Floats  # listed, minor units
    fees: Floats
    volatility: Floats
    lead_days: Floats
    stock: Floats
    rating: Floats  # standard score
    demand: Floats  # standard score

    @classmethod
    def of(cls, world: World, buckets: int) -> "Shelf":
        """`buckets`: rows of the table that hashed words point into."""
        gifts, words, listing = world.gifts, world.vocabulary, world.listing
        texts = Texts.of([f"{g.title} {g.description}" for g in gifts], buckets)
        return cls(
            category=world.categories,
            hobbies=incidence([g.hobbies for g in gifts], words.levels("hobby")),
            preferences=incidence([g.preferences for g in gifts], words.levels("preference")),
            occasions=incidence([g.occasions for g in gifts], words.levels("occasion")),
            youngest=_floats([g.ages[0] for g in gifts]),
            oldest=_floats([g.ages[1] for g in gifts]),
            intimacy=_floats([g.intimacy for g in gifts]),
            text=texts.buckets,
            text_weight=texts.weight,
            price=_floats(listing.price),
            fees=_floats(listing.fees),
            volatility=_floats(listing.volatility),
            lead_days=_floats(listing.lead_days),
            stock=_floats(listing.stock),
            rating=_floats(standard(listing.rating)),
            demand=_floats(standard(listing.demand)),
        )

    def __len__(self) -> int:
        return len(self.price)

    def take(self, gifts: Numbers) -> "Shelf":
        """Some of the gifts; scores against the whole catalogue stay what they were."""
        return Shelf(**{f.name: getattr(self, f.name)[gifts] for f in fields(self)})


def _floats(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float32)


@dataclass(frozen=True)
class Texts:
    """[N] texts as hashed words and pairs of words: rows of a table, and what each weighs."""

    buckets: Numbers  # [N, L]
    weight: Floats  # [N, L] 0 where a text is shorter

    @classmethod
    def of(cls, texts: Sequence[str], buckets: int) -> "Texts":
        tokens = [_tokens(text) for text in texts]
        longest = max(1, *map(len, tokens)) if tokens else 1
        rows = np.zeros((len(texts), longest), dtype=np.int64)
        weight = np.zeros((len(texts), longest), dtype=np.float32)
        for n, some in enumerate(tokens):
            rows[n, : len(some)] = [crc32(token.encode()) % buckets for token in some]
            weight[n, : len(some)] = len(some) ** -0.5 if some else 0.0
        return cls(rows, weight)


def _tokens(text: str) -> list[str]:
    words = [word for word in words_of(text) if word not in STOP]
    return words + [f"{first} {second}" for first, second in pairwise(words)]


@dataclass(frozen=True)
class Told(Generic[A]):
    """What the tools told, and which of them were asked."""

    told: A  # [5, B, G] in the order of the tools; blank where not asked
    known: A  # [B, 5]

    @property
    def price(self) -> A:
        return self._of(PRICE)

    @property
    def quality(self) -> A:
        return self._of(QUALITY)

    @property
    def lead_days(self) -> A:
        return self._of(LEAD)

    @property
    def trend(self) -> A:
        return self._of(TREND)

    @property
    def fees(self) -> A:
        return self._of(FEES)

    def _of(self, tool: int) -> A:
        return self.told[tool]  # type: ignore[index, no-any-return]


Facts = Told[Floats]


def asked(world: World, days: Sequence[int], tools: npt.NDArray[np.generic]) -> Facts:
    """Ask the tools of each recipient's row [B, 5] about all gifts, on that recipient's day."""
    told = np.zeros((len(TOOLS), len(days), len(world)), dtype=np.float32)
    for row, day in enumerate(days):
        for t, tool in enumerate(TOOLS):
            if tools[row, t]:
                told[t, row] = reveal(world, day, tool).values
    return Told(told, tools.astype(np.float32))
