"""iALS against a dense loss, an exact least squares, and itself in other batches."""

import itertools

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cinesync.models.compiled import in_threads
from cinesync.models.ials import Ials, IalsSettings
from reccore.data.dataset import Dataset, Table
from reccore.data.ids import IdMap
from reccore.data.interactions import Floats, Histories, Interactions
from reccore.errors import UserError
from reccore.recommender import UserBatch

Matrix = npt.NDArray[np.float64]


def dataset(met: npt.NDArray[np.bool_]) -> Dataset:
    user_ids, item_ids = (IdMap(pl.Series(range(size))) for size in met.shape)
    users, items = (codes.astype(np.int32) for codes in np.nonzero(met))
    rows = Interactions(user_ids, item_ids, users, items)
    return Dataset("test", rows, Table(user_ids), Table(item_ids))


@pytest.fixture(scope="module")
def world() -> Dataset:
    """40 x 25, a quarter met; user 7 and item 3 met nothing."""
    met = np.random.default_rng(2).random((40, 25)) < 0.25
    met[7], met[:, 3] = False, False
    return dataset(met)


def fitted(data: Dataset, seed: int = 0, **changes: float | int) -> Ials:
    model = Ials.build(IalsSettings.model_validate({"factors": 8, **changes}), data)
    model.fit(data, seed)
    return model


def everyone(data: Dataset) -> UserBatch:
    return UserBatch(np.arange(len(data.users), dtype=np.int32), data.interactions.histories)


def met_of(data: Dataset) -> Matrix:
    met = np.zeros((len(data.users), len(data.items)))
    met[data.interactions.users, data.interactions.items] = 1
    return met


def ridges(met: Matrix, model: Ials) -> tuple[Matrix, Matrix]:
    """Each user's and item's: regularization x sqrt(mean) x relative^exponent."""
    sides = []
    for counts, others in ((met.sum(axis=1), met.shape[1]), (met.sum(axis=0), met.shape[0])):
        confidence = others + (model.settings.alpha - 1) * counts
        mean = confidence.mean()
        relative = (confidence / mean) ** model.settings.frequency_exponent
        sides.append(model.settings.regularization * np.sqrt(mean) * relative)
    return sides[0], sides[1]


def loss(model: Ials, data: Dataset) -> float:
    """The whole objective, dense, at the best users for the model's items."""
    met, items = met_of(data), model.items.astype(np.float64)
    users = exact_users(model, data)
    confidence = 1 + (model.settings.alpha - 1) * met
    by_user, by_item = ridges(met, model)
    squares = confidence * (met - users @ items.T) ** 2
    ridge = by_user @ (users**2).sum(axis=1) + by_item @ (items**2).sum(axis=1)
    return float(squares.sum() + ridge)


def exact_users(model: Ials, data: Dataset) -> Matrix:
    """Each user's weighted least squares by np.linalg.solve."""
    met, items = met_of(data), model.items.astype(np.float64)
    by_user, _ = ridges(met, model)
    solved = []
    for row, ridge in zip(met, by_user, strict=True):
        confidence = 1 + (model.settings.alpha - 1) * row
        left = (items * confidence[:, None]).T @ items + ridge * np.eye(items.shape[1])
        solved.append(np.linalg.solve(left, items.T @ (confidence * row)))
    return np.array(solved)


@pytest.mark.parametrize("exponent", [0.0, 0.25, 1.0])
def test_fold_in_is_the_exact_least_squares(world: Dataset, exponent: float) -> None:
    model = fitted(world, frequency_exponent=exponent)
    np.testing.assert_allclose(
        model.fold_in(everyone(world)), exact_users(model, world), rtol=1e-3, atol=1e-4
    )


def test_loss_falls_with_every_iteration(world: Dataset) -> None:
    losses = [loss(fitted(world, iterations=n, steps=8), world) for n in (1, 2, 4, 8, 16)]
    assert all(later < earlier for earlier, later in itertools.pairwise(losses)), losses


