"""Is anything of the held-out future in training? Counted in rows, never assumed."""

import numpy as np
import numpy.typing as npt
import polars as pl

from reccore.data.interactions import Interactions, Times
from reccore.errors import UserError

Mask = npt.NDArray[np.bool_]


def when(data: Interactions, kind: str) -> Times:
    """The time of each row, `order` where there is none: [N]."""
    times = data.timestamps if data.timestamps is not None else data.order
    if times is None:
        raise UserError(
            f"split {kind!r} needs time, and the data has neither timestamps nor an order",
            "map one (--map timestamp=... or order=...), or use --split per-user",
        )
    return times


def later_than_cut(train: Interactions, held: Interactions, cut: int) -> Mask:
    """Training rows later than the cut, or not before every held row: [N]."""
    earliest = when(held, "time").min() if len(held) else cut + 1
    return when(train, "time") > min(cut, earliest - 1)


def later_than_own(train: Interactions, held: Interactions) -> Mask:
    """Training rows later than the first held row of their own user: [N]. A tie is not later."""
    clock = _clock(train, held)
    before, after = clock[: len(train)], clock[len(train) :]
    first = np.full(len(train.user_ids), np.iinfo(np.int64).max)
    np.minimum.at(first, held.users, after)
    return before > first[train.users]


def of_held_users(train: Interactions, held: Interactions) -> Mask:
    """Training rows of users who were to be unknown: [N]."""
    return np.isin(train.users, held.users)


def shared_events(train: Interactions, held: Interactions, with_order: bool) -> Mask:
    """Training rows that are held rows too: equal in user, item and time, as far as known: [N].

    `with_order`: both parts number their rows alike, so that `order` tells events apart.
    """
    names = ["timestamps", "order"] if with_order else ["timestamps"]
    shared = [n for n in names if getattr(train, n) is not None and getattr(held, n) is not None]
    events = [
        pl.DataFrame({name: getattr(part, name) for name in ("users", "items", *shared)})
        for part in (train, held)
    ]
    found = events[0].join(
        events[1].unique().with_columns(leak=True),
        on=["users", "items", *shared],
        how="left",
        maintain_order="left",
    )
    return found["leak"].fill_null(False).to_numpy()


def _clock(*parts: Interactions) -> Times:
    """The place of every row in time, then `order`; rows that tie in both share one: [N]."""
    names = [n for n in ("timestamps", "order") if getattr(parts[0], n) is not None]
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
    rows = np.lexsort(columns[::-1])
    moved = np.any([np.diff(column[rows]) != 0 for column in columns], axis=0)
    clock = np.empty(len(rows), dtype=np.int64)
    clock[rows] = np.concatenate([[0], np.cumsum(moved)])
    return clock
