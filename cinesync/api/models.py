"""What may be asked of the API, and what it answers; every field has a limit."""

import itertools
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from reccore.data.temporal import BITS

MOST = 100  # items of an answer
HISTORY = 1000  # items of a history
LISTED = 1000  # items to exclude
TOGETHER = 50  # requests of a batch
EVENTS = 500  # of a batch of feedback
LATEST = (1 << BITS) - 1  # seconds: later ones are milliseconds
Kind = Literal["view", "click", "play", "like", "dislike", "rate"]
KINDS: tuple[str, ...] = get_args(Kind)


# numbers are ids, too
Id = Annotated[str, Field(min_length=1, max_length=128, strict=False, coerce_numbers_to_str=True)]
Word = Annotated[str, Field(min_length=1, max_length=64)]
Words = dict[Word, Annotated[list[Word], Field(min_length=1, max_length=20)]]
Moment = Annotated[int, Field(ge=0, le=LATEST, description="seconds since 1970")]
Examples = list[dict[str, Any]]


class Asked(BaseModel):
    """Base of requests: an unknown field is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class What(Asked):
    """Which items, how many, and how."""

    count: int = Field(10, ge=1, le=MOST, description="items wanted")
    exclude: list[Id] = Field([], max_length=LISTED, description="items not to recommend")
    only: Words = Field(
        {}, max_length=5, description="features with the words items must have one of"
    )
    diversity: float | None = Field(
        None, ge=0, le=1, description="0: the most relevant; 1: the most varied; null: as blessed"
    )
    min_relevance: float = Field(
        0.0, ge=0, le=1, description="share of the best item's relevance an item must have"
    )
    explain: bool = Field(False, description="say which items of the history speak for each")
    now: Moment | None = Field(
        None, description="when it is asked, for models that read it; null: the server's clock"
    )


class Recommend(What):
    """For exactly one of: a known `user`, a `history`, or `preferences` of somebody new."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user": "42", "count": 5},
                {"history": ["10", "20", "30"], "count": 5, "explain": True},
                {"preferences": {"genres": ["Comedy"]}, "diversity": 0.3},
            ]
        }
    )

    user: Id | None = Field(None, description="somebody the server knows")
    history: list[Id] | None = Field(
        None, min_length=1, max_length=HISTORY, description="what was met so far, oldest first"
    )
    times: list[Moment] | None = Field(
        None, max_length=HISTORY, description="when each item of the history was met"
    )
    preferences: Words | None = Field(
        None, min_length=1, max_length=5, description="words of features that somebody likes"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [n for n in ("user", "history", "preferences") if getattr(self, n) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "none of them"
            raise ValueError(f"give exactly one of user, history, preferences, not {said}")
        if self.times is not None:
            _timed(self.history, self.times, "history")
        return self


class Batch(Asked):
    """Many at once; each is answered, or refused, for itself."""

    requests: list[Recommend] = Field(min_length=1, max_length=TOGETHER)


class Visit(What):
    """What somebody did in this session, after what is known of them where `user` is given."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": ["10", "20"], "user": "42", "count": 5}]}
    )

    items: list[Id] = Field(min_length=1, max_length=HISTORY, description="oldest first")
    times: list[Moment] | None = Field(None, max_length=HISTORY)
    user: Id | None = None

    @model_validator(mode="after")
    def _times(self) -> Self:
        if self.times is not None:
            _timed(self.items, self.times, "items")
        return self


class Happened(Asked):
    """One thing somebody did. The same `id` again changes nothing."""

    id: Id = Field(max_length=64, description="yours, unique for each event of the user")
    user: Id
    item: Id
    kind: Kind
    value: float | None = Field(None, ge=0, le=10, description="the rating, where kind is rate")
    at: Moment | None = Field(None, description="null: now")
    recommendation_id: Id | None = Field(
        None, max_length=64, description="of the answer that led here"
    )

    @model_validator(mode="after")
    def _rated(self) -> Self:
        if (self.kind == "rate") != (self.value is not None):
            raise ValueError("value is the rating: give it where kind is rate, and only there")
        return self


class Feedback(Asked):
    """A batch of events."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"events": [{"id": "e-1", "user": "42", "item": "10", "kind": "rate", "value": 5}]}
            ]
        }
    )

    events: list[Happened] = Field(min_length=1, max_length=EVENTS)


class Reason(BaseModel):
    """An item of the history without which this one would score less."""

    item: str
    title: str | None = None
    share: float = Field(description="of the score that goes with it, of all that speak for it")


class Item(BaseModel):
    """One item of an answer."""

    item: str
    title: str | None = None
    rank: int
    score: float
    relevance: float = Field(description="1 for the best candidate, 0 for the last one looked at")
    by: str = Field(description="who chose it: model, or popularity as a fallback")
    reasons: list[Reason] | None = None


class Degraded(BaseModel):
    """What was not as asked: a code for programs, words for people."""

    code: str
    words: str


class Recommendations(BaseModel):
    """The answer. `degraded` says whatever was not as asked."""

    recommendation_id: str
    took_ms: float
    cached: str | None = Field(description="the level of the cache that answered; null: made now")
    model: str
    model_version: str = Field(description="version and generation, as 7.1")
    arm: str = Field(description="champion, or challenger while one is tried")
    items: list[Item]
    relevance_kept: float = Field(description="share of relevance left after diversifying")
    degraded: list[Degraded]


class Failed(BaseModel):
    """Why one request of a batch was refused."""

    error: dict[str, Any]


class Answers(BaseModel):
    """One answer a request, in order."""

    answers: list[Recommendations | Failed]


class Similar(BaseModel):
    """Items like one."""

    item: str
    title: str | None = None
    model_version: str
    items: list[Item]
    took_ms: float


class Taken(BaseModel):
    """What became of a batch of feedback."""

    stored: int
    known_before: int
    conflicts: list[str]
    degraded: list[str]


class Listed(BaseModel):
    """An item of the catalogue."""

    item: str
    title: str | None
    features: dict[str, list[str]]
    offered: bool = Field(description="false: it was removed and is not recommended any more")


class Page(BaseModel):
    """Items found, the best first."""

    items: list[Listed]
    total: int
    next: int | None = Field(description="offset of the next page")


class Forgotten(BaseModel):
    """Where somebody was removed from."""

    bundles: list[str] = Field(description="versions that knew them")
    events: int
    degraded: list[str] = Field(description="what could not be told yet, and will be")


def _timed(items: list[str] | None, times: list[int], name: str) -> None:
    if items is None:
        raise ValueError("times are of a history, and none is given")
    if len(times) != len(items):
        raise ValueError(f"times are {len(times)}, and {name} holds {len(items)}")
    if any(later < before for before, later in itertools.pairwise(times)):
        raise ValueError("times fall: give the oldest first")
