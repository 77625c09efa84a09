"""A request's path, for three readers: the rules, the router, and the log, which may not see it."""

from collections.abc import MutableMapping
from typing import Any

from reccore.serve.metrics import METHODS, OTHER

Scope = MutableMapping[str, Any]


def template(scope: Scope) -> str:
    """The route's path with its parameters' names; never the path itself, which may name a user."""
    # FastAPI's `scope["route"]` lacks the prefixes of the routers it was included through.
    effective = scope.get("fastapi", {}).get("effective_route_context")
    path = getattr(effective or scope.get("route"), "path", None)
    return path if isinstance(path, str) and path else OTHER


def known_method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in METHODS else OTHER


def route_path(scope: Scope) -> str:
    """The path as the router will see it."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root or not path.startswith(root) or path[len(root) : len(root) + 1] not in ("", "/"):
        return path
    return path[len(root) :]
