"""The pipeline: every step once, whatever kills it, and a gate that lets nothing worse pass."""

import contextlib
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cinesync.pipeline as steps
from cinesync import training
from cinesync.bundles import BundleRun, export
from cinesync.cli import app
from cinesync.gate import Elsewhere, GateRefusedError, GateSettings, measure_champion
from cinesync.pipeline import Pipeline
from cinesync.runs import prepare
from cinesync.settings import DataSettings, resolve
from reccore.bundle.bundle import Bundle
from reccore.bundle.registry import Registry
from reccore.cli import exit_codes
from reccore.config import dump_toml, merge
from reccore.data.split import SplitSettings
from reccore.errors import InterruptedTrainingError, UserError
from reccore.files import sha256
from reccore.metrics.evaluate import Catalogue, EvaluateSettings, evaluate
from reccore.track import Silent

WORLD = {"users": 150, "items": 100}
ORDER = ["prepare", "train-s0", "evaluate", "gate", "export", "register", "challenger"]
BASE: dict[str, Any] = {
    "data": {"name": "generated", "options": WORLD},
    "model": {"name": "ease", "changes": {"evaluate": {"bootstrap": 0}}},
    "gate": {"metric": "ndcg@10", "resamples": 200},
    "registry": {"name": "films"},
}


def written(folder: Path, *changes: dict[str, Any], name: str = "films.toml") -> Path:
    path = folder / name
    path.write_text(dump_toml(merge(BASE, *changes)))
    return path


def done(file: Path) -> list[str]:
    """The steps that a call does and does not keep."""
    return [step.name for step in Pipeline.read(file).run().steps if not step.kept]


def registry(folder: Path) -> Registry:
    return Registry("cinesync", folder / "models")


def test_one_file_makes_a_challenger_and_a_second_call_does_nothing(tmp_path: Path) -> None:
    file = written(tmp_path)
    assert done(file) == ORDER
    assert registry(tmp_path).aliases("films") == {"challenger": "1"}
    assert registry(tmp_path).activate("films") == {"champion": "1"}
    assert done(file) == []
    assert registry(tmp_path).versions("films") == ["1"]


class Kill(BaseException):
    """What no handler catches."""


def killed(*_: Any, **__: Any) -> Any:
    raise Kill


@pytest.mark.parametrize("name", ORDER)
@pytest.mark.parametrize("when", ["before", "between"])
def test_a_kill_at_any_step_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, when: str
) -> None:
    """Before the step's work, or between its work and the record of it."""
    file = written(tmp_path)
    whole = steps.Ledger.step

    def step(self: Any, at: str, needs: Any, do: Any, *still: Any) -> Any:
        def broken() -> Any:
            if when == "between":
                do()
            raise Kill

        return whole(self, at, needs, broken if at == name else do, *still)

    monkeypatch.setattr(steps.Ledger, "step", step)
    with pytest.raises(Kill):
        Pipeline.read(file).run()
    monkeypatch.setattr(steps.Ledger, "step", whole)
    assert done(file) == ORDER[ORDER.index(name) :]
    assert registry(tmp_path).aliases("films") == {"challenger": "1"}
    assert registry(tmp_path).versions("films") == ["1"]
    assert set(registry(tmp_path).verify("films").values()) == {None}
    assert done(file) == []


