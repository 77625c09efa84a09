"""Training, validation and test parts that refuse to leak.

Six protocols behind one call. Whatever made a `Split`, building it counts the training rows
that know something of the held-out part, and refuses one that has any.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from reccore.data import leaks
from reccore.data.cuts import CUTS, SplitSettings, carve
from reccore.data.holdout import Given, Holdout, hold_out, join
from reccore.data.interactions import Interactions
from reccore.errors import UserError

__all__ = ["Given", "Holdout", "Split", "SplitReport", "SplitSettings", "split"]


@dataclass(frozen=True)
class SplitReport:
    """What every evaluation prints beside its figures."""

    kind: str
    seed: int
    train_rows: int
    validation_rows: int
    test_rows: int
    validation_users: int
    test_users: int
    leak_rate: float  # share of the rows to learn from that are later than, or among, held ones
    cold_users: int  # users and items of the test part that training never met
    cold_items: int
    repeated: int  # test rows whose item the user had met before: no targets
    cut: int | None  # time: the last moment of training and validation

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Split:
    """The parts of one data set. A leak is a `UserError`, here and not later."""

    settings: SplitSettings
    train: Interactions
    validation: Holdout | None
    test: Holdout
    refit: Interactions  # all rows a final fit may use: training, and users held for validation
    cut: int | None = None
    validation_cut: int | None = None

    def __post_init__(self) -> None:
        _refuse_empty("training", len(self.train), "set split.test or split.validation lower")
        _refuse_empty("test", len(self.test), _MORE[self.settings.kind].format(part="test"))
        if self.validation is not None:
            remedy = _MORE[self.settings.kind].format(part="validation")
            remedy += ", or split.validation = 0 for none"
            _refuse_empty("validation", len(self.validation), remedy)
        if self.leak_rate > 0:
            raise UserError(
                f"split {self.settings.kind!r} leaks: {self.leak_rate:.2%} of the training rows "
                f"are {_LEAK.get(self.settings.kind, 'held-out rows as well')}",
                "remove them from training; drop duplicate rows",
            )

    @cached_property
    def leak_rate(self) -> float:
        """The worse of both duties: training against validation, all of it against test."""
        return max(float(np.mean(mask)) for mask in self._leaks())

    def _leaks(self) -> Iterator[leaks.Mask]:
        pairs = [(self.refit, self.test, self.cut), (self.train, self.test, self.cut)]
        if self.validation is not None:
            pairs.append((self.train, self.validation, self.validation_cut))
        kind = self.settings.kind
        for learned, holdout, cut in pairs:
            held = holdout.rows
            yield leaks.shared_events(learned, held, with_order=kind != "given")
            if kind == "loo":
                yield leaks.later_than_own(learned, held)
            if kind == "time":
                assert cut is not None, "a split by time carries its cut"
                yield leaks.later_than_cut(learned, held, cut)
            if kind == "strong":
                yield leaks.of_held_users(learned, held)

    def fit_rows(self, with_validation: bool) -> Interactions:
        """Rows to learn from. With validation: for a final fit, its settings already chosen.

        Of a strong split the validation users join whole; test users never do.
        """
        return self.refit if with_validation else self.train

    def report(self) -> SplitReport:
        held = self.test.rows
        return SplitReport(
            kind=self.settings.kind,
            seed=self.settings.seed,
            train_rows=len(self.train),
            validation_rows=0 if self.validation is None else len(self.validation.rows),
            test_rows=len(held),
            validation_users=0 if self.validation is None else len(self.validation),
            test_users=len(self.test),
            leak_rate=self.leak_rate,
            cold_users=len(np.setdiff1d(held.users, self.train.users)),
            cold_items=len(np.setdiff1d(held.items, self.train.items)),
            repeated=self.test.repeated,
            cut=self.cut,
        )


_LEAK = {
    "loo": "later than their user's held-out row, or equal to it",
    "time": "later than the cut",
    "strong": "of users who are held out",
}
_FRACTION = "set split.{part} higher"
_MORE = {
    "random": _FRACTION,
    "per-user": _FRACTION + " (users with few rows give none)",
    "loo": "only users with 3 rows or more are held out",
    "time": _FRACTION + " (rows of one moment stay together)",
    "strong": _FRACTION + " (users with one row cannot be held out)",
    "given": "the {part} part needs rows whose user had not met the item",
}


def _refuse_empty(part: str, size: int, remedy: str) -> None:
    if size == 0:
        raise UserError(f"the {part} part of the split is empty", remedy)


def split(data: Interactions, settings: SplitSettings, given: Given | None = None) -> Split:
    """Hold rows out as `settings` say; `given` are the parts of kind "given"."""
    if settings.kind == "given":
        if given is None:
            raise UserError(
                "split 'given' needs data that comes in parts, and this data does not",
                "use --split per-user, or data with files of its own for test",
            )
        return _split_given(given, settings)
    _refuse_empty("training", len(data), "the data has no rows")
    cut = CUTS[settings.kind](data, settings)
    known = [cut.train, cut.validation]
    if cut.validation_fold_in is not None:
        known.append(cut.validation_fold_in)
    train, refit = data.take(cut.train), data.take(np.sort(np.concatenate(known)))
    seen = train if cut.validation_fold_in is None else data.take(cut.validation_fold_in)
    context = refit if cut.test_fold_in is None else data.take(cut.test_fold_in)
    held = settings.validation > 0
    return Split(
        settings,
        train,
        hold_out(seen, data.take(cut.validation)) if held else None,
        hold_out(context, data.take(cut.test)),
        refit,
        cut=cut.time,
        validation_cut=cut.validation_time,
    )


def _split_given(given: Given, settings: SplitSettings) -> Split:
    train, validation, refit = given.train, given.validation, given.train
    if validation is not None:
        refit = join(train, validation)
    elif settings.validation > 0:
        rows = carve(np.arange(len(train)), settings)
        validation = train.take(rows)
        train = train.take(np.delete(np.arange(len(train)), rows))
    return Split(
        settings,
        train,
        None if validation is None else hold_out(train, validation),
        hold_out(refit, given.test),
        refit,
    )
