"""Money: "about 60 euros", "£25-40", "under $100", "no more than 1.200,50 EUR", "50 each".

Amounts are read as decimals and kept in minor units. A currency that is not said beside an amount
is the one said elsewhere in the text, else the shopper's, and that is said.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from giftrec.money import Money, RateTable, digits
from giftrec.sentence.result import Budget, Way
from giftrec.sentence.stream import Found, Stream
from reccore.errors import UserError

N = r"[0-9][0-9.,'\u2019\u00a0\u202f]*"
MONEY = rf"(?:([A-Z]{{3}}) ({N})|({N}) (?:, ?- )?([A-Z]{{3}}))"
EITHER = rf"(?:([A-Z]{{3}}) ({N})|({N})(?: ([A-Z]{{3}}))?)"
RANGE = re.compile(
    rf" (?:between |from |anywhere between |anywhere from |somewhere between )?{EITHER}"
    rf" (?:and|to|-|or|up to) {EITHER}(?= )"
)
SINGLE = re.compile(rf" {MONEY}(?= )")
FILL = (
    r"(?:is |'s |of |it |at |a |the |my |our |are |was |should be |would be "
    r"|will be |about |around |set at |to |: |= |- |for |on |each |only |just |total "
    r"|max |roughly |approx |limited to |strictly |here is |up |stay |keep |under |over "
    r"|maximum |no more than |not more than |at most |less than |below |approximately "
    r"|ca |circa |~ |within |between |somewhere |is set )"
)
NOT_UNITS = (
    r"(?! (?:years?|yrs?|yo|y|days?|weeks?|months?|people|persons|kids|children|cats|dogs|hours?|"
    r"minutes?|%|km|cm|inch(?:es)?|kg|of|th|st|am|pm|times|x|books|grams?|miles|cats)\b)"
)
SPOKEN = re.compile(
    rf" (?:budget|budgets|spend|spending|spent|cost|costs|price|pay|afford|limit|cap"
    rf"|costing|have|max|"
    rf"maximum|under|below|up to|at most|less than|no more than|not more than|nothing over|"
    rf"not above|not over|around|about|roughly|approximately|approx|ca|circa|~|<|≤|tops|within|"
    rf"at least|minimum|min|more than|over|above|ideally|say|not exceed|not exceeding"
    rf"|cheaper than|worth) {FILL}{{0,6}}"
    rf"({N})(?: (?:-|to|and|or) ({N}))?(?= ){NOT_UNITS}"
)
BETWEEN = re.compile(rf" between ({N}) and ({N})(?= ){NOT_UNITS}")
TRAILED = re.compile(
    rf" ({N})(?: (?:-|to) ({N}))?(?= (?:each|apiece|per person|per head|pp|tops|max"
    rf"|maximum|or less|"
    rf"or under|budget|in total|total|altogether|a head|at most|ish|or so"
    rf"|or thereabouts|at the most|limit|a piece|a pop|on (?:my|our|the|him|her|them)"
    rf"|for (?:my|our|him|her|them))\b)"
)
LAST = re.compile(
    rf" [,;./|-] ({N})(?: (?:-|to|or) ({N}))?(?= (?:[,;.!/|-] |$))| ({N})(?= [.!]? ?$)"
)
SLANG = re.compile(r" (?:a )?(tenner|fiver|pony|monkey)(?= )")
SLANG_WORTH = {"tenner": 10, "fiver": 5, "pony": 25, "monkey": 500}

ABOUT = re.compile(
    r" (?:about|around|roughly|approximately|approx|circa|ca|~|≈|some|somewhere around|region of|"
    r"more or less|like|neighbourhood of|neighborhood of|ballpark of)(?: \.)?(?: a| the)? $"
)
ABOUT_AFTER = re.compile(
    r"^ (?:ish|or so|or thereabouts|give or take|more or less|roughly|approx"
    r"|approximately|ballpark)\b"
)
UNDER = re.compile(
    r"(?: (?:under|below|less than|no more than|not more than|max|maximum|maximum of|at most|"
    r"at the most|up to|within|not over|not above|above not|exceed|exceeding|limit"
    r"|limit of|limit is|cap|"
    r"capped at|cheaper than|nothing over|nothing above|tops|<|≤|< =|upper limit|ceiling|"
    r"limited to|maximum budget|max budget|top|stay under|keep it under"
    r"|anything under|fewer than|lower than|"
    r"budget max|no higher than|not higher than|don't exceed|nothing more than"
    r"|nothing past|as much as|not past)"
    r"(?: (?:is|'s|of|at|a|the|:|\.|about|around|my|our|budget))* $)"
    r"| (?:not|never|without|nothing|no|cannot|nor)(?: [a-z']+){0,5} (?:more than"
    r"|over|above|exceeding|exceed|beyond)(?: a)? $"
)
UNDER_AFTER = re.compile(
    r"^ (?:tops|max|maximum|or less|or under|at most|at the most|or below|limit"
    r"|or cheaper|absolute max|upper limit|is (?:my|the|our) (?:limit|max|maximum"
    r"|ceiling)"
    r"|and not (?:a|one) (?:penny|cent)(?: more)?)\b"
)
LEAST = re.compile(
    r" (?:at least|more than|over|above|from|minimum|min|minimum of|starting at|upwards of|"
    r"no less than|not less than|>|≥|> =|not under|nothing under|nothing below|not below)(?: a)? $"
)
LEAST_AFTER = re.compile(
    r"^ (?:or more|and up|and above|upwards|minimum|at least|plus|\+(?= [,.;!]| *$))(?= )"
)
EACH = re.compile(
    r" (?:each|apiece|a piece|per person|per head|a head|pp|for each|respectively"
    r"|per gift|per present|per kid|per child|a pop)(?: one)?(?= )"
)
TOTAL = re.compile(
    r" (?:in total|total|altogether|combined|together|for both|for the two of them"
    r"|for the pair|all in all|overall|"
    r"for everyone|for all of them|for the lot|between them|for both of them|to split"
    r"|all told|between the two)(?= )"
)
ABOUT_LOW, ABOUT_HIGH = (8, 10), (11, 10)
MOST = 10**12


@dataclass(frozen=True)
class Sum:
    """A budget that a text names. `currency_said`: it was not taken from elsewhere."""

    start: int
    end: int
    budget: Budget
    confidence: float
    note: str


@dataclass(frozen=True)
class _Amounts:
    start: int
    end: int
    amounts: tuple[Decimal, ...]
    currency: str | None
    confidence: float


def amount(text: str) -> Decimal | None:
    """`1.200,50`, `1,200.50`, `1'200`, `59,9`: the last mark is a decimal one if it stands alone
    or differs from the others and is not before three digits."""
    plain = text.rstrip(".,'").translate(dict.fromkeys(map(ord, "'\u2019\u00a0\u202f"), None))
    marks = [c for c in plain if c in ".,"]
    if not marks:
        return Decimal(plain) if plain.isdecimal() else None
    whole, last = plain.rsplit(marks[-1], 1)
    decimal = len(last) != 3 or (len(set(marks)) == 2 and marks.count(marks[-1]) == 1)
    if len(set(marks)) == 1 and len(marks) > 1:
        decimal = False
    digits_only = whole.replace(".", "").replace(",", "")
    if not (digits_only + last).isdecimal():
        return None
    return Decimal(f"{digits_only}.{last}" if decimal else digits_only + last)


def sums_with_currency(stream: Stream) -> list[_Amounts]:
    """Amounts beside a currency, claimed."""
    read: list[_Amounts] = []
    for found in list(stream.find(RANGE)):
        g = found.match.groups()
        currencies = {c for c in (g[0], g[3], g[4], g[7]) if c}
        low, high = amount(g[1] or g[2]), amount(g[5] or g[6])
        joined = found.match.group()
        loose = " and " in joined and "between" not in joined
        if len(currencies) == 1 and low is not None and high is not None and not loose:
            _take(stream, read, found, (low, high), currencies.pop(), 0.95)
    for found in list(stream.find(SINGLE)):
        g = found.match.groups()
        value = amount(g[1] or g[2])
        if value is not None:
            _take(stream, read, found, (value,), g[0] or g[3], 0.95)
    for found in list(stream.find(SLANG)):
        _take(stream, read, found, (Decimal(SLANG_WORTH[found.match[1]]),), "GBP", 0.7)
    return read


def sums_without_currency(stream: Stream, bare: bool) -> list[_Amounts]:
    """Amounts that other words say are money; `bare`: also a lone number that is nothing else."""
    read: list[_Amounts] = []
    for rule, confidence in ((BETWEEN, 0.7), (SPOKEN, 0.8), (TRAILED, 0.8), (LAST, 0.4)):
        if rule is LAST and (read or not bare):
            continue
        for found in list(stream.find_group(rule)):
            values = tuple(v for v in map(amount, filter(None, found.match.groups())) if v)
            if values and len(values) <= 2 and all(v >= 1 for v in values):
                _take(stream, read, found, values, None, confidence)
    return read


def _take(
    stream: Stream,
    read: list[_Amounts],
    found: Found,
    values: tuple[Decimal, ...],
    currency: str | None,
    confidence: float,
) -> None:
    if all(stream.free[found.start : found.end]):
        stream.claim(found.start, found.end)
        if len(values) == 2 and values[0] > values[1]:
            values = (values[1], values[0])
        read.append(_Amounts(found.start, found.end, values, currency, confidence))


def budgets(stream: Stream, read: list[_Amounts], shoppers: str) -> Iterator[Sum]:
    """The amounts as budgets: what stands before and after them says which kind they are."""
    said = next((a.currency for a in read if a.currency), None)
    for a in sorted(read, key=lambda one: one.start):
        currency = a.currency or said or shoppers
        notes = []
        if a.currency is None and said is None:
            notes.append(f"no currency was said: {shoppers} taken")
        if a.currency in stream.uncertain:
            notes.append(f"{stream.uncertain[currency]!r} taken as {currency}")
        monies = tuple(_money(v, currency) for v in a.amounts)
        if any(m.minor <= 0 or m.minor > MOST for m in monies):
            continue
        low_place = stream.place(a.start)
        before = stream.plain[max(0, low_place - 70) : low_place]
        matched = stream.plain[low_place - 1 : stream.place_after(a.end)]
        after = stream.plain[stream.place_after(a.end) - 1 :][:60]
        way = _way(len(monies), before, matched, after)
        if " or so" in after[:7] or way == "about":
            way = "about"
        yield Sum(a.start, a.end, _budget(way, monies), a.confidence, "; ".join(notes))


def _way(count: int, before: str, matched: str, after: str) -> Way:
    if count == 2:
        return "between"
    lead = re.match(r"^(.*?)[0-9]", matched)
    led = before.rstrip(" ") + (lead[1] if lead else " ")
    led = re.sub(r" [A-Z]{3} $", " ", led if led.endswith(" ") else led + " ")
    if UNDER.search(led) or UNDER_AFTER.search(after):
        return "under"
    if LEAST.search(led) or LEAST_AFTER.search(after):
        return "at least"
    if ABOUT.search(led) or ABOUT_AFTER.search(after):
        return "about"
    return "exactly"


def _budget(way: Way, said: tuple[Money, ...]) -> Budget:
    first = said[0]
    low: Money | None = None
    high: Money | None = first
    if way == "between":
        low, high = said
    elif way == "about":
        low, high = _share(first, ABOUT_LOW), _share(first, ABOUT_HIGH)
    elif way == "at least":
        low, high = first, None
    return Budget(way=way, said=said, low=low, high=high)


def _share(money: Money, share: tuple[int, int]) -> Money:
    return Money(minor=money.minor * share[0] // share[1], currency=money.currency)


def _money(value: Decimal, currency: str) -> Money:
    return Money(minor=int(min(value, Decimal(MOST)) * 10 ** digits(currency)), currency=currency)


def split(budget: Budget, count: int) -> Budget:
    """One person's part of a sum for several."""

    def part(money: Money | None) -> Money | None:
        if money is None:
            return None
        return Money(minor=max(money.minor // count, 1), currency=money.currency)

    return Budget(way=budget.way, said=budget.said, low=part(budget.low), high=part(budget.high))


def converted(budget: Budget, rates: RateTable) -> tuple[Budget, str]:
    """The budget in the base currency, and what was done in words; without a rate, as it was."""
    currency = budget.said[0].currency
    if currency == rates.base:
        return budget, ""
    try:
        low, high = (
            money and rates.convert(money, rates.base) for money in (budget.low, budget.high)
        )
    except UserError as error:
        return budget, f"{budget.said[-1]} was left as it is: {error.problem}"
    worth = rates.convert(budget.said[-1], rates.base)
    changed = Budget(way=budget.way, said=budget.said, low=low, high=high)
    return changed, f"{budget.said[-1]} taken as {worth} by the rates of {rates.on}"
