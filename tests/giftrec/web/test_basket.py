"""The basket's cookie: whatever is written is read, whatever a browser sends is survived."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giftrec.money import Money, RateTable
from giftrec.web.basket import MOST, ROOM, Basket, Row, read_amount

IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(str.isprintable)
ROWS = st.builds(
    lambda minor, currency, bought: Row(Money(minor=minor, currency=currency), bought),
    st.integers(0, 10**9),
    st.sampled_from(["EUR", "USD", "JPY"]),
    st.booleans(),
)
LEGAL = set("!#$%&'*+-.^_`|~") | set(map(chr, range(48, 58))) | set(map(chr, range(97, 123)))


@given(st.dictionaries(IDS, ROWS, max_size=5))
def test_what_is_written_is_read_in_order(rows: dict[str, Row]) -> None:
    text = Basket(rows).text()
    assert list(Basket.parse(text).rows.items()) == list(rows.items())
    assert set(text.lower()) <= LEGAL


@given(st.one_of(st.text(), st.text("1!25EUR~%ab.").map("1!".__add__)))
def test_garbage_is_left_out(text: str) -> None:
    found = Basket.parse(text)
    assert len(found.rows) <= MOST
    assert Basket.parse(found.text()).rows == found.rows


@given(st.lists(IDS, max_size=60))
def test_the_latest_are_kept_as_far_as_there_is_room(gifts: list[str]) -> None:
    basket = Basket()
    for gift in gifts:
        basket = basket.put(gift, Money(minor=1, currency="EUR"))
    text = basket.text()
    assert len(text) <= ROOM + 1
    kept = list(Basket.parse(text).rows)
    assert kept == list(basket.rows)[len(basket.rows) - len(kept) :]


@pytest.mark.parametrize("text", ["", "2!5EUR~a", "1!EUR~a", "1!5eur~a", "1!5EUR~", "1!5EUR~%ff"])
def test_what_is_no_gift(text: str) -> None:
    assert Basket.parse(text).rows == {}


def test_the_sum_is_in_one_currency_or_is_not_told() -> None:
    rates = RateTable(on=date(2026, 11, 20), base="EUR", rates={"USD": 0.5})
    both = Basket.parse("1!100EUR~a!100USD~b")
    assert both.total("EUR", rates) == Money(minor=150, currency="EUR")
    assert both.total("USD", rates) == Money(minor=300, currency="USD")
    assert both.total("EUR", None) is None
    assert both.total("CHF", rates) is None


def test_putting_in_buying_and_taking_out() -> None:
    basket = Basket().put("a", Money(minor=5, currency="EUR"))
    assert basket.bought("a").rows["a"].bought
    assert basket.bought("b") == basket
    assert basket.bought("a").without("a").rows == {}


def test_amounts_of_buttons() -> None:
    assert read_amount("5851EUR") == Money(minor=5851, currency="EUR")
    for text in ("", "EUR", "5", "-5EUR", "5EURO", "5 EUR", "9" * 13 + "EUR"):
        assert read_amount(text) is None
