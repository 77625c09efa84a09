"""Rows about gifts, by gift: what every tool reads, whoever provided it.

A table is sorted by gift once, so that the rows of fifty gifts out of a hundred thousand are a few
slices. Whatever comes from outside is checked here: a tool never computes with garbage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
TableName = Literal["gifts", "offers", "prices", "demand", "reviews"]
NOT_STATED = -1  # of stock, lead time, stars
NO_DAY = -(2**31)
EPOCH = date(1970, 1, 1).toordinal()
MOST_WORDS = 1000  # different texts of a column that are told apart by a number
MOST_MINOR = 10**12  # no gift costs more


class ProviderError(Exception):
    """A provider gave rows that no tool may use."""


class Frames(Protocol):
    """What a snapshot has: one frame a table (columns: `COLUMNS`)."""

    @property
    def gifts(self) -> pl.DataFrame: ...
    @property
    def offers(self) -> pl.DataFrame: ...
    @property
    def prices(self) -> pl.DataFrame: ...
    @property
    def demand(self) -> pl.DataFrame: ...
    @property
    def reviews(self) -> pl.DataFrame: ...


@dataclass(frozen=True)
class Column:
    """A column's kind, whether it may be unknown, and the numbers it may hold."""

    kind: Literal["text", "whole", "real", "day"]
    unknown: bool = False
    low: float = 0
    high: float = MOST_MINOR


KEY = {"gifts": "id"}  # of the other tables: gift
DAY = {"prices": "on", "demand": "week", "reviews": "on"}  # by which a gift's rows are sorted
COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "gifts": {
        "title": Column("text"),
        "category": Column("text", unknown=True),
        "price": Column("whole", unknown=True),
        "currency": Column("text", unknown=True),
        "source": Column("text", unknown=True),
    },
    "offers": {
        "shop": Column("text"),
        "price": Column("whole"),
        "fees": Column("whole", unknown=True),
        "currency": Column("text"),
        "stock": Column("whole", unknown=True),
        "lead_days": Column("whole", unknown=True, high=3650),
        "as_of": Column("day"),
    },
    "prices": {
        "shop": Column("text", unknown=True),
        "on": Column("day"),
        "price": Column("whole"),
    },
    "demand": {"week": Column("day"), "sold": Column("real")},
    "reviews": {
        "stars": Column("whole", unknown=True, low=1, high=5),
        "text": Column("text", unknown=True),
        "on": Column("day", unknown=True),
        "reviewer": Column("text", unknown=True),
    },
}


@dataclass(frozen=True)
class Rows:
    """The rows of some gifts: those of the n-th gift asked for are starts[n] to starts[n + 1]."""

    gifts: tuple[str, ...]
    starts: tuple[int, ...]
    numbers: Mapping[str, list[int]]
    reals: Mapping[str, list[float]]
    texts: Mapping[str, list[str | None]]

    def of(self, nth: int) -> range:
        return range(self.starts[nth], self.starts[nth + 1])


