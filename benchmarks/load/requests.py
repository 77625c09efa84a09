"""Requests as bytes, built before the clock starts, and who asks them how often."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from reccore.data.seeds import rng
from reccore.errors import UserError


@dataclass(frozen=True)
class Target:
    """Where a server of this machine listens, and the path that is asked."""

    host: str
    port: int
    path: str


def target(url: str) -> Target:
    """Read a URL; anything that is not this machine is refused: this is a test tool."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        here = ipaddress.ip_address(address).is_loopback
    except ValueError:
        here = False
    if not here:
        raise UserError(f"{url} is not on this machine", "use 127.0.0.1, ::1 or localhost")
    if parts.scheme != "http" or parts.username is not None:
        raise UserError(f"{url} is not a plain address", "as in http://127.0.0.1:8000/v1/items")
    try:
        port = parts.port or 80
    except ValueError as error:
        raise UserError(f"{url}: {error}", "as in http://127.0.0.1:8000/v1/items") from None
    return Target(address, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def request(
    url: str, body: bytes | None = None, headers: Mapping[str, str] = {}, method: str | None = None
) -> bytes:
    """One request, whole. With a body it is a POST of JSON."""
    where = target(url)
    lines = {"Host": f"{where.host}:{where.port}", **headers}
    if body is not None:
        lines = {**lines, "Content-Type": "application/json", "Content-Length": str(len(body))}
    for name, value in lines.items():
        if "\r" in name + value or "\n" in name + value:
            raise UserError(f"header {name} holds a line break")
    verb = method or ("GET" if body is None else "POST")
    head = f"{verb} {where.path} HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode("latin-1") + b"\r\n" + (body or b"")


def zipf(n: int, users: int, exponent: float, seed: int) -> npt.NDArray[np.int64]:
    """`n` users out of 0 .. users - 1: the one of rank r comes with weight 1 / r ** exponent.

    Which user has which rank is drawn, too, so that nearness of ids means nothing.
    """
    if n < 0 or users < 1 or exponent < 0:
        raise UserError(f"zipf of {n} draws, {users} users, exponent {exponent}")
    draw = rng(seed, "zipf")
    share = np.arange(1, users + 1, dtype=np.float64) ** -exponent
    total = np.cumsum(share)
    ranks = np.searchsorted(total, draw.random(n) * total[-1], side="right")
    names: npt.NDArray[np.int64] = draw.permutation(users).astype(np.int64)
    chosen: npt.NDArray[np.int64] = names[np.minimum(ranks, users - 1)]
    return chosen
