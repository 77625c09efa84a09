"""The gate before the registry: good enough, and not worse than the champion.

Both are measured on the very same held-out users, and the paired difference decides. The champion
is asked in the candidate's data, whatever data it was made from: fresh data is the usual reason
to train again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from cinesync.runs import Prepared
from reccore.bundle.bundle import Bundle
from reccore.bundle.served import Served
from reccore.config import Settings
from reccore.data.dataset import Dataset
from reccore.data.holdout import Holdout
from reccore.data.ids import Codes
from reccore.data.interactions import Floats, Histories
from reccore.errors import TrainingError, UserError
from reccore.files import write_atomic
from reccore.metrics.compare import LOWER_IS_BETTER, compare
from reccore.metrics.evaluate import Catalogue, EvaluateSettings, Evaluation, evaluate
from reccore.metrics.ranking import RANKING
from reccore.metrics.rating import RATING, RatingErrors
from reccore.metrics.topk import pair_keys
from reccore.recommender import Arrays, Recommender, UserBatch

LISTS = ("diversity", "novelty", "serendipity", "popularity_calibration")


class GateRefusedError(TrainingError):
    """A model that may not pass: nothing is registered. Exit code 1."""


class GateSettings(Settings):
    """What a candidate must reach."""

    metric: str = Field("ndcg@10", description="a metric of each user, or rmse, mse, mae")
    minimum: float | None = Field(None, description="every seed must reach it")
    maximum: float | None = Field(None, description="the same where lower is better")
    require: Literal["not-worse", "better"] = Field(
        "not-worse",
        description="than the champion, by the 95% interval of the paired difference: "
        "not-worse refuses a worse model, better any that is not better",
    )
    resamples: int = Field(1000, gt=0, description="of the users, for the interval")
    seed: int = Field(0, ge=0, description="of the resamples")

    def check(self, how: EvaluateSettings) -> None:
        """Refuse before hours of training what could not be judged after them."""
        name, _, k = self.metric.partition("@")
        ranked = [*RANKING, *LISTS]
        if self.metric not in RATING and (name not in ranked or not k.isdigit()):
            known = ", ".join([*(f"{one}@K" for one in ranked), *RATING])
            raise UserError(f"gate.metric {self.metric!r} is not measured user by user", known)
        if k and int(k) not in how.k:
            cutoffs = sorted({*how.k, int(k)})
            raise UserError(
                f"gate.metric {self.metric!r}: lists of {k} are not measured",
                f"set evaluate.k = {cutoffs} in [model.changes]",
            )
        lower = name in LOWER_IS_BETTER
        if (self.minimum if lower else self.maximum) is not None:
            wrong, right = ("minimum", "maximum") if lower else ("maximum", "minimum")
            better = "lower" if lower else "higher"
            raise UserError(f"gate.{wrong}: {better} {name} is better", f"set gate.{right}")


@dataclass(frozen=True)
class Champion:
    """Who is to be beaten, measured on the candidate's users."""

    version: str
    evaluation: Evaluation
    knew: float | None  # share of the targets it had met in its own data: an advantage it has


@dataclass(frozen=True)
class Verdict:
    """Why a candidate passed. The difference is candidate - champion."""

    metric: str
    values: Mapping[str, float]  # by seed
    champion: str | None = None
    champion_value: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    better: Literal["candidate", "champion"] | None = None
    champion_knew: float | None = None


def judge(
    gate: GateSettings,
    values: Mapping[str, float],
    candidate: Evaluation,
    champion: Champion | None,
) -> Verdict:
    """The verdict of a candidate that passes; `GateRefusedError` of one that does not."""
    metric = gate.metric
    for seed, value in values.items():
        found = f"the gate refuses: {metric} is {value:.4f} with seed {seed}"
        if gate.minimum is not None and not value >= gate.minimum:
            raise GateRefusedError(f"{found}, below the minimum {gate.minimum:g}")
        if gate.maximum is not None and not value <= gate.maximum:
            raise GateRefusedError(f"{found}, above the maximum {gate.maximum:g}")
    if champion is None:
        return Verdict(metric, dict(values))
    both = compare(candidate, champion.evaluation, gate.resamples, gate.seed)
    if metric not in both:
        raise UserError(
            f"the champion {champion.version} has no {metric} on this data",
            "choose another gate.metric; known: " + ", ".join(both),
        )
    d = both[metric]
    better = {None: None, "a": "candidate", "b": "champion"}[d.better]
    seen = "no interval" if d.low is None else f"95% interval {d.low:+.4f} .. {d.high:+.4f}"
    told = f"{d.value:+.4f}, {seen}, on the same {_common(candidate, champion)} users"
    if better == "champion":
        raise GateRefusedError(
            f"the gate refuses: {metric} is worse than the champion's ({champion.version}): {told}"
        )
    if gate.require == "better" and better != "candidate":
        raise GateRefusedError(
            f"the gate refuses: {metric} is not better than the champion's "
            f"({champion.version}): {told}"
        )
    return Verdict(
        metric,
        dict(values),
        champion.version,
        champion.evaluation.values()[metric],
        d.value,
        d.low,
        d.high,
        better,  # type: ignore[arg-type]
        champion.knew,
    )