class Interrupts(Silent):
    """Ctrl-C or a kill after so many epochs."""

    def __init__(self, epochs: int, how: type[BaseException]) -> None:
        self.left, self.how = epochs, how

    def log(self, record: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise self.how


MF = {
    "model": {
        "name": "mf",
        "seeds": [3, 4],
        "changes": {
            "model": {"dim": 8},
            "train": {"epochs": 4, "evaluate_every": 1, "checkpoint_steps": 1},
        },
    },
    "gate": {"minimum": 1.0},  # ends there: the training is what is looked at
}


def weights(file: Path) -> list[str]:
    runs = file.parent / "films.pipeline" / "runs"
    return [sha256(runs / seed / "weights.safetensors") for seed in ("s3", "s4")]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    file = written(tmp_path_factory.mktemp("unbroken"), MF)
    with pytest.raises(GateRefusedError):
        Pipeline.read(file).run()
    return weights(file)


@pytest.mark.parametrize("how", [KeyboardInterrupt, Kill])
def test_an_interrupted_training_goes_on_to_the_same_bits(
    tmp_path: Path, how: type[BaseException], unbroken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, MF)
    first = Pipeline.read(file)
    first.tracker = Interrupts(2, how)
    with pytest.raises((Kill, InterruptedTrainingError)) as stopped:
        first.run()
    if how is KeyboardInterrupt:
        assert f"cinesync pipeline {file}" in str(stopped.value)
    resumed: list[Path] = []
    resume = training.resume
    monkeypatch.setattr(
        training, "resume", lambda path, **rest: (resumed.append(path), resume(path, **rest))[1]
    )
    second = Pipeline.read(file)
    with pytest.raises(GateRefusedError):
        second.run()
    assert len(resumed) == 1
    assert [step.name for step in second.ledger.steps if step.kept] == ["prepare"]
    assert weights(file) == unbroken


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"gate": {"minimum": 0.01}}, ["gate"]),
        ({"export": {"users": False}}, ["export", "register", "challenger"]),
        ({"registry": {"name": "other"}}, ["register", "challenger"]),
        ({"registry": {"alias": "none"}}, []),
        ({"model": {"changes": {"model": {"l2": 7.0}}}}, ORDER[1:]),
        ({"model": {"seeds": [0, 1]}}, ["train-s1", "evaluate", "gate"]),
        ({"split": {"test": 0.3}}, ORDER),
        ({"data": {"options": {"users": 151}}}, ORDER),
    ],
)
def test_a_changed_setting_repeats_what_depends_on_it_alone(
    tmp_path: Path, change: dict[str, Any], again: list[str]
) -> None:
    done(written(tmp_path))
    assert done(written(tmp_path, change)) == again
    assert done(written(tmp_path, change)) == []


def test_a_lost_result_is_made_again(tmp_path: Path) -> None:
    file = written(tmp_path)
    done(file)
    shutil.rmtree(tmp_path / "films.pipeline" / "bundles")
    assert done(file)[0] == "export"
    shutil.rmtree(tmp_path / "models")
    assert done(file) == ["register", "challenger"]
    assert registry(tmp_path).aliases("films") == {"challenger": "1"}
    assert done(file) == []


def test_new_rows_in_a_file_are_noticed(tmp_path: Path, table: Path) -> None:
    rows = table.read_text().splitlines(keepends=True)
    data = tmp_path / "plays.csv"
    data.write_text("".join(rows[:-40]))
    columns = {"user": "who", "item": "what", "timestamp": "at"}
    given = {"data": {"name": "file", "path": "plays.csv", "map": columns}}
    config = merge({k: v for k, v in BASE.items() if k != "data"}, given)
    file = tmp_path / "films.toml"
    file.write_text(dump_toml(config))
    assert done(file) == ORDER
    os.utime(data, (1, 1))
    assert done(file) == ["prepare"], "touched, not changed"
    data.write_text("".join(rows))
    assert done(file) == ORDER
    assert registry(tmp_path).aliases("films") == {"challenger": "2"}


def test_a_model_worse_than_the_champion_is_refused_and_not_registered(tmp_path: Path) -> None:
    done(written(tmp_path))
    registry(tmp_path).activate("films")
    worse = written(tmp_path, {"model": {"name": "popularity"}}, name="worse.toml")
    with pytest.raises(GateRefusedError, match=r"worse than the champion's \(1\).*95% interval"):
        Pipeline.read(worse).run()
    assert registry(tmp_path).versions("films") == ["1"]
    assert registry(tmp_path).aliases("films") == {"champion": "1"}


