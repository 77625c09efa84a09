"""The real lists and invoices, row by row accounted for."""

from pathlib import Path

import polars as pl
import pytest

from giftrec.catalog.importing import read_catalogue
from giftrec.catalog.snapshot import Snapshot
from giftrec.catalog.sources.told import Told
from giftrec.catalog.writing import write_snapshot


def published(files: list[Path], told: Told, out: Path) -> Snapshot:
    found = read_catalogue(files, told)
    write_snapshot(out, found.tables, found.facts)
    return Snapshot.open(out)


def rows_of(snapshot: Snapshot) -> tuple[int, int, int]:
    rows = snapshot.facts["report"]["rows"]
    return rows["read"], rows["taken"], rows["rejected"]


def test_described_toys(real_data: Path, tmp_path: Path) -> None:
    with published([real_data / "toys/toys863.csv"], Told(), tmp_path / "a.duckdb") as snapshot:
        assert rows_of(snapshot) == (863, 863, 0)
        counts = snapshot.facts["counts"]
        assert (counts["gifts"], counts["offers"]) == (863, 718)
        assert counts["reviews"] > 1300
        assert snapshot.currency == "GBP"
        train = snapshot.gift("87bbb472ef9d90dcef140a551665c929")
        assert (train.title, train.price) == ("Hornby Santa's Express Train Set", 6993)
        assert (train.age_low, train.stars, train.ratings) == (8, 4.3, 36)
        assert snapshot.reviews["stars"].is_between(1, 5).all()
        assert snapshot.reviews["on"].null_count() == 0
        assert not snapshot.reviews["text"].str.contains(" // ").any()
        known = snapshot.describe()["known"]
        assert known["ages"] > 790
        assert known["category"] == 863


def test_ten_thousand_toys_without_a_header(real_data: Path, tmp_path: Path) -> None:
    file = real_data / "toys/amazon_co-ecommerce_sample.csv"
    told = Told(preset="toys-sample")
    with published([file], told, tmp_path / "a.duckdb") as snapshot:
        assert rows_of(snapshot) == (10_000, 10_000, 0)
        assert snapshot.facts["counts"]["offers"] == 8565
        first = snapshot.offers.filter(pl.col("gift") == "eac7efa5dbd3d667f26eb3d3ab504464")
        assert first.select("price", "stock").row(0) == (342, 5)
        unknown = snapshot.offers["stock"].null_count()
        assert 0 < unknown < 2500
        assert snapshot.search("pokemon").total > 50  # Pokémon


@pytest.mark.timeout(120)
def test_a_gift_ware_shops_invoices(real_data: Path, tmp_path: Path) -> None:
    file = real_data / "online-retail/transactions.parquet"
    with published([file], Told(), tmp_path / "a.duckdb") as snapshot:
        read, taken, rejected = rows_of(snapshot)
        assert (read, taken + rejected) == (541_909, 541_909)
        assert snapshot.facts["report"]["rejected"]["repeats an earlier line"] == 5268
        assert 515_000 < taken < 525_000
        assert snapshot.as_of == "2011-12-09"
        assert 3700 < len(snapshot) < 3900
        assert not snapshot.gifts["title"].str.contains("(?i)postage|bank charges").any()
        assert snapshot.offers["stock"].null_count() == len(snapshot)
        weeks = snapshot.demand["week"].unique().sort()
        assert (str(weeks[0]), str(weeks[-1]), len(weeks)) == ("2010-12-06", "2011-11-28", 52)
        heart = snapshot.rows("demand", ["85123A"])
        assert heart.height == 52
        assert heart["sold"].sum() > 30_000
        assert snapshot.price[snapshot.index["85123A"]] == 295
