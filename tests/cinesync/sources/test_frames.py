"""Frames: mapping of columns, duplicates, splits, and every way to give bad input."""

from pathlib import Path

import polars as pl
import pytest

from cinesync.sources.frames import check, interactions, loaded
from cinesync.sources.source import FileSettings, Request
from reccore.errors import UserError

FRAME = pl.DataFrame(
    {
        "userId": ["b", "a", "b", "b"],
        "movieId": [2, 1, 2, 1],
        "rating": [3.0, 4.0, 5.0, 1.0],
        "when": [30, 10, 20, 40],
    }
)
MAP = {"user": "userId", "item": "movieId", "value": "rating", "timestamp": "when"}


def test_roles_become_checked_columns() -> None:
    rows = check(FRAME, MAP, "f", "keep")
    assert rows.columns == ["user", "item", "value", "timestamp"]
    data = interactions(rows)
    assert data.user_ids.ids.to_list() == ["a", "b"]
    assert data.users.tolist() == [1, 0, 1, 1]
    assert data.items.tolist() == [1, 0, 1, 0]
    assert data.values is not None
    assert data.values.dtype == "float32"
    assert data.histories.row(1).tolist() == [1, 1, 0]  # by time
    assert data.order is None


def test_own_names_need_no_mapping() -> None:
    frame = FRAME.rename({"userId": "user", "movieId": "item", "rating": "value"})
    assert check(frame, None, "f", "keep").columns == ["user", "item", "value"]
    assert check(frame, {"timestamp": "when"}, "f", "keep").columns == ["user", "item", "timestamp"]


@pytest.mark.parametrize(
    ("columns", "problem", "remedy"),
    [
        (None, "no column 'user' for user", "try --map user=userId,item=movieId,value=rating"),
        (
            {"user": "userId", "item": "film"},
            "no column 'film' for item",
            "it has: userId, movieId",
        ),
        ({"rating": "rating"}, "unknown role 'rating'", "roles: user, item, value"),
    ],
)
def test_wrong_columns(columns: dict[str, str] | None, problem: str, remedy: str) -> None:
    with pytest.raises(UserError) as error:
        check(FRAME, columns, "f", "keep")
    assert problem in error.value.problem
    assert remedy in error.value.remedy


def test_no_rows() -> None:
    with pytest.raises(UserError, match="f holds no rows"):
        check(FRAME.clear(), MAP, "f", "keep")


def test_duplicates_are_refused_by_default() -> None:
    with pytest.raises(UserError) as error:
        check(FRAME, MAP, "f", FileSettings().duplicates)
    assert "1 rows repeat" in error.value.problem
    assert "row 3 (user 'b', item 2)" in error.value.problem
    assert "data.options.duplicates=last" in error.value.remedy


def test_duplicates_by_time() -> None:
    """Row 3 is the earlier of the two, though it comes later in the file."""
    assert check(FRAME, MAP, "f", "first")["value"].to_list() == [4.0, 5.0, 1.0]
    assert check(FRAME, MAP, "f", "last")["value"].to_list() == [3.0, 4.0, 1.0]
    assert check(FRAME, MAP, "f", "keep").height == 4
    untimed = {role: MAP[role] for role in ("user", "item", "value")}
    assert check(FRAME, untimed, "f", "first")["value"].to_list() == [3.0, 4.0, 1.0]


def test_order_breaks_ties_of_time() -> None:
    frame = pl.DataFrame(
        {"user": [1, 1, 1], "item": [5, 6, 7], "timestamp": [9, 9, 8], "order": [2, 1, 3]}
    )
    data = interactions(check(frame, None, "f", "error"))
    assert data.item_ids.decode(data.histories.row(0)).to_list() == [7, 6, 5]


def test_a_split_column_becomes_the_given_split() -> None:
    frame = FRAME.with_columns(part=pl.Series(["test", "train", "validation", "train"]))
    request = Request("f", Path("f"), FileSettings(duplicates="keep"))
    data = loaded(request, frame, MAP | {"split": "part"})
    assert data.given is not None
    assert data.given.validation is not None
    parts = (data.given.train, data.given.validation, data.given.test)
    assert [part.values.tolist() for part in parts if part.values is not None] == [
        [4.0, 1.0],
        [5.0],
        [3.0],
    ]
    assert data.dataset.interactions.values is not None
    assert data.dataset.interactions.values.tolist() == [4.0, 1.0, 5.0, 3.0]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["train", "dev", "test", "test"], "'dev' in row 2 is no part of a split"),
        (["train", None, "test", "test"], "None in row 2 is no part of a split"),
        (["train"] * 4, "has no test rows"),
    ],
)
def test_wrong_splits(parts: list[str | None], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(FRAME.with_columns(split=pl.Series(parts)), MAP | {"split": "split"}, "f", "keep")