def test_few_steps_come_to_the_same_optimum(world: Dataset) -> None:
    """Three warm-started gradient steps an iteration lose nothing in the end (Takacs)."""
    exact, few = (fitted(world, iterations=200, steps=steps) for steps in (16, 3))
    assert loss(few, world) == pytest.approx(loss(exact, world), rel=1e-3)


def test_converged_items_are_the_best_for_folded_in_users(world: Dataset) -> None:
    """At convergence both sides are optimal at once: the items solve against folded-in users."""
    model = fitted(world, iterations=400, steps=8)
    met, users = met_of(world), model.fold_in(everyone(world)).astype(np.float64)
    _, by_item = ridges(met, model)
    for item, ridge in enumerate(by_item):
        confidence = 1 + (model.settings.alpha - 1) * met[:, item]
        left = (users * confidence[:, None]).T @ users + ridge * np.eye(users.shape[1])
        best = np.linalg.solve(left, users.T @ (confidence * met[:, item]))
        np.testing.assert_allclose(model.items[item], best, atol=5e-3)


def test_who_met_nothing_is_zero(world: Dataset) -> None:
    model = fitted(world)
    assert not model.items[3].any()
    assert not model.fold_in(everyone(world))[7].any()
    nobody = UserBatch(np.array([-1], np.int32), Histories.empty(1))
    assert not model.score(nobody).any()


def test_solves_the_block_world() -> None:
    """Users like one block of items each; the items they have not met yet must lead."""
    block = np.kron(np.eye(4), np.ones((10, 8))) > 0
    met = block & (np.random.default_rng(0).random(block.shape) < 0.7)
    data = dataset(met)
    model = Ials.build(IalsSettings(), data)  # the defaults
    model.fit(data, seed=0)
    scores = np.where(met, -np.inf, model.score(everyone(data)))
    for user, unmet in enumerate((block & ~met).sum(axis=1)):
        assert block[user, np.argsort(-scores[user])[:unmet]].all()


def test_any_number_of_threads_gives_the_same_bits() -> None:
    data = dataset(np.random.default_rng(3).random((300, 200)) < 0.1)
    one, three = (fitted(data, threads=threads, iterations=3) for threads in (1, 3))
    np.testing.assert_array_equal(one.items, three.items)


def test_same_seed_same_model(world: Dataset) -> None:
    np.testing.assert_array_equal(fitted(world, seed=5).items, fitted(world, seed=5).items)
    assert not np.array_equal(fitted(world, seed=5).items, fitted(world, seed=6).items)


def test_batch_equals_single_and_repeats_do_not_count(world: Dataset) -> None:
    model = fitted(world)
    together = model.score(everyone(world))
    assert together.dtype == np.float32
    for user in range(40):
        met = world.interactions.histories.row(user)
        stranger = UserBatch(np.array([-1], np.int32), Histories.of_lists([np.tile(met, 2)]))
        np.testing.assert_allclose(model.score(stranger)[0], together[user], rtol=1e-4, atol=1e-5)


def test_save_and_restore(world: Dataset) -> None:
    model = fitted(world)
    again = Ials.build(model.settings, world)
    again.restore({name: array.copy() for name, array in model.arrays().items()})
    np.testing.assert_array_equal(again.score(everyone(world)), model.score(everyone(world)))
    other = Ials(IalsSettings(factors=9), 25)
    with pytest.raises(UserError, match=r"weights items have shape \(25, 8\), not \(25, 9\)"):
        other.restore(model.arrays())


def test_nothing_to_learn_from() -> None:
    data = dataset(np.zeros((5, 4), dtype=bool))
    assert not fitted(data).score(everyone(data)).any()


@given(rows=st.integers(0, 300), threads=st.integers(1, 4), chunk=st.integers(1, 50))
@settings(max_examples=25, deadline=None)
def test_threads_visit_every_row_once(rows: int, threads: int, chunk: int) -> None:
    visits: Floats = np.zeros(rows, dtype=np.float32)

    def work(start: int, stop: int) -> None:
        visits[start:stop] += 1

    in_threads(work, rows, threads, chunk)
    assert (visits == 1).all()
