"""What people write into fields is read as they meant it, or refused."""

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from giftrec.catalog import cleaning
from giftrec.catalog.cleaning import (
    clean_ages,
    clean_count,
    clean_day,
    clean_money,
    clean_stars,
    clean_stock,
    clean_text,
    day_comes_first,
    decimal_sign,
)


@pytest.mark.parametrize(
    ("written", "minor", "currency"),
    [
        ("£12.99", 1299, "GBP"),
        ("12,99 €", 1299, "EUR"),
        ("12,99€ per item", 1299, "EUR"),
        ("1.299,00", 129900, None),
        ("1,299.00", 129900, None),
        ("$1,299", 129900, "USD"),
        ("1.234.567", 123456700, None),
        ("1 299,50 kr", 129950, "SEK"),
        ("CHF 1'200.50", 120050, "CHF"),
        ("45 GBP", 4500, "GBP"),
        ("USD5", 500, "USD"),
        ("from £5", 500, "GBP"),
        ("5,-€", 500, "EUR"),
        ("99p", 99, "GBP"),
        ("12.5", 1250, None),
        ("7", 700, None),
        ("¥1500", 1500, "JPY"),
        ("£5.99 - £9.99", 999, "GBP"),  # the dearer variant must fit a budget too
        ("5.99–9.99", 999, None),
        ("£5.99 to £9.99", 999, "GBP"),
        ("2.005", 200500, None),
    ],
)
def test_money(written: str, minor: int, currency: str | None) -> None:
    assert clean_money(written).value == (minor, currency)


@pytest.mark.parametrize(
    "written",
    [
        "call us",
        "free",
        "0",
        "0.00",
        "-3.20",
        "was £10 now £8",
        "1.2.3",
        "1.2,3",
        "10 20",
        "£",
        "1/2",
    ],
)
def test_what_is_no_price_is_refused(written: str) -> None:
    found = clean_money(written)
    assert found.value is None
    assert found.problem is not None


@pytest.mark.parametrize("written", [None, "", "  ", "n/a", "NaN", "-", "None", "\xa0"])
def test_nothing_is_not_stated(written: str | None) -> None:
    for clean in (clean_money, clean_count, clean_stock, clean_stars, clean_ages, clean_day):
        found = clean(written)
        assert (found.value, found.problem) == (None, None)
    assert not clean_text(written).value


def test_a_column_tells_what_its_signs_mean() -> None:
    assert decimal_sign(["2.55", "1.299", "10"]) == "."
    assert decimal_sign(["2,55 €", "1.299"]) == ","
    assert decimal_sign(["10", "20"]) is None
    assert clean_money("1.299", None, ".").value == (130, None)
    assert clean_money("1.299", None, ",").value == (129900, None)
    assert clean_money("$5", "CAD").value == (500, "CAD")
    assert clean_money("$5", "EUR").value == (500, "USD")


@given(
    minor=st.integers(1, 10**9),
    style=st.sampled_from(["{}.{:02}", "{},{:02}"]),
    sign=st.sampled_from(["", "£", "€", "GBP "]),
    grouped=st.booleans(),
)
def test_written_money_is_read_back(minor: int, style: str, sign: str, grouped: bool) -> None:
    whole, rest = divmod(minor, 100)
    between = "." if "," in style else ","
    head = f"{whole:,}".replace(",", between) if grouped else str(whole)
    assert clean_money(sign + style.format(head, rest)).value[0] == minor


@pytest.mark.parametrize(
    ("written", "count"),
    [
        ("5\xa0new", 5),
        ("12", 12),
        ("1,200", 1200),
        ("only 3 left", 3),
        ("In stock", 1),
        ("yes", 1),
        ("Out of stock", 0),
        ("not available", 0),
        ("no", 0),
        ("2 used", 0),
        ("1\xa0refurbished", 0),
        ("4 collectible", 4),
        ("some", None),
        ("2.5", None),
        ("-2", None),
        ("3 of 4", None),
    ],
)
def test_stock(written: str, count: int | None) -> None:
    found = clean_stock(written)
    assert found.value == count
    assert (found.problem is not None) == (count is None)


