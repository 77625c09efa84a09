import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.data import leaks
from reccore.errors import UserError

ROWS = st.lists(st.tuples(*[st.integers(0, 2)] * 4), min_size=1, max_size=20)


def of(make, rows, timed: bool = True, ordered: bool = True):
    users, items, times, order = ([row[i] for row in rows] for i in range(4))
    return make(users, items, times if timed else None, order if ordered else None, shape=(3, 3))


@given(ROWS, ROWS, st.sampled_from([(True, True), (True, False), (False, True)]))
def test_later_than_own_compares_time_then_order(make, train, held, columns) -> None:
    def moment(row: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(row[2 + i] for i in range(2) if columns[i])

    found = leaks.later_than_own(of(make, train, *columns), of(make, held, *columns))
    expected = [any(r[0] == h[0] and moment(r) > moment(h) for h in held) for r in train]
    assert found.tolist() == expected


@given(ROWS, ROWS, st.booleans())
def test_shared_events_are_equal_in_all_that_is_known(make, train, held, with_order: bool) -> None:
    found = leaks.shared_events(of(make, train), of(make, held), with_order)
    size = 4 if with_order else 3
    assert found.tolist() == [any(r[:size] == h[:size] for h in held) for r in train]


def test_shared_events_without_time_are_pairs(make) -> None:
    found = leaks.shared_events(make([0, 0], [0, 1]), make([0], [1], shape=(1, 2)), True)
    assert found.tolist() == [False, True]


@given(ROWS, ROWS, st.integers(0, 2))
def test_later_than_cut_also_looks_at_the_held_rows(make, train, held, cut: int) -> None:
    found = leaks.later_than_cut(of(make, train), of(make, held), cut)
    first = min(row[2] for row in held)
    assert found.tolist() == [row[2] > cut or row[2] >= first for row in train]


def test_of_held_users(make) -> None:
    found = leaks.of_held_users(make([0, 1, 2], [0, 0, 0]), make([1], [0]))
    assert found.tolist() == [False, True, False]


def test_time_is_asked_for_by_name(make) -> None:
    with pytest.raises(UserError, match="neither timestamps nor an order"):
        leaks.when(make([0], [0]), "time")
