"""The generated world around the gifts: shops' offers, price history, reviews, weekly demand.

Everything here is dated. `World.listing` is what the snapshot shows; what holds today is known
only by asking (`today.py`). One seed decides it all, gift by gift: the same gift has the same
offers in whatever order the gifts stand.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from giftrec.catalog.gifts import default_gifts, load_gifts, many_gifts
from giftrec.schema import Gift
from giftrec.vocabulary import Vocabulary, default_vocabulary
from reccore.data.seeds import derive
from reccore.errors import UserError

Floats = npt.NDArray[np.float64]
AS_OF = date(2026, 11, 1)
CURRENCY = "EUR"
SHOPS = ("Lantern & Co", "Gift Harbour", "Papermoon", "North Market", "The Corner Shelf")
WEEKS = 26
REVIEWS = (4, 12)  # fewest and most reviews of a gift


@dataclass(frozen=True)
class Listing:
    """The dated snapshot as columns [G]: what everybody sees without asking."""

    price: Floats  # the cheapest offer's, minor units
    fees: Floats  # shipping and wrapping of that offer, minor units
    volatility: Floats  # standard deviation of weekly log price changes
    lead_days: Floats  # of the quickest offer in stock
    stock: Floats  # of all shops together
    rating: Floats  # mean stars, shrunk towards 3.7 where reviews are few
    reviews: Floats  # how many
    demand: Floats  # slope of the log weekly demand over the last 8 weeks


@dataclass(frozen=True, eq=False, repr=False)
class World:
    """Gifts with all that is on record about them."""

    gifts: tuple[Gift, ...]
    vocabulary: Vocabulary
    seed: int = 7
    as_of: date = AS_OF
    currency: str = CURRENCY

    def __post_init__(self) -> None:
        if not self.gifts:
            raise UserError("the world has no gifts", "an empty catalogue recommends nothing")

    def __len__(self) -> int:
        return len(self.gifts)

    def __repr__(self) -> str:
        return f"World({len(self)} gifts, seed {self.seed}, as of {self.as_of})"

    def with_gifts(self, path: Path) -> "World":
        """The same world around a user's own gifts: a JSON list like the shipped one."""
        return replace(self, gifts=load_gifts(path, self.vocabulary))

    @cached_property
    def index(self) -> dict[str, int]:
        """gift id -> its number"""
        return {gift.id: number for number, gift in enumerate(self.gifts)}

    @cached_property
    def categories(self) -> npt.NDArray[np.int64]:
        """[G] code of each gift's category"""
        order = {name: code for code, name in enumerate(self.vocabulary.gift_categories)}
        return np.array([order[gift.category] for gift in self.gifts], dtype=np.int64)

    @cached_property
    def seeds(self) -> npt.NDArray[np.uint64]:
        """[G] a seed of each gift's own, so that its draws do not depend on its place."""
        return np.array([derive(self.seed, gift.id) for gift in self.gifts], dtype=np.uint64)

    def uniform(self, purpose: str, width: int = 1) -> Floats:
        """[G, width] numbers in (0, 1) that belong to the gifts, not to their places."""
        return uniform(self.seeds, derive(self.seed, purpose), width)

    def normal(self, purpose: str, width: int = 1) -> Floats:
        """[G, width] standard normal numbers, likewise (Box and Muller)."""
        u = self.uniform(purpose, 2 * width)
        return normal_of(u[:, :width], u[:, width:])

    @cached_property
    def offers(self) -> pl.DataFrame:
        """gift, shop, price, fees, stock, lead_days, as_of: 3 to 5 offers a gift."""
        count = 3 + np.floor(3 * self.uniform("offers")[:, 0]).astype(int)  # [G]
        shops = len(SHOPS)
        listed = np.array([gift.price for gift in self.gifts], dtype=np.float64)
        markup = np.exp(0.05 * np.abs(self.normal("markup", shops)))  # [G, shops]
        order = np.argsort(self.uniform("shops", shops), axis=1, kind="stable")
        sells = np.argsort(order, axis=1, kind="stable") < count[:, None]  # [G, shops]
        markup[np.arange(len(self)), order[:, 0]] = 1.0  # the cheapest shop asks the listed price
        fees = np.where(
            self.uniform("free", shops) < 0.3, 0, 290 + np.floor(400 * self.uniform("fees", shops))
        )
        stock = np.floor(np.exp(0.6 + 1.8 * self.uniform("stock", shops)))
        lead = 1 + np.floor(5 * self.uniform("lead", shops) ** 1.5)
        gift, shop = np.nonzero(sells)
        ids = np.array([g.id for g in self.gifts], dtype=object)
        return pl.DataFrame(
            {
                "gift": pl.Series(ids[gift].tolist(), dtype=pl.String),
                "shop": pl.Series([SHOPS[s] for s in shop], dtype=pl.String),
                "price": np.round(listed[gift] * markup[gift, shop]).astype(np.int64),
                "fees": fees[gift, shop].astype(np.int64),
                "stock": stock[gift, shop].astype(np.int64),
                "lead_days": lead[gift, shop].astype(np.int64),
                "as_of": pl.Series([self.as_of] * len(gift), dtype=pl.Date),
                "number": gift,
            }
        )

    @cached_property
    def volatility(self) -> Floats:
        """[G] standard deviation of a week's log price change, as the history shows."""
        return 0.006 + 0.03 * self.uniform("volatility")[:, 0]

    @cached_property
    def prices(self) -> pl.DataFrame:
        """gift, week, price: the cheapest price in each of the last weeks, oldest first."""
        steps = self.volatility[:, None] * self.normal("prices", WEEKS)  # [G, W]
        steps[:, -1] = 0.0  # the last week is the snapshot's
        back = np.cumsum(steps[:, ::-1], axis=1)[:, ::-1]
        listed = np.array([gift.price for gift in self.gifts], dtype=np.float64)
        values = np.maximum(1, np.round(listed[:, None] * np.exp(back)))
        return self._weekly("price", values)

    @cached_property
    def demand(self) -> pl.DataFrame:
        """gift, week, sold: weekly demand, oldest first."""
        trend = np.array([gift.trendiness for gift in self.gifts])
        slope = 0.10 * self.normal("slope")[:, 0] * (0.3 + 0.7 * trend)  # [G]
        level = 2.0 + 2.5 * self.uniform("level")[:, 0]
        week = np.arange(WEEKS) - WEEKS + 1
        noise = 0.05 * self.normal("demand", WEEKS)
        sold = np.exp(level[:, None] + slope[:, None] * np.maximum(week, -8)[None] + noise)
        return self._weekly("sold", np.round(sold).astype(np.float64))

    def _weekly(self, name: str, values: Floats) -> pl.DataFrame:
        weeks = [self.as_of - timedelta(weeks=WEEKS - 1 - w) for w in range(WEEKS)]
        ids = [gift.id for gift in self.gifts]
        return pl.DataFrame(
            {
                "gift": np.repeat(np.array(ids, dtype=object), WEEKS).tolist(),
                "week": weeks * len(ids),
                name: values.astype(np.int64).ravel(),
            }
        )

    @cached_property
    def stars(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The gift number [R] and the stars [R] of every review."""
        fewest, most = REVIEWS
        count = fewest + np.floor((most - fewest + 1) * self.uniform("reviews")[:, 0]).astype(int)
        quality = np.array([gift.quality for gift in self.gifts])
        felt = 1.2 + 3.9 * quality[:, None] + 0.8 * self.normal("stars", most)  # [G, most]
        number, column = np.nonzero(np.arange(most)[None] < count[:, None])
        return number, np.clip(np.round(felt[number, column]), 1, 5).astype(np.int64)

    @cached_property
    def reviews(self) -> pl.DataFrame:
        """gift, stars, text, on: customers' reviews."""
        number, stars = self.stars
        material = review_material()
        written = self.uniform("text", 4 * REVIEWS[1]).reshape(len(self), REVIEWS[1], 4)
        nth = np.arange(len(number)) - np.searchsorted(number, number)  # of its gift
        pick = written[number, nth]  # [R, 4]
        texts = [
            _review(material[f"stars_{s}"], self.gifts[g].title, p)
            for g, s, p in zip(number, stars, pick, strict=True)
        ]
        days = [self.as_of - timedelta(days=int(400 * p)) for p in pick[:, 3]]
        return pl.DataFrame(
            {
                "gift": [self.gifts[g].id for g in number],
                "stars": stars,
                "text": texts,
                "on": days,
            }
        )

    @cached_property
    def listing(self) -> Listing:
        """The snapshot's columns; from the same offers, reviews and demand that the tables show."""
        offers = self.offers
        best = (
            offers.sort("number", "price", "shop").group_by("number", maintain_order=True).first()
        )
        whole = offers.group_by("number", maintain_order=True).agg(
            pl.col("stock").sum(), pl.col("lead_days").filter(pl.col("stock") > 0).min()
        )
        number, stars = self.stars
        count = np.bincount(number, minlength=len(self)).astype(np.float64)
        total = np.bincount(number, weights=stars, minlength=len(self))
        return Listing(
            price=best["price"].to_numpy().astype(np.float64),
            fees=best["fees"].to_numpy().astype(np.float64),
            volatility=self.volatility,
            lead_days=whole["lead_days"].fill_null(14).to_numpy().astype(np.float64),
            stock=whole["stock"].to_numpy().astype(np.float64),
            rating=(total + 3 * 3.7) / (count + 3),
            reviews=count,
            demand=self._slopes(),
        )

    def _slopes(self) -> Floats:
        """[G] slope of the log demand over the last 8 weeks, by least squares."""
        sold = self.demand["sold"].to_numpy().reshape(len(self), WEEKS)[:, -8:]
        week = np.arange(8) - 3.5
        slopes: Floats = (np.log1p(sold) @ week) / (week @ week)
        return slopes


def _review(material: dict[str, list[str]], title: str, pick: Floats) -> str:
    parts = [
        material[name][int(p * len(material[name]))]
        for name, p in zip(("openings", "details", "closings"), pick, strict=False)
    ]
    return " ".join(parts).replace("{title}", title)


@lru_cache(maxsize=1)
def review_material() -> dict[str, Any]:
    """Sentences that reviews are made of, by stars."""
    import tomllib

    return tomllib.loads(files(__package__).joinpath("reviews.toml").read_text(encoding="utf-8"))


def default_world(count: int | None = None, seed: int = 7) -> World:
    """The world of the shipped gifts, or of `count` generated ones."""
    gifts = default_gifts() if count is None else many_gifts(count, seed)
    return World(gifts, default_vocabulary(), seed)


def uniform(seeds: npt.NDArray[np.uint64], salt: int, width: int) -> Floats:
    """[G, width] numbers in (0, 1), a hash of (seed, salt, column): SplitMix64 (Steele 2014)."""
    column = np.arange(1, width + 1, dtype=np.uint64)
    golden = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        z = (seeds ^ np.uint64(salt))[:, None] + golden * column[None]
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    unit: Floats = ((z >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53
    return unit


def normal_of(u: Floats, v: Floats) -> Floats:
    """Standard normal numbers from two uniform ones (Box and Muller 1958)."""
    both: Floats = np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)
    return both