@pytest.mark.parametrize(
    ("written", "stars"),
    [
        ("4.9 out of 5 stars", 4.9),
        ("4,5", 4.5),
        ("5", 5.0),
        ("8/10", 4.0),
        ("90%", 4.5),
        ("4 of 5", 4.0),
        ("0.5", 1.0),
        ("0", None),
        ("6", None),
        ("11/10", None),
        ("3/0", None),
        ("good", None),
    ],
)
def test_stars(written: str, stars: float | None) -> None:
    assert clean_stars(written).value == stars


@pytest.mark.parametrize(
    ("written", "ages"),
    [
        ("3 years and up", (3, None)),
        ("36 months - 8 years", (3, 8)),
        ("30 months - 10 years", (2, 10)),
        ("12 months and up", (1, None)),
        ("8+", (8, None)),
        ("5 to 12", (5, 12)),
        ("18 - 36 months", (1, 3)),
        ("3 - 3 years", (3, None)),
        ("5 - 3 years", (5, None)),
        ("16-90", (16, 90)),
        ("adults", (18, None)),
        ("under 5", (0, 5)),
        ("all ages", (0, None)),
        ("1999", None),
        ("big", None),
        ("1 2 3", None),
    ],
)
def test_ages(written: str, ages: tuple[int, int | None] | None) -> None:
    assert clean_ages(written).value == ages


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2011-12-09 12:50:00", date(2011, 12, 9)),
        ("2011-12-09T12:50:00Z", date(2011, 12, 9)),
        ("27 Dec. 2014", date(2014, 12, 27)),
        ("9 Jun. 2013", date(2013, 6, 9)),
        ("29 July 2015", date(2015, 7, 29)),
        ("7 April 2013", date(2013, 4, 7)),
        ("1st May 2020", date(2020, 5, 1)),
        ("July 4, 2015", date(2015, 7, 4)),
        ("09/12/2011", date(2011, 12, 9)),
        ("09.12.2011 08:00", date(2011, 12, 9)),
        ("31/02/2011", None),
        ("2011-13-01", None),
        ("20111209", None),
        ("yesterday", None),
    ],
)
def test_days(written: str, day: date | None) -> None:
    assert clean_day(written).value == day


def test_a_column_tells_which_comes_first() -> None:
    assert day_comes_first(["01/02/2020", "13/02/2020"]) is True
    assert day_comes_first(["01/02/2020", "01/13/2020"]) is False
    assert day_comes_first(["01/02/2020"]) is None
    assert day_comes_first(["13/02/2020", "02/13/2020"]) is None
    assert clean_day("01/13/2020", day_first=False).value == date(2020, 1, 13)


@pytest.mark.parametrize(
    ("written", "text", "how"),
    [
        ("Tom &amp; Jerry&#39;s", "Tom & Jerry's", "HTML entities"),
        ("&amp;lt;x", "<x", "HTML entities"),
        ("a<br/>b", "a b", "HTML tags"),
        ("<p>one</p> <b>two</b>", "one two", "HTML tags, white space"),
        ("a < b > c", "a < b > c", None),
        ("PokÃ©mon", "Pokémon", "encoding undone"),
        ("Ã la carte", "Ã la carte", None),
        ("  x\n\ty\x00", "x y", "white space"),
        ("plain", "plain", None),
    ],
)
def test_text(written: str, text: str, how: str | None) -> None:
    assert clean_text(written)[:2] == (text, how)


@given(st.text(max_size=80))
@example("1" + "0" * 26)
@example("-1" + "0" * 40)
@example("0." + "0" * 70 + "1")
def test_nothing_that_is_written_breaks_the_reading(written: str) -> None:
    for clean in (clean_money, clean_count, clean_stock, clean_stars, clean_ages, clean_day):
        found = clean(written)
        assert found.value is None or found.problem is None
    money = clean_money(written).value
    assert money is None or 0 < money[0] <= cleaning.MOST
    stars = clean_stars(written).value
    assert stars is None or 1 <= stars <= 5
    assert clean_text(clean_text(written).value).value is not None
    decimal_sign([written])
