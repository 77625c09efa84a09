"""The MLflow exporter, against a client that keeps what it is told."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from reccore.bundle.mlflow import log_bundle
from reccore.bundle.parts import Export
from reccore.bundle.write import seal, write_parts
from reccore.data.dataset import Table
from reccore.data.ids import IdMap
from reccore.errors import MissingExtraError, UserError


class Client:
    """What the exporter uses of `mlflow.MlflowClient`."""

    def __init__(self, tracking_uri: str | None = None) -> None:
        self.uri, self.experiments, self.told = tracking_uri, {"old": "7"}, [("client",)]
        self.params: dict[str, str] = {}
        self.metrics: dict[str, float] = {}
        self.broken: str | None = None

    def get_experiment_by_name(self, name: str) -> Any:
        number = self.experiments.get(name)
        return None if number is None else SimpleNamespace(experiment_id=number)

    def create_experiment(self, name: str) -> str:
        self.experiments[name] = "8"
        return "8"

    def create_run(self, experiment_id: str, tags: dict[str, str]) -> Any:
        self.run = (experiment_id, tags)
        return SimpleNamespace(info=SimpleNamespace(run_id="abc"))

    def log_param(self, run: str, name: str, value: str) -> None:
        assert (run, name in self.params) == ("abc", False)
        self.params[name] = value

    def log_metric(self, run: str, name: str, value: float) -> None:
        if self.broken is not None:
            raise RuntimeError(self.broken)
        self.metrics[name] = value

    def log_artifacts(self, run: str, folder: str, path: str) -> None:
        self.artifacts = (sorted(p.name for p in Path(folder).iterdir()), path)

    def set_terminated(self, run: str, status: str) -> None:
        self.status = status


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client()

    def connect(tracking_uri: str | None = None) -> Client:
        client.uri = tracking_uri
        return client

    fake = ModuleType("mlflow")
    fake.MlflowClient = connect  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    return client


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    items = Table(IdMap(pl.Series(["a", "b"])))
    scores = np.arange(2, dtype=np.float32)
    parts = Export("constant", items={"score": scores})
    write_parts(tmp_path / "bundle", parts, items, scores, None)
    metrics = {
        "ndcg@10": {"value": 0.4, "low": 0.3, "high": 0.5},
        "coverage@10": {"value": 0.9, "low": None, "high": None},
    }
    config = {"model": {"l2": 3.0}, "train": {"schedule": {"kind": "cosine"}}}
    facts = {"model": "ease", "seed": 4, "config": config, "evaluation": {"metrics": metrics}}
    seal(tmp_path / "bundle", parts, facts)
    return tmp_path / "bundle"


def test_files_facts_settings_and_metrics_are_logged(client: Client, bundle: Path) -> None:
    run = log_bundle(bundle, experiment="films", uri="http://here", tags={"version": "3"})
    assert run == "abc"
    assert client.uri == "http://here"
    assert client.run == ("8", {"version": "3"})
    assert client.params == {
        "model": "ease",
        "seed": "4",
        "generation": "1",
        "config.model.l2": "3.0",
        "config.train.schedule.kind": "cosine",
    }
    assert client.metrics == {
        "ndcg_at_10": 0.4,
        "ndcg_at_10.low": 0.3,
        "ndcg_at_10.high": 0.5,
        "coverage_at_10": 0.9,
    }
    names, where = client.artifacts
    assert where == "bundle"
    assert {"manifest.json", "items", "popularity.npy"} <= set(names)
    assert client.status == "FINISHED"


def test_an_experiment_that_is_there_is_used(client: Client, bundle: Path) -> None:
    log_bundle(bundle, experiment="old")
    assert client.run[0] == "7"


def test_a_failing_server_ends_the_run_as_failed(client: Client, bundle: Path) -> None:
    client.broken = "no space"
    with pytest.raises(UserError, match="did not take the bundle: no space"):
        log_bundle(bundle, experiment="films")
    assert client.status == "FAILED"


def test_a_damaged_bundle_is_not_logged(client: Client, bundle: Path) -> None:
    (bundle / "popularity.npy").write_bytes(b"")
    with pytest.raises(UserError, match="corrupt"):
        log_bundle(bundle, experiment="films")
    assert client.params == {}


def test_without_mlflow_the_extra_is_named(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match=r"giftrec\[mlflow\]"):
        log_bundle(bundle, experiment="films")
