"""Features of times: against a slow version that asks a calendar, and never from the future."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from reccore.data.interactions import UNKNOWN, Histories, Interactions, Times
from reccore.data.temporal import (
    DAY,
    NAMES,
    asked_features,
    asked_moments,
    event_features,
    given_now,
    given_times,
    moments,
    pair_moments,
)
from reccore.errors import UserError

YEAR = timedelta(days=365.2425)


def slow(time: int, before: list[int]) -> list[float]:
    """Of an event at `time` whose user's earlier ones were `before`, oldest first."""
    if time < 0:
        return [0.0] * len(NAMES)
    at = datetime.fromtimestamp(time, UTC)
    day = (at - at.replace(hour=0, minute=0, second=0)) / timedelta(days=1)
    week = (at.weekday() + day) / 7
    year = (at - datetime(1970, 1, 1, tzinfo=UTC)) / YEAR
    away = timedelta(seconds=max(time - before[-1], 0)) if before else timedelta(0)
    lately = sum(earlier >= time - DAY for earlier in before)
    circles = {"hour": day, "weekday": week, "season": year}
    values = {f"{name}_sin": math.sin(math.tau * turn) for name, turn in circles.items()}
    values |= {f"{name}_cos": math.cos(math.tau * turn) for name, turn in circles.items()}
    values["weekend"] = float(at.strftime("%a") in ("Sat", "Sun"))
    minute = timedelta(minutes=1)
    values["gap"] = math.log1p(away / minute) / math.log1p(YEAR / minute)
    values["velocity"] = math.log1p(lately) / math.log1p(100)
    return [values[name] for name in NAMES]


def drawn(seed: int, rows: int = 40) -> Histories:
    """Ragged events over 50 years: bursts, ties, long silences, and rows of nothing."""
    rng = np.random.default_rng(seed)
    lists = []
    for length in rng.integers(0, 12, rows):
        gaps = rng.choice([0, 30, 3_000, DAY - 1, DAY, DAY + 1, 90 * DAY], length)
        lists.append(rng.integers(0, 50 * 365 * DAY) + np.cumsum(gaps))
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])])
    times = np.concatenate(lists).astype(np.int64)
    return Histories(offsets, np.zeros(len(times), np.int32), times)


def times_of(histories: Histories) -> Times:
    assert histories.times is not None
    return histories.times


@pytest.mark.parametrize("seed", range(5))
def test_features_are_those_of_a_calendar(seed: int) -> None:
    histories = drawn(seed)
    times = times_of(histories)
    found = event_features(times, histories.offsets)
    expected = [
        slow(int(times[at]), times[start:at].tolist())
        for start, end in zip(histories.offsets[:-1], histories.offsets[1:], strict=True)
        for at in range(start, end)
    ]
    np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize("seed", range(5))
def test_who_asks_sees_the_features_of_the_event_that_would_come(seed: int) -> None:
    histories = drawn(seed)
    times, rng = times_of(histories), np.random.default_rng(seed)
    rows = [times[s:e] for s, e in zip(histories.offsets[:-1], histories.offsets[1:], strict=True)]
    last = np.array([row[-1] if len(row) else 10**9 for row in rows])
    now = last + rng.choice([0, 60, DAY, DAY + 1, 400 * DAY], len(rows))
    longer = [np.append(row, at) for row, at in zip(rows, now, strict=True)]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in longer])])
    appended = event_features(np.concatenate(longer), offsets)[offsets[1:] - 1]
    np.testing.assert_array_equal(asked_features(times, histories.offsets, now), appended)
    known = asked_moments(histories, now)
    np.testing.assert_array_equal(known[:, :-1], appended)
    assert (known[:, -1] == 1).all()


