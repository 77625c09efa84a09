from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from cinesync.models.sampled import (
    MASKED,
    SharedNegatives,
    full_softmax,
    hard_softmax,
    hardest,
    sampled_softmax,
)
from cinesync.models.towers import Bag, BatchNorm, pool_history
from cinesync.models.two_tower import HardSettings, TwoTower, TwoTowerSettings
from cinesync.models.two_tower_task import TwoTowerTask, two_tower_task
from cinesync.sources.blocks import blocks
from reccore.data.dataset import Bags, Dataset, Table
from reccore.data.interactions import Histories
from reccore.data.split import SplitSettings, split
from reccore.errors import UserError
from reccore.metrics.evaluate import Catalogue, EvaluateSettings, evaluate
from reccore.recommender import UserBatch

WORLD = blocks()
SMALL: dict[str, Any] = {"dim": 16, "hidden": 32}


def model(data: Dataset = WORLD, **settings: Any) -> TwoTower:
    torch.manual_seed(0)
    return TwoTower.build(TwoTowerSettings(**{**SMALL, **settings}), data)


def tower_task(tower: TwoTower, data: Dataset = WORLD) -> TwoTowerTask:
    task = tower.task(data, dict, 0)
    assert isinstance(task, TwoTowerTask)
    return task


def losses(task: TwoTowerTask, batch: Mapping[str, Any]) -> dict[str, float]:
    terms = task.terms(batch)
    assert {name: term.count for name, term in terms.items()} == task.counts(batch)
    return {name: term.sum.item() for name, term in terms.items()}


def train(task: TwoTowerTask, epochs: int, lr: float = 0.02) -> None:
    optimizer = torch.optim.AdamW(task.module.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(0)
    task.module.train()
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(task.rows, generator=generator), 16):
            batch = task.prepare(rows, generator)
            loss = sum(term.sum / term.count for term in task.terms(batch).values())
            assert isinstance(loss, Tensor)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            assert all(
                torch.isfinite(p.grad).all() for p in task.module.parameters() if p.grad is not None
            )
            optimizer.step()


VARIANTS: list[dict[str, Any]] = [
    {},
    {"negatives": 16, "proposal": "popularity"},
    {"hard": HardSettings(ratio=4, top=8)},
    {"negatives": 16, "hard": HardSettings(ratio=5, top=8), "ridge": 1e-5},
    {"cosine": True, "tied": False, "user_ids": True, "item_layers": 1, "norm": "layer"},
    {"targets": "all", "label_smoothing": 0.1, "vary_dropout": True, "user_weight": 0.5},
]


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_solves_the_block_world(settings: dict[str, Any]) -> None:
    parts = split(WORLD.interactions, SplitSettings())
    training = WORLD.with_interactions(parts.train)
    tower = model(training, **settings)
    train(tower_task(tower, training), epochs=25)
    measured = evaluate(
        tower, parts.test, Catalogue.of(training), EvaluateSettings(k=(5,), bootstrap=0)
    )
    assert measured.values()["recall_capped@5"] > 0.95


def slow_softmax(logits: Tensor, shown: Tensor, rows: Tensor, items: Tensor) -> float:
    total = 0.0
    for user, item in zip(rows.tolist(), items.tolist(), strict=True):
        open_ = [s for i, s in enumerate(logits[user].tolist()) if not shown[user, i]]
        total += np.log(np.exp(open_).sum()) - float(logits[user, item])
    return total


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_softmax_equals_the_obvious_one_full_and_sampled(smoothing: float) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(3, 12, generator=generator)
    shown = torch.zeros(3, 12, dtype=torch.bool)
    shown[0, [1, 2]] = shown[2, 0] = True
    rows, items = torch.tensor([0, 0, 1, 2]), torch.tensor([4, 5, 0, 11])
    ones = torch.ones(4)
    full = full_softmax(logits.masked_fill(shown, MASKED), rows, items, ones, smoothing)
    known = shown.clone()
    known[rows, items] = True
    targets = logits[rows, items]
    every = sampled_softmax(targets, rows, logits, known, None, ones, 0.0)
    if not smoothing:
        assert full.item() == pytest.approx(slow_softmax(logits, shown, rows, items), rel=1e-5)
        assert every.item() == pytest.approx(full.item(), rel=1e-5)
    else:
        plain = full_softmax(logits.masked_fill(shown, MASKED), rows, items, ones)
        means = torch.stack([logits[u][~shown[u]].mean() for u in range(3)])
        even = logits.masked_fill(shown, MASKED).logsumexp(1) - means
        expected = (1 - smoothing) * plain + smoothing * even[rows].sum()
        assert full.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_model_with_all_negatives_equals_the_full_softmax() -> None:
    tower = model(user_layers=0, features=False)
    full = tower_task(tower)
    sampled_settings = tower.settings.model_copy(update={"negatives": 47})
    other = TwoTower.build(sampled_settings, WORLD)
    other.module.load_state_dict(tower.module.state_dict())
    sampled = tower_task(other)
    rows = torch.arange(8)
    batch = dict(full.prepare(rows, torch.Generator().manual_seed(3)))
    expected = losses(full, batch)["retrieval"]
    every = torch.arange(len(WORLD.items))
    assert sampled.positives is not None
    batch["negatives"] = every
    batch["known"] = sampled.positives.contains(batch["codes"][:, None], every[None])
    batch["log_counts"] = torch.zeros(len(every))
    assert losses(sampled, batch)["retrieval"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["uniform", "popularity"])
