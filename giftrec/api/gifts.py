"""Gifts as the server's product: it opens bundles over the live catalogue, and follows both."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

from giftrec.api.metrics import watch
from giftrec.api.settings import GiftSettings
from giftrec.bundle.bundle import GiftBundle
from giftrec.catalog.default import default_catalogue, is_demonstration
from giftrec.catalog.gifts import parse_record, read_json
from giftrec.counter import Counter
from giftrec.kept import KeptStore, open_kept
from giftrec.money import RateTable
from giftrec.tools.registry import Tool
from reccore.bundle.registry import Registry
from reccore.serve.live import Opened, Serving
from reccore.serve.logs import scrubbed
from reccore.serve.product import Product, Question
from reccore.serve.refusal import Refusal
from reccore.serve.server import DAY, RETRY, Server
from reccore.serve.settings import ServeSettings

log = logging.getLogger("serve")


class Gifts(Product[Counter]):
    """`tools` and `today` are for tests; `kept` is there while the server runs."""

    name = "giftrec"
    kept: KeptStore

    def __init__(
        self,
        registry: Registry,
        settings: GiftSettings,
        *,
        tools: Sequence[Tool] | None = None,
        today: Callable[[], date] = date.today,
    ) -> None:
        self.registry, self.settings, self.today = registry, settings, today
        self.server: Server[Counter] | None = None
        self._tools = tools
        self.empty = 0  # answers without a gift
        self.rates = _rates(settings.rates)

    @staticmethod
    def of(server: Server[Counter]) -> "Gifts":
        """The product of a gift server."""
        assert isinstance(server.product, Gifts)
        return server.product

    def open(self, folder: Path, settings: ServeSettings) -> Opened[Counter]:
        """Load a bundle, take the catalogue in, and answer a few wishes."""
        bundle = GiftBundle.open(folder, settings.threads)
        counter = Counter(
            bundle,
            self.settings.catalogue,
            rates=self.rates,
            settings=self.settings.agent,
            text=self.settings.text,
            tools=self._tools,
            today=self.today,
        )
        return Opened(counter, bundle.facts.generation, counter.desk.seconds)

    def facts(self, counter: Counter) -> dict[str, Any]:
        """The catalogue that answers, and how its tools are."""
        desk = counter.desk
        return {
            "catalogue": desk.fingerprint,
            "gifts": len(desk.front),
            "as_of": desk.front.as_of.isoformat(),
            "text": desk.front.texts.encoder.name,
            "trouble": counter.trouble,
            "tools": {" ".join(what): count for what, count in sorted(counter.counts.items())},
            "now": {" ".join(what): value for what, value in desk.runner.gauges().items() if value},
            "kept": self.kept.facts(),
        }

    def frequent(self, counter: Counter, most: int) -> Iterator[Question[Counter]]:
        """Nobody is known here."""
        return iter(())

    def forget(self, folder: Path, user: str) -> bool:
        """A bundle knows nobody."""
        return False

    def problem(self, counter: Counter) -> str | None:
        return counter.trouble

    def beside(self, server: Server[Counter]) -> AbstractAsyncContextManager[None]:
        return self._beside(server)

    @asynccontextmanager
    async def _beside(self, server: Server[Counter]) -> AsyncIterator[None]:
        """Keep recommendations, count, follow the catalogue."""
        self.server = server
        self.kept = open_kept(self.settings.kept.url)
        watch(server.metrics.registry, lambda: server.champion.bundle, lambda: self.empty)
        tasks = [asyncio.create_task(work) for work in (self._following(server), self._expiring())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.kept.close()
            for serving in _answering(server):
                serving.bundle.close()

    async def _following(self, server: Server[Counter]) -> None:
        """Have whoever answers look at the catalogue; the old one answers meanwhile."""
        while True:
            await asyncio.sleep(server.settings.watch_s)
            for serving in _answering(server):
                counter = serving.bundle
                try:
                    await asyncio.to_thread(self._today, counter)
                    if await asyncio.to_thread(counter.look):
                        server.work.measured(counter.desk.seconds)
                except Exception as error:
                    log.error("the catalogue cannot be followed", extra=scrubbed(error))

    def _today(self, counter: Counter) -> None:
        """The demonstration shop is of today, every day."""
        snapshot, today = counter.desk.snapshot, self.today()
        if is_demonstration(snapshot.facts) and snapshot.as_of != today.isoformat():
            default_catalogue(self.settings.catalogue, today)

    async def _expiring(self) -> None:
        """Delete what is older than recommendations are kept, daily."""
        while True:
            pause = DAY
            try:
                await self.kept.expire(self.settings.kept.cutoff())
            except Refusal as refusal:
                log.warning("old recommendations are not deleted yet: %s", refusal.message)
                pause = RETRY
            await asyncio.sleep(pause)


def _answering(server: Server[Counter]) -> list[Serving[Counter]]:
    return [one for one in (server.state.champion, server.state.challenger) if one is not None]


def _rates(path: Path | None) -> RateTable | None:
    return None if path is None else parse_record(RateTable, read_json(path), str(path))
