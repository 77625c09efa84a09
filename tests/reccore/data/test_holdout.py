import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.data.holdout import Given, hold_out, join
from reccore.data.interactions import Interactions
from reccore.errors import UserError

EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 9)), max_size=25)
Event = tuple[int, int, int]


def of(make, events: list[Event]) -> Interactions:
    columns = [[event[i] for event in events] for i in range(3)]
    return make(*columns, shape=(4, 6))


def slow(context: list[Event], held: list[Event]) -> tuple[dict[int, tuple[list[int], ...]], int]:
    """User -> (history, targets), and the number of held rows that were met before."""
    found: dict[int, tuple[list[int], ...]] = {}
    repeated = 0
    for user in range(4):
        history = [item for u, item, _ in sorted(context, key=lambda e: e[2]) if u == user]
        later = [item for u, item, _ in sorted(held, key=lambda e: e[2]) if u == user]
        repeated += sum(item in history for item in later)
        targets = list(dict.fromkeys(item for item in later if item not in history))
        if targets:
            found[user] = history, targets
    return found, repeated


@given(EVENTS, EVENTS)
def test_histories_in_time_order_and_targets_that_are_new(make, context, held) -> None:
    holdout = hold_out(of(make, context), of(make, held))
    found, repeated = slow(context, held)
    assert holdout.users.tolist() == list(found)
    assert holdout.users.dtype == np.int32
    assert holdout.repeated == repeated
    assert len(holdout) == len(found)
    assert len(holdout.rows) == len(held)
    for row, (history, targets) in enumerate(found.values()):
        assert holdout.histories.row(row).tolist() == history
        assert holdout.targets.row(row).tolist() == targets
        user = int(holdout.users[row])
        assert holdout.now is not None
        assert holdout.now[row] == min(t for u, item, t in held if u == user and item == targets[0])


@pytest.mark.parametrize("timed", [True, False])
def test_join_puts_the_later_part_later(make, timed: bool) -> None:
    first = make([0, 0], [0, 1], [3, 3] if timed else None, order=[0, 1], shape=(1, 4))
    second = make([0, 0], [2, 3], [3, 3] if timed else None, order=[1, 0], shape=(1, 4))
    assert join(first, second).histories.row(0).tolist() == [0, 1, 3, 2]
    assert len(join(first)) == 2


def test_join_needs_the_same_columns(make) -> None:
    with pytest.raises(UserError, match="timestamps"):
        join(make([0], [0], [1]), make([0], [0]))


def test_given_parts_share_ids(make) -> None:
    with pytest.raises(AssertionError, match="id maps"):
        Given(make([0], [0]), None, make([0], [1]))
