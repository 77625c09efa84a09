"""Popularity, item-kNN and EASE against slow, obvious versions."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from cinesync.models.baselines import (
    Ease,
    EaseSettings,
    ItemKnn,
    ItemKnnSettings,
    Popularity,
    PopularitySettings,
)
from reccore.data.dataset import Dataset, Table
from reccore.data.ids import IdMap
from reccore.data.interactions import Floats, Histories, Interactions
from reccore.errors import UserError
from reccore.recommender import ClosedForm, UserBatch

DAY = 86_400


def dataset(
    users: npt.ArrayLike, items: npt.ArrayLike, sizes: tuple[int, int], days: npt.ArrayLike = ()
) -> Dataset:
    user_ids, item_ids = (IdMap(pl.Series(range(size))) for size in sizes)
    times = np.asarray(days, dtype=np.int64) * DAY if np.size(days) else None
    rows = Interactions(
        user_ids,
        item_ids,
        np.asarray(users, dtype=np.int32),
        np.asarray(items, dtype=np.int32),
        timestamps=times,
    )
    return Dataset("test", rows, Table(user_ids), Table(item_ids))


@pytest.fixture(scope="module")
def world() -> Dataset:
    """30 x 12, a third met, with some pairs met twice."""
    generator = np.random.default_rng(1)
    users, items = np.nonzero(generator.random((30, 12)) < 0.35)
    return dataset([*users, *users[:9]], [*items, *items[:9]], (30, 12))


def dense(data: Dataset) -> npt.NDArray[np.float64]:
    """[U, I] of 0 and 1."""
    matrix = np.zeros((len(data.users), len(data.items)))
    matrix[data.interactions.users, data.interactions.items] = 1
    return matrix


def scores(model: ClosedForm, data: Dataset) -> Floats:
    codes = np.arange(len(data.users), dtype=np.int32)
    return model.score(UserBatch(codes, data.interactions.histories))


def test_popularity_counts(world: Dataset) -> None:
    model = Popularity.build(PopularitySettings(), world)
    model.fit(world, seed=0)
    counts = np.bincount(world.interactions.items, minlength=12)
    np.testing.assert_array_equal(scores(model, world), np.tile(counts, (30, 1)))


def test_recent_popularity_then_all_time() -> None:
    data = dataset([0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 2, 2], (3, 4), days=[1, 1, 1, 1, 1, 30])
    model = Popularity.build(PopularitySettings(recent_days=7.0), data)
    model.fit(data, seed=0)
    assert np.argsort(-scores(model, data)[0]).tolist() == [2, 0, 1, 3]


def test_recent_popularity_needs_timestamps(world: Dataset) -> None:
    model = Popularity.build(PopularitySettings(recent_days=7.0), world)
    with pytest.raises(UserError, match=r"recent_days=7\.0 needs timestamps"):
        model.fit(world, seed=0)


@pytest.mark.parametrize("weighting", ["cosine", "tfidf", "bm25"])
@pytest.mark.parametrize("neighbours", [3, 50])
@pytest.mark.parametrize("block_bytes", [1, 2**20])
def test_knn_equals_dense(
    world: Dataset,
    weighting: str,
    neighbours: int,
    block_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cinesync.models.baselines.BLOCK_BYTES", block_bytes)
    settings = ItemKnnSettings.model_validate(
        {"weighting": weighting, "neighbours": neighbours, "shrinkage": 2.5, "k1": 1.5, "b": 0.6}
    )
    model = ItemKnn.build(settings, world)
    model.fit(world, seed=0)

    met = dense(world)
    weights = met.T.copy()  # [I, U]
    if weighting != "cosine":
        weights *= np.log(1 + 12 / (1 + met.sum(axis=1)))
    if weighting == "bm25":
        lengths = met.sum(axis=0)
        weights *= (2.5 / (1 + 1.5 * (0.4 + 0.6 * lengths / lengths.mean())))[:, None]
    similar = weights @ weights.T  # row: the scored item
    if weighting != "bm25":
        norms = np.linalg.norm(weights, axis=1)
        similar /= np.outer(norms, norms) + 2.5
    np.fill_diagonal(similar, 0)
    for row in similar:
        row[np.argsort(-row)[neighbours:]] = 0
    np.testing.assert_allclose(scores(model, world), met @ similar.T, rtol=1e-4, atol=1e-5)


def test_ease_equals_the_formula(world: Dataset) -> None:
    model = Ease.build(EaseSettings(l2=3.0), world)
    model.fit(world, seed=0)
    met = dense(world)
    inverse = np.linalg.inv(met.T @ met + 3.0 * np.eye(12))
    weights = np.eye(12) - inverse / np.diag(inverse)
    np.testing.assert_allclose(model.weights, weights, atol=1e-5)
    assert not np.diag(model.weights).any()
    np.testing.assert_allclose(scores(model, world), met @ weights, atol=1e-4)


def test_ease_refuses_a_catalogue_it_cannot_hold(world: Dataset) -> None:
    with pytest.raises(UserError, match="12 items, max_items=10"):
        Ease.build(EaseSettings(max_items=10), world)


MODELS: list[ClosedForm] = [
    Popularity(PopularitySettings(), 12),
    ItemKnn(ItemKnnSettings(neighbours=4), 12),
    Ease(EaseSettings(l2=3.0), 12),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_scores_come_from_the_history(model: ClosedForm, world: Dataset) -> None:
    """Batch == single, for an unknown code as for a known one; repeats and no history are fine."""
    model.fit(world, seed=0)
    assert model.from_history
    together = scores(model, world)
    assert together.dtype == np.float32
    histories = world.interactions.histories
    for user in range(30):
        stranger = UserBatch(np.array([-1], np.int32), histories.take(np.array([user])))
        np.testing.assert_allclose(model.score(stranger)[0], together[user], rtol=1e-6)
    nobody = UserBatch(np.array([-1], np.int32), Histories.empty(1))
    assert np.isfinite(model.score(nobody)).all()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_save_and_restore(model: ClosedForm, world: Dataset) -> None:
    model.fit(world, seed=0)
    again = type(model)(model.settings, 12)  # type: ignore[attr-defined,call-arg]
    again.restore({name: array.copy() for name, array in model.arrays().items()})
    np.testing.assert_array_equal(scores(again, world), scores(model, world))
    other = type(model)(model.settings, 11)  # type: ignore[attr-defined,call-arg]
    with pytest.raises(UserError, match="weights"):
        other.restore(model.arrays())
    with pytest.raises(UserError, match="missing"):
        again.restore({})


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_nothing_to_learn_from(model: ClosedForm) -> None:
    empty = dataset([], [], (30, 12))
    model.fit(empty, seed=0)
    assert not scores(model, empty).any()


def test_ease_and_popularity_on_ml_1m(real_data: Path) -> None:
    """The published protocol, measured independently: ndcg@10 .4268 and .2023, hit@10 .931, .668.

    Split and metrics are written out here once more, apart from the package's own.
    """
    file = real_data / "ml-1m" / "interactions.parquet"
    if not file.exists():
        pytest.skip(f"no {file}")
    frame = pl.read_parquet(file).sort(["user_id", "position"], maintain_order=True)
    users = np.unique(frame["user_id"].to_numpy(), return_inverse=True)[1]
    items = np.unique(frame["movie_id"].to_numpy(), return_inverse=True)[1]
    sizes = (int(users.max()) + 1, int(items.max()) + 1)
    generator = np.random.default_rng(0)
    counts = np.bincount(users)
    held = np.zeros(len(users), dtype=bool)
    for start, count in zip(np.cumsum(counts) - counts, counts, strict=True):
        held[start + generator.permutation(count)[round(0.8 * count) :]] = True
    train, test = (dataset(users[rows], items[rows], sizes) for rows in (~held, held))
    expected: list[tuple[ClosedForm, tuple[float, float]]] = [
        (Ease(EaseSettings(l2=300.0), sizes[1]), (0.4268, 0.9311)),
        (Popularity(PopularitySettings(), sizes[1]), (0.2023, 0.6677)),
    ]
    for model, figures in expected:
        model.fit(train, seed=0)
        np.testing.assert_allclose(_ranking(model, train, test), figures, atol=2e-3)


def _ranking(model: ClosedForm, train: Dataset, test: Dataset) -> tuple[float, float]:
    """ndcg@10 and hit@10 over all users."""
    discounts = 1 / np.log2(np.arange(2, 12))
    ndcg, hits = [], []
    for start in range(0, len(train.users), 1000):
        codes = np.arange(start, min(start + 1000, len(train.users)), dtype=np.int32)
        seen, held = (d.interactions.histories.take(codes) for d in (train, test))
        block = np.array(model.score(UserBatch(codes, seen)))
        block[seen.row_of, seen.items] = -np.inf
        relevant = np.zeros(block.shape, dtype=bool)
        relevant[held.row_of, held.items] = True
        top = np.argpartition(-block, 10, axis=1)[:, :10]
        order = np.argsort(-np.take_along_axis(block, top, axis=1), axis=1)
        top = np.take_along_axis(top, order, axis=1)
        gains = np.take_along_axis(relevant, top, axis=1)
        ndcg.append(gains @ discounts / np.cumsum(discounts)[np.minimum(held.lengths, 10) - 1])
        hits.append(gains.any(axis=1))
    return float(np.concatenate(ndcg).mean()), float(np.concatenate(hits).mean())
