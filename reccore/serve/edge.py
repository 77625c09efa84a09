"""Everything between the socket and a route, in one pass that costs some tens of microseconds.

A request gets its id, is measured, must show a key with the scope its path asks for, and is counted
against a rate limit; its answer gets the security headers; afterwards it is one line in the log and
one observation in the metrics. What escapes a route becomes a 500 that says nothing but the id.

Pure ASGI, around the whole application (`uvicorn.run(Edge(app, ...), log_config=None,
access_log=False)`), so nothing is reached but through it. Behind a proxy, uvicorn's
`forwarded_allow_ips` decides whose word on the client's address counts. Headers are counted here,
but only after uvicorn has read them all (its httptools parser knows no limit): a server open to the
world wants a proxy in front.
"""

import asyncio
import itertools
import logging
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, TypedDict

from pydantic import Field
from starlette.requests import ClientDisconnect

from reccore.config import Settings
from reccore.errors import UserError
from reccore.serve.exchange import (
    CLOSE,
    NO_STORE,
    SECURITY,
    Exchange,
    Header,
    Receive,
    Send,
    too_large,
)
from reccore.serve.gate import Gate, challenge_for
from reccore.serve.headers import Asked
from reccore.serve.keys import Key, KeyRing
from reccore.serve.limits import Limit, Limits
from reccore.serve.logs import AccessLog, scrubbed
from reccore.serve.metrics import GONE, Metrics
from reccore.serve.paths import Scope, known_method, route_path, template
from reccore.serve.refusal import Refusal
from reccore.serve.scopes import Rule, Rules
from reccore.serve.tracing import Tracing

log = logging.getLogger(__name__)

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class EdgeSettings(Settings):
    """`linger_bytes`: how much of a refused body is read and thrown away, so that its sender sees
    the answer. `log_addresses` is personal data, so it is off."""

    body_bytes: Annotated[int, Field(ge=0)] = 1024 * 1024
    linger_bytes: Annotated[int, Field(ge=0)] = 16 * 1024 * 1024
    errors_kept: Annotated[int, Field(ge=0)] = 50
    log_addresses: bool = False


class Escaped(TypedDict):
    """An exception that escaped a route, for the operator's page."""

    at: str
    request_id: str
    method: str
    route: str
    error: str
    trace: list[str]


