"""Verdicts by figures that are certain, with a clock that the test turns."""

import sys
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.serve.rollout import Arm, Limits, Plan, Watch
from reccore.serve.rollout.watch import SLICES


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def plan(*, watched: bool = False, id: str = "p", share: float = 0.1, **limits: object) -> Plan:
    facts = {"id": id, "seed": "s", "version": "12", "champion": "11", "share": share}
    return Plan.model_validate({**facts, "watch_champion": watched, "limits": limits})


def feed(watch: Watch, arm: Arm, answers: int, seconds: float = 0.01, failed: int = 0) -> None:
    for n in range(answers):
        watch.note(arm, seconds, failed=n < failed)


def test_nothing_is_judged_before_there_is_enough(clock: Clock) -> None:
    watch = Watch(plan(), "11", clock=clock)
    feed(watch, "challenger", 199, failed=199)
    assert watch.verdict().state == "not_enough"
    assert watch.verdict().why == "challenger 12: 199 answers so far, 200 are needed"
    assert watch.due() is None
    feed(watch, "challenger", 1)
    assert watch.verdict().breach


def test_failures_are_said_with_their_figures(clock: Clock) -> None:
    watch = Watch(plan(), "11", clock=clock)
    feed(watch, "challenger", 640, failed=20)
    verdict = watch.verdict()
    assert (verdict.state, verdict.arm, verdict.version) == ("breach", "challenger", "12")
    assert verdict.why == "challenger 12: 3.1% of 640 answers failed, the limit is 1.0%"


def test_a_good_version_is_not_withdrawn_by_chance() -> None:
    """500 windows at three quarters of the limit: comparing alone would stop one in ten."""
    drawn = np.random.default_rng(0).binomial(1000, 0.0075, size=500)
    bare = breached = 0
    for failed in drawn.tolist():
        watch = Watch(plan(latency_ratio=None), "11", clock=Clock())
        feed(watch, "challenger", failed, failed=failed)
        feed(watch, "challenger", 1000 - failed)
        bare += failed > 10
        breached += watch.verdict().breach
    assert bare > 30
    assert breached == 0


def test_a_limit_of_none_failed_is_meant(clock: Clock) -> None:
    watch = Watch(plan(error_rate=0.0), "11", clock=clock)
    feed(watch, "challenger", 500)
    assert watch.verdict().state == "ok"
    feed(watch, "challenger", 1, failed=1)
    assert watch.verdict().breach


def test_an_absolute_latency(clock: Clock) -> None:
    watch = Watch(plan(latency_ms=50.0), "11", clock=clock)
    feed(watch, "challenger", 960, 0.010)
    feed(watch, "challenger", 40, 0.900)
    assert watch.verdict().state == "ok", "4 % are slow, and the p95 is not"
    feed(watch, "challenger", 100, 0.900)
    verdict = watch.verdict()
    assert verdict.breach
    assert "over 1100 answers, the limit is 50 ms" in verdict.why


def test_a_latency_against_the_champions(clock: Clock) -> None:
    watch = Watch(plan(), "11", clock=clock)
    feed(watch, "challenger", 300, 0.040)
    assert watch.verdict().state == "ok", "no champion to compare with"
    feed(watch, "champion", 300, 0.030)
    assert watch.verdict().state == "ok"
    feed(watch, "challenger", 3000, 0.060)
    verdict = watch.verdict()
    assert verdict.breach
    assert "2.0 times the champion's 31 ms" in verdict.why
    assert verdict.why.endswith("the limit is 1.5 times")


def test_what_nobody_feels_breaks_no_ratio(clock: Clock) -> None:
    watch = Watch(plan(), "11", clock=clock)
    feed(watch, "champion", 300, 0.0005)
    feed(watch, "challenger", 300, 0.0040)
    assert watch.verdict().state == "ok"
    strict = Watch(plan(latency_floor_ms=0.0), "11", clock=clock)
    feed(strict, "champion", 300, 0.0005)
    feed(strict, "challenger", 300, 0.0040)
    assert strict.verdict().breach


def test_failures_that_are_quick_do_not_make_it_fast(clock: Clock) -> None:
    watch = Watch(plan(error_rate=0.9, latency_ms=50.0), "11", clock=clock)
    feed(watch, "challenger", 800, 0.0001, failed=800)
    feed(watch, "challenger", 300, 0.090)
    assert "p95" in watch.verdict().why
    assert watch.verdict().breach


def test_old_answers_leave_the_window(clock: Clock) -> None:
    watch = Watch(plan(), "11", clock=clock)
    feed(watch, "challenger", 300, failed=100)
    assert watch.verdict().breach
    clock.now += 30
    feed(watch, "challenger", 300)
    clock.now += 40
    assert watch.verdict().state == "ok"
    assert watch.figures()["challenger"].answers == 300


def test_little_traffic_is_judged_over_a_longer_time(clock: Clock) -> None:
    """Two a minute, all failed: after 200 it is withdrawn, though no window ever held 200."""
    watch = Watch(plan(), "11", clock=clock)
    for n in range(200):
        assert not watch.verdict().breach, n
        watch.note("challenger", 0.01, failed=True)
        clock.now += 30
    assert watch.verdict().breach


