"""Named warnings, and good signs, read off the records of a training as they come.

The rules are the early warning signs and failure modes of seed 003 and the red and green flags
of seed 004; their thresholds are in `flags.py`. A flag is raised when its condition sets in,
not again while it lasts, and again when it returns.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from reccore.train.flags import Colour, Flag, FlagName, HealthSettings

__all__ = ["Flag", "HealthMonitor", "HealthSettings"]


@dataclass
class _Sign:
    """A rule's verdict on one record; `subject` tells apart a rule's terms or metrics."""

    name: FlagName
    colour: Colour
    present: bool
    message: str
    subject: str = ""

    @property
    def key(self) -> str:
        return f"{self.colour} {self.name} {self.subject}"


@dataclass
class _Course:
    """What is remembered of one figure."""

    first: float
    best: float
    since: int = 0  # observations since the best
    falls: int = 0  # observations in a row that were worse than the one before
    recent: tuple[float, ...] = ()


class HealthMonitor:
    """Observes the records of one training, epoch after epoch.

    `info` may have `monitor` and `higher_is_better` (the metric that is the quality),
    `parameters`, `dropout` and `kl_weight`; a record's own `parameters` and `weight/kl` win.
    """

    def __init__(self, settings: HealthSettings, info: Mapping[str, Any] | None = None) -> None:
        self.settings = settings
        self.info = dict(info or {})
        self._active: set[str] = set()
        self._courses: dict[str, _Course] = {}

    def observe(self, record: Mapping[str, Any]) -> list[Flag]:
        """Flags that set in with this record."""
        raised = []
        for sign in self._signs(record):
            fresh = sign.present and sign.key not in self._active
            (self._active.add if sign.present else self._active.discard)(sign.key)
            if fresh and sign.name not in self.settings.ignore:
                raised.append(Flag(sign.name, sign.colour, sign.message, int(record["epoch"])))
        return raised

    def state_dict(self) -> dict[str, Any]:
        """Plain types only: `torch.load(weights_only=True)` takes them back."""
        courses = {name: asdict(course) for name, course in self._courses.items()}
        return {"active": sorted(self._active), "courses": courses}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._active = set(state["active"])
        self._courses = {name: _Course(**course) for name, course in state["courses"].items()}

    def _signs(self, record: Mapping[str, Any]) -> Iterator[_Sign]:
        """A rule that the record says nothing about yields nothing, and its flags stay."""
        yield from self._losses(record)
        yield from self._quality(record)
        yield from self._gap(record)
        yield from self._gradient(record)
        yield from self._balance(record)
        yield from self._variational(record)
        yield from self._capacity(record)

    def _follow(self, name: str, value: float, higher_is_better: bool = False) -> _Course:
        """Note one more value of a figure."""
        sign = -1.0 if higher_is_better else 1.0
        course = self._courses.setdefault(name, _Course(value, value))
        better = sign * (course.best - value) > self.settings.min_change * abs(course.best)
        last = course.recent[-1] if course.recent else value
        course.since = 0 if better or not course.recent else course.since + 1
        course.best = value if better else course.best
        course.falls = course.falls + 1 if sign * (value - last) > 0 else 0
        s = self.settings
        keep = max(s.steady_epochs, s.quality_evaluations, s.kl_records)
        course.recent = (*course.recent, value)[-keep:]
        return course

    def _losses(self, record: Mapping[str, Any]) -> Iterator[_Sign]:
        s, epoch = self.settings, int(record["epoch"])
        losses = {k.removeprefix("loss/"): k for k in record if k.startswith("loss/")}
        for term, key in {**losses, "total": "loss"}.items():
            if (loss := number(record, key)) is None:
                continue
            course = self._follow(key, loss)
            if term in s.collapse_terms:
                yield _Sign(
                    "term_collapse",
                    "red",
                    loss < s.collapse_below and epoch < s.collapse_before_epoch,
                    f"{term} loss is {loss:.3g}, below {s.collapse_below:g} before epoch "
                    f"{s.collapse_before_epoch}: it is memorised, lower its weight or rate",
                    term,
                )
            if term in s.falling_terms:
                resting = loss < s.falling_settled * course.first
                yield _Sign(
                    "term_not_falling",
                    "red",
                    course.since >= s.falling_epochs and not resting,
                    f"{term} loss has no new lowest for {course.since} epochs ({loss:.3g}, "
                    f"at first {course.first:.3g}): raise its weight or rate",
                    term,
                )
            if term == "total":
                yield self._steady(course)

    def _steady(self, course: _Course) -> _Sign:
        s, recent = self.settings, course.recent[-self.settings.steady_epochs :]
        steps = [(b - a) / max(abs(a), 1e-12) for a, b in pairwise(recent)]
        gradual = all(-s.steady_drop <= step <= s.steady_rise for step in steps)
        present = len(recent) == s.steady_epochs and gradual and recent[-1] < recent[0]
        message = f"loss falls steadily over {s.steady_epochs} epochs ({recent[-1]:.3g})"
        return _Sign("steady_decrease", "green", present, message)

    def _quality(self, record: Mapping[str, Any]) -> Iterator[_Sign]:
        s, epoch = self.settings, int(record["epoch"])
        higher = bool(self.info.get("higher_is_better", True))
        monitor = str(self.info.get("monitor") or "").removeprefix("val/")
        if (loss := number(record, "val_loss")) is not None:
            yield self._plateau("validation loss", epoch, self._follow("val_loss", loss))
        if (value := number(record, f"val/{monitor}")) is None:
            return
        course = self._follow(f"val/{monitor}", value, higher)
        yield self._plateau(monitor, epoch, course)
        yield _Sign(
            "quality_falling",
            "red",
            course.falls >= s.quality_falls,
            f"{monitor} got worse {course.falls} evaluations in a row ({value:.4g}, best "
            f"{course.best:.4g}): the model overfits, stop here or regularise",
        )
        recent = course.recent[-s.quality_evaluations :]
        change = (recent[-1] - recent[0]) * (1 if higher else -1)
        stable = change >= -s.quality_tolerance * abs(recent[0])
        enough = len(recent) == s.quality_evaluations
        message = f"{monitor} improves or is stable ({value:.4g})"
        yield _Sign("quality_steady", "green", enough and stable, message)

    def _plateau(self, what: str, epoch: int, course: _Course) -> _Sign:
        s = self.settings
        return _Sign(
            "plateau",
            "red",
            course.since >= s.plateau_evaluations and epoch < s.plateau_before_epoch,
            f"{what} has not improved for {course.since} evaluations, before epoch "
            f"{s.plateau_before_epoch} (best {course.best:.4g}): lower the rate, or add capacity",
            what,
        )

    def _gap(self, record: Mapping[str, Any]) -> Iterator[_Sign]:
        s, loss, val = self.settings, number(record, "loss"), number(record, "val_loss")
        if loss is None or val is None:
            return
        gap = (val - loss) / (max(abs(loss), 1e-12) if s.gap_kind == "relative" else 1.0)
        red, amber = gap > s.gap_red, gap > s.gap_amber
        text = f"validation loss is {gap:.3g} ({s.gap_kind}) above training loss"
        wide = _Sign("gap", "amber", amber, f"{text}, more than {s.gap_amber:g}")
        yield _Sign("gap", "red", red, f"{text}, more than {s.gap_red:g}: overfitting")
        if red:
            self._active.add(wide.key)  # going back from red to amber will be no news
        else:
            yield wide
        message = f"validation loss is close to training loss (gap {gap:.3g})"
        yield _Sign("validation_close", "green", gap < s.gap_amber, message)

    def _gradient(self, record: Mapping[str, Any]) -> Iterator[_Sign]:
        s = self.settings
        key = "grad_norm" if s.gradient_norm_of == "mean" else "grad_norm_max"
        if record.get(key) is None:
            return
        norm = float(record[key])
        message = (
            f"{s.gradient_norm_of} gradient norm is {norm:.3g}, more than {s.gradient_norm:g}: "
            "lower the rate or clip harder"
        )
        yield _Sign("gradient_norm", "red", not norm <= s.gradient_norm, message)  # NaN is red

    def _balance(self, record: Mapping[str, Any]) -> Iterator[_Sign]:
        s, balance = self.settings, shares(record, self.settings.balance_exempt)
        if len(balance) < 2:
            return
        for term, share in balance.items():
            out = not s.balance_low <= share <= s.balance_high
            word = "dominates" if share > s.balance_high else "is starved"
            message = (
                f"{term} loss {word}: {share * 4 / len(balance):.1%} of the whole, "
                f"{share * 4:.2g} times an equal share: change its weight"
            )
            yield _Sign("imbalance", "red", out, message, term)
        even = all(s.balanced_from <= share <= s.balanced_to for share in balance.values())
        yield _Sign("balanced", "green", even, "losses are balanced")

    def _variational(self, record: Mapping[str, Any]) -> Iterator[_Sign]:
        s = self.settings
        kl = next((v for k in ("stat/kl", "loss/kl") if (v := number(record, k)) is not None), None)
        if kl is not None:
            recent = self._follow("kl", kl).recent[-s.kl_records :]
            low = len(recent) == s.kl_records and max(recent) < s.kl_floor
            message = f"KL is {kl:.3g}: the posterior collapsed; add free bits, lower the KL weight"
            yield _Sign("kl_collapse", "red", low, message)
        target, dropout = self.info.get("kl_weight"), self.info.get("dropout")
        weight = record.get("weight/kl", target)
        if weight is not None:
            message = f"KL weight is {weight:g}, above {s.high_kl_weight:g}: known to be unstable"
            yield _Sign("kl_weight", "red", weight > s.high_kl_weight, message)
        if target is not None and dropout is not None:
            both = dropout > s.high_dropout and target < s.low_kl_weight
            message = f"dropout {dropout:g} with KL weight {target:g}: they compete, lower one"
            yield _Sign("dropout_against_kl", "red", both, message)

    def _capacity(self, record: Mapping[str, Any]) -> Iterator[_Sign]:
        reference = self.settings.reference_parameters
        parameters = record.get("parameters", self.info.get("parameters"))
        if reference is None or parameters is None:
            return
        growth = parameters / reference - 1
        message = f"{parameters:,} parameters, {growth:+.0%} against {reference:,}: scale in steps"
        yield _Sign("capacity", "red", growth > self.settings.capacity_increase, message)


def number(record: Mapping[str, Any], key: str) -> float | None:
    """A finite figure of the record; the trainer's guard is who counts the others."""
    value = record.get(key)
    return float(value) if value is not None and math.isfinite(value) else None


def shares(record: Mapping[str, Any], exempt: tuple[str, ...]) -> dict[str, float]:
    """Shares of the terms, on the scale of four: 0.25 is an equal share, however many they are.

    Seed 004's range of 0.15-0.30 is about four losses; of two, say, it means 0.30-0.60 each.
    """
    keys = [key for key in record if key.startswith("balance/")]
    balance = {key.removeprefix("balance/"): number(record, key) for key in keys}
    kept = {name: s for name, s in balance.items() if s is not None and name not in exempt}
    whole = sum(kept.values())
    if whole <= 0:
        return {}
    return {name: share / whole * len(kept) / 4 for name, share in kept.items()}
