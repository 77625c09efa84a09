"""What one run is made from: data, split, model and training settings, resolved and stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from cinesync import presets, zoo
from reccore.config import Settings, Tree, merge, to_tree, validate
from reccore.data.split import SplitSettings
from reccore.errors import UserError, need
from reccore.metrics.evaluate import EvaluateSettings


class DataSettings(Settings):
    """Where the interactions come from."""

    name: str = Field("generated", description="a source of `cinesync data list`")
    path: str | None = Field(None, description="file or folder of the data (--from)")
    map: dict[str, str] = Field({}, description="our column -> the file's column (--map)")
    items: str | None = Field(None, description="file with item id, title, genres (--items)")
    options: dict[str, str | int | float | bool] = Field(
        {}, description="options of the source, e.g. duplicates, fold"
    )


class FitSettings(Settings):
    """What a computed model may learn from."""

    hold_validation: bool = Field(
        False,
        description="keep validation rows out of computed models too (they need no validation, "
        "so by default they learn from it); needed to evaluate on it",
    )


@dataclass(frozen=True)
class RunSettings:
    """The resolved settings of a run. `model` and `train` are typed by the model's entry."""

    entry: zoo.Entry
    seed: int
    tag: str | None
    preset: str | None
    data: DataSettings
    split: SplitSettings
    model: Settings
    train: Settings | None
    fit: FitSettings
    evaluate: EvaluateSettings

    def tree(self) -> Tree:
        """As stored in config.toml; `resolve_tree` reads it back."""
        header = {"model": self.entry.name, "seed": self.seed, "tag": self.tag}
        header["preset"] = self.preset
        sections = {
            "data": self.data,
            "split": self.split,
            "model": self.model,
            "train": self.train,
            "fit": self.fit,
            "evaluate": self.evaluate,
        }
        return {
            "run": {key: value for key, value in header.items() if value is not None},
            **{key: to_tree(value) for key, value in sections.items() if value is not None},
        }


SECTIONS = ("data", "split", "model", "train", "fit", "evaluate")


def resolve(
    model: str, *, seed: int = 0, tag: str | None = None, preset: str | None = None, changes: Tree
) -> RunSettings:
    """Defaults, then the preset (or the entry's training settings), then `changes`.

    A preset is a whole recipe: it stands on the settings' own defaults, not on the entry's.
    """
    entry = zoo.entry(model)
    layers: Tree = {"train": dict(entry.train)} if entry.train is not None else {}
    if preset is not None:
        layers = presets.overrides(preset, model)
    seeded = {"split": {"seed": seed}}
    return _typed(entry, merge(seeded, layers, changes), seed, tag, preset, "the settings")


def resolve_tree(tree: Mapping[str, Any], path: Path) -> RunSettings:
    """The settings of a stored config.toml."""
    header = dict(tree.get("run", {}))
    entry = zoo.entry(str(header.get("model")))
    rest = {key: value for key, value in tree.items() if key != "run"}
    source = str(path / "config.toml")
    return _typed(
        entry, rest, int(header.get("seed", 0)), header.get("tag"), header.get("preset"), source
    )


def _typed(
    entry: zoo.Entry, tree: Tree, seed: int, tag: str | None, preset: str | None, source: str
) -> RunSettings:
    for key in tree:
        if key not in SECTIONS:
            raise UserError(f"unknown setting {key} in {source}", "known: " + ", ".join(SECTIONS))
        if not isinstance(tree[key], Mapping):
            raise UserError(f"{key} in {source} is a table", f"e.g. --set {key}.NAME=VALUE")
    train: Settings | None = None
    if entry.trained:
        cls = need("reccore.train.settings", "train").TrainSettings
        train = validate(cls, tree.get("train", {}), source, "train")
    elif tree.get("train"):
        raise UserError(f"{entry.name} is computed, not trained", "leave train.* settings out")
    return RunSettings(
        entry,
        seed,
        tag,
        preset,
        validate(DataSettings, tree.get("data", {}), source, "data"),
        validate(SplitSettings, tree.get("split", {}), source, "split"),
        validate(entry.settings(), tree.get("model", {}), source, "model"),
        train,
        validate(FitSettings, tree.get("fit", {}), source, "fit"),
        validate(EvaluateSettings, tree.get("evaluate", {}), source, "evaluate"),
    )
