"""What the agent is asked."""

from datetime import date, timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from giftrec.money import Money
from giftrec.schema import Id, Profile, Record
from giftrec.slate import SLATE

Words = Annotated[str, Field(min_length=1, max_length=200)]
MOST = 10  # gifts of a slate


class Wish(Record):
    """A recipient, and everything else that decides which gifts may be shown.

    `profile` speaks in the vocabulary's words; whatever else the recipient likes stands in
    `wishes`, in anybody's words.
    """

    profile: Profile
    on: date = Field(description="today")
    needed_by: date | None = Field(None, description="none: in profile.days_left days")
    wishes: tuple[Words, ...] = Field((), max_length=20, description="likes, in free words")
    about: Words | None = Field(
        None, description="the recipient as said: `5 year old son`; gifts may say so of themselves"
    )
    excluded: tuple[Words, ...] = Field(
        (), max_length=20, description="words for what it must not be"
    )
    owned: tuple[Words, ...] = Field((), max_length=20, description="words for what is there")
    not_these: tuple[Id, ...] = Field((), max_length=500, description="gifts not to be shown")
    like: Id | None = Field(None, description="a gift that the others are to resemble")
    at_least: Money | None = Field(None, description="what it should cost at the least")
    count: int = Field(SLATE, ge=1, le=MOST)

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.needed_by is not None and self.needed_by < self.on:
            raise ValueError(f"needed_by {self.needed_by} is before {self.on}")
        return self

    @property
    def day(self) -> date:
        """The last day on which the gift may arrive."""
        return self.needed_by or self.on + timedelta(days=self.profile.days_left)
