"""Columns: what is accepted, what it becomes, and what is refused by name, value and row."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinesync.sources import columns
from reccore.errors import UserError

WHERE = "column 'x' of file.csv"


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_ids_written_as_plain_integers_become_integers(numbers: list[int]) -> None:
    assert columns.ids(pl.Series([str(n) for n in numbers]), WHERE).to_list() == numbers


@given(st.lists(st.text("ab01 -", min_size=1).filter(str.strip), min_size=1))
def test_ids_keep_their_text_and_are_stable(texts: list[str]) -> None:
    once = columns.ids(pl.Series(texts), WHERE)
    assert [str(one) for one in once.to_list()] == [text.strip() for text in texts]
    assert columns.ids(once, WHERE).equals(once)


def test_ids_of_all_kinds() -> None:
    assert columns.ids(pl.Series(["1", "007"]), WHERE).to_list() == ["1", "007"]
    assert columns.ids(pl.Series([1.0, 2.0]), WHERE).to_list() == [1, 2]
    assert columns.ids(pl.Series([3], dtype=pl.Int8), WHERE).dtype == pl.Int64
    assert columns.ids(pl.Series(["a"], dtype=pl.Categorical), WHERE).dtype == pl.String


@pytest.mark.parametrize(
    ("rule", "values", "message"),
    [
        (columns.ids, ["1", None], "None in row 2 is empty"),
        (columns.ids, ["a", " ", ""], "' ' in row 2 is empty (and 1 more)"),
        (columns.ids, [1.0, 1.5], "1.5 in row 2 is not an id"),
        (columns.ids, [True], "holds Boolean, not ids"),
        (columns.values, [1.0, float("nan"), float("inf")], "nan in row 2 is not finite (and 1"),
        (columns.values, ["4", "four"], "'four' in row 2 is not a number"),
        (columns.values, ["4", None], "None in row 2 is empty"),
        (columns.values, [[1]], "not numbers"),
        (columns.ranks, ["1", "1.5"], "'1.5' in row 2 is not a whole number"),
        (columns.ranks, [None, 1], "None in row 1 is empty"),
        (columns.times, ["2024-01-01", "soon"], "'soon' in row 2 is not a time"),
        (columns.times, ["1", "x"], "'x' in row 2 is not a number"),
        (columns.times, [float("inf")], "inf in row 1 is not finite"),
        (columns.times, [1_700_000_000_000, 1_700_000_000], "row 2 is in seconds"),
        (columns.times, [date(2024, 1, 1), None], "None in row 2 is empty"),
    ],
)
def test_refused(rule: object, values: list[object], message: str) -> None:
    with pytest.raises(UserError) as error:
        rule(pl.Series(values, strict=False), WHERE)  # type: ignore[operator]
    assert message in str(error.value)
    assert WHERE in error.value.problem
    assert error.value.remedy


MOMENT = 1_717_186_500  # 2024-05-31T20:15:00Z


@pytest.mark.parametrize(
    "values",
    [
        [MOMENT],
        [str(MOMENT)],
        [MOMENT * 1000],
        [f"{MOMENT}000"],
        [MOMENT + 0.25],
        ["2024-05-31T20:15:00"],
        ["2024-05-31 20:15:00"],
        ["2024-05-31T22:15:00+02:00"],
        [datetime(2024, 5, 31, 20, 15)],
        [datetime(2024, 5, 31, 20, 15, tzinfo=UTC)],
    ],
)
def test_times_agree(values: list[object]) -> None:
    assert columns.times(pl.Series(values), WHERE).to_list() == [MOMENT]


def test_dates_are_midnights() -> None:
    assert columns.times(pl.Series([date(1970, 1, 2)]), WHERE).to_list() == [86_400]
    assert columns.times(pl.Series(["1970-01-02"]), WHERE).to_list() == [86_400]
