"""inventory_check: who has a gift, when it can be there, and by when it must be ordered.

Lead times are business days. A stock or a lead time that a shop does not state is said to be
unknown; it never counts as in stock or in time.
"""

from collections.abc import Sequence
from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from giftrec.schema import Record
from giftrec.tools.provider import Provider
from giftrec.tools.results import Request, Result
from giftrec.tools.tables import NOT_STATED, Rows, day_of, number_of
from giftrec.tools.workdays import Calendar


class StockRequest(Request):
    needed_by: date
    pieces: int = Field(1, ge=1, le=10_000)
    holidays: tuple[date, ...] = Field((), max_length=400)
    every_day: bool = Field(False, description="lead times are calendar days")

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.needed_by < self.on:
            raise ValueError(f"needed_by {self.needed_by} is before {self.on}")
        return self


class ShopStock(Record):
    shop: str
    state: Literal["in stock", "too few", "out of stock", "unknown"]
    stock: int | None = Field(description="none: not stated")
    lead_days: int | None = Field(description="none: not stated")
    arrives: date | None = Field(description="ordered today; none: unknown, or not in stock")
    order_by: date | None = Field(description="last day to order for the day it is needed")
    as_of: date


class GiftStock(Record):
    gift: str
    in_stock: bool | None = Field(description="none: no shop states it")
    in_time: bool | None = Field(description="none: cannot be told")
    soonest: date | None
    soonest_shop: str | None
    order_by: date | None = Field(description="none where it is too late, or unknown")
    pieces: int = Field(description="of all shops that state it")
    shops: tuple[ShopStock, ...]
    words: tuple[str, ...] = ()


class InventoryCheck(Result):
    needed_by: date
    gifts: tuple[GiftStock, ...]


def inventory_check(request: StockRequest, provider: Provider) -> InventoryCheck:
    found = checked(request, provider)
    days = {shop.as_of for gift in found for shop in gift.shops}
    unknown = sum(gift.in_stock is None for gift in found)
    return InventoryCheck(
        as_of=min(days, default=None),
        rows=sum(len(gift.shops) for gift in found),
        needed_by=request.needed_by,
        gifts=tuple(found),
        words=(f"stock unknown for {unknown} of {len(found)} gifts",) if unknown else (),
    )


def checked(request: StockRequest, provider: Provider) -> list[GiftStock]:
    """Gift by gift; what was checked for these days and pieces is remembered."""

    def compute(new: Sequence[str]) -> list[GiftStock]:
        offers = provider.rows("offers", new)
        calendar = Calendar(request.holidays, request.every_day)
        return [_check(request, gift, offers, nth, calendar) for nth, gift in enumerate(new)]

    kind = f"stock for {request.model_dump_json(exclude={'gifts'})}"
    return provider.derived(kind, request.gifts, compute)


def _check(request: StockRequest, gift: str, rows: Rows, nth: int, calendar: Calendar) -> GiftStock:
    today, dated = number_of(request.on), rows.numbers["as_of"]
    shops: list[ShopStock] = []
    having: list[ShopStock] = []
    unsure = False
    pieces = 0
    for row in rows.of(nth):
        if dated[row] > today:
            continue
        shop = _shop(request, rows, row, calendar)
        shops.append(shop)
        pieces += shop.stock or 0
        if shop.state == "in stock":
            having.append(shop)
        elif shop.state == "unknown":
            unsure = True
    if len(shops) > 1:
        shops.sort(key=_soonest_first)
        having.sort(key=_soonest_first)
    soonest = having[0] if having and having[0].arrives is not None else None
    days = [shop.order_by for shop in having if shop.order_by is not None]
    return GiftStock(
        gift=gift,
        in_stock=True if having else None if unsure or not shops else False,
        in_time=_in_time(request, shops, having),
        soonest=None if soonest is None else soonest.arrives,
        soonest_shop=None if soonest is None else soonest.shop,
        order_by=max(days, default=None),
        pieces=pieces,
        shops=tuple(shops),
        words=_words(request, shops, having, soonest),
    )


def _soonest_first(shop: ShopStock) -> tuple[date, str]:
    return shop.arrives or date.max, shop.shop


def _shop(request: StockRequest, rows: Rows, row: int, calendar: Calendar) -> ShopStock:
    stock, lead = rows.numbers["stock"][row], rows.numbers["lead_days"][row]
    state: Literal["in stock", "too few", "out of stock", "unknown"] = "in stock"
    if stock == NOT_STATED:
        state = "unknown"
    elif stock < request.pieces:
        state = "out of stock" if stock == 0 else "too few"
    arrives = order_by = None
    if state == "in stock" and lead != NOT_STATED:
        arrives = calendar.arrival(request.on, lead)
        last = calendar.order_by(request.needed_by, lead)
        order_by = last if last >= request.on else None
    return ShopStock(
        shop=rows.texts["shop"][row] or "",
        state=state,
        stock=None if stock == NOT_STATED else stock,
        lead_days=None if lead == NOT_STATED else lead,
        arrives=arrives,
        order_by=order_by,
        as_of=day_of(rows.numbers["as_of"][row]),
    )


def _in_time(request: StockRequest, shops: list[ShopStock], having: list[ShopStock]) -> bool | None:
    if any(shop.arrives is not None and shop.arrives <= request.needed_by for shop in having):
        return True
    untold = not shops or any(shop.arrives is None for shop in having)
    return None if untold or any(shop.state == "unknown" for shop in shops) else False


def _words(
    request: StockRequest,
    shops: list[ShopStock],
    having: list[ShopStock],
    soonest: ShopStock | None,
) -> tuple[str, ...]:
    if not shops:
        return ("no offer on record",)
    silent = sum(shop.state == "unknown" for shop in shops)
    words = [f"{silent} of {len(shops)} shops do not state their stock"] if silent else []
    if not having:
        return (*words, "not in stock anywhere that states it")
    if soonest is None:
        return (*words, "in stock, but no shop says how long delivery takes")
    if soonest.arrives is not None and soonest.arrives > request.needed_by:
        words.append(f"too late: there on {soonest.arrives} at the soonest")
    return tuple(words)
