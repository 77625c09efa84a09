from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from cinesync.models.sampled import MASKED
from cinesync.models.towers import Bag
from cinesync.models.two_tower import HardSettings
from cinesync.models.two_tower_cross import (
    CrossSettings,
    CrossTask,
    Reranker,
    TwoTowerCross,
    TwoTowerCrossSettings,
    lift,
)
from cinesync.sources.blocks import blocks
from reccore.data.interactions import Histories
from reccore.data.split import SplitSettings, split
from reccore.metrics.evaluate import Catalogue, EvaluateSettings, evaluate
from reccore.recommender import UserBatch

WORLD = blocks()


def model(**settings: Any) -> TwoTowerCross:
    torch.manual_seed(0)
    cross = CrossSettings(
        **{"candidates": 10, "recent": 6, "width": 16, **settings.pop("cross", {})}
    )
    small: dict[str, Any] = {"dim": 16, "hidden": 32, **settings}
    return TwoTowerCross.build(TwoTowerCrossSettings(**small, cross=cross), WORLD)


def some(tower: TwoTowerCross, disturb: bool = True) -> TwoTowerCross:
    """With a re-ranker that does something."""
    if disturb:
        with torch.no_grad():
            tower.module.reranker.correction.weight.normal_()
    return tower


def batch(*codes: int) -> UserBatch:
    rows = np.array(codes, dtype=np.int32)
    return UserBatch(rows, WORLD.interactions.histories.take(rows))


@pytest.mark.parametrize(
    "settings", [{}, {"negatives": 24}, {"hard": HardSettings(ratio=4, top=8)}], ids=str
)
def test_solves_the_block_world(settings: dict[str, Any]) -> None:
    parts = split(WORLD.interactions, SplitSettings())
    training = WORLD.with_interactions(parts.train)
    tower = model(**settings)
    task = tower.task(training, dict, 0)
    assert task.term_names[-1] == "rerank"
    optimizer = torch.optim.AdamW(tower.module.parameters(), lr=0.02)
    generator = torch.Generator().manual_seed(0)
    tower.module.train()
    for _ in range(20):
        for start in range(0, task.rows, 16):
            rows = torch.arange(start, min(start + 16, task.rows))
            part = task.prepare(rows, generator)
            terms = task.terms(part)
            assert {name: term.count for name, term in terms.items()} == task.counts(part)
            loss = torch.stack([term.sum / term.count for term in terms.values()]).sum()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    measured = evaluate(
        tower, parts.test, Catalogue.of(training), EvaluateSettings(k=(5,), bootstrap=0)
    )
    assert measured.values()["recall_capped@5"] > 0.95


def test_it_begins_as_the_towers_order() -> None:
    tower = model()
    users = batch(0, 3, 9)
    seen = WORLD.interactions.histories.row
    for code, after, before in zip(
        (0, 3, 9), tower.score(users), tower.retrieve(users), strict=True
    ):
        unseen = np.setdiff1d(np.arange(len(WORLD.items)), seen(code))
        order = [unseen[np.argsort(-scores[unseen], kind="stable")] for scores in (after, before)]
        np.testing.assert_array_equal(order[0], order[1])


def test_only_the_best_unseen_items_are_re_ranked_and_they_lead() -> None:
    tower, users = some(model()), batch(0, 3, 9)
    before, after = tower.retrieve(users), tower.score(users)
    for row, code in enumerate((0, 3, 9)):
        scores = before[row].copy()
        scores[WORLD.interactions.histories.row(code)] = -np.inf
        candidates = np.argsort(-scores, kind="stable")[:10]
        rest = np.setdiff1d(np.arange(len(scores)), candidates)
        np.testing.assert_array_equal(after[row, rest], before[row, rest])
        assert after[row, candidates].min() > after[row, rest].max()
        assert (np.argsort(-after[row, candidates]) != np.arange(10)).any()


def test_batch_equals_single() -> None:
    tower = some(model())
    together = tower.score(batch(0, 3, 9))
    for row, code in enumerate((0, 3, 9)):
        np.testing.assert_allclose(tower.score(batch(code))[0], together[row], rtol=1e-4, atol=1e-4)


