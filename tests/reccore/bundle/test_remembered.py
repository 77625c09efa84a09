"""A remembered vector is the one that would be made, and nothing that it depends on is left out."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reccore.bundle.remembered import Remembered
from reccore.data.interactions import Floats, Histories
from reccore.recommender import UserBatch

users = st.tuples(
    st.integers(-1, 2),
    st.lists(st.integers(0, 2), max_size=3),
    st.none() | st.integers(0, 2),
    st.booleans(),
)


def batch(code: int, items: list[int], now: int | None, timed: bool) -> UserBatch:
    met = Histories.of_lists([np.array(items, dtype=np.int32)])
    if timed:
        met = Histories(met.offsets, met.items, np.arange(len(items), dtype=np.int64))
    moment = None if now is None else np.array([now], dtype=np.int64)
    return UserBatch(np.array([code], dtype=np.int32), met, moment)


@given(asked=st.lists(users, max_size=40), most=st.integers(0, 2000))
def test_it_answers_as_if_it_remembered_nothing(asked: list[tuple], most: int) -> None:
    seen: dict[int, tuple] = {}

    def make(user: UserBatch) -> Floats:
        return np.array([[seen["now"]]], dtype=np.float32)  # type: ignore[index,call-overload]

    kept, numbers = Remembered(most), dict[tuple, int]()
    for one in asked:
        key = (one[0], tuple(one[1]), one[2], one[3] and bool(one[1]))
        seen["now"] = numbers.setdefault(key, len(numbers))  # type: ignore[index,assignment]
        assert kept.of(batch(*one), make)[0, 0] == numbers[key]
        assert kept.bytes <= most
    assert kept.hits + kept.misses == len(asked)


def test_what_was_not_used_longest_goes_first() -> None:
    made: list[int] = []

    def make(user: UserBatch) -> Floats:
        made.append(int(user.codes[0]))
        return np.zeros((1, 4), dtype=np.float32)

    size = 200 + 8 + 4 + 16
    kept = Remembered(2 * size)
    for code in (1, 2, 1, 3, 1, 2):
        kept.of(batch(code, [], None, False), make)
    assert made == [1, 2, 3, 2]
    assert kept.hits == 2
