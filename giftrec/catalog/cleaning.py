"""Reading what people write into the fields of a catalogue: money, counts, stars, ages, days.

Each function takes one written value and says what it means, how it was mended if it was not
plain, or what is wrong with it. Nothing is guessed silently: every mending has words.
"""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from giftrec.money import digits


class Cleaned(NamedTuple):
    """What a written value means. No value and no problem: nothing was stated."""

    value: Any = None
    how: str | None = None  # how it was mended
    problem: str | None = None  # why it could not be read


NOTHING = {"", "-", "--", "n/a", "na", "nan", "none", "null", "nil", "unknown", "tbc", "?"}
TAG = re.compile(
    r"<(?:br|p|li|ul|ol|b|i|em|strong|div|span|h[1-6]|a|img|tr|td|table)\b[^<>]*>|</\w+>"
)
SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")
NUMBER = re.compile(r"[-−]?\d+(?:[ '’]\d{3}(?!\d)|[.,]\d+)*")
GROUPS = re.compile(r"-?\d{1,3}(?:,\d{3})+|-?\d{1,3}(?:\.\d{3})+|-?\d+")
SIGNS = {"£": "GBP", "€": "EUR", "$": "USD", "¥": "JPY", "₹": "INR", "zł": "PLN", "kr": "SEK"}
SHARED = {  # currencies that are written with the same sign as another one
    "$": {"USD", "AUD", "CAD", "NZD", "SGD", "HKD", "MXN"},
    "¥": {"JPY", "CNY"},
    "kr": {"SEK", "NOK", "DKK", "ISK"},
}
CODE = re.compile(r"(?<![A-Z])[A-Z]{3}(?![A-Z])")
KNOWN_CODES = re.compile(
    "AUD|BHD|BRL|CAD|CHF|CLP|CNY|CZK|DKK|EUR|GBP|HKD|HUF|INR|ISK|JPY|KRW|KWD|MXN|NOK|NZD|PLN|RON|"
    "SEK|SGD|TND|TRY|USD|VND|ZAR"
)
BESIDE_MONEY = {"from", "to", "now", "only", "each", "about", "ca", "approx", "ab", "per", "item"}
BESIDE_MONEY |= {"piece", "pack", "inc", "incl", "vat"}
MOST = 10**10  # minor units: beyond any gift


def said(raw: str | None) -> str:
    """The text without outer space; empty where it only says that there is nothing."""
    text = SPACE.sub(" ", (raw or "").replace("\xa0", " ")).strip()
    return "" if text.lower() in NOTHING else text


def clean_text(raw: str | None) -> Cleaned:
    """Plain text: entities, tags, broken encodings and wild space undone."""
    if raw is None:
        return Cleaned()
    text, how = raw, []
    if "â€" in text or "Ã" in text or "Â" in text:
        try:
            text = text.encode("cp1252").decode("utf-8")
            how.append("encoding undone")
        except (UnicodeEncodeError, UnicodeDecodeError):
            pass
    plain = html.unescape(html.unescape(text)) if "&" in text else text
    if plain != text:
        how.append("HTML entities")
    untagged = TAG.sub(" ", plain) if "<" in plain else plain
    if untagged != plain:
        how.append("HTML tags")
    tidy = unicodedata.normalize("NFC", SPACE.sub(" ", untagged)).strip()
    if tidy != untagged:
        how.append("white space")
    return Cleaned("" if tidy.lower() in NOTHING else tidy, ", ".join(how) or None)


def decimal_sign(values: Iterable[str]) -> str | None:
    """The sign before decimals that a column's values agree on, if they tell."""
    ends = Counter(m[1] for value in values if (m := re.search(r"([.,])\d{1,2}\D*$", value)))
    return ends.most_common(1)[0][0] if ends else None


def number_of(text: str, sign: str | None = None) -> Decimal | None:
    """`1.299,00`, `1,299.00`, `12,99`, `1 299`: a number, whatever its signs mean; None if none.

    A single sign before exactly three digits separates thousands, unless `sign` says that it is
    the one before decimals.
    """
    tidy = re.sub(r"['’ ]", "", text).replace("−", "-")
    whole, mark, tail = (
        re.split(r"([.,])(?=[^.,]*$)", tidy) if re.search("[.,]", tidy) else (tidy, "", "")
    )
    repeated = mark and whole.count(mark)
    thousands = len(tail) == 3 and mark != sign and whole.lstrip("-") not in {"", "0"}
    if repeated or (thousands and not re.search("[.,]", whole)):
        whole, tail = tidy, ""
    if not GROUPS.fullmatch(whole):
        return None
    return Decimal(re.sub("[.,]", "", whole) + (f".{tail}" if tail else ""))


