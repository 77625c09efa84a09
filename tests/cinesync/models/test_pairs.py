"""What holds for every model of pairs: mf, ncf and neumf."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from cinesync.models import pairs
from cinesync.models.factors import MF, MFSettings
from cinesync.models.ncf import NCF, NCFSettings, NeuMF, NeuMFSettings
from cinesync.models.pairs import PairRecommender
from cinesync.sources.blocks import blocks
from reccore.data.batches import IndexBatches
from reccore.data.dataset import Dataset, Table
from reccore.data.ids import IdMap
from reccore.data.interactions import Histories, Interactions
from reccore.data.split import SplitSettings, split
from reccore.recommender import UserBatch
from reccore.train.history import History
from reccore.train.loop import TrainSettings, fit

SMALL = {"dim": 8, "init": 0.1, "embedding_l2": 0.02, "dropout": 0.2}
MODELS = {
    "mf": (MF, MFSettings, {**SMALL, "hidden": (16, 8), "norm": "batch"}),
    "mf-dot": (MF, MFSettings, {**SMALL, "hidden": ()}),
    "ncf": (NCF, NCFSettings, {**SMALL, "hidden": (32, 16), "norm": "batch"}),
    "neumf": (NeuMF, NeuMFSettings, {**SMALL, "hidden": 16, "heads": 2}),
}
PARTS = split(blocks().interactions, SplitSettings(validation=0.0))
WORLD = blocks().with_interactions(PARTS.train)


def build(name: str, data: Dataset, **settings: object) -> PairRecommender:
    model, cls, quick = MODELS[name]
    torch.manual_seed(0)
    built = model.build(cls.model_validate({**quick, **settings}), data)
    assert isinstance(built, PairRecommender)
    return built


def train(model: PairRecommender, data: Dataset, folder: Path, **settings: object) -> History:
    task = model.task(data, dict, 0)
    how = TrainSettings.model_validate({"batch_size": 64, "epochs": 25, "lr": 0.02, **settings})
    return fit(task, IndexBatches(task.rows, how.batch_size, 0), how, folder, 0)


def shaken(name: str, data: Dataset, **settings: object) -> PairRecommender:
    """An untrained model in which nothing is zero any more."""
    model = build(name, data, **settings)
    with torch.no_grad():
        for parameter in model.module.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model


def everyone(data: Interactions) -> UserBatch:
    return UserBatch(np.arange(len(data.user_ids), dtype=np.int32), data.histories)


def answered(model: PairRecommender) -> float:
    """Share of users for whom all that was held back comes before all other unseen items."""
    scores = model.score(everyone(WORLD.interactions))
    scores[WORLD.interactions.users, WORLD.interactions.items] = -np.inf
    held = PARTS.test.targets
    tops = [set(np.argsort(-row)[:n].tolist()) for row, n in zip(scores, held.lengths, strict=True)]
    return float(np.mean([tops[u] == set(held.row(u).tolist()) for u in range(len(held))]))


LOSSES = ["bpr", "bce", "softmax", "bpr"]


@pytest.mark.parametrize(("name", "loss"), list(zip(MODELS, LOSSES, strict=True)))
def test_solves_the_block_world(name: str, loss: str, tmp_path: Path) -> None:
    negatives = {"per_positive": 4}
    model = build(name, WORLD, loss=loss, negatives=negatives)
    train(model, WORLD, tmp_path)
    assert answered(model) > 0.95


@pytest.mark.parametrize("name", ["mf-dot", "ncf"])
def test_solves_the_block_world_with_hard_negatives(name: str, tmp_path: Path) -> None:
    hard = {"kind": "hard", "per_positive": 4, "candidates": 8}
    model = build(name, WORLD, negatives=hard)
    record = train(model, WORLD, tmp_path).records[0]
    assert answered(model) > 0.95
    assert record["stat/negatives_gap"] > 0
    assert 0 < record["stat/negatives_redrawn"] < 1


@pytest.mark.parametrize(
    ("name", "history"), [("mf", "users"), ("mf-dot", "both"), ("ncf", "both")]
)
def test_histories_do_not_tell_the_answer(name: str, history: str, tmp_path: Path) -> None:
    model = build(name, WORLD, history=history, negatives={"per_positive": 4})
    train(model, WORLD, tmp_path)
    assert answered(model) > 0.95


def low_rank() -> tuple[Dataset, Interactions]:
    """Ratings of rank 2 with biases and no noise: a fifth is held back."""
    rng = np.random.default_rng(0)
    u, i = rng.normal(size=(60, 2)), rng.normal(size=(50, 2))
    ratings = 3 + 0.4 * (u @ i.T) + 0.4 * rng.normal(size=(60, 1)) + 0.4 * rng.normal(size=50)
    order = rng.permutation(3000)
    users, items = (IdMap(pl.Series(range(n))) for n in (60, 50))
    rows = Interactions(
        users,
        items,
        (order // 50).astype(np.int32),
        (order % 50).astype(np.int32),
        ratings.ravel()[order].astype(np.float32),
    )
    data = Dataset("low rank", rows.take(np.arange(2400)), Table(users), Table(items))
    return data, rows.take(np.arange(2400, 3000))


@pytest.mark.parametrize("name", list(MODELS))
def test_recovers_a_low_rank_matrix(name: str, tmp_path: Path) -> None:
    data, held = low_rank()
    model = build(name, data, target="rating", embedding_l2=0.0, dropout=0.0)
    settings = {"epochs": 30, "batch_size": 128, "lr": 0.02, "schedule": {"kind": "cosine"}}
    train(model, data, tmp_path, **settings)
    assert model.rates
    assert held.values is not None
    errors = model.predict(held.users, held.items) - held.values
    bias_only = 0.55  # what is left without factors
    assert np.sqrt(np.mean(errors**2)) < bias_only / (5 if name.startswith("mf") else 2)


@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize("history", ["none", "both"])
def test_blocks_equal_pairs_and_singles(
    name: str, history: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = shaken(name, WORLD, history=history, dropout=0.5)
    users = everyone(WORLD.interactions)
    monkeypatch.setattr(pairs, "BLOCK", 700)  # many blocks of items
    monkeypatch.setattr(pairs, "USERS", 10)
    scores = model.score(users)
    module = model.module.eval()
    with torch.no_grad():
        codes = torch.from_numpy(users.codes).long()
        items = torch.arange(scores.shape[1]).expand(len(codes), -1)
        slow = module(codes, items, trained=False).values - module.middle
    np.testing.assert_allclose(scores, slow.numpy(), rtol=1e-4, atol=1e-4)
    rows = np.array([5])
    alone = model.score(UserBatch(users.codes[rows], users.histories.take(rows)))
    np.testing.assert_allclose(alone[0], scores[5], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", list(MODELS))
def test_comes_back_from_its_arrays_alone(name: str) -> None:
    model = shaken(name, WORLD, history="both", target="rating")
    empty = WORLD.with_interactions(replace(WORLD.interactions.take(np.arange(0)), values=None))
    again = build(name, empty, history="both", target="rating")
    again.restore(model.arrays())
    users, items = np.arange(6, dtype=np.int32), np.arange(6, dtype=np.int32)
    np.testing.assert_array_equal(again.predict(users, items), model.predict(users, items))
    batch = everyone(WORLD.interactions)
    np.testing.assert_array_equal(again.score(batch), model.score(batch))


@pytest.mark.parametrize("name", list(MODELS))
def test_a_stranger_gets_the_items_own_scores(name: str) -> None:
    model = shaken(name, WORLD, history="both")
    scores = model.score(UserBatch(np.array([-1, 0, -1], dtype=np.int32), Histories.empty(3)))
    np.testing.assert_array_equal(scores[0], scores[2])
    assert np.isfinite(scores).all()
    assert np.abs(scores[0] - scores[1]).max() > 1e-3


@pytest.mark.parametrize("name", list(MODELS))
def test_training_mode_survives_an_evaluation(name: str) -> None:
    model = build(name, WORLD)
    model.module.train()
    model.score(everyone(WORLD.interactions))
    assert model.module.training


def test_ratings_stay_within_the_scale() -> None:
    data, _ = low_rank()
    model = shaken("mf-dot", data, target="rating", init=5.0)
    values = data.interactions.values
    assert values is not None
    rows = data.interactions
    predicted = model.predict(rows.users, rows.items)
    assert predicted.min() == pytest.approx(values.min())
    assert predicted.max() == pytest.approx(values.max())


def test_a_ranker_gives_no_ratings() -> None:
    model = build("mf-dot", WORLD)
    with pytest.raises(TypeError, match="does not predict ratings"):
        model.predict(np.zeros(1, np.int32), np.zeros(1, np.int32))
