"""One connection: a request out, its answer in, and what can go wrong with it."""

import asyncio
import time
from typing import Protocol, cast

from benchmarks.load.answers import Answer, MalformedError, Reader


class Owner(Protocol):
    """Who sends over connections, and hears how it went: of each request once."""

    def answered(self, connection: "Connection", answer: Answer) -> None: ...

    def failed(self, why: str) -> None: ...

    def lost(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    """Kept alive, one request at a time."""

    __slots__ = ("_owner", "_reader", "_transport", "busy", "due", "since")

    def __init__(self, owner: Owner) -> None:
        self._owner, self._reader = owner, Reader()
        self._transport: asyncio.Transport | None = None
        self.busy = False
        self.due = 0.0  # when the request should have been sent
        self.since = time.monotonic()  # when it was, or when the last answer came

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, request: bytes, due: float) -> None:
        assert self._transport is not None
        self.busy, self.due, self.since = True, due, time.monotonic()
        self._transport.write(request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        self.busy = False
        if self._transport is not None:
            self._transport.abort()

    def give_up(self, why: str) -> None:
        """The request has failed; what may still come of it must not be taken for the next's."""
        self.abort()
        self._owner.failed(why)

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self.busy:  # nobody asked
            self.close()
            return
        try:
            answer = self._reader.feed(data)
        except MalformedError:
            self.give_up("malformed")
            return
        if answer is not None:
            self._finish(answer)

    def connection_lost(self, error: Exception | None) -> None:
        if self.busy:
            answer = self._reader.end() if error is None else None
            if answer is not None:
                self._finish(answer)
            else:
                self.busy = False
                self._owner.failed("closed" if error is None else "reset")
        self._owner.lost(self)

    def _finish(self, answer: Answer) -> None:
        self.busy, self.since = False, time.monotonic()
        self._owner.answered(self, answer)