def test_better_means_better(tmp_path: Path) -> None:
    done(written(tmp_path, {"model": {"name": "popularity"}}))
    registry(tmp_path).activate("films")
    must = {"gate": {"require": "better"}}
    same = written(tmp_path, {"model": {"name": "popularity"}}, must, name="same.toml")
    with pytest.raises(GateRefusedError, match=r"not better than the champion's \(1\): \+0.0000"):
        Pipeline.read(same).run()
    better = Pipeline.read(written(tmp_path, must, name="better.toml")).run()
    assert better.version == "2"
    verdict = better.verdict
    assert (verdict["champion"], verdict["better"]) == ("1", "candidate")
    assert verdict["low"] > 0
    assert verdict["champion_knew"] == 0
    registry(tmp_path).activate("films")
    assert done(tmp_path / "better.toml") == [], "it need not beat itself"


def test_every_seed_must_reach_the_minimum(tmp_path: Path) -> None:
    bar = {"gate": {"minimum": 0.99}}
    with pytest.raises(GateRefusedError, match=r"with seed 0, below the minimum 0.99"):
        Pipeline.read(written(tmp_path, bar)).run()
    assert not (tmp_path / "models").exists()
    assert done(written(tmp_path, {"gate": {"minimum": 0.01}})) == ORDER[3:]


def test_a_rating_model_is_gated_from_above(tmp_path: Path) -> None:
    rating = {
        "data": {"name": "generated", "options": WORLD},
        "model": {"name": "biased-mf", "changes": {"model": {"passes": 2}}},
    }
    with pytest.raises(GateRefusedError, match=r"rmse is .*, above the maximum 0.01"):
        Pipeline.read(
            written(tmp_path, rating, {"gate": {"metric": "rmse", "maximum": 0.01}})
        ).run()
    passing = {"gate": {"metric": "rmse", "maximum": 5.0}}
    assert "register" in done(written(tmp_path, rating, passing))
    registry(tmp_path).activate("films")
    again = Pipeline.read(written(tmp_path, rating, passing, name="again.toml")).run()
    assert again.verdict["difference"] == pytest.approx(0, abs=1e-5)


