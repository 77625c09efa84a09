"""Is one model better than another? Paired differences over the users both were measured on.

"Better" means that the 95% interval of the paired difference, users resampled, excludes 0.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from reccore.errors import UserError
from reccore.metrics.evaluate import Evaluation
from reccore.metrics.intervals import interval, resampled_means, resampled_sums
from reccore.metrics.rating import RATING, rating_metrics

LOWER_IS_BETTER = frozenset({"popularity_calibration", *RATING})


@dataclass(frozen=True)
class Difference:
    """a - b over common users, its 95% interval, and which of the two is better, if any."""

    value: float
    low: float | None
    high: float | None
    better: Literal["a", "b"] | None


def compare(
    a: Evaluation, b: Evaluation, bootstrap: int = 1000, seed: int = 0
) -> dict[str, Difference]:
    """Differences of the per-user and rating metrics both have. Both share one id map."""
    if bootstrap < 1:
        raise UserError(f"bootstrap={bootstrap}", "a comparison needs resamples, e.g. 1000")
    return {**_paired(a, b, bootstrap, seed), **_paired_ratings(a, b, bootstrap, seed)}


def _paired(a: Evaluation, b: Evaluation, bootstrap: int, seed: int) -> dict[str, Difference]:
    common, in_a, in_b = np.intersect1d(a.users, b.users, return_indices=True)
    if len(common) == 0:
        raise UserError("the two evaluations have no user in common", "compare runs of one split")
    found = {}
    for name in a.per_user:
        if name in b.per_user:
            difference = a.per_user[name][in_a] - b.per_user[name][in_b]
            if not np.isnan(difference).all():
                found[name] = difference
    if not found:
        raise UserError("the two evaluations have no metric in common", "use the same k")
    values = np.column_stack(list(found.values()))  # [U, M], NaN where either is not defined
    averages = np.nanmean(values, axis=0)
    replicates = resampled_means(values, bootstrap, seed)
    return {
        name: _difference(name, averages[column], replicates[:, column])
        for column, name in enumerate(found)
    }


def _paired_ratings(
    a: Evaluation, b: Evaluation, bootstrap: int, seed: int
) -> dict[str, Difference]:
    if a.ratings is None or b.ratings is None:
        return {}
    common, in_a, in_b = np.intersect1d(a.ratings.users, b.ratings.users, return_indices=True)
    if len(common) == 0:
        return {}
    columns = np.hstack([a.ratings.take(in_a).columns, b.ratings.take(in_b).columns])
    sums = resampled_sums(columns, bootstrap, seed)
    total = columns.sum(axis=0)
    value = rating_metrics(total[:3]) - rating_metrics(total[3:])
    replicates = rating_metrics(sums[:, :3]) - rating_metrics(sums[:, 3:])
    return {
        name: _difference(name, value[column], replicates[:, column])
        for column, name in enumerate(RATING)
    }


def _difference(
    name: str, value: np.floating, replicates: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> Difference:
    low, high = interval(replicates)
    better: Literal["a", "b"] | None = None
    if low is not None and high is not None and (low > 0 or high < 0):
        higher_wins = name.partition("@")[0] not in LOWER_IS_BETTER
        better = "a" if (low > 0) == higher_wins else "b"
    return Difference(float(value), low, high, better)
