"""The best anybody can do on generated data: the truth, as one more recommender.

Its NDCG is the best reachable (in expectation) when test rows were held out at random: split
kinds random, per-user and strong. By time (loo, time) it also uses when each user was last seen;
there it is what knowing the true tastes gives. Its RMSE is the floor that noise leaves, for every
split.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from cinesync.sources.generated import GeneratedSettings, World, world
from reccore.data.dataset import Dataset
from reccore.data.ids import Codes
from reccore.data.interactions import Floats, Interactions
from reccore.data.split import SplitSettings, split
from reccore.metrics.evaluate import Catalogue, EvaluateSettings, evaluate
from reccore.recommender import Arrays, Recommender, UserBatch


class Oracle(Recommender):
    """Ranks by the true weights of choice and predicts the true expected ratings."""

    rates = True

    def __init__(self, truth: World, data: Dataset, seen: Interactions | None = None) -> None:
        """`seen`: rows before the held ones, for splits by time; None for splits at random."""
        people = data.users.ids.ids.to_numpy() - 1
        titles = data.items.ids.ids.to_numpy() - 1
        here = np.ix_(people, titles)
        self.scores = truth.log_weights[here]  # [U, I]
        self.ratings = truth.expected_ratings[here].astype(np.float32)  # [U, I]
        if seen is not None:
            self.scores = self.scores + _to_come(truth, people, seen)[:, titles]

    def score(self, users: UserBatch) -> Floats:
        """Strangers get the average of all tastes."""
        found: Floats = self.scores[np.maximum(users.codes, 0)]
        strangers = users.codes < 0
        if strangers.any():
            found[strangers] = np.log(np.exp(self.scores).mean(axis=0))
        return found

    def predict(self, users: Codes, items: Codes) -> Floats:
        found: Floats = self.ratings[users, items]
        return found

    def arrays(self) -> Arrays:
        return {"scores": self.scores, "ratings": self.ratings}

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        self.scores = np.asarray(arrays["scores"], dtype=np.float32)
        self.ratings = np.asarray(arrays["ratings"], dtype=np.float32)


def oracle(
    data: Dataset,
    settings: GeneratedSettings | None = None,
    seed: int = 0,
    seen: Interactions | None = None,
) -> Oracle:
    """The truth behind `load("generated", seed=seed)` with these settings."""
    return Oracle(world(settings or GeneratedSettings(), seed), data, seen)


def rmse_floor(truth: World, rows: Interactions) -> float:
    """The expected RMSE of the best prediction on these rows."""
    people = rows.user_ids.ids.to_numpy()[rows.users] - 1
    titles = rows.item_ids.ids.to_numpy()[rows.items] - 1
    return float(np.sqrt(truth.rating_variances[people, titles].mean(dtype=np.float64)))


def _to_come(truth: World, people: npt.NDArray[np.int64], seen: Interactions) -> Floats:
    """log P(a title not met by a user's last seen row is met after it): [U, I]."""
    assert seen.timestamps is not None
    last = np.full(len(people), -np.inf)
    np.maximum.at(last, seen.users, seen.timestamps)
    tau = (last - truth.begins[people]) / truth.spans[people]
    tau = np.clip(tau, 1e-6, 1 - 1e-6)[:, None]
    ahead = truth.drift[people] - np.log(tau / (1 - tau))
    log_sigmoid: Floats = -np.logaddexp(0.0, -ahead).astype(np.float32)
    return log_sigmoid


def best_reachable(data: Dataset) -> dict[str, float]:
    """What the truth itself scores on the default split of the default generated data."""
    parts = split(data.interactions, SplitSettings())
    catalogue = Catalogue.of(data.with_interactions(parts.fit_rows(True)))
    how = EvaluateSettings(bootstrap=0)
    found = evaluate(oracle(data), parts.test, catalogue, how).values()
    return {f"best_reachable_{name}": found[name] for name in ("ndcg@10", "rmse")}
