"""What the requests and results of all tools share."""

from datetime import date
from typing import Annotated

from pydantic import Field

from giftrec.schema import Id, Record

Gifts = Annotated[tuple[Id, ...], Field(min_length=1, max_length=2000)]


class Request(Record):
    """What a tool is asked."""

    gifts: Gifts
    on: date = Field(description="today: what holds later is not looked at")


class Result(Record):
    """What a tool found, and how fresh what it stands on is."""

    as_of: date | None = Field(description="the oldest of what was needed; none: nothing found")
    rows: int = Field(description="rows of the source that this stands on")
    words: tuple[str, ...] = Field((), description="what a reader should know of it")

    @property
    def found(self) -> bool:
        """Whether anything was found for any gift."""
        return self.rows > 0
