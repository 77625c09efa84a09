"""The web app's addresses. It keeps nothing: ratings travel in the visitor's own cookie."""

import re
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cinesync.web.cards import Cards
from cinesync.web.choices import Choices, genres, kinds
from cinesync.web.ratings import STARS, Ratings
from cinesync.web.shelf import PAGE, known, recommended, search, similar
from reccore.bundle.bundle import Bundle
from reccore.serve.pages import Pages
from reccore.serve.pages.forms import local, read_form
from reccore.serve.pages.pages import moved
from reccore.serve.refusal import Refusal
from reccore.serve.scopes import Rule
from reccore.serve.server import Server

SITE = "CineSync"
FOLDER = Path(__file__).parent
LATEST = 6  # ratings that are shown without being asked for
RATING = re.compile(r"([0-5]) (.{1,128})", re.DOTALL)
RULES = [
    Rule("/", None, page=True, exact=True),
    Rule("/search", None, page=True, exact=True),
    Rule("/items", None, page=True),
    Rule("/rate", None, page=True, exact=True),
    Rule("/start-over", None, page=True, exact=True),
]


def web(server: Server[Bundle], pages: Pages) -> APIRouter:
    """Search, rate, recommendations, and one page an item; `pages` are those of `FOLDER`."""
    routes = pages.routes()

    @routes.api_route("/", methods=["GET", "HEAD"])
    async def home(request: Request) -> Response:
        """What to watch next: by the visitor's ratings, or the popular to begin with."""
        bundle = server.champion.bundle
        every = Ratings.of(request)
        ratings = known(bundle, every)
        choices = Choices.of(request.query_params, bundle)
        shelf = await recommended(server, ratings, choices)
        cards = Cards(bundle, ratings)
        mine = [card for one in reversed(list(ratings.stars)) if (card := cards.found(one))]
        more = choices.more()
        return pages.show(
            request,
            "home.html",
            shelf=shelf,
            mine=mine,
            latest=LATEST,
            full=every.full,
            liked=len(ratings.liked),
            choices=choices,
            mix=_mix(choices, bundle),
            kinds=kinds(bundle, choices),
            genres=genres(bundle, choices),
            more=more.address("/") if more and shelf.more else None,
            back=choices.address("/") + "#recommended",
        )

    @routes.api_route("/search", methods=["GET", "HEAD"])
    async def results(request: Request) -> Response:
        """Titles that hold the words."""
        bundle = server.champion.bundle
        ratings = known(bundle, Ratings.of(request))
        choices = Choices.of(request.query_params, bundle)
        found = await search(bundle, choices.query, choices, PAGE, choices.offset)
        cards = Cards(bundle, ratings)
        before = choices.at(choices.offset - PAGE) if choices.offset else None
        after = None if found.next is None else choices.at(found.next)
        return pages.show(
            request,
            "search.html",
            cards=[cards.of(one) for one in found.items],
            total=found.total,
            choices=choices,
            kinds=kinds(bundle, choices),
            genres=genres(bundle, choices),
            before=before.address("/search") if before else None,
            after=after.address("/search") if after else None,
            back=choices.address("/search"),
        )

    @routes.api_route("/items/{item:path}", methods=["GET", "HEAD"])
    async def item(request: Request, item: str) -> Response:
        """One title, and those like it."""
        bundle = server.champion.bundle
        ratings = known(bundle, Ratings.of(request))
        card = Cards(bundle, ratings).found(item)
        if card is None:
            raise Refusal(
                404, "unknown_item", f"there is no title with the id {item[:128]!r}",
                remedy="search for it by its name",
            )  # fmt: skip
        shelf = await similar(server, ratings, item)
        return pages.show(request, "item.html", card=card, shelf=shelf, back=card.page)

    @routes.post("/rate")
    async def rate(request: Request) -> Response:
        """Give an item stars, or take them back."""
        form = await read_form(request)
        given = RATING.fullmatch(form.get("rate", ""))
        if given is None:
            raise Refusal(422, "invalid", f"stars are {STARS[0]} to {STARS[-1]} and an item's id")
        items = server.champion.bundle.items
        code = int(items.ids.few([given[2]])[0])
        if code < 0:
            raise Refusal(404, "unknown_item", f"there is no title with the id {given[2]!r}")
        item = str(items.ids.externals[code])
        answer = moved(_place(form, item))
        Ratings.of(request).rated(item, int(given[1])).keep(request, answer)
        return answer

    @routes.post("/start-over")
    async def start_over(request: Request) -> Response:
        """Forget every rating."""
        form = await read_form(request)
        answer = moved(local(form.get("back", "/")))
        Ratings().keep(request, answer)
        return answer

    return routes


def _place(form: dict[str, str], item: str) -> str:
    """Where the form was; at the item that was rated, unless the form says a better place."""
    back = local(form.get("back", "/"))
    return back if "#" in back else f"{back}#card-{quote(item, safe='')}"


def _mix(choices: Choices, bundle: Bundle) -> int:
    """Per cent of variety that the page shows."""
    served = float(bundle.manifest["served"]["diversity"])
    return round(100 * served) if choices.mix is None else choices.mix
