"""The tables of a catalogue: what a snapshot holds, what may be unknown, what one gift looks like.

Money is in minor units of the snapshot's one currency, ids are text, and what a source did not
state is null: unknown stock is not "none left", and an unknown price is no price of 0. Tables are
ordered by `number`, the place of the gift in `gifts`.
"""

from collections.abc import Mapping
from datetime import date

import polars as pl
from polars.datatypes import DataTypeClass

from giftrec.schema import Record

Frames = Mapping[str, pl.DataFrame]
Columns = Mapping[str, pl.DataType | DataTypeClass]
WORDS = pl.List(pl.String)

GIFTS: Columns = {
    "id": pl.String,
    "title": pl.String,
    "description": pl.String,  # empty where there is none
    "category": pl.String,  # of the vocabulary; null where nothing told it
    "shelf": pl.String,  # the source's own category, in its words
    "price": pl.Int64,  # cheapest known; null: no shop states one, so it cannot be recommended
    "currency": pl.String,
    "age_low": pl.Int64,
    "age_high": pl.Int64,
    "hobbies": WORDS,
    "preferences": WORDS,
    "occasions": WORDS,
    "intimacy": pl.Float64,
    "quality": pl.Float64,
    "trendiness": pl.Float64,
    "brand": pl.String,
    "stars": pl.Float64,  # mean of all ratings, as the source states it or as its reviews say
    "ratings": pl.Int64,  # how many ratings there are, written out or not
    "source": pl.String,
    "number": pl.Int64,
}
OFFERS: Columns = {
    "gift": pl.String,
    "shop": pl.String,
    "price": pl.Int64,
    "fees": pl.Int64,  # null: not stated
    "currency": pl.String,
    "stock": pl.Int64,  # null: not stated
    "lead_days": pl.Int64,  # null: not stated
    "as_of": pl.Date,
    "number": pl.Int64,
}
PRICES: Columns = {
    "gift": pl.String,
    "shop": pl.String,  # null: the cheapest of all shops
    "on": pl.Date,
    "price": pl.Int64,
    "number": pl.Int64,
}
DEMAND: Columns = {"gift": pl.String, "week": pl.Date, "sold": pl.Float64, "number": pl.Int64}
REVIEWS: Columns = {
    "gift": pl.String,
    "stars": pl.Int64,  # 1 to 5, or null
    "text": pl.String,
    "on": pl.Date,
    "reviewer": pl.String,  # the same for one reviewer's reviews; says nothing of who it is
    "number": pl.Int64,
}
SCHEMAS: Mapping[str, Columns] = {
    "gifts": GIFTS,
    "offers": OFFERS,
    "prices": PRICES,
    "demand": DEMAND,
    "reviews": REVIEWS,
}
REQUIRED = {
    "gifts": ("id", "title", "description", "currency", "hobbies", "preferences", "occasions"),
    "offers": ("gift", "shop", "price", "currency", "as_of"),
    "prices": ("gift", "on", "price"),
    "demand": ("gift", "week", "sold"),
    "reviews": ("gift", "text"),
}
ORDERS = {
    "gifts": ("number",),
    "offers": ("number", "price", "shop"),
    "prices": ("number", "on", "shop"),
    "demand": ("number", "week"),
    "reviews": ("number", "on", "reviewer", "stars", "text"),
}


class Listed(Record):
    """A gift as a snapshot lists it. None: not known."""

    id: str
    title: str
    description: str = ""
    category: str | None = None
    shelf: str | None = None
    price: int | None = None
    currency: str
    age_low: int | None = None
    age_high: int | None = None
    hobbies: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    occasions: tuple[str, ...] = ()
    intimacy: float | None = None
    quality: float | None = None
    trendiness: float | None = None
    brand: str | None = None
    stars: float | None = None
    ratings: int | None = None
    source: str | None = None
    number: int


def shaped(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """The frame with exactly the table's columns in their types; missing ones are null."""
    schema = SCHEMAS[table]
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in schema.items()
    )


def empty(table: str) -> pl.DataFrame:
    return pl.DataFrame(schema=SCHEMAS[table])


def monday(day: date) -> date:
    """The Monday of the day's week: how weeks are named."""
    return date.fromordinal(day.toordinal() - day.weekday())
