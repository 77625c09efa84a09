"""Files of a shop become the tables of a catalogue, and a report that accounts for every row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from giftrec.catalog.cleaning import clean_money, said
from giftrec.catalog.mapping import ALIASES, PRESETS, Mapped, find_roles
from giftrec.catalog.report import Report
from giftrec.catalog.sources.invoices import tables_of_invoices
from giftrec.catalog.sources.listing import tables_of_list
from giftrec.catalog.sources.reading import read_rows
from giftrec.catalog.sources.told import Told
from giftrec.catalog.wording import HOW, worded
from giftrec.money import in_currency
from reccore.errors import UserError

Say = Callable[[str], None]


@dataclass(frozen=True)
class Imported:
    """What `write_snapshot` takes, and what happened to every row."""

    tables: dict[str, pl.DataFrame]
    facts: dict[str, Any]
    report: Report


def read_catalogue(files: Sequence[Path], told: Told, say: Say = lambda _: None) -> Imported:
    """Read, clean and map files of one kind: lists of gifts, or invoice lines.

    Nothing is written. Files that cannot be read at all, roles that are not there and prices
    without any currency raise UserError; single rows are refused in the report.
    """
    if not files:
        raise UserError("no file to import", "giftrec catalog import FILE")
    report, parts, kinds = Report(), [], []
    for path in files:
        say(f"reading {path.name}")
        part, mapped = _read_file(path, told, report)
        parts.append(part)
        kinds.append(mapped)
    if len({mapped.sales for mapped in kinds}) > 1:
        raise UserError(
            "some files list gifts and others are invoice lines", "import them one after another"
        )
    preset = next((PRESETS[m.preset] for m in kinds if m.preset), None)
    rows = pl.concat(parts)
    currency = _currency(rows, told, preset.currency if preset else None)
    category = told.category or (preset.category if preset else None)
    if category is not None:
        told.vocabulary.require("category", category, "--category")
    say(f"cleaning {rows.height:,} rows")
    if kinds[0].sales:
        newest: date | None
        tables, newest = tables_of_invoices(rows, told, currency, report)
    else:
        tables = tables_of_list(rows, told, currency, report)
        newest = _newest(tables)
    report.check()
    if not tables:
        return Imported({}, {}, report)
    as_of = told.as_of or newest or datetime.now(UTC).date()
    if told.as_of is None:
        why = "nothing in the data is dated" if newest is None else "the newest day in the data"
        report.note(f"as of {as_of}: {why}")
    say("finding words")
    tables = _finished(tables, told, category, as_of, currency, report)
    facts = {
        "currency": currency,
        "as_of": as_of.isoformat(),
        "sources": [path.name for path in files],
        "words": HOW,
        "report": report.as_dict(),
    }
    return Imported(tables, facts, report)


def _read_file(path: Path, told: Told, report: Report) -> tuple[pl.DataFrame, Mapped]:
    """One file's rows with a column a role."""
    preset = PRESETS.get(told.preset or "")
    found = read_rows(path, told.columns or (preset.columns if preset else ()))
    mapped = find_roles(found.columns, told.mapping, told.preset)
    if not {"title", "id"} & mapped.roles.keys():
        raise UserError(
            f"{path}: no column is known to be a title or an id",
            f"say which: --map title=COLUMN; columns: {', '.join(found.columns)[:300]}",
        )
    report.read += found.read
    for row, reason, value in found.broken:
        report.reject(reason, path.name, row, value)
    report.files.append(
        {
            "path": path.name,
            "how": f"{found.how}; {found.read:,} rows; {mapped.how}; "
            + ("lines of invoices" if mapped.sales else "a list of gifts"),
            "mapping": {role: list(columns) for role, columns in mapped.roles.items()},
            "ignored": list(mapped.ignored),
        }
    )
    known = PRESETS[mapped.preset] if mapped.preset else None
    shop = told.shop or (known.shop if known and known.shop else path.stem)
    roles = [_role(role, mapped.roles.get(role, ())) for role in ALIASES]
    rows = found.frame.select(
        "row",
        pl.lit(path.name).alias("file"),
        pl.lit(mapped.preset or path.stem).alias("source"),
        *roles,
    )
    return rows.with_columns(pl.col("shop").fill_null(shop)), mapped


