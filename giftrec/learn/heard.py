"""What one person's reaction to one recommendation teaches.

It is an order, not an amount: nobody says how much a gift pleased, but of two gifts that were seen
side by side one was preferred.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from giftrec.schema import Id, Profile, Record
from giftrec.vocabulary import TOOLS
from reccore.data.seeds import derive
from reccore.errors import UserError
from reccore.files import write_atomic

MOST_COMPARISONS = 45  # the pairs of a slate of ten


class Preferred(Record):
    """Of two gifts of a slate, the one that was preferred; `weight` as a share of a reception."""

    better: Id
    worse: Id
    weight: float = Field(gt=0, le=1)


class Heard(Record):
    """A recipient, what was known of the gifts shown, and which were preferred to which."""

    profile: Profile
    gifts: tuple[Id, ...] = Field(min_length=2, max_length=10)
    told: dict[str, tuple[float, ...]] = Field(
        default_factory=dict, description="by tools that were asked: a value for each of the gifts"
    )
    preferred: tuple[Preferred, ...] = Field(min_length=1, max_length=MOST_COMPARISONS)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        pairs = [{p.better, p.worse} for p in self.preferred]
        if any(len(pair) < 2 for pair in pairs):
            raise ValueError("preferred compares a gift with itself")
        if len({frozenset(pair) for pair in pairs}) < len(pairs):
            raise ValueError("preferred compares two gifts twice")
        if not {gift for pair in pairs for gift in pair} <= set(self.gifts):
            raise ValueError("preferred names a gift that is not among gifts")
        if not self.told.keys() <= set(TOOLS):
            raise ValueError("told names an unknown tool")
        if any(len(values) != len(self.gifts) for values in self.told.values()):
            raise ValueError("told has not a value for each of the gifts")
        return self


MANY = TypeAdapter(tuple[Heard, ...])


def write_heard(path: Path, heard: Sequence[Heard]) -> None:
    """For a training that goes on after an interruption."""
    text = json.dumps([json.loads(one.model_dump_json()) for one in heard], ensure_ascii=False)

    def private(temporary: Path) -> None:
        temporary.touch(0o600)
        temporary.write_text(text + "\n", encoding="utf-8")

    write_atomic(path, private)


def read_heard(path: Path) -> tuple[Heard, ...]:
    try:
        return MANY.validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing: what was heard is gone", "train again with --feedback"
        ) from None
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path}, {field}: {first['msg']}", "train again with --feedback") from None


def fingerprint(heard: Sequence[Heard]) -> str:
    return f"{derive(len(heard), *(one.model_dump_json() for one in heard)):016x}"
