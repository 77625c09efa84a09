from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cinesync.models.ncf import NCF, NCFSettings, NeuMF, NeuMFSettings
from cinesync.models.pairs import PairRecommender
from cinesync.models.pointwise import RankingTask
from cinesync.sources.blocks import blocks
from cinesync.sources.hours import HOUR, hours
from reccore.config import validate
from reccore.data.batches import IndexBatches
from reccore.data.dataset import Dataset
from reccore.data.interactions import UNKNOWN
from reccore.data.split import SplitSettings, split
from reccore.data.temporal import NAMES, pair_moments
from reccore.errors import UserError
from reccore.recommender import UserBatch
from reccore.train.loop import TrainSettings, fit

WORLD = blocks()


def test_two_halves_are_the_first_layer() -> None:
    """W [u; i] + b on the concatenation, as the paper has it."""
    module = NCF.build(NCFSettings(dim=8, hidden=(16, 8), features=False), WORLD).module.eval()
    users, items = torch.arange(5), torch.arange(5)
    u, i = module.users.ids.weight[:5], module.items.ids.weight[:5]
    first = nn.Linear(16, 16)
    halves = [module.first.of_users.weight, module.first.of_items.weight]
    first.weight.data = torch.cat(halves, dim=1).detach()
    first.bias.data = module.first.of_users.bias.detach()
    deep = module.mlp(first(torch.cat([u, i], dim=1)))
    scores = module(users, items[:, None], trained=False).values
    torch.testing.assert_close(scores, deep)


def test_attention_equals_torch() -> None:
    """One query, the product, over the four tokens of the pair."""
    module = NeuMF.build(NeuMFSettings(dim=8, hidden=4, heads=2), WORLD).module.eval()
    torch.manual_seed(0)
    query, tokens = torch.randn(5, 8), [torch.randn(5, 16) for _ in range(4)]
    q = query.view(5, 2, 1, 4)
    k, v = (
        torch.stack([t[:, half].view(5, 2, 4) for t in tokens], dim=2)
        for half in (slice(0, 8), slice(8, 16))
    )
    expected = nn.functional.scaled_dot_product_attention(q, k, v).reshape(5, 8)
    torch.testing.assert_close(module._attend(query, tokens), expected)


def test_features_are_a_token() -> None:
    with_them = NeuMF.build(NeuMFSettings(dim=8, hidden=4), WORLD).module.eval()
    rows = with_them.items(torch.arange(3))
    assert rows.words is not None
    assert with_them.item_state(rows)[-1].any()
    without = NeuMF.build(NeuMFSettings(dim=8, hidden=4, features=False), WORLD).module.eval()
    assert not without.item_state(without.items(torch.arange(3)))[-1].any()


def test_heads_share_the_width() -> None:
    with pytest.raises(UserError, match="multiple of heads"):
        validate(NeuMFSettings, {"dim": 10, "heads": 4}, "a test")


NOON = 1_700_049_600  # of 15 November 2023


def timed(name: str, data: Dataset, **settings: object) -> PairRecommender:
    """A model that reads the moment."""
    model, cls = {"ncf": (NCF, NCFSettings), "neumf": (NeuMF, NeuMFSettings)}[name]
    torch.manual_seed(0)
    built = model.build(cls.model_validate({"dim": 8, "temporal": "now", **settings}), data)
    assert isinstance(built, PairRecommender)
    return built


def everyone(data: Dataset, now: int | None) -> UserBatch:
    codes = np.arange(len(data.users), dtype=np.int32)
    when = None if now is None else np.full(len(codes), now)
    return UserBatch(codes, data.interactions.histories, when)


def train(model: PairRecommender, data: Dataset, folder: Path) -> None:
    task = model.task(data, dict, 0)
    how = TrainSettings.model_validate({"batch_size": 64, "epochs": 25, "lr": 0.02})
    fit(task, IndexBatches(task.rows, how.batch_size, 0), how, folder, 0)


