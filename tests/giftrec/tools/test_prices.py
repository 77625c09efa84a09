from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shelf import TODAY, Shelf

from giftrec.money import Money, RateTable
from giftrec.tools.outliers import outlying
from giftrec.tools.prices import PriceRequest, price_comparison

RATES = RateTable(on=date(2026, 10, 30), base="EUR", rates={"USD": 0.9})


def compare(shelf, currency="EUR", rates=None, on=TODAY):
    request = PriceRequest(gifts=("a",), on=on, currency=currency, rates=rates)
    result = price_comparison(request, shelf.provider())
    return result, result.gifts[0]


def test_offers_are_sorted_by_what_they_cost_with_fees():
    shelf = Shelf().gift("a").offer("a", "dear", 1900, 500).offer("a", "cheap", 2000, 100)
    result, gift = compare(shelf)
    assert [o.shop for o in gift.offers] == ["cheap", "dear"]
    assert gift.best.landed == Money(minor=2100, currency="EUR")
    assert (result.as_of, result.rows, result.rates_of) == (TODAY, 2, None)


def test_another_currency_is_converted_by_the_dated_rate_and_shown_beside():
    shelf = Shelf().gift("a").offer("a", "home", 2000).offer("a", "there", 2000, 99, currency="USD")
    result, gift = compare(shelf, rates=RATES)
    assert gift.best.shop == "there"
    assert gift.best.landed == Money(minor=1889, currency="EUR")  # 20.99 * 0.9 = 18.891
    assert gift.best.price.minor + gift.best.fees.minor == gift.best.landed.minor
    assert gift.best.original == Money(minor=2099, currency="USD")
    assert result.rates_of == RATES.on


def test_without_a_rate_the_offer_is_left_out_and_said_so():
    shelf = Shelf().gift("a").offer("a", "there", 2000, currency="USD")
    _, gift = compare(shelf)
    assert gift.best is None
    assert "priced in USD" in gift.words[0]


def test_the_best_offer_is_in_stock_and_to_be_trusted():
    shelf = Shelf().gift("a", price=2000)
    shelf.offer("a", "gone", 1800, stock=0).offer("a", "silent", 1850, stock=None)
    shelf.offer("a", "typo", 199).offer("a", "good", 1950).offer("a", "other", 2050)
    _, gift = compare(shelf)
    assert gift.best.shop == "good"
    doubts = {offer.shop: offer.doubt for offer in gift.offers}
    assert "below the median of 6 prices" in doubts["typo"]
    assert [shop for shop, doubt in doubts.items() if doubt] == ["typo"]


def test_unknown_stock_is_second_choice_and_none_is_no_offer():
    _, silent = compare(Shelf().gift("a").offer("a", "s", 1000, stock=None))
    assert silent.best.shop == "s"
    assert "no shop states its stock" in silent.words
    _, gone = compare(Shelf().gift("a").offer("a", "s", 1000, stock=0))
    assert gone.best is None
    assert "no shop has it in stock" in gone.words


def test_one_offer_is_judged_by_the_listed_price_and_the_history():
    shelf = Shelf().gift("a", price=2000).offer("a", "s", 20).history("a", [2000] * 8)
    _, gift = compare(shelf)
    assert "99% below" in gift.best.doubt
    assert "every price on offer is doubtful" in gift.words


def test_fees_not_stated_are_said():
    _, gift = compare(Shelf().gift("a").offer("a", "s", 1000, None))
    assert not gift.best.fees_stated
    assert "the best offer states no fees" in gift.words


def test_history_is_of_90_days_and_knows_the_lowest():
    prices = [1000] + [2600] * 4 + [2400] * 12  # the 1000 is older than 90 days
    shelf = Shelf().gift("a", price=2400).offer("a", "s", 2300).history("a", prices)
    _, gift = compare(shelf)
    past = gift.history
    assert (past.points, past.lowest.minor, past.median.minor) == (13, 2400, 2400)
    assert past.since == TODAY - timedelta(days=84)
    assert past.against_median == pytest.approx(2300 / 2400 - 1, abs=1e-4)
    assert not past.lowest_of_all
    _, gift = compare(Shelf().gift("a").offer("a", "s", 2300).history("a", prices[1:]))
    assert gift.history.lowest_of_all


def test_a_short_history_says_nothing():
    _, gift = compare(Shelf().gift("a").offer("a", "s", 2000).history("a", [2000, 2100]))
    assert gift.history is None
    assert "too little history to compare with" in gift.words


def test_what_is_dated_later_is_not_looked_at():
    shelf = Shelf().gift("a").offer("a", "s", 2000, as_of=TODAY).history("a", [2000] * 5)
    result, gift = compare(shelf, on=TODAY - timedelta(days=1))
    assert gift.best is None
    assert not result.found
    assert "1 offers left out: dated after today" in gift.words


def test_an_unknown_gift_has_no_offer():
    result, gift = compare(Shelf().gift("b"))
    assert (gift.offers, gift.best, result.rows) == ((), None, 0)
    assert result.words == ("no offer on record for 1 of 1 gifts",)


@given(st.lists(st.integers(900, 1100), min_size=3, max_size=9), st.sampled_from([0.05, 0.3, 5]))
def test_one_wild_price_is_found_and_the_others_are_left(prices, factor):
    wild = max(1, int(1000 * factor))
    reasons = outlying([*prices, wild])
    assert reasons[-1] is not None
    assert reasons[:-1] == [None] * len(prices)


@given(st.lists(st.integers(1000, 1250), max_size=9))
def test_usual_differences_are_no_outliers(prices):
    assert outlying(prices) == [None] * len(prices)


def test_two_prices_judge_nobody():
    assert outlying([100, 10_000]) == [None, None]
