"""A catalogue that no tool could trust is not written, and a failed one leaves nothing."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from giftrec.catalog import writing
from giftrec.catalog.snapshot import Snapshot
from giftrec.catalog.writing import fingerprint, numbered, write_snapshot
from reccore.errors import UserError
from tests.giftrec.catalog.small import AS_OF, FACTS, small_tables


def changed(table: str, **columns: Any) -> dict[str, pl.DataFrame]:
    frame = small_tables()[table]
    return small_tables(
        **{table: frame.with_columns(**{k: pl.Series(v) for k, v in columns.items()})}
    )


OFFERS = [date(2026, 11, 20)] * 3
WRONG = {
    "an id that is there twice": changed("gifts", id=["mug", "mug", "train", "atlas"]),
    "an empty id": changed("gifts", id=["", "mug", "train", "atlas"]),
    "has no id": changed("gifts", id=[None, "mug", "train", "kiln"]),
    "an empty title": changed("gifts", title=[" ", "b", "c", "d"]),
    "ages that end too early": changed("gifts", age_low=[12, None, 9, None]),
    "stars beyond 1 to 5": changed("gifts", stars=[5.1, 4.0, None, 5.0]),
    "is not in EUR": changed("offers", currency=["EUR", "EUR", "GBP", "EUR"]),
    "a price that is not above 0": changed("offers", price=[1250, 0, 1800, 1400]),
    "has no price": changed("offers", price=[1250, None, 1800, 1400]),
    "fees below 0": changed("offers", fees=[290, 0, -1, 0]),
    "stock below 0": changed("offers", stock=[0, -4, None, 2]),
    "about a gift that is not there": changed("offers", gift=["mug", "kiln", "nix", "mug"]),
    "a as_of outside": changed("offers", as_of=[*OFFERS, date(2026, 11, 21)]),
    "a on outside": changed("reviews", on=[date(1890, 1, 1), None, None]),
    "a week that is no Monday": changed("demand", week=[date(2026, 11, 9), date(2026, 11, 3)]),
    "a week twice": changed("demand", week=[date(2026, 11, 9)] * 2),
    "a shop twice": changed("offers", shop=["North", "North", "South", "North"]),
    "a day twice": changed("prices", on=[date(2026, 11, 9)] * 3),
    "sales below 0": changed("demand", sold=[-1.0, 2.0]),
    "sales that are no number": changed("demand", sold=[float("inf"), 2.0]),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_tables_are_refused(tmp_path: Path, what: str) -> None:
    with pytest.raises(UserError, match=what):
        write_snapshot(tmp_path / "wrong.duckdb", WRONG[what], FACTS)
    assert list(tmp_path.iterdir()) == []


def test_facts_must_name_currency_and_day(tmp_path: Path) -> None:
    for fact in ("currency", "as_of"):
        with pytest.raises(UserError, match=f"{fact} is not stated"):
            write_snapshot(tmp_path / "a.duckdb", small_tables(), {**FACTS, fact: ""})


def test_no_gifts_are_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no gifts"):
        write_snapshot(tmp_path / "a.duckdb", {}, FACTS)
    with pytest.raises(UserError, match="no such table: toys"):
        write_snapshot(tmp_path / "a.duckdb", {"toys": pl.DataFrame()}, FACTS)


def test_gifts_alone_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "gifts.duckdb"
    gifts = small_tables()["gifts"]
    facts = write_snapshot(path, {"gifts": gifts}, FACTS)
    assert facts["counts"]["offers"] == 0
    with Snapshot.open(path) as snapshot:
        assert snapshot.rows("offers", ["mug"]).height == 0
        assert snapshot.stock.tolist() != [0, 0, 0, 0]  # unknown, not none


def test_the_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    here = fingerprint(numbered(small_tables()))
    assert here == fingerprint(numbered(small_tables()))
    shuffled = {n: f if n == "gifts" else f.reverse() for n, f in small_tables().items()}
    assert here == fingerprint(numbered(shuffled))
    assert here != fingerprint(numbered(changed("offers", stock=[1, 4, None, 2])))
    assert here != fingerprint(numbered(changed("offers", stock=[None, 4, None, 2])))
    assert here != fingerprint(numbered(small_tables(gifts=small_tables()["gifts"].reverse())))
    facts = write_snapshot(tmp_path / "a.duckdb", small_tables(), FACTS)
    assert facts["fingerprint"] == here


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_writing_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "a.duckdb"
    write_snapshot(path, small_tables(), FACTS)
    before = path.read_bytes()

    def say(what: str) -> None:
        if "reviews" in what:
            raise error

    with pytest.raises(type(error)):
        write_snapshot(path, WRONG["an empty id"] | small_tables(), FACTS, say)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["a.duckdb"]


def test_every_required_column_exists() -> None:
    from giftrec.catalog.tables import ORDERS, REQUIRED, SCHEMAS

    for table, columns in [*REQUIRED.items(), *ORDERS.items()]:
        assert set(columns) <= set(SCHEMAS[table])
    assert AS_OF > writing.EARLIEST
