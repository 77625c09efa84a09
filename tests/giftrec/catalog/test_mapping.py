"""Columns get their roles as told, by a preset, or by their names."""

import pytest

from giftrec.catalog.mapping import ALIASES, PRESETS, find_roles, folded_name, parse_map
from reccore.errors import UserError


def test_names_tell() -> None:
    found = find_roles(
        ["SKU", "Product Name", "unitPrice", "Sub-Category 1", "Category", "x"], {}, None
    )
    assert found.roles == {
        "id": ("SKU",),
        "title": ("Product Name",),
        "price": ("unitPrice",),
        "category": ("Category", "Sub-Category 1"),
    }
    assert found.ignored == ("x",)
    assert not found.sales


def test_what_is_told_comes_first() -> None:
    columns = ["id", "title", "name", "price"]
    found = find_roles(columns, {"title": ("name",)}, None)
    assert found.roles["title"] == ("name",)
    assert found.ignored == ("title",)


@pytest.mark.parametrize("name", ["toys", "online-retail"])
def test_a_preset_is_recognised_by_its_columns(name: str) -> None:
    columns = [c for named in PRESETS[name].mapping.values() for c in named]
    found = find_roles([*columns, "more"], {}, None)
    assert found.preset == name
    assert "recognised" in found.how
    assert find_roles(columns[1:], {}, None).preset is None
    assert find_roles(columns, {}, None).sales == (name == "online-retail")


def test_presets_and_aliases_speak_of_known_roles() -> None:
    for preset in PRESETS.values():
        assert preset.mapping.keys() <= ALIASES.keys()
    names = [alias for aliases in ALIASES.values() for alias in aliases]
    assert len(set(names)) == len(names)
    assert all(folded_name(name) == name for name in names)


def test_map_is_parsed() -> None:
    assert parse_map("title=Name, category=Group+Type") == {
        "title": ("Name",),
        "category": ("Group", "Type"),
    }
    assert parse_map("") == {}


@pytest.mark.parametrize("text", ["title", "title=", "colour=Farbe", "price=a+b"])
def test_a_wrong_map_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--map"):
        parse_map(text)


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="no column 'Preis' for the role price"):
        find_roles(["id", "title"], {"price": ("Preis",)}, None)
    with pytest.raises(UserError, match=r"no preset 'toy'.*presets: toys"):
        find_roles(["id", "title"], {}, "toy")
    with pytest.raises(UserError, match="no column 'product_id'"):
        find_roles(["id", "title"], {}, "toys")
