"""A bundle as an MLflow run: its files as an artifact, its facts as parameters, its metrics.

For teams whose dashboards live there; nothing here reads MLflow back, the registry is the truth.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reccore.bundle.manifest import Manifest, verify
from reccore.errors import UserError, need

ARTIFACT = "bundle"
LONGEST = 500  # characters of a parameter, in every version of MLflow
FACTS = (
    "product",
    "model",
    "seed",
    "data",
    "data_fingerprint",
    "fitted_on",
    "generation",
    "blessed",
    "git_commit",
    "package_version",
)


def log_bundle(
    folder: str | Path,
    *,
    experiment: str,
    uri: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Log a bundle that is whole; the id of the run. `uri=None`: as MLflow is configured."""
    client_of = need("mlflow", "mlflow").MlflowClient
    folder = Path(folder)
    manifest = Manifest.read(folder)
    verify(folder, manifest)
    try:
        client = client_of(tracking_uri=uri)
        known = client.get_experiment_by_name(experiment)
        number = client.create_experiment(experiment) if known is None else known.experiment_id
        run: str = client.create_run(number, tags=dict(tags or {})).info.run_id
    except Exception as error:  # the client raises its own types, and those of its transport
        raise _refused(uri, error) from error
    try:
        for name, value in parameters(manifest).items():
            client.log_param(run, name, value)
        for name, number in metrics(manifest).items():
            client.log_metric(run, name, number)
        client.log_artifacts(run, str(folder), ARTIFACT)
    except Exception as error:
        client.set_terminated(run, status="FAILED")
        raise _refused(uri, error) from error
    client.set_terminated(run, status="FINISHED")
    return run


def parameters(manifest: Manifest) -> dict[str, str]:
    """The facts that say what it is, and every setting it was made with, by dotted name."""
    facts = {name: manifest.facts[name] for name in FACTS if name in manifest.facts}
    flat = {**facts, **dict(_leaves(manifest.facts.get("config", {}), ("config",)))}
    return {_plain(name): str(value)[:LONGEST] for name, value in flat.items()}


def metrics(manifest: Manifest) -> dict[str, float]:
    """Held-out metrics with the ends of their intervals: `ndcg_at_10`, `ndcg_at_10.low`."""
    found: dict[str, float] = {}
    evaluation = manifest.facts.get("evaluation") or {}
    for name, metric in evaluation.get("metrics", {}).items():
        ends = {"": metric.get("value"), ".low": metric.get("low"), ".high": metric.get("high")}
        found |= {_plain(name) + end: float(n) for end, n in ends.items() if n is not None}
    return found


def _leaves(tree: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield ".".join((*path, key)), value


def _plain(name: str) -> str:
    """MLflow takes letters, digits and _ - . / only."""
    return re.sub(r"[^\w./ -]", "_", name.replace("@", "_at_"))


def _refused(uri: str | None, error: Exception) -> UserError:
    why = " ".join(str(error).split())[:200]
    return UserError(f"MLflow at {uri or 'its default'} did not take the bundle: {why}")
