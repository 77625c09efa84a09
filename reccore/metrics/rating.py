"""How far predicted ratings are from given ones, kept as sums per user.

A user is the unit that intervals resample, so errors are stored as each user's sums with a
count: RMSE over rows is then a ratio of sums, whichever users a resample holds.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reccore.data.ids import Codes

RATING = ("rmse", "mse", "mae")

Ratings = npt.NDArray[np.floating]


def mse(predicted: Ratings, given: Ratings) -> float:
    """Mean squared error over rows [N]."""
    return float(np.mean(np.square(_error(predicted, given))))


def rmse(predicted: Ratings, given: Ratings) -> float:
    """Root of the mean squared error over rows [N]."""
    return float(np.sqrt(mse(predicted, given)))


def mae(predicted: Ratings, given: Ratings) -> float:
    """Mean absolute error over rows [N]."""
    return float(np.mean(np.abs(_error(predicted, given))))


def _error(predicted: Ratings, given: Ratings) -> npt.NDArray[np.float64]:
    return predicted.astype(np.float64) - given.astype(np.float64)


@dataclass(frozen=True, eq=False)
class RatingErrors:
    """Sums of errors of every user who has rated rows held out."""

    users: Codes  # [R] distinct, ascending
    squared: npt.NDArray[np.float64]  # [R]
    absolute: npt.NDArray[np.float64]  # [R]
    counts: npt.NDArray[np.float64]  # [R] rows

    @classmethod
    def of(cls, users: Codes, predicted: Ratings, given: Ratings) -> "RatingErrors":
        """From rows [N]."""
        distinct, row = np.unique(users, return_inverse=True)
        error = _error(predicted, given)
        size = len(distinct)
        return cls(
            distinct,
            np.bincount(row, np.square(error), size).astype(np.float64),
            np.bincount(row, np.abs(error), size).astype(np.float64),
            np.bincount(row, minlength=size).astype(np.float64),
        )

    def take(self, rows: npt.NDArray[np.integer]) -> "RatingErrors":
        return RatingErrors(
            self.users[rows], self.squared[rows], self.absolute[rows], self.counts[rows]
        )

    @property
    def columns(self) -> npt.NDArray[np.float64]:
        """[R, 3]: what `rating_metrics` needs the sums of."""
        return np.column_stack([self.squared, self.absolute, self.counts])


def rating_metrics(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """RMSE, MSE and MAE [..., 3] from sums of `RatingErrors.columns` [..., 3]."""
    squared, absolute, counts = sums[..., 0], sums[..., 1], sums[..., 2]
    mean_squared = squared / counts
    return np.stack([np.sqrt(mean_squared), mean_squared, absolute / counts], axis=-1)
