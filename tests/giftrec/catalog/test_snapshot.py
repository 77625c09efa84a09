"""A snapshot gives back what was written, by gift, to threads and to processes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from giftrec.catalog import snapshot as module
from giftrec.catalog.snapshot import Snapshot
from giftrec.catalog.sources.generated import generated
from giftrec.catalog.tables import SCHEMAS
from giftrec.catalog.writing import write_snapshot
from reccore.errors import UserError
from tests.giftrec.catalog.small import FACTS, small_tables


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.duckdb"
    write_snapshot(path, small_tables(), FACTS)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 generated gifts with all tables."""
    path = tmp_path_factory.mktemp("made") / "made.duckdb"
    write_snapshot(path, *generated(300))
    return path


def test_what_was_written_is_read_back(small: Path) -> None:
    tables = small_tables()
    with Snapshot.open(small) as snapshot:
        for name, schema in SCHEMAS.items():
            assert dict(snapshot.table(name).schema) == dict(schema), name
        shared = tables["gifts"].columns
        assert_frame_equal(snapshot.gifts.select(shared), tables["gifts"])
        assert snapshot.gifts["number"].to_list() == [0, 1, 2, 3]
        for name in ("offers", "prices", "demand", "reviews"):
            shared = tables[name].columns
            order = ["gift", *[c for c in shared if c != "gift"]]
            found = snapshot.table(name).select(shared).sort(order)
            assert_frame_equal(found, tables[name].sort(order))


def test_rows_are_in_the_order_that_is_promised(small: Path) -> None:
    with Snapshot.open(small) as snapshot:
        offers = snapshot.offers.filter(pl.col("gift") == "mug")
        assert offers["price"].to_list() == [1250, 1400]
        assert snapshot.prices["on"].is_sorted() or snapshot.prices["number"].is_sorted()
        mug = snapshot.prices.filter(pl.col("gift") == "mug")
        assert mug["price"].to_list() == [1300, 1250]


def test_the_columns_say_what_is_unknown(small: Path) -> None:
    with Snapshot.open(small) as snapshot:
        assert snapshot.price.tolist() == [3999, 1250, 1800, 0]
        assert snapshot.ratings.tolist() == [10, 25, 0, 1]
        np.testing.assert_array_equal(snapshot.stars, [4.5, 4.0, np.nan, 5.0])
        np.testing.assert_array_equal(snapshot.stock, [4, 2, np.nan, np.nan])
        assert snapshot.ages.tolist() == [[12, 120], [0, 120], [3, 8], [0, 120]]
        assert snapshot.numbers(["atlas", "kiln"]).tolist() == [3, 0]


def test_one_gift(small: Path) -> None:
    with Snapshot.open(small) as snapshot:
        gift = snapshot.gift("mug")
        assert (gift.title, gift.hobbies, gift.age_low) == ("Café mug", ("coffee", "crafts"), None)
        assert snapshot.gift("atlas").price is None
        with pytest.raises(UserError, match=r"no gift 'mugg'.*nearest: mug"):
            snapshot.gift("mugg")
        with pytest.raises(UserError, match="no gift 'nix'"):
            snapshot.rows("offers", ["mug", "nix"])


