"""The gift product as an application: its API and its pages on the shared server."""

from importlib.util import find_spec

from giftrec.api.gifts import Gifts
from giftrec.api.routes import router
from giftrec.counter import Counter
from reccore.serve.app import Face, Site, build
from reccore.serve.edge import Edge
from reccore.serve.logs import Logs
from reccore.serve.pages import Pages
from reccore.serve.server import Server

TITLE = "Giftrec"
SUMMARY = "Gifts that fit: five of them, buyable, within budget, and why."


def application(gifts: Gifts, name: str, logs: Logs | None = None) -> Edge:
    """The server of one model of the registry, over the catalogue of the settings."""
    server: Server[Counter] = Server(gifts.settings, gifts, name)
    face = Face(TITLE, SUMMARY, [router(server)], _site(server))
    return build(server, face, gifts.settings, logs)


def _site(server: Server[Counter]) -> Site | None:
    if not server.settings.pages or find_spec("giftrec.web") is None:
        return None
    from giftrec.api.shop import ServedShop
    from giftrec.web.routes import FOLDER, RULES, SITE, web

    pages = Pages(SITE, FOLDER, server.metrics.refused)
    return Site(pages, [web(ServedShop(server), pages)], RULES)
