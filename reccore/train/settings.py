"""Everything a training can be told, as one table of settings."""

from typing import Self

from pydantic import Field, model_validator

from reccore.config import Settings
from reccore.train.health import HealthSettings
from reccore.train.objective import ObjectiveSettings
from reccore.train.optim import GroupSettings
from reccore.train.precision import Precision
from reccore.train.schedule import ScheduleSettings


class TrainSettings(Settings):
    """How `fit` trains. Models have presets that override these."""

    epochs: int = Field(20, ge=1, description="Passes over the rows, at most.")
    batch_size: int = Field(1024, ge=1, description="Rows of a microbatch.")
    accumulate: int = Field(
        1, ge=1, description="Microbatches of a step; the last window of an epoch may be shorter."
    )
    lr: float = Field(1e-3, gt=0, description="Rate of AdamW, which the schedule scales.")
    weight_decay: float = Field(0.01, ge=0, description="Decoupled decay of groups that have one.")
    clip_norm: float = Field(1.0, ge=0, description="Largest gradient norm; 0: never clip.")

    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps, ...")
    precision: Precision = Field(
        "auto", description="fp32, bf16 or fp16; auto: bf16 on CUDA, fp32 elsewhere."
    )
    deterministic: bool = Field(
        False,
        description="Same bits each time on an accelerator too, where operations that cannot "
        "raise an error. A CPU is always deterministic.",
    )

    evaluate_every: int = Field(1, ge=1, description="Epochs between evaluations; the last counts.")
    patience: int = Field(
        5, ge=0, description="Evaluations without a new best before stopping; 0: never stop early."
    )
    ema_decay: float = Field(0.0, ge=0, lt=1, description="Average of weights over steps; 0: none.")
    swa_start: float | None = Field(
        None, ge=0, lt=1, description="Average the weights after this fraction of the epochs."
    )
    max_bad_steps: int = Field(
        20, ge=1, description="Steps in a row whose loss or gradient is not finite, before failing."
    )
    checkpoint_minutes: float = Field(
        1.0, ge=0, description="Save this often, within epochs too; 0: after every epoch."
    )
    checkpoint_steps: int = Field(0, ge=0, description="Save every so many steps too; 0: do not.")
    profile: int = Field(0, ge=0, description="Steps to profile, into profile.txt and .json.")

    schedule: ScheduleSettings = ScheduleSettings()
    objective: ObjectiveSettings = ObjectiveSettings()
    groups: dict[str, GroupSettings] = Field(
        default_factory=dict, description="Rate and decay of parameter groups, by name."
    )
    health: HealthSettings = HealthSettings()

    @model_validator(mode="after")
    def _one_average(self) -> Self:
        if self.ema_decay and self.swa_start is not None:
            raise ValueError("ema_decay and swa_start exclude each other: set one of them")
        return self

    @property
    def swa_first_epoch(self) -> float:
        """The first averaged epoch, from 0; infinite without SWA."""
        return float("inf") if self.swa_start is None else int(self.swa_start * self.epochs)

    @property
    def needs_epochs(self) -> bool:
        """Steps depend on how many epochs there will be, so a resumed run cannot change it."""
        return self.schedule.needs_epochs or self.swa_start is not None
