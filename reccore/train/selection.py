"""Which weights count, and which were the best: evaluation, averaging, early stopping.

Where averaging is on, the averaged weights count: they are measured as `val/<metric>`, they are
what stops the training and what is kept. The trained ones are measured as `raw/<metric>`.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import torch

from reccore.errors import UserError
from reccore.train.average import Average
from reccore.train.checkpoint import State, snapshot
from reccore.train.task import Task


class Selection:
    """Measures the weights of a task as epochs end, and keeps the best."""

    def __init__(self, task: Task, average: Average) -> None:
        self.task, self.module, self.average = task, task.module, average
        self.value: float | None = None  # the monitored metric at the best evaluation
        self.best: State | None = None  # the weights that counted then
        self.raw: State | None = None  # the trained weights then, where averaging is on
        self.stale = 0  # evaluations since
        self.unsaved = False  # the best is newer than its file

    def evaluate(self, reseed: Callable[[], None], refresh: Callable[[], None]) -> dict[str, Any]:
        """Metrics, `val_loss/<term>` where the task knows it, and whether this is the best.

        `refresh` brings BatchNorm statistics in line with averaged weights.
        """
        figures: dict[str, Any] = {}
        if self.average.active:
            reseed()
            figures = self._metrics("raw")
        with self.average.swapped() if self.average.active else nullcontext():
            if self.average.active:
                refresh()
            reseed()
            figures |= self._metrics("val")
            with torch.no_grad():
                losses = self.task.validation_loss()
            figures |= {f"val_loss/{name}": float(loss) for name, loss in losses.items()}
            figures["best"] = self._judge(figures)
            if figures["best"]:
                self.best, self.raw, self.unsaved = snapshot(self.module), None, True
        if figures["best"] and self.average.active:
            self.raw = snapshot(self.module)
        return figures

    def _metrics(self, prefix: str) -> dict[str, Any]:
        self.module.eval()
        with torch.no_grad():
            return {f"{prefix}/{name}": float(v) for name, v in self.task.evaluate().items()}

    def monitored(self, figures: Mapping[str, Any]) -> float | None:
        """The metric that decides; None where nothing is held out."""
        known = [name.removeprefix("val/") for name in figures if name.startswith("val/")]
        if not known:
            return None
        if self.task.monitor not in known:
            raise UserError(
                f"no metric {self.task.monitor!r} to monitor", "measured: " + ", ".join(known)
            )
        return float(figures[f"val/{self.task.monitor}"])

    def _judge(self, figures: Mapping[str, Any]) -> bool:
        value = self.monitored(figures)
        if value is None:  # nothing is held out: the last weights are the best
            return True
        sign = 1 if self.task.higher_is_better else -1
        improved = sign * value > (-math.inf if self.value is None else sign * self.value)
        self.value = value if improved else self.value
        self.stale = 0 if improved else self.stale + 1
        return improved

    def settle(self) -> State:
        """The best weights, into the module; the last ones where no evaluation was a number."""
        if self.best is None:
            with self.average.swapped() if self.average.active else nullcontext():
                self.best, self.unsaved = snapshot(self.module), True
        self.module.load_state_dict(self.best)
        self.module.eval()
        return self.best

    def state_dict(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "best": self.best,
            "raw": self.raw,
            "stale": self.stale,
            "average": self.average.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.value, self.stale = state["value"], state["stale"]
        self.best, self.raw = state["best"], state["raw"]
        self.average.load_state_dict(state["average"])
        self.unsaved = self.best is not None  # its file may be older, or gone
