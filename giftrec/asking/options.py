"""What can be said of a gift without a sentence: options, a form's fields, a request's keys."""

from datetime import date, timedelta
from typing import Any

from pydantic import Field, ValidationError

from giftrec.agent.wish import MOST, Words
from giftrec.money import Money
from giftrec.schema import OLDEST, YOUNGEST, Id, Record
from reccore.errors import UserError

YEAR = 365
Some = tuple[Words, ...] | None


class Options(Record):
    """All of it may be left out. Beside a sentence, what is given here stands instead of it."""

    age: int | None = Field(None, ge=YOUNGEST, le=OLDEST)
    hobbies: Some = Field(None, max_length=20)
    preferences: Some = Field(None, max_length=20)
    relationship: Words | None = None
    occasion: Words | None = None
    budget: Money | None = Field(None, description="the most that may be spent")
    at_least: Money | None = Field(None, description="the least that should be")
    days_left: int | None = Field(None, ge=0, le=YEAR)
    needed_by: date | None = Field(None, description="goes before days_left")
    wishes: Some = Field(None, max_length=20, description="likes, in free words")
    excluded: Some = Field(None, max_length=20)
    owned: Some = Field(None, max_length=20)
    not_these: tuple[Id, ...] = Field((), max_length=500)
    like: Id | None = None
    count: int | None = Field(None, ge=1, le=MOST)

    def day(self, on: date) -> date | None:
        """The day it is needed by, where one was given; one gone by is refused."""
        if self.needed_by is None:
            return None if self.days_left is None else on + timedelta(days=self.days_left)
        if self.needed_by < on:
            raise UserError(f"needed_by {self.needed_by} is before {on}", "give a day to come")
        if (self.needed_by - on).days > YEAR:
            raise UserError(
                f"needed_by {self.needed_by} is more than a year after {on}",
                f"at most {on + timedelta(days=YEAR)}",
            )
        return self.needed_by


def options_of(**given: Any) -> Options:
    """Options from values that nobody has checked yet; the first wrong one is named."""
    some = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    try:
        return Options.model_validate(some)
    except ValidationError as error:
        raise refused(error) from None


def refused(error: ValidationError) -> UserError:
    """What is wrong with the first field, as a user reads it."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    value = f" {first['input']!r:.120}" if field else ""
    return UserError(f"{field or 'profile'}{value}", first["msg"].removeprefix("Value error, "))
