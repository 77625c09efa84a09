from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes
from shelf import TODAY, Shelf

from giftrec.tools.forecast import AHEAD, DAMPING, LEAST, ORIGINS, WINDOW, forecast, theil_sen
from giftrec.tools.seasons import season_of, week_of_year
from giftrec.tools.trends import TrendRequest, trend_analyzer

floats = st.floats(-5, 5, allow_nan=False)
WEEKS = np.arange(40)


def analyze(shelf, on=TODAY, gifts=("a",)):
    return trend_analyzer(TrendRequest(gifts=gifts, on=on), shelf.provider())


def series(logs, noise=0.05, seed=0) -> list[float]:
    draw = np.random.default_rng(seed)
    return np.round(np.exp(logs + noise * draw.standard_normal(len(logs)))).tolist()


@given(st.lists(floats, min_size=WINDOW, max_size=WINDOW))
def test_slopes_are_scipys(values):
    ours = theil_sen(np.array(values))
    theirs = theilslopes(values, np.arange(WINDOW), alpha=0.95)
    assert float(ours.growth) == pytest.approx(theirs.slope, abs=1e-12)
    if len(set(values)) == WINDOW:  # scipy corrects for ties, which widens no interval of ours
        assert float(ours.low) <= theirs.low_slope + 1e-12
        assert float(ours.high) >= theirs.high_slope - 1e-12


def test_one_wild_week_does_not_bend_the_slope():
    logs = 0.1 * np.arange(WINDOW)
    wild = logs.copy()
    wild[-2] += 5
    assert float(theil_sen(wild).growth) == pytest.approx(0.1, abs=0.01)


def slowly(sold):
    """The backtest of one gift, origin by origin, without a season."""
    errors = {"trend": [], "seasonal": [], "naive": [], "level": []}
    for origin in range(LEAST - ORIGINS, LEAST):
        past = np.log1p(sold[:origin])
        window = past[-WINDOW:]
        growth = np.clip(theilslopes(window, np.arange(WINDOW)).slope, -0.2, 0.2)
        now = np.median(window - growth * (np.arange(WINDOW) - WINDOW + 1))
        for ahead in range(min(AHEAD, LEAST - origin)):
            true = sold[origin + ahead]
            going = now + growth * sum(DAMPING**k for k in range(1, ahead + 2))
            errors["trend"].append(abs(max(np.expm1(going), 0) - true))
            errors["seasonal"].append(abs(sold[origin - 4 + ahead] - true))
            errors["naive"].append(abs(sold[origin - 1] - true))
            errors["level"].append(abs(np.expm1(np.median(past[-8:])) - true))
    return [float(np.mean(errors[k])) for k in ("trend", "seasonal", "naive", "level")]


def test_the_backtest_is_that_of_one_gift_at_a_time():
    sold = np.random.default_rng(3).poisson(9, (6, LEAST)).astype(float)
    none = np.full((6, LEAST + AHEAD), np.nan)
    said = forecast(sold, np.zeros((6, LEAST + AHEAD)), none)
    ours = np.stack([said.error, said.seasonal_error, said.naive_error, said.level_error], 1)
    np.testing.assert_allclose(ours, [slowly(row) for row in sold])
    alone = forecast(sold[2:3], np.zeros((1, LEAST + AHEAD)), none[:1])
    np.testing.assert_allclose(alone.next[0], said.next[2])


def test_the_future_is_not_looked_at():
    sold = np.random.default_rng(4).poisson(9, (1, LEAST + 4)).astype(float)
    none, zero = np.full((1, LEAST + AHEAD), np.nan), np.zeros((1, LEAST + AHEAD))
    first = forecast(sold[:, :LEAST], zero, none)
    for later in (0, 99):
        again = np.concatenate([sold[:, :LEAST], np.full((1, 4), later)], axis=1)[:, :LEAST]
        np.testing.assert_array_equal(forecast(again, zero, none).next, first.next)


def test_a_steady_rise_and_a_steady_fall_are_seen():
    for slope, kind in ((0.08, "rising"), (-0.08, "falling")):
        logs = 4.5 + slope * np.maximum(WEEKS - 20, 0)
        gift = analyze(Shelf().gift("a").sold("a", series(logs))).gifts[0]
        assert gift.trend == kind
        assert gift.growth.low - 0.01 <= np.expm1(slope) <= gift.growth.high + 0.01
        back = gift.backtest
        assert back.trend < min(back.seasonal_naive, back.naive, back.level)
        assert all(
            low <= sold <= high
            for low, sold, high in zip(
                gift.forecast.low, gift.forecast.sold, gift.forecast.high, strict=True
            )
        )


