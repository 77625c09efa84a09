"""`cinesync registry`: the words, what they print, and their exit codes."""

import contextlib
import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cinesync.bundles import export
from cinesync.cli import app
from cinesync.settings import resolve
from cinesync.training import train
from reccore.cli import exit_codes


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


def call(*words: str | Path) -> Done:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = exit_codes(app, "cinesync", ["registry", *map(str, words)])
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    options = {"users": 120, "items": 80}
    changes = {"data": {"options": options}, "evaluate": {"bootstrap": 0}}
    run = train(resolve("popularity", changes=changes), out=folder / "run")[0]
    return export(run, folder / "bundle").path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


def test_from_add_to_rollback(bundle: Path, root: Path) -> None:
    where = ("--root", root, "--json")
    added = call("add", bundle, "films", *where).json
    assert (added["version"], added["path"]) == ("1", str(root / "films" / "1"))
    assert call("add", bundle, "films", "--challenger", *where).json["aliases"] == {
        "champion": None,
        "challenger": "2",
        "previous": None,
    }
    call("activate", "films", "1", *where)
    assert call("activate", "films", *where).json == {
        "name": "films",
        "champion": "2",
        "challenger": None,
        "previous": "1",
    }
    rows = call("list", *where).json
    assert [(row["version"], row["aliases"]) for row in rows] == [
        ("1", ["previous"]),
        ("2", ["champion"]),
    ]
    assert {row["model"] for row in rows} == {"popularity"}
    assert call("rollback", "films", *where).json["champion"] == "1"
    assert call("verify", "films", *where).json == [
        {"version": "1", "whole": True, "problem": None},
        {"version": "2", "whole": True, "problem": None},
    ]


def test_people_get_tables(bundle: Path, root: Path) -> None:
    assert "added films 1" in call("add", bundle, "films", "--root", root).out
    assert "films 1 is champion" in call("activate", "films", "1", "--root", root).out
    assert "popularity" in call("list", "--root", root).out
    assert "True" in call("verify", "films", "--root", root).out


def test_a_damaged_version_is_exit_code_1_and_cannot_become_champion(
    bundle: Path, root: Path
) -> None:
    call("add", bundle, "films", "--root", root)
    path = root / "films" / "1" / "popularity.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    done = call("verify", "films", "--root", root, "--json")
    assert done.code == 1
    assert "popularity.npy is corrupt" in json.loads(done.out)[0]["problem"]
    refused = call("activate", "films", "1", "--root", root)
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert "there is still no champion" in refused.err


def test_an_empty_registry_is_an_empty_list(root: Path) -> None:
    assert call("list", "--root", root, "--json").json == []
    done = call("activate", "films", "--root", root)
    assert (done.code, done.out) == (2, "")
    assert "no model 'films'" in done.err


def test_a_run_is_no_bundle(bundle: Path, root: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    (copy / "manifest.json").unlink()
    done = call("add", copy, "films", "--root", root)
    assert done.code == 2
    assert "is not a bundle" in done.err
