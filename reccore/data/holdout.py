"""What a model is measured on: users, what it may look at, and what it should have found."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from reccore.data.ids import Codes
from reccore.data.interactions import UNKNOWN, Histories, Interactions, Times
from reccore.errors import UserError


@dataclass(frozen=True, eq=False)
class Holdout:
    """Held-out rows, a row a user, by ascending user code.

    A history may hold an item more than once (it is a sequence); targets are unique and hold
    nothing of the history: seen items are filtered from every list, so a held item that the
    user had met before cannot be found. Such rows are counted in `repeated`, and stay in
    `rows`. A user left without target is not among `users`.
    """

    users: Codes  # [U]
    histories: Histories  # [U] rows, oldest first: what the model sees, and what is filtered
    targets: Histories  # [U] rows, oldest first: the relevant items
    rows: Interactions  # every held row, for rating metrics
    repeated: int = 0

    def __post_init__(self) -> None:
        assert len(self.users) == len(self.histories) == len(self.targets)

    def __len__(self) -> int:
        return len(self.users)

    @property
    def now(self) -> Times | None:
        """When each user is asked: the time of the first target, which a server knows. [U]"""
        times = self.targets.times
        if times is None:
            return None
        first = np.minimum(self.targets.offsets[:-1], len(times) - 1)
        return np.where(self.targets.lengths > 0, times[first], UNKNOWN)


@dataclass(frozen=True, eq=False)
class Given:
    """Parts that came as files of their own (u1.base and u1.test, say), under shared id maps."""

    train: Interactions
    validation: Interactions | None
    test: Interactions

    def __post_init__(self) -> None:
        for part in (self.validation, self.test):
            assert part is None or (
                part.user_ids.ids.equals(self.train.user_ids.ids)
                and part.item_ids.ids.equals(self.train.item_ids.ids)
            ), "the parts of a given split share their id maps"


def hold_out(context: Interactions, held: Interactions) -> Holdout:
    """Held rows against the rows of `context` that the model may look at."""
    items = np.int64(len(held.item_ids))
    seen = np.sort(context.users * items + context.items)
    rows = held.by_user  # by user, then time
    keys = held.users[rows] * items + held.items[rows]
    known = np.searchsorted(seen, keys, "right") > np.searchsorted(seen, keys)  # is it there?
    fresh = np.flatnonzero(~known)
    first = np.sort(np.unique(keys[fresh], return_index=True)[1])  # the earliest of its copies
    wanted = rows[fresh[first]]
    users, counts = np.unique(held.users[wanted], return_counts=True)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Holdout(
        users=users,
        histories=context.histories.take(users),
        targets=Histories(
            offsets,
            held.items[wanted],
            None if held.timestamps is None else held.timestamps[wanted],
        ),
        rows=held,
        repeated=int(known.sum()),
    )


def join(*parts: Interactions) -> Interactions:
    """The rows of one part after those of the one before, in `order` too."""
    return reduce(_append, parts)


def _append(left: Interactions, right: Interactions) -> Interactions:
    def column(name: str) -> npt.NDArray[np.generic] | None:
        one, other = getattr(left, name), getattr(right, name)
        if (one is None) != (other is None):
            raise UserError(
                f"column {name} is in one part of the given split and not in another",
                "give all parts the same columns",
            )
        if one is None:
            return None
        if name == "order" and len(one) and len(other):
            other = other - other.min() + one.max() + 1
        joined: npt.NDArray[np.generic] = np.concatenate([one, other])
        return joined

    names = ("users", "items", "values", "timestamps", "order")
    columns = {name: column(name) for name in names}
    return Interactions(left.user_ids, left.item_ids, **columns)  # type: ignore[arg-type]
