"""The seam between the trainer and whoever watches it; as a library, nobody does."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any, Protocol

Record = Mapping[str, Any]


class Tracker(Protocol):
    """Told of a training as it happens. `start` comes first, `finish` always comes last."""

    def start(self, info: Mapping[str, Any]) -> None:
        """What is known before the first step: `title`, `epochs`, `monitor`, `config`, ..."""

    def progress(self, epoch: int, step: int, steps: int, loss: float | None) -> None:
        """Step `step` of the `steps` of this epoch (both from 1) is done. Called often."""

    def log(self, record: Record) -> None:
        """An epoch is done."""

    def finish(self, status: str) -> None:
        """The training ended: "finished", "stopped early", "interrupted", "failed", ..."""


class Silent:
    """The library's default: says nothing."""

    def start(self, info: Mapping[str, Any]) -> None: ...

    def progress(self, epoch: int, step: int, steps: int, loss: float | None) -> None: ...

    def log(self, record: Record) -> None: ...

    def finish(self, status: str) -> None: ...


class Together:
    """Several trackers as one."""

    def __init__(self, trackers: Iterable[Tracker]) -> None:
        self.trackers = tuple(trackers)

    def start(self, info: Mapping[str, Any]) -> None:
        for tracker in self.trackers:
            tracker.start(info)

    def progress(self, epoch: int, step: int, steps: int, loss: float | None) -> None:
        for tracker in self.trackers:
            tracker.progress(epoch, step, steps, loss)

    def log(self, record: Record) -> None:
        for tracker in self.trackers:
            tracker.log(record)

    def finish(self, status: str) -> None:
        with ExitStack() as stack:  # each is finished, whatever another one raises
            for tracker in reversed(self.trackers):
                stack.callback(tracker.finish, status)
