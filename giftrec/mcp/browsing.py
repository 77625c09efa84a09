"""Looking into the catalogue: by words and conditions, and at one gift."""

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from giftrec.agent.agent import Agent
from giftrec.catalog.search import Filters
from giftrec.mcp.fields import (
    AMOUNT,
    MOST_GIFTS,
    Amount,
    Category,
    GiftId,
    Hobby,
    Occasion,
    Preference,
)
from giftrec.mcp.plain import one_line
from giftrec.mcp.shared import Shared, known, minor
from giftrec.mcp.tool import Answer, Asked, Tell, Tool
from giftrec.money import Money
from giftrec.schema import Record

LONGEST = 4000  # characters of a description


class AskedSearch(Asked):
    words: Annotated[
        str,
        Field(max_length=200, description="all must be in a gift's texts; empty: any gift"),
    ] = ""
    category: Category | None = None
    hobby: Hobby | None = None
    preference: Preference | None = None
    occasion: Occasion | None = None
    at_most: Annotated[Amount | None, Field(description=f"price at most: {AMOUNT}")] = None
    at_least: Annotated[Amount | None, Field(description=f"price at least: {AMOUNT}")] = None
    age: Annotated[
        int | None, Field(ge=0, le=120, description="within the stated ages, if any are")
    ] = None
    stars: Annotated[float | None, Field(ge=1, le=5, description="mean stars, at least")] = None
    brand: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    in_stock: Annotated[bool, Field(description="only what some shop states to have")] = False
    limit: Annotated[int, Field(ge=1, le=MOST_GIFTS)] = 10


class AskedGift(Asked):
    gift: GiftId


class Found(Record):
    """A gift as a list names it."""

    gift: str
    title: str
    category: str | None
    price: Money | None = Field(description="the cheapest on record; none: no shop states one")
    stars: float | None
    ratings: int | None = Field(description="how many ratings")
    fit: float = Field(description="1: every word stands in the title")


class FoundGifts(Record):
    total: int = Field(description="gifts that fit, those beyond the limit too")
    as_of: date
    gifts: tuple[Found, ...] = Field(description="best fit first")


class Described(Record):
    """One gift as the catalogue lists it. None: not known."""

    gift: str
    title: str
    description: str
    category: str | None
    shelf: str | None = Field(description="the source's own category")
    brand: str | None
    price: Money | None
    ages: tuple[int | None, int | None] = Field(description="first and last age it is for")
    hobbies: tuple[str, ...]
    preferences: tuple[str, ...]
    occasions: tuple[str, ...]
    stars: float | None
    ratings: int | None
    source: str | None
    as_of: date


def browsing_tools(shared: Shared) -> tuple[Tool, ...]:
    async def search(asked: AskedSearch, tell: Tell) -> Answer:
        agent = shared.agent()
        filters = _filters(asked, agent)
        hits = await shared.worked(
            lambda: agent.front.snapshot.search(asked.words, asked.limit, filters)
        )
        rows = hits.gifts.iter_rows(named=True)
        found = FoundGifts(
            total=hits.total,
            as_of=agent.front.as_of,
            gifts=tuple(_found(row, agent) for row in rows),
        )
        return Answer(found, _listed(found))

    async def describe(asked: AskedGift, tell: Tell) -> Answer:
        found = described(asked.gift, shared.agent())
        return Answer(found, _told(found))

    return (
        Tool(
            "search_catalogue",
            "Search the catalogue",
            "Find gifts by words and conditions. It knows nothing of the recipient: to choose a"
            " present for somebody, use recommend_gifts.",
            AskedSearch,
            FoundGifts,
            search,
        ),
        Tool(
            "describe_gift",
            "Describe a gift",
            "Everything the catalogue states of one gift. For what it costs today, whether it is"
            " in stock and what people say, use the other tools.",
            AskedGift,
            Described,
            describe,
        ),
    )


def described(gift: str, agent: Agent) -> Described:
    known((gift,), agent)
    listed = agent.front.snapshot.gift(gift)
    return Described(
        gift=listed.id,
        title=listed.title,
        description=listed.description[:LONGEST],
        category=listed.category,
        shelf=listed.shelf,
        brand=listed.brand,
        price=_money(listed.price, agent),
        ages=(listed.age_low, listed.age_high),
        hobbies=listed.hobbies,
        preferences=listed.preferences,
        occasions=listed.occasions,
        stars=listed.stars,
        ratings=listed.ratings,
        source=listed.source,
        as_of=agent.front.as_of,
    )


def _filters(asked: AskedSearch, agent: Agent) -> Filters:
    words = agent.front.vocabulary
    for factor in ("category", "hobby", "preference", "occasion"):
        word = getattr(asked, factor)
        if word is not None:
            words.require(factor, word, factor)
    dearest = None if asked.at_most is None else minor(asked.at_most, "at_most", agent)
    cheapest = None if asked.at_least is None else minor(asked.at_least, "at_least", agent)
    return Filters(
        category=asked.category,
        hobby=asked.hobby,
        preference=asked.preference,
        occasion=asked.occasion,
        dearest=None if dearest is None else max(dearest, 0),
        cheapest=None if cheapest is None else max(cheapest, 0),
        age=asked.age,
        stars=asked.stars,
        brand=asked.brand,
        in_stock=asked.in_stock,
    )


def _found(row: dict[str, Any], agent: Agent) -> Found:
    return Found(
        gift=row["id"],
        title=row["title"],
        category=row["category"],
        price=_money(row["price"], agent),
        stars=row["stars"],
        ratings=row["ratings"],
        fit=round(row["fit"], 3),
    )


def _money(price: int | None, agent: Agent) -> Money | None:
    return None if price is None else Money(minor=price, currency=agent.front.snapshot.currency)


def _listed(found: FoundGifts) -> str:
    if not found.gifts:
        return "No gift fits."
    lines = [f"{len(found.gifts)} of {found.total} gifts:"]
    for gift in found.gifts:
        price = str(gift.price) if gift.price else "price not known"
        stars = f", {gift.stars:.1f} of 5" if gift.stars is not None else ""
        lines.append(f"- {one_line(gift.title)} [{gift.gift}]: {price}{stars}")
    return "\n".join(lines)


def _told(found: Described) -> str:
    price = str(found.price) if found.price else "price not known"
    about = [found.category, found.brand and f"by {one_line(found.brand, 60)}", price]
    lines = [
        f"{one_line(found.title)} [{found.gift}]",
        ", ".join(part for part in about if part),
        one_line(found.description, 600),
    ]
    return "\n".join(line for line in lines if line)
