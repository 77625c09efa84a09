"""Lines of a shop's invoices as tables: gifts, today's price, price history and weekly demand.

A line is a sale, or it says why not: a cancellation and the sale it undoes, a correction of the
stock, postage, a line that is there twice. Money is never averaged: a day's price is the one most
lines had, so that it is a price somebody really paid.
"""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial

import polars as pl

from giftrec.catalog.cleaning import (
    Cleaned,
    clean_day,
    clean_money,
    clean_text,
    day_comes_first,
    decimal_sign,
    number_of,
    said,
)
from giftrec.catalog.report import Report
from giftrec.catalog.sources.told import Told, cleaned, problems_of, values_of
from reccore.errors import UserError

NO_PRODUCT = (  # titles of lines that no customer unwraps
    r"(?i)\b(postage|carriage|bank charges?|gift voucher|bad debt|pads to match)\b"
    r"|^\W*(manual|samples?|discount|adjustment|shipping|delivery)\W*$|\b(fees?|commission)\W*$"
)
SHORT_CODE = 4  # letters of codes that stand for no product where the others are longer
TODAY = 28  # the last days of a product's sales that say what it costs now


def tables_of_invoices(
    rows: pl.DataFrame, told: Told, currency: str, report: Report
) -> tuple[dict[str, pl.DataFrame], date]:
    """The tables of rows whose columns are roles, and the day of the last line."""
    rows = _read(rows, told, currency, report)
    last = rows["on"].max()
    rows = _without_repeats(rows, report)
    rows = _sales(rows, report)
    report.taken += rows.height
    if not isinstance(last, date) or not rows.height:
        return {}, date.min
    if told.as_of is not None and last > told.as_of:
        raise UserError(
            f"the last sale is of {last}, after --as-of {told.as_of}", "give a later day"
        )
    first = rows["on"].min()
    assert isinstance(first, date)
    gifts = _gifts(rows, currency, report)
    tables = {
        "gifts": gifts,
        "offers": _offers(rows, currency),
        "prices": _daily(rows),
        "demand": weekly(rows, first, last, report),
    }
    report.note(
        f"today's price: what most lines of the last {TODAY} days of sale had, ties to the higher",
        "price history: what most lines of a day had",
        "stock, delivery and fees are not on invoices: unknown",
    )
    return tables, last


def _read(rows: pl.DataFrame, told: Told, currency: str, report: Report) -> pl.DataFrame:
    """Numbers, days and titles; lines that cannot be read are refused."""
    rows = rows.with_columns(
        pl.col("id").str.strip_chars().str.to_uppercase().alias("id"), pl.col("id").alias("raw_id")
    )
    mended = rows.filter(pl.col("id") != pl.col("raw_id"))
    if mended.height:
        report.mend(
            "id", "space and case: one product, one code", mended.height, mended["raw_id"][0]
        )
    titles = cleaned(rows, "title", clean_text, report)
    sign = decimal_sign(rows["price"].drop_nulls().unique().to_list())
    first = day_comes_first(rows["date"].drop_nulls().unique().to_list())
    if first is None and rows["date"].str.contains(r"^\s*\d{1,2}[-/.]\d{1,2}[-/.]\d{4}").any():
        report.note("days like 09/12/2011 are read day first: no value tells otherwise")
    money = partial(_unit_price, told=told, currency=currency, sign=sign)
    days = partial(clean_day, day_first=first is not False)
    rows = rows.with_columns(pl.Series("title", values_of(rows, "title", titles), dtype=pl.String))
    rows = _readable(rows, "price", money, pl.Series("minor", [], dtype=pl.Int64), report)
    rows = _readable(rows, "sold", _quantity, pl.Series("quantity", [], dtype=pl.Float64), report)
    rows = _readable(rows, "date", days, pl.Series("on", [], dtype=pl.Date), report)
    missing = pl.any_horizontal(pl.col("id").is_null(), pl.col("id") == "", pl.col("on").is_null())
    report.reject_rows("no id or no day", rows.filter(missing), "title")
    if rows["customer"].null_count() < rows.height:
        nobody = rows["customer"].null_count()
        report.note(f"{nobody:,} lines name no customer: taken; customers are not kept anyway")
    return rows.filter(~missing)


