"""Many assistants over HTTP: one path, `/mcp`, behind the same edge as every server here.

The edge asks for API keys, counts requests, caps bodies and writes the access log. Pages of other
sites cannot reach a server on this machine through the visitor's browser: the Host and Origin of a
request have to be ones this server goes by (DNS rebinding).
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn
from mcp.server import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from reccore.errors import UserError
from reccore.serve.edge import Edge, EdgeSettings
from reccore.serve.keys import KeyRing, refuse_open
from reccore.serve.limits import Limit, MemoryLimits
from reccore.serve.logs import Logs
from reccore.serve.scopes import Rule, Rules

PATH = "/mcp"
BODY_BYTES = 256 * 1024
SESSIONS, IDLE_S = 1000, 900.0
GRACE_S = 2  # open streams of assistants that listen are cut then
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - told apart, not bound
RULES = Rules([Rule(PATH, "read"), Rule("/health/live", None, limited=False, exact=True)])


@dataclass(frozen=True)
class Address:
    """Where it listens, and the names it goes by: host names of its URL, with or without port."""

    host: str = "127.0.0.1"
    port: int = 8000
    names: Sequence[str] = ()


def http_edge(
    server: "Server[object]",
    at: Address,
    keys: Path | None = None,
    limit: Limit | None = None,
    logs: Logs | None = None,
) -> Edge:
    """The ASGI application. Another host than this machine's own needs keys and a name."""
    ring = None if keys is None else KeyRing.load(keys)
    refuse_open(at.host, ring, allowed=False)
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=BODY_BYTES,
        session_idle_timeout=IDLE_S,
        max_sessions=SESSIONS,
        transport_security=guard(at),
        custom_starlette_routes=[Route("/health/live", _live)],
    )
    return Edge(
        app,
        rules=RULES,
        settings=EdgeSettings(body_bytes=BODY_BYTES),
        keys=ring,
        limits=None if limit is None else MemoryLimits(),
        limit=limit,
        access=None if logs is None else logs.access,
    )


def guard(at: Address) -> TransportSecuritySettings:
    """The hosts and origins that requests may name."""
    names = [*at.names]
    if at.host in ANY_ADDRESS:
        if not names:
            raise UserError(
                f"{at.host} has no name of its own",
                "say under which one it is reached: --name gifts.example.com",
            )
    elif not _loopback(at.host):
        names.append(f"[{at.host}]" if ":" in at.host else at.host)
    local = ["127.0.0.1", "localhost", "[::1]"]
    hosts = [host for name in (*local, *names) for host in _with_ports(name)]
    return TransportSecuritySettings(
        allowed_hosts=hosts,
        allowed_origins=[f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")],
    )


def _with_ports(name: str) -> tuple[str, ...]:
    """A name that states its port is meant with that port alone."""
    has_port = name.rpartition(":")[2].isdigit() and not name.endswith("]")
    return (name,) if has_port else (name, f"{name}:*")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _live(request: Request) -> JSONResponse:
    return JSONResponse({"status": "live"})


class _Ended(uvicorn.Server):
    """A server that was told to stop ends with 0; told twice, it does not wait."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def serve_http(edge: Edge, at: Address) -> None:
    """Answer until a signal comes."""
    config = uvicorn.Config(
        edge,
        host=at.host,
        port=at.port,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Ended(config)
    server.run()
    if not server.started:
        raise SystemExit(1)  # the log says why
