"""Who a gift is for, as assistants say it, and what they change afterwards."""

from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from giftrec.agent.wish import MOST, Wish
from giftrec.mcp.fields import AMOUNT, Amount, Day, GiftId, Said, such_as
from giftrec.mcp.tool import Asked
from giftrec.schema import OLDEST, YOUNGEST

LONGEST = 2000  # characters of a sentence
NEVER_SHOWN = 500  # gifts that a wish can name


class Recipient(Asked):
    """Who it is for. Whatever is left out is taken from the sentence, or assumed and told."""

    age: Annotated[int | None, Field(ge=YOUNGEST, le=OLDEST)] = None
    relationship: Annotated[
        Annotated[str, such_as("relationship")] | None,
        Field(description="what the recipient is to the giver, in English"),
    ] = None
    occasion: Annotated[
        Annotated[str, such_as("occasion")] | None, Field(description="in English")
    ] = None
    hobbies: Annotated[
        tuple[Annotated[str, such_as("hobby")], ...] | None,
        Field(max_length=20, description="English words; unknown ones are looked for in texts"),
    ] = None
    preferences: Annotated[
        tuple[Annotated[str, such_as("preference")], ...] | None,
        Field(max_length=20, description="what the gift should be like, in English"),
    ] = None
    wishes: Annotated[
        tuple[Said, ...] | None,
        Field(max_length=20, description="other likes in free words, e.g. `sourdough bread`"),
    ] = None
    excluded: Annotated[
        tuple[Said, ...] | None, Field(max_length=20, description="words for what it must not be")
    ] = None
    owned: Annotated[
        tuple[Said, ...] | None, Field(max_length=20, description="words for what is there already")
    ] = None
    budget: Annotated[
        Amount | None, Field(description=f"the most it may cost, fees included: {AMOUNT}")
    ] = None
    at_least: Annotated[Amount | None, Field(description=f"the least it should: {AMOUNT}")] = None
    needed_by: Annotated[date | None, Field(description="the day it must be there")] = None


class AskedRecommend(Asked):
    sentence: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=LONGEST,
            description="plain English, e.g. `my sister turns 30, loves pottery and hiking, about"
            " 60 euros, needs it by Friday`",
        ),
    ] = None
    recipient: Annotated[
        Recipient | None,
        Field(description="fields stand instead of what the sentence says of them"),
    ] = None
    person: Annotated[
        int, Field(ge=0, le=20, description="which of the sentence's people, from 0")
    ] = 0
    count: Annotated[int, Field(ge=1, le=MOST, description="how many gifts")] = 5
    not_these: Annotated[
        tuple[GiftId, ...], Field(max_length=NEVER_SHOWN, description="gifts not to be shown")
    ] = ()
    on: Day = None

    @model_validator(mode="after")
    def _somebody(self) -> "AskedRecommend":
        if self.sentence is None and self.recipient is None:
            raise ValueError("say who it is for: give a sentence, a recipient, or both")
        return self


class AskedNext(Asked):
    recommendation: Annotated[
        str | None,
        Field(min_length=1, max_length=64, description="the id of an answer of the last hour"),
    ] = None
    wish: Annotated[
        Wish | None, Field(description="instead of the id: `wish` of that answer, unchanged")
    ] = None
    swap: Annotated[
        tuple[GiftId, ...],
        Field(max_length=50, description="gifts that do not please; the others may come again"),
    ] = ()
    owns: Annotated[
        tuple[GiftId, ...], Field(max_length=50, description="gifts that the recipient has")
    ] = ()
    more_like: Annotated[
        GiftId | None, Field(description="a gift that the others are to resemble")
    ] = None
    exclude: Annotated[
        tuple[Said, ...], Field(max_length=20, description="more words for what it must not be")
    ] = ()
    budget: Annotated[Amount | None, Field(description=f"another budget: {AMOUNT}")] = None
    all_new: Annotated[
        bool, Field(description="none of the gifts that were shown before comes again")
    ] = False

    @model_validator(mode="after")
    def _of_something(self) -> "AskedNext":
        if (self.recommendation is None) == (self.wish is None):
            raise ValueError("give `recommendation` or `wish`, one of them")
        if self.all_new and self.wish is not None:
            raise ValueError("with `wish`, name the gifts that were shown in `swap`")
        return self
