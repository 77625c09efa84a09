"""Train the gift model end to end, into a run folder."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from giftrec.catalog.gifts import default_gifts, load_gifts
from giftrec.catalog.world import World
from giftrec.checkpoints import CHECKPOINTS
from giftrec.judge import Judge
from giftrec.learn.heard import Heard, read_heard, write_heard
from giftrec.learn.heard import fingerprint as heard_fingerprint
from giftrec.model.integrated import GiftModel
from giftrec.model.predictor import TorchPredictor
from giftrec.model.task import GiftTask, Lessons
from giftrec.recommend import GiftRecommender
from giftrec.scenarios.files import load_scenarios, split
from giftrec.schema import Scenario
from giftrec.settings import DataSettings, RunSettings, stored
from giftrec.vocabulary import load_vocabulary
from reccore.data.batches import IndexBatches
from reccore.data.seeds import derive
from reccore.errors import InterruptedTrainingError, UserError
from reccore.run import RunFolder, git_commit, package_version
from reccore.track import Silent, Tracker
from reccore.track.report import write_report
from reccore.train.loop import fit
from reccore.train.randomness import isolated

log = logging.getLogger(__name__)
HEARD = "heard.json"  # in a run's folder until it is complete: it holds people's wishes
SELECTING = (
    "category_match",
    "category_f1",
    "tool_f1",
    "reward_share",
)  # their mean picks the epoch
MONITORED = ("quality", "category_match", "category_f1", "tool_match", "tool_f1", "reward_share")


@dataclass(frozen=True)
class Ground:
    """World and scenarios of a training."""

    world: World
    training: tuple[Scenario, ...]
    validation: tuple[Scenario, ...]
    source: str


def world_of(gifts: Path | None, vocabulary: Path | None = None, seed: int = 7) -> World:
    """The world of the shipped gifts and words, or of a user's own."""
    words = load_vocabulary(vocabulary)
    return World(default_gifts() if gifts is None else load_gifts(gifts, words), words, seed)


def named_world(settings: DataSettings) -> World:
    """The world that the settings name."""
    return world_of(_path(settings.gifts), _path(settings.vocabulary), settings.world_seed)


def ground(settings: DataSettings, seed: int) -> Ground:
    """Read and split what the settings name."""
    world = named_world(settings)
    file = load_scenarios(_path(settings.scenarios), world)
    training, validation = split(file.scenarios, settings.validation, seed)
    return Ground(world, training, validation, file.source)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def build(settings: RunSettings, world: World) -> GiftModel:
    """A fresh model; its first weights are a function of the seed."""
    with isolated(torch.device("cpu")):
        torch.manual_seed(derive(settings.seed, "weights"))
        return GiftModel(settings.model, world.vocabulary)


def train(
    settings: RunSettings,
    *,
    out: Path | None = None,
    tracker: Tracker | None = None,
    heard: Sequence[Heard] = (),
) -> RunFolder:
    """Train from nothing. Nothing is written before data and settings have proved good.

    `heard` is learned beside the training scenarios, and never judged by.
    """
    on = ground(settings.data, settings.seed)
    model = build(settings, on.world)
    folder = RunFolder.create("giftrec", settings.preset, f"s{settings.seed}", out, CHECKPOINTS)
    folder.write_config(settings.tree())
    folder.update_manifest(status="training", **_facts(settings, on, model), **_told_of(heard))
    try:
        if heard:
            write_heard(folder.path / HEARD, heard)
        return _learn(settings, on, model, folder, tracker or Silent(), heard, resume=False)
    except UserError:
        if not folder.weights_path.exists():
            shutil.rmtree(folder.path)
        raise


def resume(path: Path, *, tracker: Tracker | None = None) -> RunFolder:
    """Go on with an interrupted run, to the same bits as if it had never stopped."""
    folder = RunFolder.open(path)
    require_gifts(folder)
    settings = stored(folder.config, path)
    on = ground(settings.data, settings.seed)
    if fingerprint(on) != folder.manifest["data_fingerprint"]:
        raise UserError(f"the scenarios or gifts of {path} have changed", "resume with the same")
    heard: tuple[Heard, ...] = ()
    if told := folder.manifest.get("feedback"):
        heard = read_heard(path / HEARD)
        if heard_fingerprint(heard) != told["fingerprint"]:
            raise UserError(f"{path / HEARD} has changed", "train again with --feedback")
    model = build(settings, on.world)
    return _learn(settings, on, model, folder, tracker or Silent(), heard, resume=True)


