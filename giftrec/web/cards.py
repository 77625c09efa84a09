"""The gifts of an answer as cards: every fact in words, with what is not known said."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from giftrec.agent.reply import Cost, Delivery, Opinion, Pick, Reason
from giftrec.money import Money
from giftrec.vocabulary import Vocabulary
from giftrec.web.asked import Asked
from giftrec.web.basket import Basket
from giftrec.web.words import Said, Words

HUES = 13  # of the style sheet: one a category
PRAISED = 2  # aspects that are named


@dataclass(frozen=True)
class Price:
    """What it costs in the shopper's money; `original` where that is another."""

    total: Money
    shown: str
    original: str = ""
    rate: str = ""
    parts: str = ""
    shop: str = ""
    as_of: str = ""


@dataclass(frozen=True)
class Card:
    """One gift as it is shown."""

    gift: str
    slot: str
    slot_name: str
    slot_says: str
    title: str
    category: str
    hue: int
    price: Price
    stock: str
    stock_as_of: str
    late: bool
    stars: str
    reviews: str
    opinion: tuple[str, ...]
    doubt: str
    reasons: tuple[Said, ...]
    up: bool = False
    down: bool = False
    in_basket: bool = False

    @property
    def key(self) -> str:
        """The id as part of an element's name."""
        return quote(self.gift, safe="")

    @property
    def amount(self) -> str:
        return f"{self.price.total.minor}{self.price.total.currency}"


class Cards:
    """Makes cards in one language."""

    def __init__(
        self, words: Words, vocabulary: Vocabulary, ratings: Mapping[str, tuple[float, int]]
    ) -> None:
        self._words, self._ratings = words, ratings
        self._hues = {name: at % HUES for at, name in enumerate(vocabulary.levels("category"))}

    def of(self, pick: Pick, asked: Asked, basket: Basket) -> Card:
        words, category = self._words, pick.category or ""
        stars, reviews = _reviews(pick.opinion, self._ratings.get(pick.gift), words)
        return Card(
            gift=pick.gift,
            slot=pick.slot,
            slot_name=words(f"slot.{pick.slot}.name"),
            slot_says=words(f"slot.{pick.slot}.says"),
            title=pick.title,
            category=words.term("category", category) if category else "",
            hue=self._hues.get(category, 0),
            price=price_of(pick.cost, words),
            stock=stock_of(pick.delivery, words),
            stock_as_of=_as_of(pick.delivery, words),
            late=pick.delivery.in_time is False,
            stars=stars,
            reviews=reviews,
            opinion=_aspects(pick.opinion, words),
            doubt=_doubt(pick.opinion, words),
            reasons=tuple(_reason(reason, words) for reason in pick.reasons),
            up=pick.gift in asked.up,
            down=pick.gift in asked.down,
            in_basket=pick.gift in basket.rows,
        )


def _reason(reason: Reason, words: Words) -> Said:
    """A preference is said by its bare word; all else is a sentence."""
    term = reason.words.replace(" ", "_")
    if reason.signal == "preference" and words.knows("preference", term):
        return Said(words.term("preference", term))
    return words.said(reason.words)


def price_of(cost: Cost, words: Words) -> Price:
    """The whole price first, then what it is made of."""
    total = cost.shopper or cost.total
    if not cost.fees_stated:
        parts = words("price.fees_unknown")
    elif cost.fees.minor:
        facts = {"price": words.money(cost.price), "fees": words.money(cost.fees)}
        parts = words("price.parts", **facts)
    else:
        parts = words("price.no_fees")
    converted = cost.shopper is not None and cost.rates_of is not None
    return Price(
        total=total,
        shown=words.money(total),
        original=words.money(cost.total) if converted else "",
        rate=words("price.rate", day=words.day(cost.rates_of, year=True))
        if converted and cost.rates_of
        else "",
        parts=parts,
        shop=words("price.shop", shop=cost.shop) if cost.shop else words("price.no_shop"),
        as_of=words("as_of", day=words.day(cost.as_of, year=True)) if cost.as_of else "",
    )


def stock_of(delivery: Delivery, words: Words) -> str:
    """Whether it is there, and when it can be."""
    key = {True: "stock.yes", False: "stock.no", None: "stock.unknown"}[delivery.in_stock]
    if delivery.arrives is None:
        return f"{words(key)}; {words('delivery.unknown')}"
    return f"{words(key)}; {words('delivery.there', day=words.day(delivery.arrives))}"


def _as_of(delivery: Delivery, words: Words) -> str:
    return words("as_of", day=words.day(delivery.as_of, year=True)) if delivery.as_of else ""


def _reviews(
    opinion: Opinion | None, rated: tuple[float, int] | None, words: Words
) -> tuple[str, str]:
    """Stars and their number: as the reviews were read, else as the catalogue counts them."""
    if opinion is not None and opinion.count:
        return words.number(opinion.rating), words("reviews.count", n=opinion.count)
    if rated is not None:
        return words.number(rated[0]), words("reviews.rated", n=rated[1])
    return "", words("reviews.none")


def _aspects(opinion: Opinion | None, words: Words) -> tuple[str, ...]:
    if opinion is None or not opinion.count:
        return ()
    told = (("reviews.praised", opinion.praised), ("reviews.blamed", opinion.blamed))
    return tuple(
        words(key, what=words.list([words.term("aspect", name) for name in names[:PRAISED]]))
        for key, names in told
        if names
    )


def _doubt(opinion: Opinion | None, words: Words) -> str:
    if opinion is None or not opinion.doubt:
        return ""
    return words("reviews.doubt", why=words.said(opinion.doubt).text)
