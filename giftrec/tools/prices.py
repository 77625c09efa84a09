"""price_comparison: what a gift costs with all fees, shop by shop, now and before."""

from collections.abc import Sequence
from datetime import date
from statistics import median

from pydantic import Field

from giftrec.money import Money, RateTable
from giftrec.schema import Record
from giftrec.tools.outliers import outlying
from giftrec.tools.provider import Provider
from giftrec.tools.results import Request, Result
from giftrec.tools.tables import NOT_STATED, Rows, day_of, number_of
from reccore.errors import UserError

HISTORY_DAYS = 90
FEWEST_POINTS = 4  # below, a history says nothing


class PriceRequest(Request):
    currency: str = Field(pattern="^[A-Z]{3}$", description="the shopper's")
    rates: RateTable | None = None


class LandedOffer(Record):
    """One shop's offer: price and fees, in the shopper's currency."""

    shop: str
    landed: Money
    price: Money
    fees: Money
    original: Money | None = Field(None, description="landed, in the shop's own currency")
    fees_stated: bool = True
    stock: int | None = Field(description="none: not stated")
    as_of: date
    doubt: str | None = Field(None, description="why the price is not to be trusted")


class PriceHistory(Record):
    """The cheapest price of each day on record in the 90 days before the newest offer."""

    points: int
    since: date
    until: date
    lowest: Money
    median: Money
    now: Money
    against_median: float = Field(description="now over median, less 1")
    lowest_of_all: bool = Field(description="now is at or below every price on record")


class GiftPrices(Record):
    gift: str
    offers: tuple[LandedOffer, ...] = Field(description="cheapest first")
    best: LandedOffer | None = Field(description="the cheapest to be trusted, in stock if any is")
    history: PriceHistory | None
    words: tuple[str, ...] = ()


class PriceComparison(Result):
    currency: str
    rates_of: date | None = Field(description="the day of the rates, where any were needed")
    gifts: tuple[GiftPrices, ...]


Points = tuple[tuple[int, int], ...]  # (day, cheapest price in minor units), oldest first


def price_comparison(request: PriceRequest, provider: Provider) -> PriceComparison:
    found = compared(request, provider)
    offers = [offer for answer in found for offer in answer.offers]
    converted = any(offer.original is not None for offer in offers)
    return PriceComparison(
        as_of=min((offer.as_of for offer in offers), default=None),
        rows=len(offers) + sum(answer.history.points for answer in found if answer.history),
        currency=request.currency,
        rates_of=request.rates.on if converted and request.rates else None,
        gifts=tuple(found),
        words=_summary(found),
    )


def compared(request: PriceRequest, provider: Provider) -> list[GiftPrices]:
    """Gift by gift; what was compared for this day, currency and rates is remembered."""

    def compute(new: Sequence[str]) -> list[GiftPrices]:
        about, offers = provider.rows("gifts", new), provider.rows("offers", new)
        points = _points(provider, new)
        return [
            _compare(request, gift, offers, nth, _listed(about, nth), points[nth])
            for nth, gift in enumerate(new)
        ]

    rates = "" if request.rates is None else request.rates.model_dump_json()
    kind = f"prices in {request.currency} on {request.on} {rates}"
    return provider.derived(kind, request.gifts, compute)


def _summary(found: list[GiftPrices]) -> tuple[str, ...]:
    without = sum(not answer.offers for answer in found)
    return (f"no offer on record for {without} of {len(found)} gifts",) if without else ()


def _points(provider: Provider, gifts: Sequence[str]) -> list[Points]:
    rows = provider.rows("prices", gifts)
    days, prices = rows.numbers["on"], rows.numbers["price"]
    answers: list[Points] = []
    for nth in range(len(gifts)):
        cheapest: dict[int, int] = {}
        for row in rows.of(nth):
            if prices[row] > 0:
                known = cheapest.get(days[row])
                cheapest[days[row]] = prices[row] if known is None else min(known, prices[row])
        answers.append(tuple(cheapest.items()))
    return answers


def _listed(about: Rows, nth: int) -> Money | None:
    if not about.of(nth):
        return None
    row = about.starts[nth]
    price, currency = about.numbers["price"][row], about.texts["currency"][row]
    return Money(minor=price, currency=currency) if currency and price > 0 else None


