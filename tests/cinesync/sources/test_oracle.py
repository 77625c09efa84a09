"""The oracle: nobody ranks or predicts better, and there is room below it for models."""

import numpy as np
import numpy.typing as npt
import pytest

from cinesync.sources import load
from cinesync.sources.generated import GeneratedSettings, world
from cinesync.sources.oracle import Oracle, oracle, rmse_floor
from reccore.data.dataset import Dataset
from reccore.data.interactions import Floats, Interactions
from reccore.data.split import Split, SplitSettings, split
from reccore.metrics.evaluate import Catalogue, EvaluateSettings, evaluate
from reccore.recommender import Arrays, Recommender, UserBatch


class Fixed(Recommender):
    """Scores written down beforehand."""

    def __init__(self, scores: npt.NDArray[np.floating]) -> None:
        self.scores = scores.astype(np.float32)

    def score(self, users: UserBatch) -> Floats:
        found: Floats = self.scores[users.codes]
        return found

    def arrays(self) -> Arrays:
        return {}

    def restore(self, arrays: object) -> None:
        pass


def ease(rows: Interactions, l2: float = 200.0) -> npt.NDArray[np.float64]:
    """Steck 2019, in six lines."""
    met = np.zeros((len(rows.user_ids), len(rows.item_ids)))
    met[rows.users, rows.items] = 1
    inverse = np.linalg.inv(met.T @ met + l2 * np.eye(met.shape[1]))
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return met @ weights


SMALL = GeneratedSettings(users=800, items=600)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load(options={"users": 800, "items": 600}).dataset


def values(model: Recommender, data: Dataset, parts: Split) -> dict[str, float]:
    catalogue = Catalogue.of(data.with_interactions(parts.fit_rows(True)))
    settings = EvaluateSettings(k=(10,), bootstrap=0)
    return evaluate(model, parts.test, catalogue, settings).values()


def test_popularity_below_ease_below_oracle(data: Dataset) -> None:
    """A good model beats popularity, and the truth beats it, by far."""
    parts = split(data.interactions, SplitSettings(kind="per-user"))
    rows = parts.fit_rows(True)
    counts = np.bincount(rows.items, minlength=len(data.items))
    popular = values(Fixed(np.tile(counts, (len(data.users), 1))), data, parts)["ndcg@10"]
    good = values(Fixed(ease(rows)), data, parts)["ndcg@10"]
    truth = oracle(data, SMALL)
    best = values(truth, data, parts)
    assert popular < 0.5 * good
    assert 1.3 * good < best["ndcg@10"]
    floor = rmse_floor(world(SMALL), parts.test.rows)
    assert best["rmse"] == pytest.approx(floor, abs=0.01)
    worse = truth.scores + 0.5 * np.random.default_rng(0).normal(size=truth.scores.shape)
    assert values(Fixed(worse), data, parts)["ndcg@10"] < best["ndcg@10"]


def test_order_matters(data: Dataset) -> None:
    """Who knows how tastes move finds the last item more often."""
    parts = split(data.interactions, SplitSettings(kind="loo"))
    still = values(oracle(data, SMALL), data, parts)["ndcg@10"]
    moving = values(oracle(data, SMALL, seen=parts.fit_rows(True)), data, parts)["ndcg@10"]
    assert moving > 1.2 * still


def test_strangers_and_state() -> None:
    data = load("generated", options={"users": 30, "items": 40}).dataset
    model = oracle(data, GeneratedSettings(users=30, items=40))
    codes = np.array([2, -1], dtype=np.int32)
    scores = model.score(UserBatch(codes, data.interactions.histories.take(np.array([2, 0]))))
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores[0], model.scores[2])
    assert np.isfinite(scores).all()
    again = Oracle(world(GeneratedSettings(users=30, items=40), seed=5), data)
    again.restore(model.arrays())
    np.testing.assert_array_equal(again.scores, model.scores)
    pairs = (np.array([1, 2], np.int32), np.array([3, 4], np.int32))
    np.testing.assert_array_equal(again.predict(*pairs), model.predict(*pairs))
