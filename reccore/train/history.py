"""What a training leaves to be told: a record an epoch, and the figures of the whole."""

import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from reccore.files import write_atomic
from reccore.train.step import Outcome

Record = dict[str, Any]  # of one epoch; its keys are listed in reccore.track


@dataclass
class Sums:
    """Running sums of the epoch at hand. They are in checkpoints, so they are plain numbers."""

    terms: dict[str, float] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    norm: float = 0.0
    norm_max: float = 0.0
    bad: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        if not outcome.good:
            self.bad += 1
            return
        for name, value in outcome.sums.items():
            self.terms[name] = self.terms.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0.0) + outcome.counts[name]
        self.steps += 1
        self.norm += outcome.norm
        self.norm_max = max(self.norm_max, outcome.norm)

    def losses(self) -> dict[str, float]:
        """Mean of each term over its elements."""
        return {n: s / self.counts[n] if self.counts[n] else 0.0 for n, s in self.terms.items()}

    @property
    def mean_norm(self) -> float:
        return self.norm / self.steps if self.steps else math.nan

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class History:
    """The result of `fit`."""

    monitor: str
    higher_is_better: bool
    parameters: int
    trainable: int
    device: str
    precision: str
    records: list[Record] = field(default_factory=list)
    status: str = "running"  # then "finished" or "stopped early"

    @property
    def epochs(self) -> int:
        return len(self.records)

    @property
    def steps(self) -> int:
        return int(self.records[-1]["step"]) if self.records else 0

    @property
    def best_record(self) -> Record | None:
        return next((record for record in reversed(self.records) if record["best"]), None)

    @property
    def best_epoch(self) -> int | None:
        """From 1; the epoch whose weights the module holds at the end."""
        return self.best_record["epoch"] if self.best_record else None

    @property
    def best(self) -> float | None:
        """The monitored metric at the best epoch; None where nothing is held out."""
        return self.best_record.get(f"val/{self.monitor}") if self.best_record else None

    @property
    def seconds(self) -> float:
        """Wall time of steps and evaluations, over all sittings."""
        return float(sum(r["seconds"] + r["evaluate_seconds"] for r in self.records))

    @property
    def cpu_seconds(self) -> float:
        return float(sum(r["cpu_seconds"] for r in self.records))

    @property
    def bad_steps(self) -> int:
        return int(sum(r["bad_steps"] for r in self.records))

    @property
    def flags(self) -> list[dict[str, Any]]:
        return [{**flag, "epoch": r["epoch"]} for r in self.records for flag in r["flags"]]

    def summary(self) -> dict[str, Any]:
        """For a manifest."""
        return {
            "status": self.status,
            "epochs": self.epochs,
            "steps": self.steps,
            "best_epoch": self.best_epoch,
            "monitor": self.monitor,
            "best": self.best,
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
            "parameters": self.parameters,
            "trainable": self.trainable,
            "device": self.device,
            "precision": self.precision,
            "bad_steps": self.bad_steps,
            "flags": self.flags,
        }


def line(record: Mapping[str, Any]) -> str:
    """The record as a line of JSON, which has no NaN: null."""
    finite = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }
    return json.dumps(finite, ensure_ascii=False) + "\n"


def append_record(path: Path, record: Mapping[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as handle:
        handle.write(line(record))


def rewrite_records(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    write_atomic(path, "".join(line(record) for record in records))


def peak_memory_mb(device: torch.device) -> float:
    """The most memory held so far: the accelerator's, or that of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return math.nan
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
