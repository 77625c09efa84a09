"""Routes that only look: the catalogue, its gifts, and the words that requests are made of."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from giftrec.api.answers import Described, Factors, Found, Listed, Offered, One, Word, Words
from giftrec.api.models import RICHEST
from giftrec.catalog.search import Filters
from giftrec.counter import Counter, Desk
from giftrec.money import Money
from giftrec.vocabulary import Vocabulary
from reccore.errors import UserError
from reccore.serve.refusal import Refusal
from reccore.serve.server import Server

PAGE = 100  # gifts of a page at most
FACTORS = (
    "relationship", "occasion", "hobby", "hobby_category", "preference", "preference_type",
    "category", "age_group", "tool",
)  # fmt: skip
Text = Annotated[str, Query(max_length=200)]
Price = Annotated[int | None, Query(ge=0, le=RICHEST, description="minor units")]


def look(routes: APIRouter, server: Server[Counter]) -> None:
    """Endpoints that run in threads: a hundred thousand gifts take a while."""

    @routes.get("/catalogue", response_model=Described, tags=["catalogue"])
    def catalogue() -> Described:
        """What is in the live catalogue: counts, prices, what is known of its gifts."""
        snapshot = server.champion.bundle.desk.snapshot
        return Described(
            catalogue=snapshot.fingerprint,
            as_of=date.fromisoformat(snapshot.as_of),
            currency=snapshot.currency,
            gifts=len(snapshot),
            facts=snapshot.describe(),
        )

    @routes.get("/catalogue/search", response_model=Found, tags=["catalogue"])
    def search(
        query: Text = "",
        count: Annotated[int, Query(ge=1, le=PAGE)] = 20,
        category: Text = "",
        hobby: Text = "",
        occasion: Text = "",
        dearest: Price = None,
        cheapest: Price = None,
        in_stock: bool = False,
    ) -> Found:
        """Gifts that have all words: in titles first, then by how often they were rated."""
        desk = server.champion.bundle.desk
        filters = Filters(
            category=_word(desk, "category", category),
            hobby=_word(desk, "hobby", hobby),
            occasion=_word(desk, "occasion", occasion),
            dearest=dearest,
            cheapest=cheapest,
            in_stock=in_stock,
        )
        hits = desk.snapshot.search(query, count, filters)
        rows = [_listed(row) for row in hits.gifts.iter_rows(named=True)]
        return Found(catalogue=desk.fingerprint, total=hits.total, gifts=rows)

    @routes.get("/gifts/{id:path}", response_model=One, tags=["catalogue"])
    def gift(id: Annotated[str, Path(max_length=200)]) -> One:
        """One gift, with what every shop asks for it."""
        snapshot = server.champion.bundle.desk.snapshot
        number = snapshot.index.get(id)
        if number is None:
            raise Refusal(
                404, "unknown_gift", f"no gift {id[:120]!r} in this catalogue",
                remedy="GET /v1/catalogue/search finds ids",
            )  # fmt: skip
        offers = [_offered(row) for row in snapshot.rows("offers", [id]).iter_rows(named=True)]
        listed = _listed(snapshot.gifts.row(number, named=True))
        return One(**listed.model_dump(), catalogue=snapshot.fingerprint, offers=offers)

    @routes.get("/vocabulary", response_model=Factors, tags=["vocabulary"])
    def vocabulary() -> Factors:
        """All words that requests may use, by factor."""
        words = server.champion.bundle.desk.vocabulary
        return Factors(factors={factor: words.levels(factor) for factor in FACTORS})

    @routes.get("/vocabulary/{factor}", response_model=Words, tags=["vocabulary"])
    def factor_(factor: Annotated[str, Path(max_length=64)]) -> Words:
        """The words of one factor."""
        if factor not in FACTORS:
            raise Refusal(
                404, "unknown_factor", f"there is no factor {factor!r}",
                remedy=f"known: {', '.join(FACTORS)}",
            )  # fmt: skip
        words = server.champion.bundle.desk.vocabulary
        groups = _groups(words, factor)
        named = [Word(word=word, group=groups.get(word)) for word in words.levels(factor)]
        return Words(factor=factor, words=named)


def _word(desk: Desk, factor: str, word: str) -> str | None:
    """A filter's word, or a refusal that names it."""
    if not word:
        return None
    try:
        desk.vocabulary.require(factor, word, factor)
    except UserError as error:
        raise Refusal(
            422, "unknown_word", error.problem, field=f"query.{factor}", remedy=error.remedy
        ) from None
    return word


def _groups(words: Vocabulary, factor: str) -> dict[str, str]:
    return {"hobby": words.hobbies, "preference": words.preferences}.get(factor, {})


def _listed(row: dict[str, Any]) -> Listed:
    price = row["price"]
    return Listed(
        gift=row["id"],
        title=row["title"],
        description=row["description"] or "",
        category=row["category"],
        brand=row["brand"],
        price=None if price is None else Money(minor=price, currency=row["currency"]),
        ages=(row["age_low"], row["age_high"]),
        hobbies=tuple(row["hobbies"] or ()),
        preferences=tuple(row["preferences"] or ()),
        occasions=tuple(row["occasions"] or ()),
        stars=row["stars"],
        ratings=row["ratings"],
    )


def _offered(row: dict[str, Any]) -> Offered:
    currency = row["currency"]
    return Offered(
        shop=row["shop"],
        price=Money(minor=row["price"], currency=currency),
        fees=None if row["fees"] is None else Money(minor=row["fees"], currency=currency),
        stock=row["stock"],
        lead_days=row["lead_days"],
        as_of=row["as_of"],
    )
