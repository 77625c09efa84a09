"""trend_analyzer: is a gift coming into fashion or going out of it, and what sells in four weeks?

A trend is only claimed where it would have foretold this very gift's last weeks better than
forecasts that know no trend (see `forecast.py`); else the answer is "no trend".
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

import numpy as np
from pydantic import Field

from giftrec.schema import Record
from giftrec.tools.forecast import AHEAD, LEAST, WINDOW, Forecasts, forecast, theil_sen
from giftrec.tools.provider import Provider
from giftrec.tools.results import Request, Result
from giftrec.tools.seasons import YEAR, Season, week_of_year
from giftrec.tools.tables import Floats, Rows, day_of, number_of

SELDOM = 0.5  # share of the window's weeks with a sale, below which no trend can be seen
NO_SEASON = "no season known: less than two years on record"
Kind = Literal["rising", "falling", "no trend", "too little on record"]


class TrendRequest(Request):
    """Weeks that are not over on the day `on` are not looked at."""


class Growth(Record):
    """Share by which demand grows from week to week, with a 95% interval."""

    weekly: float
    low: float
    high: float
    against_all: float | None = Field(description="the same, against all gifts of its source")


class NextWeeks(Record):
    """Expected sales of the next four weeks, with an 80% interval."""

    sold: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class Backtest(Record):
    """Mean error of forecasts of the last twelve weeks, in pieces a week."""

    trend: float
    seasonal_naive: float
    naive: float
    level: float


class GiftTrend(Record):
    gift: str
    trend: Kind
    growth: Growth | None
    forecast: NextWeeks | None = Field(description="only where a trend is claimed")
    backtest: Backtest | None
    usual: tuple[float, ...] | None = Field(
        description="the next four weeks without a trend: the median of the last eight, with the"
        " season where it is known"
    )
    weeks: int = Field(description="on record, to the newest week of the source")
    until: date | None = Field(description="the Monday of that week")
    words: tuple[str, ...] = ()


class TrendAnalysis(Result):
    gifts: tuple[GiftTrend, ...]


def trend_analyzer(request: TrendRequest, provider: Provider) -> TrendAnalysis:
    today = number_of(request.on)

    def compute(new: Sequence[str]) -> list[GiftTrend]:
        return _analyzed(provider, new, today)

    seasons = provider.background.seasons
    newest = max((season.last for season in (seasons or {}).values()), default=None)
    whole = newest is not None and newest + 7 <= today  # all weeks on record are over
    kind = "trend" if whole else f"trend on {request.on}"
    found = provider.derived(kind, request.gifts, compute)
    days = [gift.until for gift in found if gift.until is not None]
    none = sum(gift.trend == "too little on record" for gift in found)
    return TrendAnalysis(
        as_of=min(days, default=None),
        rows=sum(gift.weeks for gift in found),
        gifts=tuple(found),
        words=(f"too little on record for {none} of {len(found)} gifts",) if none else (),
    )


def _analyzed(provider: Provider, gifts: Sequence[str], today: int) -> list[GiftTrend]:
    rows, about = provider.rows("demand", gifts), provider.rows("gifts", gifts)
    seasons = provider.background.seasons
    found: list[GiftTrend | None] = [None] * len(gifts)
    long: list[tuple[int, _Series]] = []
    for nth, gift in enumerate(gifts):
        source = about.texts["source"][about.starts[nth]] if about.of(nth) else None
        series = _series(rows, nth, today, _season(seasons, source))
        if series is not None and len(series.sold) >= LEAST:
            long.append((nth, series))
        else:
            found[nth] = _too_little(gift, series)
    if long:
        several = [series for _, series in long]
        said = forecast(
            np.stack([series.sold[-LEAST:] for series in several]),
            np.stack([series.season() for series in several]),
            np.stack([series.year_before() for series in several]),
        )
        against = theil_sen(np.stack([series.share() for series in several])).growth
        for place, (nth, series) in enumerate(long):
            tide = None if np.isnan(against[place]) else _share(against[place])
            found[nth] = _verdict(gifts[nth], series, said, place, tide)
    return [gift for gift in found if gift is not None]


class _Series:
    """Weekly sales of one gift up to the newest week of its source: a week without a row sold 0."""

    def __init__(self, first: int, sold: Floats, source: Season | None) -> None:
        self.first, self.sold, self.source = first, sold, source

    @property
    def last(self) -> int:
        return self.first + 7 * (len(self.sold) - 1)

    def season(self) -> Floats:
        """[LEAST + 4] log factors of the last weeks and the next four."""
        if self.source is None or self.source.index is None:
            return np.zeros(LEAST + AHEAD)
        start = self.last - 7 * (LEAST - 1)
        return self.source.index[week_of_year(start, LEAST + AHEAD)]

    def year_before(self) -> Floats:
        """[LEAST + 4] sales 52 weeks before the last weeks and the next four; NaN: none."""
        place = np.arange(LEAST + AHEAD) + len(self.sold) - LEAST - YEAR
        return np.where(place >= 0, self.sold[np.maximum(place, 0)], np.nan)

    def share(self) -> Floats:
        """[WINDOW] log of its share of its source's demand; NaN where it is the source."""
        if self.source is not None:
            end = (self.last - self.source.first) // 7 + 1
            total = self.source.total[max(end - WINDOW, 0) : end]
            if len(total) == WINDOW and not np.array_equal(total, self.sold[-WINDOW:]):
                return np.log1p(self.sold[-WINDOW:]) - np.log1p(total)
        return np.full(WINDOW, np.nan)


