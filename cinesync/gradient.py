"""The bridge from a model with gradients to the one trainer."""

from typing import Any, cast

from cinesync.models.neural import NeuralRecommender
from cinesync.runs import Prepared
from cinesync.settings import RunSettings
from reccore.data.batches import IndexBatches
from reccore.metrics.evaluate import Catalogue, evaluate
from reccore.recommender import Recommender
from reccore.run import RunFolder
from reccore.track import Tracker
from reccore.train.loop import fit as run_trainer
from reccore.train.settings import TrainSettings

HEALTH_FACTS = ("dropout", "kl_weight")


def fit(
    settings: RunSettings,
    prepared: Prepared,
    model: Recommender,
    folder: RunFolder,
    tracker: Tracker,
    resume: bool,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Train `model` in place to its best epoch; the figures of the training and its history."""
    assert isinstance(model, NeuralRecommender)
    training = prepared.training(False)
    how = cast(TrainSettings, settings.train)
    validation = prepared.split.validation
    quick = settings.evaluate.model_copy(update={"bootstrap": 0})
    catalogue = Catalogue.of(training)

    def validate() -> dict[str, float]:
        if validation is None:
            return {}
        return evaluate(model, validation, catalogue, quick).values()

    task = model.task(training, validate, settings.seed)
    result = run_trainer(
        task,
        IndexBatches(task.rows, how.batch_size, settings.seed),
        how,
        folder.path,
        settings.seed,
        tracker,
        resume=resume,
        info=_info(settings),
    )
    return result.summary(), result.records


def _info(settings: RunSettings) -> dict[str, Any]:
    """What trackers show and health flags need to know of the model."""
    model = settings.model.model_dump()
    info: dict[str, Any] = {name: model[name] for name in HEALTH_FACTS if name in model}
    return {"title": f"{settings.entry.name} on {settings.data.name}", **info}
