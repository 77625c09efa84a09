"""The page's addresses. It keeps nothing of its own: the wish stands in the address, the basket
and the sentence in the shopper's browser, and what was recommended where the API keeps it too."""

from pathlib import Path
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from giftrec.kept import is_id
from giftrec.web import sentence
from giftrec.web.basket import Basket
from giftrec.web.clicks import clicked
from giftrec.web.facts import Facts, asked_of, gifts_facts, more, shared_facts, start_facts
from giftrec.web.fields import read_query
from giftrec.web.shop import Shop
from giftrec.web.words import COOKIE, LANGUAGES, Words, chosen, words_of
from reccore.serve.pages import Pages
from reccore.serve.pages.forms import read_form
from reccore.serve.pages.pages import moved
from reccore.serve.refusal import Refusal
from reccore.serve.scopes import Rule

SITE = "GiftRec"
FOLDER = Path(__file__).parent
YEAR_S = 365 * 86_400
RULES = [
    Rule("/", None, page=True, exact=True),
    Rule("/say", None, page=True, exact=True),
    Rule("/gifts", None, page=True),
    Rule("/shared", None, page=True),
]
PRIVATE = {"X-Robots-Tag": "noindex"}
SHARED = {**PRIVATE, "Referrer-Policy": "no-referrer"}


def web(shop: Shop, pages: Pages) -> APIRouter:
    """A sentence or a form, five gifts, a basket, and a link to share; `pages` are of `FOLDER`."""
    routes = pages.routes()

    @routes.api_route("/", methods=["GET", "HEAD"])
    async def start(request: Request) -> Response:
        """Who is it for?"""
        words = words_of(chosen(request))
        return _shown(pages, request, words, "start.html", start_facts(request, shop, words))

    @routes.post("/say")
    async def say(request: Request) -> Response:
        """A sentence becomes a wish, and the wish an address."""
        form = await read_form(request)
        text = " ".join((form.get("example") or form.get("say", "")).split())
        if not text:
            return moved("/")
        heard = sentence.heard_of(text, shop.today(), shop.vocabulary, shop.currencies[0])
        answer = moved(sentence.asked_of(heard[0], text, shop.currencies).address)
        sentence.keep(text, request, answer)
        return answer

    @routes.api_route("/gifts", methods=["GET", "HEAD"])
    async def gifts(request: Request) -> Response:
        """Five gifts for the wish of the address."""
        words = words_of(chosen(request))
        facts = await gifts_facts(request, shop, words)
        return _shown(pages, request, words, "gifts.html", facts, PRIVATE)

    @routes.post("/gifts/do")
    async def do(request: Request) -> Response:
        """A click on a card: it changes the address, the basket or both, and is remembered."""
        form = await read_form(request)
        basket = Basket.of(request)
        click = clicked(form.get("do", ""), asked_of(form.get("at", ""), shop), basket)
        place = "/" if form.get("page") == "start" else click.asked.address
        if click.tells and not await shop.tell(click.tells, click.gift, form.get("id", "")):
            place = more(place, "told", "lost")
        answer = moved(f"{place}#{click.anchor}")
        if click.basket is not basket:
            click.basket.keep(request, answer)
        return answer

    @routes.api_route("/shared/{id}", methods=["GET", "HEAD"])
    async def shared(request: Request, id: str) -> Response:
        """What somebody was recommended, for whoever has the link."""
        words = words_of(chosen(request))
        kept = None
        if is_id(id):
            try:
                kept = await shop.kept(id)
            except Refusal as refusal:
                if refusal.status != 410:  # written by another version: as good as gone
                    raise
        if kept is None:
            return _shown(pages, request, words, "gone.html", {}, SHARED, 404)
        facts = await shared_facts(kept, shop, words)
        return _shown(pages, request, words, "shared.html", facts, SHARED)

    return routes


def _shown(
    pages: Pages,
    request: Request,
    words: Words,
    template: str,
    facts: Facts,
    headers: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    """A page in a language; one chosen by a link is remembered."""
    spoken = {"t": words, "lang": words.language, "languages": _languages(request, words)}
    page = pages.show(request, template, status, **spoken, **facts)
    page.headers.update(headers or {})
    page.headers["Vary"] = "X-Part, Accept-Language, Cookie"
    if request.query_params.get("lang") in LANGUAGES:
        page.set_cookie(
            COOKIE, words.language, max_age=YEAR_S, path="/", httponly=True, samesite="strict",
            secure=request.scope["scheme"] == "https",
        )  # fmt: skip
    return page


def _languages(request: Request, words: Words) -> list[tuple[str, str, str, bool]]:
    """(code, name in itself, where this page is in it, whether it is this one)"""
    pairs = [(n, v) for n, v in read_query(request.url.query) if n not in ("lang", "told")]
    path = request.url.path
    addresses = {one: f"{path}?{urlencode([*pairs, ('lang', one)])}" for one in LANGUAGES}
    return [
        (one, words_of(one).name, address, one == words.language)
        for one, address in addresses.items()
    ]