def test_logq_makes_the_sampled_normaliser_unbiased(kind: Any) -> None:
    """The mean over draws of sum exp(s - log E[count]) is the sum of exp s over all items."""
    popularity = torch.tensor([100, 50, 10, 5, 1, 1])
    scores = torch.tensor([0.5, -1.0, 2.0, 0.0, 1.0, -0.5])
    proposal = SharedNegatives(popularity, kind, 0.75)
    generator = torch.Generator().manual_seed(0)
    drawn = proposal.draw(200_000, generator)
    q = torch.bincount(drawn, minlength=6) / len(drawn)
    torch.testing.assert_close(q, proposal.q.float(), atol=5e-3, rtol=0)
    terms = (scores[drawn] - proposal.log_counts(drawn, len(drawn))).exp()
    assert terms.sum().item() == pytest.approx(scores.exp().sum().item(), rel=0.02)
    assert proposal.q.sum().item() == pytest.approx(1.0)


@pytest.mark.parametrize("tied", [True, False])
def test_the_ridge_is_the_norm_of_the_whole_product(tied: bool) -> None:
    module = model(tied=tied).module
    items = module.items.ids.weight[:, :-1]
    history = items if module.history is None else module.history.weight[:, :-1]
    expected = (history @ items.T).square().sum()
    torch.testing.assert_close(module.ridge(), expected)


def test_hard_negatives_are_the_best_scored_strangers() -> None:
    logits = torch.tensor([[5.0, 4.0, 3.0, 2.0, 1.0]])
    known = torch.tensor([[True, False, False, True, False]])
    assert hardest(logits, known, 2).tolist() == [[1, 2]]
    hard = logits.gather(1, hardest(logits, known, 2))
    loss = hard_softmax(torch.tensor([5.0]), torch.tensor([0]), hard, torch.tensor([[0, 1]]))
    assert loss.item() == pytest.approx(np.log(np.exp([5, 4, 3]).sum()) - 5, rel=1e-5)
    task = tower_task(model(hard=HardSettings(ratio=4, top=8)))
    batch = task.prepare(torch.arange(6), torch.Generator().manual_seed(0))
    assert batch["picks"].shape == (len(batch["targets"]), 4)
    assert task.statistics() == {}
    task.terms(batch)
    figures = task.statistics()
    assert figures["negatives_gap"] > 0
    assert task.statistics() == {}


@pytest.mark.parametrize("vary", [False, True])
def test_what_is_hidden_is_not_shown_and_something_always_is(vary: bool) -> None:
    task = tower_task(model(vary_dropout=vary, history_dropout=0.3))
    generator = torch.Generator().manual_seed(0)
    shares = []
    for _ in range(20):
        batch = task.prepare(torch.arange(task.rows), generator)
        bag = Bag(batch["items"], batch["offsets"])
        shown = set(zip(bag.rows.tolist(), bag.items.tolist(), strict=True))
        hidden = set(zip(batch["rows"].tolist(), batch["targets"].tolist(), strict=True))
        assert not shown & hidden
        assert len(shown | hidden) == len(WORLD.interactions)
        assert {row for row, _ in hidden} == set(range(task.rows))
        shares.append(len(hidden) / len(WORLD.interactions))
    assert np.mean(shares) == pytest.approx(0.3, abs=0.05)


def test_drawn_negatives_that_the_user_met_are_masked() -> None:
    task = tower_task(model(negatives=16))
    batch = task.prepare(torch.arange(8), torch.Generator().manual_seed(0))
    pairs = WORLD.interactions
    met = set(zip(pairs.users.tolist(), pairs.items.tolist(), strict=True))
    for row, code in enumerate(batch["codes"].tolist()):
        for column, item in enumerate(batch["negatives"].tolist()):
            assert batch["known"][row, column].item() == ((code, item) in met)


