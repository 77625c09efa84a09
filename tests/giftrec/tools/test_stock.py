from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from shelf import TODAY, Shelf

from giftrec.tools.stock import StockRequest, inventory_check
from giftrec.tools.workdays import Calendar

FRIDAY = TODAY + timedelta(days=4)
days = st.dates(date(2020, 1, 1), date(2030, 1, 1))


def check(shelf, needed=FRIDAY, on=TODAY, **more):
    request = StockRequest(gifts=("a",), on=on, needed_by=needed, **more)
    return inventory_check(request, shelf.provider()).gifts[0]


def slowly(day: date, lead: int, free) -> date:
    """Day by day: an order on a free day is taken up on the next working day."""
    while free(day):
        day += timedelta(days=1)
    for _ in range(lead):
        day += timedelta(days=1)
        while free(day):
            day += timedelta(days=1)
    return day


@given(days, st.integers(0, 20), st.sets(st.integers(0, 30), max_size=4))
def test_arrivals_are_those_counted_day_by_day(day, lead, holidays):
    off = {day + timedelta(days=n) for n in holidays}
    calendar = Calendar(off)
    assert calendar.arrival(day, lead) == slowly(day, lead, lambda d: d.weekday() >= 5 or d in off)


@given(days, st.integers(0, 15))
def test_order_by_is_the_last_day_that_arrives_in_time(needed, lead):
    calendar = Calendar()
    last = calendar.order_by(needed, lead)
    assert calendar.arrival(last, lead) <= needed
    for later in range(1, 5):
        assert calendar.arrival(last + timedelta(days=later), lead) > needed


def test_the_soonest_shop_in_stock_counts():
    shelf = Shelf().gift("a").offer("a", "quick but gone", 1, stock=0, lead_days=0)
    shelf.offer("a", "slow", 1, lead_days=5).offer("a", "good", 1, lead_days=3, stock=2)
    gift = check(shelf)
    assert (gift.in_stock, gift.in_time) == (True, True)
    assert (gift.soonest, gift.soonest_shop) == (TODAY + timedelta(days=3), "good")
    assert gift.order_by == TODAY + timedelta(days=1)  # Tuesday, for Friday
    assert gift.pieces == 7


def test_a_weekend_delays_what_calendar_days_would_not():
    shelf = Shelf().gift("a").offer("a", "s", 1, lead_days=3)
    thursday, monday = TODAY + timedelta(days=3), TODAY + timedelta(days=7)
    gift = check(shelf, needed=monday, on=thursday)
    assert gift.soonest == TODAY + timedelta(days=8)
    assert gift.in_time is False
    assert "too late: there on 2026-11-10 at the soonest" in gift.words
    assert check(shelf, needed=monday, on=thursday, every_day=True).in_time is True


def test_unknown_stock_is_never_in_stock():
    gift = check(Shelf().gift("a").offer("a", "s", 1, stock=None, lead_days=1))
    assert (gift.in_stock, gift.in_time, gift.soonest, gift.order_by) == (None, None, None, None)
    assert gift.shops[0].state == "unknown"
    assert "1 of 1 shops do not state their stock" in gift.words


def test_unknown_lead_time_is_never_in_time():
    gift = check(Shelf().gift("a").offer("a", "s", 1, lead_days=None))
    assert (gift.in_stock, gift.in_time, gift.soonest) == (True, None, None)


def test_out_of_stock_is_said_for_certain_only_when_all_shops_say_so():
    gone = Shelf().gift("a").offer("a", "s", 1, stock=0)
    assert (check(gone).in_stock, check(gone).in_time) == (False, False)
    assert check(gone.offer("a", "t", 1, stock=None)).in_stock is None
    assert check(Shelf().gift("a")).in_stock is None


def test_more_pieces_than_a_shop_has_are_not_in_stock():
    shelf = Shelf().gift("a").offer("a", "s", 1, stock=3)
    assert check(shelf, pieces=3).in_stock is True
    few = check(shelf, pieces=4)
    assert (few.in_stock, few.shops[0].state) == (False, "too few")


def test_the_day_must_not_be_past():
    with pytest.raises(ValidationError, match="before"):
        StockRequest(gifts=("a",), on=TODAY, needed_by=TODAY - timedelta(days=1))
