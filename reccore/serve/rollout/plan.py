"""What is tried, on how many, within which limits: the content of `rollout.json`."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from reccore.bundle.registry import check_version
from reccore.config import Settings
from reccore.errors import UserError

Share = Annotated[float, Field(ge=0, le=1)]


class Limits(Settings):
    """What a version must keep to. Each is judged over the newest `window_s` seconds, or further
    back until there are `least` answers."""

    error_rate: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """Share of answers that may fail."""
    latency_ms: Annotated[float, Field(gt=0)] | None = None
    """The p95 may not exceed this; None: not judged."""
    latency_ratio: Annotated[float, Field(gt=0)] | None = 1.5
    """Nor this many times the champion's in the same window; None: not judged."""
    latency_floor_ms: Annotated[float, Field(ge=0)] = 5.0
    """A p95 up to this never breaks the ratio: nobody feels 2 ms instead of 1."""
    least: Annotated[int, Field(ge=1)] = 200
    """Answers before anything is judged."""
    window_s: Annotated[float, Field(gt=0)] = 60.0
    fresh_s: Annotated[float, Field(ge=0)] = 600.0
    """How long a new champion is watched after it came."""


class Plan(Settings):
    """A challenger on trial beside a champion, or none; and whether new champions are watched."""

    id: str = ""
    """Drawn anew by every start: whoever judged one plan can never stop another."""
    version: str | None = None
    champion: str | None = None
    """Beside whom it is tried. Where another is champion now, the trial is over."""
    share: Share = 0.0
    """Of the units (people), who get the challenger's answers."""
    shadow: Share = 0.0
    """Of the units, for whom the challenger answers too, unseen."""
    limits: Limits = Limits()
    seed: str = ""
    since: str = ""
    stopped: str | None = None
    """Why it ended, where it was ended for a reason."""
    watch_champion: bool = False
    """Whether a champion that just came is rolled back to the previous one by the same limits."""

    @field_validator("version", "champion")
    @classmethod
    def _plain(cls, version: str | None) -> str | None:
        """It becomes a folder's name."""
        if version is not None:
            try:
                check_version(version)
            except UserError as error:
                raise ValueError(str(error)) from None
        return version

    @field_validator("since")
    @classmethod
    def _time(cls, since: str) -> str:
        if since:
            datetime.fromisoformat(since)
        return since

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.version is None:
            if self.share or self.shadow:
                raise ValueError("a share of requests, and no version to answer them")
        elif not (self.id and self.seed and self.champion):
            raise ValueError("a version is tried, and id, seed or champion is missing")
        return self

    @classmethod
    def none(cls) -> "Plan":
        return cls()

    @property
    def running(self) -> bool:
        return self.version is not None and self.stopped is None

    def tries(self, champion: str | None) -> bool:
        """Whether it holds beside this champion. It never wakes up beside a later one."""
        return self.running and champion is not None and self.champion == champion