@pytest.mark.parametrize("name", ["ncf", "neumf"])
def test_the_hour_says_what_is_chosen(name: str, tmp_path: Path) -> None:
    data = hours()
    model = timed(name, data, embedding_l2=0.02)
    train(model, data, tmp_path)

    def even(now: int | None) -> float:
        """Share of even items in the upper half of the lists: they are chosen before noon."""
        scores = model.score(everyone(data, now))
        best = np.argsort(-scores, axis=1)[:, : scores.shape[1] // 2]
        return float((data.items.ids.decode(best.ravel()).to_numpy() % 2 == 0).mean())

    for hour in (2, 5, 9):
        assert even(NOON - hour * HOUR) > 0.95
        assert even(NOON + hour * HOUR) < 0.05
    assert 0.3 < even(None) < 0.7


@pytest.mark.parametrize("name", ["ncf", "neumf"])
def test_the_block_world_is_solved_at_any_time(name: str, tmp_path: Path) -> None:
    parts = split(WORLD.interactions, SplitSettings(validation=0.0))
    data = WORLD.with_interactions(parts.train)
    shape = {"ncf": {"hidden": (32, 16), "norm": "batch"}, "neumf": {"hidden": 16, "heads": 2}}
    model = timed(name, data, dropout=0.2, embedding_l2=0.02, init=0.1, **shape[name])
    train(model, data, tmp_path)
    targets = parts.test.targets
    for now in (None, 3_000):
        scores = model.score(everyone(data, now))
        scores[data.interactions.users, data.interactions.items] = -np.inf
        tops = [set(np.argsort(-row)[:n]) for row, n in zip(scores, targets.lengths, strict=True)]
        assert np.mean([top == set(targets.row(u)) for u, top in enumerate(tops)]) > 0.95


@pytest.mark.parametrize("name", ["ncf", "neumf"])
def test_moments_of_a_batch_are_those_of_its_rows(name: str) -> None:
    data = hours()
    model = timed(name, data)
    with torch.no_grad():
        for parameter in model.module.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    now = NOON + np.arange(len(data.users)) * 5 * HOUR
    now[::4] = UNKNOWN
    batch = replace(everyone(data, None), now=now)
    together = model.score(batch)
    for row in range(6):
        alone = model.score(batch.take(np.array([row])))
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-4, atol=1e-5)
    without = model.score(everyone(data, None))
    np.testing.assert_allclose(together[::4], without[::4], rtol=1e-4, atol=1e-5)
    assert np.abs(together[1::4] - without[1::4]).max(axis=1).min() > 1e-3


def test_three_parts_are_the_first_layer() -> None:
    """W [u; i; t] + b on the concatenation."""
    data = hours()
    module = timed("ncf", data, hidden=(16, 8)).module.eval()
    codes, moments = torch.arange(5), torch.randn(5, len(NAMES) + 1)
    parts = [module.first.of_users, module.first.of_items, module.first.of_moments]
    first = nn.Linear(16 + len(NAMES) + 1, 16)
    first.weight.data = torch.cat([part.weight for part in parts], dim=1).detach()
    first.bias.data = module.first.of_users.bias.detach()
    u, i = module.users.ids.weight[:5], module.items.ids.weight[:5]
    deep = module.mlp(first(torch.cat([u, i, moments], dim=1)))
    scores = module(codes, codes[:, None], trained=False, moments=moments).values
    torch.testing.assert_close(scores, deep)


def test_training_hides_the_moment_as_often_as_it_was_told() -> None:
    module = timed("ncf", hours(), forget_now=0.25).module.train()
    moments = module.first._remembered(torch.ones(4000, len(NAMES) + 1))
    hidden = (moments == 0).all(dim=1)
    assert torch.equal(hidden, (moments == 0).any(dim=1))
    assert hidden.float().mean() == pytest.approx(0.25, abs=0.03)


def test_a_pair_and_its_negatives_share_the_moment() -> None:
    """Hard negatives are hard at the time of their positive."""
    data = hours()
    hard = {"kind": "hard", "per_positive": 2, "candidates": 8}
    model = timed("ncf", data, init=0.5, negatives=hard)
    task = model.task(data, dict, 0)
    rows = torch.tensor([5, 900, 31])
    batch = task.prepare(rows, torch.Generator().manual_seed(0))
    expected = pair_moments(data.interactions)[rows.numpy()]
    np.testing.assert_array_equal(batch["moments"].numpy(), expected)
    assert isinstance(task, RankingTask)
    asked = partial(task._score, batch["moments"])
    drawn = task.sampler.draw(batch["users"], 2, torch.Generator().manual_seed(0), asked)
    torch.testing.assert_close(batch["items"][:, 1:], drawn)


def test_time_is_refused_where_there_is_none() -> None:
    data = hours()
    timeless = data.with_interactions(replace(data.interactions, timestamps=None))
    with pytest.raises(UserError, match=r"temporal='now' reads times.*model\.temporal=off"):
        timed("ncf", timeless).task(timeless, dict, 0)
    with pytest.raises(UserError, match="temporal is of target ranking"):
        validate(NCFSettings, {"temporal": "now", "target": "rating"}, "a test")
