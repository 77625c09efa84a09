"""The API's routes; what they answer is made in service.py."""

import time
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic_core import to_json

from cinesync.api.models import (
    MOST,
    Answers,
    Batch,
    Feedback,
    Forgotten,
    Happened,
    Listed,
    Page,
    Recommend,
    Recommendations,
    Similar,
    Taken,
    Visit,
)
from cinesync.api.service import RECENT, Met, alike, answered, met, request_of
from cinesync.catalogue import Catalogue
from reccore.bundle.bundle import Bundle
from reccore.serve.feedback import Event
from reccore.serve.live import Serving
from reccore.serve.product import Job, Question
from reccore.serve.refusal import Refusal
from reccore.serve.rollout import unit_of
from reccore.serve.route import REFUSALS, JsonRoute
from reccore.serve.server import Server

ItemId = Annotated[str, Path(max_length=128, description="the item's id")]
UserId = Annotated[str, Path(max_length=128, description="the person's id")]
Count = Annotated[int, Query(ge=1, le=MOST)]
PAGE = 100  # items of a page at most


def router(server: Server[Bundle]) -> APIRouter:
    """Everything under /v1 that is about films and series."""
    routes = APIRouter(prefix="/v1", route_class=JsonRoute, responses=REFUSALS)

    @routes.post("/recommendations", response_model=Recommendations, tags=["recommend"])
    async def recommendations(asked: Recommend) -> Response:
        """The best unseen items for a known user, a history, or somebody with preferences."""
        return _json(await server.respond(question(server, asked)))

    @routes.post("/recommendations/batch", response_model=Answers, tags=["recommend"])
    async def batch(asked: Batch) -> Response:
        """Up to 50 at once, one answer each in order; a refused one says why."""
        parts = []
        for one in asked.requests:
            try:
                parts.append(await server.respond(question(server, one)))
            except Refusal as refusal:
                parts.append(to_json(refusal.to_json()))
        return _json(b'{"answers":[' + b",".join(parts) + b"]}")

    @routes.post("/sessions", response_model=Recommendations, tags=["recommend"])
    async def sessions(asked: Visit) -> Response:
        """What comes next in a session: its items, after what is known of the user, if given."""
        return _json(await server.respond(question(server, asked)))

    @routes.get("/similar/{item:path}", response_model=Similar, tags=["recommend"])
    async def similar_to(item: ItemId, count: Count = 10) -> Response:
        """Items like one."""
        began, serving = time.perf_counter(), server.champion
        rows, _, _ = await server.work.run(lambda: alike(serving.bundle, item, count))
        code = int(serving.bundle.codes([item])[0])
        titles = serving.bundle.items.titles
        return _json(
            to_json(
                {
                    "item": item,
                    "title": None if titles is None else titles[code],
                    "model_version": serving.label,
                    "items": rows,
                    "took_ms": round(1000 * (time.perf_counter() - began), 3),
                }
            )
        )

    @routes.post("/feedback", response_model=Taken, status_code=202, tags=["feedback"])
    async def feedback(asked: Feedback) -> Response:
        """What people did. An event that comes again changes nothing."""
        now = int(time.time())
        events = [event(one, now) for one in asked.events]
        said: list[str] = []
        try:
            added = await server.store.add(events)
        finally:  # a part may be stored though the rest is refused
            for user in {one.user for one in events}:
                said += await server.cache.forget_user(user)
        facts = {
            "stored": added.stored,
            "known_before": added.known_before,
            "conflicts": added.conflicts,
            "degraded": list(dict.fromkeys((*added.degraded, *said))),
        }
        return _json(to_json(facts), 202)

    @routes.get("/items", response_model=Page, tags=["catalogue"])
    def items(  # in a thread: a million titles take a while
        query: Annotated[str, Query(max_length=200, description="words of the title")] = "",
        only: Annotated[
            list[str], Query(max_length=5, description="feature=word, as genres=Comedy")
        ] = [],  # noqa: B006  # FastAPI reads it, nobody writes it
        count: Annotated[int, Query(ge=1, le=PAGE)] = 20,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    ) -> Page:
        """Search the catalogue: the best fit first, then the most popular."""
        catalogue = Catalogue.of(server.champion.bundle)
        found = catalogue.search(query, only, count, offset)
        return Page(items=found.items, total=found.total, next=found.next)

    @routes.get("/items/{item:path}", response_model=Listed, tags=["catalogue"])
    async def item(item: ItemId) -> Listed:
        """One item."""
        return Catalogue.of(server.champion.bundle).one(item)

    @routes.delete("/users/{user:path}", response_model=Forgotten, tags=["privacy"])
    async def forget(user: UserId) -> Forgotten:
        """Remove somebody: from every version in the registry, from feedback and the cache."""
        gone = await server.forget(user)
        return Forgotten(bundles=gone.bundles, events=gone.events, degraded=list(gone.degraded))

    return routes


def question(server: Server[Bundle], asked: Recommend | Visit) -> Question[Bundle]:
    """What the server is asked, so that it can choose who answers, and look it up first."""
    user = asked.user or ""
    history = asked.items if isinstance(asked, Visit) else asked.history
    request = canonical(asked)

    async def make(serving: Serving[Bundle]) -> tuple[Job, tuple[str, ...]]:
        lately, degraded = await _lately(server, user)

        def job() -> bytes:
            bundle = serving.bundle
            return answered(bundle, request_of(asked, bundle, lately), asked.explain)

        return job, degraded

    return Question(user, unit_of(asked.user, None, history or ()), request, make)


def canonical(asked: Recommend | Visit) -> bytes:
    """The same for the same question, whoever asks."""
    what = asked.__pydantic_serializer__.to_json(asked, exclude={"user"}, exclude_defaults=True)
    return type(asked).__name__.encode() + what


def event(one: Happened, now: int) -> Event:
    """As it is stored."""
    at = now if one.at is None else one.at
    return Event(one.id, one.user, one.item, one.kind, one.value, at, one.recommendation_id)


async def _lately(server: Server[Bundle], user: str) -> tuple[Met, tuple[str, ...]]:
    if not user:
        return Met(), ()
    recent = await server.store.of_user(user, RECENT)
    return met(recent.events), recent.degraded


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")
