"""API keys: random, shown once, stored as hashes, in a file that may change under a running server.

A key is 256 random bits, so a plain sha256 keeps it (slow hashes are for passwords, which can be
guessed). The file's presence closes the server: one that had keys never opens again by itself, not
when the file vanishes, breaks, or loses its last key.
"""

import hashlib
import hmac
import ipaddress
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, Field, model_validator

from reccore.bundle.registry import locked
from reccore.config import Settings, dump_toml, read_toml, to_tree, validate
from reccore.errors import UserError
from reccore.files import write_atomic
from reccore.serve.limits import Limit
from reccore.serve.scopes import GRANTS, Scope

log = logging.getLogger(__name__)

PREFIX = "gr_"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")  # it stands in logs


class Row(Settings):
    """A key as the file keeps it."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    created: AwareDatetime
    expires: AwareDatetime | None = None
    rate: Annotated[float | None, Field(gt=0, le=1e6)] = None
    burst: Annotated[int | None, Field(ge=1)] = None

    @model_validator(mode="after")
    def _rate_has_its_burst(self) -> "Row":
        if (self.rate is None) != (self.burst is None):
            raise ValueError("rate and burst go together")
        return self


class KeyFile(Settings):
    keys: Annotated[dict[str, Row], Field(default_factory=dict)]


@dataclass(frozen=True)
class Key:
    """A key as a request meets it; never the secret."""

    name: str
    digest: bytes
    scopes: tuple[Scope, ...]
    grants: frozenset[Scope]
    created: datetime
    expires: datetime | None
    limit: Limit | None
    ends: float  # seconds since the epoch

    def allows(self, scope: Scope) -> bool:
        return scope in self.grants


class KeyRing:
    """The keys of one file; looks at most once a second whether it changed."""

    def __init__(
        self, path: Path, clock: Callable[[], float], ticks: Callable[[], float], every: float
    ) -> None:
        self.path = path
        self.problem: str | None = None  # why the file's present state is not the one in force
        self._clock, self._ticks, self._every = clock, ticks, every
        self._look_at = ticks() + every
        self._seen = _stamp(path)
        self._closed = self._seen is not None
        self._keys = _read(path) if self._closed else {}

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        every: float = 1.0,
    ) -> "KeyRing":
        """A missing file is a ring without keys, which is open; a broken one is an error."""
        return cls(path, clock, ticks, every)

    @property
    def open(self) -> bool:
        """Nobody ever made keys: everybody may do everything."""
        if self._ticks() >= self._look_at:
            self._look()
        return not self._closed

    def in_force(self) -> list[Key]:
        self._look()
        return sorted(self._keys.values(), key=lambda key: key.name)

    def check(self, presented: bytes | str) -> Key | None:
        """The key this is, if it is one in force.

        Sound in time: what the lookup's time depends on is a hash, which nobody can steer towards
        a stored one without knowing the key; the last word is a comparison in constant time.
        """
        if self._ticks() >= self._look_at:
            self._look()
        raw = presented.encode() if isinstance(presented, str) else presented
        digest = hashlib.sha256(raw).digest()
        key = self._keys.get(digest)
        if key is None or not hmac.compare_digest(key.digest, digest):
            return None
        return key if self._clock() < key.ends else None

    def create(
        self,
        name: str,
        scopes: tuple[Scope, ...],
        expires: datetime | None = None,
        limit: Limit | None = None,
    ) -> tuple[Key, str]:
        """A new key, and its secret, which is nowhere kept."""
        _check_name(name)
        if not scopes:
            raise UserError(f"key {name!r} has no scope", f"one of {', '.join(GRANTS)}")
        if expires is not None and expires.timestamp() <= self._clock():
            raise UserError(f"key {name!r} would expire at {expires}", "a time to come")
        secret = PREFIX + secrets.token_urlsafe(32)
        row = Row(
            sha256=hashlib.sha256(secret.encode()).hexdigest(),
            scopes=tuple(scope for scope in GRANTS if scope in scopes),
            created=datetime.fromtimestamp(int(self._clock()), UTC),
            expires=expires,
            rate=limit.rate if limit else None,
            burst=limit.burst if limit else None,
        )
        with self._changing() as rows:
            if name in rows:
                raise UserError(f"there is a key {name!r}", "revoke it first, or take another name")
            rows[name] = row
        return _key(name, row), secret

    def revoke(self, name: str) -> None:
        with self._changing() as rows:
            if name not in rows:
                known = ", ".join(sorted(rows)) or "none"
                raise UserError(f"no key {name!r} in {self.path}", f"known: {known}")
            del rows[name]

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Row]]:
        """The file's rows, held alone; what became of them is written unless that failed."""
        with locked(self.path.with_name(f".{self.path.name}.lock"), str(self.path)):
            rows = dict(_file(self.path).keys) if self.path.exists() else {}
            yield rows
            text = dump_toml(to_tree(KeyFile(keys=rows)))
            write_atomic(self.path, lambda temporary: _write_private(temporary, text))
            self._look()

    def _look(self) -> None:
        self._look_at = self._ticks() + self._every
        try:
            stamp = _stamp(self.path)
            if stamp == self._seen:
                return
            self._seen = stamp
            if stamp is None:
                raise UserError(f"{self.path} vanished")
            self._keys, self._closed, self.problem = _read(self.path), True, None
        except (UserError, OSError) as error:
            self.problem = str(error)
            self._closed = True
            log.error("the API keys in force stay as they were: %s", error)
        else:
            log.info("API keys read again: %d", len(self._keys))


def refuse_open(host: str, ring: KeyRing | None, allowed: bool) -> None:
    """A server without keys answers its own machine only, unless somebody said otherwise."""
    if allowed or (ring is not None and not ring.open) or _loopback(host):
        return
    raise UserError(
        f"no API keys, and {host} can be reached from other machines",
        "make a key (keys new NAME), bind 127.0.0.1, or say that it shall be open",
    )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise UserError(f"key name {name!r}", "a-z, 0-9, '.', '_' and '-', up to 64 of them")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _file(path: Path) -> KeyFile:
    return validate(KeyFile, read_toml(path), str(path))


def _read(path: Path) -> dict[bytes, Key]:
    if path.stat().st_mode & 0o002:
        raise UserError(f"anybody may write to {path}", f"chmod 600 {path}")
    found: dict[bytes, Key] = {}
    for name, row in _file(path).keys.items():
        _check_name(name)
        key = _key(name, row)
        if key.digest in found:
            raise UserError(
                f"{path}: {name} and {found[key.digest].name} are the same key", "remove one"
            )
        found[key.digest] = key
    return found


def _key(name: str, row: Row) -> Key:
    return Key(
        name=name,
        digest=bytes.fromhex(row.sha256),
        scopes=row.scopes,
        grants=frozenset().union(*(GRANTS[scope] for scope in row.scopes)),
        created=row.created,
        expires=row.expires,
        limit=Limit(row.rate, row.burst) if row.rate and row.burst else None,
        ends=row.expires.timestamp() if row.expires else float("inf"),
    )


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
