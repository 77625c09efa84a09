"""What the gift products speak of: recipients, gifts, offers, reviews, scenarios. Strict types."""

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from giftrec.money import Money
from giftrec.vocabulary import Vocabulary
from reccore.errors import UserError

Share = Annotated[float, Field(ge=0, le=1)]
Id = Annotated[str, Field(min_length=1, max_length=120)]
YOUNGEST, OLDEST = 1, 120


class Record(BaseModel):
    """Base of all: frozen, strict, closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Profile(Record):
    """A recipient and what is known of the gift to be: all that a model may look at."""

    age: int = Field(ge=YOUNGEST, le=OLDEST)
    hobbies: tuple[str, ...] = Field(max_length=20)
    preferences: tuple[str, ...] = Field((), max_length=20)
    relationship: str
    occasion: str
    budget: Money
    days_left: int = Field(14, ge=0, le=365, description="days until the gift must be there")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.budget.minor <= 0:
            raise ValueError(f"budget {self.budget} is not above 0")
        for name in ("hobbies", "preferences"):
            words = getattr(self, name)
            if len(set(words)) < len(words):
                raise ValueError(f"{name} repeats a word")
        return self

    def check(self, vocabulary: Vocabulary, where: str = "profile") -> None:
        """Refuse words that the vocabulary does not have."""
        for hobby in self.hobbies:
            vocabulary.require("hobby", hobby, f"{where}, hobbies")
        for preference in self.preferences:
            vocabulary.require("preference", preference, f"{where}, preferences")
        vocabulary.require("relationship", self.relationship, f"{where}, relationship")
        vocabulary.require("occasion", self.occasion, f"{where}, occasion")


class Outcome(Record):
    """How one gift was received: what training learns the reward from."""

    gift: Id
    satisfaction: Share


class Scenario(Record):
    """A recipient, the day it was, what should be chosen, and how some gifts were received."""

    id: Id
    profile: Profile
    day: int = Field(0, ge=0, description="decides what the tools would have found that day")
    expected_categories: tuple[str, ...] = Field((), max_length=3)
    expected_tools: tuple[str, ...] = Field((), max_length=5)
    outcomes: tuple[Outcome, ...] = Field((), max_length=10)

    @model_validator(mode="after")
    def _no_repeats(self) -> Self:
        for name, words in (
            ("expected_categories", self.expected_categories),
            ("expected_tools", self.expected_tools),
            ("outcomes", tuple(outcome.gift for outcome in self.outcomes)),
        ):
            if len(set(words)) < len(words):
                raise ValueError(f"{name} names one twice")
        return self

    def check(self, vocabulary: Vocabulary, where: str) -> None:
        self.profile.check(vocabulary, where)
        for category in self.expected_categories:
            vocabulary.require("category", category, f"{where}, expected_categories")
        for tool in self.expected_tools:
            vocabulary.require("tool", tool, f"{where}, expected_tools")


class Gift(Record):
    """One gift of the catalogue. Prices are minor units of the world's currency."""

    id: Id
    title: str = Field(min_length=1)
    description: str = ""
    category: str
    price: int = Field(gt=0, description="listed price, minor units")
    ages: tuple[int, int] = (16, 90)
    hobbies: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    occasions: tuple[str, ...] = ()
    intimacy: Share = 0.3
    quality: Share = 0.6
    trendiness: Share = 0.3

    def check(self, vocabulary: Vocabulary, where: str) -> None:
        vocabulary.require("category", self.category, f"{where}, category")
        for factor, words in (
            ("hobby", self.hobbies),
            ("preference", self.preferences),
            ("occasion", self.occasions),
        ):
            for word in words:
                vocabulary.require(factor, word, where)
        if self.ages[0] > self.ages[1]:
            raise UserError(f"{where}, ages: {list(self.ages)} end before they begin")


class Offer(Record):
    """What one shop asked for a gift on the day of the snapshot."""

    gift: Id
    shop: str
    price: int = Field(gt=0)
    fees: int = Field(ge=0, description="shipping and wrapping")
    stock: int = Field(ge=0)
    lead_days: int = Field(ge=0)
    as_of: date


class Review(Record):
    """One customer's review."""

    gift: Id
    stars: int = Field(ge=1, le=5)
    text: str
    on: date
