"""A server as an application: what both products have, and the routes that a product adds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from reccore.errors import UserError
from reccore.run import package_version
from reccore.serve.admin import admin_router
from reccore.serve.edge import Edge, EdgeSettings
from reccore.serve.keys import KeyRing, refuse_open
from reccore.serve.limits import MemoryLimits
from reccore.serve.limits_redis import RedisLimits
from reccore.serve.logs import Logs
from reccore.serve.pages import Pages
from reccore.serve.pages.operator import RULES as OPERATOR
from reccore.serve.pages.operator import operator_router
from reccore.serve.refusal import Refusal
from reccore.serve.route import named
from reccore.serve.scopes import Rule, Rules, Scope
from reccore.serve.server import Server
from reccore.serve.settings import ServeSettings
from reccore.serve.tracing import from_environment

B = TypeVar("B")


@dataclass(frozen=True)
class Site:
    """The web pages of a product."""

    pages: Pages
    routers: list[APIRouter]
    rules: list[Rule]


@dataclass(frozen=True)
class Face:
    """What a product shows: its API under /v1, and pages."""

    title: str
    summary: str
    api: list[APIRouter]
    site: Site | None = None


def build(server: Server[B], face: Face, settings: ServeSettings, logs: Logs | None = None) -> Edge:
    """The application, edge and all; `server` starts and stops with it."""
    ring = None
    if settings.keys is not None:
        if not settings.keys.exists():
            raise UserError(f"no such file of API keys: {settings.keys}", "make one: keys new NAME")
        ring = KeyRing.load(settings.keys)
    refuse_open(settings.host, ring, settings.open)

    limits, tracing = _limits(server, settings), from_environment(face.title)
    if logs is not None:
        server.metrics.watch("log_lines_dropped", lambda: logs.writer.dropped)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await server.start()
        try:
            yield
        finally:
            await server.stop()
            if isinstance(limits, RedisLimits):
                await limits.close()
            if tracing is not None:
                tracing.close()

    app = FastAPI(
        title=face.title,
        summary=face.summary,
        version=package_version(),
        lifespan=life,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    site = face.site if settings.pages else None
    edge = Edge(
        app,
        rules=_rules(settings, site),
        settings=EdgeSettings(body_bytes=settings.body_kb * 1024),
        keys=ring,
        limits=limits,
        limit=settings.limits.limit,
        metrics=server.metrics,
        access=None if logs is None else logs.access,
        tracing=tracing,
        full=server.work.full,
        page=None if site is None else site.pages.said,
    )
    for router in face.api:  # routes are tried in this order
        app.include_router(router)
    app.include_router(_health(server, edge))
    app.include_router(admin_router(server, edge))
    for router in site.routers if site else []:
        app.include_router(router)
    if site is not None:
        app.include_router(site.pages.router())
        secret = settings.operator_secret.encode() or None
        operator = operator_router(
            server, edge, ring, site.pages, anywhere=settings.open, secret=secret
        )
        app.include_router(operator)

    async def refuse(request: Request, error: Exception) -> Response:
        refusal = _refusal(error)
        server.metrics.refused(refusal.code)
        headers = dict(getattr(error, "headers", None) or {})
        return JSONResponse(refusal.to_json(), refusal.status, headers)

    for kind in (Refusal, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, refuse)
    return edge


def _limits(server: Server[Any], settings: ServeSettings) -> MemoryLimits | RedisLimits:
    how = settings.limits
    local = MemoryLimits(how.callers)
    if not how.redis_url:
        return local
    return RedisLimits(
        how.redis_url,
        local=local,
        on_fallback=lambda: server.metrics.fell_back("limits_redis_down"),
    )


def _rules(settings: ServeSettings, site: Site | None) -> Rules:
    """What each path asks for; longer ones count more."""
    metrics: Scope | None = None if settings.public_metrics else "admin"
    pages = [] if site is None else [*site.rules, *site.pages.rules, *OPERATOR]
    return Rules(
        [
            Rule("/health", None, limited=False),
            Rule("/metrics", metrics, limited=False),
            Rule("/openapi.json", None),
            Rule("/v1", "read"),
            Rule("/v1/recommendations", "read", waits=True),
            Rule("/v1/sessions", "read", waits=True),
            Rule("/v1/similar", "read", waits=True),
            Rule("/v1/feedback", "write"),
            Rule("/v1/users", "admin", frozenset({"DELETE"})),
            Rule("/v1/admin", "admin", limited=False),
            *pages,
        ]
    )


def _health(server: Server[Any], edge: Edge) -> APIRouter:
    routes = APIRouter(tags=["health"])

    @routes.get("/health/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @routes.get("/health/ready", responses={503: {"description": "not yet, or no more"}})
    async def ready() -> JSONResponse:
        """A model is loaded and has answered, and the server is not being stopped."""
        if edge.draining or not server.ready:
            why = "draining" if edge.draining else "starting"
            return JSONResponse({"status": why}, 503, {"Retry-After": "1"})
        said = {"status": "ready", "model_version": server.champion.label}
        if (problem := server.problem) is not None:
            said["problem"] = problem
        return JSONResponse(said)

    @routes.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        body, kind = server.metrics.exposition()
        return Response(body, media_type=kind)

    return routes


def _refusal(error: Exception) -> Refusal:
    """Faults of paths, methods and parameters, said as all others are."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RequestValidationError):
        return named(error.errors()[0])
    assert isinstance(error, HTTPException)
    words = {404: "there is nothing here", 405: "this cannot be done here"}
    message = words.get(error.status_code, str(error.detail))
    return Refusal(error.status_code, "no_route", message, remedy="GET /openapi.json lists all")
