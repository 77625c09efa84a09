"""A catalogue at one moment: an immutable DuckDB file that any number of processes read.

Frames come out, never cursors. What is small is read once and kept; of what is large, only the
rows that are asked for are read. A snapshot is written by `writing.write_snapshot` and made live by
`live.Catalogue`.

    with Snapshot.open(path) as snapshot:
        snapshot.gifts                           # polars: id, title, ..., number
        snapshot.rows("offers", ["some-gift"])   # those gifts' offers
        snapshot.price[snapshot.numbers(ids)]    # numpy, by the gifts' numbers
        snapshot.search("pottery kit", limit=5)
"""

import difflib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from giftrec.catalog.search import BODY, TITLE, UNFINISHED, Filters, Hits, fit_of, question_words
from giftrec.catalog.tables import ORDERS, SCHEMAS, Listed
from reccore.errors import UserError, need

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
FORMAT = "giftrec catalogue"
VERSION = 1
KEPT_ROWS = 500_000  # a table up to this size is read whole when rows of it are first asked for
KEPT_WORDS = 512  # words whose gifts are remembered
SETTINGS = {  # no network, no files beside the snapshot
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "enable_external_access": False,
}


class Snapshot:
    """One catalogue, read-only. Threads may share it; processes open it each for themselves."""

    def __init__(self, path: Path, connection: Any, facts: dict[str, Any]) -> None:
        self.path = path
        self.facts = facts  # when, from what, counts, currency, fingerprint, how words were derived
        self._connection = connection
        self._lock = Lock()
        self._frames: dict[str, pl.DataFrame] = {}
        self._starts: dict[str, Numbers] = {}
        self._having: dict[tuple[str, bool], Numbers] = {}

    @classmethod
    def open(cls, path: Path | str, threads: int = 2) -> "Snapshot":
        """Open the file, read its facts and gifts; other tables are read when they are needed."""
        duckdb, path = need("duckdb", "duckdb"), Path(path)
        if not path.is_file():
            raise UserError(f"no such catalogue: {path}", "giftrec catalog import makes one")
        connection = None
        try:
            connection = duckdb.connect(str(path), read_only=True, config=SETTINGS)
            connection.execute(f"SET threads = {int(threads)}")
            found = connection.execute("SELECT key, value FROM facts").fetchall()
            facts = {key: json.loads(value) for key, value in found}
            if facts.get("format") != FORMAT or facts.get("version") != VERSION:
                raise UserError(
                    f"{path} is not a {FORMAT} of version {VERSION}", "import its sources again"
                )
            snapshot = cls(path, connection, facts)
            snapshot.table("gifts")
        except (duckdb.Error, ValueError, UserError) as error:
            if connection is not None:
                connection.close()
            if isinstance(error, UserError):
                raise
            problem = str(error).splitlines()[0][:200]
            raise UserError(
                f"{path} is not a catalogue: {problem}", "see giftrec catalog"
            ) from None
        return snapshot

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """How many gifts there are."""
        return int(self.facts["counts"]["gifts"])

    def __repr__(self) -> str:
        return f"Snapshot({len(self)} gifts, as of {self.as_of}, {self.fingerprint})"

    @property
    def currency(self) -> str:
        """The one currency of all its money."""
        return str(self.facts["currency"])

    @property
    def as_of(self) -> str:
        """The day, in ISO form, of which its offers speak."""
        return str(self.facts["as_of"])

    @property
    def fingerprint(self) -> str:
        """Of the content: equal for equal tables, whenever they were written."""
        return str(self.facts["fingerprint"])

    # --- tables ---------------------------------------------------------------------------------

    @property
    def gifts(self) -> pl.DataFrame:
        """The gifts by number: row n is gift number n."""
        return self.table("gifts")

    @property
    def offers(self) -> pl.DataFrame:
        """What the shops ask: the cheapest offer of each gift first."""
        return self.table("offers")

    @property
    def prices(self) -> pl.DataFrame:
        """Price history, oldest first within a gift."""
        return self.table("prices")

    @property
    def demand(self) -> pl.DataFrame:
        """Weekly sales, oldest first within a gift; a week is named by its Monday."""
        return self.table("demand")

    @property
    def reviews(self) -> pl.DataFrame:
        """Customers' reviews, oldest first within a gift."""
        return self.table("reviews")

    def table(self, name: str) -> pl.DataFrame:
        """A whole table, read once and kept. `SCHEMAS[name]` are its columns."""
        kept = self._frames.get(name)
        if kept is None:
            columns = ", ".join(f'"{column}"' for column in SCHEMAS[name])
            kept = self._query(f"SELECT {columns} FROM {name}").pipe(_typed, name)  # noqa: S608
            self._frames[name] = kept
        return kept

    def rows(self, table: str, gifts: Sequence[str]) -> pl.DataFrame:
        """The rows of `table` about these gifts, in the order of their numbers.

        Of a large table that was not read whole (`table`, `warm`), only these rows are read.
        """
        wanted = np.unique(self.numbers(gifts))
        if table in self._frames or self.facts["counts"][table] <= KEPT_ROWS:
            starts = self.starts(table)
            spans = [np.arange(starts[n], starts[n + 1]) for n in wanted]
            return self.table(table)[np.concatenate(spans) if spans else np.arange(0)]
        columns = ", ".join(f'"{column}"' for column in SCHEMAS[table])
        query = f"SELECT {columns} FROM {table} WHERE number IN (SELECT unnest($1::BIGINT[]))"  # noqa: S608
        found = self._query(query, [wanted.tolist()]).pipe(_typed, table)
        return found.sort(*ORDERS[table])

    def starts(self, table: str) -> Numbers:
        """[G + 1] rows starts[n] to starts[n + 1] of the table are about gift number n."""
        if table not in self._starts:
            number = self.table(table)["number"].to_numpy()
            self._starts[table] = np.searchsorted(number, np.arange(len(self) + 1))
        return self._starts[table]

    def warm(self, *tables: str) -> Self:
        """Read these tables (all by default) and the columns now rather than at first use."""
        for table in tables or SCHEMAS:
            self.starts(table)
        _ = self.index, self.price, self.stars, self.ratings, self.stock, self.ages
        return self

    # --- gifts by number ------------------------------------------------------------------------

    @cached_property
    def ids(self) -> list[str]:
        """[G] the gifts' ids by number."""
        return self.gifts["id"].to_list()

    @cached_property
    def index(self) -> dict[str, int]:
        """gift id -> its number"""
        return {name: number for number, name in enumerate(self.ids)}

    def numbers(self, gifts: Sequence[str]) -> Numbers:
        """The numbers of these gifts; an id that is not there is refused."""
        try:
            return np.array([self.index[gift] for gift in gifts], dtype=np.int64)
        except KeyError as error:
            raise self._unknown(str(error.args[0])) from None

    def gift(self, name: str) -> Listed:
        """One gift by its id."""
        if name not in self.index:
            raise self._unknown(name)
        return Listed.model_validate(_tuples(self.gifts.row(self.index[name], named=True)))

    @cached_property
    def price(self) -> Numbers:
        """[G] cheapest known price, minor units; 0 where no shop states one."""
        return self._column("price", 0).astype(np.int64)

    @cached_property
    def stars(self) -> Floats:
        """[G] mean stars, NaN where nobody rated."""
        return self._column("stars", np.nan).astype(np.float64)

    @cached_property
    def ratings(self) -> Numbers:
        """[G] how many ratings."""
        return self._column("ratings", 0).astype(np.int64)

    @cached_property
    def ages(self) -> Numbers:
        """[G, 2] first and last age it is for; 0 and 120 where not stated."""
        low, high = self._column("age_low", 0), self._column("age_high", 120)
        return np.stack([low, high], axis=1).astype(np.int64)

    @cached_property
    def stock(self) -> Floats:
        """[G] stock of all shops that state one; NaN where none does."""
        offers = self.offers.drop_nulls("stock")
        total = np.full(len(self), np.nan)
        number = offers["number"].to_numpy()
        total[number] = 0.0
        np.add.at(total, number, offers["stock"].to_numpy())
        return total

    def _column(self, name: str, unknown: float) -> npt.NDArray[Any]:
        return self.gifts[name].fill_null(unknown).to_numpy()

    # --- questions ------------------------------------------------------------------------------

    def search(self, text: str = "", limit: int = 20, filters: Filters | None = None) -> Hits:
        """Gifts that have every word of `text`, best fit first, then most rated.

        Case, accents and plurals do not matter; the last word may be unfinished. Words in titles
        weigh more than words in descriptions, brands and categories. Without words, all gifts that
        pass the filters. `fit` is 1 where every word stands in the title.
        """
        if limit < 0:
            raise UserError(f"limit is {limit}", "0 or more")
        words = question_words(text)
        if text.strip() and not words:
            return Hits(0, self.gifts.head(0).with_columns(fit=pl.lit(0.0)))
        fit = np.ones(len(self))
        if words:
            worth = [self._worth(word, word == words[-1]) for word in words]
            fit = np.where(np.all(worth, axis=0), np.mean(worth, axis=0) / TITLE, 0.0)
        found = np.flatnonzero(fit)
        if filters is not None:
            rows = self.gifts[found].with_columns(place=np.arange(len(found)))
            if filters.in_stock:
                rows = rows.with_columns(stock=self.stock[found])
            found = found[rows.filter(*filters.holds())["place"].to_numpy()]
        best = found[np.lexsort((found, -self.ratings[found], -fit[found]))][:limit]
        return Hits(len(found), self.gifts[best].with_columns(fit=fit[best]))

    def having(self, text: str, title: bool = False) -> npt.NDArray[np.bool_]:
        """[G] whether a gift has every word of `text`, in its title or (by default) anywhere."""
        words = question_words(text)
        found = np.full(len(self), bool(words))
        for word in words:
            one = np.zeros(len(self), dtype=np.bool_)
            one[self._numbers_having(word, title)] = True
            found &= one
        return found

    def _numbers_having(self, word: str, title: bool) -> Numbers:
        """Numbers of the gifts with a word; the words asked for lately are remembered."""
        kept = self._having.get((word, title))
        if kept is None:
            kept = np.flatnonzero(self._worth(word, False) >= (TITLE if title else BODY))
            if len(self._having) >= KEPT_WORDS:
                self._having.clear()
            self._having[word, title] = kept
        return kept

    def _worth(self, word: str, last: bool) -> Floats:
        if last and len(word) >= UNFINISHED:
            where, end = "word >= $1 AND word < $2", word + "\U0010ffff"
        else:
            where, end = "word >= $1 AND word <= $2", word
        query = f"SELECT number, title, word = $1 AS whole FROM words WHERE {where}"  # noqa: S608
        rows = self._query(query, [word, end])
        return fit_of(
            rows["number"].to_numpy(), rows["title"].to_numpy(), rows["whole"].to_numpy(), len(self)
        )

    def describe(self) -> dict[str, Any]:
        """What is in the catalogue: counts, prices, coverage of what may be unknown, facts."""
        from giftrec.catalog.overview import overview

        return overview(self)

    # --- inside ---------------------------------------------------------------------------------

    def _query(self, query: str, values: Sequence[Any] = ()) -> pl.DataFrame:
        with self._lock:  # a connection serves one thread; its cursors are each a thread's own
            cursor = self._connection.cursor()
        try:
            return pl.DataFrame(_Stream(cursor.sql(query, params=list(values))))
        except need("duckdb", "duckdb").Error as error:
            problem = str(error).splitlines()[0][:200]
            raise UserError(f"{self.path} cannot be read: {problem}", "import it again") from None
        finally:
            cursor.close()

    def _unknown(self, name: str) -> UserError:
        close = difflib.get_close_matches(name, self.ids[:20_000], n=3)
        return UserError(
            f"no gift {name[:120]!r} in this catalogue",
            f"nearest: {', '.join(close)}" if close else "giftrec catalog search finds ids",
        )


class _Stream:
    """Only the Arrow stream of a result: nothing else of it is for polars to look at."""

    def __init__(self, relation: Any) -> None:
        self._relation = relation

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._relation.__arrow_c_stream__()


def _typed(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(kind) for name, kind in SCHEMAS[table].items())


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