def _role(role: str, columns: Sequence[str]) -> pl.Expr:
    """A role's column, or several joined; blank is the same as nothing in every format."""
    if not columns:
        return pl.lit(None, dtype=pl.String).alias(role)
    filled = [pl.when(pl.col(c).str.strip_chars() != "").then(pl.col(c)) for c in columns]
    if len(filled) == 1:
        return filled[0].alias(role)
    between = " > " if role == "category" else " "
    return pl.concat_str(filled, separator=between, ignore_nulls=True).alias(role)


def _currency(rows: pl.DataFrame, told: Told, preset: str | None) -> str:
    """The catalogue's currency: told, or the preset's, or the only one that the prices name."""
    if told.currency or preset:
        return str(told.currency or preset).upper()
    column = {said(code).upper() for code in rows["currency"].drop_nulls().unique().to_list()}
    written = {
        found.value[1]
        for price in rows["price"].drop_nulls().unique().to_list()
        if (found := clean_money(price)).value is not None and found.value[1]
    }
    named = sorted((column | written) - {""})
    if len(named) == 1:
        return named[0]
    if named:
        raise UserError(f"prices are in {', '.join(named)}", "choose with --currency, and --rates")
    raise UserError("no price says its currency", "give it, e.g. --currency GBP")


def _newest(tables: dict[str, pl.DataFrame]) -> date | None:
    newest = tables["reviews"]["on"].max() if tables else None
    return newest if isinstance(newest, date) else None


def _finished(
    tables: dict[str, pl.DataFrame],
    told: Told,
    category: str | None,
    as_of: date,
    currency: str,
    report: Report,
) -> dict[str, pl.DataFrame]:
    """Terms from words for the gifts, a day and fees for the offers that have none."""
    gifts = tables["gifts"].with_columns(number=pl.int_range(pl.len(), dtype=pl.Int64))
    for column in ("shelf", "description"):
        if column not in gifts.columns:
            gifts = gifts.with_columns(pl.lit(None, dtype=pl.String).alias(column))
    for column in ("hobbies", "preferences", "occasions"):
        if column not in gifts.columns:
            gifts = gifts.with_columns(pl.lit([], dtype=pl.List(pl.String)).alias(column))
    if "category" not in gifts.columns:
        gifts = gifts.with_columns(pl.lit(None, dtype=pl.String).alias("category"))
    gifts, counts = worded(gifts, told.vocabulary, category)
    default = counts.pop("default category")
    report.note(
        f"words of {gifts.height:,} gifts told: "
        + ", ".join(f"{k} of {v:,}" for k, v in counts.items())
    )
    if default:
        report.note(f"{default:,} gifts have no word of a category: {category or 'unknown'}")
    offers = tables["offers"]
    if "as_of" not in offers.columns:
        offers = offers.with_columns(pl.lit(as_of, dtype=pl.Date).alias("as_of"))
    if "fees" not in offers.columns:
        offers = offers.with_columns(pl.lit(None, dtype=pl.Int64).alias("fees"))
    unstated = offers["fees"].null_count()
    if unstated and told.fees is not None:
        fees = in_currency(told.fees, currency, told.rates).minor
        offers = offers.with_columns(pl.col("fees").fill_null(fees))
        report.note(f"fees of {unstated:,} offers are those that were told: {told.fees}")
    elif unstated:
        report.note(f"fees (shipping, wrapping) of {unstated:,} offers are not stated: unknown")
    return {**tables, "gifts": gifts, "offers": offers}