@pytest.mark.parametrize("table", ["offers", "prices", "demand", "reviews"])
def test_some_gifts_rows_are_the_same_however_they_are_read(
    made: Path, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_ROWS", 0)
    with Snapshot.open(made) as snapshot:
        some = [snapshot.ids[n] for n in (250, 3, 3, 77)]
        queried = snapshot.rows(table, some)
        assert table not in snapshot._frames
        kept = snapshot.warm(table).rows(table, some)
        by_hand = snapshot.table(table).filter(pl.col("gift").is_in(some))
        assert_frame_equal(queried, kept)
        assert_frame_equal(kept, by_hand)
        assert kept.height
        assert snapshot.rows(table, []).height == 0


def test_threads_share_it(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_ROWS", 0)
    with Snapshot.open(made) as snapshot, ThreadPoolExecutor(8) as pool:
        wanted = [snapshot.rows("prices", [name]) for name in snapshot.ids[:40]]
        found = list(pool.map(lambda name: snapshot.rows("prices", [name]), snapshot.ids[:40]))
        for one, other in zip(wanted, found, strict=True):
            assert_frame_equal(one, other)


def test_processes_read_it_at_once(made: Path) -> None:
    code = (
        "import sys; from giftrec.catalog.snapshot import Snapshot\n"
        "with Snapshot.open(sys.argv[1]) as s: print(len(s), s.offers.height, s.fingerprint)"
    )
    with Snapshot.open(made) as snapshot:
        running = [
            subprocess.Popen([sys.executable, "-c", code, str(made)], stdout=subprocess.PIPE)
            for _ in range(3)
        ]
        wanted = f"{len(snapshot)} {snapshot.offers.height} {snapshot.fingerprint}"
        assert [one.communicate(timeout=60)[0].decode().strip() for one in running] == [wanted] * 3


def test_the_same_file_can_be_opened_with_other_threads(small: Path) -> None:
    with Snapshot.open(small, threads=1) as one, Snapshot.open(small, threads=2) as two:
        assert one.gifts.equals(two.gifts)


def test_a_snapshot_cannot_be_changed(small: Path) -> None:
    with Snapshot.open(small) as snapshot, pytest.raises(Exception, match="read-only"):
        snapshot._connection.execute("DELETE FROM gifts")
    assert small.stat().st_mode & 0o222 == 0


def test_it_reads_no_other_file(small: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with Snapshot.open(small) as snapshot, pytest.raises(Exception, match=r"(?i)disabled"):
        snapshot._connection.execute(f"SELECT * FROM read_csv('{secret}')")


def test_what_is_no_catalogue_is_refused(tmp_path: Path, small: Path) -> None:
    import duckdb

    with pytest.raises(UserError, match="no such catalogue"):
        Snapshot.open(tmp_path / "absent.duckdb")
    text = tmp_path / "text.duckdb"
    text.write_text("gifts " * 4000)
    with pytest.raises(UserError, match="is not a catalogue"):
        Snapshot.open(text)
    other = tmp_path / "other.duckdb"
    with duckdb.connect(str(other)) as connection:
        connection.execute("CREATE TABLE facts (key TEXT, value TEXT)")
        connection.execute("INSERT INTO facts VALUES ('format', '\"giftrec catalogue\"')")
        connection.execute("INSERT INTO facts VALUES ('version', '99')")
    with pytest.raises(UserError, match="version 1"):
        Snapshot.open(other)
    half = tmp_path / "half.duckdb"
    half.write_bytes(small.read_bytes()[: small.stat().st_size // 2])
    with pytest.raises(UserError, match=r"is not a catalogue|cannot be read"):
        Snapshot.open(half)


def test_describe_counts_what_is_known(small: Path) -> None:
    with Snapshot.open(small) as snapshot:
        found = snapshot.describe()
    assert found["counts"] == {"gifts": 4, "offers": 4, "prices": 3, "demand": 2, "reviews": 3}
    assert found["price"]["lowest"] == 1250
    assert found["price"]["highest"] == 3999
    assert found["categories"]["(unknown)"] == 1
    assert found["known"]["price"] == 3
    assert found["known"]["stock"] == 2
    assert found["known"]["ages"] == 2


def test_generated_gifts_keep_their_worlds_listing(made: Path) -> None:
    from giftrec.catalog.world import default_world

    listing = default_world(300).listing
    with Snapshot.open(made) as snapshot:
        best = snapshot.offers.unique("number", keep="first", maintain_order=True)
        np.testing.assert_array_equal(best["price"].to_numpy(), listing.price)
        np.testing.assert_array_equal(snapshot.stock, listing.stock)
        np.testing.assert_array_equal(snapshot.ratings, listing.reviews)
        assert snapshot.demand["week"].dt.weekday().unique().to_list() == [1]
