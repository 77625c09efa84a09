"""What all tools share: the live agent, what day it is, the recommendations made lately."""

import difflib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread

from giftrec.agent.agent import Agent
from giftrec.mcp.recent import Recent
from giftrec.money import Money, in_currency
from giftrec.vocabulary import Vocabulary
from reccore.errors import UserError

T = TypeVar("T")
STAGES = 2  # stages of answers that are worked on at a time; more would only slow each other
SEEN = 20_000  # ids among which the nearest is looked for


@dataclass(frozen=True, eq=False)
class Shared:
    """`agent` is asked once for every call: a catalogue that goes live answers the next one.

    It blocks until `opened`.
    """

    agent: Callable[[], Agent]
    today: Callable[[], date] = date.today
    trouble: Callable[[], str | None] = lambda: None  # why not the newest catalogue answers
    vocabulary: Callable[[], Vocabulary] | None = None  # known before the agent is
    opened: Callable[[], bool] = lambda: True
    recent: Recent = field(default_factory=Recent)
    stages: anyio.CapacityLimiter = field(default_factory=partial(anyio.CapacityLimiter, STAGES))

    async def ready(self) -> None:
        """Until there is an agent, others are answered meanwhile; raises why there is none."""
        if not self.opened():
            await anyio.to_thread.run_sync(self.agent, abandon_on_cancel=True)

    def words(self) -> Vocabulary:
        return self.vocabulary() if self.vocabulary else self.agent().front.vocabulary

    def worked(self, stage: Callable[[], T]) -> Awaitable[T]:
        """A stage of work in a thread, so that the protocol goes on meanwhile."""
        return anyio.to_thread.run_sync(stage, limiter=self.stages)


def minor(text: str, what: str, agent: Agent) -> int:
    """`60 EUR` in minor units of the catalogue's currency."""
    currency = agent.front.snapshot.currency
    return in_currency(Money.parse(text, what), currency, agent.rates).minor


def known(gifts: Iterable[str], agent: Agent) -> None:
    """Refuse ids that are not in the catalogue, naming the nearest."""
    ids = agent.front.snapshot.index
    for gift in gifts:
        if gift not in ids:
            close = difflib.get_close_matches(gift, list(ids)[:SEEN], n=3)
            remedy = f"nearest: {', '.join(close)}" if close else "search_catalogue finds ids"
            raise UserError(f"no gift {gift[:120]!r} in this catalogue", remedy)
