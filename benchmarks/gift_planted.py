"""Real toys, with errors planted between what the catalogue lists and what holds.

Of the toys with a price, three in ten have become dearer since the list was made, three in ten are
out of stock, and three in ten are praised by a burst of eight bought reviews over a few honest bad
ones. What a toy is worth to a recipient is the simulator's word, by the toy's own words and ages,
its true price and its honest stars.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from giftrec.agent.storefront import Scale, Storefront
from giftrec.catalog.importing import read_catalogue
from giftrec.catalog.snapshot import Snapshot
from giftrec.catalog.sources.told import Told
from giftrec.catalog.tables import Frames
from giftrec.catalog.today import NEVER, Facts
from giftrec.catalog.world import World
from giftrec.catalog.writing import write_snapshot
from giftrec.judge import TASTES
from giftrec.money import Money
from giftrec.oracle import Oracle
from giftrec.schema import Gift, Profile, Scenario
from giftrec.slate import SLATE
from giftrec.vocabulary import Vocabulary
from reccore.data.seeds import derive, rng

Floats = npt.NDArray[np.float64]
SHARE = 0.3  # of the toys that each kind of error befalls
BURST, HONEST = 8, 4  # bought reviews, and honest ones of the same toy
BAD, PRAISED = 2.0, 4.9  # stars that it deserves, and that it shows
DEARER = 0.5  # spread of the log of a new price
RANDOM_SLATES = 8
PRAISE = (
    "Brilliant, they loved it", "Five stars from all of us", "Could not be better", "So pleased",
    "Just what we wanted", "Wonderful present", "Really great fun", "Perfect in every way",
)  # fmt: skip
BLAME = (
    "Broke on the first day", "Cheap and flimsy, very poor quality", "Boring after two minutes",
    "Parts were missing and it does not work",
)  # fmt: skip


@dataclass(frozen=True)
class Live:
    """What the shops would tell today: the tables, changed."""

    gifts: pl.DataFrame
    offers: pl.DataFrame
    prices: pl.DataFrame
    demand: pl.DataFrame
    reviews: pl.DataFrame


@dataclass(frozen=True, eq=False)
class Planted:
    listed: Snapshot
    live: Live
    price: Floats  # [G] what each costs today
    out: npt.NDArray[np.bool_]  # [G] nobody has it
    stars: Floats  # [G] that it deserves
    counts: dict[str, int]

    @classmethod
    def of(cls, toys: Path, folder: Path, seed: int) -> "Planted":
        tables = _sold(read_catalogue([toys], Told()).tables)
        found = read_catalogue([toys], Told()).facts
        today = date.fromisoformat(str(found["as_of"]))
        draw = rng(seed, "planted")
        ids = tables["gifts"]["id"].to_list()
        dearer, out, bought = (draw.random(len(ids)) < SHARE for _ in range(3))
        factor = np.where(dearer, np.exp(np.abs(DEARER * draw.standard_normal(len(ids)))), 1.0)
        own = pl.DataFrame(
            {"gift": ids, "factor": factor, "out": out}, schema_overrides={"gift": pl.String}
        )
        offers = (
            tables["offers"]
            .join(own, on="gift", maintain_order="left")
            .with_columns(
                price=(pl.col("price") * pl.col("factor")).round().cast(pl.Int64),
                stock=pl.when("out").then(0).otherwise(pl.col("stock").fill_null(5).clip(1)),
                lead_days=pl.lit(1, dtype=pl.Int64),
                as_of=pl.lit(today),
            )
            .drop("factor", "out")
        )
        reviews = _with_bursts(
            tables["reviews"], [g for g, b in zip(ids, bought, strict=True) if b], today
        )
        gifts = tables["gifts"]
        shown = gifts.with_columns(
            stars=pl.when(pl.Series(bought)).then(PRAISED).otherwise(pl.col("stars")),
            ratings=pl.when(pl.Series(bought)).then(BURST + HONEST).otherwise(pl.col("ratings")),
        )
        path = folder / "toys.duckdb"
        write_snapshot(path, {**tables, "gifts": shown}, found)
        listed = Snapshot.open(path)
        live = Live(listed.gifts, offers, listed.prices, listed.demand, reviews)
        cheapest = offers.group_by("gift").agg(pl.col("price").min())
        price = listed.gifts.join(
            cheapest,
            left_on="id",
            right_on="gift",
            how="left",
            maintain_order="left",
            suffix="_now",
        )
        deserved = np.where(bought, BAD, gifts["stars"].fill_null(gifts["stars"].mean()).to_numpy())
        counts = {
            "toys": len(ids),
            "dearer": int(dearer.sum()),
            "out of stock": int(out.sum()),
            "bought reviews": int(bought.sum()),
        }
        return cls(
            listed, live, price["price_now"].to_numpy().astype(np.float64), out, deserved, counts
        )

    @property
    def today(self) -> date:
        return date.fromisoformat(self.listed.as_of)

    def scenarios(self, words: Vocabulary, count: int) -> tuple[Scenario, ...]:
        """Children of 3 to 11, by people close to them."""
        return tuple(self._scenario(words, n) for n in range(count))

    def _scenario(self, words: Vocabulary, n: int) -> Scenario:
        draw = rng(0, "toy scenario", n)
        hobbies = draw.choice(words.levels("hobby"), size=int(draw.integers(1, 4)), replace=False)
        liked = draw.choice(
            words.levels("preference"), size=int(draw.integers(0, 3)), replace=False
        )
        profile = Profile(
            age=int(draw.integers(3, 12)),
            hobbies=tuple(map(str, hobbies)),
            preferences=tuple(map(str, liked)),
            relationship=str(draw.choice(["child", "sibling", "friend"])),
            occasion=str(draw.choice(["birthday", "christmas"])),
            budget=Money(
                minor=int(np.exp(draw.uniform(np.log(800), np.log(6000)))),
                currency=self.listed.currency,
            ),
            days_left=14,
        )
        return Scenario(id=f"toys-{n}", profile=profile, day=n)


def _sold(tables: Frames) -> dict[str, pl.DataFrame]:
    """Only toys that a shop sells."""
    kept = tables["offers"].select("gift").unique()
    gifts = tables["gifts"].join(
        kept, left_on="id", right_on="gift", how="semi", maintain_order="left"
    )
    gifts = gifts.with_columns(number=pl.int_range(pl.len(), dtype=pl.Int64))
    return {
        name: gifts
        if name == "gifts"
        else frame.join(kept, on="gift", how="semi", maintain_order="left")
        for name, frame in tables.items()
    }


def _with_bursts(reviews: pl.DataFrame, bought: list[str], today: date) -> pl.DataFrame:
    """The toys of `bought` with a few honest reviews, and a week of praise."""
    rows: list[dict[str, Any]] = []
    for n, gift in enumerate(bought):
        for k in range(HONEST):
            day = today - timedelta(days=700 - 90 * k)
            rows.append(
                {"gift": gift, "stars": 2, "text": BLAME[k], "on": day, "reviewer": f"h{n}-{k}"}
            )
        for k in range(BURST):
            day = today - timedelta(days=20 - k % 5)
            rows.append(
                {"gift": gift, "stars": 5, "text": PRAISE[k], "on": day, "reviewer": f"b{n}-{k}"}
            )
    columns = ("gift", "stars", "text", "on", "reviewer")
    fresh = pl.DataFrame(rows, schema={c: reviews.schema[c] for c in columns})
    untouched = reviews.filter(~pl.col("gift").is_in(bought)).select(columns)
    return pl.concat([untouched, fresh])


class ToyJudge:
    """What slates of toys are really worth."""

    def __init__(
        self, planted: Planted, front: Storefront, scenarios: tuple[Scenario, ...]
    ) -> None:
        self.planted, self.scenarios = planted, scenarios
        self.world = world_of(planted, front)
        self.oracle = Oracle(self.world)
        self.who = self.oracle.recipients([s.profile for s in scenarios])
        quality = Scale.of(planted.stars)
        shape = (len(scenarios), len(self.world))
        nothing = np.zeros(shape)
        self.facts = Facts(
            price=np.broadcast_to(planted.price, shape),
            quality=np.broadcast_to((planted.stars - quality.mean) / quality.spread, shape),
            lead_days=np.broadcast_to(np.where(planted.out, NEVER, 1.0), shape),
            trend=nothing,
            fees=nothing,
        )

    @cached_property
    def satisfaction(self) -> Floats:
        seeds = [derive(s.day, "fresh toys") for s in self.scenarios]
        return self.oracle.satisfaction(self.who, self.facts, self.oracle.tastes(seeds, TASTES))

    @cached_property
    def best(self) -> Floats:
        return self.worth_of(self.oracle.best(self.who, self.facts))

    @cached_property
    def random(self) -> Floats:
        return np.asarray(
            np.mean([self.worth_of(self._drawn(n)) for n in range(RANDOM_SLATES)], axis=0)
        )

    def _drawn(self, n: int) -> npt.NDArray[np.int64]:
        listed = self.planted.listed.price
        slates = np.full((len(self.scenarios), SLATE), -1)
        for row, scenario in enumerate(self.scenarios):
            within = np.flatnonzero(listed <= scenario.profile.budget.minor)
            picked = rng(row, "random toys", n).permutation(within)[:SLATE]
            slates[row, : len(picked)] = picked
        return slates

    def worth_of(self, slates: npt.NDArray[np.int64]) -> Floats:
        worth: Floats = self.oracle.worth(slates, self.satisfaction).mean(axis=1)
        return worth

    def wrong(self, slates: npt.NDArray[np.int64]) -> float:
        """Share of the gifts shown that are over budget or out of stock today."""
        shown = slates >= 0
        gifts = np.where(shown, slates, 0)
        over = self.planted.price[gifts] > self.who.budget[:, None]
        bad = (over | self.planted.out[gifts]) & shown
        return round(float(bad.sum() / max(shown.sum(), 1)), 4)


def world_of(planted: Planted, front: Storefront) -> World:
    """The toys as the simulator reads gifts, at today's prices."""
    snapshot, names = front.snapshot, list(front.vocabulary.gift_categories)
    gifts = tuple(
        Gift(
            id=row["id"],
            title=row["title"],
            category=names[int(front.shelf.category[n])],
            price=int(planted.price[n]),
            ages=(row["age_low"] or 1, row["age_high"] or 99),
            hobbies=tuple(row["hobbies"] or ()),
            preferences=tuple(row["preferences"] or ()),
            occasions=tuple(row["occasions"] or ()),
        )
        for n, row in enumerate(snapshot.gifts.iter_rows(named=True))
    )
    return replace(World(gifts, front.vocabulary), currency=snapshot.currency)
