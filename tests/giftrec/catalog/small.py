"""A small catalogue for tests: every kind of known and unknown."""

from datetime import date
from typing import Any

import polars as pl

AS_OF = date(2026, 11, 20)
FACTS: dict[str, Any] = {"currency": "EUR", "as_of": AS_OF.isoformat()}


def small_tables(**changes: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Four gifts: one without price, one without offers' stock, one that nobody rated."""
    gifts = pl.DataFrame(
        {
            "id": ["kiln", "mug", "train", "atlas"],
            "title": ["Pottery kit for beginners", "Café mug", "Wooden trains", "Atlas of islands"],
            "description": ["Clay, tools and a book", "Handmade pottery", "", "Maps & tales"],
            "category": ["art_craft", "kitchen", None, "books"],
            "price": [3999, 1250, 1800, None],
            "currency": ["EUR"] * 4,
            "age_low": [12, None, 3, None],
            "age_high": [None, None, 8, None],
            "hobbies": [["crafts"], ["coffee", "crafts"], [], ["travel", "reading"]],
            "preferences": [["handmade"], [], ["playful"], []],
            "occasions": [["birthday"], ["birthday", "christmas"], [], []],
            "brand": ["Claywell", None, "Brio", None],
            "stars": [4.5, 4.0, None, 5.0],
            "ratings": [10, 25, None, 1],
        }
    )
    offers = pl.DataFrame(
        {
            "gift": ["mug", "kiln", "train", "mug"],
            "shop": ["North", "North", "South", "South"],
            "price": [1250, 3999, 1800, 1400],
            "fees": [290, 0, 0, 0],
            "currency": ["EUR"] * 4,
            "stock": [0, 4, None, 2],
            "lead_days": [2, 3, None, 1],
            "as_of": [AS_OF] * 4,
        }
    )
    prices = pl.DataFrame(
        {
            "gift": ["mug", "mug", "kiln"],
            "on": [date(2026, 11, 9), date(2026, 11, 2), date(2026, 11, 2)],
            "price": [1250, 1300, 4100],
        }
    )
    demand = pl.DataFrame(
        {"gift": ["mug", "mug"], "week": [date(2026, 11, 9), date(2026, 11, 2)], "sold": [3.0, 0.0]}
    )
    reviews = pl.DataFrame(
        {
            "gift": ["kiln", "mug", "kiln"],
            "stars": [5, 4, None],
            "text": ["Lovely", "Good mug", "Arrived"],
            "on": [date(2026, 10, 1), None, date(2026, 9, 1)],
            "reviewer": ["r1", None, "r2"],
        }
    )
    tables = {
        "gifts": gifts,
        "offers": offers,
        "prices": prices,
        "demand": demand,
        "reviews": reviews,
    }
    return {**tables, **changes}