class Edge:
    """`keys` None or open: everybody may do everything (see `keys.refuse_open`).

    `limit` is for callers whose key has none of its own: by key, or by address without one.
    `page` says a refusal to who reads pages: HTML and its headers.
    """

    def __init__(
        self,
        app: App,
        *,
        rules: Rules,
        settings: EdgeSettings | None = None,
        keys: KeyRing | None = None,
        limits: Limits | None = None,
        limit: Limit | None = None,
        metrics: Metrics | None = None,
        access: AccessLog | None = None,
        tracing: Tracing | None = None,
        full: Callable[[], Refusal | None] = lambda: None,
        page: Callable[[Refusal], tuple[str, dict[str, str]]] | None = None,
    ) -> None:
        if getattr(app, "root_path", ""):
            raise UserError(  # the router would then strip what the rules still see
                "the application has a root_path of its own", "give it to uvicorn instead"
            )
        self.app = app
        self.settings = settings or EdgeSettings()
        self.draining = False
        self.in_flight = 0
        self.errors: deque[Escaped] = deque(maxlen=self.settings.errors_kept)
        self._full, self._page = full, page
        self._gate = Gate(rules, keys, limits, limit, self.settings.body_bytes, metrics)
        self._metrics, self._access, self._tracing = metrics, access, tracing
        self._body_bytes = self.settings.body_bytes
        self._ids = itertools.count()
        self._id_prefix = os.urandom(6).hex()
        self._nothing_left = asyncio.Event()
        if metrics is not None:
            metrics.watch("in_flight", lambda: self.in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http":  # there are no websockets here
            await send({"type": "websocket.close", "code": 1008})
        elif self._tracing is None:
            await self._request(scope, receive, send)
        else:
            with self._tracing.request(scope["headers"]) as told:
                status = await self._request(scope, receive, send)
                request_id = scope["state"]["request_id"]
                told.end(known_method(scope), template(scope), status, request_id)

    async def idle(self, timeout: float) -> bool:
        """Once draining: wait until no request is being answered; False if some still are."""
        deadline = time.monotonic() + timeout
        while self.in_flight and (left := deadline - time.monotonic()) > 0:
            self._nothing_left.clear()
            try:
                await asyncio.wait_for(self._nothing_left.wait(), left)
            except TimeoutError:
                break
        return not self.in_flight

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> int:
        began = time.perf_counter()
        self.in_flight += 1
        asked = Asked(scope["headers"])
        request_id = asked.request_id or f"{self._id_prefix}{next(self._ids):08x}"
        state = scope.get("state")
        if state is None:
            state = scope["state"] = {}
        state["request_id"] = request_id
        gate = self._gate
        rule = gate.rules.find(scope["method"], route_path(scope))
        headers: list[Header] = [(b"x-request-id", request_id.encode()), *SECURITY]
        if not rule.page:
            headers.append(NO_STORE)
        if self.draining:
            headers.append(CLOSE)
        exchange = Exchange(receive, send, self._body_bytes, headers)
        key: Key | None = None
        status = 500
        try:
            try:
                key = state["key"] = gate.admit(scope, asked, rule)
                if rule.limited and gate.limits is not None:
                    await gate.count(scope, key)
                if rule.waits and (refusal := self._full()) is not None:
                    raise refusal  # now: to read and check a body first would cost as much again
                await self.app(scope, exchange.receive, exchange.send)
                await self._finish(exchange)
            except Refusal as refusal:
                await self._refuse(exchange, asked, rule, refusal)
            except Exception as error:
                await self._fail(scope, exchange, asked, rule, error)
            status = exchange.outcome
        except asyncio.CancelledError:
            status = exchange.status if exchange.complete else GONE
            raise
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self._nothing_left.set()
            self._tell(
                scope, request_id, status, (exchange.ended or time.perf_counter()) - began, key
            )
        return status

    async def _finish(self, exchange: Exchange) -> None:
        """The route returned; see that its client has an answer."""
        if exchange.too_large:
            raise too_large(self._body_bytes)
        if not exchange.status and not exchange.gone:
            raise RuntimeError("the route returned without an answer")
        await exchange.release()

    async def _refuse(self, exchange: Exchange, asked: Asked, rule: Rule, refusal: Refusal) -> None:
        if self._metrics is not None:
            self._metrics.refused(refusal.code)
        if exchange.started or exchange.gone:
            return  # too late to say so; the server cuts an unfinished answer off
        headers = refusal.headers
        if (challenge := challenge_for(refusal, rule)) is not None:
            headers = {**headers, "WWW-Authenticate": challenge}
        linger = 0 if asked.chunked else None  # None: the connection may live on
        if refusal.status == 413:
            fits = asked.length is None or asked.length <= self.settings.linger_bytes
            linger = self.settings.linger_bytes if fits and not asked.expects else 0
        if rule.page and self._page is not None and not asked.part:
            html, more = self._page(refusal)
            return await exchange.answer(refusal.status, html, {**more, **headers}, linger=linger)
        await exchange.answer(refusal.status, refusal.to_json(), headers, linger=linger)

    async def _fail(
        self,
        scope: Scope,
        exchange: Exchange,
        asked: Asked,
        rule: Rule,
        error: Exception,
    ) -> None:
        """An exception escaped: log where, remember it, and say nothing but the id."""
        if exchange.too_large:  # what the route made of its receive refusing to go on
            return await self._refuse(exchange, asked, rule, too_large(self._body_bytes))
        if exchange.gone and isinstance(error, OSError | ClientDisconnect):
            return None
        if self._metrics is not None:
            self._metrics.failed()
        request_id = scope["state"]["request_id"]
        method, route, told = known_method(scope), template(scope), scrubbed(error)
        log.error(
            "a route failed",
            extra={"request_id": request_id, "method": method, "route": route} | told,
        )
        self.errors.append(
            Escaped(
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                request_id=request_id,
                method=method,
                route=route,
                error=type(error).__name__,
                trace=told["trace"],
            )
        )
        if exchange.started:
            return None
        body = {
            "code": "internal",
            "message": "the server failed; its log has the reason under this request id",
            "request_id": request_id,
        }
        return await exchange.answer(500, {"error": body}, {})

    def _tell(
        self, scope: Scope, request_id: str, status: int, seconds: float, key: Key | None
    ) -> None:
        method, route = known_method(scope), template(scope)
        if self._metrics is not None:
            self._metrics.request(method, route, status, seconds)
        if self._access is not None:
            client = scope.get("client")
            address = str(client[0]) if client and self.settings.log_addresses else None
            name = key.name if key is not None else None
            self._access.line(request_id, method, route, status, seconds * 1000, name, address)
