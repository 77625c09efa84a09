"""The one training loop: epochs of steps, evaluation, saving, stopping.

It knows no model: a Task prepares batches and says its loss terms. Every random draw is a
function of (seed, epoch, batch), the order of rows included, and everything else that a step
depends on is in the checkpoint; so a run that was killed resumes to the same bits.
"""

import math
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from reccore.config import to_tree
from reccore.data.seeds import derive
from reccore.errors import UserError
from reccore.track.tracker import Silent, Tracker
from reccore.train import checkpoint, history
from reccore.train.average import Average, batch_norms, refresh_batch_norms
from reccore.train.health import HealthMonitor
from reccore.train.history import History, Sums
from reccore.train.interrupt import Interrupt
from reccore.train.memory import keep_blocks
from reccore.train.objective import balance
from reccore.train.precision import pick_device
from reccore.train.profile import Profiler
from reccore.train.randomness import deterministic, isolated, reseed
from reccore.train.selection import Selection
from reccore.train.settings import TrainSettings
from reccore.train.step import Stepper
from reccore.train.task import Task

__all__ = ["Batches", "History", "TrainSettings", "fit"]

STATISTICS_BATCHES = 200  # at most, for BatchNorm statistics of averaged weights


class Batches(Protocol):
    """Row numbers in an order that is a function of the epoch, as `IndexBatches` gives them."""

    def __len__(self) -> int: ...

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Tensor]: ...


def fit(
    task: Task,
    batches: Batches,
    settings: TrainSettings,
    run_path: Path,
    seed: int,
    tracker: Tracker | None = None,
    *,
    resume: bool = False,
    info: Mapping[str, Any] | None = None,
) -> History:
    """Train; the module holds the best weights at the end, and so does `weights.safetensors`.

    `info` is what the tracker and the health monitor are told besides (title, kl_weight, ...).
    Ctrl-C ends the step, saves, and raises KeyboardInterrupt; `resume` goes on from there.
    """
    device = pick_device(settings.device)
    exact = settings.deterministic or device.type == "cpu"
    if device.type == "cpu":
        keep_blocks()
    with isolated(device), deterministic(exact), Interrupt() as interrupt:
        loop = _Loop(task, batches, settings, run_path, seed, device, tracker or Silent(), info)
        loop.open(resume)
        status = "failed"
        loop.tracker.start(loop.info)
        try:
            loop.run(interrupt)
            status = loop.history.status
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            loop.profiler.close()
            loop.tracker.finish(status)
    return loop.history


