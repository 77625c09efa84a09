"""How sure a figure is: percentile bootstrap over users (Efron 1979), in bounded memory.

Users, not rows, are drawn with replacement, since a user's rows are not independent. A resample
is a vector of multinomial counts, so that a block of resamples of all metrics is one matrix
product: counts [b, U] @ columns [U, C].
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reccore.metrics.ranking import PerUser
from reccore.metrics.rating import RATING, RatingErrors, rating_metrics

Matrix = npt.NDArray[np.float64]

LEVEL = 0.95
BLOCK_BYTES = 32 << 20


@dataclass(frozen=True)
class Metric:
    """A figure with its 95% interval; None where intervals make no sense or were not asked."""

    value: float
    low: float | None = None
    high: float | None = None


def resampled_sums(columns: Matrix, resamples: int, seed: int) -> Matrix:
    """Column sums over users drawn with replacement: [U, C] -> [resamples, C]."""
    users, width = columns.shape
    rng = np.random.default_rng(seed)
    sums = np.empty((resamples, width))
    size = max(1, min(resamples, BLOCK_BYTES // (8 * max(1, users))))
    counts = np.empty((size, users))
    for start in range(0, resamples, size):
        stop = min(start + size, resamples)
        for row in range(stop - start):
            counts[row] = np.bincount(rng.integers(0, users, users), minlength=users)
        sums[start:stop] = counts[: stop - start] @ columns
    return sums


def interval(replicates: npt.NDArray[np.float64]) -> tuple[float, float] | tuple[None, None]:
    """The central 95% of a metric's replicates; those that are not defined (NaN) are left out."""
    defined = replicates[np.isfinite(replicates)]
    if len(defined) == 0:
        return None, None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def means(per_user: Mapping[str, PerUser], resamples: int, seed: int) -> dict[str, Metric]:
    """Mean of each metric over the users where it is defined (not NaN), with its interval.

    A metric that no user has is left out. `resamples=0`: no intervals.
    """
    per_user = {name: of for name, of in per_user.items() if not np.isnan(of).all()}
    if not per_user:
        return {}
    values = np.column_stack(list(per_user.values()))  # [U, M]
    averages = np.nanmean(values, axis=0)
    replicates = resampled_means(values, resamples, seed)
    return {
        name: Metric(float(averages[column]), *interval(replicates[:, column]))
        for column, name in enumerate(per_user)
    }


def resampled_means(values: Matrix, resamples: int, seed: int) -> Matrix:
    """Means over the defined users of each resample: [U, M] -> [resamples, M]."""
    users, width = values.shape
    known = ~np.isnan(values)
    partial = ~known.all(axis=0)  # only these columns need their users counted
    columns = np.hstack([np.where(known, values, 0.0), known[:, partial]])
    sums = resampled_sums(columns, resamples, seed)
    counts = np.full((resamples, width), float(users))
    counts[:, partial] = sums[:, width:]
    with np.errstate(invalid="ignore"):  # a resample may hold no user with the metric: NaN
        averages: Matrix = sums[:, :width] / counts
    return averages


def rating_means(errors: RatingErrors, resamples: int, seed: int) -> dict[str, Metric]:
    """RMSE, MSE and MAE over rows; the interval resamples users' sums and counts together."""
    values = rating_metrics(errors.columns.sum(axis=0))
    replicates = rating_metrics(resampled_sums(errors.columns, resamples, seed))
    return {
        name: Metric(float(values[column]), *interval(replicates[:, column]))
        for column, name in enumerate(RATING)
    }
