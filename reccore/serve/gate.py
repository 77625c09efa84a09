"""Who may pass: the key a path asks for, then the rate limit of whoever holds it."""

import ipaddress

from reccore.serve.exchange import too_large
from reccore.serve.headers import LONGEST_KEY, Asked
from reccore.serve.keys import Key, KeyRing
from reccore.serve.limits import Limit, Limits
from reccore.serve.metrics import Metrics
from reccore.serve.paths import Scope
from reccore.serve.refusal import Refusal
from reccore.serve.scopes import Rule, Rules

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """`admit` looks at the key, `count` at the rate; both raise what they refuse with."""

    def __init__(
        self,
        rules: Rules,
        keys: KeyRing | None,
        limits: Limits | None,
        limit: Limit | None,
        body_bytes: int,
        metrics: Metrics | None,
    ) -> None:
        self.rules, self.limits = rules, limits
        self._keys, self._limit, self._body_bytes, self._metrics = keys, limit, body_bytes, metrics

    def admit(self, scope: Scope, asked: Asked, rule: Rule) -> Key | None:
        """The key the request came with, if its path asks for one; refuses what may not pass."""
        if asked.fault is not None:
            raise asked.fault
        if not scope["path"].isprintable() and any(c < " " or c == "\x7f" for c in scope["path"]):
            # Routers match "/x\n" as "/x" (a regex's $), which no rule for "/x" would cover.
            raise Refusal(400, "bad_path", "the path holds a control character", field="path")
        if asked.length is not None and asked.length > self._body_bytes:
            raise too_large(self._body_bytes)
        if self._keys is None or self._keys.open:
            if asked.cross_site and scope["method"] not in SAFE:
                raise Refusal(403, "cross_site", "another site's page may not ask for this")
            return None
        if rule.scope is None:
            return None
        if not asked.key:
            raise Refusal(
                401, "no_key", "this needs an API key", remedy="send Authorization: Bearer KEY"
            )
        key = self._keys.check(asked.key) if len(asked.key) <= LONGEST_KEY else None
        if key is None:
            raise Refusal(401, "bad_key", "the API key is unknown, revoked or expired")
        if rule.scope not in key.grants:
            raise Refusal(
                403,
                "missing_scope",
                f"the key {key.name!r} lacks the scope {rule.scope!r}",
                remedy=f"use a key with the scope {rule.scope!r}",
            )
        return key

    async def count(self, scope: Scope, key: Key | None) -> None:
        limit = (key.limit if key is not None else None) or self._limit
        if limit is None:
            return
        assert self.limits is not None
        who = "key:" + key.name if key is not None else "from:" + caller(scope.get("client"))
        wait = await self.limits.take(who, limit)
        if wait:
            if self._metrics is not None:
                self._metrics.limited()
            raise Refusal(
                429,
                "rate_limited",
                f"more than {limit.rate:g} requests a second (burst {limit.burst})",
                remedy="slow down",
                retry_after=max(1, -int(-wait // 1)),
            )


def challenge_for(refusal: Refusal, rule: Rule) -> str | None:
    """The WWW-Authenticate header of RFC 6750, where one belongs."""
    if refusal.code == "no_key":
        return "Bearer"
    if refusal.code == "bad_key":
        return 'Bearer error="invalid_token"'
    if refusal.code == "missing_scope":
        return f'Bearer error="insufficient_scope", scope="{rule.scope}"'
    return None


def caller(client: tuple[str, int] | None) -> str:
    """Whom an address stands for: an IPv6 customer holds a /64, not an address."""
    if client is None:
        return "local"
    host = client[0]
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return "unknown"
    return str(address.ipv4_mapped or address.packed[:8].hex())
