"""The shop that is there before anybody imports gifts: the 45 shipped ones, dated today.

It is a demonstration: made-up gifts, shops and reviews. Its facts are of one day and would look
stale on any later one, so all its days are moved together until the newest is the day that is asked
about, and it is published anew when that day is another. Every answer from it says what it is. A
catalogue of one's own is never touched.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from giftrec.catalog.live import LIVE, Catalogue
from giftrec.catalog.snapshot import Snapshot
from giftrec.catalog.sources.generated import generated

DEMONSTRATION = "demonstration"  # the fact by which its snapshots are known
NOTE = (
    "a demonstration shop with made-up gifts, prices and reviews; "
    "giftrec catalog import FILE takes your own"
)
FRESH_DAYS = 1  # how old its facts may get
WEEK = 7
DAYS = {"offers": "as_of", "prices": "on", "reviews": "on"}  # the column of days of each table


def default_catalogue(
    root: Path | str, on: date, say: Callable[[str], None] = lambda _: None
) -> Catalogue:
    """The catalogue of a folder; where none is live there, the demonstration shop as of `on`.

    It is dated anew when it is older than a day, or younger than `on`.
    """
    catalogue = Catalogue(root)
    if not (catalogue.folder / LIVE).exists() or _is_out_of_date(catalogue, on):
        say("setting up the demonstration shop")
        own = [kept for kept in catalogue.kept() if not is_demonstration(kept.facts)]
        keep = len(catalogue.names()) + 1 if own else 1  # nothing of anybody's is cleared away
        catalogue.publish(*demonstration(on), keep=keep)
    return catalogue


def demonstration(on: date) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
    """The tables and facts of the 45 shipped gifts as they would stand on that day."""
    tables, facts = dated(*generated(None), on)
    return tables, {**facts, DEMONSTRATION: True, "notes": [NOTE]}


def dated(
    tables: Mapping[str, pl.DataFrame], facts: Mapping[str, Any], on: date
) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
    """Generated tables with all their days moved together, so that the newest is `on`."""
    moved = on - date.fromisoformat(facts["as_of"])
    weeks = timedelta(days=moved.days // WEEK * WEEK)  # weeks are named by their Mondays
    days = {name: _moved(tables[name], column, moved) for name, column in DAYS.items()}
    demand = _moved(tables["demand"], "week", weeks)
    return {**tables, **days, "demand": demand}, {**facts, "as_of": on.isoformat()}


def is_demonstration(facts: Mapping[str, Any]) -> bool:
    """Whether a snapshot's facts are those of the shop that ships."""
    return bool(facts.get(DEMONSTRATION))


def _is_out_of_date(catalogue: Catalogue, on: date) -> bool:
    with Snapshot.open(catalogue.live()) as snapshot:
        age = (on - date.fromisoformat(snapshot.as_of)).days
        return is_demonstration(snapshot.facts) and not 0 <= age <= FRESH_DAYS


def _moved(table: pl.DataFrame, column: str, by: timedelta) -> pl.DataFrame:
    return table.with_columns(pl.col(column) + pl.lit(by))
