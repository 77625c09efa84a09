"""Train one model on one data set, end to end, into a run folder."""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cinesync.runs import Prepared, Run, prepare
from cinesync.settings import RunSettings, resolve_tree
from reccore.errors import InterruptedTrainingError, UserError
from reccore.metrics.evaluate import Catalogue, Evaluation, evaluate
from reccore.recommender import ClosedForm, Recommender
from reccore.run import RunFolder, git_commit, package_version
from reccore.track import Silent, Tracker
from reccore.track.report import write_report

log = logging.getLogger(__name__)
CHECKPOINTS = Path("checkpoints")


def train(
    settings: RunSettings,
    *,
    out: Path | None = None,
    tracker: Tracker | None = None,
    prepared: Prepared | None = None,
) -> tuple[Run, Evaluation]:
    """Train from nothing. Nothing is written before the data and settings have proved good.

    `prepared` hands over data that is already in memory, split.
    """
    prepared = prepared or prepare(settings.data, settings.split)
    model = settings.entry.build(settings.model, prepared.training(_all(settings)), settings.seed)
    name = settings.data.name if settings.data.path is None else Path(settings.data.path).stem
    label = "-".join([name, f"s{settings.seed}", *([settings.tag] if settings.tag else [])])
    folder = RunFolder.create("cinesync", settings.entry.name, label, out, CHECKPOINTS)
    folder.write_config(settings.tree())
    folder.write_tables(prepared.dataset.users, prepared.dataset.items)
    folder.update_manifest(status="training", **_facts(settings, prepared))
    try:
        return _learn(settings, prepared, model, folder, tracker or Silent(), resume=False)
    except UserError:  # a setting that only the training itself could refuse: leave no husk
        if not folder.weights_path.exists():
            shutil.rmtree(folder.path)
        raise


def resume(
    path: Path, *, changes: Callable[[RunSettings], RunSettings], tracker: Tracker | None = None
) -> tuple[Run, Evaluation]:
    """Go on with an interrupted run, to the same bits as if it had never stopped."""
    folder = RunFolder.open(path)
    settings = changes(resolve_tree(folder.config, path))
    if settings.train is None:
        raise UserError(f"{settings.entry.name} is computed in one go", "train it anew")
    prepared = prepare(settings.data, settings.split)
    expected = folder.manifest["data_fingerprint"]
    if prepared.dataset.interactions.fingerprint != expected:
        raise UserError(f"the data of {path} has changed", "resume with the same data")
    folder.write_config(settings.tree())
    model = settings.entry.build(settings.model, prepared.training(False), settings.seed)
    return _learn(settings, prepared, model, folder, tracker or Silent(), resume=True)


def _all(settings: RunSettings) -> bool:
    """Whether the model learns from validation rows too: only one that never looks at them."""
    return settings.train is None and not settings.fit.hold_validation


def _facts(settings: RunSettings, prepared: Prepared) -> dict[str, Any]:
    data = prepared.dataset
    return {
        "product": "cinesync",
        "model": settings.entry.name,
        "seed": settings.seed,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "package_version": package_version(),
        "git_commit": git_commit(Path(__file__).parent),
        "data": data.name,
        "data_licence": data.licence,
        "data_fingerprint": data.interactions.fingerprint,
        "fitted_on": "train+validation" if _all(settings) else "train",
        "split": asdict(prepared.split.report()),
    }


def _learn(
    settings: RunSettings,
    prepared: Prepared,
    model: Recommender,
    folder: RunFolder,
    tracker: Tracker,
    resume: bool,
) -> tuple[Run, Evaluation]:
    training = prepared.training(_all(settings))
    began, cpu = time.perf_counter(), time.process_time()
    history: list[dict[str, Any]] = []
    if isinstance(model, ClosedForm):
        model.fit(training, settings.seed)
        folder.write_arrays(model.arrays())
        spent = {
            "seconds": round(time.perf_counter() - began, 3),
            "cpu_seconds": round(time.process_time() - cpu, 3),
        }
    else:
        from cinesync import gradient

        try:
            spent, history = gradient.fit(settings, prepared, model, folder, tracker, resume)
        except KeyboardInterrupt:
            folder.update_manifest(status="interrupted")
            again = f"cinesync train {settings.entry.name} --resume {folder.path}"
            raise InterruptedTrainingError(f"interrupted and saved; go on with: {again}") from None
    folder.seal()
    evaluation = evaluate(model, prepared.split.test, Catalogue.of(training), settings.evaluate)
    folder.update_manifest(
        status="complete",
        training=spent,
        evaluation={"part": "test", **evaluation.to_json()},
    )
    run = Run(folder)
    run.__dict__.update(model=model, prepared=prepared)  # already in memory: no second load
    write_report(
        folder.path,
        title=f"{settings.entry.name} on {prepared.dataset.name}",
        facts=_readable(run),
        history=history,
        evaluation=evaluation.to_json(),
    )
    log.info("trained %s into %s", settings.entry.name, folder.path)
    return run, evaluation


def _readable(run: Run) -> dict[str, str]:
    facts = run.manifest
    names = ("model", "data", "data_licence", "data_fingerprint", "seed", "fitted_on")
    plain = {name.replace("_", " "): str(facts[name]) for name in names}
    split_facts = {f"split {key}": str(value) for key, value in facts["split"].items()}
    spent = {key.replace("_", " "): str(value) for key, value in facts["training"].items()}
    return plain | split_facts | spent | {"commit": str(facts["git_commit"])}