def test_nothing_is_told_of_the_future() -> None:
    histories = drawn(7)
    times, lengths = times_of(histories), histories.lengths
    found, rng = moments(histories, None).features, np.random.default_rng(0)
    place = np.arange(len(times)) - histories.offsets[:-1][histories.row_of]
    cut = (lengths // 2)[histories.row_of]
    later = times + np.where(place >= cut, rng.integers(1, 500 * DAY), 0)
    changed = event_features(later, histories.offsets)
    np.testing.assert_array_equal(changed[place < cut], found[place < cut])
    assert not np.array_equal(changed[place >= cut], found[place >= cut])


def test_what_follows_an_event_is_the_next_one_and_at_last_what_is_asked() -> None:
    histories = drawn(3)
    times, offsets, lengths = times_of(histories), histories.offsets, histories.lengths
    now = np.arange(len(histories)) * DAY + 10**9
    now[::3] = UNKNOWN
    found = moments(histories, now)
    asked = asked_moments(histories, now)
    for row in np.flatnonzero(lengths):
        if now[row] < 0:
            mine = slice(offsets[row], offsets[row + 1])
            assert not found.following[mine].any()
            np.testing.assert_array_equal(found.asked[mine], times[mine])
            continue
        first, last = offsets[row], offsets[row + 1] - 1
        inside = slice(first, last)
        np.testing.assert_array_equal(
            found.following[inside, :-1], found.features[first + 1 : last + 1]
        )
        assert (found.following[inside, -1] == 1).all()
        np.testing.assert_array_equal(found.asked[inside], times[first + 1 : last + 1])
        np.testing.assert_array_equal(found.following[last], asked[row])
        assert found.asked[last] == now[row]
    alone = moments(histories, None)
    assert not alone.following.any()
    np.testing.assert_array_equal(alone.asked, times)


def test_a_time_that_nobody_knows_says_nothing() -> None:
    items = np.zeros(5, np.int32)
    some = np.array([UNKNOWN, UNKNOWN, 100, 200, 300])
    histories = Histories(np.array([0, 2, 2, 5]), items, some)
    found = event_features(some, histories.offsets)
    assert not found[:2].any()
    assert found[2:].any(axis=1).all()
    np.testing.assert_array_equal(found[2:], event_features(some[2:], np.array([0, 3])))
    nobody = moments(Histories(histories.offsets, items), None)
    assert not nobody.features.any()
    assert not nobody.following.any()
    assert not asked_moments(histories, np.full(3, UNKNOWN)).any()
    assert not asked_moments(histories, None).any()


def test_who_has_unknown_times_still_asks_at_a_time() -> None:
    now = np.array([10**9])
    without = Histories(np.array([0, 3]), np.zeros(3, np.int32))
    found = asked_moments(without, now)
    np.testing.assert_allclose(found[0], [*slow(10**9, []), 1], atol=2e-6)


def test_nobody_is_no_problem() -> None:
    for histories in (Histories.empty(0), Histories.empty(3)):
        found = moments(histories, np.full(len(histories), 10**9))
        assert found.features.shape == (0, len(NAMES))
        assert found.following.shape == (0, len(NAMES) + 1)
        asked = asked_moments(histories, np.full(len(histories), 10**9))
        expected = [[*slow(10**9, []), 1]] * len(histories)
        np.testing.assert_allclose(asked, np.reshape(expected, asked.shape), atol=2e-6)


def test_rows_of_training_keep_their_place(world: Interactions) -> None:
    """In the order of the file, whatever the order of the users and times."""
    found = pair_moments(world)
    assert world.timestamps is not None
    rng = np.random.default_rng(0)
    for row in rng.permutation(len(world))[:50]:
        mine = world.by_user[world.users[world.by_user] == world.users[row]]
        earlier = mine[: int(np.flatnonzero(mine == row)[0])]
        expected = slow(int(world.timestamps[row]), world.timestamps[earlier].tolist())
        np.testing.assert_allclose(found[row], [*expected, 1], atol=2e-6)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([1, 2], "times are 2, and history holds 3 items"),
        ([1, 5, 4], "times fall from 5 to 4"),
        ([-1, 2, 3], "times: -1 is no time"),
        ([1, 2, 1_700_000_000_000], r"no time .give whole seconds since 1970, not milli"),
        ([1, 2, 3.5], r"times: 3\.5 is no time"),
        ([1, 2, True], "times: True is no time"),
    ],
)
def test_times_that_cannot_be_are_named(times: list[int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        given_times(times, 3)


def test_given_times_may_tie_and_may_be_none() -> None:
    np.testing.assert_array_equal(given_times([0, 7, 7], 3), [0, 7, 7])
    assert given_times([], 0).dtype == np.int64
    with pytest.raises(UserError, match="now: -1 is no time"):
        given_now(-1)
