"""One tool of the server: what it takes, what it answers, and how a mistake is told.

Arguments and answers are pydantic models, so that their JSON schemas say everything an assistant
has to know. A wrong argument is answered in words an assistant can act on: which field, what was
wrong, what it might have meant.
"""

import difflib
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, to_json

from giftrec.schema import Record
from giftrec.vocabulary import Vocabulary
from reccore.errors import UserError

LEVELS = "x-words-of"  # in a schema: only these words of the vocabulary may stand here
SUCH_AS = "x-words-such-as"  # these, and others that are understood
MOST_SAID = 5  # mistakes told at once
QUOTED = 60  # characters of a wrong value

Tell = Callable[[str], Awaitable[None]]
"""Says how far it is to whoever waits."""


class Asked(BaseModel):
    """Arguments: closed to unknown names; a number written as text is taken as the number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Answer:
    """`failed`: the tool could not do what was asked, though nothing was wrong with the asking."""

    data: Record
    words: str
    failed: bool = False


@dataclass(frozen=True)
class Tool:
    """All of them only read: asking changes nothing, and asking twice does no harm."""

    name: str
    title: str
    description: str
    asked: type[Asked]
    answered: type[Record]
    answer: Callable[[Any, Tell], Awaitable[Answer]]

    def arguments(self, given: Mapping[str, Any]) -> Asked:
        """The arguments, or a `UserError` that says what is wrong with each."""
        try:
            return self.asked.model_validate_json(to_json(self._unwrapped(given)))
        except ValidationError as error:
            raise mistakes(error, self.asked) from None

    def _unwrapped(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Lists and objects that a client wrote as text, as they were meant."""
        found = dict(given)
        for name, value in given.items():
            field = self.asked.model_fields.get(name)
            if field is None or not isinstance(value, str) or value[:1] not in ("[", "{"):
                continue
            if field.annotation in (str, str | None):
                continue
            try:
                found[name] = json.loads(value)
            except (ValueError, RecursionError):
                continue
        return found

    def input_schema(self, vocabulary: Vocabulary) -> dict[str, Any]:
        schema: dict[str, Any] = with_words(self.asked.model_json_schema(), vocabulary)
        return schema

    def output_schema(self) -> dict[str, Any]:
        return self.answered.model_json_schema(mode="serialization")


def with_words(schema: Any, vocabulary: Vocabulary) -> Any:
    """A schema whose places for words of the vocabulary list those words."""
    if isinstance(schema, list):
        return [with_words(part, vocabulary) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: with_words(part, vocabulary) for name, part in schema.items()}
    for mark, key in ((LEVELS, "enum"), (SUCH_AS, "examples")):
        levels = found.pop(mark, None)
        if isinstance(levels, str):
            found[key] = list(vocabulary.levels(levels))
    return found


def mistakes(error: ValidationError, asked: type[BaseModel]) -> UserError:
    """Everything that is wrong with the arguments, as one line."""
    problems = error.errors(include_url=False)
    said = [_mistake(problem, asked) for problem in problems[:MOST_SAID]]
    if len(problems) > MOST_SAID:
        said.append(f"and {len(problems) - MOST_SAID} more")
    return UserError("; ".join(said))


def _mistake(problem: ErrorDetails, asked: type[BaseModel]) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = sorted(_names(asked))
        close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=3, cutoff=0.5)
        remedy = f"nearest: {', '.join(close)}" if close else f"known: {', '.join(known)}"
        return f"{_short(where)}: no such argument ({remedy})"
    if problem["type"] == "missing":
        return f"{where}: missing"
    message = problem["msg"].removeprefix("Value error, ")
    message = message.replace("Tuple should", "A list should").removesuffix(", not 0")
    message = message.replace(" after validation", "")
    value = problem["input"]
    given = f" (given: {_short(value)})" if isinstance(value, str | int | float) else ""
    return f"{where}: {message}{given}" if where else message


def _names(asked: type[BaseModel]) -> Iterator[str]:
    """Of all fields, those of inner models too."""
    for name, field in asked.model_fields.items():
        yield name
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, Asked):
                yield from _names(inner)


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}..."
