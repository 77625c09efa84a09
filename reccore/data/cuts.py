"""Which rows go where: one function a kind of split, from settings to row numbers.

Test rows are drawn before validation and with a generator of their own, so that no setting of
the validation part moves a test target.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from reccore.config import Settings
from reccore.data.interactions import Interactions
from reccore.data.leaks import when
from reccore.data.seeds import rng

RowNumbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Kind = Literal["random", "per-user", "loo", "time", "strong", "given"]


class SplitSettings(Settings):
    """How rows are held out. Fractions are of the rows, of each user's rows, or of the users."""

    kind: Kind = Field(
        "per-user",
        description="random: of all rows; per-user: of each user's; loo: each user's last; "
        "time: after a moment; strong: all rows of some users; given: as the files say",
    )
    seed: int = Field(0, ge=0, description="seed of every draw of the split")
    test: float = Field(0.2, gt=0, lt=1, description="fraction held out (strong: of the users)")
    validation: float = Field(
        0.15,
        ge=0,
        lt=1,
        description="fraction of the remaining rows for validation (strong: of all users); "
        "0: none; loo holds one row a user whatever the fraction",
    )
    validation_users: int = Field(
        1000, ge=0, description="per-user: at most so many users give validation rows; 0: all"
    )
    held_users: int = Field(
        0, ge=0, description="strong: so many test users (and validation users); 0: by fraction"
    )
    fold_in: float = Field(
        0.8, gt=0, lt=1, description="strong: share of a held user's rows that the model sees"
    )


@dataclass(frozen=True)
class Cut:
    """Row numbers of each part, ascending, so that rows that tie in time keep their order."""

    train: RowNumbers
    validation: RowNumbers
    test: RowNumbers
    validation_fold_in: RowNumbers | None = None  # strong only: histories of held users
    test_fold_in: RowNumbers | None = None
    validation_time: int | None = None  # time only: training ends here
    time: int | None = None  # time only: training and validation end here


def _cut(held: Mask, validation: Mask) -> Cut:
    """The parts of disjoint masks [N]; what is in neither is training."""
    rest = np.flatnonzero(~held & ~validation)
    return Cut(rest, np.flatnonzero(validation), np.flatnonzero(held))


def carve(rows: RowNumbers, settings: SplitSettings) -> RowNumbers:
    """A random share of training rows for validation."""
    size = round(settings.validation * len(rows))
    return np.sort(rng(settings.seed, "validation").permutation(rows)[:size])


def cut_random(data: Interactions, settings: SplitSettings) -> Cut:
    """The first of one permutation of the rows are the test."""
    order = np.random.default_rng(settings.seed).permutation(len(data))
    tested = round(settings.test * len(data))
    held, validation = np.zeros((2, len(data)), dtype=np.bool_)
    held[order[:tested]] = True
    validation[carve(np.sort(order[tested:]), settings)] = True
    return _cut(held, validation)


def cut_per_user(data: Interactions, settings: SplitSettings) -> Cut:
    """Users in ascending id (codes are), their rows in time order permuted, the first train."""
    generator = np.random.default_rng(settings.seed)
    held, validation = np.zeros((2, len(data)), dtype=np.bool_)
    offsets = data.histories.offsets
    for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        order = generator.permutation(end - start)
        trained = round((1 - settings.test) * (end - start))
        held[data.by_user[start + order[trained:]]] = True
    if settings.validation > 0:
        generator = rng(settings.seed, "validation")
        free = data.by_user[~held[data.by_user]]
        counts = np.bincount(data.users[free], minlength=len(data.user_ids))
        size = np.rint(settings.validation * counts).astype(np.int64)  # [U]
        chosen = np.flatnonzero((size > 0) & (size < counts))
        if settings.validation_users and settings.validation_users < len(chosen):
            chosen = generator.choice(chosen, settings.validation_users, replace=False)
        quota = np.zeros(len(counts), dtype=np.int64)
        quota[chosen] = size[chosen]
        place = _shuffled_place(data.users[free], generator)
        validation[free[place < quota[data.users[free]]]] = True
    return _cut(held, validation)


