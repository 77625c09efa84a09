"""A client of the server, typed: what is asked by keyword, what is answered as `api.models`.

    with Client("http://127.0.0.1:8000", key="gr_...") as films:
        answer = films.recommendations(history=["10", "20"], count=5, explain=True)
        films.feedback([event("42", answer.items[0].item, "play")])

Connections are kept. Every call here may be repeated without harm (events carry ids of their own),
so a refused connection, a 429 and a 503 are tried again, after what Retry-After asks for, within
`patience` seconds in all. Whatever is left is an `ApiError`.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, Unpack

from cinesync import calls
from cinesync.api.models import (
    Failed,
    Forgotten,
    Happened,
    Listed,
    Page,
    Recommend,
    Recommendations,
    Similar,
    Taken,
)
from cinesync.calls import ApiError, Call, Id, M, Tries, What, Words, event
from reccore.errors import UserError, need

if TYPE_CHECKING:
    import httpx2

__all__ = ["ApiError", "AsyncClient", "Client", "event"]


class _Base:
    """What both clients know."""

    def __init__(
        self,
        url: str,
        key: str | None,
        timeout: float,
        connect: float,
        retries: int,
        patience: float,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise UserError(f"address {url!r}", "such as http://127.0.0.1:8000")
        self._module = need("httpx2", "client")
        self._retries, self._patience = retries, patience
        self._options: dict[str, Any] = {
            "base_url": url,
            "timeout": self._module.Timeout(timeout, connect=connect),
            "headers": {} if key is None else {"Authorization": f"Bearer {key}"},
        }

    def _broken(self, error: Exception) -> ApiError:
        late = self._module.TimeoutException
        timed_out = isinstance(error, late) and not isinstance(error, self._module.ConnectTimeout)
        words = str(error) or type(error).__name__
        return ApiError(0, "timeout" if timed_out else "unreachable", words)


class Client(_Base):
    """Blocking; may be shared by threads."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 5.0,
        connect: float = 2.0,
        retries: int = 3,
        patience: float = 10.0,
        transport: "httpx2.BaseTransport | None" = None,
    ) -> None:
        super().__init__(url, key, timeout, connect, retries, patience)
        self._http = self._module.Client(transport=transport, **self._options)

    def recommendations(
        self,
        *,
        user: Id | None = None,
        history: Sequence[Id] | None = None,
        times: Sequence[int] | None = None,
        preferences: Words | None = None,
        **what: Unpack[What],
    ) -> Recommendations:
        """For exactly one of a known user, a history, or preferences of somebody new."""
        who = {"user": user, "history": history, "times": times, "preferences": preferences}
        return self._send(calls.recommend(who, what))

    def batch(self, requests: Sequence[Recommend]) -> list[Recommendations | Failed]:
        """Many at once, one answer each in order; a refused one says why."""
        return self._send(calls.batch(requests)).answers

    def session(
        self,
        items: Sequence[Id],
        *,
        user: Id | None = None,
        times: Sequence[int] | None = None,
        **what: Unpack[What],
    ) -> Recommendations:
        """What comes next in a session, oldest item first."""
        return self._send(calls.session({"items": items, "user": user, "times": times}, what))

    def similar(self, item: Id, count: int = 10) -> Similar:
        """Items like one."""
        return self._send(calls.similar(item, count))

    def feedback(self, events: Sequence[Happened]) -> Taken:
        """Store what people did; see `event`. More than the server takes at once go in parts."""
        return calls.together([self._send(call) for call in calls.feedback(events)])

    def items(
        self, query: str = "", *, only: Sequence[str] = (), count: int = 20, offset: int = 0
    ) -> Page:
        """Search titles; `only` holds feature=word."""
        return self._send(calls.items(query, only, count, offset))

    def item(self, item: Id) -> Listed:
        """One item."""
        return self._send(calls.item(item))

    def forget(self, user: Id) -> Forgotten:
        """Remove somebody everywhere; the key needs the scope admin."""
        return self._send(calls.forget(user))

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _send(self, call: Call[M]) -> M:
        tries = Tries(self._retries, self._patience, call.stubborn)
        while True:
            try:
                answer = self._http.request(call.method, call.path, **call.options())
                return call.read(answer)
            except self._module.TransportError as error:
                wait = tries.wait_after(self._broken(error))
            except ApiError as error:
                wait = tries.wait_after(error)
            time.sleep(wait)


class AsyncClient(_Base):
    """The same, for an event loop."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 5.0,
        connect: float = 2.0,
        retries: int = 3,
        patience: float = 10.0,
        transport: "httpx2.AsyncBaseTransport | None" = None,
    ) -> None:
        super().__init__(url, key, timeout, connect, retries, patience)
        self._http = self._module.AsyncClient(transport=transport, **self._options)

    async def recommendations(
        self,
        *,
        user: Id | None = None,
        history: Sequence[Id] | None = None,
        times: Sequence[int] | None = None,
        preferences: Words | None = None,
        **what: Unpack[What],
    ) -> Recommendations:
        who = {"user": user, "history": history, "times": times, "preferences": preferences}
        return await self._send(calls.recommend(who, what))

    async def batch(self, requests: Sequence[Recommend]) -> list[Recommendations | Failed]:
        return (await self._send(calls.batch(requests))).answers

    async def session(
        self,
        items: Sequence[Id],
        *,
        user: Id | None = None,
        times: Sequence[int] | None = None,
        **what: Unpack[What],
    ) -> Recommendations:
        return await self._send(calls.session({"items": items, "user": user, "times": times}, what))

    async def similar(self, item: Id, count: int = 10) -> Similar:
        return await self._send(calls.similar(item, count))

    async def feedback(self, events: Sequence[Happened]) -> Taken:
        return calls.together([await self._send(call) for call in calls.feedback(events)])

    async def items(
        self, query: str = "", *, only: Sequence[str] = (), count: int = 20, offset: int = 0
    ) -> Page:
        return await self._send(calls.items(query, only, count, offset))

    async def item(self, item: Id) -> Listed:
        return await self._send(calls.item(item))

    async def forget(self, user: Id) -> Forgotten:
        return await self._send(calls.forget(user))

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def _send(self, call: Call[M]) -> M:
        tries = Tries(self._retries, self._patience, call.stubborn)
        while True:
            try:
                answer = await self._http.request(call.method, call.path, **call.options())
                return call.read(answer)
            except self._module.TransportError as error:
                wait = tries.wait_after(self._broken(error))
            except ApiError as error:
                wait = tries.wait_after(error)
            await asyncio.sleep(wait)
