"""A small shelf of gifts written down by hand, as frames and as a provider."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import polars as pl

from giftrec.tools.provider import SnapshotProvider

TODAY = date(2026, 11, 2)  # a Monday
TYPES: dict[str, dict[str, Any]] = {
    "gifts": {
        "id": pl.String,
        "title": pl.String,
        "category": pl.String,
        "price": pl.Int64,
        "currency": pl.String,
        "source": pl.String,
    },
    "offers": {
        "gift": pl.String,
        "shop": pl.String,
        "price": pl.Int64,
        "fees": pl.Int64,
        "currency": pl.String,
        "stock": pl.Int64,
        "lead_days": pl.Int64,
        "as_of": pl.Date,
    },
    "prices": {"gift": pl.String, "shop": pl.String, "on": pl.Date, "price": pl.Int64},
    "demand": {"gift": pl.String, "week": pl.Date, "sold": pl.Float64},
    "reviews": {
        "gift": pl.String,
        "stars": pl.Int64,
        "text": pl.String,
        "on": pl.Date,
        "reviewer": pl.String,
    },
}


@dataclass
class Shelf:
    """Rows by table; `frame` and `provider` come of them."""

    rows: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {name: [] for name in TYPES}
    )

    def gift(self, gift: str, category: str | None = "books", price: int | None = 2000) -> "Shelf":
        self.rows["gifts"].append(
            {
                "id": gift,
                "title": gift.title(),
                "category": category,
                "price": price,
                "currency": "EUR",
                "source": "shelf",
            }
        )
        return self

    def offer(self, gift: str, shop: str, price: int, fees: int | None = 0, **more: Any) -> "Shelf":
        row = {"currency": "EUR", "stock": 5, "lead_days": 2, "as_of": TODAY, **more}
        self.rows["offers"].append(
            {"gift": gift, "shop": shop, "price": price, "fees": fees, **row}
        )
        return self

    def history(self, gift: str, prices: list[int], every: int = 7) -> "Shelf":
        """One price each week, the last one today."""
        for back, price in enumerate(reversed(prices)):
            on = TODAY - timedelta(days=every * back)
            self.rows["prices"].append({"gift": gift, "shop": None, "on": on, "price": price})
        return self

    def sold(self, gift: str, weekly: list[float], last: date | None = None) -> "Shelf":
        """Weekly sales, the last week the one before today."""
        last = last or TODAY - timedelta(days=7)
        for back, sold in enumerate(reversed(weekly)):
            week = last - timedelta(weeks=back)
            self.rows["demand"].append({"gift": gift, "week": week, "sold": float(sold)})
        return self

    def review(
        self,
        gift: str,
        stars: int | None,
        text: str | None = None,
        on: date | None = TODAY,
        by: str | None = None,
    ) -> "Shelf":
        self.rows["reviews"].append(
            {"gift": gift, "stars": stars, "text": text, "on": on, "reviewer": by}
        )
        return self

    def frame(self, name: str) -> pl.DataFrame:
        return pl.DataFrame(self.rows[name], schema=TYPES[name])

    gifts = property(lambda self: self.frame("gifts"))
    offers = property(lambda self: self.frame("offers"))
    prices = property(lambda self: self.frame("prices"))
    demand = property(lambda self: self.frame("demand"))
    reviews = property(lambda self: self.frame("reviews"))

    def provider(self) -> SnapshotProvider:
        return SnapshotProvider(self, "shelf")