def _readable(
    rows: pl.DataFrame,
    role: str,
    clean: Callable[[str | None], Cleaned],
    named: pl.Series,
    report: Report,
) -> pl.DataFrame:
    """The rows whose `role` can be read, with what it means under the name and type of `named`."""
    found = cleaned(rows, role, clean, report, refuse=True)
    meant = pl.Series(named.name, values_of(rows, role, found), dtype=named.dtype)
    rows = rows.with_columns(meant, problems_of(rows, role, found))
    for reason in sorted(rows["problem"].drop_nulls().unique().to_list()):
        report.reject_rows(reason, rows.filter(pl.col("problem") == reason), role)
    return rows.filter(pl.col("problem").is_null()).drop("problem")


def _unit_price(raw: str | None, told: Told, currency: str, sign: str | None) -> Cleaned:
    """A line's price in minor units; 0 where the line is free or below, which decides later."""
    found = clean_money(raw, currency, sign)
    if found.problem == "price is not above 0":
        return Cleaned(0)
    if found.value is None:
        return found if found.problem else Cleaned(0)
    amount, written = found.value
    minor = told.in_currency(amount, written, currency)
    if minor is None:
        return Cleaned(problem=f"price is in {written}, the catalogue is in {currency}")
    return Cleaned(minor, found.how)


def _quantity(raw: str | None) -> Cleaned:
    number = number_of(text) if (text := said(raw)) else None
    return Cleaned(problem="quantity is no number") if number is None else Cleaned(float(number))


def _without_repeats(rows: pl.DataFrame, report: Report) -> pl.DataFrame:
    content = ["file", "invoice", "raw_id", "title", "quantity", "date", "price", "customer"]
    kept = rows.unique(content, keep="first", maintain_order=True)
    again = rows.join(kept.select("file", "row"), on=["file", "row"], how="anti")
    report.reject_rows("repeats an earlier line", again, "id")
    return kept


def _sales(rows: pl.DataFrame, report: Report) -> pl.DataFrame:
    """The lines that are sales of products and were not undone."""
    reasons = (
        ("no product: postage, fee, discount, voucher or correction", _no_product(rows)),
        ("a correction of the stock", (pl.col("quantity") < 0) & (pl.col("minor") == 0)),
    )
    for reason, wrong in reasons:
        report.reject_rows(reason, rows.filter(wrong), "title")
        rows = rows.filter(~wrong)
    back = pl.col("quantity") <= 0
    undone = _undone(rows.filter(~back), rows.filter(back))
    report.reject_rows("a cancellation or return", rows.filter(back), "id")
    rows = rows.filter(~back)
    cancelled = rows.join(undone, on=["file", "row"], how="semi")
    report.reject_rows("a sale that was cancelled later", cancelled, "id")
    rows = rows.join(undone, on=["file", "row"], how="anti")
    free = pl.col("minor") <= 0
    report.reject_rows("price is not above 0", rows.filter(free), "title")
    rows = rows.filter(~free)
    names = rows.filter(pl.col("title") != "")["id"].unique()
    nameless = ~pl.col("id").is_in(names.implode())
    report.reject_rows("no line names the product", rows.filter(nameless), "id")
    return rows.filter(~nameless)


def _no_product(rows: pl.DataFrame) -> pl.Expr:
    """By the words of the line, and by codes that are short where products have long ones."""
    words = pl.col("title").fill_null("").str.contains(NO_PRODUCT)
    usual = rows["id"].str.len_chars().median()
    if isinstance(usual, float) and usual > SHORT_CODE:
        return words | (pl.col("id").str.len_chars() <= SHORT_CODE)
    return words


def _undone(sales: pl.DataFrame, back: pl.DataFrame) -> pl.DataFrame:
    """file, row of the sales that a cancellation undoes: of the same product, customer and
    quantity, the last one before it; each cancellation undoes one sale."""
    key = ["id", "customer", "quantity"]
    known = back.filter(pl.col("customer").is_not_null()).with_columns(-pl.col("quantity"))
    backs = known.select(*key, "on", pl.int_range(pl.len()).alias("back"))
    pairs = (
        sales.select(*key, pl.col("on").alias("sold_on"), "file", "row")
        .join(backs, on=key)
        .filter(pl.col("sold_on") <= pl.col("on"))
        .sort("sold_on", "row", descending=True)
    )
    return pairs.unique("back", keep="first", maintain_order=True).select("file", "row").unique()