def test_restores_what_it_gave() -> None:
    tower = some(model())
    again = model()
    again.restore(tower.arrays())
    np.testing.assert_array_equal(again.score(batch(0, 3)), tower.score(batch(0, 3)))


@pytest.mark.parametrize("heads", [4, 8, 16])
def test_padding_is_never_looked_at_and_never_nan(heads: int) -> None:
    torch.manual_seed(0)
    reranker = Reranker(CrossSettings(width=16, heads=heads), 8).eval()
    with torch.no_grad():
        reranker.correction.weight.normal_()
    users, items, scores = torch.randn(2, 8), torch.randn(2, 5, 8), torch.randn(2, 5)
    history, there = torch.randn(2, 4, 8), torch.tensor([[True, True, False, False], [False] * 4])
    out = reranker(users, items, scores, history, there)
    assert torch.isfinite(out).all()
    other = torch.where(there[..., None], history, torch.full_like(history, 1e3))
    torch.testing.assert_close(reranker(users, items, scores, other, there), out)
    changed = history.clone()
    changed[0, 0] += 1
    assert not torch.allclose(reranker(users, items, scores, changed, there)[0], out[0])
    loss = reranker.train()(users, items, scores, history, there).square().sum()
    torch.autograd.backward(loss)
    assert all(torch.isfinite(p.grad).all() for p in reranker.parameters() if p.grad is not None)


def test_strangers_empty_histories_and_those_who_met_nearly_all() -> None:
    tower = some(model())
    lists = [[0, 4], [], list(range(45)), list(range(48))]
    histories = Histories.of_lists([np.array(items, np.int32) for items in lists])
    scores = tower.score(UserBatch(np.full(4, -1, np.int32), histories))
    assert np.isfinite(scores).all()
    assert set(np.argsort(-scores[2])[:3]) == {45, 46, 47}


def test_lift_keeps_the_new_order_above_the_rest() -> None:
    scores = torch.tensor([[9.0, 5.0, 4.0, 1.0]])
    columns, after = torch.tensor([[1, 2]]), torch.tensor([[0.0, 3.0]])
    real = torch.tensor([[True, True]])
    torch.testing.assert_close(lift(scores, columns, after, real), torch.tensor([[9.0, 10, 13, 1]]))
    real[0, 1] = False
    torch.testing.assert_close(lift(scores, columns, after, real), torch.tensor([[9.0, 10, 4, 1]]))
    everything = lift(scores[:, 1:3], torch.tensor([[0, 1]]), after, torch.tensor([[True, True]]))
    torch.testing.assert_close(everything, after)


def test_candidates_hold_a_target_each_and_nothing_shown() -> None:
    tower = model(cross={"candidates": 4})
    task = tower.task(WORLD, dict, 0)
    assert isinstance(task, CrossTask)
    part = task.prepare(torch.arange(8), torch.Generator().manual_seed(0))
    owners = part["rows"][part["forced"]]
    assert owners.tolist() == list(range(8))
    columns, scores, target = task.candidates(task.encode(part), part)
    bag = Bag(part["items"], part["offsets"])
    shown = set(zip(bag.rows.tolist(), bag.items.tolist(), strict=True))
    assert (scores > MASKED / 2).all()
    assert target.any(1).all()
    for row, items in enumerate(columns.tolist()):
        assert not {(row, item) for item in items} & shown


def test_the_re_ranker_leaves_the_towers_alone() -> None:
    tower = some(model())
    task = tower.task(WORLD, dict, 0)
    part = task.prepare(torch.arange(8), torch.Generator().manual_seed(0))
    torch.autograd.backward(task.terms(part)["rerank"].sum)
    touched = {name for name, p in tower.module.named_parameters() if p.grad is not None}
    assert touched
    assert all(name.startswith("reranker.") for name in touched)


def test_bad_settings_are_named() -> None:
    with pytest.raises(ValidationError, match="multiple of heads"):
        CrossSettings(width=10, heads=4)
    with pytest.raises(ValidationError, match="ranks"):
        TwoTowerCrossSettings(rating="only")
    with pytest.raises(ValidationError, match="hidden"):
        TwoTowerCrossSettings(targets="all")
