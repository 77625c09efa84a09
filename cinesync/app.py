"""CineSync as an application: what the server asks of films and series."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cinesync.api.models import Recommend
from cinesync.api.routes import question, router
from cinesync.api.service import most_active
from cinesync.catalogue import Catalogue
from cinesync.web.routes import FOLDER, RULES, SITE, web
from reccore.bundle.answer import Request
from reccore.bundle.bundle import Bundle
from reccore.bundle.golden import rows_of
from reccore.bundle.people import forget
from reccore.bundle.registry import Registry, locked
from reccore.bundle.remembered import Remembered
from reccore.bundle.scorer import Vectors
from reccore.serve.app import Face, Site, build
from reccore.serve.edge import Edge
from reccore.serve.live import Opened
from reccore.serve.logs import Logs
from reccore.serve.pages import Pages
from reccore.serve.product import Product, Question
from reccore.serve.server import Server
from reccore.serve.settings import ServeSettings

WARM = 20  # answers before a bundle is called warm


class Films(Product[Bundle]):
    """The product, as the server sees it."""

    name = "cinesync"

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.server: Server[Bundle] | None = None

    def open(self, folder: Path, settings: ServeSettings) -> Opened[Bundle]:
        """Load a bundle and have it answer what it answered at export."""
        bundle = Bundle.open(folder, settings.threads)
        asked = [Request(**row["request"]) for row in rows_of(bundle)]
        spent = []
        for at in range(WARM):
            began = time.perf_counter()
            bundle.answer(asked[at % len(asked)])
            spent.append(time.perf_counter() - began)
        seconds = float(np.median(spent[WARM // 2 :]))
        Catalogue.of(bundle).search("a", [], 1, 0)  # titles as they are searched
        if isinstance(bundle.scorer, Vectors) and settings.vectors_mb:
            bundle.scorer.remembered = Remembered(settings.vectors_mb << 20)
        return Opened(bundle, bundle.manifest.generation, seconds)

    def facts(self, bundle: Bundle) -> dict[str, Any]:
        """Its size, and the user vectors it remembers."""
        kept = bundle.scorer.remembered if isinstance(bundle.scorer, Vectors) else None
        vectors = {} if kept is None else {n: getattr(kept, n) for n in ("hits", "misses", "bytes")}
        people = 0 if bundle.users is None else len(bundle.users)
        return {"items": len(bundle.items), "users": people, "user_vectors": vectors}

    def frequent(self, bundle: Bundle, most: int) -> Iterator[Question[Bundle]]:
        """The usual question of who is most active."""
        assert self.server is not None
        for user in most_active(bundle, most):
            yield question(self.server, Recommend(user=user))

    def forget(self, folder: Path, user: str) -> bool:
        """Remove a person from one version; False where it does not know them."""
        with locked(folder.parent / ".lock", str(folder.parent)):
            bundle = Bundle.open(folder)
            if not bundle.knows(user):
                return False
            forget(bundle, user)
            return True


def application(
    registry: Registry, name: str, settings: ServeSettings, logs: Logs | None = None
) -> Edge:
    """The server of one model of the registry."""
    films = Films(registry)
    server = films.server = Server(settings, films, name)
    pages = Pages(SITE, FOLDER, server.metrics.refused)
    site = Site(pages, [web(server, pages)], RULES)
    words = "Films and series: what to watch next, and why."
    return build(server, Face(SITE, words, [router(server)], site), settings, logs)