def _told_of(heard: Sequence[Heard]) -> dict[str, Any]:
    """What the manifest says of feedback; of whom, it does not."""
    if not heard:
        return {}
    many = sum(len(one.preferred) for one in heard)
    facts = {"recommendations": len(heard), "comparisons": many}
    return {"feedback": {**facts, "fingerprint": heard_fingerprint(heard)}}


def require_gifts(folder: RunFolder) -> None:
    """Refuse a run of the other product."""
    product = folder.manifest.get("product")
    if product != "giftrec":
        raise UserError(f"{folder.path} is a run of {product}, not giftrec")


def fingerprint(on: Ground) -> str:
    """A hash of world and scenarios: two runs with the same one saw the same."""
    parts = [gift.model_dump_json() for gift in on.world.gifts]
    parts += [scenario.model_dump_json() for scenario in (*on.training, *on.validation)]
    return f"{derive(on.world.seed, *parts):016x}"


def _facts(settings: RunSettings, on: Ground, model: GiftModel) -> dict[str, Any]:
    return {
        "product": "giftrec",
        "model": settings.preset,
        "seed": settings.seed,
        "optimisation_version": "2.0",
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "package_version": package_version(),
        "git_commit": git_commit(Path(__file__).parent),
        "data": on.source,
        "data_fingerprint": fingerprint(on),
        "gifts": len(on.world),
        "split": {
            "kind": "scenarios",
            "seed": settings.seed,
            "training": [s.id for s in on.training],
            "validation": [s.id for s in on.validation],
        },
        "parameters": sum(p.numel() for p in model.parameters()),
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }


def _learn(
    settings: RunSettings,
    on: Ground,
    model: GiftModel,
    folder: RunFolder,
    tracker: Tracker,
    heard: Sequence[Heard],
    resume: bool,
) -> RunFolder:
    predictor = TorchPredictor.of(model, on.world)
    recommender = GiftRecommender(predictor, on.world)
    judge = Judge(on.world, on.validation)

    def validate() -> dict[str, float]:
        metrics = judge.verdict(recommender.answer(on.validation), tools=False).metrics(resamples=0)
        values = {name: metrics[name].value for name in MONITORED}
        return {"selection": sum(values[name] for name in SELECTING) / len(SELECTING), **values}

    lessons = Lessons.of(on.training, on.world, heard)
    task = GiftTask(model, lessons, predictor.gifts, settings.augment, validate)
    how = settings.train
    try:
        result = fit(
            task,
            IndexBatches(task.rows, how.batch_size, settings.seed),
            how,
            folder.path,
            settings.seed,
            tracker,
            resume=resume,
            info={"title": f"giftrec {settings.preset}", "dropout": settings.model.dropout},
        )
    except KeyboardInterrupt:
        folder.update_manifest(status="interrupted")
        again = f"giftrec train --resume {folder.path}"
        raise InterruptedTrainingError(f"interrupted and saved; go on with: {again}") from None
    (folder.path / HEARD).unlink(missing_ok=True)
    folder.seal()
    metrics = judge.verdict(recommender.answer(on.validation)).metrics()
    shown = {name: vars(metric) for name, metric in metrics.items()}
    folder.update_manifest(
        status="complete", training=result.summary(), evaluation={"part": "validation", **shown}
    )
    write_report(
        folder.path,
        title=f"giftrec {settings.preset}",
        facts=_readable(folder.manifest),
        history=result.records,
        evaluation={"users": len(on.validation), "metrics": shown},
    )
    log.info("trained giftrec %s into %s", settings.preset, folder.path)
    return folder


def _readable(facts: Mapping[str, Any]) -> dict[str, str]:
    names = ("model", "data", "data_fingerprint", "seed", "gifts", "parameters", "git_commit")
    return {name.replace("_", " "): str(facts[name]) for name in names}
