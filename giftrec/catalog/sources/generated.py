"""The generated world as a catalogue: its offers, prices, demand and reviews."""

from typing import Any

import polars as pl

from giftrec.catalog.world import World, default_world

SOURCE = "generated"


def generated(count: int | None, seed: int = 7) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
    """The tables and facts of `count` generated gifts (None: the shipped ones)."""
    return tables_of(default_world(count, seed))


def tables_of(world: World) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
    """A world's tables and facts. A week is named by its Monday, as everywhere in catalogues."""
    number, stars = world.stars
    rated = (
        pl.DataFrame({"number": number, "stars": stars})
        .group_by("number")
        .agg(pl.col("stars").mean(), pl.len().alias("ratings"))
    )
    gifts = (
        pl.DataFrame(
            {
                "id": [gift.id for gift in world.gifts],
                "title": [gift.title for gift in world.gifts],
                "description": [gift.description for gift in world.gifts],
                "category": [gift.category for gift in world.gifts],
                "price": [gift.price for gift in world.gifts],
                "age_low": [gift.ages[0] for gift in world.gifts],
                "age_high": [gift.ages[1] for gift in world.gifts],
                "hobbies": [list(gift.hobbies) for gift in world.gifts],
                "preferences": [list(gift.preferences) for gift in world.gifts],
                "occasions": [list(gift.occasions) for gift in world.gifts],
                "intimacy": [gift.intimacy for gift in world.gifts],
                "quality": [gift.quality for gift in world.gifts],
                "trendiness": [gift.trendiness for gift in world.gifts],
            },
            schema_overrides=dict.fromkeys(
                ("hobbies", "preferences", "occasions"), pl.List(pl.String)
            ),
        )
        .with_columns(
            number=pl.int_range(pl.len(), dtype=pl.Int64),
            currency=pl.lit(world.currency),
            source=pl.lit(SOURCE),
        )
        .join(rated, on="number", how="left", maintain_order="left")
    )
    tables = {
        "gifts": gifts,
        "offers": world.offers.with_columns(currency=pl.lit(world.currency)),
        "prices": world.prices.select("gift", pl.col("week").alias("on"), "price"),
        "demand": world.demand.with_columns(pl.col("week").dt.truncate("1w")),
        "reviews": world.reviews,
    }
    facts = {
        "currency": world.currency,
        "as_of": world.as_of.isoformat(),
        "sources": [f"{SOURCE}: {len(world)} gifts, seed {world.seed}"],
    }
    return tables, facts
