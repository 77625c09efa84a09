"""What a season does to everybody's demand, so that Christmas is not taken for a fashion.

A product's own year is rarely on record twice. The demand of its whole source is: where that spans
two years, each week of the year gets an index from the median of the logs around their level.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giftrec.tools.tables import Floats, Numbers

YEAR = 52
LEAST_WEEKS = 2 * YEAR
SMOOTH = 5  # weeks over which a week's index is a median: a feast moves from year to year


@dataclass(frozen=True)
class Season:
    """Of one source: its weeks on record, its total demand, and the index of each week."""

    first: int  # day number of the first Monday
    total: Floats  # [W]
    index: Floats | None  # [52] log factor by week of the year; None: less than two years

    @property
    def weeks(self) -> int:
        return len(self.total)

    @property
    def last(self) -> int:
        return self.first + 7 * (self.weeks - 1)


def learn_seasons(
    starts: Numbers, week: Numbers, sold: Floats, sources: Sequence[str | None]
) -> dict[str | None, Season]:
    """The season of each source from the weekly demand of all its gifts."""
    names = {name: code for code, name in enumerate(dict.fromkeys(sources))}
    of_gift = np.array([names[name] for name in sources], dtype=np.int64)
    source = np.repeat(of_gift, np.diff(starts))
    return {
        name: season_of(week[source == code], sold[source == code])
        for name, code in names.items()
        if (source == code).any()
    }


def season_of(week: Numbers, sold: Floats) -> Season:
    first = int(week.min())
    place = (week - first) // 7
    total = np.bincount(place, weights=sold).astype(np.float64)
    return Season(first, total, _index(total, first))


def week_of_year(first: int, count: int) -> Numbers:
    """[count] 0 to 51 of the weeks that follow the day `first`: the last days of a year are 51."""
    days = np.datetime64("1970-01-01", "D") + first + 7 * np.arange(count)
    in_year = (days - days.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    week: Numbers = np.minimum(in_year // 7, YEAR - 1)
    return week


def _index(total: Floats, first: int) -> Floats | None:
    """[52] from ratios to a centred year's mean, the median over the years, smoothed."""
    if len(total) < LEAST_WEEKS:
        return None
    logs = np.log1p(total)
    around = np.convolve(logs, np.ones(YEAR) / YEAR, mode="valid")  # [W - 51]
    level = np.interp(np.arange(len(logs)), np.arange(len(around)) + (YEAR - 1) / 2, around)
    ratio, week = logs - level, week_of_year(first, len(logs))
    index = np.array([np.median(ratio[week == w]) if (week == w).any() else 0 for w in range(YEAR)])
    wide = np.concatenate([index[-(SMOOTH // 2) :], index, index[: SMOOTH // 2]])
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(wide, SMOOTH), axis=1)
    centred: Floats = smooth - smooth.mean()
    return centred