def _season(seasons: Mapping[str | None, Season] | None, source: str | None) -> Season | None:
    return None if seasons is None else seasons.get(source)


def _series(rows: Rows, nth: int, today: int, source: Season | None) -> _Series | None:
    span = rows.of(nth)
    week = np.array(rows.numbers["week"][span.start : span.stop], dtype=np.int64)
    sold = np.array(rows.reals["sold"][span.start : span.stop])
    over = week + 7 <= today
    week, sold = week[over], sold[over]
    if not len(week):
        return None
    first, last = int(week.min()), int(week.max())
    if source is not None and source.last > last:
        early = max(0, -((today - source.last - 7) // 7))  # weeks that are not over yet
        last = max(last, source.last - 7 * early)
    weeks = (last - first) // 7 + 1
    dense = np.bincount((week - first) // 7, weights=sold, minlength=weeks).astype(np.float64)
    return _Series(first, dense, source)


def _too_little(gift: str, series: _Series | None) -> GiftTrend:
    weeks = 0 if series is None else len(series.sold)
    return GiftTrend(
        gift=gift,
        trend="too little on record",
        growth=None,
        forecast=None,
        backtest=None,
        usual=None,
        weeks=weeks,
        until=None if series is None else day_of(series.last),
        words=(f"{weeks} weeks on record; a trend needs {LEAST}",),
    )


def _verdict(
    gift: str, series: _Series, said: Forecasts, place: int, against_all: float | None
) -> GiftTrend:
    slopes = said.slopes
    growth = Growth(
        weekly=_share(slopes.growth[place]),
        low=_share(slopes.low[place]),
        high=_share(slopes.high[place]),
        against_all=against_all,
    )
    seldom = float((series.sold[-WINDOW:] > 0).mean()) < SELDOM
    claimed = bool(said.beats[place]) and not seldom
    kind: Kind = "no trend"
    words = [NO_SEASON] if series.source is None or series.source.index is None else []
    if claimed:
        kind = "rising" if slopes.growth[place] > 0 else "falling"
    elif seldom:
        words.append("sold too seldom to see a trend")
    elif slopes.low[place] <= 0 <= slopes.high[place]:
        words.append("its growth cannot be told from 0")
    else:
        words.append("its growth would not have foretold its last weeks better than no trend")
    return GiftTrend(
        gift=gift,
        trend=kind,
        growth=growth,
        forecast=_next(said, place) if claimed else None,
        backtest=Backtest(
            trend=round(float(said.error[place]), 3),
            seasonal_naive=round(float(said.seasonal_error[place]), 3),
            naive=round(float(said.naive_error[place]), 3),
            level=round(float(said.level_error[place]), 3),
        ),
        usual=_rounded(said.usual[place]),
        weeks=len(series.sold),
        until=day_of(series.last),
        words=tuple(words),
    )


def _share(log: float) -> float:
    return round(float(np.expm1(log)), 4)


def _next(said: Forecasts, place: int) -> NextWeeks:
    return NextWeeks(
        sold=_rounded(said.next[place]),
        low=_rounded(said.low[place]),
        high=_rounded(said.high[place]),
    )


def _rounded(values: Floats) -> tuple[float, ...]:
    return tuple(round(float(value), 2) for value in values)
