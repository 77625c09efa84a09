import asyncio
import json
import threading
import time
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from shelf import TODAY, Shelf

from giftrec.money import Money
from giftrec.tools.budget import BudgetRequest
from giftrec.tools.envelope import Envelope
from giftrec.tools.prices import PriceComparison, PriceRequest
from giftrec.tools.provider import FetchingProvider, TransientError
from giftrec.tools.registry import Tool, default_tools
from giftrec.tools.results import Request, Result
from giftrec.tools.reviews import ReviewRequest
from giftrec.tools.runner import Limits, Runner
from giftrec.tools.stock import StockRequest
from giftrec.tools.tables import ProviderError
from giftrec.tools.trends import TrendRequest
from giftrec.vocabulary import TOOLS
from reccore.errors import UserError

GIFTS = ("a", "b")
OFFERS = {"price_comparison", "inventory_check", "budget_optimizer"}  # tools that read them
PRICES = {"price_comparison": PriceRequest(gifts=GIFTS, on=TODAY, currency="EUR")}


def requests(gifts=GIFTS, on=TODAY) -> dict[str, Request]:
    return {
        "price_comparison": PriceRequest(gifts=gifts, on=on, currency="EUR"),
        "review_analysis": ReviewRequest(gifts=gifts, on=on),
        "inventory_check": StockRequest(gifts=gifts, on=on, needed_by=on + timedelta(days=5)),
        "trend_analyzer": TrendRequest(gifts=gifts, on=on),
        "budget_optimizer": BudgetRequest(
            gifts=gifts, on=on, values=(0.5,) * len(gifts), budget=Money.parse("50EUR")
        ),
    }


def shelf() -> Shelf:
    shelf = Shelf().gift("a", "books").gift("b", "games")
    shelf.offer("a", "s", 1000).offer("b", "s", 2000).review("a", 5, "lovely")
    return shelf.sold("a", [5.0] * 30)


class Faulty:
    """A provider whose offers misbehave; all else is as it should be."""

    def __init__(self, fault) -> None:
        self._good, self.fault, self.calls = shelf().provider(), fault, 0
        self.name, self.background = "faulty", self._good.background

    def rows(self, table, gifts):
        if table == "offers":
            self.calls += 1
            self.fault(self.calls)
        return self._good.rows(table, gifts)

    def derived(self, kind, gifts, compute):
        return list(compute(gifts))


@pytest.fixture
def hang():
    """Hangs for 30 seconds, or until the test is over."""
    over = threading.Event()
    yield lambda calls: over.wait(30)
    over.set()


@pytest.fixture
def run():
    """Run requests against a provider; runners are closed at the end."""
    made: list[Runner] = []

    def run(provider, asked=None, *, patience_s=20.0, runner=None, **limits):
        """`patience_s` is that of the tools that read offers; a busy machine fails no other."""
        if runner is None:
            runner = Runner(provider, patient(patience_s), Limits(deadline_s=20.0, **limits))
            made.append(runner)
        return runner.run_sync(asked or requests()), runner

    yield run
    for runner in made:
        runner.close()


def patient(patience_s: float) -> list[Tool]:
    return [
        replace(tool, timeout_s=patience_s if tool.name in OFFERS else 20.0)
        for tool in default_tools()
    ]


def raising(*errors):
    """Raise these one after the other, then work."""

    def fault(calls):
        if calls <= len(errors):
            raise errors[calls - 1]

    return fault


def test_the_registry_has_the_vocabularys_tools():
    assert tuple(tool.name for tool in default_tools()) == tuple(TOOLS)


def test_all_tools_answer_and_the_trace_tells(run):
    done, runner = run(shelf().provider())
    assert {name: e.status for name, e in done.envelopes.items()} == dict.fromkeys(TOOLS, "ok")
    assert done.degraded == ()
    asked = [step.tool for step in done.trace if step.event == "asked"]
    assert sorted(asked) == sorted(TOOLS)
    assert runner.counts["price_comparison", "ok"] == 1
    envelope = done.envelopes["price_comparison"]
    assert (envelope.source, envelope.as_of, envelope.attempts) == ("shelf", TODAY, 1)
    assert isinstance(envelope.data, PriceComparison)


def test_an_envelope_is_json_with_all_its_data(run):
    done, _ = run(shelf().provider())
    written = json.loads(done.model_dump_json())
    data = written["envelopes"]["price_comparison"]["data"]
    assert data["gifts"][0]["best"]["landed"] == {"minor": 1000, "currency": "EUR"}


