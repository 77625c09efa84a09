"""A server that answers as a test says: raw bytes, or none at all."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import cast

import pytest

Said = Callable[[bytes, asyncio.Transport], None]


def answer(body: bytes = b"{}", status: int = 200, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Talk(asyncio.Protocol):
    def __init__(self, server: "Server") -> None:
        self.server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.server.talking.add(self)
        self.server.most = max(self.server.most, len(self.server.talking))
        self.server.accepted += 1

    def connection_lost(self, error: Exception | None) -> None:
        self.server.talking.discard(self)

    def data_received(self, data: bytes) -> None:
        self.server.asked.append(data)
        self.server.said(data, self.transport)


class Server:
    """Runs in a thread of its own; `said` decides what becomes of a request."""

    def __init__(self) -> None:
        self.said: Said = lambda _, transport: transport.write(answer())
        self.asked: list[bytes] = []
        self.talking: set[_Talk] = set()
        self.most = self.accepted = 0
        self.loop = asyncio.new_event_loop()
        self.port = 0
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.listen()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def listen(self) -> None:
        asyncio.run_coroutine_threadsafe(self._listen(), self.loop).result(10)

    def vanish(self) -> None:
        """No listener, and every connection reset."""
        asyncio.run_coroutine_threadsafe(self._vanish(), self.loop).result(10)

    def stop(self) -> None:
        self.vanish()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def _listen(self) -> None:
        make = lambda: _Talk(self)  # noqa: E731
        self.listener = await self.loop.create_server(make, "127.0.0.1", self.port)
        self.port = self.listener.sockets[0].getsockname()[1]

    async def _vanish(self) -> None:
        self.listener.close()
        for talk in tuple(self.talking):
            talk.transport.abort()
        await asyncio.sleep(0.01)


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    try:
        yield one
    finally:
        one.stop()
