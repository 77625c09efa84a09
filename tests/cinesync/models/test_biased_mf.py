"""Biased MF against a plain Python loop, a known low-rank world, and ML-100K."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from cinesync.models.biased_mf import BiasedMf, BiasedMfSettings
from reccore.data.dataset import Dataset, Table
from reccore.data.ids import IdMap
from reccore.data.interactions import Histories, Interactions
from reccore.errors import UserError
from reccore.recommender import UserBatch


def dataset(
    users: npt.ArrayLike, items: npt.ArrayLike, values: npt.ArrayLike | None, sizes: tuple[int, int]
) -> Dataset:
    user_ids, item_ids = (IdMap(pl.Series(range(size))) for size in sizes)
    rows = Interactions(
        user_ids,
        item_ids,
        np.asarray(users, dtype=np.int32),
        np.asarray(items, dtype=np.int32),
        None if values is None else np.asarray(values, dtype=np.float32),
    )
    return Dataset("test", rows, Table(user_ids), Table(item_ids))


@pytest.fixture(scope="module")
def world() -> Dataset:
    """40 x 30, half rated 1 to 5; user 39 and item 29 never."""
    generator = np.random.default_rng(4)
    users, items = np.nonzero(generator.random((39, 29)) < 0.5)
    return dataset(users, items, generator.integers(1, 6, len(users)), (40, 30))


def fitted(data: Dataset, seed: int = 0, **changes: float | int | bool) -> BiasedMf:
    model = BiasedMf.build(BiasedMfSettings.model_validate({"factors": 4, **changes}), data)
    model.fit(data, seed)
    return model


def test_equals_a_plain_loop(world: Dataset) -> None:
    """Three passes of the update, a rating at a time, in float64 Python."""
    options = {"passes": 3, "lr": 0.05, "lr_decay": 0.5, "init_scale": 0.1}
    model = fitted(world, seed=9, regularization=0.2, bias_regularization=0.1, **options)

    rows = world.interactions
    assert rows.values is not None
    generator = np.random.default_rng(9)
    p = generator.normal(0, 0.1, (40, 4))
    q = generator.normal(0, 0.1, (30, 4))
    p[39], q[29] = 0, 0
    b, c, mean, lr = np.zeros(40), np.zeros(30), rows.values.mean(), 0.05
    for _ in range(3):
        for row in generator.permutation(len(rows)):
            u, i = rows.users[row], rows.items[row]
            error = rows.values[row] - mean - b[u] - c[i] - p[u] @ q[i]
            b[u] += lr * (error - 0.1 * b[u])
            c[i] += lr * (error - 0.1 * c[i])
            p[u], q[i] = (
                p[u] + lr * (error * q[i] - 0.2 * p[u]),
                q[i] + lr * (error * p[u] - 0.2 * q[i]),
            )
        lr *= 0.5
    for learned, expected in (
        (model.user_bias, b), (model.item_bias, c), (model.users, p), (model.items, q)
    ):  # fmt: skip
        np.testing.assert_allclose(learned, expected, atol=1e-4)


def test_recovers_a_low_rank_world() -> None:
    """Ratings = biases + rank 2, no noise, 60% seen: the rest is predicted almost exactly."""
    generator = np.random.default_rng(0)
    truth = generator.normal(0, 1, (80, 2)) @ generator.normal(0, 1, (2, 60)) + 3
    truth += generator.normal(0, 0.5, (80, 1)) + generator.normal(0, 0.5, (1, 60))
    seen = generator.random(truth.shape) < 0.6
    users, items = np.nonzero(seen)
    data = dataset(users, items, truth[seen], truth.shape)
    model = fitted(
        data, passes=400, lr=0.03, lr_decay=0.995, regularization=1e-4, bias_regularization=1e-4,
        init_scale=0.1,
    )  # fmt: skip
    held_users, held_items = (codes.astype(np.int32) for codes in np.nonzero(~seen))
    error = model.predict(held_users, held_items) - truth[~seen]
    assert np.sqrt(np.mean(error**2)) < 0.2  # the ratings' own deviation is 1.6


def test_the_unknown_get_mean_and_known_biases(world: Dataset) -> None:
    model = fitted(world, passes=5, clip=False)
    codes = np.array([-1, -1, 39, 3], dtype=np.int32)
    ratings = model.predict(codes, np.array([-1, 5, 29, -1], dtype=np.int32))
    mean = model.mean
    expected = [mean, mean + model.item_bias[5], mean, mean + model.user_bias[3]]
    np.testing.assert_allclose(ratings, expected, rtol=1e-6)


def test_predictions_stay_on_the_scale(world: Dataset) -> None:
    wild = fitted(world, passes=100, lr=0.05, regularization=0.0, clip=True)
    grid = np.indices((40, 30)).reshape(2, -1).astype(np.int32)
    ratings = wild.predict(*grid)
    assert ratings.min() >= 1
    assert ratings.max() <= 5
    assert ratings.dtype == np.float32
    free = fitted(world, passes=100, lr=0.05, regularization=0.0, clip=False).predict(*grid)
    assert free.max() > 5
    np.testing.assert_array_equal(np.clip(free, 1, 5), ratings)


def test_scores_are_the_ratings(world: Dataset) -> None:
    """The ranking is by predicted rating; batch == single; a stranger gets the item biases."""
    model = fitted(world, passes=5, clip=False)
    codes = np.array([-1, 0, 17, 39], dtype=np.int32)
    scores = model.score(UserBatch(codes, Histories.empty(4)))
    items = np.arange(30, dtype=np.int32)
    for row, code in enumerate(codes):
        np.testing.assert_allclose(
            scores[row], model.predict(np.full(30, code, np.int32), items), rtol=1e-5
        )
    assert scores.dtype == np.float32


def test_same_seed_same_model(world: Dataset) -> None:
    one, two, other = (fitted(world, seed, passes=3) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.users, two.users)
    assert not np.array_equal(one.users, other.users)


def test_save_and_restore(world: Dataset) -> None:
    model = fitted(world, passes=3)
    again = BiasedMf.build(model.settings, world)
    again.restore({name: array.copy() for name, array in model.arrays().items()})
    users, items = np.indices((40, 30)).reshape(2, -1).astype(np.int32)
    np.testing.assert_array_equal(again.predict(users, items), model.predict(users, items))
    other = BiasedMf(model.settings, 41, 30)
    with pytest.raises(UserError, match=r"user_bias have shape \(40,\), not \(41,\)"):
        other.restore(model.arrays())


def test_what_it_refuses(world: Dataset) -> None:
    unrated = dataset([0, 1], [0, 1], None, (2, 2))
    with pytest.raises(UserError, match="learns from ratings, and test has none"):
        fitted(unrated)
    with pytest.raises(UserError, match=r"diverged at lr=5.0 .lower model.lr"):
        fitted(world, lr=5.0)


def test_ml_100k(real_data: Path) -> None:
    """Random 90/10 (`default_rng(0)`, the first tenth is test): the bar is .890 and .705."""
    file = real_data / "ml-100k" / "u.data"
    if not file.exists():
        pytest.skip(f"no {file}")
    rows = np.loadtxt(file, dtype=np.int64)
    rows = rows[np.random.default_rng(0).permutation(len(rows))]
    data = dataset(rows[:, 0] - 1, rows[:, 1] - 1, rows[:, 2], (943, 1682))
    train = data.with_interactions(data.interactions.take(np.arange(10_000, 100_000)))
    test = data.interactions.take(np.arange(10_000))
    model = BiasedMf.build(BiasedMfSettings(), train)
    model.fit(train, seed=0)
    assert test.values is not None
    error = model.predict(test.users, test.items) - test.values
    assert np.sqrt(np.mean(error**2)) < 0.887
    assert np.abs(error).mean() < 0.700
