"""A server that says the same to whatever it is asked: what the generator alone can reach.

python -m benchmarks.load.constant BYTES
"""

import asyncio
import sys
from typing import cast

FIRST = b"listening on "


def answer(size: int) -> bytes:
    body = b'{"items": "' + b"x" * max(0, size - 13) + b'"}'
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


class Constant(asyncio.Protocol):
    """Takes each piece of data for one request, which those of the generator are."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, _: bytes) -> None:
        self._transport.write(self._said)


async def serve(size: int) -> None:
    said = answer(size)
    server = await asyncio.get_running_loop().create_server(
        lambda: Constant(said), "127.0.0.1", 0, backlog=1024
    )
    print(FIRST.decode() + str(server.sockets[0].getsockname()[1]), flush=True)
    await server.serve_forever()


def main() -> None:
    try:
        import uvloop
    except ModuleNotFoundError:
        asyncio.run(serve(int(sys.argv[1])))
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