def test_nothing_on_record_is_empty_not_ok(run):
    done, _ = run(shelf().provider(), requests(gifts=("unknown",)))
    assert {e.status for e in done.envelopes.values()} == {"empty"}
    assert done.degraded == ()


def test_old_facts_are_stale_by_each_tools_limit(run):
    done, _ = run(shelf().provider(), requests(on=TODAY + timedelta(days=5)))
    statuses = {name: e.status for name, e in done.envelopes.items()}
    assert statuses["inventory_check"] == "stale"  # limit 2 days
    assert statuses["price_comparison"] == "ok"  # limit 7 days
    assert done.envelopes["inventory_check"].data is not None
    assert "5 days old (limit 2)" in done.degraded[0]


def test_a_tool_that_hangs_30_seconds_costs_its_answer_and_no_more(run, hang):
    began = time.monotonic()
    done, runner = run(Faulty(hang), patience_s=0.1)
    assert time.monotonic() - began < 5.0
    statuses = {name: e.status for name, e in done.envelopes.items()}
    assert statuses["review_analysis"] == statuses["trend_analyzer"] == "ok"
    assert {name for name, status in statuses.items() if status == "timeout"} == OFFERS
    assert runner.gauges()["price_comparison", "hanging"] == 1
    assert runner.gauges()["review_analysis", "hanging"] == 0
    assert runner.counts["price_comparison", "abandoned"] == 1


def test_hanging_threads_do_not_block_later_runs(run, hang):
    provider = Faulty(hang)
    _, runner = run(provider, PRICES, patience_s=0.3, failures=100, threads=2, spare_threads=3)
    for _ in range(2):
        run(provider, PRICES, runner=runner)
    provider.fault = lambda calls: None
    done, _ = run(provider, PRICES, runner=runner)
    assert done.envelopes["price_comparison"].status == "ok"
    assert runner.gauges()["price_comparison", "hanging"] == 3


def test_when_all_threads_hang_the_answer_is_an_error_at_once(run, hang):
    provider = Faulty(hang)
    _, runner = run(provider, PRICES, patience_s=0.2, failures=100, threads=1, spare_threads=1)
    run(provider, PRICES, runner=runner)
    done, _ = run(provider, PRICES, runner=runner)
    envelope = done.envelopes["price_comparison"]
    assert (envelope.status, "all 2 threads hang" in envelope.words[0]) == ("error", True)
    assert envelope.ms < 150


def test_a_failing_tool_is_left_alone_and_tried_again_after_its_rest(run):
    provider = Faulty(raising(*[KeyError("x")] * 3))
    _, runner = run(provider, PRICES, failures=3, rest_s=0.1)
    run(provider, PRICES, runner=runner)
    done, _ = run(provider, PRICES, runner=runner)
    assert done.envelopes["price_comparison"].words[0].startswith("failed: KeyError at test_runner")
    done, _ = run(provider, PRICES, runner=runner)
    assert done.envelopes["price_comparison"].attempts == 0
    assert (provider.calls, runner.gauges()["price_comparison", "open"]) == (3, 1.0)
    time.sleep(0.12)
    done, _ = run(provider, PRICES, runner=runner)
    assert done.envelopes["price_comparison"].status == "ok"
    assert runner.gauges()["price_comparison", "open"] == 0.0


@pytest.mark.parametrize("error", [TransientError("503"), ConnectionResetError(), TimeoutError()])
def test_what_may_pass_is_tried_again(run, error):
    provider = Faulty(raising(error, error))
    done, runner = run(provider, PRICES, backoff_s=0.001)
    envelope = done.envelopes["price_comparison"]
    assert (envelope.status, envelope.attempts, provider.calls) == ("ok", 3, 3)
    assert runner.counts["price_comparison", "retry"] == 2
    assert [step.event for step in done.trace].count("asked again (2)") == 1


def test_retries_end_and_stay_within_the_time(run):
    provider = Faulty(raising(*[TransientError("503")] * 99))
    done, _ = run(provider, PRICES, backoff_s=0.001)
    assert (done.envelopes["price_comparison"].attempts, provider.calls) == (3, 3)
    began = time.monotonic()
    done, _ = run(provider, PRICES, patience_s=1.0, backoff_s=60.0)
    assert time.monotonic() - began < 5.0
    assert done.envelopes["price_comparison"].attempts == 1


def test_other_failures_and_tools_with_effects_are_not_tried_again(run):
    provider = Faulty(raising(ProviderError("offers: price -5 is out of range")))
    done, _ = run(provider, PRICES)
    assert provider.calls == 1
    words = done.envelopes["price_comparison"].words
    assert words == ("unusable rows: offers: price -5 is out of range",)
    provider = Faulty(raising(TransientError("503")))
    once = replace(default_tools()[0], idempotent=False)
    runner = Runner(provider, [once])
    assert runner.run_sync(PRICES).envelopes["price_comparison"].status == "error"
    assert provider.calls == 1
    runner.close()


