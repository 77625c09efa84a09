"""A shop's list, a row a gift, as tables. Lists of several shops may name the same gift."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from giftrec.catalog.cleaning import (
    Cleaned,
    clean_ages,
    clean_count,
    clean_money,
    clean_stars,
    clean_stock,
    clean_text,
    decimal_sign,
    said,
)
from giftrec.catalog.report import Report
from giftrec.catalog.sources.told import Told, cleaned, problems_of, values_of
from giftrec.catalog.sources.written_reviews import read_reviews

AGES_WITHIN = re.compile(
    r"(?:recommended|suitable|suggested)\s*(?:for\s*)?ages?\s*:?\s*(?P<ages>\d{1,3}\s*(?:months?|years?)?"
    r"\s*(?:(?:-|–|to)\s*\d{1,3}\s*(?:months?|years?)?|and up|and over|\+))",
    re.IGNORECASE,
)
LONG = 60  # letters from which a field of ages is a text that may mention them
TERMS = ("hobbies", "preferences", "occasions")
SHARES = ("intimacy", "quality", "trendiness")


def ages_within(raw: str | None) -> Cleaned:
    """Ages that are a field's content, or that a long text mentions."""
    if raw is None or len(raw) < LONG:
        return clean_ages(raw)
    match = AGES_WITHIN.search(raw.replace("\xa0", " "))
    if match is None:
        return Cleaned()
    found = clean_ages(match["ages"])
    return found._replace(how=f"out of a longer text{f'; {found.how}' if found.how else ''}")


def tables_of_list(
    rows: pl.DataFrame, told: Told, currency: str, report: Report
) -> dict[str, pl.DataFrame]:
    """The tables of rows whose columns are roles, with `file`, `row`, `shop`, `source`."""
    for role in ("title", "description", "category", "brand", "shop"):
        found = cleaned(rows, role, clean_text, report)
        rows = rows.with_columns(_texts(role, values_of(rows, role, found)))
    rows = _identified(rows, report)
    rows = _priced(rows, told, currency, report)
    rows = _without(rows, pl.col("id").is_null(), "no id", report, "title")
    rows = _without(rows, pl.col("title").is_null(), "no title", report, "id")
    rows = _without_repeats(rows, report)
    report.taken += rows.height
    if not rows.height:
        return {}
    rows = _measured(rows, told, report)
    gifts = rows.unique("id", keep="first", maintain_order=True)
    reviews = _reviews(rows, told, report)
    return {
        "gifts": _gifts(gifts, rows, reviews, currency, report),
        "offers": _offers(rows, currency),
        "reviews": reviews,
    }


def _identified(rows: pl.DataFrame, report: Report) -> pl.DataFrame:
    """Ids as written without space around; where there is no such column, made from titles."""
    if rows["id"].null_count() < rows.height:
        return rows.with_columns(_texts("id", [said(value) for value in rows["id"].to_list()]))
    report.note("no column of ids: ids are made from the titles, equal titles are one gift")
    return rows.with_columns(_texts("id", [slug(title) for title in rows["title"].to_list()]))


def slug(title: str | None) -> str:
    """An id that a title always gets."""
    if not title:
        return ""
    plain = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60]
    return f"{plain}-{hashlib.sha256(title.encode()).hexdigest()[:8]}"


def _priced(rows: pl.DataFrame, told: Told, currency: str, report: Report) -> pl.DataFrame:
    """`price` in minor units of the catalogue's currency. A row whose price cannot be read is
    refused; a row without any is kept: it can be found, but has no offer."""
    sign = decimal_sign(value for value in rows["price"].drop_nulls().to_list())
    found = cleaned(rows, "price", lambda v: clean_money(v, currency, sign), report, refuse=True)
    stated = [said(value).upper() or None for value in rows["currency"].to_list()]
    amounts: list[int | None] = []
    problems = problems_of(rows, "price", found).to_list()
    for place, (value, column) in enumerate(
        zip(values_of(rows, "price", found), stated, strict=True)
    ):
        minor, written = value or (None, None)
        theirs = written or column
        amount = None if minor is None else told.in_currency(minor, theirs, currency)
        if minor is not None and amount is None:
            problems[place] = f"price is in {theirs}, the catalogue is in {currency}"
        amounts.append(amount)
    rows = rows.with_columns(
        pl.Series("raw_price", rows["price"]),
        pl.Series("price", amounts, dtype=pl.Int64),
        pl.Series("problem", problems, dtype=pl.String),
    )
    for reason in sorted(set(filter(None, problems))):
        rows = _without(rows, pl.col("problem") == reason, reason, report, "raw_price")
    unpriced = rows["price"].null_count()
    if unpriced:
        report.leave_unknown("price", "not stated: kept without an offer", unpriced)
    return rows.drop("problem", "raw_price")


def _without_repeats(rows: pl.DataFrame, report: Report) -> pl.DataFrame:
    """One row a gift and shop: the first."""
    content = [name for name in rows.columns if name not in {"file", "row"}]
    first = rows.unique(content, keep="first", maintain_order=True)
    again = rows.join(first.select("file", "row"), on=["file", "row"], how="anti")
    report.reject_rows("repeats an earlier row", again, "id")
    kept = first.unique(["id", "shop"], keep="first", maintain_order=True)
    other = first.join(kept.select("file", "row"), on=["file", "row"], how="anti")
    report.reject_rows("an id that the shop has already, with other content", other, "id")
    return kept


def _without(
    rows: pl.DataFrame, wrong: pl.Expr, reason: str, report: Report, show: str
) -> pl.DataFrame:
    report.reject_rows(reason, rows.filter(wrong), show)
    return rows.filter(~wrong.fill_null(False))