def _common(candidate: Evaluation, champion: Champion) -> int:
    return len(np.intersect1d(candidate.users, champion.evaluation.users))


def measure_champion(
    version: str, folder: Path, prepared: Prepared, learned: Dataset, how: EvaluateSettings
) -> Champion:
    """The champion on the candidate's held-out users; `learned`: what the candidate fitted on."""
    bundle = Bundle.open(folder)
    test = prepared.split.test
    asked = Elsewhere(bundle, prepared.dataset)
    found = evaluate(asked, test, Catalogue.of(learned), how.model_copy(update={"bootstrap": 0}))
    return Champion(version, found, asked.knew(test))


class Elsewhere(Recommender):
    """A bundle asked in the codes of other data: by id, so far as it knows the ids.

    An item it does not know it cannot recommend: score -inf.
    """

    def __init__(self, bundle: Bundle, data: Dataset) -> None:
        self.bundle = bundle
        people = data.users.ids.ids
        self.users: Codes = np.full(len(people), -1, dtype=np.int32)
        if bundle.users is not None:
            self.users = bundle.users.ids.encode(people)
        self.items = bundle.items.ids.encode(data.items.ids.ids)  # [I]
        self.known = self.items >= 0
        if not self.known.any():
            raise UserError(
                f"{bundle.folder} knows none of the items of {data.name}",
                "register the model under another name",
            )
        self.served = Served(bundle, self.users)
        self.rates = bundle.scorer.rates and bool(self.known.all())

    def score(self, users: UserBatch) -> Floats:
        theirs = self.served.score(replace(users, histories=self._own(users.histories)))
        scores = np.full((len(users), len(self.items)), -np.inf, dtype=np.float32)
        scores[:, self.known] = theirs[:, self.items[self.known]]
        return scores

    def predict(self, users: Codes, items: Codes) -> Floats:
        return self.served.predict(users, self.items[items])

    def knew(self, test: Holdout) -> float | None:
        """The share of the targets that are in the bundle's own histories; None: it holds none."""
        if self.bundle.users is None or len(test.targets.items) == 0:
            return None
        size, theirs = len(self.bundle.items), self.users[test.users[test.targets.row_of]]
        rows = pair_keys(self.bundle.seen, size)
        wanted = np.where(theirs >= 0, theirs.astype(np.int64) * size, -size)
        item = self.items[test.targets.items]
        if len(rows) == 0:
            return 0.0
        keys = wanted + item
        at = np.minimum(np.searchsorted(rows, keys), len(rows) - 1)
        return float(((rows[at] == keys) & (item >= 0) & (theirs >= 0)).mean())

    def _own(self, histories: Histories) -> Histories:
        """In the bundle's item codes, without what it does not know."""
        codes = self.items[histories.items]
        return histories.where(codes >= 0, codes)

    def arrays(self) -> Arrays:
        return self.served.arrays()

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        raise TypeError("a bundle is opened, not restored")


def store(path: Path, evaluation: Evaluation) -> None:
    """What a paired comparison needs of an evaluation, in one file."""
    arrays = {f"per_user/{name}": column for name, column in evaluation.per_user.items()}
    ratings = evaluation.ratings
    if ratings is not None:
        names = ("users", "squared", "absolute", "counts")
        arrays |= {f"ratings/{name}": getattr(ratings, name) for name in names}

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, users=evaluation.users, **arrays)  # type: ignore[arg-type]

    write_atomic(path, save)


def stored(path: Path) -> Evaluation:
    """As it was stored, for a comparison: without summary and groups."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    parts = {
        part: {n.removeprefix(part): a for n, a in arrays.items() if n.startswith(part)}
        for part in ("per_user/", "ratings/")
    }
    ratings = RatingErrors(**parts["ratings/"]) if parts["ratings/"] else None
    return Evaluation(arrays["users"], parts["per_user/"], {}, {}, ratings)
