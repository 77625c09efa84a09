"""Settings are strict, and their errors name key, value and remedy in one line."""

from pathlib import Path

import pytest
from pydantic import Field

from reccore.config import (
    Settings,
    dump_toml,
    merge,
    parse_assignments,
    read_toml,
    to_tree,
    validate,
)
from reccore.errors import MissingExtraError, UserError, need


class Inner(Settings):
    rate: float = Field(1e-3, gt=0)
    sizes: tuple[int, ...] = (8, 4)


class Outer(Settings):
    name: str = "x"
    inner: Inner = Inner()
    limit: int | None = None


def test_round_trip_through_toml(tmp_path: Path) -> None:
    outer = validate(Outer, {"inner": {"rate": 1, "sizes": [3]}}, "test")
    assert outer.inner.sizes == (3,)
    file = tmp_path / "a.toml"
    file.write_text(dump_toml(to_tree(outer)))
    assert validate(Outer, read_toml(file), "file") == outer


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"inner": {"raet": 1.0}}, ["inner.raet", "did you mean rate?"]),
        ({"nothing": 1}, ["nothing", "known: inner, limit, name"]),
        ({"inner": {"rate": "fast"}}, ["inner.rate", "'fast'"]),
        ({"inner": {"rate": -1.0}}, ["inner.rate", "-1.0", "greater than 0"]),
        ({"limit": 1.5}, ["limit", "1.5"]),
        ({"name": 3}, ["name", "3"]),
    ],
)
def test_errors_name_key_and_remedy(tree: dict[str, object], words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        validate(Outer, tree, "the settings")
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text


def test_assignments_are_toml_values() -> None:
    tree = parse_assignments(["a.b=1e-3", "a.c=[1, 2]", "d=word", "e=true", "a.f='1'"])
    assert tree == {"a": {"b": 1e-3, "c": [1, 2], "f": "1"}, "d": "word", "e": True}
    with pytest.raises(UserError, match="key=value"):
        parse_assignments(["train.lr"])


def test_later_trees_win_table_by_table() -> None:
    assert merge({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"b": 4}) == {
        "a": {"x": 1, "y": 3},
        "b": 4,
    }


def test_broken_toml_is_the_users_error(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("a = = 1")
    with pytest.raises(UserError, match="not valid TOML"):
        read_toml(file)
    with pytest.raises(UserError, match="no such file"):
        read_toml(tmp_path / "none.toml")


def test_missing_extra_is_one_line() -> None:
    with pytest.raises(MissingExtraError) as caught:
        need("a_library_nobody_has", "track")
    assert str(caught.value) == (
        "a_library_nobody_has is not installed (pip install 'giftrec[track]')"
    )
