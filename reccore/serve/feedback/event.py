"""One thing a person did, and what a store of such things promises."""

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from reccore.serve.refusal import Refusal

LAST_SECOND = 253_402_300_799  # the year 9999: milliseconds sent for seconds are found out
LENGTHS = {"id": 64, "user": 256, "item": 256, "kind": 32, "recommendation": 64}

Key = tuple[str, str]  # user, id
Content = tuple[str, str, float | None, str | None]


@dataclass(frozen=True, slots=True)
class Event:
    """A click, a rating, a play. It refuses what no database could hold.

    The key is (user, id), not id alone: one person's client can then neither occupy another's ids
    nor learn from a conflict that they are taken, and deleting a person deletes their keys.
    """

    id: str  # given by the client: sending it again changes nothing
    user: str
    item: str
    kind: str
    value: float | None  # a rating
    at: int  # seconds since the epoch
    recommendation: str | None  # the answer it reacts to

    def __post_init__(self) -> None:
        for name, most in LENGTHS.items():
            text = getattr(self, name)
            if text is None and name == "recommendation":
                continue
            if not 0 < len(text) <= most:
                raise _bad(name, f"has {len(text)} characters", f"1 to {most} are allowed")
            if not text.isascii() and not _encodable(text):
                raise _bad(name, "is not valid text", "send well-formed UTF-8")
            if "\0" in text:
                raise _bad(name, "holds a NUL character", "remove it")
        if self.value is not None and not math.isfinite(self.value):
            raise _bad("value", "is not a number", "send a finite one, or none")
        if not 0 <= self.at <= LAST_SECOND:
            raise _bad("at", "is no time", "seconds since 1970, not milliseconds")

    @property
    def key(self) -> Key:
        return self.user, self.id

    @property
    def content(self) -> Content:
        """What must agree when an id comes again: not `at`, which the server may have set."""
        return self.item, self.kind, self.value, self.recommendation


class Arrival(NamedTuple):
    """An event and when this server took it, in microseconds, never twice the same."""

    event: Event
    received: int


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a batch; ids in `conflicts` were known with other content, which stays."""

    stored: int
    known_before: int
    conflicts: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recent:
    """A person's latest events, oldest first."""

    events: tuple[Event, ...]
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many events are gone; `degraded` says when more follow later."""

    events: int
    degraded: tuple[str, ...] = ()


class Store(Protocol):
    """Events of many people, for servers of one event loop each."""

    async def add(self, events: Sequence[Event]) -> Added:
        """Store a batch; what was stored before is left as it is."""
        ...

    async def of_user(self, user: str, limit: int) -> Recent:
        """The latest `limit` events of a person."""
        ...

    async def forget(self, user: str) -> Forgotten:
        """Delete all of a person's events."""
        ...

    async def expire(self, older_than: int) -> int:
        """Delete what happened before that second; how many events went."""
        ...

    def export(self, since: int = 0) -> AsyncIterator[list[Event]]:
        """All events from that second on, oldest first, in batches."""
        ...

    async def ready(self) -> bool:
        """Whether an event would be taken now."""
        ...

    async def close(self) -> None:
        """Finish what was accepted, then let go of files and connections."""
        ...

    def facts(self) -> dict[str, Any]:
        """Counts for metrics and the operator; nothing personal, no address."""
        ...


def unavailable(message: str, retry_after: int = 5) -> Refusal:
    return Refusal(503, "feedback_unavailable", message, retry_after=retry_after)


def possible(user: str) -> bool:
    """Whether any event can be this person's; asked before a database is, which would fail."""
    return 0 < len(user) <= LENGTHS["user"] and "\0" not in user and _encodable(user)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can express
        return False
    return True


def _bad(field: str, problem: str, remedy: str) -> Refusal:
    return Refusal(422, "invalid_event", f"{field} {problem}", field=field, remedy=remedy)
