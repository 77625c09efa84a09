"""What stands around the cards: what would change with more money or time, what was set aside,
the basket, how the answer was made. Words in, words out; nothing is asked here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import quote

from giftrec.agent.reply import Alternative, Reply, ToolUse
from giftrec.agent.whatif import whole
from giftrec.money import Money, RateTable
from giftrec.web.asked import Asked
from giftrec.web.basket import Basket
from giftrec.web.fields import AWAY
from giftrec.web.words import Said, Words
from reccore.errors import UserError


@dataclass(frozen=True)
class Change:
    """A sentence that a link makes true; "" where no link can."""

    words: Said
    address: str


def changes(reply: Reply, asked: Asked, rates: RateTable | None, words: Words) -> list[Change]:
    """What a little more money or time would bring, each with the address where it does."""
    return [_change(one, asked, rates, words, bool(reply.picks)) for one in reply.alternatives]


def _change(
    one: Alternative, asked: Asked, rates: RateTable | None, words: Words, some: bool
) -> Change:
    total = _in(one.total, asked.currency, rates)
    if one.change == "money" and total is not None:
        most = whole(total.minor, total.currency)
        facts = {"title": one.title, "total": words.money(total)}
        there = replace(asked, budget=most, least=None).address
        if not some:
            return Change(Said(words("change.cheapest", **facts)), there)
        budget = asked.budget.minor if asked.budget else 0
        more = whole(max(total.minor - budget, 1), total.currency)
        return Change(
            Said(words("change.money", more=words.money(more, short=True), **facts)), there
        )
    if one.change == "time" and one.days and asked.by is not None:
        by = asked.by + timedelta(days=one.days)
        text = words("change.time", n=one.days, title=one.title, day=words.day(by))
        return Change(Said(text), replace(asked, by=by).address)
    return Change(words.said(one.words), "")


def _in(money: Money, currency: str, rates: RateTable | None) -> Money | None:
    if money.currency == currency:
        return money
    try:
        return None if rates is None else rates.convert(money, currency)
    except UserError:
        return None


@dataclass(frozen=True)
class Aside:
    """A gift that was set aside, and why."""

    gift: str
    title: str
    why: str

    @property
    def key(self) -> str:
        return quote(self.gift, safe="")


def aside(asked: Asked, titles: Mapping[str, str], words: Words) -> list[Aside]:
    """The latest first; what the catalogue no longer has needs no word."""
    return [
        Aside(gift, titles[gift], words(f"away.{AWAY[why]}"))
        for gift, why in reversed(list(asked.away.items()))
        if gift in titles
    ]


@dataclass(frozen=True)
class Put:
    """One gift of the basket."""

    gift: str
    title: str
    price: str
    bought: bool

    @property
    def key(self) -> str:
        return quote(self.gift, safe="")


@dataclass(frozen=True)
class Bill:
    """The basket with its sum, and what is left of the budget."""

    rows: tuple[Put, ...]
    total: str
    left: str = ""
    over: bool = False


def bill(
    basket: Basket,
    titles: Mapping[str, str],
    asked: Asked,
    rates: RateTable | None,
    words: Words,
) -> Bill | None:
    """None where it is empty."""
    if not basket.rows:
        return None
    rows = tuple(
        Put(gift, titles.get(gift, words("basket.gone")), words.money(row.price), row.bought)
        for gift, row in basket.rows.items()
    )
    total = basket.total(asked.currency, rates)
    if total is None:
        return Bill(rows, words("basket.mixed"))
    if asked.budget is None:
        return Bill(rows, words("basket.total", total=words.money(total)))
    left = asked.budget.minor - total.minor
    amount = words.money(Money(minor=abs(left), currency=asked.currency))
    budget = words.money(asked.budget, short=True)
    key = "basket.over" if left < 0 else "basket.left"
    return Bill(
        rows,
        words("basket.total", total=words.money(total)),
        words(key, amount=amount, budget=budget),
        left < 0,
    )


@dataclass(frozen=True)
class Tool:
    """One tool of the answer's making."""

    name: str
    came: str


def tools(reply: Reply, words: Words) -> list[Tool]:
    """Which were asked, and what came of it."""
    return [Tool(words.term("tool", use.tool), _came(use, words)) for use in reply.tools]


def _came(use: ToolUse, words: Words) -> str:
    status = words(f"tool.{use.status.replace(' ', '_')}")
    if use.as_of is None:
        return status
    return f"{status}, {words('as_of', day=words.day(use.as_of, year=True))}"
