"""Weights & Biases, offline unless the user says otherwise, and never able to stop a training."""

import logging
import os
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, Literal

from reccore.errors import need
from reccore.track.tracker import Record

log = logging.getLogger(__name__)


class Wandb:
    """Every numeric key of every record, under `folder`/wandb. `wandb sync` uploads it later.

    Without a folder it is wandb's own choice: WANDB_DIR, or where one stands.
    The mode is `mode`, else the environment's WANDB_MODE, else offline. A missing wandb is an
    error at once; a wandb that fails later is logged, kept in `failure`, and not asked again.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        project: str = "giftrec",
        name: str | None = None,
        mode: Literal["online", "offline", "disabled"] | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        self._wandb: Any = need("wandb", "track")
        self._run: Any = None
        self.folder = folder
        self.project = project
        self.name = name
        self.mode = mode or (None if os.environ.get("WANDB_MODE") else "offline")
        self.tags = tuple(tags)
        self.failure: str | None = None

    def start(self, info: Mapping[str, Any]) -> None:
        os.environ.setdefault("WANDB_DISABLE_WEAVE", "true")  # it advertises on stderr otherwise
        try:
            if self.folder is not None:
                self.folder.mkdir(parents=True, exist_ok=True)
            self._run = self._wandb.init(
                project=self.project,
                name=self.name,
                dir=None if self.folder is None else str(self.folder),
                mode=self.mode,
                tags=self.tags,
                config=dict(info),
                reinit="create_new",  # several trainings may live in one process
                settings=self._wandb.Settings(silent=True, console="off"),
            )
            self._run.define_metric("*", step_metric="epoch")
        except Exception as error:  # whatever it is, it must not cost a training
            self._give_up(error)

    def progress(self, epoch: int, step: int, steps: int, loss: float | None) -> None: ...

    def log(self, record: Record) -> None:
        if self._run is None:
            return
        try:
            self._run.log(_numbers(record))
        except Exception as error:
            self._give_up(error)

    def finish(self, status: str) -> None:
        if self._run is None:
            return
        try:
            self._run.summary["status"] = status
            self._run.finish(exit_code=int(status in {"failed", "interrupted"}))
        except Exception as error:
            self._give_up(error)
        self._run = None

    def _give_up(self, error: Exception) -> None:
        self._run = None
        self.failure = f"{type(error).__name__}: {error}"
        log.warning("wandb failed, the training goes on without it: %s", self.failure)


def _numbers(record: Record) -> dict[str, float]:
    """The numeric keys, and a 1 for each flag raised."""
    numbers = {
        key: int(value) if isinstance(value, int) else float(value)
        for key, value in record.items()
        if isinstance(value, Real)
    }
    flags = {f"flag/{flag['colour']}/{flag['name']}": 1 for flag in record.get("flags", ())}
    return numbers | flags
