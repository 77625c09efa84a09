"""Where gifts are asked for: a model with the live catalogue, which it follows.

When another snapshot is published, its storefront and tools are made beside the ones that answer,
and then take their place at once: an answer takes its desk once and keeps it, so that none mixes
two catalogues. The old tools' threads end when the last answer lets go of them. A snapshot that
cannot be used changes nothing, and `trouble` says why.
"""

import asyncio
import logging
import time
import weakref
from collections import Counter as Counts
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np

from giftrec.agent.agent import Agent
from giftrec.agent.settings import AgentSettings
from giftrec.agent.storefront import Storefront
from giftrec.agent.wish import Wish
from giftrec.asking import from_sentence
from giftrec.bundle.bundle import GiftBundle
from giftrec.catalog.live import Catalogue, Follower
from giftrec.catalog.snapshot import Snapshot
from giftrec.money import Money, RateTable
from giftrec.schema import Profile
from giftrec.text.encoder import Wanted, choose
from giftrec.tools.provider import SnapshotProvider
from giftrec.tools.registry import Tool
from giftrec.tools.runner import Runner
from giftrec.vocabulary import Vocabulary
from reccore.errors import UserError

T = TypeVar("T")
SENTENCE = "my sister turns 30, loves pottery and hiking, about 60 euros"
REMEMBERED = 20_000  # what tools found of a gift alone, some 3 KB each
WARM = 5  # answers before a desk is called warm
log = logging.getLogger("serve")


@dataclass(frozen=True, eq=False)
class Desk:
    """One snapshot of the catalogue, ready to answer. Threads and event loops may share it."""

    agent: Agent
    brief: Agent  # the same without reasons and alternatives
    seconds: float  # of the longest stage of an answer, once warm

    @property
    def front(self) -> Storefront:
        return self.agent.front

    @property
    def snapshot(self) -> Snapshot:
        return self.agent.front.snapshot

    @property
    def runner(self) -> Runner:
        return self.agent.runner

    @property
    def vocabulary(self) -> Vocabulary:
        return self.agent.front.vocabulary

    @property
    def fingerprint(self) -> str:
        return self.agent.front.snapshot.fingerprint


class Counter:
    """A bundle with the desk that answers now. `look` follows the catalogue; it blocks."""

    def __init__(
        self,
        bundle: GiftBundle,
        catalogue: Path,
        *,
        rates: RateTable | None = None,
        settings: AgentSettings | None = None,
        text: Wanted = "auto",
        tools: Sequence[Tool] | None = None,
        today: Callable[[], date] = date.today,
    ) -> None:
        self.bundle, self.rates = bundle, rates
        self._settings, self._tools, self._today = settings or AgentSettings(), tools, today
        self._follower = Follower(Catalogue(catalogue))
        self._text = choose(text)
        self.refused: Counts[str] = Counts()  # at the gate, by why
        self._gone: Counts[tuple[str, str]] = Counts()  # what tools that are gone have counted
        self._runners: weakref.WeakSet[Runner] = weakref.WeakSet()
        self._failed: tuple[Snapshot, str] | None = None
        self.desk = self._opened(self._follower.now())

    @property
    def trouble(self) -> str | None:
        """Why the live snapshot is not the one that answers."""
        return self._follower.trouble or (self._failed[1] if self._failed else None)

    @property
    def counts(self) -> Counts[tuple[str, str]]:
        """(tool, what happened): how often, over all snapshots."""
        return sum((runner.counts for runner in list(self._runners)), self._gone.copy())

    def look(self) -> bool:
        """Whether another snapshot answers now. Called by one thread at a time."""
        snapshot = self._follower.now()
        if snapshot is self.desk.snapshot:
            self._failed = None
            return False
        if self._failed is not None and self._failed[0] is snapshot:
            return False
        began = time.perf_counter()
        try:
            desk = self._opened(snapshot)
        except Exception as error:
            what = str(error) if isinstance(error, UserError) else type(error).__name__
            words = f"the catalogue of {self.desk.snapshot.as_of} is still used: {what}"
            log.error("%s", words)
            self._failed = snapshot, words
            return False
        self.desk, self._failed = desk, None
        took = time.perf_counter() - began
        log.info("%d gifts (%s) answer after %.2f s", len(desk.front), desk.fingerprint, took)
        return True

    def close(self) -> None:
        """Let go of files and threads; nobody may ask any more."""
        self.desk.runner.close()
        self.desk.snapshot.close()

    def _opened(self, snapshot: Snapshot) -> Desk:
        front = Storefront.of(snapshot, self.bundle, self._text)
        runner = Runner(SnapshotProvider(snapshot, remember=REMEMBERED).prepare(), self._tools)
        self._runners.add(runner)
        weakref.finalize(runner, self._gone.update, runner.counts).atexit = False
        quick = self._settings.model_copy(update={"explain": False})
        agent, brief = (
            Agent(front, runner, how, self.rates, self.refused) for how in (self._settings, quick)
        )
        today = self._today()
        from_sentence(SENTENCE, today, front.vocabulary, terms=front.texts.terms)  # reads its words
        return Desk(agent, brief, warmed(agent, today))


def warmed(agent: Agent, on: date) -> float:
    """Answer some wishes; the longest stage, in seconds, as the last answers took it."""
    stages: list[float] = []

    async def timed(stage: Callable[[], T]) -> T:
        began = time.perf_counter()
        result = stage()
        stages.append(time.perf_counter() - began)
        return result

    async def answer() -> None:
        for wish in _usual(agent, on):
            stages.clear()
            await agent.recommend(wish, timed)
            longest.append(max(stages))

    longest: list[float] = []
    asyncio.run(answer())
    return float(np.median(longest[-3:]))


def _usual(agent: Agent, on: date) -> list[Wish]:
    """Wishes over the vocabulary's words, with enough money for half of the catalogue."""
    front, words = agent.front, agent.front.vocabulary
    prices = front.snapshot.price[front.sold]
    middle = int(np.median(prices)) if len(prices) else 5000
    budget = Money(minor=max(2 * middle, 1), currency=front.snapshot.currency)
    levels = {name: words.levels(name) for name in ("hobby", "relationship", "occasion")}
    return [
        Wish(
            profile=Profile(
                age=30 + n,
                hobbies=tuple(levels["hobby"][2 * n : 2 * n + 2]),
                relationship=levels["relationship"][n % len(levels["relationship"])],
                occasion=levels["occasion"][n % len(levels["occasion"])],
                budget=budget,
            ),
            on=on,
            wishes=("something for the garden",) if n == 0 else (),
        )
        for n in range(WARM)
    ]