def _gifts(rows: pl.DataFrame, currency: str, report: Report) -> pl.DataFrame:
    titles = (
        rows.filter(pl.col("title") != "")
        .group_by("id", "title")
        .agg(pl.len(), pl.col("row").min())
        .sort("id", "len", "row", descending=[False, True, False])
        .group_by("id", maintain_order=True)
        .agg(pl.col("title").first(), pl.len().alias("titles"))
    )
    several = titles.filter(pl.col("titles") > 1)
    if several.height:
        report.mend("title", "several: the most frequent", several.height, several["title"][0])
    loud = (pl.col("title") == pl.col("title").str.to_uppercase()) & pl.col("title").str.contains(
        r"[A-Z]"
    )
    shouted = titles.filter(loud)
    if shouted.height:
        report.mend("title", "all capitals", shouted.height, shouted["title"][0])
    source = rows["source"][0]
    prices = _today(rows)
    return (
        titles.with_columns(
            title=pl.when(loud).then(pl.col("title").str.to_titlecase()).otherwise("title"),
            description=pl.lit(""),
            currency=pl.lit(currency),
            source=pl.lit(source),
        )
        .join(prices.select("id", "price"), on="id", maintain_order="left")
        .drop("titles")
    )


def _today(rows: pl.DataFrame) -> pl.DataFrame:
    """id, price, shop, on: what each product costs now, and the last day it was sold."""
    last = rows.with_columns(pl.col("on").max().over("id").alias("last"))
    late = last.filter(pl.col("on") > pl.col("last") - pl.duration(days=TODAY))
    return _usual(late, ["id"]).join(
        last.group_by("id").agg(pl.col("last").first().alias("on"), pl.col("shop").first()), on="id"
    )


def _usual(rows: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The price that most lines had, of equally frequent ones the higher."""
    return (
        rows.group_by(*key, "minor")
        .len()
        .sort(*key, "len", "minor", descending=[False] * len(key) + [True, True])
        .group_by(key, maintain_order=True)
        .agg(pl.col("minor").first().alias("price"))
    )


def _offers(rows: pl.DataFrame, currency: str) -> pl.DataFrame:
    return (
        _today(rows)
        .sort("id")
        .select(
            pl.col("id").alias("gift"),
            "shop",
            "price",
            pl.lit(currency).alias("currency"),
            pl.col("on").alias("as_of"),
        )
    )


def _daily(rows: pl.DataFrame) -> pl.DataFrame:
    return _usual(rows, ["id", "on"]).rename({"id": "gift"})


def weekly(rows: pl.DataFrame, first: date, last: date, report: Report) -> pl.DataFrame:
    """gift, week, sold from each gift's first whole week of sale on; 0 where nothing was sold."""
    start = first + timedelta(days=-first.weekday() % 7)
    end = last - timedelta(days=(last.weekday() + 1) % 7 + 6)  # Monday of the last whole week
    if end < start:
        report.note("no demand: the lines cover no whole week")
        return pl.DataFrame(schema={"gift": pl.String, "week": pl.Date, "sold": pl.Float64})
    report.note(f"demand: units sold in the whole weeks of {start} to {end}; 0 where none was sold")
    sold = (
        rows.with_columns(week=pl.col("on").dt.truncate("1w"))
        .filter(pl.col("week").is_between(start, end))
        .group_by(pl.col("id").alias("gift"), "week")
        .agg(pl.col("quantity").sum().alias("sold"))
    )
    begins = sold.group_by("gift").agg(pl.col("week").min().alias("begins"))
    weeks = pl.DataFrame({"week": pl.date_range(start, end, "1w", eager=True)})
    every = begins.join(weeks, how="cross").filter(pl.col("week") >= pl.col("begins"))
    return every.join(sold, on=["gift", "week"], how="left").select(
        "gift", "week", pl.col("sold").fill_null(0.0)
    )
