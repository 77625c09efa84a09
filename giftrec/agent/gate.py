"""The last look before anything is shown: price, stock and delivery, live, whatever was known.

Only gifts that pass are shown. What cannot be checked now is judged by the snapshot, and the answer
says so. These calls are no choice of the model's, and are counted apart from its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from giftrec.agent.reply import Cost, Delivery
from giftrec.agent.storefront import Storefront
from giftrec.agent.wish import Wish
from giftrec.money import Money, RateTable
from giftrec.tools.envelope import Envelope
from giftrec.tools.prices import (
    GiftPrices,
    LandedOffer,
    PriceComparison,
    PriceRequest,
    price_comparison,
)
from giftrec.tools.provider import SnapshotProvider
from giftrec.tools.results import Request
from giftrec.tools.stock import (
    GiftStock,
    InventoryCheck,
    ShopStock,
    StockRequest,
    inventory_check,
)

PRICE_TOOL, STOCK_TOOL = "price_comparison", "inventory_check"


@dataclass(frozen=True)
class Checked:
    """One gift at the gate."""

    gift: str
    cost: Cost
    delivery: Delivery
    refused: str | None  # why it may not be shown
    priced: GiftPrices | None = None

    @property
    def code(self) -> Literal["stock", "late", "price"] | None:
        """Why it may not be shown, to be counted by."""
        if self.refused is None:
            return None
        if self.delivery.in_stock is False:
            return "stock"
        return "late" if self.delivery.in_time is False else "price"


def requests(
    gifts: Sequence[str], wish: Wish, currency: str, every_day: bool
) -> dict[str, Request]:
    """What the gate asks."""
    names = tuple(gifts)
    return {
        PRICE_TOOL: PriceRequest(gifts=names, on=wish.on, currency=currency),
        STOCK_TOOL: stock_request(names, wish, every_day),
    }


def stock_request(gifts: Sequence[str], wish: Wish, every_day: bool) -> StockRequest:
    return StockRequest(gifts=tuple(gifts), on=wish.on, needed_by=wish.day, every_day=every_day)


def check(
    gifts: Sequence[str],
    envelopes: Mapping[str, Envelope],
    wish: Wish,
    budget: int,
    front: Storefront,
    rates: RateTable | None,
    every_day: bool = False,
) -> tuple[dict[str, Checked], tuple[str, ...]]:
    """Each gift as it may be shown or why not, and what could not be checked now, in words.

    What it costs and when it is there are said of one shop: of the cheapest that is in time.
    """
    prices, stocks = (envelopes.get(name) for name in (PRICE_TOOL, STOCK_TOOL))
    compared = prices.data if prices is not None else None
    counted = stocks.data if stocks is not None else None
    told = [
        f"{what} not checked now ({envelope.tool}: {envelope.status}): as of {front.as_of}"
        for what, envelope in (("prices", prices), ("stock and delivery", stocks))
        if envelope is not None and envelope.data is None
    ]
    told += [
        f"{envelope.tool}: {'; '.join(envelope.words)}"
        for envelope in (prices, stocks)
        if envelope is not None and envelope.status == "stale"
    ]
    if not isinstance(compared, PriceComparison):
        wanted = PriceRequest(gifts=tuple(gifts), on=wish.on, currency=front.snapshot.currency)
        compared = price_comparison(wanted, _listed(front, gifts))
    if not isinstance(counted, InventoryCheck):
        counted = inventory_check(stock_request(gifts, wish, every_day), _listed(front, gifts))
    priced = {answer.gift: answer for answer in compared.gifts}
    stocked = {answer.gift: answer for answer in counted.gifts}
    found = {}
    for gift in gifts:
        offer, shop = _best(priced[gift], stocked[gift], budget, wish.day)
        cost = _cost(gift, offer, front, wish.profile.budget.currency, rates)
        delivery = _delivery(shop, stocked[gift], wish.day)
        why = _held(delivery, wish.day)
        if why is None and offer is None:
            why = "no offer that can be trusted"
        if why is None and cost.total.minor > budget:
            why = f"costs {cost.total} today"
        found[gift] = Checked(gift, cost, delivery, why, priced[gift])
    return found, tuple(told)


def _best(
    priced: GiftPrices, stocked: GiftStock, budget: int, day: date
) -> tuple[LandedOffer | None, ShopStock | None]:
    """The cheapest offer of a shop that is in time, or else of one that may be.

    Prices that are too good to be true are left out: those in doubt below one that is not. Where
    all shops are late, the soonest within the budget: a little more time would buy it.
    """
    having = [offer for offer in priced.offers if offer.stock != 0]
    if not having:
        return None, None
    trusted = [offer.landed.minor for offer in having if offer.doubt is None]
    may = [offer for offer in having if offer.landed.minor >= min(trusted, default=0)]
    same = {(shop.shop, shop.stock, shop.as_of): shop for shop in stocked.shops}
    named = {shop.shop: shop for shop in stocked.shops}

    def standing(offer: LandedOffer) -> tuple[int, bool, date, int]:
        shop = same.get((offer.shop, offer.stock, offer.as_of), named.get(offer.shop))
        price = offer.landed.minor
        if (
            shop is None
            or shop.state == "unknown"
            or (shop.state == "in stock" and not shop.arrives)
        ):
            return 1, False, date.min, price
        if shop.arrives is None:
            return 3, False, date.min, price
        late = shop.arrives > day
        return 2 * late, late and price > budget, shop.arrives if late else date.min, price

    offer = min(may, key=standing)
    return offer, same.get((offer.shop, offer.stock, offer.as_of), named.get(offer.shop))


def _cost(
    gift: str, offer: LandedOffer | None, front: Storefront, currency: str, rates: RateTable | None
) -> Cost:
    """What the offer costs; without one, what the snapshot lists."""
    number, ours = front.snapshot.index[gift], front.snapshot.currency
    if offer is None:
        price = Money(minor=int(front.shelf.price[number]), currency=ours)
        fees = Money(minor=int(front.shelf.fees[number]), currency=ours)
        shop, as_of, stated = None, front.as_of, True
    else:
        price, fees, shop, as_of = offer.price, offer.fees, offer.shop, offer.as_of
        stated = offer.fees_stated
    total = Money(minor=price.minor + fees.minor, currency=ours)
    shopper, rates_of = None, None
    if rates is not None and currency != ours:
        shopper, rates_of = rates.convert(total, currency), rates.on
    return Cost(
        total=total,
        price=price,
        fees=fees,
        fees_stated=stated,
        shop=shop,
        as_of=as_of,
        shopper=shopper,
        rates_of=rates_of,
    )


def _delivery(shop: ShopStock | None, found: GiftStock, day: date) -> Delivery:
    """Of that shop; of all, where it is not known which one has it."""
    if shop is None:
        as_of = min((one.as_of for one in found.shops), default=None)
        in_stock, arrives, in_time = found.in_stock, found.soonest, found.in_time
    else:
        as_of, arrives = shop.as_of, shop.arrives
        in_stock = {"in stock": True, "unknown": None}.get(shop.state, False)
        in_time = False if in_stock is False else None if arrives is None else arrives <= day
    return Delivery(in_stock=in_stock, arrives=arrives, in_time=in_time, as_of=as_of)


def _listed(front: Storefront, gifts: Sequence[str]) -> SnapshotProvider:
    """The snapshot's own rows of some gifts, where a tool did not answer."""
    return SnapshotProvider(_Only(front, gifts))


def _held(delivery: Delivery, day: date) -> str | None:
    if delivery.in_stock is False:
        return "out of stock"
    return f"not there by {day}" if delivery.in_time is False else None


class _Only:
    """A snapshot's tables with the rows of some gifts."""

    def __init__(self, front: Storefront, gifts: Sequence[str]) -> None:
        snapshot = front.snapshot
        self.gifts, self.offers, self.prices, self.demand, self.reviews = (
            snapshot.rows(table, gifts)
            for table in ("gifts", "offers", "prices", "demand", "reviews")
        )
