"""Trends of weekly demand, for many gifts at once: a robust slope that must prove itself.

The slope is Theil's and Sen's (1950, 1968: the median of the slopes of all pairs of weeks) of the
logs over the last twelve weeks, with Sen's interval from Kendall's rank statistic. It counts as a
trend only where its interval leaves out 0 and where its forecasts of the very weeks just past would
have been nearer than those of three rivals that know no trend: seasonal-naive (the same week a year
before; the four weeks before where there is no year on record), naive (the last week again) and the
level (the median of the last eight weeks).

The settings are the best of those tried on half the products of a real gift-ware shop.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from giftrec.tools.tables import Floats

WINDOW = 12  # weeks that the slope is taken over
LEVEL = 8  # weeks of the level
ORIGINS = 12  # weeks from which the past is forecast again
AHEAD = 4
DAMPING = 0.3  # of a slope's further course, week by week: growth does not go on for ever
STEEPEST = 0.2  # log growth a week that a forecast goes on with
LEAST = WINDOW + ORIGINS  # weeks on record
Z95, Z80 = 1.959964, 1.281552
_I, _J = np.triu_indices(WINDOW, 1)
_PAIRS = len(_I)
_REACH = Z95 * np.sqrt(WINDOW * (WINDOW - 1) * (2 * WINDOW + 5) / 18)
_LOW = max(int(np.floor((_PAIRS - _REACH) / 2)), 0)
_HIGH = min(int(np.ceil((_PAIRS + _REACH) / 2)), _PAIRS - 1)
_STEPS = np.cumsum(DAMPING ** np.arange(1, AHEAD + 1))


@dataclass(frozen=True)
class Slopes:
    """Log growth a week [...] with its 95% interval."""

    growth: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Forecasts:
    """Of G gifts."""

    slopes: Slopes
    next: Floats  # [G, 4] sold a week
    low: Floats  # [G, 4] of an 80% interval
    high: Floats
    usual: Floats  # [G, 4] the level's course, which knows no trend but the season
    error: Floats  # [G] mean absolute error of the backtest, pieces a week
    seasonal_error: Floats
    naive_error: Floats
    level_error: Floats
    beats: npt.NDArray[np.bool_]  # [G] all three rivals, and the interval leaves out 0


def theil_sen(logs: Floats) -> Slopes:
    """Slopes of [..., WINDOW] logs."""
    slopes = np.sort((logs[..., _J] - logs[..., _I]) / (_J - _I), axis=-1)
    middle = (slopes[..., (_PAIRS - 1) // 2] + slopes[..., _PAIRS // 2]) / 2
    return Slopes(middle, slopes[..., _LOW], slopes[..., _HIGH])


def project(logs: Floats) -> tuple[Floats, Slopes]:
    """[..., WINDOW] -> the next four weeks' logs [..., 4], along the damped slope."""
    slopes = theil_sen(logs)
    going = np.clip(slopes.growth, -STEEPEST, STEEPEST)[..., None]
    back = np.arange(WINDOW) - (WINDOW - 1)
    now = np.median(logs - going * back, axis=-1)[..., None]
    return now + going * _STEPS, slopes


def forecast(sold: Floats, season: Floats, year_before: Floats) -> Forecasts:
    """`sold` [G, LEAST] the last weeks; `season` [G, LEAST + 4] log factors (0: none);
    `year_before` [G, LEAST + 4] what was sold 52 weeks before each week, NaN where not on record.
    """
    gifts = len(sold)
    logs = np.log1p(sold) - season[:, :LEAST]  # [G, N]
    origins = np.arange(LEAST - ORIGINS, LEAST)  # the first week that is forecast
    past = np.stack([logs[:, o - WINDOW : o] for o in origins], axis=1)  # [G, O, W]
    weeks = origins[:, None] + np.arange(AHEAD)  # [O, 4]
    known = weeks < LEAST
    true = np.where(known, sold[:, np.minimum(weeks, LEAST - 1)], np.nan)  # [G, O, 4]
    ours, _ = project(past)
    ours = ours + season[:, weeks]
    naive = np.repeat(sold[:, origins - 1, None], AHEAD, axis=2)
    level = np.median(past[..., -LEVEL:], axis=-1)[..., None] + season[:, weeks]
    month = np.stack([sold[:, o - AHEAD : o] for o in origins], axis=1)
    seasonal = np.where(np.isnan(year_before[:, weeks]), month, year_before[:, weeks])
    errors = [
        np.nanmean(np.abs(said - true), axis=(1, 2)) if gifts else np.zeros(0)
        for said in (_pieces(ours), seasonal, naive, _pieces(level))
    ]
    ahead, slopes = project(logs[:, -WINDOW:])
    ahead = ahead + season[:, LEAST:]
    off = np.log1p(true) - ours  # [G, O, 4]
    spread = 1.4826 * np.nanmedian(np.abs(off), axis=(1, 2))[:, None] if gifts else 0.0
    certain = (slopes.low > 0) | (slopes.high < 0)
    nearer = np.logical_and.reduce([errors[0] < rival for rival in errors[1:]])
    return Forecasts(
        slopes,
        _pieces(ahead),
        _pieces(ahead - Z80 * spread),
        _pieces(ahead + Z80 * spread),
        _pieces(np.median(logs[:, -LEVEL:], axis=1)[:, None] + season[:, LEAST:]),
        errors[0],
        errors[1],
        errors[2],
        errors[3],
        certain & nearer,
    )


def _pieces(logs: Floats) -> Floats:
    pieces: Floats = np.maximum(np.expm1(logs), 0.0)
    return pieces
