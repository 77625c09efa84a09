from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shelf import TODAY, Shelf

from giftrec.tools.provider import FetchingProvider, SnapshotProvider
from giftrec.tools.tables import NO_DAY, NOT_STATED, ProviderError, Table, day_of, number_of


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), max_size=40), st.data())
def test_rows_are_those_of_a_plain_search(offers, data):
    shelf = Shelf()
    for nth in range(6):
        shelf.gift(f"g{nth}")
    for nth, price in offers:
        shelf.offer(f"g{nth}", "shop", price)
    asked = data.draw(st.lists(st.sampled_from([f"g{n}" for n in range(6)] + ["unknown"])))
    rows = shelf.provider().rows("offers", asked)
    for place, gift in enumerate(asked):
        found = [rows.numbers["price"][row] for row in rows.of(place)]
        assert found == [price for nth, price in offers if f"g{nth}" == gift]


def test_rows_of_a_gift_are_in_the_order_of_their_days():
    shelf = Shelf().gift("a").gift("b")
    for day in (3, 1, 2):
        shelf.review("a", day, "x", date(2026, 1, day))
    assert shelf.provider().rows("reviews", ["b", "a"]).numbers["stars"] == [1, 2, 3]


def test_what_is_not_stated_is_told_from_0():
    shelf = Shelf().gift("a").offer("a", "s", 1, None, stock=None).offer("a", "t", 1, stock=0)
    shelf.review("a", None, None, None)
    provider = shelf.provider()
    assert provider.rows("offers", ["a"]).numbers["stock"] == [NOT_STATED, 0]
    assert provider.rows("offers", ["a"]).numbers["fees"] == [NOT_STATED, 0]
    assert provider.rows("reviews", ["a"]).numbers["on"] == [NO_DAY]


@given(st.dates())
def test_days_come_back(day):
    assert day_of(number_of(day)) == day


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("price", [-5], "out of range"),
        ("price", [10**15], "out of range"),
        ("price", [None], "missing"),
        ("price", ["a lot"], "wrong type"),
        ("currency", [None], "missing"),
        ("as_of", ["soon"], "wrong type"),
        ("lead_days", [99999], "out of range"),
    ],
)
def test_garbage_is_refused_by_name(column, value, what):
    frame = Shelf().gift("a").offer("a", "s", 1).offers.with_columns(pl.Series(column, value))
    with pytest.raises(ProviderError, match=rf"offers.*{what}" if what == "wrong type" else column):
        Table("offers", frame, {"a": 0})


def test_sales_that_are_not_numbers_are_refused():
    frame = Shelf().sold("a", [1.0, float("nan")]).demand
    with pytest.raises(ProviderError, match="sold"):
        Table("demand", frame, {"a": 0})


def test_a_missing_column_is_refused_unless_it_may_be_unknown():
    frame = Shelf().review("a", 5, "good").reviews
    assert len(Table("reviews", frame.drop("reviewer"), {"a": 0})) == 1
    demand = Shelf().sold("a", [1]).demand
    with pytest.raises(ProviderError, match="no column sold"):
        Table("demand", demand.drop("sold"), {"a": 0})


def test_an_id_that_stands_twice_is_refused():
    with pytest.raises(ProviderError, match="twice"):
        Shelf().gift("a").gift("a").provider().rows("offers", ["a"])


def test_fetched_rows_are_those_of_a_snapshot():
    shelf = Shelf().gift("a").gift("b").offer("b", "s", 100).offer("a", "t", 200, None)

    def fetch(table, gifts):
        rows = getattr(shelf, table).filter(pl.col("gift").is_in(gifts)).to_dicts()
        return [{**row, "as_of": row["as_of"].isoformat()} for row in rows]

    fetched = FetchingProvider("http", fetch).rows("offers", ["b", "a", "none"])
    assert fetched == shelf.provider().rows("offers", ["b", "a", "none"])


@pytest.mark.parametrize(
    "rows",
    [
        None,
        "<html>",
        [1, 2],
        [{"gift": "a"}],
        [{"gift": "a", "week": "2026-13-45", "sold": 1.0}],
        [{"gift": "a", "week": "2026-11-02", "sold": "many"}],
        [{"gift": "a", "week": ["2026-11-02"], "sold": 1.0}],
        [{"gift": "a", "week": "2026-11-02", "sold": 1.0}, {"gift": 5, "week": 1, "sold": "x"}],
    ],
)
def test_fetched_garbage_is_refused(rows):
    with pytest.raises(ProviderError):
        FetchingProvider("http", lambda table, gifts: rows).rows("demand", ["a"])


def test_what_follows_from_a_snapshot_is_computed_once_and_forgotten_when_full():
    provider = SnapshotProvider(Shelf(), remember=3)
    asked: list[str] = []

    def double(gifts):
        asked.extend(gifts)
        return [gift * 2 for gift in gifts]

    assert provider.derived("x", ["a", "b", "a"], double) == ["aa", "bb", "aa"]
    assert provider.derived("x", ["b", "a"], double) == ["bb", "aa"]
    assert asked == ["a", "b"]
    assert provider.derived("x", ["c", "d", "a"], double) == ["cc", "dd", "aa"]
    assert provider.derived("y", ["a"], double) == ["aa"]
    assert asked == ["a", "b", "c", "d", "a"]


def test_preparing_sorts_all_tables():
    shelf = Shelf().gift("a").offer("a", "s", 1).sold("a", [1]).review("a", 4, "x", TODAY)
    provider = shelf.provider().prepare()
    assert set(provider._tables) == {"gifts", "offers", "prices", "demand", "reviews"}
