"""Whether a version keeps to its limits: each process counts its own answers and judges alone.

Answers are counted in slices of a sliding window; a slice is dropped when it has left the window
*and* the newer ones hold enough answers, so that little traffic is judged over a longer time
instead of never. Memory is constant: at most `SLICES` slices of fixed histograms.

A share above its limit is a breach only if chance would hardly bring it about (Chernoff: n answers
of which a share p may fail show a share a > p with probability at most exp(-n KL(a || p))). Windows
are judged all day long: a bare comparison would sooner or later withdraw every good version.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from reccore.serve.rollout.histogram import Histogram
from reccore.serve.rollout.plan import Limits, Plan
from reccore.serve.rollout.router import Arm

SLICES = 14
LUCK = 1e-3  # a window this unlikely is no accident
QUANTILE = 0.95
RETRY_S = 30.0  # between two attempts to act on one breach
_PER_WINDOW = 12

Clock = Callable[[], float]


@dataclass(frozen=True)
class Verdict:
    """What the newest window says, in words for people. `arm` and `version`: whom it is about."""

    state: Literal["ok", "not_enough", "breach"]
    why: str
    arm: Arm | None = None
    version: str | None = None

    @property
    def breach(self) -> bool:
        return self.state == "breach"


@dataclass(frozen=True)
class Figures:
    """One arm in the newest window."""

    answers: int
    failed: int
    p95_ms: float | None


class _Count:
    __slots__ = ("failed", "times")

    def __init__(self) -> None:
        self.failed, self.times = 0, Histogram()

    @property
    def total(self) -> int:
        return self.failed + self.times.total


class _Slice:
    __slots__ = ("arms", "begin", "last")

    def __init__(self, begin: float) -> None:
        self.begin = self.last = begin
        self.arms: dict[Arm, _Count] = {"champion": _Count(), "challenger": _Count()}


class Watch:
    """The answers of one champion and, where a plan holds, of one challenger, from now on.

    For one thread (the event loop's). Keep the watch a request began with: what an old champion
    still answers after a swap is then not held against the new one.
    """

    def __init__(
        self,
        plan: Plan,
        champion: str | None,
        *,
        fresh: bool = False,
        before: float | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        """`fresh`: the champion just came; `before`: the p95 (seconds) of the one it replaced."""
        self.plan, self.champion = plan, champion
        self.challenger = plan.version if plan.tries(champion) else None
        self.limits: Limits = plan.limits
        self._clock, self._now = clock, clock()
        self._fresh, self._came, self._before = fresh, self._now, before
        self._answered = 0  # by the champion, ever
        self._slices = [_Slice(self._now)]
        self._closed: dict[Arm, _Count] = {}
        self._acted: float | None = None

    def follow(self, plan: Plan, champion: str | None) -> "Watch":
        """The watch for what holds now: this one, as long as it judges the same by the same rules.

        A champion that comes while `plan.watch_champion` is on is fresh, and measured against the
        one it replaces. The champion a process starts with is settled.
        """
        if champion != self.champion:
            count = self._sum("champion")
            known = count.times.quantile(QUANTILE) if self._enough(count.times.total) else None
            fresh = plan.watch_champion and self.champion is not None
            return Watch(plan, champion, fresh=fresh, before=known, clock=self._clock)
        same = (self.plan.id, self.plan.limits) == (plan.id, plan.limits)
        tried = plan.version if plan.tries(champion) else None
        if same and tried == self.challenger:
            self.plan = plan
            return self
        after = Watch(plan, champion, fresh=self._fresh, before=self._before, clock=self._clock)
        after._came, after._answered = self._came, self._answered
        return after

    def note(self, arm: Arm, seconds: float, failed: bool) -> None:
        """One answer that a version computed, shadow answers too; a cached one says nothing of it.

        `failed`: the version's fault (an error, a deadline), not the caller's (a refusal).
        """
        self._turn()
        newest = self._slices[-1]
        newest.last = self._now
        count = newest.arms[arm]
        if failed:
            count.failed += 1
        else:
            count.times.add(seconds)
        self._answered += arm == "champion"

    def verdict(self) -> Verdict:
        """The challenger's if one is tried and breaks its limits; else the fresh champion's."""
        self._turn()
        found = [self._judge(arm) for arm in self._judged()]
        for state in ("breach", "not_enough"):
            for verdict in found:
                if verdict.state == state:
                    return verdict
        return found[0] if found else Verdict("ok", "nothing is being tried or watched")

    def due(self) -> Verdict | None:
        """The breach to act on, if there is one; not again until a while has passed."""
        verdict = self.verdict()
        if not verdict.breach:
            return None
        if self._acted is not None and self._now - self._acted < RETRY_S:
            return None
        self._acted = self._now
        return verdict

    def figures(self) -> dict[Arm, Figures]:
        """For the operator's page and the metrics."""
        self._turn()
        arms: tuple[Arm, ...] = ("champion", "challenger")
        found: dict[Arm, Figures] = {}
        for arm in arms:
            count = self._sum(arm)
            p95 = count.times.quantile(QUANTILE)
            found[arm] = Figures(count.total, count.failed, None if p95 is None else p95 * 1000)
        return found

    def _judged(self) -> Sequence[Arm]:
        judged: list[Arm] = ["challenger"] if self.challenger is not None else []
        if self._fresh and self.plan.watch_champion:
            young = self._now - self._came < self.limits.fresh_s
            if young or not self._enough(self._answered):
                judged.append("champion")
        return judged

    def _judge(self, arm: Arm) -> Verdict:
        version = self.challenger if arm == "challenger" else self.champion
        count, limits, who = self._sum(arm), self.limits, f"{arm} {version}"
        total = count.total
        if not self._enough(total):
            why = f"{who}: {total} answers so far, {limits.least} are needed"
            return Verdict("not_enough", why, arm, version)
        rate = f"{who}: {_percent(count.failed / total)} of {total} answers failed"
        if _beyond_chance(count.failed, total, limits.error_rate):
            why = f"{rate}, the limit is {_percent(limits.error_rate)}"
            return Verdict("breach", why, arm, version)
        p95 = count.times.quantile(QUANTILE)
        if p95 is None or not self._enough(count.times.total):
            return Verdict("ok", rate, arm, version)
        slow = self._too_slow(arm, count.times, p95)
        if slow is not None:
            why = f"{who}: p95 is {_ms(p95)} over {count.times.total} answers, {slow}"
            return Verdict("breach", why, arm, version)
        return Verdict("ok", f"{rate}, p95 is {_ms(p95)}", arm, version)

    def _too_slow(self, arm: Arm, times: Histogram, p95: float) -> str | None:
        """Which limit the p95 breaks, with its figures."""
        limits = self.limits
        if limits.latency_ms is not None and _exceeds(times, p95, limits.latency_ms / 1000):
            return f"the limit is {limits.latency_ms:g} ms"
        if limits.latency_ratio is None:
            return None
        other = self._before
        if arm == "challenger":
            beside = self._sum("champion").times
            other = beside.quantile(QUANTILE) if self._enough(beside.total) else None
        if other is None:
            return None
        allowed = max(other * limits.latency_ratio, limits.latency_floor_ms / 1000)
        if not _exceeds(times, p95, allowed):
            return None
        whose = "the champion's" if arm == "challenger" else "its predecessor's"
        return (
            f"{p95 / other:.1f} times {whose} {_ms(other)}, "
            f"the limit is {limits.latency_ratio:g} times"
        )

    def _turn(self) -> None:
        """Bring the slices up to now. A clock that jumps back stands still until it has caught up;
        one that jumps ahead ends the slice, and drops nothing that is still needed."""
        self._now = max(self._now, self._clock())
        window = self.limits.window_s
        if self._now - self._slices[-1].begin < window / _PER_WINDOW:
            return
        self._slices.append(_Slice(self._now))
        self._closed.clear()
        while len(self._slices) > 1 and self._slices[0].last <= self._now - window:
            tried: Arm = "champion" if self.challenger is None else "challenger"
            if not self._enough(sum(piece.arms[tried].total for piece in self._slices[1:])):
                break
            del self._slices[0]
        if len(self._slices) > SLICES:
            self._slices[:2] = [_merged(*self._slices[:2])]

    def _sum(self, arm: Arm) -> _Count:
        """Over the window; what the closed slices add up to is kept until the next one closes."""
        if arm not in self._closed:
            self._closed[arm] = _added([piece.arms[arm] for piece in self._slices[:-1]])
        return _added([self._closed[arm], self._slices[-1].arms[arm]])

    def _enough(self, answers: int) -> bool:
        return answers >= self.limits.least


def _merged(older: _Slice, newer: _Slice) -> _Slice:
    result = _Slice(older.begin)
    result.last = newer.last
    result.arms = {arm: _added([count, newer.arms[arm]]) for arm, count in older.arms.items()}
    return result


def _added(counts: Sequence[_Count]) -> _Count:
    result = _Count()
    result.failed = sum(count.failed for count in counts)
    result.times = Histogram.sum(count.times for count in counts)
    return result


def _exceeds(times: Histogram, p95: float, allowed: float) -> bool:
    """The p95 lies above, and so many answers do that it is no accident."""
    return p95 > allowed and _beyond_chance(times.slower(allowed), times.total, 1 - QUANTILE)


def _beyond_chance(hits: int, total: int, limit: float) -> bool:
    """Whether a true share within the limit would show so many hits less often than LUCK."""
    share = hits / total
    if share <= limit:
        return False
    if limit == 0:
        return True
    divergence = share * math.log(share / limit)
    if share < 1:
        divergence += (1 - share) * math.log((1 - share) / (1 - limit))
    return total * divergence > -math.log(LUCK)


def _percent(share: float) -> str:
    return f"{share * 100:.3g}%" if 0 < share < 0.001 else f"{share * 100:.1f}%"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2g} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"