def test_noise_is_rarely_a_trend():
    shelf = Shelf()
    names = tuple(f"g{n}" for n in range(150))
    for n, name in enumerate(names):
        shelf.gift(name).sold(name, series(np.full(40, 4.0), noise=0.3, seed=n))
    gifts = analyze(shelf, gifts=names).gifts
    assert sum(gift.trend != "no trend" for gift in gifts) <= 3
    assert all(gift.forecast is None for gift in gifts if gift.trend == "no trend")


def test_too_little_and_too_seldom_are_said():
    short = analyze(Shelf().gift("a").sold("a", [5.0] * (LEAST - 1)))
    assert short.gifts[0].trend == "too little on record"
    assert short.words == ("too little on record for 1 of 1 gifts",)
    rare = analyze(Shelf().gift("a").sold("a", [0, 0, 3, 0, 0] * 6)).gifts[0]
    assert (rare.trend, rare.words[-1]) == ("no trend", "sold too seldom to see a trend")
    assert not analyze(Shelf().gift("a")).found


def test_a_week_without_a_row_sold_nothing_up_to_the_newest_of_the_source():
    shelf = Shelf().gift("a").gift("b").sold("b", [9.0] * 30)
    shelf.sold("a", [9.0] * 20, last=TODAY - timedelta(weeks=11))
    gift = analyze(shelf).gifts[0]
    assert gift.weeks == 30
    assert gift.until == TODAY - timedelta(weeks=1)
    assert gift.usual == (0.0,) * 4


def test_a_week_that_is_not_over_is_not_looked_at():
    shelf = Shelf().gift("a").sold("a", [*[9.0] * 30, 1.0], last=TODAY)
    gift = analyze(shelf, on=TODAY + timedelta(days=3)).gifts[0]
    assert (gift.weeks, gift.until) == (30, TODAY - timedelta(weeks=1))
    assert analyze(shelf, on=TODAY + timedelta(days=7)).gifts[0].weeks == 31


def test_two_years_teach_the_season_and_christmas_is_no_trend():
    weeks = np.arange(150)
    first = TODAY - timedelta(weeks=150)
    in_year = week_of_year((first - type(first)(1970, 1, 1)).days, 150)
    feast = 1.2 * np.exp(-(((in_year - 44) / 5) ** 2))
    shelf = Shelf()
    names = tuple(f"g{n}" for n in range(12))
    for n, name in enumerate(names):
        shelf.gift(name).sold(name, series(4 + feast + 0 * weeks, noise=0.1, seed=n))
    with_season = analyze(shelf, gifts=names).gifts
    assert all("no season known" not in " ".join(gift.words) for gift in with_season)
    assert np.mean([abs(gift.growth.weekly) for gift in with_season]) < 0.03
    short = Shelf()
    for row in shelf.rows["demand"]:
        if row["week"] >= TODAY - timedelta(weeks=40):
            short.rows["demand"].append(row)
    short.rows["gifts"] = shelf.rows["gifts"]
    without = analyze(short, gifts=names).gifts
    assert np.mean([gift.growth.weekly for gift in without]) > 0.06
    assert all("no season known" in gift.words[0] for gift in without)


def test_growth_against_all_takes_the_tide_out():
    shelf = Shelf()
    for n, name in enumerate(("a", "b", "c", "d")):
        own = 0.06 if name == "a" else 0.0
        shelf.gift(name).sold(name, series(3 + (0.05 + own) * WEEKS, 0.02, n))
    gifts = analyze(shelf, gifts=("a", "b")).gifts
    assert gifts[1].growth.weekly == pytest.approx(np.expm1(0.05), abs=0.02)
    assert gifts[0].growth.against_all > 0 > gifts[1].growth.against_all


def test_the_index_of_a_season_is_around_zero():
    week = np.arange(0, 7 * 160, 7)
    season = season_of(week, 100 + 50 * np.sin(2 * np.pi * np.arange(160) / 52))
    assert abs(season.index.mean()) < 1e-12
    assert season.index.max() > 0.2
    assert season_of(week[:90], np.ones(90)).index is None
