"""Trends of weekly demand: how often one is claimed, and whether it foretells the next four weeks.

    python -m benchmarks.gift_trends

Real: the invoices of a gift-ware shop (`online-retail`), pieces a week by product, cancellations
and doubles removed; five cuts, at each the tool sees the weeks before and the next four are its
test. The tool's settings were chosen on the products of odd number (in the order of their codes);
the figures are those of the even ones. Generated: level demand, a trend that began 12 weeks ago and
goes on, a random walk, and a season of three years, 400 products each.

sMAPE is 0 to 2 (a week with nothing sold and nothing forecast counts 0); MASE is in units of the
mean step from week to week before the cut. Intervals: products resampled.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.record import append, data_root, rows
from giftrec.tools.forecast import AHEAD
from giftrec.tools.provider import SnapshotProvider
from giftrec.tools.trends import GiftTrend, TrendRequest, trend_analyzer

NAME = "gift_trends"
CUTS = 5
OLD_ENOUGH = 26  # weeks on record before a cut
SOLD_ENOUGH = 2.0  # pieces a week before a cut
PRODUCTS = 400  # of each generated kind
RESAMPLES = 2000
METHODS = ("trend", "seasonal-naive", "naive", "level")
MONDAY = date(2026, 10, 26)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shop:
    """Weekly sales of products [P, W], the first week's Monday, and each one's first week [P]."""

    sold: Floats
    monday: date
    first: npt.NDArray[np.int64]

    def until(self, week: int, which: npt.NDArray[np.int64]) -> "Frames":
        return Frames(self, week, which)


class Frames:
    """What a catalogue of these products would hold on the Monday of a week."""

    def __init__(self, shop: Shop, week: int, which: npt.NDArray[np.int64]) -> None:
        product, place = np.nonzero(shop.sold[which, :week])
        self.names = [f"p{p}" for p in which.tolist()]
        mondays = [shop.monday + timedelta(weeks=w) for w in range(week)]
        self.demand = pl.DataFrame(
            {
                "gift": [self.names[p] for p in product],
                "week": [mondays[w] for w in place],
                "sold": shop.sold[which][product, place],
            }
        )
        self.gifts = pl.DataFrame({"id": self.names, "title": self.names}).with_columns(
            source=pl.lit("shop")
        )
        none = pl.DataFrame(schema={"gift": pl.String})
        self.prices = none.with_columns(on=pl.lit(None, pl.Date), price=pl.lit(None, pl.Int64))
        self.offers = none.with_columns(
            pl.lit(None, pl.Int64).alias("price"),
            shop=pl.lit(None, pl.String),
            currency=pl.lit(None, pl.String),
            as_of=pl.lit(None, pl.Date),
        )
        self.reviews = none


def real_shop() -> Shop:
    lines = pl.read_parquet(data_root() / "online-retail" / "transactions.parquet")
    lines = (
        lines.unique(maintain_order=True)
        .filter(~pl.col("InvoiceNo").str.starts_with("C"))
        .with_columns(
            pieces=pl.col("Quantity").cast(pl.Int64),
            price=pl.col("UnitPrice").cast(pl.Float64),
            week=pl.col("InvoiceDate").str.to_datetime().dt.date().dt.truncate("1w"),
        )
        .filter((pl.col("pieces") > 0) & (pl.col("price") > 0))
        .filter(pl.col("StockCode").str.contains(r"^\d{5}"))
    )
    weekly = lines.group_by("StockCode", "week").agg(pl.col("pieces").sum())
    codes = {code: p for p, code in enumerate(sorted(weekly["StockCode"].unique()))}
    monday = weekly["week"].min()
    assert isinstance(monday, date)
    weeks = (weekly["week"].max() - monday).days // 7  # type: ignore[operator]
    sold = np.zeros((len(codes), weeks + 1))
    for code, week, pieces in weekly.iter_rows():
        sold[codes[code], (week - monday).days // 7] = pieces
    sold = sold[:, :weeks]  # the last week is cut short
    ever = sold > 0
    return Shop(sold, monday, np.where(ever.any(1), ever.argmax(1), weeks))


def generated_shop(kind: str) -> Shop:
    draw = np.random.default_rng(len(kind))
    weeks = 160 if kind == "season" else 60
    level = draw.uniform(2, 4.5, (PRODUCTS, 1))
    back = np.arange(weeks) - (weeks - AHEAD)
    slope = draw.choice([-1, 1], (PRODUCTS, 1)) * draw.uniform(0.04, 0.12, (PRODUCTS, 1))
    shape = {
        "level": np.zeros((1, 1)),
        "trend": slope * np.maximum(back, -12),
        "walk": np.cumsum(draw.normal(0, 0.1, (PRODUCTS, weeks)), axis=1),
        "season": np.exp(-(((np.arange(weeks) % 52 - 45) / 5) ** 2))[None],
    }[kind]
    mean = np.exp(level + shape + draw.normal(0, 0.15, (PRODUCTS, weeks)))
    sold = draw.poisson(mean).astype(np.float64)
    monday = MONDAY - timedelta(weeks=weeks - AHEAD - 1)
    return Shop(sold, monday, np.zeros(PRODUCTS, dtype=np.int64))


def cuts(kind: str) -> Iterator[tuple[Shop, int, npt.NDArray[np.int64]]]:
    """A shop, the week of a cut, and the products to be judged there."""
    if kind != "real":
        shop = generated_shop(kind)
        yield shop, shop.sold.shape[1] - AHEAD, np.arange(PRODUCTS)
        return
    shop = real_shop()
    even = np.arange(len(shop.sold)) % 2 == 0
    for back in range(1, CUTS + 1):
        week = shop.sold.shape[1] - AHEAD * back
        enough = shop.sold[:, :week].mean(axis=1) >= SOLD_ENOUGH
        yield shop, week, np.flatnonzero(even & enough & (shop.first <= week - OLD_ENOUGH))


def forecasts(gift: GiftTrend, past: Floats) -> dict[str, Floats]:
    """Four forecasts of the next four weeks; a trend that is not claimed forecasts the level."""
    level = np.array(gift.usual or (float(np.median(past[-8:])),) * AHEAD)
    year = len(past) - 52
    seasonal = past[year : year + AHEAD] if year >= 0 and past[:year].any() else past[-AHEAD:]
    trend = level if gift.forecast is None else np.array(gift.forecast.sold)
    return {
        "trend": trend,
        "seasonal-naive": seasonal,
        "naive": np.full(AHEAD, past[-1]),
        "level": level,
    }


def measure(kind: str) -> None:
    verdicts: Counter[str] = Counter()
    smape: dict[str, list[list[float]]] = defaultdict(list)
    mase: dict[str, list[list[float]]] = defaultdict(list)
    claimed: list[bool] = []
    names: list[int] = []
    covered: list[bool] = []
    for shop, week, which in cuts(kind):
        frames = shop.until(week, which)
        today = shop.monday + timedelta(weeks=week)
        provider = SnapshotProvider(frames)
        found = trend_analyzer(TrendRequest(gifts=("p0",), on=today), provider)  # warm
        gifts: list[GiftTrend] = []
        for start in range(0, len(which), 1000):
            some = tuple(frames.names[start : start + 1000])
            found = trend_analyzer(TrendRequest(gifts=some, on=today), provider)
            gifts.extend(found.gifts)
        for product, gift in zip(which.tolist(), gifts, strict=True):
            past, true = shop.sold[product, :week], shop.sold[product, week : week + AHEAD]
            verdicts[gift.trend] += 1
            claimed.append(gift.forecast is not None)
            names.append(product)
            scale = float(np.abs(np.diff(past[shop.first[product] :])).mean()) or 1.0
            for method, said in forecasts(gift, past).items():
                both = said + true
                off = np.abs(said - true)
                relative = np.divide(2 * off, both, out=np.zeros(AHEAD), where=both > 0)
                smape[method].append([float(relative.mean())])
                mase[method].append([float(off.mean()) / scale])
            if gift.forecast is not None:
                low, high = np.array(gift.forecast.low), np.array(gift.forecast.high)
                covered.extend(((low <= true) & (true <= high)).tolist())
    is_claimed = np.array(claimed)
    append(
        NAME,
        kind,
        verdicts=dict(verdicts),
        share_without=1 - float(is_claimed.mean()),
        coverage80=float(np.mean(covered)) if covered else None,
        claimed=_summary(smape, mase, is_claimed, names) if is_claimed.any() else None,
        all=_summary(smape, mase, np.ones_like(is_claimed), names),
    )


def _summary(
    smape: dict[str, list[list[float]]],
    mase: dict[str, list[list[float]]],
    mask: npt.NDArray[np.bool_],
    names: list[int],
) -> dict[str, Any]:
    """Mean errors, and each rival's error less the trend's with a 95% interval."""
    of = {
        "smape": {m: np.array(v).ravel()[mask] for m, v in smape.items()},
        "mase": {m: np.array(v).ravel()[mask] for m, v in mase.items()},
    }
    _, product = np.unique(np.array(names)[mask], return_inverse=True)
    count = int(product.max()) + 1
    draw = np.random.default_rng(0)
    picks = draw.multinomial(count, np.full(count, 1 / count), RESAMPLES)[:, product]  # [R, N]
    out: dict[str, Any] = {"forecasts": int(mask.sum()), "products": count}
    for metric, values in of.items():
        out[metric] = {m: float(v.mean()) for m, v in values.items()}
        out[f"{metric}_gain"] = {}
        for rival in METHODS[1:]:
            gain = values[rival] - values["trend"]
            means = (picks @ gain) / picks.sum(axis=1)
            out[f"{metric}_gain"][rival] = [
                float(gain.mean()),
                *np.quantile(means, [0.025, 0.975]).tolist(),
            ]
    return out


def markdown() -> str:
    newest = {row["key"]: row for row in rows(NAME)}
    head = "| demand | products x cuts | no trend | where claimed: sMAPE / MASE of "
    head += " | ".join(METHODS) + " | sMAPE gain on seasonal-naive | in the 80% interval |"
    lines = [head, "|---" * (len(METHODS) + 5) + "|"]
    for kind, row in newest.items():
        some, total = row["claimed"], row["all"]
        cells = ["-"] * len(METHODS)
        gain = inside = "-"
        if some:
            cells = [f"{some['smape'][m]:.3f} / {some['mase'][m]:.2f}" for m in METHODS]
            mean, low, high = some["smape_gain"]["seasonal-naive"]
            gain = f"{mean:+.3f} ({low:+.3f} .. {high:+.3f})"
            inside = f"{row['coverage80']:.0%}"
        lines.append(
            f"| {kind} | {total['forecasts']:,} | {row['share_without']:.1%} | "
            f"{' | '.join(cells)} | {gain} | {inside} |"
        )
    lines += ["", "All products, the usual where no trend is claimed (sMAPE / MASE):", ""]
    for kind, row in newest.items():
        total = row["all"]
        cells = [f"{m} {total['smape'][m]:.3f} / {total['mase'][m]:.2f}" for m in METHODS]
        gains = [_gain(total, metric) for metric in ("smape", "mase")]
        lines.append(f"- {kind}: {', '.join(cells)}; gain on seasonal-naive {' / '.join(gains)}")
    lines += ["", "Gain in MASE where claimed:", ""]
    for kind, row in newest.items():
        if row["claimed"]:
            told = [f"{m} {_gain(row['claimed'], 'mase', m)}" for m in METHODS[1:]]
            lines.append(f"- {kind} ({row['claimed']['forecasts']} forecasts): {', '.join(told)}")
    return "\n".join(lines)


def _gain(row: dict[str, Any], metric: str, rival: str = "seasonal-naive") -> str:
    mean, low, high = row[f"{metric}_gain"][rival]
    return f"{mean:+.3f} ({low:+.3f} .. {high:+.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--table", action="store_true", help="print the table, measure nothing")
    options = parser.parse_args()
    if not options.table:
        for kind in ("real", "level", "trend", "walk", "season"):
            measure(kind)
    print(markdown())


if __name__ == "__main__":
    main()
