"""The command line: the words users type, and one-line errors with exit code 2."""

import contextlib
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from cinesync.cli import app
from cinesync.zoo import ZOO
from reccore.cli import exit_codes

COMMAND = [sys.executable, "-W", "error", "-c", "from cinesync.cli import main; main()"]


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def call(*words: str | Path) -> Done:
    """What the console script does with these words, in this process (a start costs a second)."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = exit_codes(app, "cinesync", [str(word) for word in words])
    return Done(code, out.getvalue(), err.getvalue())


def good(*words: str | Path) -> str:
    done = call(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_console_script_exits_with_the_code() -> None:
    done = subprocess.run(
        [*COMMAND, "train", "magic"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


@pytest.fixture(scope="module")
def runs(table: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("runs")
    options = ["--from", table, "--map", "user=who,item=what,timestamp=at"]
    for name in ("ease", "popularity"):
        good("train", name, *options, "--out", root / name, "--set", "evaluate.bootstrap=200")
    return {name: root / name for name in ("ease", "popularity")}


def test_models_lists_the_zoo() -> None:
    assert {row["name"] for row in json.loads(good("models", "--json"))} == set(ZOO)
    assert "two-tower" in good("models")


def test_help_teaches() -> None:
    assert "cinesync train two-tower" in good("--help")
    for command in ("train", "evaluate", "compare", "recommend", "models"):
        assert "Usage" in good(command, "--help")


def test_evaluate_prints_metrics_with_intervals(runs: dict[str, Path]) -> None:
    (found,) = json.loads(good("evaluate", runs["ease"], "--k", "5,10", "--json"))
    assert found["split"]["leak_rate"] == 0
    metric = found["metrics"]["ndcg@5"]
    assert metric["low"] <= metric["value"] <= metric["high"]
    assert "ndcg@10" in good("evaluate", runs["ease"], runs["popularity"])


def test_compare_is_paired(runs: dict[str, Path]) -> None:
    found = json.loads(good("compare", runs["ease"], runs["popularity"], "--json"))
    assert found["metrics"]["ndcg@10"]["better"] == "a"
    same = json.loads(good("compare", runs["ease"], runs["ease"], "--json"))
    assert same["metrics"]["ndcg@10"]["better"] is None


def test_recommend_in_every_way(runs: dict[str, Path], tmp_path: Path) -> None:
    one = json.loads(good("recommend", runs["ease"], "--user", "u1", "--k", "3", "--json"))
    assert [row["rank"] for row in one] == [1, 2, 3]
    stranger = json.loads(good("recommend", runs["ease"], "--history", "i2,i4", "--json"))
    assert all(int(row["item"][1:]) % 2 == 0 for row in stranger[:5])
    out = tmp_path / "all.parquet"
    good("recommend", runs["ease"], "--all-users", "--k", "2", "--out", out)
    lists = pl.read_parquet(out)
    assert lists.columns == ["user", "item", "rank", "score"]
    assert lists["user"].n_unique() == 60
    (tmp_path / "some.txt").write_text("u3\nu4\n")
    some = json.loads(
        good("recommend", runs["ease"], "--users", tmp_path / "some.txt", "--k", "1", "--json")
    )
    assert [row["user"] for row in some] == ["u3", "u4"]


def test_data_commands(tmp_path: Path) -> None:
    names = {row["name"] for row in json.loads(good("data", "list", "--json"))}
    assert {"generated", "ml-1m", "amazon", "netflix", "anime"} <= names
    facts = json.loads(good("data", "describe", "--json"))
    assert facts["users"] == 2000
    assert 0.5 < facts["best_reachable_ndcg@10"] < 0.8
    assert 0.6 < facts["best_reachable_rmse"] < 0.8
    assert "best_reachable" in good("data", "describe")
    good("data", "prepare", "generated", "--out", tmp_path / "world")
    again = json.loads(good("data", "describe", "prepared", "--from", tmp_path / "world", "--json"))
    assert again["fingerprint"] == facts["fingerprint"]


BAD = {
    "unknown model": (["train", "magic"], ["unknown model 'magic'", "known: "]),
    "unknown setting": (["train", "ease", "--set", "model.l3=1"], ["model.l3", "did you mean l2?"]),
    "wrong type": (["train", "ease", "--set", "model.l2=much"], ["model.l2", "much"]),
    "unknown preset": (["train", "ease", "--preset", "none"], ["unknown preset 'none'"]),
    "no file": (["train", "ease", "--from", "/nowhere.csv"], ["/nowhere.csv"]),
    "unknown source": (["train", "ease", "--data", "nothing"], ["nothing"]),
    "no run": (["evaluate", "/nowhere"], ["no such run: /nowhere"]),
    "train settings of a computed model": (["train", "ease", "--epochs", "3"], ["computed"]),
}


def test_a_refusal_of_the_trainer_leaves_no_run(table: Path, tmp_path: Path) -> None:
    words = ["train", "mf", "--from", table, "--map", "user=who,item=what", "--device", "cuda:99"]
    done = call(*words, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "cuda:99" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_one_line(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words, expected = BAD[case]
    monkeypatch.chdir(tmp_path)
    done = call(*words)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1
    for word in expected:
        assert word in done.stderr
    assert not list(tmp_path.iterdir()), "something half-written was left"


def test_bad_input_to_runs(runs: dict[str, Path], table: Path) -> None:
    ease = runs["ease"]
    for words, expected in [
        (["recommend", ease, "--user", "nobody"], "unknown user 'nobody'"),
        (["recommend", ease, "--user", "u1", "--k", "-3"], "--k is -3"),
        (["evaluate", ease, "--k", "-1"], "at least 1"),
        (["recommend", ease], "exactly one of"),
        (["recommend", ease, "--history", "i1,zzz"], "unknown item 'zzz'"),
        (["recommend", runs["popularity"], "--users", "/none.txt"], "no such file"),
        (["evaluate", ease, "--split-part", "validation"], "hold_validation"),
        (["train", "ease", "--from", table, "--map", "user=nix,item=what"], "nix"),
        (["train", "ease", "--from", table, "--map", "user"], "--map"),
    ]:
        done = call(*words)
        assert done.returncode == 2, (words, done.stderr)
        assert expected in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_corrupt_run_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in runs["ease"].iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    weights = copy / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-7])
    done = call("recommend", copy, "--user", "u1")
    assert done.returncode == 2
    assert "corrupt" in done.stderr


def test_changed_data_is_noticed(table: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_bytes(table.read_bytes())
    good("train", "ease", "--from", mine, "--map", "user=who,item=what", "--out", tmp_path / "r")
    mine.write_text(mine.read_text() + "u0,i1,3\n")
    done = call("evaluate", tmp_path / "r")
    assert done.returncode == 2
    assert "the data has changed" in done.stderr
