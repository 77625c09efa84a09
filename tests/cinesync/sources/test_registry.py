"""The registry: names, layouts, and what does not fit."""

from pathlib import Path

import pytest

from cinesync.sources import SOURCES, detect, load
from reccore.errors import UserError

PROMISED = {
    *("generated", "ml-100k", "ml-1m", "ml-latest-small", "ml-25m", "ml-32m"),
    *("amazon", "netflix", "anime", "gowalla", "sequences", "file"),
}


def test_promised_sources_are_there() -> None:
    assert set(SOURCES) >= PROMISED
    for name, source in SOURCES.items():
        assert source.name == name
        assert source.summary
        assert source.licence
        assert source.url is None or source.url.startswith("https://")


def test_unknown_names_and_missing_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIFTREC_DATA", str(tmp_path))
    with pytest.raises(UserError, match=r"unknown data 'movielens' \(known: generated, ml-100k"):
        load("movielens")
    with pytest.raises(UserError, match=r"netflix is not in .*--from PATH"):
        load("netflix")
    with pytest.raises(UserError, match="no such file or folder"):
        load("ml-1m", tmp_path / "absent")
    with pytest.raises(UserError, match="no such file or folder"):
        load(None, tmp_path / "absent.csv")
    with pytest.raises(UserError, match="generated data take no path"):
        load("generated", tmp_path)
    with pytest.raises(UserError, match="--map does not apply to ml-1m"):
        load("ml-1m", tmp_path, {"user": "x"})
    with pytest.raises(UserError, match="--items does not apply to anime"):
        load("anime", tmp_path, items=tmp_path)


def test_folders_are_recognised_or_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no data set of a known layout"):
        load(None, tmp_path)
    for name in ("ratings.csv", "movies.csv"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match="could be ml-20m, ml-25m, ml-32m, ml-latest-small"):
        detect(tmp_path)
    named = tmp_path / "ml-32m"
    named.mkdir()
    for name in ("ratings.csv", "movies.csv"):
        (named / name).touch()
    assert detect(named).name == "ml-32m"


def test_named_data_are_found_under_the_root(
    real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIFTREC_DATA", str(real_data))
    assert len(load("ml-100k").dataset.interactions) == 100_000
