"""A counter follows its catalogue, and lets the old one go."""

import gc
import weakref
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from giftrec.agent.wish import Wish
from giftrec.bundle.bundle import GiftBundle
from giftrec.catalog.default import demonstration
from giftrec.catalog.live import LIVE, Catalogue
from giftrec.counter import Counter
from giftrec.money import Money
from giftrec.schema import Profile
from reccore.errors import UserError

RELEASED = Path(__file__).resolve().parents[2] / "checkpoints" / "gifts"
TODAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def bundle() -> GiftBundle:
    return GiftBundle.open(RELEASED)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    catalogue = Catalogue(tmp_path / "catalogue")
    catalogue.publish(*demonstration(TODAY))
    return catalogue


def _fewer(catalogue: Catalogue) -> None:
    tables, facts = demonstration(TODAY)
    gone = tables["gifts"]["id"][0]
    catalogue.publish(
        {
            name: table.filter(pl.col("id" if name == "gifts" else "gift") != gone)
            for name, table in tables.items()
        },
        facts,
    )


def _counter(bundle: GiftBundle, catalogue: Catalogue) -> Counter:
    return Counter(bundle, catalogue.folder, today=lambda: TODAY)


def _wish() -> Wish:
    profile = Profile(
        age=40,
        hobbies=("gardening",),
        relationship="friend",
        occasion="birthday",
        budget=Money(minor=7000, currency="EUR"),
    )
    return Wish(profile=profile, on=TODAY)


def test_it_is_warm_and_answers(bundle: GiftBundle, catalogue: Catalogue) -> None:
    counter = _counter(bundle, catalogue)
    assert counter.desk.seconds > 0
    assert sum(counter.counts.values()) > 0
    reply = counter.desk.agent.recommend_sync(_wish())
    assert len(reply.picks) == 5
    assert reply.catalogue == counter.desk.fingerprint
    assert not counter.look()


def test_another_snapshot_takes_over_and_the_old_one_goes_with_its_last_user(
    bundle: GiftBundle, catalogue: Catalogue
) -> None:
    counter = _counter(bundle, catalogue)
    held, before = counter.desk, counter.counts
    _fewer(catalogue)
    assert counter.look()
    assert (len(held.front), len(counter.desk.front)) == (45, 44)
    assert held.agent.recommend_sync(_wish()).picks  # whoever has it may go on
    workers = list(held.runner._workers.values())
    front = weakref.ref(held.front)
    del held
    gc.collect()
    assert front() is None
    assert all(one._closed for one in workers)
    assert not before - counter.counts  # what was counted stays counted


def test_a_snapshot_that_cannot_be_opened_changes_nothing(
    bundle: GiftBundle, catalogue: Catalogue
) -> None:
    counter = _counter(bundle, catalogue)
    desk = counter.desk
    (catalogue.folder / "000009-broken.duckdb").write_bytes(b"nothing")
    (catalogue.folder / LIVE).write_text('{"live": "000009-broken.duckdb"}')
    assert not counter.look()
    assert counter.desk is desk
    assert counter.trouble is not None
    assert "is still used" in counter.trouble
    catalogue.rollback(to="1")
    counter.look()
    assert counter.trouble is None
    assert counter.desk.agent.recommend_sync(_wish()).picks


def test_a_snapshot_that_no_storefront_can_be_made_of_changes_nothing(
    bundle: GiftBundle, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = _counter(bundle, catalogue)
    desk, tries = counter.desk, []

    def broken(*arguments: object) -> None:
        tries.append(1)
        raise ValueError("a secret of the catalogue")

    _fewer(catalogue)
    with monkeypatch.context() as patch:
        patch.setattr("giftrec.counter.Storefront.of", broken)
        assert [counter.look() for _ in range(3)] == [False] * 3
    assert counter.desk is desk
    assert len(tries) == 1  # not again and again
    assert counter.trouble is not None
    assert "ValueError" in counter.trouble
    assert "secret" not in counter.trouble
    tables, facts = demonstration(TODAY)
    catalogue.publish(tables, {**facts, "as_of": "2026-11-22"})
    assert counter.look()
    assert counter.trouble is None


def test_there_must_be_a_catalogue_to_begin_with(bundle: GiftBundle, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no catalogue is live"):
        Counter(bundle, tmp_path / "none")
