"""Invoice lines become gifts, prices and demand; what is no sale is said."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giftrec.catalog.importing import Imported, read_catalogue
from giftrec.catalog.sources.told import Told
from reccore.errors import UserError

HEAD = "invoice,code,name,quantity,date,price,customer"
LINES = """I1,10001a,RED MUG,3,2026-01-01,2.50,c1
I1,10001A,RED MUG,3,2026-01-01,2.50,c1
I2,10001A,RED MUG,1,2026-01-06,2.75,c2
I3,10001A,MUG RED,2,2026-01-06,2.50,
I4,10001A,RED MUG,4,2026-01-06,2.75,c3
I4,20002,Tea &amp; cup,6,2026-01-08,4.00,c3
C5,20002,Tea &amp; cup,-6,2026-01-09,4.00,c3
I6,20002,Tea &amp; cup,5,2026-01-14,4.50,c4
I7,POST,POSTAGE,1,2026-01-14,9.99,c4
I8,30003,damaged,-7,2026-01-15,0,
I9,20002,Tea &amp; cup,1,2026-01-20,0,c4
I9,40004,,1,2026-01-20,3.00,c4
I9,20002,Tea &amp; cup,some,2026-01-20,3.00,c4
I9,20002,Tea &amp; cup,1,someday,3.00,c4
I9,20002,Tea &amp; cup,1,2026-01-22,3.00,c4
I9,20002,Tea &amp; cup,1,2026-01-22,3.00,c4
"""
POUNDS = Told(currency="GBP")


def imported(tmp_path: Path, lines: str, told: Told = POUNDS) -> Imported:
    path = tmp_path / "sales.csv"
    path.write_text(f"{HEAD}\n{lines}")
    return read_catalogue([path], told)


def test_what_lines_say(tmp_path: Path) -> None:
    found = imported(tmp_path, LINES)
    report = found.report
    assert report.rejected == {
        "repeats an earlier line": 1,
        "no product: postage, fee, discount, voucher or correction": 1,
        "a correction of the stock": 1,
        "a cancellation or return": 1,
        "a sale that was cancelled later": 1,
        "price is not above 0": 1,
        "no line names the product": 1,
        "quantity is no number": 1,
        "is no day": 1,
    }
    assert (report.read, report.taken) == (16, 7)
    gifts = found.tables["gifts"]
    assert gifts["id"].to_list() == ["10001A", "20002"]
    assert gifts["title"].to_list() == ["Red Mug", "Tea & cup"]
    assert report.mended["title"]["all capitals"] == 1
    assert report.mended["id"]["space and case: one product, one code"] == 1
    offers = found.tables["offers"]
    assert offers["price"].to_list() == [250, 450]  # as often 4.50 as 3.00: the higher
    assert offers["as_of"].to_list() == [date(2026, 1, 6), date(2026, 1, 22)]
    assert set(offers["shop"]) == {"sales"}
    assert "stock" not in offers.columns
    prices = found.tables["prices"].sort("gift", "on")
    assert prices.rows() == [
        ("10001A", date(2026, 1, 1), 250),
        ("10001A", date(2026, 1, 6), 275),
        ("20002", date(2026, 1, 14), 450),
        ("20002", date(2026, 1, 22), 300),
    ]
    assert found.facts["as_of"] == "2026-01-22"


def test_weeks_are_whole(tmp_path: Path) -> None:
    """Lines from Thursday 1 to Thursday 22 January 2026 cover the weeks of the 5th and the 12th."""
    demand = imported(tmp_path, LINES).tables["demand"].sort("gift", "week")
    assert demand.rows() == [
        ("10001A", date(2026, 1, 5), 7.0),
        ("10001A", date(2026, 1, 12), 0.0),
        ("20002", date(2026, 1, 12), 5.0),
    ]


def test_too_few_days_have_no_demand(tmp_path: Path) -> None:
    found = imported(tmp_path, "I1,10001,MUG,3,2026-01-01,2.50,c1\n")
    assert found.tables["demand"].height == 0
    assert "no demand: the lines cover no whole week" in found.report.notes


def test_a_cancellation_undoes_one_sale(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        "I1,10001,MUG,2,2026-01-01,3,c1\nI2,10001,MUG,2,2026-01-02,3,c1\nI3,10001,MUG,2,2026-01-09,3,c1\n"
        "I7,10001,MUG,4,2026-01-03,3,\nC8,10001,MUG,-4,2026-01-04,3,\n"
        "C4,10001,MUG,-2,2026-01-05,3,c1\nC5,10001,MUG,-2,2026-01-05,3,c2\nC6,10001,MUG,-9,2026-01-05,3,c1\n",
    )
    assert found.report.rejected == {
        "a cancellation or return": 4,  # whose customer is not known undoes nobody's sale
        "a sale that was cancelled later": 1,
    }
    days = found.tables["prices"]["on"].dt.day().sort().to_list()
    assert days == [1, 3, 9]


def test_days_are_read_as_the_column_tells(tmp_path: Path) -> None:
    lines = "I1,10001,MUG,2,{},3,c1\nI2,10001,MUG,1,{},3,c1\n"
    month_first = imported(tmp_path, lines.format("12/31/2025", "01/02/2026"))
    assert month_first.facts["as_of"] == "2026-01-02"
    day_first = imported(tmp_path, lines.format("31/12/2025", "01/02/2026"))
    assert day_first.facts["as_of"] == "2026-02-01"
    unclear = imported(tmp_path, lines.format("01/02/2026", "02/02/2026"))
    assert any("day first" in note for note in unclear.report.notes)


def test_a_day_before_the_last_sale_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the last sale is of 2026-01-22"):
        imported(tmp_path, LINES, Told(currency="GBP", as_of=date(2026, 1, 10)))


def test_only_lines_that_are_no_sales(tmp_path: Path) -> None:
    found = imported(tmp_path, "C1,10001,MUG,-1,2026-01-01,3,c1\n")
    assert found.tables == {}
    assert found.report.rejected == {"a cancellation or return": 1}


sale = st.tuples(
    st.sampled_from(["10001", "10002"]), st.integers(1, 5), st.integers(0, 40), st.integers(1, 3)
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sales=st.lists(sale, min_size=1, max_size=25))
def test_the_same_as_the_slow_reading(
    tmp_path: Path, sales: list[tuple[str, int, int, int]]
) -> None:
    start = date(2026, 1, 1)
    lines = [
        f"I{n},{code},MUG {code},{quantity},{start + timedelta(days=day)},{price},c{n}\n"
        for n, (code, quantity, day, price) in enumerate(sales)
    ]
    found = imported(tmp_path, "".join(lines))
    assert found.report.taken == len(sales)
    days = sorted(start + timedelta(days=day) for _, _, day, _ in sales)
    sold: Counter[tuple[str, date]] = Counter()
    paid: dict[tuple[str, date], Counter[int]] = {}
    for code, quantity, day, price in sales:
        on = start + timedelta(days=day)
        week = on - timedelta(days=on.weekday())
        if week >= days[0] and week + timedelta(days=6) <= days[-1]:
            sold[code, week] += quantity
        paid.setdefault((code, on), Counter())[price * 100] += 1
    demand = found.tables["demand"]
    assert {(g, w): s for g, w, s in demand.rows() if s} == dict(sold)
    assert demand.height == 0 or demand["week"].dt.weekday().unique().to_list() == [1]
    usual = {key: max(c, key=lambda price: (c[price], price)) for key, c in paid.items()}
    prices = found.tables["prices"]
    assert {(g, on): p for g, on, p in prices.select("gift", "on", "price").rows()} == usual
    assert demand.select(pl.struct("gift", "week").is_duplicated().any()).item() in {False, None}