class Table:
    """All rows of one table, sorted by gift and day."""

    def __init__(self, name: TableName, frame: pl.DataFrame, index: Mapping[str, int]) -> None:
        self.name, self.index = name, index
        key = KEY.get(name, "gift")
        sound = _sound(name, frame, key)
        codes = pl.DataFrame(
            {key: pl.Series(list(index), dtype=pl.String), "code": np.arange(len(index))}
        )
        order = ["code", DAY[name]] if name in DAY else ["code"]
        joined = sound.join(codes, on=key, how="inner").sort(*order, maintain_order=True)
        counts = np.bincount(joined["code"].to_numpy(), minlength=len(index))
        self.starts: Numbers = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.texts: dict[str, pl.Series] = {}
        self._codes: dict[str, tuple[Numbers, list[str | None]]] = {}  # of texts with few words
        self.numbers: dict[str, Numbers] = {}
        self.reals: dict[str, Floats] = {}
        for column, what in COLUMNS[name].items():
            if what.kind == "text":
                self.texts[column] = joined[column]
                few = _few(joined[column])
                if few is not None:
                    self._codes[column] = few
            elif what.kind == "real":
                self.reals[column] = joined[column].to_numpy().astype(np.float64)
            else:
                self.numbers[column] = joined[column].to_numpy().astype(np.int64)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def rows(self, gifts: Sequence[str]) -> Rows:
        """Rows of these gifts, in this order; a gift that is not known has none."""
        codes = [self.index.get(gift, -1) for gift in gifts]
        first = [int(self.starts[c]) if c >= 0 else 0 for c in codes]
        count = [int(self.starts[c + 1] - self.starts[c]) if c >= 0 else 0 for c in codes]
        starts = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        shift = np.asarray(first, dtype=np.int64) - starts[:-1]
        picked = np.arange(starts[-1]) + np.repeat(shift, count)
        return Rows(
            tuple(gifts),
            tuple(starts.tolist()),
            {name: values[picked].tolist() for name, values in self.numbers.items()},
            {name: values[picked].tolist() for name, values in self.reals.items()},
            {name: self._texts(name, picked) for name in self.texts},
        )

    def _texts(self, name: str, picked: Numbers) -> list[str | None]:
        if name not in self._codes:
            return self.texts[name].gather(picked).to_list()
        codes, words = self._codes[name]
        return [words[code] for code in codes[picked].tolist()]


def _few(texts: pl.Series) -> tuple[Numbers, list[str | None]] | None:
    """[N] codes and their texts, where few texts come again and again: shops, currencies."""
    if texts.head(50 * MOST_WORDS).n_unique() > MOST_WORDS:
        return None
    words = texts.unique(maintain_order=True)
    if len(words) > MOST_WORDS:
        return None
    codes = pl.DataFrame({"text": words, "code": np.arange(len(words), dtype=np.int64)})
    coded = texts.to_frame("text").join(
        codes, on="text", how="left", nulls_equal=True, maintain_order="left"
    )
    return coded["code"].to_numpy(), words.to_list()


def _sound(name: str, frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """The columns wanted, in the types wanted, or a ProviderError that says what is wrong."""
    wanted = COLUMNS[name]
    missing = [column for column in (key, *wanted) if column not in frame.columns]
    needed = [c for c in missing if c == key or not wanted[c].unknown]
    if needed:
        raise ProviderError(f"{name}: no column {', '.join(needed)}")
    frame = frame.with_columns(pl.lit(None).alias(column) for column in missing)
    try:
        cast = frame.select(
            pl.col(key).cast(pl.String),
            *(_typed(column, what) for column, what in wanted.items()),
        )
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0][:200]
        raise ProviderError(f"{name}: a column has the wrong type ({reason})") from None
    for column, what in wanted.items():
        _check(name, cast[column], what)
    fills = {
        c: NO_DAY if what.kind == "day" else NOT_STATED
        for c, what in wanted.items()
        if what.unknown and what.kind in ("day", "whole")
    }
    return cast.with_columns(pl.col(c).fill_null(value) for c, value in fills.items())


def _typed(column: str, what: Column) -> pl.Expr:
    if what.kind == "day":
        return pl.col(column).cast(pl.Date).to_physical().cast(pl.Int64)
    types = {"text": pl.String, "whole": pl.Int64, "real": pl.Float64}
    return pl.col(column).cast(types[what.kind])


def _check(name: str, values: pl.Series, what: Column) -> None:
    if not what.unknown and values.null_count():
        raise ProviderError(f"{name}: {values.name} is missing in {values.null_count()} rows")
    if what.kind == "real" and not values.is_finite().all():
        raise ProviderError(f"{name}: {values.name} has values that are not numbers")
    if what.kind in ("whole", "real") and len(values) > values.null_count():
        known = values.drop_nulls()
        lowest, highest = float(known.min()), float(known.max())  # type: ignore[arg-type]
        if lowest < what.low or highest > what.high:
            worst = lowest if lowest < what.low else highest
            raise ProviderError(f"{name}: {values.name} {worst:g} is out of range")


@lru_cache(maxsize=4096)
def day_of(number: int) -> date:
    """The date of a day number (days since 1970)."""
    return date.fromordinal(number + EPOCH)


def number_of(day: date) -> int:
    return day.toordinal() - EPOCH
