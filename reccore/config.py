"""Strict, frozen settings that live in TOML; an unknown key is an error, never ignored."""

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError

from reccore.errors import UserError

Tree = dict[str, Any]
S = TypeVar("S", bound="Settings")


class Settings(BaseModel):
    """Base of every settings class: frozen, typed strictly, closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def validate(cls: type[S], tree: Mapping[str, Any], source: str, section: str = "") -> S:
    """Build `cls` from a plain tree; errors become one line naming key, value and remedy.

    `section` is where the tree stands among others: "train" makes the key `train.lr`.
    """
    try:  # JSON mode reads lists into tuples and yet stays strict about scalars
        return cls.model_validate_json(json.dumps(tree, default=str))
    except ValidationError as error:
        raise _explain(cls, error, source, section) from None


def _explain(cls: type[BaseModel], error: ValidationError, source: str, section: str) -> UserError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in ((section,) if section else ()) + first["loc"])
    if first["type"] == "extra_forbidden":
        known = _keys_beside(cls, tuple(str(part) for part in first["loc"][:-1]))
        close = difflib.get_close_matches(str(first["loc"][-1]), known, n=1, cutoff=0.5)
        remedy = f"did you mean {close[0]}?" if close else "known: " + ", ".join(sorted(known))
        return UserError(f"unknown setting {key} in {source}", remedy)
    what = (
        f"setting {key}={first['input']!r}" if first["loc"] and first["type"] != "missing" else key
    )
    return UserError(
        f"{what or 'the settings'} in {source}", first["msg"].removeprefix("Value error, ")
    )


def _keys_beside(cls: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    node: Any = cls
    for part in path:
        field = node.model_fields.get(part) if hasattr(node, "model_fields") else None
        if field is None:
            return []
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
        node = next((c for c in candidates if hasattr(c, "model_fields")), None)
        if node is None:
            return []
    return list(node.model_fields)


def read_toml(path: Path) -> Tree:
    """Read a TOML file; a broken one is the user's to mend."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML: {error}") from None


def to_tree(settings: BaseModel) -> Tree:
    """The plain tree of settings, without unset optionals (TOML has no null)."""
    tree: Tree = json.loads(settings.model_dump_json(exclude_none=True))
    return tree


def dump_toml(tree: Mapping[str, Any]) -> str:
    return tomli_w.dumps(tree)


def merge(*trees: Mapping[str, Any]) -> Tree:
    """Later trees win, table by table."""
    merged: Tree = {}
    for tree in trees:
        for key, value in tree.items():
            below = merged.get(key)
            both = isinstance(value, Mapping) and isinstance(below, Mapping)
            merged[key] = merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


def parse_assignments(assignments: Iterable[str]) -> Tree:
    """`["train.lr=1e-3"]` as a tree; values are TOML, anything else is a string."""
    tree: Tree = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise UserError(f"--set {assignment!r} is not key=value", "e.g. --set train.lr=1e-3")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        leaf: Tree = {key.strip().split(".")[-1]: value}
        for part in reversed(key.strip().split(".")[:-1]):
            leaf = {part: leaf}
        tree = merge(tree, leaf)
    return tree
