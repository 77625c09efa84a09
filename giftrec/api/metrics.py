"""What Prometheus reads of the gift tools: added up over catalogues, so that no figure falls."""

from collections.abc import Callable, Iterator
from typing import Any

from giftrec.counter import Counter
from reccore.errors import need

STATUSES = frozenset({"ok", "empty", "timeout", "error", "stale"})


def watch(registry: Any, counter: Callable[[], Counter], empty: Callable[[], int]) -> None:
    """Have a registry of Prometheus ask for these figures whenever it is scraped."""
    registry.register(_Figures(counter, empty))


class _Figures:
    """A collector, as prometheus_client calls it."""

    def __init__(self, counter: Callable[[], Counter], empty: Callable[[], int]) -> None:
        self._counter, self._empty = counter, empty

    def describe(self) -> list[Any]:
        """Nothing before the first scrape: there may be no counter yet."""
        return []

    def collect(self) -> Iterator[Any]:
        core = need("prometheus_client.core", "serve")
        counter = self._counter()
        answers = core.CounterMetricFamily(
            "giftrec_tool_answers", "Answers of tools, by status.", labels=("tool", "status")
        )
        events = core.CounterMetricFamily(
            "giftrec_tool_events",
            "What happened to calls: retried, abandoned, refused as all threads hang.",
            labels=("tool", "event"),
        )
        for (tool, what), count in sorted(counter.counts.items()):
            (answers if what in STATUSES else events).add_metric((tool, what), count)
        yield answers
        yield events

        now = core.GaugeMetricFamily(
            "giftrec_tool_now",
            "Threads, hanging ones among them; open is 1 while a tool is left alone.",
            labels=("tool", "what"),
        )
        for labels, value in sorted(counter.desk.runner.gauges().items()):
            now.add_metric(labels, value)
        yield now

        refused = core.CounterMetricFamily(
            "giftrec_gate_refusals", "Gifts refused by the last live check.", labels=("why",)
        )
        for why, count in sorted(counter.refused.items()):
            refused.add_metric((why,), count)
        yield refused
        yield core.CounterMetricFamily(
            "giftrec_empty_answers", "Answers without a gift.", value=self._empty()
        )
        desk = counter.desk
        told = core.GaugeMetricFamily(
            "giftrec_catalogue", "The gifts that answer.", labels=("fingerprint", "as_of")
        )
        told.add_metric((desk.fingerprint, desk.front.as_of.isoformat()), len(desk.front))
        yield told
        yield core.GaugeMetricFamily(
            "giftrec_catalogue_followed",
            "1 while the live catalogue is the one that answers.",
            value=float(counter.trouble is None),
        )
