"""What one training of the gift model is made from, resolved and stored."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from giftrec import presets
from giftrec.model.settings import ModelSettings
from giftrec.scenarios.augment import AugmentSettings
from reccore.config import Settings, Tree, merge, to_tree, validate
from reccore.errors import UserError
from reccore.train.settings import TrainSettings


class DataSettings(Settings):
    """Where scenarios, gifts and words come from: those that ship, or files."""

    scenarios: str | None = Field(None, description="scenario file (--scenarios)")
    gifts: str | None = Field(None, description="JSON list of gifts (--gifts)")
    vocabulary: str | None = Field(None, description="vocabulary file (--vocabulary)")
    world_seed: int = Field(7, ge=0, description="decides offers, reviews and demand")
    validation: float = Field(0.2, gt=0, lt=1, description="share of scenarios held out")


class RunSettings(Settings):
    """The resolved settings of a run."""

    seed: int = 0
    preset: str = presets.DEFAULT
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    augment: AugmentSettings = AugmentSettings()
    train: TrainSettings = TrainSettings()

    def tree(self) -> Tree:
        return to_tree(self)


def resolve(seed: int, preset: str | None, changes: Mapping[str, Any]) -> RunSettings:
    """Defaults, then the preset, then `changes`."""
    name = preset or presets.DEFAULT
    header = {"seed": seed, "preset": name}
    for key in changes:
        if key not in ("data", "model", "augment", "train"):
            raise UserError(f"unknown setting {key}", "known: data, model, augment, train")
    return validate(RunSettings, merge(presets.read(name), header, changes), "the settings")


def stored(tree: Mapping[str, Any], path: Path) -> RunSettings:
    """The settings of a run's config.toml."""
    return validate(RunSettings, tree, str(path / "config.toml"))