class _Loop:
    """A training under way. Epochs count from 0 here, from 1 in records."""

    def __init__(
        self,
        task: Task,
        batches: Batches,
        settings: TrainSettings,
        folder: Path,
        seed: int,
        device: torch.device,
        tracker: Tracker,
        info: Mapping[str, Any] | None,
    ) -> None:
        task.to(device)
        self.task, self.batches, self.settings = task, batches, settings
        self.folder, self.seed, self.device, self.tracker = folder, seed, device, tracker
        self.steps_per_epoch = math.ceil(len(batches) / settings.accumulate)
        self.stepper = Stepper(task, settings, self.steps_per_epoch, seed, device)
        self.average = Average(task.module, settings.ema_decay, settings.swa_first_epoch)
        self.selection = Selection(task, self.average)
        self.profiler = Profiler(settings.profile, folder, device)
        self.epoch = 0  # complete epochs
        self.cursor = 0  # batches done of the epoch at hand
        self.sums = Sums()
        self.history = History(
            monitor=task.monitor,
            higher_is_better=task.higher_is_better,
            parameters=sum(p.numel() for p in task.module.parameters()),
            trainable=sum(p.numel() for p in self.stepper.parameters),
            device=str(device),
            precision=self.stepper.caster.name,
        )
        self.facts = {  # of the run: a checkpoint with others is another run's
            "seed": seed,
            "rows": task.rows,
            "batches": len(batches),
            "terms": list(task.term_names),
            "parameters": self.history.parameters,
            "precision": self.history.precision,
        }
        self.info = {
            **(info or {}),
            **self.facts,
            "epochs": settings.epochs,
            "steps_per_epoch": self.steps_per_epoch,
            "monitor": task.monitor,
            "higher_is_better": task.higher_is_better,
            "trainable": self.history.trainable,
            "device": self.history.device,
            "groups": [rule.group.name for rule in self.stepper.rules],
        }
        self.health = HealthMonitor(settings.health, self.info)
        self._mark = (0.0, 0.0)
        self._saved_at = time.monotonic()

    def run(self, interrupt: Interrupt) -> None:
        while not self._done():
            self._train(interrupt)
            self._close()
            if self._done():
                break
            if interrupt.requested:
                self._stop()
            if self.epoch == 1 or self._due():
                self.save()
        early = self.epoch < self.settings.epochs
        self.history.status = "stopped early" if early else "finished"
        self.save()
        self.selection.settle()
        self._save_weights()

    def _done(self) -> bool:
        exhausted = 0 < self.settings.patience <= self.selection.stale
        return self.epoch >= self.settings.epochs or exhausted

    def _train(self, interrupt: Interrupt) -> None:
        """The rest of the epoch at hand."""
        self.task.module.train()
        self._mark = (time.perf_counter(), time.process_time())
        rows = self.batches.epoch(self.epoch, self.cursor)
        every = self.settings.checkpoint_steps
        while window := list(islice(rows, self.settings.accumulate)):
            outcome = self.stepper.step(window, self.epoch, self.cursor)
            self.cursor += len(window)
            self.sums.add(outcome)
            if outcome.good:
                self.average.after_step()
            self.profiler.step()
            done = math.ceil(self.cursor / self.settings.accumulate)
            loss = outcome.loss if outcome.good else None
            self.tracker.progress(self.epoch + 1, done, self.steps_per_epoch, loss)
            if interrupt.requested:
                self._stop()
            timed = self.settings.checkpoint_minutes > 0 and self._due()
            if timed or (every and done % every == 0):
                self.save()
        self._lap()

    def _stop(self) -> None:
        self.save()
        raise KeyboardInterrupt

    def _close(self) -> None:
        """Evaluate and record the epoch whose batches are all done."""
        self.average.after_epoch(self.epoch)
        record = self._record()
        last = self.epoch + 1 == self.settings.epochs
        if last or (self.epoch + 1) % self.settings.evaluate_every == 0:
            record |= self._evaluate(record["loss"])
        record["memory_mb"] = history.peak_memory_mb(self.device)
        record["flags"] = [flag.as_record() for flag in self.health.observe(record)]
        self.history.records.append(record)
        history.append_record(self.folder / "history.jsonl", record)
        self.tracker.log(record)
        self.epoch, self.cursor, self.sums = self.epoch + 1, 0, Sums()

    def _record(self) -> history.Record:
        sums, losses, weights = self.sums, self.sums.losses(), self.stepper.objective.weights()
        figures = {
            "loss": losses,
            "balance": balance(losses, weights),
            "weight": weights,
            "lr": self.stepper.rates(),
            "stat": self.task.statistics(),
        }
        return {
            "epoch": self.epoch + 1,
            "step": self.stepper.count,
            "seconds": sums.seconds,
            "cpu_seconds": sums.cpu_seconds,
            "evaluate_seconds": 0.0,
            "loss": weighted(losses, weights) if losses else math.nan,
            **{f"{kind}/{name}": v for kind, part in figures.items() for name, v in part.items()},
            "grad_norm": sums.mean_norm,
            "grad_norm_max": sums.norm_max,
            "bad_steps": sums.bad,
            "best": False,
        }

    def _evaluate(self, loss: float) -> dict[str, Any]:
        started = time.perf_counter()
        seed = derive(self.seed, "evaluate", self.epoch)
        figures = self.selection.evaluate(lambda: reseed(seed, self.device), self._refresh)
        losses = {
            name.removeprefix("val_loss/"): value
            for name, value in figures.items()
            if name.startswith("val_loss/")
        }
        if losses:
            figures["val_loss"] = weighted(losses, self.stepper.objective.weights())
        value = self.selection.monitored(figures)
        if value is None:
            self.stepper.plateau.update(loss, higher_is_better=False)
        else:
            self.stepper.plateau.update(value, self.task.higher_is_better)
        return {**figures, "evaluate_seconds": time.perf_counter() - started}

    def _refresh(self) -> None:
        """BatchNorm statistics of the averaged weights, which are in the module now."""
        if self.average.needs_statistics and batch_norms(self.task.module):
            reseed(derive(self.seed, "statistics", self.epoch), self.device)
            rows = islice(self.batches.epoch(self.epoch), STATISTICS_BATCHES)
            prepare = self.stepper.prepare
            batches = (prepare(r, self.epoch, i, "statistics") for i, r in enumerate(rows))
            refresh_batch_norms(self.task, batches)

    # ---- checkpoints

    def open(self, resume: bool) -> None:
        """Go on from `trainer.pt`, or write a first one, so that a run can always be resumed."""
        if resume:
            self._load()
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.save()
        history.rewrite_records(self.folder / "history.jsonl", self.history.records)

    def _due(self) -> bool:
        return time.monotonic() - self._saved_at >= 60 * self.settings.checkpoint_minutes

    def _lap(self) -> None:
        now = (time.perf_counter(), time.process_time())
        self.sums.seconds += now[0] - self._mark[0]
        self.sums.cpu_seconds += now[1] - self._mark[1]
        self._mark = now

    def save(self) -> None:
        if self.cursor:
            self._lap()
        content = {
            "settings": to_tree(self.settings),
            "facts": self.facts,
            "epoch": self.epoch,
            "cursor": self.cursor,
            "sums": self.sums.state_dict(),
            "history": self.history.records,
            **{name: part.state_dict() for name, part in self._parts().items()},
        }
        checkpoint.save_trainer(self.folder / "trainer.pt", content)
        self._save_weights()
        self._saved_at = time.monotonic()

    def _save_weights(self) -> None:
        if self.selection.unsaved and self.selection.best is not None:
            checkpoint.save_weights(self.folder / "weights.safetensors", self.selection.best)
            if self.selection.raw is not None:
                checkpoint.save_weights(self.folder / "weights.raw.safetensors", self.selection.raw)
        self.selection.unsaved = False

    def _parts(self) -> dict[str, Any]:
        """What has a state of its own, by its name in the checkpoint."""
        return {
            "module": self.task.module,
            "task": self.task,
            "stepper": self.stepper,
            "selection": self.selection,
            "health": self.health,
        }

    def _load(self) -> None:
        path = self.folder / "trainer.pt"
        saved = checkpoint.load_trainer(path)
        checkpoint.require_same(path, saved, self.settings, self.facts)
        try:
            for name, part in self._parts().items():
                part.load_state_dict(saved[name])
        except (RuntimeError, KeyError, ValueError) as error:
            detail = " ".join(str(error).split())[:200]
            raise UserError(
                f"{path} is of another model: {detail}", "resume with the same model and settings"
            ) from None
        self.epoch, self.cursor = saved["epoch"], saved["cursor"]
        self.sums, self.history.records = Sums(**saved["sums"]), saved["history"]
        self._save_weights()


def weighted(losses: Mapping[str, float], weights: Mapping[str, float]) -> float:
    return sum(weights[name] * loss for name, loss in losses.items())
