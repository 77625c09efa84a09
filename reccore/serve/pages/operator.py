"""The operator's page: what answers, how well, and the levers; all of it works without scripts.

Everything is done by the functions of the admin API. What changes something is a form with a token
of its own session; where there are no API keys the page is open, like that API, and then only to
who asks for this machine by its own name (a name that somebody else's DNS points here will not do).
"""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from reccore.errors import UserError
from reccore.serve.admin import (
    Activate,
    Change,
    Operator,
    Promote,
    Rollback,
    Start,
    Stop,
    WatchChampions,
)
from reccore.serve.edge import Edge
from reccore.serve.gate import caller
from reccore.serve.keys import KeyRing
from reccore.serve.limits import Limit, MemoryLimits
from reccore.serve.pages.figures import Figures
from reccore.serve.pages.forms import read_form
from reccore.serve.pages.pages import Pages, moved
from reccore.serve.pages.sessions import COOKIE, LASTS, Session, Sessions
from reccore.serve.refusal import Refusal
from reccore.serve.route import fault
from reccore.serve.scopes import Rule
from reccore.serve.server import Server

PATH = "/operator"
RULES = [Rule(PATH, None, page=True)]
TRIES = Limit(rate=0.1, burst=5)  # sign-ins of one address
DONE = {
    "activate": "The version answers now.",
    "rollback": "The previous version answers again.",
    "start": "The trial has begun.",
    "change": "The shares are changed.",
    "stop": "The trial is over; everybody gets the champion.",
    "promote": "The tried version is the champion now.",
    "watch": "New champions are watched as you said.",
}


def operator_router(
    server: Server[Any],
    edge: Edge,
    ring: KeyRing | None,
    pages: Pages,
    *,
    anywhere: bool = False,
    secret: bytes | None = None,
) -> APIRouter:
    """`anywhere`: without keys, too, the page answers under any name. `secret`: of replicas that
    shall know each other's sessions."""
    routes = pages.routes()
    operator, sessions, tries = Operator(server, edge), Sessions(ring, secret), MemoryLimits()

    @routes.api_route(PATH, methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        session = here(request)
        said = DONE.get(request.query_params.get("done", ""), "")
        return await shown(request, session or sessions.visit(), said=said)

    @routes.post(PATH + "/sign-in")
    async def sign_in(request: Request) -> Response:
        session, form = await sent(request)
        wait = await tries.take(caller(request.scope.get("client")), TRIES)
        if wait:
            seconds = int(wait) + 1
            words = f"Too many attempts: try again in {seconds} s."
            page = await shown(request, session, 429, problem=words)
            page.headers["Retry-After"] = str(seconds)
            return page
        known = sessions.sign_in(form.get("key", ""))
        if known is None:
            words = "This is no API key with the scope admin."
            return await shown(request, session, 403, problem=words)
        return keep(request, moved(PATH), known)

    @routes.post(PATH + "/sign-out")
    async def sign_out(request: Request) -> Response:
        await sent(request)
        answer = moved(PATH)
        answer.delete_cookie(COOKIE, path=PATH)
        return answer

    @routes.post(PATH)
    async def act(request: Request) -> Response:
        session, form = await sent(request)
        if not sessions.may(session):
            return await shown(request, session, 403, problem="Please sign in first.")
        what = form.get("what", "")
        try:
            await _do(operator, what, form)
        except (UserError, Refusal) as error:
            return await shown(request, session, 422, problem=_words(error))
        return moved(f"{PATH}?done={what}")

    def here(request: Request) -> Session | None:
        """The session of this browser."""
        if sessions.open and not anywhere and not _by_own_name(request):
            raise Refusal(
                403, "not_here", "without API keys this page answers by address or localhost only",
                remedy="ask for http://127.0.0.1, or make a key",
            )  # fmt: skip
        return sessions.find(request.cookies.get(COOKIE))

    async def sent(request: Request) -> tuple[Session, dict[str, str]]:
        """The session and the fields of a form that was given to it."""
        session, form = here(request), await read_form(request)
        if session is None or not sessions.given(session, form.get("token", "")):
            raise Refusal(
                403, "old_form", "this form is too old, or was not made for this browser",
                remedy="open the page again",
            )  # fmt: skip
        return session, form

    async def shown(
        request: Request, session: Session, status: int = 200, problem: str = "", said: str = ""
    ) -> Response:
        """The page, or the form to sign in."""
        facts = {"problem": problem, "token": sessions.form_token(session)}
        if not sessions.may(session):
            found = pages.show(request, "sign_in.html", status, **facts)
        else:
            now = await operator.status()
            found = pages.show(
                request,
                "operator.html",
                status,
                told=said,
                who=session.name if session.known else None,
                now=now,
                **_ranks(now["versions"]),
                figures=Figures.of(server.metrics),
                **facts,
            )
        if request.cookies.get(COOKIE) != session.token:
            keep(request, found, session)
        return found

    def keep(request: Request, answer: Response, session: Session) -> Response:
        answer.set_cookie(
            COOKIE, session.token, max_age=LASTS, path=PATH, httponly=True, samesite="strict",
            secure=request.scope["scheme"] == "https",
        )  # fmt: skip
        return answer

    return routes


def _ranks(versions: list[dict[str, Any]]) -> dict[str, Any]:
    """The newest version first; the one to go back to; those that could be tried."""
    newest = versions[::-1]
    return {
        "versions": newest,
        "previous": next((v["version"] for v in newest if "previous" in v["aliases"]), None),
        "others": [v for v in newest if not v["problem"] and "champion" not in v["aliases"]],
    }


async def _do(operator: Operator, what: str, form: dict[str, str]) -> None:
    """One lever."""
    try:
        match what:
            case "activate":
                await operator.activate(Activate(version=form.get("version", "")))
            case "rollback":
                await operator.rollback(Rollback())
            case "start":
                version, share, shadow = form.get("version", ""), *_shares(form)
                await operator.start(Start(version=version, share=share, shadow=shadow))
            case "change":
                share, shadow = _shares(form)
                await operator.change(Change(share=share, shadow=shadow))
            case "stop":
                await operator.stop(Stop(why="stopped on the operator's page"))
            case "promote":
                await operator.promote(Promote())
            case "watch":
                await operator.watch(WatchChampions(on=form.get("on") == "yes"))
            case _:
                raise UserError(f"nothing is called {what!r}")
    except ValidationError as error:
        raise fault(error) from None


def _shares(form: dict[str, str]) -> tuple[float, float]:
    """Of those who get the version's answers, and of those for whom it answers unseen."""
    return _share(form, "share"), _share(form, "shadow")


def _share(form: dict[str, str], name: str) -> float:
    """Per cent, as people say it."""
    text = form.get(name, "") or "0"
    try:
        return float(text) / 100
    except ValueError:
        raise UserError(f"{name} is {text!r}", "a number of per cent") from None


def _words(error: UserError | Refusal) -> str:
    if isinstance(error, Refusal) and error.field:
        return f"{error.field}: {error.message}"
    return str(error)


def _by_own_name(request: Request) -> bool:
    """localhost, or an address: what no DNS server of somebody else can point here."""
    try:
        host = urlsplit("//" + request.headers.get("host", "")).hostname or ""
        return host == "localhost" or bool(ipaddress.ip_address(host))
    except ValueError:
        return False
