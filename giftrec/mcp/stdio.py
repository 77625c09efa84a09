"""One assistant over stdin and stdout: how desktop assistants start a server.

A read of stdin cannot be interrupted, and Python waits at its end for the thread that reads: after
Ctrl-C that would be until the assistant says something more. So a signal ends the process at once,
with what is still to be logged written; nothing of this server is left half done by that.
"""

import asyncio
import os
import signal
from typing import NoReturn

from mcp.server import Server
from mcp.server.stdio import stdio_server

from reccore.serve.logs import Logs


def serve_stdio(server: "Server[object]", logs: Logs) -> None:
    """Answer until stdin ends, or a signal comes."""
    asyncio.run(_serve(server, logs))


async def _serve(server: "Server[object]", logs: Logs) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, logs)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def end(logs: Logs) -> NoReturn:
    """At once, whatever still runs."""
    logs.close()
    os._exit(0)
