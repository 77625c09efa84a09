"""What the runner hands back for each tool, whatever became of it."""

from datetime import date
from typing import Literal

from pydantic import Field, SerializeAsAny

from giftrec.schema import Record
from giftrec.tools.results import Result

Status = Literal["ok", "empty", "timeout", "error", "stale"]


class Envelope(Record):
    """A tool's answer, or why there is none.

    `empty`: it answered, and has nothing on record. `stale`: it answered, but from facts older than
    the tool's limit; `data` is there for whoever wants it still.
    """

    tool: str
    status: Status
    data: SerializeAsAny[Result] | None = None
    source: str
    as_of: date | None = None
    ms: float = Field(ge=0)
    attempts: int = Field(1, ge=0, description="0: it was not asked")
    words: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether an answer may rest on it without a warning."""
        return self.status == "ok"


class Step(Record):
    """One line of the trace of a run."""

    tool: str
    at_ms: float = Field(description="after the run began")
    event: str


class Run(Record):
    """What ran, in parallel, and what came of it."""

    envelopes: dict[str, Envelope]
    trace: tuple[Step, ...]
    ms: float

    @property
    def degraded(self) -> tuple[str, ...]:
        """What did not answer as it should, in words; empty: all did."""
        return tuple(
            f"{e.tool}: {e.status}" + (f" ({'; '.join(e.words)})" if e.words else "")
            for e in self.envelopes.values()
            if e.status not in ("ok", "empty")
        )
