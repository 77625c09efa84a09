"""What a sentence was understood to say: slots with the place they were read from.

A page can show each slot beside its words and let the shopper change it; nothing here is a guess
that is not also said in words (`note`, `Parsed.assumed`).
"""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Generic, Literal, TypeVar

from pydantic import Field

from giftrec.money import Money
from giftrec.schema import Record

if TYPE_CHECKING:
    from giftrec.sentence.profile import Defaults, Draft

T = TypeVar("T")
Place = Annotated[int, Field(ge=0)]
Way = Literal["exactly", "about", "under", "between", "at least"]


class Slot(Record, Generic[T]):
    """One thing that was understood, and the words it came from: text[start:end]."""

    value: T
    start: Place
    end: Place
    confidence: float = Field(ge=0, le=1)
    note: str = Field("", description="what was taken for what, in words")


class Ages(Record):
    """An age, or the range it is in; both ends belong to it."""

    low: int = Field(ge=0, le=120)
    high: int = Field(ge=0, le=120)

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low} to {self.high}"


class Budget(Record):
    """What may be spent on one person.

    `about` an amount is 20% below it to 10% above it; `under` and a plain amount have no lower end,
    `at least` no upper one.
    """

    way: Way
    said: tuple[Money, ...] = Field(min_length=1, max_length=2, description="as it was said")
    low: Money | None
    high: Money | None


class Person(Record):
    """One recipient. An empty slot was not said."""

    relationship: Slot[str] | None = None
    age: Slot[Ages] | None = None
    hobbies: tuple[Slot[str], ...] = ()
    preferences: tuple[Slot[str], ...] = ()
    occasion: Slot[str] | None = None
    budget: Slot[Budget] | None = None
    needed_by: Slot[date] | None = None
    excluded: tuple[Slot[str], ...] = Field((), description="words for what it must not be")
    owned: tuple[Slot[str], ...] = Field((), description="words for what is already there")

    def to_profile(self, today: date, defaults: "Defaults | None" = None) -> "Draft":
        """The profile a model can be asked with, and in words what had to be filled in."""
        from giftrec.sentence.profile import to_profile  # which stands on this module

        return to_profile(self, today, defaults)


class Parsed(Record):
    """A whole text: who it is for, what was not understood, what was assumed."""

    people: tuple[Person, ...] = Field(min_length=1)
    unknown: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
