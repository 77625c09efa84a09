"""The API's routes; recommendations are made in service.py."""

import time

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel
from pydantic_core import to_json

from giftrec.api.answers import Answer, Forgotten, Taken, answer_of
from giftrec.api.gifts import Gifts
from giftrec.api.look import look
from giftrec.api.models import Feedback, Happened, Next, Recommend
from giftrec.api.service import next_one, recommended
from giftrec.counter import Counter
from reccore.serve.feedback import Event
from reccore.serve.refusal import Refusal
from reccore.serve.route import REFUSALS, JsonRoute
from reccore.serve.server import Server


def router(server: Server[Counter]) -> APIRouter:
    """Everything under /v1 that is about gifts."""
    routes = APIRouter(prefix="/v1", route_class=JsonRoute, responses=REFUSALS)

    @routes.post("/recommendations", response_model=Answer, tags=["recommend"])
    async def recommendations(asked: Recommend) -> Response:
        """Gifts for somebody: told in a sentence, or field by field."""
        return _json(answer_of(await recommended(server, asked), asked.explain))

    @routes.post("/recommendations/{id}/next", response_model=Answer, tags=["recommend"])
    async def following(asked: Next, id: str = Path(max_length=128)) -> Response:
        """The slate after one change: another gift, more like one, not this; under a new id."""
        return _json(answer_of(await next_one(server, id, asked), explain=True))

    @routes.post("/feedback", response_model=Taken, status_code=202, tags=["feedback"])
    async def feedback(asked: Feedback) -> Response:
        """What people did with gifts that were shown. An event that comes again changes nothing."""
        now = int(time.time())
        added = await server.store.add([event(one, now) for one in asked.events])
        taken = Taken(
            stored=added.stored,
            known_before=added.known_before,
            conflicts=list(added.conflicts),
            degraded=list(added.degraded),
        )
        return _json(taken, 202)

    @routes.delete("/users/{user:path}", response_model=Forgotten, tags=["privacy"])
    async def forget(user: str = Path(max_length=128)) -> Forgotten:
        """Remove somebody: the recommendations they asked for, and their feedback."""
        gone = await server.forget(user)
        try:
            kept = await Gifts.of(server).kept.forget(user)
        except Refusal as refusal:
            raise Refusal(
                503, refusal.code, f"feedback is cleared, but {refusal.message}",
                remedy="ask again", retry_after=refusal.retry_after,
            ) from None  # fmt: skip
        return Forgotten(recommendations=kept, events=gone.events, degraded=list(gone.degraded))

    look(routes, server)
    return routes


def event(one: Happened, now: int) -> Event:
    """As it is stored; what nobody known did is kept under the recommendation's own name."""
    user = one.user or f"recommendation:{one.recommendation_id}"
    at = now if one.at is None else one.at
    return Event(one.id, user, one.gift, one.kind, None, at, one.recommendation_id)


def _json(answer: BaseModel, status: int = 200) -> Response:
    return Response(to_json(answer), status, media_type="application/json")
