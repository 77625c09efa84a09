import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from giftrec.tools.ratings import DEFAULT_PRIOR, RatingPrior, learn_prior, shrunken
from giftrec.tools.tables import NOT_STATED

PRIOR = RatingPrior(4.0, 5.0, 1.0, 100)


def catalogue(gifts: int, each: int, between: float, within: float, seed: int = 0):
    draw = np.random.default_rng(seed)
    truth = 3.0 + between * draw.standard_normal(gifts)
    stars = truth[:, None] + within * draw.standard_normal((gifts, each))
    starts = np.arange(gifts + 1) * each
    return truth, starts, stars


def test_the_strength_of_the_prior_is_learned_from_the_spreads():
    _, starts, stars = catalogue(4000, 8, between=0.5, within=1.0)
    prior = learn_prior(starts, stars.ravel())  # unrounded stars, so that the truth is known
    assert prior.mean == pytest.approx(3.0, abs=0.03)
    assert prior.spread == pytest.approx(1.0, abs=0.03)
    assert prior.strength == pytest.approx(4.0, rel=0.15)  # 1.0**2 / 0.5**2
    assert prior.learned_from == 32_000


def test_the_shrunken_rating_is_nearer_the_truth_than_the_mean():
    truth, starts, stars = catalogue(2000, 4, between=0.5, within=1.0, seed=1)
    prior = learn_prior(starts, stars.ravel())
    ours = np.array([shrunken(row.tolist(), prior).stars for row in stars])
    assert ((ours - truth) ** 2).mean() < 0.75 * ((stars.mean(1) - truth) ** 2).mean()
    low, high = zip(
        *((r.low, r.high) for r in (shrunken(s.tolist(), prior) for s in stars)), strict=True
    )
    covered = ((np.array(low) <= truth) & (truth <= np.array(high))).mean()
    assert 0.92 <= covered <= 0.98


def test_gifts_that_are_all_alike_are_drawn_to_the_mean():
    _, starts, stars = catalogue(500, 8, between=0.0, within=1.0)
    assert learn_prior(starts, stars.ravel()).strength > 20


def test_few_reviews_teach_no_prior():
    assert learn_prior(np.array([0, 3]), np.array([5, 4, NOT_STATED])) == DEFAULT_PRIOR
    assert learn_prior(np.array([0, 100]), np.full(100, 5)) == DEFAULT_PRIOR  # one gift


@given(st.lists(st.integers(1, 5), max_size=30))
def test_a_rating_lies_between_the_mean_and_the_prior(stars):
    rating = shrunken(stars, PRIOR)
    mean = sum(stars) / len(stars) if stars else 4.0
    assert min(mean, 4.0) - 0.001 <= rating.stars <= max(mean, 4.0) + 0.001
    assert 1 <= rating.low <= rating.stars <= rating.high <= 5
