"""Who is signed in to the operator's page: a signed cookie that ends by itself, never the key.

A token names the API key it was made with by name and fingerprint, so it ends with the key:
revoked, expired, or made anew under the same name. Where the server asks for no keys, the token
stands for nobody in particular and only ties forms to the browser they were given to.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from reccore.serve.keys import Key, KeyRing

COOKIE = "operator"
LASTS = 8 * 3600  # seconds
NOBODY = "-"  # no name of a key
VERSION = "1"


@dataclass(frozen=True)
class Session:
    """A token that holds; `name` is the key's."""

    token: str
    name: str

    @property
    def known(self) -> bool:
        return self.name != NOBODY


class Sessions:
    """Makes tokens and checks them; replicas that share a secret know each other's."""

    def __init__(
        self,
        ring: KeyRing | None,
        secret: bytes | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if secret is not None and len(secret) < 32:
            raise ValueError("a secret of at least 32 bytes")
        self._ring, self._clock = ring, clock
        self._secret = secret or secrets.token_bytes(32)

    @property
    def open(self) -> bool:
        """Nobody is asked for a key."""
        return self._ring is None or self._ring.open

    def sign_in(self, presented: str) -> Session | None:
        """A session of an admin key; None where it is not one."""
        key = None if self._ring is None else self._ring.check(presented.strip())
        if key is None or not key.allows("admin"):
            return None
        return self._made(key.name, _fingerprint(key))

    def visit(self) -> Session:
        """Of nobody in particular."""
        return self._made(NOBODY, NOBODY)

    def find(self, token: str | None) -> Session | None:
        """The session of a cookie, if it holds."""
        body, _, signature = (token or "").rpartition("!")
        if not body or not hmac.compare_digest(self._sign("session", body), signature.encode()):
            return None
        version, ends, name, mark, _ = body.split("!")
        if version != VERSION or self._clock() >= int(ends):
            return None
        if name != NOBODY and not self._in_force(name, mark):
            return None
        return Session(token or "", name)

    def may(self, session: Session | None) -> bool:
        """Whether this visitor may see and do anything."""
        return session is not None and (session.known or self.open)

    def form_token(self, session: Session) -> str:
        """What a form carries that was given to this session."""
        return self._sign("form", session.token).decode()

    def given(self, session: Session, token: str) -> bool:
        """Whether a form was given to this session."""
        return hmac.compare_digest(self._sign("form", session.token), token.encode())

    def _made(self, name: str, mark: str) -> Session:
        ends = int(self._clock()) + LASTS
        body = "!".join([VERSION, str(ends), name, mark, secrets.token_hex(8)])
        return Session(f"{body}!{self._sign('session', body).decode()}", name)

    def _in_force(self, name: str, mark: str) -> bool:
        if self._ring is None or self._ring.open:
            return False
        return any(
            key.name == name
            and key.allows("admin")
            and self._clock() < key.ends
            and hmac.compare_digest(_fingerprint(key), mark)
            for key in self._ring.in_force()
        )

    def _sign(self, what: str, text: str) -> bytes:
        return (
            hmac.new(self._secret, f"{what}!{text}".encode(), hashlib.sha256).hexdigest().encode()
        )


def _fingerprint(key: Key) -> str:
    """Tells a key from another of its name, and helps nobody to find it."""
    return hashlib.sha256(b"session!" + key.digest).hexdigest()[:16]