def _measured(rows: pl.DataFrame, told: Told, report: Report) -> pl.DataFrame:
    """Stock, stars, counts, ages and shares as numbers."""
    for role, clean in (
        ("stock", clean_stock),
        ("ratings", clean_count),
        ("lead_days", clean_count),
    ):
        found = cleaned(rows, role, clean, report)
        rows = rows.with_columns(pl.Series(role, values_of(rows, role, found), dtype=pl.Int64))
    found = cleaned(rows, "stars", clean_stars, report)
    rows = rows.with_columns(pl.Series("stars", values_of(rows, "stars", found), dtype=pl.Float64))
    found = cleaned(rows, "fees", _fees, report)
    fees = [value[0] if value else None for value in values_of(rows, "fees", found)]
    found = cleaned(rows, "ages", ages_within, report)
    ages = [value or (None, None) for value in values_of(rows, "ages", found)]
    rows = rows.with_columns(
        pl.Series("fees", fees, dtype=pl.Int64),
        pl.Series("age_low", [low for low, _ in ages], dtype=pl.Int64),
        pl.Series("age_high", [high for _, high in ages], dtype=pl.Int64),
    )
    for role in SHARES:
        found = cleaned(rows, role, _share, report)
        rows = rows.with_columns(pl.Series(role, values_of(rows, role, found), dtype=pl.Float64))
    for role, factor in zip(TERMS, ("hobby", "preference", "occasion"), strict=True):
        known = set(told.vocabulary.levels(factor))
        rows = rows.with_columns(_terms(rows, role, known, report))
    return rows


def _fees(raw: str | None) -> Cleaned:
    if re.fullmatch(r"(free|0+([.,]0+)?|none)", said(raw).lower()):
        return Cleaned((0, None))
    return clean_money(raw)


def _share(raw: str | None) -> Cleaned:
    text = said(raw)
    try:
        value = float(text) if text else None
    except ValueError:
        return Cleaned(problem="is no number from 0 to 1")
    if value is not None and not 0 <= value <= 1:
        return Cleaned(problem="is no number from 0 to 1")
    return Cleaned(value)


def _terms(rows: pl.DataFrame, role: str, known: set[str], report: Report) -> pl.Series:
    """The words of a column that the vocabulary has; the others are named in the report."""
    found, unknown = [], 0
    example = None
    for value in rows[role].to_list():
        words = [
            re.sub(r"[\s-]+", "_", w.strip().lower()) for w in re.split(r"[;,|/]", said(value))
        ]
        found.append([word for word in dict.fromkeys(words) if word in known])
        strange = [word for word in words if word and word not in known]
        unknown, example = unknown + bool(strange), example or next(iter(strange), None)
    report.leave_unknown(role, "words that the vocabulary does not have", unknown, example)
    return pl.Series(role, found, dtype=pl.List(pl.String))


def _gifts(
    gifts: pl.DataFrame, rows: pl.DataFrame, reviews: pl.DataFrame, currency: str, report: Report
) -> pl.DataFrame:
    cheapest = rows.group_by("id").agg(pl.col("price").min())
    rated = reviews.group_by(pl.col("gift").alias("id")).agg(
        pl.col("stars").mean().alias("their_stars"), pl.len().alias("their_ratings")
    )
    whole = gifts.drop("price").join(cheapest, on="id", how="left", maintain_order="left")
    whole = whole.join(rated, on="id", how="left", maintain_order="left")
    report.note("a gift's stars and ratings are as stated, else those of its reviews")
    return whole.with_columns(
        stars=pl.coalesce("stars", "their_stars"),
        ratings=pl.coalesce("ratings", pl.col("their_ratings").cast(pl.Int64)),
        description=pl.col("description").fill_null(""),
        shelf=pl.col("category"),
        category=pl.lit(None, dtype=pl.String),
        currency=pl.lit(currency),
    )


def _offers(rows: pl.DataFrame, currency: str) -> pl.DataFrame:
    return rows.filter(pl.col("price").is_not_null()).select(
        pl.col("id").alias("gift"),
        "shop",
        "price",
        "fees",
        pl.lit(currency).alias("currency"),
        "stock",
        "lead_days",
    )


def _reviews(rows: pl.DataFrame, told: Told, report: Report) -> pl.DataFrame:
    """A row a review; reviewers are numbers in the order in which they first appear."""
    found: list[Mapping[str, Any]] = []
    numbers: dict[str, str] = {}
    cut_off = late = 0
    for gift, raw in rows.select("id", "reviews").iter_rows():
        written, cut = read_reviews(raw)
        cut_off += cut
        for review in written:
            name = review.reviewer
            who = numbers.setdefault(name, f"r{len(numbers) + 1}") if name else None
            on = review.on
            if on is not None and told.as_of is not None and on > told.as_of:
                on, late = None, late + 1
            found.append(
                {
                    "gift": gift,
                    "stars": review.stars,
                    "text": review.text,
                    "on": on,
                    "reviewer": who,
                }
            )
    report.leave_unknown("reviews", "cut off before their text: left out", cut_off)
    report.leave_unknown("reviews", f"dated after {told.as_of}: taken as undated", late)
    if numbers:
        report.note("reviewers are numbered; their names are not kept")
    schema = {"gift": pl.String, "stars": pl.Int64, "text": pl.String, "on": pl.Date}
    return pl.DataFrame(found, schema={**schema, "reviewer": pl.String}, orient="row")


def _texts(role: str, values: list[str | None]) -> pl.Series:
    return pl.Series(role, [value or None for value in values], dtype=pl.String)
