"""A snapshot of gifts as the model, the words and the tools see it: made once a snapshot.

What a catalogue does not state is filled in as the model was taught to read it: no fees, a
fortnight of delivery, a middling stock, the catalogue's own mean of stars. The tools and the last
gate tell apart what is known and what is not.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from giftrec.catalog.snapshot import Snapshot
from giftrec.catalog.today import standard
from giftrec.columns import Floats, incidence
from giftrec.inputs import Shelf, Texts
from giftrec.predictions import Predictor
from giftrec.text.encoder import Choice
from giftrec.text.index import TextIndex
from giftrec.text.store import at_once, opened
from giftrec.vocabulary import Vocabulary

Wide = npt.NDArray[np.float64]
LEAD_DAYS, STOCK = 14.0, 12.0  # where no shop states them
VOLATILITY = 0.02  # where there is no history of prices
DOUBT = 3.0  # ratings that the catalogue's mean counts for
SLOPE_WEEKS = 8
LONGEST_TEXT = 400  # characters that the model reads of a gift


class Model(Protocol):
    """A run or a bundle."""

    @property
    def vocabulary(self) -> Vocabulary: ...

    @property
    def text_buckets(self) -> int: ...

    def before(self, shelf: Shelf) -> Predictor: ...


@dataclass(frozen=True)
class Scale:
    """What a standard score of a catalogue's column means."""

    mean: float
    spread: float

    @classmethod
    def of(cls, column: Wide) -> "Scale":
        return cls(float(column.mean()), max(float(column.std()), 1e-9))

    def score(self, value: float) -> float:
        return (value - self.mean) / self.spread


@dataclass(frozen=True, eq=False)
class Storefront:
    """G gifts. Immutable; threads may share it."""

    snapshot: Snapshot
    vocabulary: Vocabulary
    shelf: Shelf
    predictor: Predictor
    texts: TextIndex
    rating: Scale  # of shrunken stars
    growth: Scale  # of weekly growth of demand

    @classmethod
    def of(cls, snapshot: Snapshot, model: Model, choice: Choice | None = None) -> "Storefront":
        """Read the snapshot, encode its gifts; the text index is kept beside it."""
        words = model.vocabulary
        index = _index(snapshot, words, choice)
        rating, growth = ratings_of(snapshot), growth_of(snapshot)
        shelf = shelf_of(snapshot, words, index, model.text_buckets, rating, growth)
        scales = Scale.of(rating), Scale.of(growth)
        return cls(snapshot, words, shelf, model.before(shelf), index, *scales)

    def __len__(self) -> int:
        return len(self.shelf)

    @property
    def as_of(self) -> date:
        return date.fromisoformat(self.snapshot.as_of)

    @property
    def notes(self) -> tuple[str, ...]:
        """What every answer from this catalogue has to say of it."""
        return tuple(self.snapshot.facts.get("notes", ()))

    @cached_property
    def sold(self) -> npt.NDArray[np.bool_]:
        """[G] gifts with a price: the others cannot be recommended."""
        priced: npt.NDArray[np.bool_] = self.snapshot.price > 0
        return priced

    @cached_property
    def youngest(self) -> npt.NDArray[np.int64]:
        """[G] the age from which a gift is stated to be for; 0 where it is not."""
        return self.snapshot.ages[:, 0]

    @cached_property
    def hobby_kinds(self) -> Floats:
        """[H, F] 1 where a hobby is of a family."""
        words = self.vocabulary
        return incidence([(f,) for f in words.hobbies.values()], words.levels("hobby_category"))

    @cached_property
    def gift_kinds(self) -> Floats:
        """[G, F] how many of a gift's hobbies are of a family."""
        return np.asarray(self.shelf.hobbies @ self.hobby_kinds, dtype=np.float32)

    @cached_property
    def popularity(self) -> Floats:
        """[G] standard score of the log of how many ratings there are."""
        return _floats(standard(np.log1p(self.snapshot.ratings.astype(np.float64))))


def _index(snapshot: Snapshot, words: Vocabulary, choice: Choice | None) -> TextIndex:
    of = (snapshot.path, snapshot.gifts, snapshot.fingerprint)
    return at_once(*of, words) if choice is None else opened(*of, choice, words)[0]


def shelf_of(
    snapshot: Snapshot,
    words: Vocabulary,
    index: TextIndex,
    buckets: int,
    rating: Wide,
    growth: Wide,
) -> Shelf:
    """The gifts in the model's columns."""
    gifts, offers = snapshot.gifts, _offers(snapshot)
    texts = [
        f"{title} {description}"[:LONGEST_TEXT]
        for title, description in gifts.select("title", "description").iter_rows()
    ]
    hashed = Texts.of(texts, buckets)
    ages = snapshot.ages
    return Shelf(
        category=categories_of(gifts, words, index),
        hobbies=incidence(_lists(gifts, "hobbies"), words.levels("hobby")),
        preferences=incidence(_lists(gifts, "preferences"), words.levels("preference")),
        occasions=incidence(_lists(gifts, "occasions"), words.levels("occasion")),
        youngest=_floats(ages[:, 0]),
        oldest=_floats(ages[:, 1]),
        intimacy=_floats(gifts["intimacy"].fill_null(0.3).to_numpy()),
        text=hashed.buckets,
        text_weight=hashed.weight,
        price=_floats(np.maximum(offers["price"].to_numpy(), 1)),
        fees=_floats(offers["fees"].to_numpy()),
        volatility=_floats(volatility_of(snapshot)),
        lead_days=_floats(offers["lead_days"].to_numpy()),
        stock=_floats(offers["stock"].to_numpy()),
        rating=_floats(standard(rating)),
        demand=_floats(standard(growth)),
    )


