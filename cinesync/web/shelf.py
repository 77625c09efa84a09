"""What a page shows: recommendations for the rated, the popular for who rated nothing, look-alikes.

All of it by the functions behind the API, with its queue, cache and trials; no request is made.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from cinesync.api.models import Recommend
from cinesync.api.routes import question
from cinesync.api.service import alike
from cinesync.catalogue import Catalogue, Found
from cinesync.web.cards import Card, Cards
from cinesync.web.choices import Choices
from cinesync.web.ratings import Ratings
from reccore.bundle.bundle import Bundle
from reccore.errors import UserError
from reccore.serve.server import Server

PAGE = 24  # items of a page of results
ALIKE = 8
EXPECTED = ("fewer_items", "no_times")  # a page asks for all it can show, and knows no times


@dataclass(frozen=True)
class Shelf:
    """Some cards, and what was not as asked, in words."""

    cards: list[Card]
    notes: tuple[str, ...] = ()
    mine: bool = False  # made from ratings
    model: str = ""
    version: str = ""
    more: bool = False


async def recommended(server: Server[Bundle], ratings: Ratings, choices: Choices) -> Shelf:
    """For somebody with these ratings, all of items that the bundle knows."""
    if not ratings.liked:
        return await popular(server, ratings, choices)
    asked = Recommend(
        history=ratings.liked,
        exclude=list(ratings.stars),
        only=choices.only,
        diversity=None if choices.mix is None else choices.mix / 100,
        count=choices.count,
        explain=True,
    )
    answer: dict[str, Any] = json.loads(await server.respond(question(server, asked)))
    cards = Cards(server.champion.bundle, ratings).answered(answer["items"])
    return Shelf(
        cards,
        tuple(one["words"] for one in answer["degraded"] if one["code"] not in EXPECTED),
        not any(card.popular for card in cards),
        answer["model"],
        answer["model_version"],
        len(cards) == choices.count,
    )


async def popular(server: Server[Bundle], ratings: Ratings, choices: Choices) -> Shelf:
    """What most people have met, but for what was rated."""
    bundle = server.champion.bundle
    wanted = choices.count + len(ratings)
    found = await search(bundle, "", choices, wanted, 0)
    cards = Cards(bundle, ratings)
    shown = [cards.of(one) for one in found.items if one.item not in ratings.stars]
    return Shelf(shown[: choices.count], more=len(shown) > choices.count or found.next is not None)


async def search(bundle: Bundle, query: str, choices: Choices, count: int, offset: int) -> Found:
    """A page of what is found."""
    only = [f"{feature}={word}" for feature, words in choices.only.items() for word in words]
    catalogue = Catalogue.of(bundle)
    return await asyncio.to_thread(catalogue.search, query, only, count, offset)


async def similar(server: Server[Bundle], ratings: Ratings, item: str) -> Shelf:
    """Items like one, where the model can tell."""
    bundle = server.champion.bundle
    try:
        rows, _, _ = await server.work.run(lambda: alike(bundle, item, ALIKE))
    except UserError as error:
        return Shelf([], (error.problem,))
    return Shelf(Cards(bundle, ratings).answered(rows))


def known(bundle: Bundle, ratings: Ratings) -> Ratings:
    """Ratings of items that the bundle has; after a change of model it may lack some."""
    items = list(ratings.stars)
    if not items:
        return ratings
    there = bundle.codes(items) >= 0
    return ratings.among({item for item, is_there in zip(items, there, strict=True) if is_there})