def clean_money(raw: str | None, currency: str | None = None, sign: str | None = None) -> Cleaned:
    """(minor units, currency or None) of a written price. Of a range, the higher end is taken:
    what is promised to fit a budget must fit it whichever variant is bought."""
    text = said(raw)
    if not text:
        return Cleaned()
    if re.fullmatch(r"\d{1,2}p", text) and currency in {None, "GBP"}:
        return Cleaned((int(text[:-1]), "GBP"), "pence")
    found, rest = _currency_in(text, currency)
    rest = re.sub(r"(?<=\d)\s*[-–—]\s*(?=\D*\d)", " to ", rest)  # a dash between, no minus
    values = [number_of(amount, sign) for amount in NUMBER.findall(rest)]
    left = {w.lower() for w in re.findall(r"[^\W\d_]+", NUMBER.sub(" ", rest))} - BESIDE_MONEY
    range_of_two = len(values) == 2 and " to " in rest
    if None in values or left or not (len(values) == 1 or range_of_two):
        return Cleaned(problem="price is no amount of money")
    code = found or currency
    scaled = [v * 10 ** (digits(code) if code else 2) for v in values if v is not None]
    if max(scaled) > MOST:  # before rounding, which takes no more digits than a decimal's context
        return Cleaned(problem="price is beyond any gift")
    if min(scaled) <= 0 or max(scaled) < Decimal("0.5"):
        return Cleaned(problem="price is not above 0")
    minor = int(max(scaled).quantize(Decimal(1), ROUND_HALF_UP))
    how = None
    if len(values) == 2:
        how = "range: the higher price"
    elif max(scaled) != minor:
        how = "rounded to minor units"
    elif not re.fullmatch(r"\d+(\.\d+)?", text) or Decimal(text) != values[0]:
        how = "written with sign, code or separators"
    return Cleaned((minor, found), how)


def _currency_in(text: str, given: str | None) -> tuple[str | None, str]:
    """The currency a text names, and the text without it."""
    for code in CODE.findall(text.upper()):
        if KNOWN_CODES.fullmatch(code) or code == given:
            return code, re.sub(code, " ", text, flags=re.IGNORECASE)
    for mark, usual in SIGNS.items():
        if mark in text.lower():
            same = given if given in SHARED.get(mark, ()) else usual
            return same, re.sub(re.escape(mark) + r"\.?", " ", text, flags=re.IGNORECASE)
    return None, text


def clean_count(raw: str | None) -> Cleaned:
    """A whole number of things: `1,234`, `12.0`, `(15 reviews)`."""
    text = said(raw)
    if not text:
        return Cleaned()
    numbers = NUMBER.findall(text)
    if len(numbers) != 1:
        return Cleaned(problem="is no count")
    value = number_of(numbers[0])
    if value is None or value != int(value) or not 0 <= value < 10**9:
        return Cleaned(problem="is no count")
    return Cleaned(int(value), None if text.isdigit() else "number out of text")


STOCK_WORDS = (  # the first pattern that is found decides
    (
        r"\b(out of stock|sold out|unavailable|not available|discontinued|no|false)\b",
        0,
        "none left",
    ),
    (r"\b(used|refurbished)\b", 0, "only used or refurbished: none new"),
    (r"\b(in stock|available|yes|true|plenty)\b", 1, "words: at least 1"),
)


def clean_stock(raw: str | None) -> Cleaned:
    """How many can be had new. Used and refurbished ones are no gifts; `in stock` is at least 1."""
    text = said(raw).lower()
    if not text:
        return Cleaned()
    for pattern, value, how in STOCK_WORDS:
        if re.search(pattern, text) and (value == 0 or not NUMBER.search(text)):
            return Cleaned(value, how)
    return clean_count(text)