def test_a_callers_mistake_does_not_open_the_breaker(run):
    on_shelf = shelf().gift("c", "books").offer("c", "s", 100)
    wrong = BudgetRequest(
        gifts=("a", "c"),
        on=TODAY,
        values=(1.0, 1.0),
        budget=Money.parse("50EUR"),
        most=2,
        forced=("a", "c"),
    )
    _, runner = run(on_shelf.provider(), {"budget_optimizer": wrong}, failures=1)
    done, _ = run(None, {"budget_optimizer": wrong}, runner=runner)
    envelope = done.envelopes["budget_optimizer"]
    assert (envelope.status, envelope.attempts) == ("error", 1)
    assert "of one category" in envelope.words[0]


@pytest.mark.parametrize("rows", [None, "<html>", [1], [{"gift": "a", "price": "free"}], {}])
def test_garbage_from_a_provider_is_an_error_or_empty_never_an_answer(run, rows):
    provider = FetchingProvider("http", lambda table, gifts: rows)
    done, _ = run(provider)
    assert {e.status for e in done.envelopes.values()} <= {"error", "empty"}
    if rows != {}:
        assert {e.status for e in done.envelopes.values()} == {"error"}


def test_words_of_strange_errors_are_not_repeated(run):
    done, _ = run(Faulty(raising(RuntimeError("password=hunter2"))), PRICES)
    assert "hunter2" not in done.model_dump_json()


def test_an_answer_that_is_no_result_is_an_error():
    runner = Runner(shelf().provider(), [Tool("odd", Request, lambda r, p: 5, None)])  # type: ignore[arg-type,return-value]
    done = runner.run_sync({"odd": Request(gifts=("a",), on=TODAY)})
    assert done.envelopes["odd"].words == ("answered with a int, which is no result",)
    runner.close()


def test_a_runs_deadline_holds_for_all_its_tools(hang):
    runner = Runner(Faulty(hang), patient(20.0))
    done = runner.run_sync(PRICES, 0.1)
    assert done.envelopes["price_comparison"].status == "timeout"
    assert 100 <= done.ms < 5000
    runner.close()


def test_requests_are_checked_before_anything_runs(run):
    with pytest.raises(UserError, match="no tool 'x'"):
        run(shelf().provider(), {"x": PRICES["price_comparison"]})
    with pytest.raises(UserError, match="cannot answer a PriceRequest"):
        run(shelf().provider(), {"trend_analyzer": PRICES["price_comparison"]})


def test_a_caller_that_goes_away_leaves_no_job_behind(run, hang):
    runner = Runner(Faulty(hang))

    async def leave() -> None:
        task = asyncio.create_task(runner.run(PRICES, 10.0))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert runner.gauges()["price_comparison", "hanging"] == 1
    runner.close()


def test_many_runs_at_once_under_faults_all_come_back_in_time():
    draw = np.random.default_rng(0)
    lock = threading.Lock()
    over = threading.Event()

    def fault(calls: int) -> None:
        with lock:
            what = draw.random()
        if what < 0.05:
            over.wait(30)
        elif what < 0.15:
            raise KeyError("x")
        elif what < 0.30:
            raise TransientError("503")
        elif what < 0.40:
            time.sleep(0.02)

    limits = Limits(failures=5, rest_s=0.05, deadline_s=20.0)
    runner = Runner(Faulty(fault), patient(0.2), limits)

    async def many() -> list[float]:
        taken = []
        for _ in range(10):
            done = await asyncio.gather(*(runner.run(requests()) for _ in range(10)))
            for run in done:
                taken.append(run.ms)
                assert {e.status for e in run.envelopes.values()} <= {"ok", "timeout", "error"}
                assert run.envelopes["review_analysis"].status == "ok"
        return taken

    try:
        assert max(asyncio.run(many())) < 10_000  # nobody waited for the 30 seconds
        assert all(runner.gauges()[name, "threads"] <= 8 for name in TOOLS)
    finally:
        over.set()
        runner.close()


def test_warming_up_answers_without_limits():
    runner = Runner(shelf().provider())
    assert runner.warm(requests()) > 0
    assert not runner.counts
    runner.close()


def test_an_envelope_holds_what_it_says():
    envelope = Envelope(tool="x", status="timeout", source="s", ms=1.0)
    assert not envelope.usable
    assert not Result(as_of=None, rows=0).found
