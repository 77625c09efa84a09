"""Pages made on the server: Jinja2 with everything escaped, and a policy that lets no script in.

A page works by links and forms alone. Where `page.js` runs, it asks for the same addresses with
`X-Part: main`, gets the part that changes, and puts it in place of the old one.
"""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from reccore.errors import UserError
from reccore.serve.pages.assets import Assets
from reccore.serve.refusal import Refusal
from reccore.serve.scopes import Rule

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # without it, browsers hide where a form comes from
    "Vary": "X-Part",
}
TITLES = {
    403: "Not allowed",
    404: "Not found",
    429: "One moment, please",
    503: "One moment, please",
}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Pages:
    """The pages of one site: shared ones, and those of `folder` (templates/ and static/).

    `count` is told the code of every refusal.
    """

    def __init__(
        self,
        site: str,
        folder: Path | None = None,
        count: Callable[[str], None] | None = None,
    ) -> None:
        self.site, self._count = site, count
        folders = [HERE] if folder is None else [HERE, folder]
        self.assets = Assets(one / "static" for one in folders)
        self._templates = Environment(
            loader=ChoiceLoader([FileSystemLoader(one / "templates") for one in reversed(folders)]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.globals |= {"asset": self.assets.url, "site": site}
        for name in self._templates.list_templates(["html"]):
            self._templates.get_template(name)  # a fault shows now, and nobody waits for it later

    @property
    def rules(self) -> list[Rule]:
        """Files are open to all, and cost nothing worth counting."""
        return [Rule("/static", None, limited=False, page=True)]

    def show(
        self, request: Request, template: str, /, status: int = 200, **facts: Any
    ) -> HTMLResponse:
        """A page, or the part of it that was asked for."""
        layout = "part.html" if request.headers.get("x-part") == "main" else "base.html"
        html = self._templates.get_template(template).render(layout=layout, **facts)
        return HTMLResponse(html, status, HEADERS)

    def refused(self, request: Request, refusal: Refusal) -> HTMLResponse:
        """A refusal as a page."""
        if self._count is not None:
            self._count(refusal.code)
        page = self.show(request, "refusal.html", refusal.status, **_told(refusal))
        page.headers.update(refusal.headers)
        return page

    def said(self, refusal: Refusal) -> tuple[str, dict[str, str]]:
        """A refusal from before any page was reached: HTML and headers."""
        page = self._templates.get_template("refusal.html")
        return page.render(layout="base.html", **_told(refusal)), HEADERS

    def routes(self) -> APIRouter:
        """For pages: what is refused is said as a page, and nothing is listed in the API."""
        pages = self

        class PageRoute(APIRoute):
            def get_route_handler(self) -> Handler:
                usual = super().get_route_handler()

                async def handle(request: Request) -> Response:
                    try:
                        return await usual(request)
                    except UserError as error:
                        refusal = Refusal(422, "invalid", error.problem, remedy=error.remedy)
                        return pages.refused(request, refusal)
                    except Refusal as refusal:
                        return pages.refused(request, refusal)

                return handle

        return APIRouter(
            route_class=PageRoute, include_in_schema=False, default_response_class=HTMLResponse
        )

    def router(self) -> APIRouter:
        """The files."""
        routes = self.routes()

        @routes.api_route("/static/{name}", methods=["GET", "HEAD"])
        async def static(name: str) -> Response:
            return self.assets.response(name)

        return routes


def _told(refusal: Refusal) -> dict[str, Any]:
    return {"heading": TITLES.get(refusal.status, "This did not work"), "refusal": refusal}


def moved(place: str) -> RedirectResponse:
    """After a form: look at the result, so that a reload does not send the form again."""
    return RedirectResponse(place, 303, {"Cache-Control": "no-store"})
