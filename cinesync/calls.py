"""What a client asks, call by call, what it hears, and when it asks again."""

import json
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from cinesync.api.models import (
    EVENTS,
    Answers,
    Batch,
    Feedback,
    Forgotten,
    Happened,
    Listed,
    Page,
    Recommend,
    Recommendations,
    Similar,
    Taken,
)

if TYPE_CHECKING:
    import httpx2

Id = str | int
Words = Mapping[str, Sequence[str]]
Kind = Literal["view", "click", "play", "like", "dislike", "rate"]
M = TypeVar("M", bound=BaseModel)
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0  # seconds between tries, where no Retry-After says


class What(TypedDict, total=False):
    """Options of everything that recommends; what is left out is as the server has it."""

    count: int
    exclude: Sequence[Id]
    only: Words
    diversity: float
    min_relevance: float
    explain: bool
    now: int


class ApiError(Exception):
    """The server's refusal; status 0 where there was no answer (`unreachable`, `timeout`)."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        remedy: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(status, code, message, field, remedy, request_id, retry_after)
        self.status, self.code, self.message = status, code, message
        self.field, self.remedy, self.request_id = field, remedy, request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        where = f" in {self.field}" if self.field else ""
        mend = f" ({self.remedy})" if self.remedy else ""
        return f"{self.status or 'no answer'} {self.code}{where}: {self.message}{mend}"


def event(
    user: Id,
    item: Id,
    kind: Kind,
    value: float | None = None,
    *,
    at: int | None = None,
    recommendation_id: str | None = None,
) -> Happened:
    """Something that somebody did, with an id of its own: it can be sent twice, and counts once."""
    return Happened(
        id=uuid.uuid4().hex,
        user=str(user),
        item=str(item),
        kind=kind,
        value=value,
        at=at,
        recommendation_id=recommendation_id,
    )


@dataclass(frozen=True)
class Call(Generic[M]):
    """A request, and what its answer is. `stubborn`: tried again when no answer came in time."""

    method: str
    path: str
    answer: type[M]
    body: Any = None
    query: Mapping[str, Any] | None = None
    stubborn: bool = False

    def options(self) -> dict[str, Any]:
        """For httpx2."""
        asked: dict[str, Any] = {"params": self.query}
        if self.body is not None:
            asked["content"] = json.dumps(self.body).encode()
            asked["headers"] = {"Content-Type": "application/json"}
        return asked

    def read(self, response: "httpx2.Response") -> M:
        """The answer, or the refusal it is."""
        if not response.is_success:
            raise _refusal(response)
        try:
            return self.answer.model_validate_json(response.content)
        except ValidationError as error:
            raise ApiError(
                response.status_code,
                "bad_answer",
                f"this is no {self.answer.__name__}: {error.error_count()} faults",
                remedy="is it the address of a CineSync server?",
                request_id=response.headers.get("x-request-id"),
            ) from None


class Tries:
    """How long to wait before the next try."""

    def __init__(self, retries: int, patience: float, stubborn: bool) -> None:
        self._left, self._patience, self._stubborn = retries, patience, stubborn
        self._wait = FIRST_WAIT

    def wait_after(self, error: ApiError) -> float:
        """Seconds; raises the error where another try is useless, or would be too late."""
        passing = error.status in (429, 503) or error.code == "unreachable"
        if not (passing or (error.code == "timeout" and self._stubborn)) or not self._left:
            raise error
        jitter = random.uniform(0.5, 1.0) * self._wait  # noqa: S311  # lest all come back at once
        wait = jitter + (error.retry_after or 0.0)
        if wait > self._patience:
            raise error
        self._left -= 1
        self._patience -= wait
        self._wait = min(LONGEST_WAIT, 2 * self._wait)
        return wait


def recommend(who: Mapping[str, Any], what: What) -> Call[Recommendations]:
    return Call("POST", "/v1/recommendations", Recommendations, _given({**who, **what}))


def batch(requests: Sequence[Recommend]) -> Call[Answers]:
    body = Batch(requests=list(requests)).model_dump(mode="json", exclude_unset=True)
    return Call("POST", "/v1/recommendations/batch", Answers, body)


def session(who: Mapping[str, Any], what: What) -> Call[Recommendations]:
    return Call("POST", "/v1/sessions", Recommendations, _given({**who, **what}))


def similar(item: Id, count: int) -> Call[Similar]:
    return Call("GET", f"/v1/similar/{_part(item)}", Similar, query={"count": count})


def items(query: str, only: Sequence[str], count: int, offset: int) -> Call[Page]:
    asked = {"query": query, "only": list(only), "count": count, "offset": offset}
    return Call("GET", "/v1/items", Page, query=asked)


def item(name: Id) -> Call[Listed]:
    return Call("GET", f"/v1/items/{_part(name)}", Listed)


def forget(user: Id) -> Call[Forgotten]:
    return Call("DELETE", f"/v1/users/{_part(user)}", Forgotten, stubborn=True)


def feedback(events: Sequence[Happened]) -> list[Call[Taken]]:
    parts = [list(events[at : at + EVENTS]) for at in range(0, len(events), EVENTS)]
    return [
        Call(
            "POST",
            "/v1/feedback",
            Taken,
            Feedback(events=part).model_dump(mode="json", exclude_none=True),
            stubborn=True,
        )
        for part in parts
    ]


def together(taken: Sequence[Taken]) -> Taken:
    return Taken(
        stored=sum(one.stored for one in taken),
        known_before=sum(one.known_before for one in taken),
        conflicts=[event_id for one in taken for event_id in one.conflicts],
        degraded=list(dict.fromkeys(words for one in taken for words in one.degraded)),
    )


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what was left to the server; tuples and the like as lists."""
    lists = (name for name, value in fields.items() if isinstance(value, Sequence))
    listed = {name: list(fields[name]) for name in lists if not isinstance(fields[name], str)}
    return {name: value for name, value in {**fields, **listed}.items() if value is not None}


def _part(name: Id) -> str:
    """One segment of a path: no slash and no dot of it is the path's."""
    return quote(str(name), safe="").replace(".", "%2E")


def _refusal(response: "httpx2.Response") -> ApiError:
    """What the server says; a proxy in between may say it otherwise."""
    try:
        told = dict(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        told = {}
    after = response.headers.get("retry-after", "")
    return ApiError(
        response.status_code,
        str(told.get("code", f"http_{response.status_code}")),
        str(told.get("message", response.reason_phrase)),
        told.get("field"),
        told.get("remedy"),
        response.headers.get("x-request-id"),
        float(after) if after.isascii() and after.isdigit() else None,
    )
