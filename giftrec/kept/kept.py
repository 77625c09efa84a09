"""One recommendation that was made, and what a store of such promises.

Its id is what opens it (a link that is shared), so it is drawn at random and cannot be guessed.
"""

import re
import secrets
from base64 import b32encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticSerializationError

from giftrec.agent.wish import MOST, Wish
from giftrec.schema import Id, Record
from giftrec.vocabulary import TOOLS
from reccore.serve.feedback.event import LAST_SECOND, possible
from reccore.serve.refusal import Refusal

ID = re.compile(r"[a-z2-7]{26}")  # 128 bits in base32
MOST_PASSED_OVER = 500  # as many as a wish may name in `not_these`
MOST_BYTES = 65_536  # of the JSON: a usual wish has 500

Row = tuple[str, str | None, int, str]  # id, user, at, body


class Body(Record):
    """What is stored as JSON, and read back as strictly as it was written."""

    wish: Wish
    shown: tuple[Id, ...] = Field(max_length=MOST)
    passed_over: tuple[Id, ...] = Field((), max_length=MOST_PASSED_OVER)
    told: dict[str, tuple[float, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not self.told.keys() <= set(TOOLS):
            raise ValueError("told names an unknown tool")
        if any(len(values) != len(self.shown) for values in self.told.values()):
            raise ValueError("told has not a value for every gift shown")
        return self


@dataclass(frozen=True, slots=True)
class Kept:
    """What was asked, and what was shown. It refuses what no database could hold."""

    id: str  # from `new_id`
    user: str | None  # who asked; none: nobody who is known
    wish: Wish
    shown: tuple[str, ...]  # in the order of the slate
    passed_over: tuple[str, ...]  # shown by earlier slates of the same search, and not wanted
    at: int  # seconds since the epoch
    told: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """What the tools that were asked told of each gift shown, as the model read it; without it
    learning takes them as not asked."""

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id):
            raise _bad("id", "is none that new_id() makes")
        if self.user is not None and not possible(self.user):
            raise _bad("user", "is no id: 1 to 256 characters of well-formed text")
        if not 0 <= self.at <= LAST_SECOND:
            raise _bad("at", "is no time: seconds since 1970, not milliseconds")

    @property
    def row(self) -> Row:
        """As it is stored."""
        try:
            body = Body(
                wish=self.wish,
                shown=self.shown,
                passed_over=self.passed_over,
                told=dict(self.told),
            )
            text = body.model_dump_json()
        except (ValidationError, PydanticSerializationError):  # their message quotes the wish
            raise _bad("recommendation", "is too long, or no well-formed text") from None
        size = len(text.encode())
        if size > MOST_BYTES:
            raise _bad("recommendation", f"has {size} bytes, more than {MOST_BYTES}")
        return self.id, self.user, self.at, text

    @classmethod
    def of_row(cls, row: Row) -> "Kept":
        """A ValueError where another version wrote what this one does not understand."""
        body = Body.model_validate_json(row[3])
        return cls(row[0], row[1], body.wish, body.shown, body.passed_over, row[2], body.told)


class KeptStore(Protocol):
    """Recommendations of many people. Each call may raise `unavailable()`, soon."""

    async def save(self, kept: Kept) -> None:
        """Keep it; the same id again changes nothing."""
        ...

    async def get(self, id: str) -> Kept | None:
        """None: never kept, expired, or of a person who was forgotten."""
        ...

    async def forget(self, user: str) -> int:
        """Delete all that a person asked; how many went."""
        ...

    async def expire(self, older_than: int) -> int:
        """Delete what was made before that second; how many went."""
        ...

    def export(self, since: int = 0) -> AsyncIterator[list[Kept]]:
        """All from that second on, oldest first, in batches; unreadable ones are counted."""
        ...

    async def ready(self) -> bool:
        """Whether one would be kept now."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...

    def facts(self) -> dict[str, Any]:
        """Counts for metrics and the operator; nothing personal, no address."""
        ...


def new_id() -> str:
    """26 characters that fit a URL."""
    return b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def is_id(text: str) -> bool:
    """Asked before a database is."""
    return ID.fullmatch(text) is not None


def unavailable(message: str, retry_after: int = 5) -> Refusal:
    return Refusal(503, "recommendations_unavailable", message, retry_after=retry_after)


def unreadable() -> Refusal:
    return Refusal(
        410,
        "recommendation_unreadable",
        "this recommendation was kept by another version",
        remedy="ask for a new one",
    )


def _bad(field: str, problem: str) -> Refusal:
    return Refusal(422, "invalid_recommendation", f"{field} {problem}", field=field)
