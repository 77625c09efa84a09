"""Shipped configurations: `--preset NAME` lays one over a model's defaults."""

from importlib.resources import files

from reccore.config import Tree
from reccore.errors import UserError


def names() -> list[str]:
    folder = files(__package__)
    return sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml"))


def read(name: str) -> Tree:
    """The tree of a preset: model_name, description and the tables it overrides."""
    import tomllib

    if name not in names():
        raise UserError(f"unknown preset {name!r}", "known: " + ", ".join(names()))
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def overrides(name: str, model: str) -> Tree:
    """What a preset changes, refused where it is made for another model."""
    preset = read(name)
    if preset["model_name"] != model:
        raise UserError(f"preset {name} is for {preset['model_name']}, not {model}")
    return {k: v for k, v in preset.items() if k not in ("model_name", "description")}
