"""Prepared folders: they read back bit for bit, and are written whole or not at all."""

from pathlib import Path

import pytest

from cinesync.sources import load, prepare
from cinesync.sources.source import Loaded
from reccore.data.dataset import Table
from reccore.errors import UserError

SMALL = {"users": 30, "items": 40}


def same_table(one: Table, other: Table) -> bool:
    return (
        one.ids.ids.equals(other.ids.ids)
        and one.titles == other.titles
        and all(
            (one.features[name].multi_hot() == other.features[name].multi_hot()).all()
            and one.features[name].vocabulary == other.features[name].vocabulary
            for name in one.features.keys() | other.features.keys()
        )
    )


def same(one: Loaded, other: Loaded) -> bool:
    ours, theirs = one.dataset, other.dataset
    return (
        ours.interactions.fingerprint == theirs.interactions.fingerprint
        and (ours.name, ours.licence) == (theirs.name, theirs.licence)
        and same_table(ours.users, theirs.users)
        and same_table(ours.items, theirs.items)
    )


def test_round_trip(tmp_path: Path) -> None:
    out = prepare("generated", tmp_path / "deep" / "out", options=SMALL, seed=3)
    data = load("generated", options=SMALL, seed=3)
    assert same(load(None, out), data)
    bare = load("file", out / "interactions.parquet").dataset
    assert bare.interactions.fingerprint == data.dataset.interactions.fingerprint
    assert sorted(path.name for path in out.parent.iterdir()) == ["out"]


def test_round_trip_with_a_split(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a 1 2\nb 3 4\n")
    (tmp_path / "test.txt").write_text("a 3\nb 2\n")
    data = load("adjacency", tmp_path)
    again = load(None, prepare("adjacency", tmp_path / "out", tmp_path))
    assert same(again, data)
    assert data.given is not None
    assert again.given is not None
    for ours, theirs in (
        (data.given.train, again.given.train),
        (data.given.test, again.given.test),
    ):
        assert ours.fingerprint == theirs.fingerprint
    assert again.given.validation is None


def test_round_trip_of_real_data(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "ml-latest-small"
    out = prepare("ml-latest-small", tmp_path / "out", folder)
    assert same(load("prepared", out), load("ml-latest-small", folder))


def test_replaces_prepared_folders_only(tmp_path: Path) -> None:
    out = prepare("generated", tmp_path / "out", options=SMALL)
    first = load(None, out).dataset.interactions.fingerprint
    prepare("generated", out, options=SMALL, seed=1)
    assert load(None, out).dataset.interactions.fingerprint != first
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="is no prepared data set"):
        prepare("generated", tmp_path / "mine", options=SMALL)
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_changed_folders_are_refused(tmp_path: Path) -> None:
    out = prepare("generated", tmp_path / "out", options=SMALL)
    other = prepare("generated", tmp_path / "other", options=SMALL, seed=1)
    (other / "interactions.parquet").replace(out / "interactions.parquet")
    with pytest.raises(UserError, match="was changed after it was prepared"):
        load(None, out)
    (out / "dataset.json").write_text("{}")
    with pytest.raises(UserError, match="is not what `data prepare` writes"):
        load(None, out)
