"""What a moment says of an event: hour, weekday, season, and the rhythm of its user.

The features of an event know nothing later than the event itself: its own time, how long the user
had been away, and how much the user had done in the day before. Those of the next event are what a
server knows when it is asked: the time is now, the history is what came before. A time that nobody
knows has zeros for features.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reccore.data.interactions import UNKNOWN, Floats, Histories, Interactions, Times
from reccore.errors import UserError

MINUTE, DAY = 60, 86_400
YEAR = 365.2425 * DAY
THURSDAY = 3  # the first of January 1970; weeks begin on Monday
SATURDAY = 5
MANY = 100  # events of a day that count as a velocity of 1
BITS = 40  # that a time has; milliseconds have more
NAMES = (
    "hour_sin",
    "hour_cos",
    "weekday_sin",
    "weekday_cos",
    "weekend",
    "season_sin",
    "season_cos",
    "gap",
    "velocity",
)
GAPS = 32  # buckets of the time between two events, one for each doubling of seconds
Offsets = npt.NDArray[np.int64]


class Moments(NamedTuple):
    """Of N ragged events, and of what follows each: the next one, or what is asked for now."""

    features: Floats  # [N, F]
    following: Floats  # [N, F + 1]; the last number 1 where it is known
    times: Times  # [N]
    asked: Times  # [N] when what follows was, or is asked; the event's own time where unknown


def moments(histories: Histories, now: Times | None) -> Moments:
    """`now` [R] is when each row is asked for; None: nobody knows.

    A row that does not know is told of no event what followed it: training hides it so, too.
    """
    offsets, lengths = histories.offsets, histories.lengths
    times = _times(histories)
    features = event_features(times, offsets)
    following = np.zeros((len(times), len(NAMES) + 1), dtype=np.float32)
    asked = times.copy()
    if now is not None and len(times):
        ends = offsets[1:][lengths > 0] - 1
        following[:-1, :-1], following[ends, :-1] = (
            features[1:],
            asked_features(times, offsets, now)[lengths > 0],
        )
        asked[:-1], asked[ends] = times[1:], now[lengths > 0]
        following[:, -1] = 1
        unknown = (asked < 0) | (now < 0)[histories.row_of]
        following[unknown], asked[unknown] = 0, times[unknown]
    return Moments(features, following, times, asked)


def pair_moments(data: Interactions) -> Floats:
    """What the moment of each row says of it and its user: [N, F + 1], all known."""
    assert data.timestamps is not None
    found = np.ones((len(data), len(NAMES) + 1), dtype=np.float32)
    found[data.by_user, :-1] = event_features(_times(data.histories), data.histories.offsets)
    return found


def asked_moments(histories: Histories, now: Times | None) -> Floats:
    """The same of rows that ask `now` [R]: [R, F + 1]; zeros where nobody knows when."""
    found = np.zeros((len(histories), len(NAMES) + 1), dtype=np.float32)
    if now is not None:
        found[:, :-1] = asked_features(_times(histories), histories.offsets, now)
        found[:, -1] = now >= 0
    return found


def gap_buckets(asked: Times, times: Times) -> npt.NDArray[np.int64]:
    """Doublings of the seconds between when a place is asked [B, L] and every event: [B, L, L]."""
    seconds = np.maximum(asked[:, :, None] - times[:, None, :], 1).astype(np.float32)
    buckets: npt.NDArray[np.int64] = np.minimum(np.frexp(seconds)[1] - 1, GAPS - 1).astype(np.int64)
    return buckets


def given_times(times: Sequence[int], items: int) -> Times:
    """Times that somebody gave of a history's items, oldest first: [items]."""
    if len(times) != items:
        raise UserError(
            f"times are {len(times)}, and history holds {items} items", "give one time an item"
        )
    found = np.array([given_now(time, "times") for time in times], dtype=np.int64)
    falls = np.flatnonzero(np.diff(found) < 0)
    if len(falls):
        before, after = found[falls[0] : falls[0] + 2]
        raise UserError(
            f"times fall from {before} to {after}", "give history and times with the oldest first"
        )
    return found


def given_now(time: int, name: str = "now") -> int:
    """A time that somebody gave."""
    whole = isinstance(time, int | np.integer) and not isinstance(time, bool)
    if not whole or not 0 <= time < 1 << BITS:
        raise UserError(
            f"{name}: {time!r} is no time", "give whole seconds since 1970, not milliseconds"
        )
    return int(time)


def asked_at(now: int | None, rows: int) -> Times | None:
    """One given moment of all rows: [rows]."""
    return None if now is None else np.full(rows, given_now(now), dtype=np.int64)


def _times(histories: Histories) -> Times:
    if histories.times is None:
        return np.full(len(histories.items), UNKNOWN, dtype=np.int64)
    return histories.times


def event_features(times: Times, offsets: Offsets) -> Floats:
    """Features [N, F] of ragged events, oldest first: row r holds offsets[r]:offsets[r + 1]."""
    lengths = np.diff(offsets)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    before = np.append(UNKNOWN, times[:-1])[: len(times)]
    before[offsets[:-1][lengths > 0]] = UNKNOWN
    keys = _keys(rows, times)
    recent = np.arange(len(times)) - np.searchsorted(keys, _keys(rows, times - DAY))
    return _features(times, before, recent)


def asked_features(times: Times, offsets: Offsets, now: Times) -> Floats:
    """The same of an event at `now` [R] after each row's last one: [R, F]."""
    lengths = np.diff(offsets)
    rows = np.arange(len(lengths))
    before = np.full(len(now), UNKNOWN, dtype=np.int64)
    before[lengths > 0] = times[offsets[1:][lengths > 0] - 1]
    keys = _keys(np.repeat(rows, lengths), times)
    recent = offsets[1:] - np.searchsorted(keys, _keys(rows, now - DAY))
    return _features(now, before, np.minimum(recent, lengths))


def _keys(rows: Offsets, times: Times) -> Times:
    """Ascending where rows are, and times within them."""
    return (rows << BITS) + np.maximum(times, UNKNOWN)


def _features(times: Times, before: Times, recent: Offsets) -> Floats:
    """Of events at `times` of users last seen at `before`, with `recent` events in the last day."""
    hour, year = times / DAY, times / YEAR
    weekday = (hour + THURSDAY) % 7
    away = np.where(before < 0, 0, np.maximum(times - before, 0))
    columns = (
        *_circle(hour),
        *_circle(weekday / 7),
        weekday >= SATURDAY,
        *_circle(year),
        np.log1p(away / MINUTE) / np.log1p(YEAR / MINUTE),
        np.log1p(recent) / np.log1p(MANY),
    )
    features = np.stack(columns, axis=1).astype(np.float32)
    features[times < 0] = 0
    return features


def _circle(turns: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], ...]:
    angle = 2 * np.pi * (turns % 1)
    return np.sin(angle), np.cos(angle)
