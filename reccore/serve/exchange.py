"""One request's two pipes, watched: how much came in, what went out, whether the client stayed."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from reccore.serve.metrics import GONE
from reccore.serve.refusal import Refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

CLOSE: Header = (b"connection", b"close")
NO_STORE: Header = (b"cache-control", b"no-store")
SECURITY: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_OURS = frozenset(name for name, _ in (*SECURITY, NO_STORE, (b"x-request-id", b"")))


class Exchange:
    """`send` and `receive` for the route; `answer` for the edge itself.

    A 500 is held back until the route has returned, so that one which raised (Starlette answers
    in plain text first, then raises) can be given the edge's own words.
    """

    __slots__ = (
        "_cap",
        "_headers",
        "_held",
        "_receive",
        "_send",
        "complete",
        "ended",
        "gone",
        "received",
        "started",
        "status",
        "too_large",
    )

    def __init__(self, receive: Receive, send: Send, cap: int, headers: list[Header]) -> None:
        self._receive, self._send, self._cap, self._headers = receive, send, cap, headers
        self._held: list[Message] | None = None
        self.status = 0
        self.received = 0
        self.ended = 0.0  # when the last of the answer was handed over
        self.started = self.complete = self.gone = self.too_large = False

    @property
    def outcome(self) -> int:
        """The status that counts: what was sent; 499 if nobody stayed for it; 500 if it broke."""
        if self.gone:
            return GONE
        return self.status if self.complete else 500

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
            if self.received > self._cap:
                self.too_large = True
                raise too_large(self._cap)
        elif not self.complete:
            self.gone = True
        return message

    async def send(self, message: Message) -> None:
        if self.too_large:  # whatever the route makes of it, the answer is 413
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.status == 500:
                self._held = [message]
            else:
                await self._start(message)
        elif self._held is not None:
            self._held.append(message)
        else:
            await self._pass(message)

    async def release(self) -> None:
        """Send the 500 that was held: the route answered so on purpose."""
        if self._held is not None:
            start, *rest = self._held
            self._held = None
            await self._start(start)
            for message in rest:
                await self._pass(message)

    async def answer(
        self,
        status: int,
        body: Mapping[str, Any] | str,
        headers: Mapping[str, str],
        *,
        linger: int | None = None,
    ) -> None:
        """The edge's own answer: JSON, or a page.

        With `linger`, up to so many bytes still coming are thrown away before the connection
        closes: a client that is cut off while it sends sees no answer.
        """
        page = isinstance(body, str)
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        content = text.encode()
        self._held, self.status = None, status
        start: list[Header] = [
            (b"content-type", b"text/html; charset=utf-8" if page else b"application/json"),
            (b"content-length", b"%d" % len(content)),
            *((name.lower().encode(), value.encode()) for name, value in headers.items()),
        ]
        if linger is not None and CLOSE not in self._headers:
            start.append(CLOSE)
        last: Message = {"type": "http.response.body", "body": content, "more_body": False}
        with contextlib.suppress(OSError):  # nobody is left to hear it
            await self._start({"type": "http.response.start", "status": status, "headers": start})
            if linger:
                await self._pass({**last, "more_body": True})
                await self._throw_away(linger)
                last["body"] = b""
            await self._pass(last)

    async def _throw_away(self, most: int) -> None:
        try:
            async with asyncio.timeout(1.0):
                while most > 0:
                    message = await self._receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
                    most -= len(message.get("body", b""))
        except TimeoutError:
            return

    async def _start(self, message: Message) -> None:
        headers = list(message.get("headers", ()))
        theirs = [name for name, _ in headers if name in _OURS]
        if theirs:
            headers += [header for header in self._headers if header[0] not in theirs]
        else:
            headers += self._headers
        self.started = True
        await self._hand({**message, "headers": headers})

    async def _pass(self, message: Message) -> None:
        # Said before it is so: a server may tell `receive` of the end while it still sends.
        self.complete = not message.get("more_body", False)
        await self._hand(message)
        if self.complete:
            self.ended = time.perf_counter()

    async def _hand(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError:  # how servers say, since ASGI 2.4, that the client went away
            self.gone, self.complete = True, False
            raise


def too_large(cap: int) -> Refusal:
    return Refusal(
        413, "body_too_large", f"the body is larger than {cap} bytes", remedy="send less at a time"
    )
