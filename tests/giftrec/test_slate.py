"""The slate: greedy by the expected best, against plain Python and a fine integral."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from giftrec.columns import Columns
from giftrec.inputs import FEES, LEAD, PRICE, asked
from giftrec.model.predictor import TorchPredictor
from giftrec.model.reward import clipped_mean
from giftrec.predictions import Rewards
from giftrec.slate import DIVERSITY, allowed, choose, normal_below
from giftrec.vocabulary import TOOLS

POINTS = [(i + 0.5) / 800 for i in range(800)]
SEEDS = st.integers(0, 10**6)


def missed(mean, spread, chance):
    """The chance that a gift falls short of each point."""
    return [1 - chance * 0.5 * math.erfc((t - mean) / spread / math.sqrt(2)) for t in POINTS]


def expected_best(gifts):
    """E[max] of independent normals clipped to [0, 1], each of which may fail altogether."""
    together = [math.prod(column) for column in zip(*gifts, strict=True)]
    return sum(1 - share for share in together) / len(POINTS) if gifts else 0.0


def rewarding(mean, spread, afford=None, arrive=None):
    """Rewards of gifts that can be had for certain, unless it is said how likely."""
    mean, spread = (np.asarray(part, dtype=np.float32) for part in (mean, spread))
    always = np.full(mean.shape, np.inf)
    chances = (always if part is None else part for part in (afford, arrive))
    appeal = clipped(mean, spread)
    return Rewards(mean, spread, appeal, *(part.astype(np.float32) for part in chances))


def clipped(mean, spread):
    return clipped_mean(torch.from_numpy(mean), torch.from_numpy(spread)).numpy()


def rewards(seed, gifts, recipients=2):
    """Recipients' rewards, whose chances are certain for some gifts, and the gifts' categories."""
    draw = np.random.default_rng(seed)
    shape = (recipients, gifts)

    certain = np.where(draw.random(shape) < 0.2, np.inf, 0.0)
    reward = rewarding(
        mean=draw.normal(0.4, 0.4, shape),
        spread=draw.uniform(0.15, 0.8, shape),
        afford=draw.normal(1, 2, shape) + certain,
        arrive=draw.normal(1, 2, shape) - np.where(draw.random(shape) < 0.1, np.inf, 0.0),
    )
    return reward, draw.integers(0, 4, gifts), draw


@given(SEEDS)
def test_each_choice_is_the_best_next_one(seed):
    reward, category, draw = rewards(seed, gifts=9)
    may = draw.random((2, 9)) < 0.8
    for row, slate in enumerate(choose(reward, may, category).tolist()):
        columns = (reward.mean[row], reward.spread[row], reward.chance[row])
        short = [missed(*of) for of in zip(*(c.tolist() for c in columns), strict=True)]
        chosen = []
        for gift in slate:
            worth = {
                g: expected_best([short[c] for c in (*chosen, g)])
                + DIVERSITY * (int(category[g]) not in [int(category[c]) for c in chosen])
                for g in range(9)
                if may[row, g] and g not in chosen
            }
            if not worth:
                assert gift == -1
                continue
            assert worth[gift] > max(worth.values()) - 3e-4
            chosen.append(gift)


def test_the_expected_best_is_what_draws_say():
    """The reference itself: against half a million draws."""
    gifts = [(0.3, 0.4, 0.9), (0.6, 0.2, 0.5), (-0.1, 0.8, 1.0)]
    draw = np.random.default_rng(0)
    felt = [draw.normal(m, s, 500_000).clip(0, 1) * (draw.random(500_000) < c) for m, s, c in gifts]
    found = expected_best([missed(*gift) for gift in gifts])
    assert found == pytest.approx(np.max(felt, axis=0).mean(), abs=2e-3)


@given(SEEDS, st.integers(1, 12), st.floats(0, 1), st.integers(1, 8))
def test_slates_hold_distinct_allowed_gifts_and_then_nothing(seed, gifts, share, size):
    reward, category, draw = rewards(seed, gifts)
    may = draw.random((2, gifts)) < share
    for row, slate in enumerate(choose(reward, may, category, size).tolist()):
        shown = [g for g in slate if g >= 0]
        assert slate == shown + [-1] * (size - len(shown))
        assert len(shown) == min(size, int(may[row].sum())) == len(set(shown))
        assert all(may[row, g] for g in shown)


@given(SEEDS)
def test_the_highest_expected_comes_first(seed):
    reward, category, _ = rewards(seed, gifts=12)
    may = np.ones((2, 12), dtype=bool)
    first = choose(reward, may, category)[:, 0]
    best = reward.expected.max(axis=1)
    assert (reward.expected[np.arange(2), first] > best - 1e-3).all()


@given(SEEDS)
def test_a_shorter_slate_is_the_beginning_of_a_longer_one(seed):
    reward, category, _ = rewards(seed, gifts=10)
    may = np.ones((2, 10), dtype=bool)
    long = choose(reward, may, category, 6)
    assert (choose(reward, may, category, 2) == long[:, :2]).all()


def test_a_sure_thing_is_followed_by_a_gamble():
    """An unsure gift of a lower mean adds more to a slate than one like the first."""
    sure, alike, gamble = (0.6, 0.05), (0.55, 0.05), (0.45, 0.5)
    mean, spread = ([column] for column in zip(sure, alike, gamble, strict=True))
    may = np.ones((1, 3), dtype=bool)
    chosen = choose(rewarding(mean, spread), may, np.zeros(3, dtype=np.int64))
    assert chosen.tolist() == [[0, 2, 1, -1, -1]]


def test_a_new_category_decides_between_equals():
    reward = rewarding(np.full((1, 3), 0.4), np.full((1, 3), 0.2))
    may = np.ones((1, 3), dtype=bool)
    assert choose(reward, may, np.array([1, 1, 0])).tolist() == [[0, 2, 1, -1, -1]]
    same = choose(reward, may, np.array([1, 1, 0]), diversity=0.0)
    assert same.tolist() == [[0, 1, 2, -1, -1]]


@pytest.mark.parametrize("tools", [(), (PRICE,), (FEES,), (LEAD,), (PRICE, FEES), (PRICE, LEAD)])
def test_allowed_is_within_the_budget_by_all_that_is_known(world, shipped, lively, tools):
    some = shipped[:30]
    who = Columns.of([s.profile for s in some], world.vocabulary)
    known = np.zeros((len(some), len(TOOLS)))
    known[:, list(tools)] = 1.0
    facts = asked(world, [s.day for s in some], known)
    rewards = TorchPredictor.of(lively, world).rewards(who, facts)
    may = allowed(who, world.listing.price, facts, rewards)
    for row, scenario in enumerate(some):
        for gift in range(len(world)):
            price = facts.price[row, gift] if PRICE in tools else world.listing.price[gift]
            fees = facts.fees[row, gift] if FEES in tools else 0
            late = LEAD in tools and facts.lead_days[row, gift] > scenario.profile.days_left
            fits = float(price + fees) <= scenario.profile.budget.minor and not late
            assert bool(may[row, gift]) == fits
    assert may.any()
    assert not may.all()


def test_the_distribution_function_is_scipys():
    z = np.linspace(-9, 9, 20_001, dtype=np.float32)
    np.testing.assert_allclose(normal_below(z), ndtr(z.astype(np.float64)), atol=3e-7)
    ends = normal_below(np.array([-np.inf, -40, 0, 40, np.inf], dtype=np.float32))
    np.testing.assert_allclose(ends, [0, 0, 0.5, 1, 1], atol=1e-7)
    assert ((normal_below(z) >= 0) & (normal_below(z) <= 1)).all()
