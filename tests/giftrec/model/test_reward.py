"""The reward's formulas against scipy, and what facts do to it."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from giftrec.catalog.today import facts_on, standard
from giftrec.columns import Columns
from giftrec.model.inputs import Catalogue, Recipients, asked
from giftrec.model.reward import FEES, LEAD, PRICE, QUALITY, TREND, clipped_mean, tobit_loss
from giftrec.vocabulary import TOOLS

MEANS, SPREADS = st.floats(-4, 5), st.floats(0.05, 3)


def doubles(*values):
    return [torch.tensor(value, dtype=torch.float64) for value in values]


@given(MEANS, SPREADS)
def test_the_clipped_mean_is_the_integral(mean, spread):
    """E[clip(X, 0, 1)], piece by piece: nothing below 0, x within, 1 above 1."""
    peak = [mean] if 0 < mean < 1 else None
    within, _ = quad(lambda x: x * norm.pdf(x, mean, spread), 0, 1, points=peak, epsabs=1e-10)
    expected = within + norm.sf(1, mean, spread)
    assert float(clipped_mean(*doubles(mean, spread))) == pytest.approx(expected, abs=1e-8)
    single = clipped_mean(torch.tensor(mean), torch.tensor(spread))
    assert float(single) == pytest.approx(expected, abs=1e-6)


@given(MEANS, SPREADS, st.floats(0.01, 1))
def test_more_appeal_is_more_satisfaction(mean, spread, more):
    low, high = clipped_mean(torch.stack(doubles(mean, mean + more)), doubles(spread)[0])
    assert 0 <= low < high <= 1 or float(low) == pytest.approx(float(high), abs=1e-9)


@given(MEANS, SPREADS, st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)))
def test_the_tobit_loss_is_scipys(mean, spread, received):
    heaps = {0.0: norm.logcdf(0, mean, spread), 1.0: norm.logsf(1, mean, spread)}
    expected = -heaps.get(received, norm.logpdf(received, mean, spread))
    found = tobit_loss(*doubles(mean, spread, received))
    assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_tobit_loss_is_least_at_what_was_received():
    """Receptions of known mean and spread, clipped: the maximum of likelihood finds both."""
    felt = torch.from_numpy(np.random.default_rng(0).normal(0.3, 0.4, 4000).clip(0, 1))
    means, spreads = torch.meshgrid(
        torch.arange(0.1, 0.5, 0.02, dtype=torch.float64),
        torch.arange(0.2, 0.6, 0.02, dtype=torch.float64),
        indexing="ij",
    )
    losses = tobit_loss(means[..., None], spreads[..., None], felt).mean(-1)
    best = int(losses.argmin())
    assert float(means.flatten()[best]) == pytest.approx(0.3, abs=0.03)
    assert float(spreads.flatten()[best]) == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize("received", [0.0, 0.3, 1.0])
def test_gradients_are_finite_at_extreme_means(received):
    mean = torch.tensor([-1e4, -50.0, -1.0, 0.0, 0.5, 1.0, 2.0, 50.0, 1e4], requires_grad=True)
    spread = torch.full_like(mean, 0.05, requires_grad=True)
    loss = tobit_loss(mean, spread, torch.full_like(mean, received))
    for value in (loss, clipped_mean(mean, spread)):
        assert value.isfinite().all()
        for gradient in torch.autograd.grad(value.sum(), (mean, spread)):
            assert gradient.isfinite().all()


@pytest.fixture(scope="module")
def people(world, shipped):
    """Some recipients, the gifts, and what holds on their days [B, G]."""
    some = shipped[:20]
    who = Recipients.of(Columns.of([s.profile for s in some], world.vocabulary))
    return who, Catalogue.of(world, 256), [s.day for s in some]


@pytest.fixture(scope="module")
def said(world, lively, people):
    """The reward with any set of tools asked."""
    who, gifts, days = people

    def ask(*tools):
        known = torch.zeros(len(who), len(TOOLS))
        known[:, list(tools)] = 1.0
        with torch.inference_mode():
            return lively(who, gifts, asked(world, days, known)).reward

    return ask


def test_what_is_known_to_be_impossible_is_worth_exactly_nothing(world, people, said):
    """By every set of tools: over budget, out of stock or late as far as those tools tell."""
    who, _, days = people
    today = facts_on(world, days)
    budget, left = who.budget.numpy()[:, None], who.days_left.numpy()[:, None]
    over = {
        (False, False): np.zeros((len(days), len(world)), dtype=bool),
        (True, False): today.price > budget,
        (False, True): today.fees > budget,
        (True, True): today.price + today.fees > budget,
    }
    for price, fees, lead in product([False, True], repeat=3):
        tools = [t for t, on in ((PRICE, price), (FEES, fees), (LEAD, lead)) if on]
        impossible = over[price, fees] | (lead & (today.lead_days > left))
        reward = said(*tools)
        expected = reward.expected.numpy()
        assert (expected[impossible] == 0).all()
        assert (reward.chance.numpy()[~impossible] > 0).all()
        if price and lead:
            assert impossible.any()
        if price and fees and lead:
            assert (reward.chance.numpy()[~impossible] == 1).all()
            assert (expected[~impossible] > 0).any()


def test_knowing_narrows_the_spread(said):
    nothing, quality, trend, both = (
        said(*tools).spread for tools in ((), (QUALITY,), (TREND,), (QUALITY, TREND))
    )
    for less, more in ((nothing, quality), (nothing, trend), (quality, both), (trend, both)):
        assert (more < less).all()
    assert (both > 0).all()


def test_facts_of_the_cost_do_not_move_the_appeal(said):
    nothing, asked_all = said(), said(PRICE, LEAD, FEES)
    assert torch.equal(nothing.mean, asked_all.mean)
    assert torch.equal(nothing.spread, asked_all.spread)


@pytest.mark.parametrize(
    ("tool", "fact", "listing"),
    [
        (QUALITY, "quality", "rating"),
        (TREND, "trend", "demand"),
    ],
)
def test_good_news_is_good(world, people, said, tool, fact, listing):
    """A fact takes the place of what the listing told, times the recipient's care for it."""
    _, _, days = people
    today = getattr(facts_on(world, days), fact)
    listed = standard(getattr(world.listing, listing))
    shift = (said(tool).mean - said().mean).numpy()
    for told, moved in zip(today, shift, strict=True):
        columns = np.column_stack([told, listed])
        (care, before), *_ = np.linalg.lstsq(columns, moved, rcond=None)
        assert care > 0 > before
        np.testing.assert_allclose(columns @ [care, before], moved, atol=1e-5)