def clean_stars(raw: str | None) -> Cleaned:
    """1 to 5 stars: `4.9 out of 5 stars`, `4,5`, `8/10`, `90%`. 0 is how `unrated` is written."""
    text = said(raw).lower()
    if not text:
        return Cleaned()
    text = re.sub(r"(?<=\d)/(?=\d)", " of ", text)
    read = [number_of(written) for written in NUMBER.findall(text)]
    numbers = [number for number in read if number is not None]
    top, how = Decimal(5), None
    if text.endswith("%") and len(numbers) == 1:
        top, how = Decimal(100), "percent"
    elif len(numbers) == 2 and re.search(r"\d\s*(out of|of|/)\s*\d", text):
        top, how = numbers[1], "number out of text" if numbers[1] == 5 else "other scale"
    elif len(numbers) != 1:
        return Cleaned(problem="is no number of stars")
    elif not re.fullmatch(r"\d(\.\d+)?", text):
        how = "number out of text"
    if numbers[0] == 0:
        return Cleaned(None, "0: nobody rated")
    value = numbers[0] * 5 / top if top > 0 else Decimal(0)
    if not 0 < value <= 5:
        return Cleaned(problem="stars are beyond the scale")
    return Cleaned(max(1.0, float(value)), how)


AGE_WORDS = ((r"\b(all ages|any age|everyone)\b", 0), (r"\badults?( only)?\b", 18))
AGE = re.compile(r"(\d{1,3})\s*(months?|mths?|m\b|years?|yrs?|y\b)?")
AND_UP = "ends where it begins: read as `and up`"


def clean_ages(raw: str | None) -> Cleaned:
    """(first age, last age or None): `3 years and up`, `36 months - 8 years`, `8+`, `5 to 12`."""
    text = said(raw).lower()
    if not text:
        return Cleaned()
    found = AGE.findall(text)
    if not found:
        for pattern, first in AGE_WORDS:
            if re.search(pattern, text):
                return Cleaned((first, None), "words")
    units = [unit for _, unit in found]
    if len(found) == 2 and not units[0]:
        units[0] = units[1]
    years = [
        int(n) // 12 if unit.startswith("m") else int(n)
        for (n, _), unit in zip(found, units, strict=True)
    ]
    if not 1 <= len(years) <= 2 or max(years) > 120:
        return Cleaned(problem="is no range of ages")
    how = "months in years" if any(unit.startswith("m") for unit in units) else None
    if len(years) == 2:
        low, high = years
        return Cleaned((low, high), how) if low < high else Cleaned((low, None), AND_UP)
    below = re.search(r"\b(up to|under|below|max)", text)
    return Cleaned((0, years[0]) if below else (years[0], None), how)


MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("jan", "january"),
            ("feb", "february"),
            ("mar", "march"),
            ("apr", "april"),
            ("may",),
            ("jun", "june"),
            ("jul", "july"),
            ("aug", "august"),
            ("sep", "sept", "september"),
            ("oct", "october"),
            ("nov", "november"),
            ("dec", "december"),
        ),
        start=1,
    )
    for name in names
}


def clean_day(raw: str | None, day_first: bool = True) -> Cleaned:
    """A day: `2011-12-09 12:50:00`, `27 Dec. 2014`, `July 4, 2015`, `09/12/2011`."""
    text = said(raw).lower()
    if not text:
        return Cleaned()
    year = month = day = 0
    if m := re.match(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)", text):
        year, month, day = int(m[1]), int(m[2]), int(m[3])
    elif m := re.match(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?!\d)", text):
        first, second, year = int(m[1]), int(m[2]), int(m[3])
        day, month = (first, second) if day_first else (second, first)
    elif m := re.match(r"(\d{1,2})(?:st|nd|rd|th)?[ -]([a-z]+)\.?,?[ -](\d{4})", text):
        day, month, year = int(m[1]), MONTHS.get(m[2], 0), int(m[3])
    elif m := re.match(r"([a-z]+)\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})", text):
        month, day, year = MONTHS.get(m[1], 0), int(m[2]), int(m[3])
    try:
        return Cleaned(date(year, month, day))
    except ValueError:
        return Cleaned(problem="is no day")


def day_comes_first(values: Iterable[str]) -> bool | None:
    """Whether `09/12/2011` is the 9th of December, as the other values tell; None: they do not."""
    firsts, seconds = 0, 0
    for value in values:
        if m := re.match(r"\s*(\d{1,2})[-/.](\d{1,2})[-/.]\d{4}", value):
            firsts, seconds = max(firsts, int(m[1])), max(seconds, int(m[2]))
    if firsts > 12 and seconds <= 12:
        return True
    if seconds > 12 and firsts <= 12:
        return False
    return None
