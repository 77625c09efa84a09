"""What an operator does over HTTP: look, activate, roll back, try a version on some."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field
from pydantic_core import to_json

from reccore.config import Settings
from reccore.serve.edge import Edge
from reccore.serve.rollout import Limits, promote, set_share, start, stop, watch_champions
from reccore.serve.route import REFUSALS, JsonRoute
from reccore.serve.server import Server

Which = Annotated[str, Field(min_length=1, max_length=100)]
Share = Annotated[float, Field(ge=0, le=1)]


class Activate(Settings):
    """Which version shall answer."""

    version: Which = Field("challenger", description="a version, or challenger, or previous")


class Rollback(Settings):
    """Nothing to say: the previous champion answers again."""


class Start(Settings):
    """Try a version beside the champion."""

    version: Which = "challenger"
    share: Share = Field(0.0, description="of the people, who get its answers")
    shadow: Share = Field(0.0, description="of the people, for whom it answers unseen")
    limits: Limits | None = Field(None, description="null: as before")
    watch_champion: bool | None = Field(None, description="roll back new champions, too")


class Change(Settings):
    """Try it on more, or fewer."""

    share: Share | None = None
    shadow: Share | None = None


class Stop(Settings):
    """End the trial; everybody gets the champion."""

    why: Annotated[str, Field(min_length=1, max_length=300)] = "stopped by the operator"


class Promote(Settings):
    """The tried version becomes champion."""

    watch: bool = Field(True, description="roll it back if it breaks the limits")


class WatchChampions(Settings):
    """Whether champions that come from now on are rolled back when they break the limits."""

    on: bool = True
    limits: Limits | None = None


class Operator:
    """What an operator can do, for the API and for the operator's page alike."""

    def __init__(self, server: Server[Any], edge: Edge) -> None:
        self.server, self.edge = server, edge
        self.registry, self.name = server.product.registry, server.name

    async def status(self) -> dict[str, Any]:
        """Versions, what answers, latency by arm, cache, feedback, the last errors."""
        listed = await asyncio.to_thread(self.registry.list, self.name)
        versions = [
            {
                "version": one.version,
                "aliases": one.aliases,
                "problem": one.problem,
                **{key: one.facts.get(key) for key in ("model", "data", "created", "metrics")},
            }
            for one in listed
        ]
        errors = list(self.edge.errors)
        return {
            "name": self.name,
            "versions": versions,
            "errors": errors,
            **self.server.figures(),
        }

    async def activate(self, asked: Activate) -> dict[str, Any]:
        return await self._done(self.registry.activate, self.name, asked.version)

    async def rollback(self, asked: Rollback) -> dict[str, Any]:
        return await self._done(self.registry.rollback, self.name)

    async def start(self, asked: Start) -> dict[str, Any]:
        return await self._done(
            lambda: start(
                self.registry,
                self.name,
                asked.version,
                asked.share,
                asked.shadow,
                asked.limits,
                watch_champion=asked.watch_champion,
            )
        )

    async def change(self, asked: Change) -> dict[str, Any]:
        return await self._done(set_share, self.registry, self.name, asked.share, asked.shadow)

    async def stop(self, asked: Stop) -> dict[str, Any]:
        return await self._done(stop, self.registry, self.name, asked.why)

    async def promote(self, asked: Promote) -> dict[str, Any]:
        return await self._done(lambda: promote(self.registry, self.name, watch=asked.watch))

    async def watch(self, asked: WatchChampions) -> dict[str, Any]:
        return await self._done(watch_champions, self.registry, self.name, asked.on, asked.limits)

    async def _done(self, what: Any, *arguments: Any) -> dict[str, Any]:
        """Do it in a thread, follow the registry, say what holds now."""
        await asyncio.to_thread(what, *arguments)
        await self.server.follow()
        state = self.server.state
        return {
            "aliases": self.registry.aliases(self.name),
            "answers": state.champion.label,
            "plan": state.plan.model_dump(mode="json"),
            "problem": self.server.live.problem,
        }


def admin_router(server: Server[Any], edge: Edge) -> APIRouter:
    """Under /v1/admin; the edge asks for a key with the scope admin."""
    routes = APIRouter(
        prefix="/v1/admin", route_class=JsonRoute, responses=REFUSALS, tags=["operate"]
    )
    operator = Operator(server, edge)

    @routes.get("/status")
    async def status() -> dict[str, Any]:
        """Versions, what answers, latency by arm, cache, feedback, the last errors."""
        return await operator.status()

    @routes.post("/activate")
    async def activate(asked: Activate) -> Response:
        """Make a version the champion once it has proved itself; it answers at once."""
        return _json(await operator.activate(asked))

    @routes.post("/rollback")
    async def rollback(asked: Rollback) -> Response:
        """The previous champion answers again, at once."""
        return _json(await operator.rollback(asked))

    @routes.post("/rollout")
    async def begin(asked: Start) -> Response:
        """Try a version in the shadow, or on a share of the people."""
        return _json(await operator.start(asked))

    @routes.patch("/rollout")
    async def change(asked: Change) -> Response:
        """Raise or lower the share; nobody else changes sides."""
        return _json(await operator.change(asked))

    @routes.post("/rollout/stop")
    async def end(asked: Stop) -> Response:
        """Everybody gets the champion."""
        return _json(await operator.stop(asked))

    @routes.post("/rollout/promote")
    async def promoted(asked: Promote) -> Response:
        """The tried version becomes champion."""
        return _json(await operator.promote(asked))

    @routes.post("/rollout/watch")
    async def watched(asked: WatchChampions) -> Response:
        """Roll back champions that break the limits, or leave them."""
        return _json(await operator.watch(asked))

    return routes


def _json(facts: dict[str, Any]) -> Response:
    return Response(to_json(facts), media_type="application/json")
