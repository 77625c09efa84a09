from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from giftrec.money import Money, RateTable, digits, in_currency
from reccore.errors import UserError

RATES = RateTable(on=date(2026, 11, 1), base="EUR", rates={"USD": 0.5, "JPY": 0.006, "KWD": 2.9})
SIXTY = Money(minor=6000, currency="EUR")
MONEY = st.builds(
    Money,
    minor=st.integers(-(10**12), 10**12),
    currency=st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLP", "TND"]),
)


@given(MONEY)
def test_what_is_written_is_read_back(money):
    assert Money.parse(str(money)) == money
    assert Money.parse(f"  {str(money).replace(' ', '').lower()} ") == money


@pytest.mark.parametrize(
    ("text", "minor", "currency"),
    [
        ("60EUR", 6000, "EUR"),
        ("59.90 eur", 5990, "EUR"),
        ("0.5USD", 50, "USD"),
        ("60.000 EUR", 6000, "EUR"),  # more decimals, but no more money
        ("+7 EUR", 700, "EUR"),
        ("-5EUR", -500, "EUR"),  # a debt is money; a profile refuses it as a budget
        ("1_000JPY", 1000, "JPY"),
        ("1.234 KWD", 1234, "KWD"),
        ("10_000_000_000EUR", 10**12, "EUR"),
    ],
)
def test_amounts_that_are_read(text, minor, currency):
    assert Money.parse(text) == Money(minor=minor, currency=currency)


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (6000, "EUR", "60.00 EUR"),
        (-5, "EUR", "-0.05 EUR"),
        (1000, "JPY", "1000 JPY"),
        (1234, "KWD", "1.234 KWD"),
    ],
)
def test_amounts_are_written_with_the_digits_of_their_currency(minor, currency, written):
    assert str(Money(minor=minor, currency=currency)) == written


@pytest.mark.parametrize(("currency", "places"), [("EUR", 2), ("JPY", 0), ("KWD", 3)])
def test_digits(currency, places):
    assert digits(currency) == places
    finest = f"0.{'0' * places}1{currency}"
    with pytest.raises(UserError, match=f"more decimals than {currency}") as caught:
        Money.parse(finest)
    assert caught.value.remedy == f"{currency} has {places}"


def test_no_currency_is_refused_never_guessed():
    with pytest.raises(UserError, match="budget '60' has no currency") as caught:
        Money.parse("60", "budget")
    assert "60EUR" in caught.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "EUR",
        "sixty EUR",
        "6 0 EUR",
        "60 EU",
        "60€",
        "1,50EUR",
        "1.EUR",
        ".5EUR",
        "nanEUR",
        "1e3EUR",
        "--5EUR",
        "٦EUR",
        "60ÈUR",
    ],
)
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(UserError, match="is not an amount of money"):
        Money.parse(text)


def test_sums_beyond_any_gift_are_refused():
    for text in ("10000000000.01EUR", "9" * 50 + "EUR", "9" * 50 + "JPY"):
        with pytest.raises(UserError, match="beyond any gift"):
            Money.parse(text)


@pytest.mark.parametrize(
    "tree",
    [
        {"minor": 1.0, "currency": "EUR"},
        {"minor": "1", "currency": "EUR"},
        {"minor": 1, "currency": "eur"},
        {"minor": 1, "currency": "EURO"},
        {"minor": 1},
        {"minor": 1, "currency": "EUR", "tax": 0},
    ],
)
def test_fields_are_strict(tree):
    with pytest.raises(ValidationError):
        Money(**tree)


@pytest.mark.parametrize(("cents", "halved"), [(1, 0), (3, 2), (5, 2), (7, 4), (-1, 0), (-3, -2)])
def test_halves_are_rounded_to_even(cents, halved):
    assert RATES.convert(Money(minor=cents, currency="USD"), "EUR").minor == halved


def test_conversion_between_currencies_of_different_digits():
    assert RATES.convert(SIXTY, "JPY") == Money(minor=10_000, currency="JPY")
    assert RATES.convert(Money(minor=10_000, currency="JPY"), "EUR") == SIXTY
    assert RATES.convert(Money(minor=1000, currency="KWD"), "EUR").minor == 290
    assert RATES.convert(Money(minor=1000, currency="KWD"), "USD").minor == 580  # via the base


@given(
    st.integers(-(10**9), 10**9),
    st.floats(1e-4, 1e4),
    st.floats(1e-4, 1e4),
    st.sampled_from(["USD", "JPY", "KWD"]),
    st.sampled_from(["GBP", "CLP", "TND"]),
)
def test_conversion_is_exact_up_to_half_a_minor_unit(minor, own, other, source, target):
    table = RateTable(on=date(2026, 1, 1), base="EUR", rates={source: own, target: other})
    converted = table.convert(Money(minor=minor, currency=source), target)
    exact = Fraction(minor) * Fraction(repr(own)) / Fraction(repr(other))
    exact *= Fraction(10) ** (digits(target) - digits(source))
    assert converted.currency == target
    assert abs(converted.minor - exact) <= Fraction(1, 2) + Fraction(1, 10**9)


def test_a_currency_without_a_rate_is_named():
    for money, currency in ((Money(minor=1, currency="GBP"), "EUR"), (SIXTY, "GBP")):
        with pytest.raises(UserError, match="no exchange rate for GBP in the table of 2026-11-01"):
            RATES.convert(money, currency)
    with pytest.raises(UserError) as caught:
        RATES.convert(SIXTY, "GBP")
    assert caught.value.remedy == "known: EUR, JPY, KWD, USD"


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_a_rate_that_is_not_above_0_is_no_rate(rate):
    table = RateTable(on=date(2026, 1, 1), base="EUR", rates={"USD": rate})
    with pytest.raises(UserError, match="no exchange rate for USD"):
        table.convert(SIXTY, "USD")


def test_mixed_currencies_are_refused_without_rates():
    assert in_currency(SIXTY, "EUR", None) is SIXTY
    with pytest.raises(UserError, match=r"60\.00 EUR does not match prices in USD") as caught:
        in_currency(SIXTY, "USD", None)
    assert "--rates" in caught.value.remedy
    assert in_currency(SIXTY, "USD", RATES) == Money(minor=12_000, currency="USD")
