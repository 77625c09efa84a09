"""Where the tools' facts come from: a snapshot, or any source that can hand over rows.

To plug a source in (a shop's HTTP interface, say), give `FetchingProvider` a function that
fetches rows; it chooses its own client, headers and time limits:

    def fetch(table: str, gifts: Sequence[str]) -> list[dict[str, object]]:
        answer = httpx2.get(f"{URL}/{table}", params={"gift": gifts}, timeout=1.0)
        if answer.status_code in (429, 502, 503, 504):
            raise TransientError(f"{table}: {answer.status_code}")
        answer.raise_for_status()
        return answer.json()

    provider = FetchingProvider("the shop", fetch)

Connection errors, time-outs and `TransientError` are tried again by the runner; everything else
is an error at once. Rows are checked as a snapshot's are.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import islice
from threading import Lock
from typing import Any, Protocol, TypeVar

import numpy as np
import polars as pl

from giftrec.tools.ratings import DEFAULT_PRIOR, RatingPrior, learn_prior
from giftrec.tools.seasons import Season, learn_seasons
from giftrec.tools.tables import (
    COLUMNS,
    DAY,
    KEY,
    NO_DAY,
    Frames,
    Numbers,
    ProviderError,
    Rows,
    Table,
    TableName,
    day_of,
)

T = TypeVar("T")
Fetch = Callable[[str, Sequence[str]], Sequence[Mapping[str, Any]]]


class TransientError(Exception):
    """A failure that may pass: worth trying again."""


@dataclass(frozen=True)
class Background:
    """What is known of the catalogue as a whole, against which one gift is judged."""

    prior: RatingPrior = DEFAULT_PRIOR
    review_days: Numbers | None = None  # [R] days of all reviews, sorted
    seasons: Mapping[str | None, Season] | None = None  # demand of each source as a whole


class Provider(Protocol):
    """A source of rows. Methods may block: the runner calls tools in threads."""

    @property
    def name(self) -> str: ...

    @property
    def background(self) -> Background: ...

    def rows(self, table: TableName, gifts: Sequence[str]) -> Rows: ...

    def derived(
        self, kind: str, gifts: Sequence[str], compute: Callable[[Sequence[str]], Sequence[T]]
    ) -> list[T]:
        """compute(gifts), or what is remembered of it where rows cannot change."""
        ...


class SnapshotProvider:
    """Rows of an immutable snapshot. What follows from a gift's rows alone is computed once."""

    def __init__(self, frames: Frames, name: str = "snapshot", remember: int = 3_000) -> None:
        self.name = name
        self._frames, self._remember = frames, remember
        self._known: dict[tuple[str, str], Any] = {}
        self._tables: dict[TableName, Table] = {}
        self._lock = Lock()
        self._computing: defaultdict[str, Lock] = defaultdict(Lock)

    @cached_property
    def index(self) -> dict[str, int]:
        """gift id -> its number"""
        ids = self._frames.gifts["id"].cast(pl.String).to_list()
        index = {gift: number for number, gift in enumerate(ids)}
        if len(index) < len(ids):
            raise ProviderError("gifts: an id stands twice")
        return index

    def table(self, name: TableName) -> Table:
        """One table, sorted by gift when first asked for."""
        with self._lock:
            if name not in self._tables:
                self._tables[name] = Table(name, getattr(self._frames, name), self.index)
            return self._tables[name]

    def rows(self, table: TableName, gifts: Sequence[str]) -> Rows:
        return self.table(table).rows(gifts)

    @cached_property
    def background(self) -> Background:
        reviews, demand = self.table("reviews"), self.table("demand")
        days = reviews.numbers["on"]
        sources = self.table("gifts").texts["source"].to_list()
        return Background(
            learn_prior(reviews.starts, reviews.numbers["stars"]),
            np.sort(days[days != NO_DAY]),
            learn_seasons(demand.starts, demand.numbers["week"], demand.reals["sold"], sources),
        )

    def derived(
        self, kind: str, gifts: Sequence[str], compute: Callable[[Sequence[str]], Sequence[T]]
    ) -> list[T]:
        with self._computing[kind.partition(" ")[0]]:  # two tools never compute the same twice
            with self._lock:
                known = {g: self._known[kind, g] for g in gifts if (kind, g) in self._known}
            new = [gift for gift in dict.fromkeys(gifts) if gift not in known]
            fresh = dict(zip(new, compute(new), strict=True)) if new else {}
            with self._lock:
                self._known.update(((kind, gift), value) for gift, value in fresh.items())
                for key in list(islice(self._known, max(0, len(self._known) - self._remember))):
                    del self._known[key]  # the oldest
        known.update(fresh)
        return [known[gift] for gift in gifts]

    def prepare(self) -> "SnapshotProvider":
        """Sort all tables and learn the background now rather than in the first answer."""
        for name in COLUMNS:
            self.table(name)  # type: ignore[arg-type]
        _ = self.background
        return self


class FetchingProvider:
    """Rows from a function. Nothing is remembered: the source may change at any time."""

    def __init__(self, name: str, fetch: Fetch, background: Background | None = None) -> None:
        self.name = name
        self.background = background or Background()
        self._fetch = fetch

    def rows(self, table: TableName, gifts: Sequence[str]) -> Rows:
        given = self._fetch(table, gifts)
        key = KEY.get(table, "gift")
        try:
            records = [dict(row) for row in given]
        except (TypeError, ValueError):
            raise ProviderError(f"{table}: {self.name} gave no rows but {given!r:.80}") from None
        frame = _frame(table, key, records)
        index = {gift: number for number, gift in enumerate(dict.fromkeys(gifts))}
        return Table(table, frame, index).rows(gifts)

    def derived(
        self, kind: str, gifts: Sequence[str], compute: Callable[[Sequence[str]], Sequence[T]]
    ) -> list[T]:
        return list(compute(gifts))


def _frame(table: str, key: str, records: list[dict[str, Any]]) -> pl.DataFrame:
    """Records as a frame; days may be written out (2026-11-01)."""
    columns = (key, *COLUMNS[table])
    if records and not any(column in record for record in records for column in columns[1:]):
        raise ProviderError(f"{table}: rows without any of {', '.join(columns[1:])}")
    try:
        frame = pl.DataFrame(
            {c: [record.get(c) for record in records] for c in columns if records}
            or {c: [] for c in columns},
            strict=True,
        )
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise ProviderError(f"{table}: rows of mixed types ({str(error)[:200]})") from None
    days = [c for c in ("as_of", DAY.get(table)) if c in frame.columns]
    written = [c for c in days if c is not None and frame[c].dtype == pl.String]
    try:
        return frame.with_columns(pl.col(c).str.to_date("%Y-%m-%d") for c in written)
    except pl.exceptions.PolarsError:
        raise ProviderError(f"{table}: a day is not written as 2026-11-01") from None


def latest(days: Sequence[int]) -> date | None:
    known = [day for day in days if day != NO_DAY]
    return day_of(max(known)) if known else None
