"""Learning rates over time: a factor of each group's own rate, a pure function of the step.

Stepless functions need no state in a checkpoint and cannot disagree with it. The one exception
is the plateau rule, which listens to a metric; its state is three numbers.

One-cycle is Smith & Topin (arXiv:1708.07120) as in `torch.optim.lr_scheduler.OneCycleLR`, without
its momentum cycle; cosine restarts are SGDR (Loshchilov & Hutter, arXiv:1608.03983).
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from reccore.config import Settings

Factor = Callable[[int], float]
Kind = Literal["constant", "onecycle", "cosine", "cosine-restarts", "plateau"]


class ScheduleSettings(Settings):
    """How the rates move. A factor of 1 is the rate of the settings."""

    kind: Kind = Field("constant", description="Shape of the rates after the warm-up.")
    warmup_epochs: float = Field(0.0, ge=0, description="Linear rise from 0 over this many epochs.")
    warmup_fraction: float = Field(
        0.0, ge=0, lt=1, description="The same, as a fraction of all steps; the longer one holds."
    )
    min_factor: float = Field(0.0, ge=0, le=1, description="cosine, restarts, plateau: the floor.")

    pct_start: float = Field(0.1, gt=0, lt=1, description="onecycle: share of steps that rise.")
    div_factor: float = Field(25.0, ge=1, description="onecycle: the first factor is 1/this.")
    final_div_factor: float = Field(1e4, ge=1, description="onecycle: the last is first/this.")

    t_0: float = Field(10.0, gt=0, description="cosine-restarts: epochs of the first cycle.")
    t_mult: int = Field(1, ge=1, description="cosine-restarts: each cycle is so much longer.")

    plateau_factor: float = Field(0.5, gt=0, lt=1, description="plateau: multiplies the rates.")
    plateau_patience: int = Field(
        3, ge=0, description="plateau: evaluations without improvement that are borne."
    )
    plateau_threshold: float = Field(
        1e-4, ge=0, description="plateau: relative change that counts as an improvement."
    )

    @model_validator(mode="after")
    def _one_warmup(self) -> Self:
        if self.kind == "onecycle" and (self.warmup_epochs or self.warmup_fraction):
            raise ValueError("onecycle has its own warm-up: set pct_start, not a warm-up")
        return self

    @property
    def needs_epochs(self) -> bool:
        """The factor of a step depends on how many epochs there will be."""
        return self.kind in ("onecycle", "cosine") or self.warmup_fraction > 0


def factor_of(settings: ScheduleSettings, steps_per_epoch: int, epochs: int) -> Factor:
    """The function from the optimizer step (from 0) to the factor of the rates."""
    total = max(1, steps_per_epoch * epochs)
    rise = max(settings.warmup_epochs * steps_per_epoch, settings.warmup_fraction * total)
    warmup = min(math.ceil(rise), total)
    shape = _shape(settings, steps_per_epoch, total - warmup)

    def factor(step: int) -> float:
        return (step + 1) / warmup if step < warmup else shape(step - warmup)

    return factor


def _shape(s: ScheduleSettings, steps_per_epoch: int, total: int) -> Factor:
    if s.kind == "onecycle":
        return lambda step: onecycle(step, total, s.pct_start, s.div_factor, s.final_div_factor)
    if s.kind == "cosine":
        return lambda step: cosine(step / max(1, total), s.min_factor)
    if s.kind == "cosine-restarts":
        first = max(1.0, s.t_0 * steps_per_epoch)
        return lambda step: cosine(cycle_position(step, first, s.t_mult), s.min_factor)
    return lambda step: 1.0  # constant; and plateau, whose scale comes on top


def cosine(position: float, floor: float) -> float:
    """From 1 at position 0 to `floor` at position 1."""
    return floor + (1 - floor) * (1 + math.cos(math.pi * min(position, 1.0))) / 2


def cycle_position(step: int, first: float, growth: int) -> float:
    """Where `step` lies in its cycle, in [0, 1): cycles are first, first * growth, ... long."""
    if growth == 1:
        return step % first / first
    cycle = int(math.log(step / first * (growth - 1) + 1, growth) + 1e-9)
    length = first * math.pow(growth, cycle)
    start = (length - first) / (growth - 1)
    return max(0.0, step - start) / length


def onecycle(step: int, total: int, pct_start: float, div: float, final_div: float) -> float:
    """Cosine from 1/div up to 1, then down to 1/(div * final_div) at the last step."""
    peak, last = pct_start * total - 1, total - 1
    low = 1 / div
    if step <= peak:
        return low + (1 - low) * (1 - math.cos(math.pi * step / peak)) / 2 if peak > 0 else 1.0
    return cosine((step - peak) / max(last - peak, 1e-12), low / final_div)


class Plateau:
    """Multiplies the rates by `plateau_factor` where a metric has stopped improving."""

    def __init__(self, settings: ScheduleSettings) -> None:
        self.settings = settings
        self.scale = 1.0
        self._best: float | None = None
        self._bad = 0  # evaluations without improvement, NaN being one

    def update(self, value: float, higher_is_better: bool) -> None:
        """Hear of one evaluation."""
        s = self.settings
        if s.kind != "plateau":
            return
        if self._improves(value, higher_is_better):
            self._best, self._bad = value, 0
        else:
            self._bad += 1
        if self._bad > s.plateau_patience:
            self.scale = max(self.scale * s.plateau_factor, s.min_factor)
            self._bad = 0

    def _improves(self, value: float, higher_is_better: bool) -> bool:
        if self._best is None:
            return math.isfinite(value)
        margin = self.settings.plateau_threshold * abs(self._best)
        return value > self._best + margin if higher_is_better else value < self._best - margin

    def state_dict(self) -> dict[str, Any]:
        return {"scale": self.scale, "best": self._best, "bad": self._bad}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.scale, self._best, self._bad = state["scale"], state["best"], state["bad"]
