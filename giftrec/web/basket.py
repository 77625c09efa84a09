"""The basket, kept by the shopper's own browser in a cookie.

`1!5851EUR~oak-stand!b2247EUR~paints` says, after the version, which gifts are in it at which price,
the oldest first; `b` marks what was bought. What cannot be read is left out: a cookie is whatever a
browser sends.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from giftrec.money import Money, RateTable
from giftrec.web.fields import LONGEST_ID
from reccore.errors import UserError

COOKIE = "basket"
VERSION = "1"
MOST = 20  # gifts: the latest
ROOM = 3500  # bytes: browsers refuse a cookie of more than 4096, name and all
KEPT = 30 * 86_400  # seconds
ROW = re.compile(r"(b?)([0-9]{1,12})([A-Z]{3})~(.{1,800})", re.DOTALL)
AMOUNT = re.compile(r"([0-9]{1,12})([A-Z]{3})")


@dataclass(frozen=True)
class Row:
    """One gift at the price it had when it was put in."""

    price: Money
    bought: bool = False


@dataclass(frozen=True)
class Basket:
    """Gifts by id, the latest last."""

    rows: Mapping[str, Row] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request) -> "Basket":
        """That of whoever asks."""
        return cls.parse(request.cookies.get(COOKIE, ""))

    @classmethod
    def parse(cls, text: str) -> "Basket":
        """From a cookie's value, whatever it holds."""
        version, _, rest = text.partition("!")
        if version != VERSION:
            return cls()
        found: dict[str, Row] = {}
        for entry in rest.split("!"):
            read = _read(entry)
            if read is not None:
                gift, row = read
                found.pop(gift, None)
                found[gift] = row
        return cls(dict(list(found.items())[-MOST:]))

    def text(self) -> str:
        """The cookie's value: the latest, as many as there is room for."""
        entries: list[str] = []
        room = ROOM
        for gift, row in reversed(list(self.rows.items())[-MOST:]):
            mark = "b" if row.bought else ""
            entry = f"!{mark}{row.price.minor}{row.price.currency}~{quote(gift, safe='')}"
            room -= len(entry)
            if room < 0:
                break
            entries.append(entry)
        return VERSION + "".join(reversed(entries))

    def put(self, gift: str, price: Money) -> "Basket":
        """With one more."""
        return Basket({**self.without(gift).rows, gift: Row(price)})

    def without(self, gift: str) -> "Basket":
        return Basket({one: row for one, row in self.rows.items() if one != gift})

    def bought(self, gift: str) -> "Basket":
        """With one marked as bought; nothing changes where it is not in it."""
        rows = dict(self.rows)
        if gift in rows:
            rows[gift] = Row(rows[gift].price, bought=True)
        return Basket(rows)

    def total(self, currency: str, rates: RateTable | None) -> Money | None:
        """In one currency; none where there is no rate for a price in it."""
        minor = 0
        for row in self.rows.values():
            price = row.price
            if price.currency != currency:
                if rates is None:
                    return None
                try:
                    price = rates.convert(price, currency)
                except UserError:
                    return None
            minor += price.minor
        return Money(minor=minor, currency=currency)

    def keep(self, request: Request, response: Response) -> None:
        """Have the browser keep it instead of the one before."""
        if not self.rows:
            response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
            return
        response.set_cookie(
            COOKIE, self.text(), max_age=KEPT, path="/", httponly=True, samesite="strict",
            secure=request.scope["scheme"] == "https",
        )  # fmt: skip


def read_amount(text: str) -> Money | None:
    """`5851EUR`, as buttons carry it."""
    found = AMOUNT.fullmatch(text)
    return Money(minor=int(found[1]), currency=found[2]) if found else None


def _read(entry: str) -> tuple[str, Row] | None:
    found = ROW.fullmatch(entry)
    if found is None:
        return None
    try:
        gift = unquote(found[4], errors="strict")
    except UnicodeDecodeError:
        return None
    if not (0 < len(gift) <= LONGEST_ID and gift.isprintable()):
        return None
    return gift, Row(Money(minor=int(found[2]), currency=found[3]), bought=bool(found[1]))
