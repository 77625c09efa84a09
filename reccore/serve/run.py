"""Run an application until a signal ends it: announced at SIGTERM, at once at Ctrl-C."""

import asyncio
import signal
from collections.abc import Callable
from types import FrameType

import uvicorn

from reccore.serve.edge import Edge
from reccore.serve.logs import Form, Logs, install
from reccore.serve.settings import ServeSettings


class Announced(uvicorn.Server):
    """Says that it is not ready, waits until balancers have seen it, then accepts no more."""

    def __init__(self, config: uvicorn.Config, edge: Edge, drain: float) -> None:
        super().__init__(config)
        self.edge, self.drain = edge, drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGTERM or self.edge.draining:
            super().handle_exit(sig, frame)
            return
        self.edge.draining = True
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, self.drain, self._end)

    def _end(self) -> None:
        self.should_exit = True


def run(make: Callable[[Logs], Edge], settings: ServeSettings, level: str, form: Form) -> None:
    """Serve what `make` builds; a server that was told to stop ends with 0."""
    logs = install(level, form)
    try:
        edge = make(logs)
        config = uvicorn.Config(
            edge,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=30,
        )
        server = Announced(config, edge, settings.drain_s)
        server.run()
        if not server.started:
            raise SystemExit(1)  # the log says why
    finally:
        logs.close()