def _shuffled_place(users: npt.NDArray[np.int32], generator: np.random.Generator) -> RowNumbers:
    """The place of each row in a random order of its user's rows: [N]."""
    rows = np.lexsort((generator.random(len(users)), users))
    place = np.empty(len(users), dtype=np.int64)
    place[rows] = _place(users[rows])
    return place


def _place(users: npt.NDArray[np.int32]) -> RowNumbers:
    """0, 1, 2, ... within each user of a sorted column: [N]."""
    _, starts, counts = np.unique(users, return_index=True, return_counts=True)
    return np.arange(len(users)) - np.repeat(starts, counts)


def cut_loo(data: Interactions, settings: SplitSettings) -> Cut:
    """The last row of each user, and the one before; fewer than 3 rows are training only."""
    when(data, "loo")
    users = data.users[data.by_user]
    counts = np.bincount(users, minlength=len(data.user_ids))[users]
    left = np.where(counts < 3, 0, counts - _place(users))  # 1: last, 2: the one before
    held, validation = np.zeros((2, len(data)), dtype=np.bool_)
    held[data.by_user[left == 1]] = True
    if settings.validation > 0:
        validation[data.by_user[left == 2]] = True
    return _cut(held, validation)


def cut_time(data: Interactions, settings: SplitSettings) -> Cut:
    """Rows up to a moment train, later ones are held; rows of one moment stay together."""
    times = when(data, "time")
    ordered = np.sort(times)
    kept = (1 - settings.test) * len(data)
    last = int(ordered[max(round(kept) - 1, 0)])
    if settings.validation == 0:
        return Cut(np.flatnonzero(times <= last), _NONE, np.flatnonzero(times > last), time=last)
    middle = int(ordered[max(round((1 - settings.validation) * kept) - 1, 0)])
    return Cut(
        train=np.flatnonzero(times <= middle),
        validation=np.flatnonzero((times > middle) & (times <= last)),
        test=np.flatnonzero(times > last),
        validation_time=middle,
        time=last,
    )


_NONE: RowNumbers = np.empty(0, dtype=np.int64)


def cut_strong(data: Interactions, settings: SplitSettings) -> Cut:
    """Held users fold most of their rows in; the rest is to predict (Liang et al., 2018)."""
    users = len(data.user_ids)
    counts = np.bincount(data.users, minlength=users)
    able = np.flatnonzero(counts >= 2)  # something to see and something to predict
    order = np.random.default_rng(settings.seed).permutation(able)
    tested = order[: settings.held_users or round(settings.test * users)]
    rest = rng(settings.seed, "validation").permutation(np.sort(order[len(tested) :]))
    wanted = settings.held_users or round(settings.validation * users)
    validated = rest[: wanted if settings.validation > 0 else 0]

    seen = np.clip(np.rint(settings.fold_in * counts), 1, np.maximum(counts - 1, 1))  # [U]
    place = _shuffled_place(data.users, rng(settings.seed, "fold-in"))
    folded = place < seen[data.users]
    of_test, of_validation = np.isin(data.users, tested), np.isin(data.users, validated)
    return Cut(
        train=np.flatnonzero(~of_test & ~of_validation),
        validation=np.flatnonzero(of_validation & ~folded),
        test=np.flatnonzero(of_test & ~folded),
        validation_fold_in=np.flatnonzero(of_validation & folded),
        test_fold_in=np.flatnonzero(of_test & folded),
    )


CUTS: dict[str, Callable[[Interactions, SplitSettings], Cut]] = {
    "random": cut_random,
    "per-user": cut_per_user,
    "loo": cut_loo,
    "time": cut_time,
    "strong": cut_strong,
}