def test_both_arms_are_compared_over_the_same_time(clock: Clock) -> None:
    """A champion that was slow before the window does not excuse a challenger in it."""
    watch = Watch(plan(), "11", clock=clock)
    feed(watch, "champion", 5000, 0.5)
    for _ in range(20):
        clock.now += 6
        feed(watch, "champion", 100, 0.01)
        feed(watch, "challenger", 100, 0.1)
    assert watch.verdict().breach


@given(st.lists(st.tuples(st.floats(-50, 500), st.booleans(), st.booleans()), max_size=80))
def test_memory_is_constant_and_no_clock_breaks_it(
    steps: list[tuple[float, bool, bool]],
) -> None:
    clock = Clock()
    watch = Watch(plan(least=5), "11", clock=clock)
    newest = 0
    for move, challenger, failed in steps:
        clock.now += move
        watch.note("challenger" if challenger else "champion", move / 100, failed)
        newest += challenger
        assert len(watch._slices) <= SLICES
        assert watch.figures()["challenger"].answers >= min(newest, 5)
    watch.verdict()


def test_a_clock_that_jumps_back_stands_still(clock: Clock) -> None:
    watch = Watch(plan(), "11", clock=clock)
    feed(watch, "challenger", 150)
    clock.now -= 5000
    feed(watch, "challenger", 150)
    assert watch.figures()["challenger"].answers == 300
    clock.now += 5000 + 61
    feed(watch, "challenger", 250)
    clock.now += 61
    watch.note("challenger", 0.01, False)
    assert watch.figures()["challenger"].answers == 251


def test_an_answer_is_noted_without_growing(clock: Clock) -> None:
    watch = Watch(plan(), "11", clock=clock)
    feed(watch, "challenger", 10)
    before = sum(sys.getsizeof(s.arms["challenger"].times.counts) for s in watch._slices)
    feed(watch, "challenger", 5000)
    after = sum(sys.getsizeof(s.arms["challenger"].times.counts) for s in watch._slices)
    assert before == after


def test_a_breach_is_acted_on_once_in_a_while(clock: Clock) -> None:
    watch = Watch(plan(), "11", clock=clock)
    feed(watch, "challenger", 300, failed=300)
    assert watch.due() is not None
    assert watch.due() is None
    clock.now += 31
    assert watch.due() is not None, "it could not be written, perhaps: try again"


def test_a_raised_share_goes_on_counting(clock: Clock) -> None:
    watch = Watch(plan(), "11", clock=clock)
    assert watch.follow(plan(share=0.9), "11") is watch
    assert watch.plan.share == 0.9


def test_another_plan_starts_from_nothing(clock: Clock) -> None:
    watch = Watch(plan(), "11", clock=clock)
    feed(watch, "challenger", 300, failed=300)
    after = watch.follow(plan(id="q"), "11")
    assert after.verdict().state == "not_enough"
    stopped = plan().model_copy(update={"stopped": "slow"})
    assert watch.follow(stopped, "11").verdict().why == "nothing is being tried or watched"


def test_a_fresh_champion_is_measured_against_the_one_before(clock: Clock) -> None:
    watch = Watch(plan(watched=True), "11", clock=clock)
    feed(watch, "champion", 500, 0.02)
    after = watch.follow(Plan(watch_champion=True), "12")
    feed(after, "champion", 300, 0.08)
    verdict = after.verdict()
    assert (verdict.state, verdict.arm, verdict.version) == ("breach", "champion", "12")
    assert "times its predecessor's 20" in verdict.why
    feed(watch, "champion", 100, failed=100)
    assert after.figures()["champion"].failed == 0, "what began before the swap is the old one's"


def test_a_champion_is_fresh_for_a_while_and_until_it_was_judged(clock: Clock) -> None:
    watch = Watch(Plan(watch_champion=True), "11", clock=clock)
    after = watch.follow(Plan(watch_champion=True), "12")
    clock.now += 601
    assert after.verdict().state == "not_enough"
    feed(after, "champion", 300)
    assert after.verdict().state == "ok"
    assert after.verdict().arm is None, "settled"
    feed(after, "champion", 3000, failed=3000)
    assert not after.verdict().breach


def test_freshness_outlives_a_new_trial(clock: Clock) -> None:
    watch = Watch(Plan(watch_champion=True), "10", clock=clock).follow(
        Plan(watch_champion=True), "11"
    )
    clock.now += 300
    after = watch.follow(plan(watched=True), "11")
    feed(after, "champion", 300, failed=300)
    assert after.verdict().breach
    assert after.verdict().arm == "champion"


@pytest.mark.parametrize("watched", [True, False])
def test_the_champion_found_at_the_start_is_settled(clock: Clock, watched: bool) -> None:
    found = Plan(watch_champion=watched)
    watch = Watch(found, None, clock=clock).follow(found, "11")
    feed(watch, "champion", 500, failed=500)
    assert not watch.verdict().breach


def test_an_unwatched_swap_is_not_judged(clock: Clock) -> None:
    watch = Watch(Plan.none(), "11", clock=clock).follow(Plan.none(), "12")
    feed(watch, "champion", 500, failed=500)
    assert not watch.verdict().breach


def test_the_defaults_are_stated() -> None:
    limits = Limits()
    assert (limits.error_rate, limits.latency_ratio, limits.least) == (0.01, 1.5, 200)
