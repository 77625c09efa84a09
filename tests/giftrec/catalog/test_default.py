"""The demonstration shop: there at once, dated as asked, and out of the way of real catalogues."""

from datetime import date, timedelta

import pytest

from giftrec.catalog.default import default_catalogue, demonstration, is_demonstration
from giftrec.catalog.live import Catalogue
from giftrec.catalog.sources.generated import generated

ON = date(2026, 11, 21)


def test_it_is_set_up_once_and_says_what_it_is(tmp_path):
    catalogue = default_catalogue(tmp_path / "new", ON)
    with catalogue.current() as snapshot:
        assert len(snapshot) == 45
        assert snapshot.as_of == "2026-11-21"
        assert is_demonstration(snapshot.facts)
        assert "demonstration" in snapshot.facts["notes"][0]
    before = catalogue.live()
    assert default_catalogue(tmp_path / "new", ON).live() == before
    assert default_catalogue(tmp_path / "new", ON + timedelta(days=1)).live() == before


@pytest.mark.parametrize("days", [2, 400, -1, -30])
def test_it_is_dated_anew_when_another_day_asks(days, tmp_path):
    default_catalogue(tmp_path, ON)
    index = tmp_path / f"{Catalogue(tmp_path).live().name}.tfidf-svd.npz"
    index.write_bytes(b"of the old one")
    catalogue = default_catalogue(tmp_path, ON + timedelta(days=days))
    with catalogue.current() as snapshot:
        assert snapshot.as_of == (ON + timedelta(days=days)).isoformat()
        assert snapshot.offers["as_of"].max() == ON + timedelta(days=days)
    assert len(catalogue.names()) == 1
    assert not index.exists()


@pytest.mark.parametrize("on", [ON, date(2026, 10, 7), date(2028, 2, 29)])
def test_only_the_days_differ(on):
    told, facts = demonstration(on)
    plain, before = generated(None)
    moved = on - date.fromisoformat(before["as_of"])
    for name, column in (("offers", "as_of"), ("prices", "on"), ("reviews", "on")):
        assert told[name].drop(column).equals(plain[name].drop(column))
        assert (told[name][column] - plain[name][column]).unique().to_list() == [moved]
    weeks = told["demand"]["week"]
    assert set(weeks.dt.weekday()) == {1}
    assert timedelta(0) <= on - weeks.max() <= timedelta(days=14)
    assert told["gifts"].equals(plain["gifts"])
    assert facts["as_of"] == on.isoformat()


def test_what_somebody_published_is_never_touched(tmp_path):
    own = Catalogue(tmp_path)
    own.publish(*generated(50))
    assert default_catalogue(tmp_path, ON).live() == own.live()
    default_catalogue(tmp_path / "demo", ON)
    mixed = Catalogue(tmp_path / "demo")
    mixed.publish(*generated(50))
    mixed.rollback()
    for days in range(2, 12, 2):
        default_catalogue(tmp_path / "demo", ON + timedelta(days=days))
    with mixed.current() as snapshot:
        assert is_demonstration(snapshot.facts)
    assert [kept for kept in mixed.kept() if not is_demonstration(kept.facts)]
