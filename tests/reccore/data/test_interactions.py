from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reccore.data.interactions import Histories

LISTS = st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=6)


def ragged(lists: list[list[int]]) -> Histories:
    return Histories.of_lists([np.array(one, dtype=np.int32) for one in lists])


@given(LISTS, st.data())
def test_histories_hold_and_take_lists(lists: list[list[int]], data: st.DataObject) -> None:
    histories = ragged(lists)
    assert [histories.row(r).tolist() for r in range(len(histories))] == lists
    assert histories.lengths.tolist() == [len(one) for one in lists]
    assert histories.row_of.tolist() == [r for r, one in enumerate(lists) for _ in one]
    rows = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=8))
    taken = histories.take(np.array(rows, dtype=np.int64))
    assert [taken.row(r).tolist() for r in range(len(taken))] == [lists[r] for r in rows]
    assert taken.items.dtype == np.int32


def test_empty_histories() -> None:
    assert [Histories.empty(2).row(r).tolist() for r in range(2)] == [[], []]
    assert len(Histories.of_lists([])) == 0


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 4), max_size=30), st.booleans(), st.booleans())
def test_histories_are_in_time_order_and_stable(make, rows, timed: bool, ordered: bool) -> None:
    users, items, times, order = ([row[i] for row in rows] for i in range(4))
    data = make(users, items, times if timed else None, order if ordered else None, shape=(4, 4))

    def key(n: int) -> tuple[int, int]:
        return (times[n] if timed else 0, order[n] if ordered else 0)

    for user in range(4):
        expected = sorted((n for n in range(len(rows)) if users[n] == user), key=key)
        assert data.histories.row(user).tolist() == [items[n] for n in expected]


def test_take_keeps_every_column(make) -> None:
    data = make([0, 1, 0], [2, 1, 0], [5, 6, 7], [1, 2, 3], [1.0, 2.0, 3.0])
    taken = data.take(np.array([2, 0]))
    assert taken.items.tolist() == [0, 2]
    assert taken.values is not None
    assert taken.values.tolist() == [3.0, 1.0]
    assert taken.timestamps is not None
    assert taken.timestamps.tolist() == [7, 5]
    assert taken.order is not None
    assert taken.order.tolist() == [3, 1]
    assert taken.user_ids is data.user_ids
    assert len(data.take(np.array([True, False, True]))) == 2


def test_fingerprint_is_of_content(make) -> None:
    data = make([0, 1], [1, 0], [5, 6])
    assert data.fingerprint == make([0, 1], [1, 0], [5, 6]).fingerprint
    others = [
        make([0, 1], [1, 0]),
        make([0, 1], [1, 0], order=[5, 6]),
        make([0, 1], [0, 1], [5, 6]),
        make([0, 1], [1, 0], [5, 6], shape=(2, 3)),
    ]
    assert len({data.fingerprint, *(other.fingerprint for other in others)}) == 5


@given(LISTS, LISTS)
def test_append_stacks_rows(first: list[list[int]], second: list[list[int]]) -> None:
    stacked = ragged(first).append(ragged(second))
    assert [stacked.row(r).tolist() for r in range(len(stacked))] == first + second


def timed(lists: list[list[int]]) -> Histories:
    """Each item met at ten times its code."""
    histories = ragged(lists)
    return replace(histories, times=10 * histories.items.astype(np.int64))


@given(LISTS, st.integers(0, 5))
def test_the_last_items_keep_their_times(lists: list[list[int]], length: int) -> None:
    last = timed(lists).last(length)
    assert [last.row(r).tolist() for r in range(len(last))] == [
        one[max(0, len(one) - length) :] for one in lists
    ]
    assert last.times is not None
    assert (last.times == 10 * last.items).all()


@given(LISTS, st.sets(st.integers(0, 9)))
def test_what_is_left_out_takes_its_time_along(lists: list[list[int]], gone: set[int]) -> None:
    histories = timed(lists)
    kept = ~np.isin(histories.items, list(gone))
    left = histories.where(kept, histories.items)
    assert [left.row(r).tolist() for r in range(len(left))] == [
        [item for item in one if item not in gone] for one in lists
    ]
    assert left.times is not None
    assert (left.times == 10 * left.items).all()


def test_times_of_stacked_rows_are_known_where_all_are() -> None:
    known, unknown, nothing = timed([[1, 2]]), ragged([[3]]), Histories.empty(1)
    both = known.append(timed([[4]])).times
    assert both is not None
    assert both.tolist() == [10, 20, 40]
    assert known.append(unknown).times is None
    alone = known.append(nothing).times
    assert alone is not None
    assert alone.tolist() == [10, 20]
