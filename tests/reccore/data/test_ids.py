import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.data.ids import IdMap
from reccore.errors import UserError

IDS = st.one_of(
    st.lists(st.integers(-(2**40), 2**40), unique=True, min_size=1),
    st.lists(st.text(max_size=5), unique=True, min_size=1),
)


@given(IDS, st.randoms(use_true_random=False))
def test_a_bijection_whatever_the_row_order(values: list[int] | list[str], random) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    ids, again = IdMap.of(pl.Series(values)), IdMap.of(pl.Series([*shuffled, *values]))
    assert ids.ids.equals(again.ids)
    assert ids.encode(ids.ids).tolist() == list(range(len(values)))
    assert ids.decode(ids.encode(values)).to_list() == values
    assert [ids.code(value) for value in ids.ids] == list(range(len(values)))


def test_codes_follow_the_order_of_ids() -> None:
    assert IdMap.of(pl.Series([30, 4, 100, 4])).ids.to_list() == [4, 30, 100]


def test_unknown_ids_are_minus_one() -> None:
    ids = IdMap.of(pl.Series([5, 7]))
    assert ids.encode([7, 6, 5, 7]).tolist() == [1, -1, 0, 1]
    assert ids.encode(["7", "x"]).tolist() == [1, -1]  # ids that came as text
    assert IdMap.of(pl.Series(["5", "a"])).encode([5, 6]).tolist() == [0, -1]
    assert ids.encode([]).tolist() == []
    assert IdMap.of(pl.Series([], dtype=pl.Int64)).encode([1]).tolist() == [-1]


@pytest.mark.parametrize("external", [6, "6", "x", "--5", "²"])
def test_an_unknown_id_is_named(external: int | str) -> None:
    with pytest.raises(UserError, match="unknown user") as caught:
        IdMap.of(pl.Series([5, 7])).code(external, "user")
    assert repr(external) in str(caught.value)
    assert "5, 7" in caught.value.remedy


def test_text_and_numbers_name_the_same_id() -> None:
    assert IdMap.of(pl.Series([-5, 7])).code("-5") == 0
    assert IdMap.of(pl.Series(["a", "7"])).code(7) == 0
