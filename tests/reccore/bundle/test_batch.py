"""Answers for many, in shards that a kill does not spoil."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from reccore.bundle import batch
from reccore.bundle.batch import score_all
from reccore.bundle.bundle import Bundle
from reccore.bundle.parts import Export
from reccore.bundle.write import People, seal, write_parts
from reccore.data.dataset import Table
from reccore.data.ids import IdMap
from reccore.data.interactions import Histories
from reccore.errors import UserError

ITEMS, USERS = 30, 25


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    draw = np.random.default_rng(0)
    export = Export("neighbours", items={"weights": draw.random((ITEMS, ITEMS), np.float32)})
    items = Table(IdMap(pl.Series([f"i{n:02d}" for n in range(ITEMS)])))
    seen = Histories.of_lists([draw.choice(ITEMS, 4, False).astype(np.int32) for _ in range(USERS)])
    users = Table(IdMap(pl.Series([f"u{n:02d}" for n in range(USERS)])))
    popularity = np.arange(ITEMS, dtype=np.float32)
    folder = tmp_path / "bundle"
    write_parts(folder, export, items, popularity, People(users, seen))
    facts = {"model": "ease", "minimum_version": "0", "served": {"diversity": 0.0}}
    return Bundle(folder, seal(folder, export, facts))


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    pl.DataFrame({"user": [f"u{n:02d}" for n in range(USERS)] + ["stranger"]}).write_csv(path)
    return path


def shards_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


def rows(folder: Path) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in shards_of(folder)])


def test_each_answer_is_the_bundles_own(bundle: Bundle, people: Path, tmp_path: Path) -> None:
    done = score_all(bundle, people, tmp_path / "out", k=5, shard=7)
    assert (done.users, done.shards, done.found, done.strangers) == (USERS + 1, 4, 0, 1)
    frame = rows(tmp_path / "out")
    for user in ("u00", "u13", "u24"):
        own = [item.item for item in bundle.recommend(user, k=5).items]
        assert frame.filter(pl.col("user") == user)["item"].to_list() == own
    nobody = frame.filter(pl.col("user") == "stranger")
    assert nobody["by"].unique().to_list() == ["popularity"]
    assert nobody["item"].to_list() == [f"i{n:02d}" for n in range(29, 24, -1)]


def test_histories_may_come_with_the_people(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    histories = [["i01", "i02"], [], ["nowhere"], None]
    pl.DataFrame({"user": [1, 2, 3, 4], "history": histories}).write_parquet(path)
    done = score_all(bundle, path, tmp_path / "out", k=3)
    frame = rows(tmp_path / "out")
    own = [item.item for item in bundle.recommend(history=["i01", "i02"], k=3).items]
    assert frame.filter(pl.col("user") == 1)["item"].to_list() == own
    assert done.strangers == 3


def test_a_killed_job_goes_on_to_the_same_bytes(
    bundle: Bundle, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score_all(bundle, people, tmp_path / "whole", k=5, shard=7)
    real, calls = batch.write_atomic, [0]

    def dies(path: Path, content: object) -> None:
        calls[0] += 1
        if calls[0] == 4:  # the job's file, two shards, then the end
            raise KeyboardInterrupt
        real(path, content)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "write_atomic", dies)
    with pytest.raises(KeyboardInterrupt):
        score_all(bundle, people, tmp_path / "killed", k=5, shard=7)
    monkeypatch.undo()
    assert len(shards_of(tmp_path / "killed")) == 2
    assert score_all(bundle, people, tmp_path / "killed", k=5, shard=7).found == 2
    for a, b in zip(shards_of(tmp_path / "whole"), shards_of(tmp_path / "killed"), strict=True):
        assert a.read_bytes() == b.read_bytes()


def test_another_job_in_the_same_folder_is_refused(
    bundle: Bundle, people: Path, tmp_path: Path
) -> None:
    score_all(bundle, people, tmp_path / "out", k=5)
    with pytest.raises(UserError, match="another job: k differ"):
        score_all(bundle, people, tmp_path / "out", k=6)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    with pytest.raises(UserError, match="not a job's folder"):
        score_all(bundle, people, tmp_path / "mine")


def test_bad_files_are_named(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        score_all(bundle, tmp_path / "none.csv", tmp_path / "out")
    path = tmp_path / "people.csv"
    pl.DataFrame({"who": [1]}).write_csv(path)
    with pytest.raises(UserError, match=r"no column user .found: who"):
        score_all(bundle, path, tmp_path / "out2")
    with pytest.raises(UserError, match="at least 1"):
        score_all(bundle, path, tmp_path / "out3", k=0)
