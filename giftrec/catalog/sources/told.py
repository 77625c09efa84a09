"""What the owner says about the files of a catalogue, and cells that are cleaned once a value."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from giftrec.catalog.cleaning import Cleaned
from giftrec.catalog.report import Report
from giftrec.money import Money, RateTable
from giftrec.vocabulary import Vocabulary, default_vocabulary


@dataclass(frozen=True)
class Told:
    """What is said at the import; what is not said here is looked for in the files."""

    mapping: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    columns: tuple[str, ...] = ()  # of CSV files without a header line
    preset: str | None = None
    currency: str | None = None
    shop: str | None = None
    as_of: date | None = None
    fees: Money | None = None  # of offers whose fees no file states
    category: str | None = None  # of gifts that no word places
    rates: RateTable | None = None
    vocabulary: Vocabulary = field(default_factory=default_vocabulary)

    def in_currency(self, minor: int, currency: str | None, wanted: str) -> int | None:
        """The amount in the catalogue's currency; None where no rate is at hand."""
        if currency in {None, wanted}:
            return minor
        if self.rates is None:
            return None
        return self.rates.convert(Money(minor=minor, currency=str(currency)), wanted).minor


def cleaned(
    rows: pl.DataFrame,
    column: str,
    clean: Callable[[str | None], Cleaned],
    report: Report,
    refuse: bool = False,
) -> dict[str | None, Cleaned]:
    """What each different value of a column means. Mendings are reported, and so are values that
    cannot be read, unless such rows are refused, which the caller then does."""
    found: dict[str | None, Cleaned] = {}
    mended: dict[str, tuple[int, Any]] = {}
    unread: Counter[str] = Counter()
    examples: dict[str, Any] = {}
    for value, count in rows.group_by(column, maintain_order=True).len().iter_rows():
        meaning = clean(value)
        found[value] = meaning
        if meaning.how:
            before, example = mended.get(meaning.how, (0, value))
            mended[meaning.how] = (before + count, example)
        if meaning.problem and not refuse:
            unread[meaning.problem] += count
            examples.setdefault(meaning.problem, value)
    for how, (count, example) in mended.items():
        report.mend(column, how, count, example)
    for why, count in unread.items():
        report.leave_unknown(column, why, count, examples[why])
    return found


def values_of(rows: pl.DataFrame, column: str, found: Mapping[str | None, Cleaned]) -> list[Any]:
    """The meaning of every row's value."""
    return [found[value].value for value in rows[column].to_list()]


def problems_of(rows: pl.DataFrame, column: str, found: Mapping[str | None, Cleaned]) -> pl.Series:
    """Why each row's value could not be read; null where it could."""
    problems = [found[value].problem for value in rows[column].to_list()]
    return pl.Series("problem", problems, dtype=pl.String)
