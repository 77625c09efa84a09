"""Shipped configurations of the gift model: `--preset NAME`."""

import tomllib
from importlib.resources import files

from reccore.config import Tree
from reccore.errors import UserError

DEFAULT = "compact"


def names() -> list[str]:
    folder = files(__package__)
    return sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml"))


def read(name: str) -> Tree:
    """The tree of a preset, without its description."""
    return {key: part for key, part in _file(name).items() if key != "description"}


def description(name: str) -> str:
    return str(_file(name)["description"])


def _file(name: str) -> Tree:
    if name not in names():
        raise UserError(f"unknown preset {name!r}", "known: " + ", ".join(names()))
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
