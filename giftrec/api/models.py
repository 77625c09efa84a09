"""What may be asked of the API; every field has a limit, and an unknown one is an error."""

from datetime import date
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from giftrec.agent.wish import MOST
from giftrec.money import Money
from giftrec.schema import OLDEST, YOUNGEST
from giftrec.sentence import LONGEST
from giftrec.slate import SLATE
from reccore.errors import UserError
from reccore.serve.feedback.event import possible

RICHEST = 10**12  # minor units: beyond any gift
EVENTS = 500  # of a batch of feedback
LATEST = 253_402_300_799  # the year 9999 in seconds: milliseconds are found out
Kind = Literal["up", "down", "swap", "owns", "bought"]
KINDS: tuple[str, ...] = get_args(Kind)


def _person(user: str) -> str:
    if not possible(user):
        raise ValueError("is no id: a control character, or no well-formed text")
    return user


Id = Annotated[str, Field(min_length=1, max_length=120)]
User = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_person)]
Words = Annotated[str, Field(min_length=1, max_length=200)]
Some = Annotated[list[Words], Field(max_length=20)]


class Asked(BaseModel):
    """Base of requests."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _money(given: Any) -> Any:
    """`60EUR` is money, too."""
    if not isinstance(given, str):
        return given
    try:
        return Money.parse(given[:100], "budget").model_dump()
    except UserError as error:
        raise ValueError(str(error)) from None


class Amount(Money):
    """Money in minor units (cents) with its ISO 4217 currency; or, as text, 60EUR."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"minor": 6000, "currency": "EUR"}]})

    minor: int = Field(gt=0, le=RICHEST, description="in minor units (cents)")


Budget = Annotated[
    Amount,
    BeforeValidator(_money, json_schema_input_type=Amount | Annotated[str, Field(max_length=100)]),
]


class Recipient(Asked):
    """Who it is for, in the vocabulary's words. What is left out is assumed, and that is said."""

    age: int | None = Field(None, ge=YOUNGEST, le=OLDEST)
    relationship: Words | None = Field(None, description="GET /v1/vocabulary/relationship")
    occasion: Words | None = Field(None, description="GET /v1/vocabulary/occasion")
    hobbies: Some | None = Field(None, description="GET /v1/vocabulary/hobby")
    preferences: Some | None = Field(None, description="GET /v1/vocabulary/preference")
    budget: Budget | None = Field(None, description="the most that may be spent")
    at_least: Budget | None = Field(None, description="the least that should be")
    days_left: int | None = Field(None, ge=0, le=365, description="until it must be there")
    needed_by: date | None = Field(None, description="the last day; goes before days_left")


class Recommend(Asked):
    """One sentence, or a recipient; given together, the recipient's fields count more."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "my sister turns 30, loves pottery and hiking, about 60 euros, by Friday"},
                {
                    "recipient": {
                        "age": 30,
                        "relationship": "sibling",
                        "occasion": "birthday",
                        "hobbies": ["crafts", "hiking"],
                        "budget": {"minor": 6000, "currency": "EUR"},
                        "days_left": 5,
                    },
                    "wishes": ["something for the garden"],
                    "excluded": ["candle"],
                },
                {"text": "a gift for my boss", "recipient": {"budget": "40EUR"}, "explain": False},
            ]
        }
    )

    text: Annotated[str, Field(min_length=1, max_length=LONGEST)] | None = Field(
        None, description="plain English"
    )
    recipient: Recipient | None = None
    wishes: Some | None = Field(None, description="what they like, in free words")
    excluded: Some | None = Field(None, description="words for what it must not be")
    owned: Some | None = Field(None, description="words for what is there already")
    not_these: list[Id] = Field([], max_length=500, description="ids of gifts not to be shown")
    like: Id | None = Field(None, description="a gift that the others are to resemble")
    count: int = Field(SLATE, ge=1, le=MOST, description="gifts wanted")
    explain: bool = Field(True, description="reasons, what more money would change, and the trace")
    user: User | None = Field(
        None, description="who asks: only so that it can be forgotten; the answer is the same"
    )

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.text is None and self.recipient is None:
            raise ValueError("give a text, or a recipient")
        return self


class Next(Asked):
    """One change to an earlier recommendation."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"swap": "gift-id"}, {"more_like": "gift-id"}, {"exclude": "candles"}]
        }
    )

    swap: Id | None = Field(None, description="another gift instead of this one of the slate")
    more_like: Id | None = Field(None, description="gifts that resemble this one")
    owns: Id | None = Field(None, description="this one is there already")
    exclude: Words | None = Field(None, description="a word for what it must not be")

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "none of them"
            raise ValueError(f"give exactly one of swap, more_like, owns, exclude, not {said}")
        return self


class Happened(Asked):
    """What somebody did with a gift that was shown. The same `id` again changes nothing."""

    id: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        description="yours, unique for each event of the user"
    )
    gift: Id
    kind: Kind
    recommendation_id: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="of the answer that showed it; needed where no user is given"
    )
    user: User | None = None
    at: int | None = Field(None, ge=0, le=LATEST, description="seconds since 1970; null: now")

    @model_validator(mode="after")
    def _whose(self) -> Self:
        if self.user is None and self.recommendation_id is None:
            raise ValueError("give a user or a recommendation_id")
        return self


class Feedback(Asked):
    """A batch of events."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "events": [
                        {
                            "id": "e-1",
                            "gift": "gift-id",
                            "kind": "up",
                            "recommendation_id": "mzxw6ytboi2gk3tdmfzwkytjmm",
                        }
                    ]
                }
            ]
        }
    )

    events: list[Happened] = Field(min_length=1, max_length=EVENTS)
