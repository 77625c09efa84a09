"""The one evaluation of every model: full ranking, seen items removed, intervals over users.

Users are scored in blocks, and each block is reduced to a few numbers a user before the next
one is scored, so memory is bounded whatever the catalogue.
"""

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from reccore.config import Settings
from reccore.data.holdout import Holdout
from reccore.data.ids import Codes
from reccore.data.interactions import Histories, Interactions
from reccore.errors import UserError
from reccore.metrics.calibration import popularity_calibration
from reccore.metrics.catalogue import Catalogue
from reccore.metrics.groups import GroupTable, PopularityTable, by_history
from reccore.metrics.intervals import Metric, means, rating_means
from reccore.metrics.lists import coverage, diversity, exposure, gini, novelty, serendipity
from reccore.metrics.ranking import RANKING, PerUser, relevance
from reccore.metrics.rating import RatingErrors
from reccore.metrics.topk import Items, Progress, blocks_of, top_k, users_per_block
from reccore.recommender import Recommender, UserBatch

__all__ = ["Catalogue", "EvaluateSettings", "Evaluation", "Metric", "evaluate"]

RATING_ROWS = 1 << 16  # pairs whose ratings are predicted together


class EvaluateSettings(Settings):
    """How to measure."""

    k: tuple[Annotated[int, Field(gt=0)], ...] = Field(
        (10, 20), min_length=1, description="lengths of the lists that are measured"
    )
    bootstrap: int = Field(1000, ge=0, description="resamples of an interval; 0: no intervals")
    seed: int = Field(0, ge=0, description="of the resamples")
    block_bytes: int = Field(256 << 20, gt=0, description="scores held at once, in bytes")
    block_users: int = Field(1024, gt=0, description="users scored at once, at most")
    diversity_feature: str = Field("genres", description="the item feature diversity compares")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was measured: of each user, of all, and of groups of users and of items."""

    users: Codes  # [U] those with at least one relevant item
    per_user: dict[str, PerUser]  # [U] each; NaN where a metric is not defined for a user
    summary: dict[str, Metric]
    groups: GroupTable
    ratings: RatingErrors | None = field(default=None, repr=False)

    def values(self) -> dict[str, float]:
        return {name: metric.value for name, metric in self.summary.items()}

    def to_json(self) -> dict[str, Any]:
        """A plain tree for `json.dumps`: users, metrics and groups with their intervals."""
        return {
            "users": len(self.users),
            "metrics": {name: asdict(metric) for name, metric in self.summary.items()},
            "groups": {
                group: {name: asdict(metric) for name, metric in table.items()}
                for group, table in self.groups.items()
            },
        }


def evaluate(
    model: Recommender,
    holdout: Holdout,
    catalogue: Catalogue,
    settings: EvaluateSettings | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure a model on held-out data. `progress` hears of (users done, users in all)."""
    settings = settings or EvaluateSettings()
    resamples, seed = settings.bootstrap, settings.seed
    evaluated = np.flatnonzero(holdout.targets.lengths > 0)
    if len(evaluated) == 0:
        raise UserError("no held-out user has a relevant item", "hold out more data")
    asked = UserBatch(holdout.users, holdout.histories, holdout.now).take(evaluated)
    users, histories, targets = asked.codes, asked.histories, holdout.targets.take(evaluated)
    measure = _Measure(catalogue, settings)
    size = users_per_block(len(catalogue), settings.block_bytes, settings.block_users)
    for rows in blocks_of(len(users), size):
        batch = asked.take(rows)
        measure.add(model.score(batch), batch.histories, targets.take(rows))
        if progress is not None:
            progress(int(rows[-1]) + 1, len(users))
    per_user, table = measure.per_user(), PopularityTable.concatenate(measure.tables)
    ratings = _rating_errors(model, holdout.rows)
    summary = {
        **means(per_user, resamples, seed),
        **measure.catalogue_wide(),
        **({} if ratings is None else rating_means(ratings, resamples, seed)),
    }
    groups = {
        **by_history(histories.lengths, per_user, resamples, seed),
        **table.summary(catalogue.popularity, catalogue.groups, resamples, seed),
    }
    return Evaluation(users, per_user, summary, groups, ratings)


class _Measure:
    """Takes blocks of scores, keeps a few numbers a user."""

    def __init__(self, catalogue: Catalogue, settings: EvaluateSettings) -> None:
        self.catalogue = catalogue
        self.ks = tuple(sorted(set(settings.k)))
        self.kinds = catalogue.kinds(settings.diversity_feature)
        self.blocks: list[dict[str, PerUser]] = []
        self.tables: list[PopularityTable] = []
        self.exposed = {k: np.zeros(len(catalogue), dtype=np.int64) for k in self.ks}

    def add(
        self, scores: npt.NDArray[np.float32], histories: Histories, targets: Histories
    ) -> None:
        catalogue = self.catalogue
        expected = (len(histories), len(catalogue))
        assert scores.shape == expected, f"scores {scores.shape}, expected {expected}"
        items, _ = top_k(scores, histories, self.ks[-1])
        hits, n_relevant = relevance(items, targets, len(catalogue))
        block: dict[str, PerUser] = {}
        for name, metric in RANKING.items():
            block |= {f"{name}@{k}": metric(hits[:, :k], n_relevant) for k in self.ks}
        for k in self.ks:
            block |= self._list_metrics(k, items[:, :k], hits[:, :k], histories)
            self.exposed[k] += exposure(items[:, :k], len(catalogue))
        self.blocks.append(block)
        self.tables.append(PopularityTable.of(items, hits, targets, catalogue.groups, self.ks))

    def _list_metrics(
        self, k: int, items: Items, hits: npt.NDArray[np.bool_], histories: Histories
    ) -> dict[str, PerUser]:
        catalogue = self.catalogue
        found = {} if self.kinds is None else {f"diversity@{k}": diversity(items, self.kinds)}
        return {
            **found,
            f"novelty@{k}": novelty(items, catalogue.popularity),
            f"serendipity@{k}": serendipity(items, hits, histories, catalogue.rank),
            f"popularity_calibration@{k}": popularity_calibration(
                items, histories, catalogue.groups
            ),
        }

    def per_user(self) -> dict[str, PerUser]:
        return {
            name: np.concatenate([block[name] for block in self.blocks]) for name in self.blocks[0]
        }

    def catalogue_wide(self) -> dict[str, Metric]:
        """Without intervals: a resample of users always covers less than the users do."""
        cover = {f"coverage@{k}": Metric(coverage(self.exposed[k])) for k in self.ks}
        return cover | {f"gini@{k}": Metric(gini(self.exposed[k])) for k in self.ks}


def _rating_errors(model: Recommender, rows: Interactions) -> RatingErrors | None:
    """Errors of predicted ratings, where the model rates and the rows have values."""
    if not model.rates or rows.values is None or len(rows) == 0:
        return None
    predicted = np.concatenate(
        [
            model.predict(rows.users[part], rows.items[part])
            for part in blocks_of(len(rows), RATING_ROWS)
        ]
    )
    broken = int(np.isnan(predicted).sum())
    if broken:
        raise UserError(
            f"the model predicts NaN for {broken} of {len(rows)} ratings",
            "its training diverged or its weights are damaged: train it again",
        )
    return RatingErrors.of(rows.users, predicted, rows.values)
