"""Run folders are whole or refused; tables come back as they went in."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from reccore.data.dataset import Bags, Table
from reccore.data.ids import IdMap
from reccore.errors import UserError
from reccore.files import write_atomic
from reccore.run import RunFolder


def make(root: Path) -> RunFolder:
    run = RunFolder.create("cinesync", "m", "a label", None, root)
    run.write_config({"run": {"model": "m"}})
    run.write_arrays({"w": np.arange(6, dtype=np.float32).reshape(2, 3), "mean": np.array(3.5)})
    run.seal()
    return run


def test_arrays_and_manifest_come_back(tmp_path: Path) -> None:
    run = RunFolder.open(make(tmp_path).path)
    np.testing.assert_array_equal(run.read_arrays()["w"], [[0, 1, 2], [3, 4, 5]])
    assert run.read_arrays()["mean"].shape == ()
    run.update_manifest(status="complete")
    assert RunFolder.open(run.path).manifest["status"] == "complete"
    assert run.config == {"run": {"model": "m"}}


def test_two_runs_of_one_second_do_not_collide(tmp_path: Path) -> None:
    paths = {make(tmp_path).path for _ in range(3)}
    assert len(paths) == 3


def test_damage_is_refused(tmp_path: Path) -> None:
    run = make(tmp_path)
    damaged = bytearray(run.weights_path.read_bytes())
    damaged[-1] ^= 1
    run.weights_path.write_bytes(damaged)
    with pytest.raises(UserError, match="corrupt"):
        run.read_arrays()
    (run.path / "manifest.json").write_text("{")
    with pytest.raises(UserError, match=r"manifest\.json is corrupt"):
        RunFolder.open(run.path)


def test_foreign_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such run"):
        RunFolder.open(tmp_path / "none")
    with pytest.raises(UserError, match="is not a run"):
        RunFolder.open(tmp_path)
    with pytest.raises(UserError, match="not empty"):
        RunFolder.create("c", "m", "l", make(tmp_path).path, tmp_path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write_atomic(file, "old")

    def broken(path: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomic(file, broken)
    assert file.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("ids", [pl.Series([3, 5, 9]), pl.Series(["a", "b", "c"])])
def test_tables_come_back(tmp_path: Path, ids: pl.Series) -> None:
    bags = Bags(("x", "y"), np.array([0, 2, 2, 3]), np.array([0, 1, 1], dtype=np.int32))
    table = Table(IdMap(ids), ("one", "two", "three"), {"genre": bags})
    run = make(tmp_path)
    run.write_tables(table, Table(IdMap(ids)))
    items, users = run.read_tables()
    assert items.titles == table.titles
    assert items.ids.ids.to_list() == ids.to_list()
    np.testing.assert_array_equal(items.features["genre"].multi_hot(), bags.multi_hot())
    assert items.features["genre"].vocabulary == ("x", "y")
    assert users.titles is None
    assert not users.features
