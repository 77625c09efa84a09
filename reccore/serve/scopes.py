"""What a key may do, and which of it a path asks for.

The rules are matched against the very string the router matches (decoded, without the root path),
whole segments at a time, longest prefix first; a path no rule names is not public.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Scope = Literal["read", "write", "admin"]

GRANTS: dict[Scope, frozenset[Scope]] = {  # who may administer may write, who may write may read
    "read": frozenset({"read"}),
    "write": frozenset({"read", "write"}),
    "admin": frozenset({"read", "write", "admin"}),
}


@dataclass(frozen=True)
class Rule:
    """What requests below a prefix need.

    `scope`: None lets anybody in. `methods`: empty means any; GET covers HEAD. `limited`: whether
    the rate limit counts it (probes and scrapes should go uncounted). `page`: a web page or one of
    its files, which says itself how long it may be kept. `exact`: the path alone, nothing below.
    `waits`: it may have to wait for its turn, and is refused before it is read where nobody can.
    """

    prefix: str
    scope: Scope | None
    methods: frozenset[str] = frozenset()
    limited: bool = True
    page: bool = False
    exact: bool = False
    waits: bool = False


class Rules:
    """The rules in the order they are asked: longest prefix first, those that name methods first.

    >>> rules = Rules([Rule("/v1", "read"), Rule("/v1/admin", "admin")])
    >>> rules.find("GET", "/v1/admin/errors").scope, rules.find("GET", "/v1/administrator").scope
    ('admin', 'read')
    """

    def __init__(self, rules: Iterable[Rule], otherwise: Scope | None = "read") -> None:
        ordered = sorted(rules, key=lambda rule: (-len(rule.prefix), not rule.methods))
        self._rules = [
            (
                rule.prefix,
                "\0" if rule.exact else rule.prefix.rstrip("/") + "/",  # no path holds a NUL here
                rule.methods | {"HEAD"} if "GET" in rule.methods else rule.methods,
                rule,
            )
            for rule in ordered
        ]
        self._otherwise = Rule("/", otherwise)

    def find(self, method: str, path: str) -> Rule:
        for prefix, below, methods, rule in self._rules:
            matches = path == prefix or path.startswith(below)
            if matches and (not methods or method in methods):
                return rule
        return self._otherwise