def test_diversity_is_measured_as_it_is_served(tmp_path: Path) -> None:
    plain = Pipeline.read(written(tmp_path)).run()
    registry(tmp_path).activate("films")
    varied = written(tmp_path, {"export": {"diversity": 0.8}}, name="varied.toml")
    with pytest.raises(GateRefusedError, match="worse than the champion's"):
        Pipeline.read(varied).run()
    state = json.loads((tmp_path / "varied.pipeline" / "state.json").read_text())["steps"]
    served = state["evaluate"]["outcome"]["values"]["0"]["ndcg@10"]
    assert served < plain.verdict["values"]["0"]
    bundle = tmp_path / "varied.pipeline" / "bundles" / "s0"
    assert BundleRun(bundle).evaluate().values()["ndcg@10"] == pytest.approx(served, abs=1e-6)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A champion from other, older data: another world's ids overlap with the new one's."""
    folder = tmp_path_factory.mktemp("old")
    changes = {"data": {"options": {"users": 100, "items": 60}}, "evaluate": {"bootstrap": 0}}
    run = training.train(resolve("ease", changes=changes), out=folder / "run")[0]
    return export(run, folder / "bundle").path


def test_a_champion_of_other_data_is_measured_on_the_candidates_users(
    old: Path, tmp_path: Path
) -> None:
    registry(tmp_path).add(old, "films")
    registry(tmp_path).activate("films", "1")
    finished = Pipeline.read(written(tmp_path)).run()
    assert finished.verdict["champion"] == "1"
    assert finished.verdict["champion_value"] < finished.verdict["values"]["0"]
    assert 0 <= finished.verdict["champion_knew"] < 1


def test_a_bundle_asked_elsewhere_answers_as_at_home_and_knows_its_limits(old: Path) -> None:
    bundle = BundleRun(old)
    data = DataSettings(options={"users": 100, "items": 60})
    home = prepare(data, SplitSettings())
    learned, how = home.training(True), EvaluateSettings(bootstrap=0)
    champion = measure_champion("1", old, home, learned, how)
    assert champion.evaluation.values() == bundle.evaluate().values()
    assert champion.knew == 0
    assert Elsewhere(Bundle.open(old), home.dataset).knew(home.split.validation) == 1
    away = prepare(DataSettings(options=WORLD), SplitSettings())
    asked = Elsewhere(Bundle.open(old), away.dataset)
    found = evaluate(asked, away.split.test, Catalogue.of(away.training(True)), how)
    assert found.summary["coverage@10"].value <= np.mean(asked.known)


def test_a_champion_of_other_items_is_no_measure(old: Path, tmp_path: Path, table: Path) -> None:
    columns = {"user": "who", "item": "what", "timestamp": "at"}
    strange = prepare(DataSettings(name="file", path=str(table), map=columns), SplitSettings())
    with pytest.raises(UserError, match="knows none of the items"):
        Elsewhere(Bundle.open(old), strange.dataset)


def test_two_calls_at_once_are_one_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path)

    def second(*_: Any) -> Any:
        with pytest.raises(UserError, match="in use by another process"):
            Pipeline.read(file).run()
        raise Kill

    monkeypatch.setattr(steps, "prepare", second)
    with pytest.raises(Kill):
        Pipeline.read(file).run()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gates": {}}, r"unknown setting gates in .*did you mean gate\?"),
        ({"gate": {"minimun": 1}}, r"unknown setting gate.minimun .*did you mean minimum\?"),
        ({"model": {"changes": {"model": {"l3": 1}}}}, "unknown setting model.l3"),
        ({"model": {"changes": {"data": {}}}}, r"put it in \[data\]"),
        ({"model": {"name": "magic"}}, "unknown model 'magic'"),
        ({"model": {"seeds": [1, 1]}}, "repeats a seed"),
        ({"model": {"seeds": []}}, "model.seeds"),
        ({"gate": {"metric": "ndcg@7"}}, r"evaluate.k = \[7, 10, 20\]"),
        ({"gate": {"metric": "coverage@10"}}, "not measured user by user"),
        ({"gate": {"maximum": 0.5}}, "set gate.minimum"),
        ({"gate": {"metric": "rmse", "minimum": 0.5}}, "set gate.maximum"),
        ({"gate": {"require": "best"}}, "gate.require='best'"),
        ({"export": {"diversity": 2.0}}, "export.diversity=2.0"),
        ({"registry": {"name": "../up"}}, "is not plain"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_before_any_work(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Pipeline.read(written(tmp_path, change))
    assert [path.name for path in tmp_path.iterdir()] == ["films.toml"]


def test_a_metric_the_model_does_not_have_is_refused_with_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"ease has no rmse .*ndcg@10"):
        Pipeline.read(written(tmp_path, {"gate": {"metric": "rmse"}})).run()


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    file = written(tmp_path)
    done(file)
    (tmp_path / "films.pipeline" / "state.json").write_text('{"steps": {"prepare": {}}}')
    with pytest.raises(UserError, match=r"state\.json is corrupt \(delete it"):
        done(file)


def call(*words: str | Path) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = exit_codes(app, "cinesync", [str(word) for word in words])
    return code, out.getvalue(), err.getvalue()


def test_the_shipped_file_runs_and_says_what_it_did(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "docs" / "pipeline.toml"
    file = Path(shutil.copy(shipped, tmp_path))
    code, out, err = call("pipeline", file)
    assert code == 0, err
    assert "films 1 is registered" in out
    assert "no champion to compare with" in out
    registry(tmp_path).activate("films")
    other = tmp_path / "other.toml"
    other.write_text(file.read_text().replace("l2 = 100.0", "l2 = 150.0"))
    code, out, err = call("pipeline", other, "--work", tmp_path / "elsewhere", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["version"], found["gate"]["champion"]) == ("2", "1")
    assert [step["name"] for step in found["steps"]] == ORDER
    assert (tmp_path / "elsewhere" / "state.json").exists()


def test_a_refusal_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    code, out, err = call("pipeline", written(tmp_path, {"gate": {"minimum": 0.99}}))
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("error: the gate refuses: ndcg@10 is")
    code, out, err = call("pipeline", tmp_path / "nowhere.toml")
    assert (code, len(err.splitlines())) == (2, 1)


def test_settings_of_the_gate_have_sensible_defaults() -> None:
    gate = GateSettings()
    gate.check(EvaluateSettings())
    assert (gate.metric, gate.minimum, gate.require) == ("ndcg@10", None, "not-worse")
