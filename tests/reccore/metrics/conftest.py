"""A small world to measure: a model that reads its scores from a table, and held-out data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from reccore.data.dataset import Bags, Dataset, Table
from reccore.data.holdout import Holdout
from reccore.data.ids import IdMap
from reccore.data.interactions import Histories, Interactions
from reccore.metrics.evaluate import Catalogue
from reccore.recommender import Recommender


class Lookup(Recommender):
    """Scores and ratings are rows of a matrix."""

    def __init__(self, scores, rates=False):
        self.scores = scores.astype(np.float32)
        self.rates = rates
        self.largest = 0

    def score(self, users):
        self.largest = max(self.largest, len(users))
        rows = self.scores[users.codes]
        rows.flags.writeable = False  # a model may hand out what it does not own
        return rows

    def predict(self, users, items):
        return self.scores[users, items]

    def arrays(self):
        return {"scores": self.scores}

    def restore(self, arrays: Mapping):
        self.scores = arrays["scores"]


@dataclass
class World:
    scores: np.ndarray
    holdout: Holdout
    data: Dataset
    catalogue: Catalogue
    lookup: type = Lookup

    def model(self, scores=None, rates=False):
        return Lookup(self.scores if scores is None else scores, rates)


def ragged(rng, rows, items, least, most):
    """Distinct items in each row."""
    sizes = rng.integers(least, most + 1, rows)
    return Histories.of_lists([rng.permutation(items)[:n].astype(np.int32) for n in sizes])


def make_world(seed=0, users=60, items=40, ties=False):
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((users, items)).astype(np.float32)
    if ties:
        scores = np.round(scores)
    met = ragged(rng, users, items, 5, 14)  # a few held, the others history
    held = rng.integers(1, 5, users)
    histories = Histories.of_lists([met.row(u)[held[u] :] for u in range(users)])
    targets = Histories.of_lists([met.row(u)[: held[u]] for u in range(users)])
    ids = (IdMap(pl.Series(np.arange(users))), IdMap(pl.Series(np.arange(items))))

    def rows(part):
        values = rng.integers(1, 6, len(part.items)).astype(np.float32)
        return Interactions(*ids, part.row_of.astype(np.int32), part.items, values)

    genres = ragged(rng, items, 6, 0, 3)
    words = Bags(tuple("abcdef"), genres.offsets, genres.items)
    data = Dataset(
        "tiny", rows(histories), Table(ids[0]), Table(ids[1], features={"genres": words})
    )
    holdout = Holdout(np.arange(users, dtype=np.int32), histories, targets, rows(targets))
    return World(scores, holdout, data, Catalogue.of(data))


@pytest.fixture
def world() -> Callable[..., World]:
    return make_world