def test_batch_equals_single_and_the_index_vectors_give_the_scores() -> None:
    tower = model(user_ids=True, item_layers=1)
    train(tower_task(tower), epochs=2)
    codes = np.array([0, 5, 9, -1], dtype=np.int32)
    histories = Histories.of_lists(
        [WORLD.interactions.histories.row(c) for c in (0, 5, 9)] + [np.array([1, 2], np.int32)]
    )
    together = tower.score(UserBatch(codes, histories))
    for row in range(4):
        at = np.array([row])
        alone = tower.score(UserBatch(codes[at], histories.take(at)))
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-4, atol=1e-5)
    batch = UserBatch(codes, histories)
    np.testing.assert_allclose(
        tower.user_vectors(batch) @ tower.item_vectors().T, together, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_strangers_and_empty_histories_get_finite_scores(settings: dict[str, Any]) -> None:
    tower = model(**settings)
    lists = [np.array([0, 4], np.int32), np.empty(0, np.int32)]
    codes = np.array([-1, -1], dtype=np.int32)
    scores = tower.score(UserBatch(codes, Histories.of_lists(lists)))
    assert scores.shape == (2, len(WORLD.items))
    assert np.isfinite(scores).all()


def test_restores_what_it_gave_and_refuses_another_models() -> None:
    tower = model(rating="joint")
    train(tower_task(tower), epochs=1)
    empty = WORLD.with_interactions(WORLD.interactions.take(np.empty(0, np.int64)))
    again = TwoTower.build(tower.settings, empty)
    again.restore(tower.arrays())
    codes = np.arange(4, dtype=np.int32)
    batch = UserBatch(codes, WORLD.interactions.histories.take(codes))
    np.testing.assert_array_equal(again.score(batch), tower.score(batch))
    np.testing.assert_array_equal(again.predict(codes, codes), tower.predict(codes, codes))
    with pytest.raises(UserError, match="another model or setting"):
        model(dim=8).restore(tower.arrays())


def test_features_reach_both_towers() -> None:
    ages = Bags(("old", "young"), np.arange(65), np.arange(64, dtype=np.int32) % 2)
    world = replace(WORLD, users=Table(WORLD.users.ids, features={"age": ages}))
    tower = model(world, user_layers=0)
    history = Histories.of_lists([np.array([0], np.int32)] * 3)
    batch = UserBatch(np.array([0, 1, -1], dtype=np.int32), history)
    scores = tower.score(batch)
    assert not np.allclose(scores[0], scores[1])
    assert not np.allclose(scores[0], scores[2])
    assert tower.module.items.words is not None
    before = tower.item_vectors()
    with torch.no_grad():
        tower.module.items.words.table.weight += 1
    assert not np.allclose(before, tower.item_vectors())
    assert model(world, features=False).module.users.words is None


def test_ratings_are_learned() -> None:
    world = blocks(disliked=8)
    tower = model(world, rating="only", user_ids=True, user_layers=1)
    task = two_tower_task(tower.module, world, dict)
    assert task.term_names == ("rating",)
    assert (task.monitor, task.higher_is_better) == ("rmse", False)
    train(task, epochs=40, lr=0.01)
    rows = world.interactions
    assert tower.rates
    assert rows.values is not None
    error = tower.predict(rows.users, rows.items) - rows.values
    assert np.sqrt((error**2).mean()) < 0.5
    strangers = tower.predict(np.array([-1], np.int32), np.array([0], np.int32))
    assert np.isfinite(strangers).all()


def test_smoothing_pulls_ratings_to_the_middle() -> None:
    world = blocks(disliked=8)
    plain = tower_task(model(world, rating="joint"), world).ratings
    smooth = tower_task(model(world, rating="joint", rating_smoothing=0.2), world).ratings
    assert plain is not None
    assert smooth is not None
    assert smooth.max() < plain.max()
    assert smooth.min() > plain.min()


def test_bags() -> None:
    histories = Histories.of_lists([np.array(x, np.int32) for x in ([3, 1, 2], [], [0])])
    bag = Bag.of(histories, torch.device("cpu"))
    assert bag.rows.tolist() == [0, 0, 0, 2]
    recent, there = bag.recent(2)
    assert recent[there].tolist() == [1, 2, 0]
    assert there.tolist() == [[True, True], [False, False], [True, False]]
    table = torch.arange(8.0).view(4, 2)
    mean = pool_history(bag, table, bag.items, "mean", 1.0)
    torch.testing.assert_close(
        mean, torch.stack([table[[3, 1, 2]].mean(0), torch.zeros(2), table[0]])
    )


def test_a_batch_of_one_row_has_no_batch_statistics() -> None:
    norm = BatchNorm(4).train()
    assert torch.isfinite(norm(torch.randn(1, 4))).all()


def test_bad_input_is_named() -> None:
    lonely = WORLD.interactions.take(np.unique(WORLD.interactions.users, return_index=True)[1])
    with pytest.raises(UserError, match="two items"):
        tower_task(model(), WORLD.with_interactions(lonely))
    unrated = WORLD.with_interactions(replace(WORLD.interactions, values=None))
    with pytest.raises(UserError, match="needs ratings"):
        tower_task(model(unrated, rating="joint"), unrated)
    with pytest.raises(ValidationError, match="hard negatives"):
        TwoTowerSettings(rating="only", hard=HardSettings(ratio=4))
    with pytest.raises(TypeError, match="does not predict"):
        model().predict(np.zeros(1, np.int32), np.zeros(1, np.int32))
