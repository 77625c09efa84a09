"""A day of the simulator as rows that shops would show: what the real tools compute on.

The simulator knows of each gift what holds on a day: the price, how the current batch is judged,
the soonest delivery, how much in fashion it is, the fees. Here that becomes offers, reviews and
weekly demand. Prices, fees, stock and delivery are then known exactly; quality and fashion only as
well as a dozen reviews and half a year of sales tell them.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from giftrec.agent.storefront import Scale
from giftrec.catalog.sources.generated import tables_of
from giftrec.catalog.today import NEVER, facts_on
from giftrec.catalog.world import WEEKS, World, review_material
from giftrec.tools.provider import SnapshotProvider
from reccore.data.seeds import rng

REVIEWS = 12
STAR_NOISE, SALES_NOISE = 0.8, 0.05


@dataclass(frozen=True)
class Frames:
    gifts: pl.DataFrame
    offers: pl.DataFrame
    prices: pl.DataFrame
    demand: pl.DataFrame
    reviews: pl.DataFrame


class Days:
    """The days of one world."""

    def __init__(self, world: World, rating: Scale, growth: Scale) -> None:
        """`rating` and `growth`: what a standard score means in the snapshot that lists it."""
        self.world, self.rating, self.growth = world, rating, growth
        self.tables, _ = tables_of(world)
        best = (
            self.tables["offers"]
            .group_by("number")
            .agg(
                pl.col("price").min().alias("listed"),
                pl.col("lead_days").min().alias("soonest"),
            )
        )
        self._offers = self.tables["offers"].join(best, on="number").sort("number", "price", "shop")
        self._ids = [gift.id for gift in world.gifts]

    def provider(self, day: int) -> SnapshotProvider:
        """What the tools would find on that day."""
        return SnapshotProvider(self.frames(day), name=f"day {day}").prepare()

    def frames(self, day: int) -> Frames:
        facts = facts_on(self.world, [day])
        draw = rng(self.world.seed, "rows of a day", day)
        return Frames(
            self.tables["gifts"],
            self._offered(facts.price[0], facts.fees[0], facts.lead_days[0]),
            self.tables["prices"],
            self._sold(facts.trend[0], draw),
            self._judged(facts.quality[0], draw),
        )

    def _offered(self, price: np.ndarray, fees: np.ndarray, lead: np.ndarray) -> pl.DataFrame:
        """The listed offers, moved to what holds: the cheapest and the soonest are exact."""
        number = self._offers["number"].to_numpy()
        out = lead[number] >= NEVER
        moved = price[number] * (self._offers["price"] / self._offers["listed"]).to_numpy()
        later = (self._offers["lead_days"] - self._offers["soonest"]).to_numpy()
        stock = np.maximum(self._offers["stock"].to_numpy(), 1)
        return self._offers.select("gift", "shop", "currency", "number").with_columns(
            price=pl.Series(np.maximum(np.round(moved), 1).astype(np.int64)),
            fees=pl.Series(fees[number].astype(np.int64)),
            stock=pl.Series(np.where(out, 0, stock).astype(np.int64)),
            lead_days=pl.Series(np.where(out, 0, lead[number] + later).astype(np.int64)),
            as_of=pl.lit(self.world.as_of),
        )

    def _judged(self, quality: np.ndarray, draw: np.random.Generator) -> pl.DataFrame:
        felt = self.rating.mean + self.rating.spread * quality[:, None]
        felt = felt + STAR_NOISE * draw.standard_normal((len(quality), REVIEWS))
        stars = np.clip(np.round(felt), 1, 5).astype(np.int64)
        material = review_material()
        texts, days = [], []
        for row in stars.tolist():
            for n, s in enumerate(row):
                part = material[f"stars_{s}"]
                texts.append(
                    " ".join(str(draw.choice(part[name])) for name in ("openings", "details"))
                )
                days.append(self.world.as_of - timedelta(days=30 * n + int(draw.integers(25))))
        return pl.DataFrame(
            {
                "gift": np.repeat(np.array(self._ids, dtype=object), REVIEWS).tolist(),
                "stars": stars.ravel(),
                "text": texts,
                "on": days,
                "reviewer": [f"r{n}" for n in range(stars.size)],
            }
        )

    def _sold(self, trend: np.ndarray, draw: np.random.Generator) -> pl.DataFrame:
        slope = self.growth.mean + self.growth.spread * trend
        week = np.arange(WEEKS) - WEEKS + 1
        noise = SALES_NOISE * draw.standard_normal((len(trend), WEEKS))
        sold = np.round(np.exp(3.5 + slope[:, None] * week[None] + noise))
        monday = self.world.as_of - timedelta(days=self.world.as_of.weekday() + 7)
        weeks = [monday - timedelta(weeks=WEEKS - 1 - w) for w in range(WEEKS)]
        return pl.DataFrame(
            {
                "gift": np.repeat(np.array(self._ids, dtype=object), WEEKS).tolist(),
                "week": weeks * len(self._ids),
                "sold": sold.ravel(),
            }
        )