def categories_of(
    gifts: pl.DataFrame, words: Vocabulary, index: TextIndex
) -> npt.NDArray[np.int64]:
    """[G] codes of categories; where the source told none, the one whose words are nearest."""
    order = {name: code for code, name in enumerate(words.gift_categories)}
    known = gifts["category"].replace_strict(order, default=None, return_dtype=pl.Int64)
    codes = known.fill_null(-1).to_numpy().copy()
    if (codes < 0).any():
        described = [f"{name} {text}" for name, text in words.gift_categories.items()]
        nearest = index.match([text.replace("_", " ") for text in described]).wishes.argmax(axis=0)
        codes = np.where(codes < 0, nearest, codes)
    return codes


def ratings_of(snapshot: Snapshot) -> Wide:
    """[G] mean stars, drawn towards the catalogue's mean where ratings are few."""
    stars, count = snapshot.stars, snapshot.ratings.astype(np.float64)
    rated = ~np.isnan(stars) & (count > 0)
    mean = float(stars[rated].mean()) if rated.any() else 0.0
    total = np.where(rated, np.nan_to_num(stars) * count, 0.0)
    return np.asarray((total + DOUBT * mean) / (np.where(rated, count, 0.0) + DOUBT))


def growth_of(snapshot: Snapshot) -> Wide:
    """[G] slope of the log weekly demand over the catalogue's last weeks; 0 without demand."""
    slopes = np.zeros(len(snapshot))
    demand = snapshot.demand
    if not len(demand):
        return slopes
    weeks = demand["week"].unique().sort().tail(SLOPE_WEEKS)
    place = pl.DataFrame({"week": weeks, "at": np.arange(len(weeks), dtype=np.int64)})
    recent = demand.join(place, on="week", how="inner")
    sold = np.zeros((len(snapshot), len(weeks)))  # a week without a row sold nothing
    sold[recent["number"].to_numpy(), recent["at"].to_numpy()] = recent["sold"].to_numpy()
    at = np.arange(len(weeks)) - (len(weeks) - 1) / 2
    if len(weeks) > 1:
        slopes = (np.log1p(np.maximum(sold, 0)) @ at) / (at @ at)
    return slopes


def volatility_of(snapshot: Snapshot) -> Wide:
    """[G] standard deviation of a price's log change from one record to the next."""
    found = np.full(len(snapshot), VOLATILITY)
    prices = snapshot.prices.filter(pl.col("price") > 0)
    if not len(prices):
        return found
    changes = (
        prices.group_by("number", "on")
        .agg(pl.col("price").min().log().alias("log"))
        .sort("number", "on")
        .with_columns(change=pl.col("log").diff().over("number"))
        .group_by("number")
        .agg(pl.col("change").std().alias("spread"), pl.col("change").count().alias("count"))
        .filter(pl.col("count") >= SLOPE_WEEKS)
    )
    found[changes["number"].to_numpy()] = changes["spread"].to_numpy()
    return found


def _offers(snapshot: Snapshot) -> pl.DataFrame:
    """[G] rows: price and fees of the cheapest offer, stock of all, the soonest delivery."""
    having = pl.col("stock").fill_null(1) > 0
    offered = (
        snapshot.offers.sort("number", "price", "shop")
        .group_by("number", maintain_order=True)
        .agg(
            pl.col("price").first(),
            pl.col("fees").first().fill_null(0),
            pl.when(pl.col("stock").count() > 0).then(pl.col("stock").sum()).alias("stock"),
            pl.col("lead_days").filter(having).min(),
        )
    )
    rows = pl.DataFrame({"number": np.arange(len(snapshot)), "listed": snapshot.price})
    return rows.join(offered, on="number", how="left", maintain_order="left").select(
        pl.coalesce("price", "listed").alias("price").cast(pl.Float64),
        pl.col("fees").fill_null(0).cast(pl.Float64),
        pl.col("stock").cast(pl.Float64).fill_null(STOCK),
        pl.col("lead_days").cast(pl.Float64).fill_null(LEAD_DAYS),
    )


def _lists(gifts: pl.DataFrame, name: str) -> list[list[str]]:
    filled: list[list[str]] = gifts[name].fill_null([]).to_list()
    return filled


def _floats(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float32)
