"""The arguments that several tools take, described once."""

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from giftrec.mcp.tool import LEVELS, SUCH_AS

MOST_GIFTS = 50  # an assistant reads the answers: more is no help
AMOUNT = "an amount with its currency, e.g. `60 EUR`"


def word_of(factor: str) -> Any:
    """A field for a word of the vocabulary; the schema lists them."""
    return Field(json_schema_extra={LEVELS: factor})


def such_as(factor: str) -> Any:
    """A field for any word, best one of the vocabulary; the schema lists those."""
    return Field(min_length=1, max_length=200, json_schema_extra={SUCH_AS: factor})


GiftId = Annotated[str, Field(min_length=1, max_length=120, description="a gift's id")]
Gifts = Annotated[
    tuple[GiftId, ...],
    Field(min_length=1, max_length=MOST_GIFTS, description="ids of gifts, as answers name them"),
]
Amount = Annotated[str, Field(min_length=1, max_length=40, description=AMOUNT)]
Said = Annotated[str, Field(min_length=1, max_length=200)]
Day = Annotated[
    date | None, Field(description="the day that counts as today, 2026-11-21; none: the real one")
]
Occasion = Annotated[str, word_of("occasion")]
Category = Annotated[str, word_of("category")]
Hobby = Annotated[str, word_of("hobby")]
Preference = Annotated[str, word_of("preference")]