def _compare(
    request: PriceRequest, gift: str, rows: Rows, nth: int, listed: Money | None, points: Points
) -> GiftPrices:
    words: list[str] = []
    offers: list[LandedOffer] = []
    left_out: dict[str, int] = {}
    for row in rows.of(nth):
        if day_of(rows.numbers["as_of"][row]) > request.on:
            left_out["dated after today"] = left_out.get("dated after today", 0) + 1
            continue
        if rows.numbers["price"][row] <= 0:
            left_out["without a price"] = left_out.get("without a price", 0) + 1
            continue
        try:
            offers.append(_landed(request, rows, row))
        except UserError as error:
            left_out[error.problem] = left_out.get(error.problem, 0) + 1
    words += [f"{count} offers left out: {why}" for why, count in left_out.items()]
    window = _window(points, offers, request.on)
    offers = _doubted(offers, window, listed, request)
    offers.sort(key=lambda offer: (offer.landed.minor, offer.shop))
    best = _best(offers, words)
    history = _history(window, points, best, listed)
    if history is None and points and best:
        words.append("too little history to compare with")
    return GiftPrices(
        gift=gift, offers=tuple(offers), best=best, history=history, words=tuple(words)
    )


def _landed(request: PriceRequest, rows: Rows, row: int) -> LandedOffer:
    currency = rows.texts["currency"][row] or ""
    stated = rows.numbers["fees"][row] != NOT_STATED
    price, fees = rows.numbers["price"][row], rows.numbers["fees"][row] if stated else 0
    stock = rows.numbers["stock"][row]
    here = request.currency
    if currency == here:
        parts = [Money(minor=minor, currency=here) for minor in (price + fees, price, fees)]
        original = None
    else:
        original = Money(minor=price + fees, currency=currency)
        if request.rates is None:
            raise UserError(f"priced in {currency}, and no rate to {here} was given")
        convert = request.rates.convert
        landed, item = convert(original, here), convert(Money(minor=price, currency=currency), here)
        parts = [landed, item, Money(minor=landed.minor - item.minor, currency=here)]
    return LandedOffer(
        shop=rows.texts["shop"][row] or "",
        landed=parts[0],
        price=parts[1],
        fees=parts[2],
        original=original,
        fees_stated=stated,
        stock=None if stock == NOT_STATED else stock,
        as_of=day_of(rows.numbers["as_of"][row]),
    )


def _window(points: Points, offers: list[LandedOffer], on: date) -> list[tuple[int, int]]:
    """The 90 days that end with the newest offer, or with the record where that is all there is."""
    until = number_of(max((offer.as_of for offer in offers), default=on))
    return [(day, price) for day, price in points if until - HISTORY_DAYS <= day <= until]


def _doubted(
    offers: list[LandedOffer],
    window: list[tuple[int, int]],
    listed: Money | None,
    request: PriceRequest,
) -> list[LandedOffer]:
    witnesses: list[float] = []
    if listed is not None and listed.currency == request.currency:
        witnesses.append(listed.minor)
        if len(window) >= FEWEST_POINTS:
            witnesses.append(median([price for _, price in window]))
    doubts = outlying([offer.price.minor for offer in offers], witnesses)
    return [
        offer if doubt is None else offer.model_copy(update={"doubt": doubt})
        for offer, doubt in zip(offers, doubts, strict=True)
    ]


def _best(offers: list[LandedOffer], words: list[str]) -> LandedOffer | None:
    """The cheapest offer in stock whose price can be right; else the cheapest that may be."""
    may = [offer for offer in offers if offer.stock != 0]
    if not may:
        if offers:
            words.append("no shop has it in stock")
        return None
    trusted = [offer for offer in may if offer.doubt is None]
    if not trusted:
        words.append("every price on offer is doubtful")
    stated = [offer for offer in trusted or may if offer.stock is not None]
    if not stated:
        words.append("no shop states its stock")
    best = (stated or trusted or may)[0]
    if not best.fees_stated:
        words.append("the best offer states no fees")
    return best


def _history(
    window: list[tuple[int, int]],
    points: Points,
    best: LandedOffer | None,
    listed: Money | None,
) -> PriceHistory | None:
    """Histories are in the gift's own currency, so only prices of that currency compare."""
    if best is None or listed is None or best.price.currency != listed.currency:
        return None
    until = number_of(best.as_of)
    if best.original is not None or len(window) < FEWEST_POINTS:
        return None
    money = listed.currency
    middle, now = median([price for _, price in window]), best.price.minor
    return PriceHistory(
        points=len(window),
        since=day_of(window[0][0]),
        until=day_of(window[-1][0]),
        lowest=Money(minor=min(price for _, price in window), currency=money),
        median=Money(minor=round(middle), currency=money),
        now=best.price,
        against_median=round(now / middle - 1, 4),
        lowest_of_all=all(now <= price for day, price in points if day <= until),
    )
