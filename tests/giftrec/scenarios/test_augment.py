from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recipients import WORDS, profile, profiles

from giftrec.columns import Columns
from giftrec.scenarios.augment import AugmentSettings, augment
from reccore.config import validate
from reccore.errors import UserError

MANY = st.lists(profiles(), min_size=1, max_size=8).map(lambda some: Columns.of(some, WORDS))
DEFAULT = AugmentSettings()
ALWAYS = AugmentSettings(hobby_dropout=1, preference_dropout=1)
SETTINGS = st.sampled_from([DEFAULT, ALWAYS])
SEEDS = st.integers(0, 2**32)


def generator(seed=0):
    return np.random.default_rng(seed)


def repeated(count, **changes):
    return Columns.of([profile(**changes)], WORDS).take(np.zeros(count, dtype=np.int64))


def same(one, other):
    return all(
        np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(Columns)
    )


@given(MANY, SETTINGS, SEEDS)
def test_ages_stay_within_5_years_and_within_bounds(columns, settings, seed):
    varied = augment(columns, settings, generator(seed))
    assert (np.abs(varied.age - columns.age) <= 5).all()
    assert (varied.age >= np.minimum(16, columns.age)).all()
    assert (varied.age <= np.maximum(75, columns.age)).all()
    assert (varied.age == np.round(varied.age)).all()


@given(MANY, SETTINGS, SEEDS)
def test_budgets_stay_within_a_quarter(columns, settings, seed):
    varied = augment(columns, settings, generator(seed))
    moved = np.abs(varied.budget.astype(float) - columns.budget)
    assert (moved <= 0.25 * columns.budget + 0.5).all()  # whole minor units
    assert (varied.budget >= 1).all()
    assert (varied.budget == np.round(varied.budget)).all()


@given(MANY, SETTINGS, SEEDS)
def test_words_become_fewer_and_never_none(columns, settings, seed):
    varied = augment(columns, settings, generator(seed))
    for name, chance in (
        ("hobbies", settings.hobby_dropout),
        ("preferences", settings.preference_dropout),
    ):
        before, after = getattr(columns, name), getattr(varied, name)
        assert np.isin(after, (0, 1)).all()
        assert (after <= before).all()
        had, kept = before.sum(axis=1), after.sum(axis=1)
        assert ((kept > 0) == (had > 0)).all()
        if chance == 1:
            assert (kept[had > 1] < had[had > 1]).all()


@given(MANY, SETTINGS, SEEDS)
def test_the_rest_stays(columns, settings, seed):
    varied = augment(columns, settings, generator(seed))
    for name in ("relationship", "occasion", "days_left"):
        assert getattr(varied, name).tolist() == getattr(columns, name).tolist()
    for f in fields(Columns):
        assert getattr(varied, f.name).dtype == getattr(columns, f.name).dtype


@given(MANY, SETTINGS, SEEDS)
def test_the_given_recipients_are_not_touched(columns, settings, seed):
    copy = Columns(**{f.name: getattr(columns, f.name).copy() for f in fields(Columns)})
    augment(columns, settings, generator(seed))
    assert same(columns, copy)


@given(MANY, SEEDS)
def test_same_generator_same_variations(columns, seed):
    first, second = (augment(columns, DEFAULT, generator(seed)) for _ in range(2))
    assert same(first, second)


def test_another_generator_other_variations():
    columns = repeated(20)
    first, second = (augment(columns, DEFAULT, generator(seed)) for seed in range(2))
    assert not same(first, second)


@given(MANY, SEEDS)
def test_switched_off_it_changes_nothing(columns, seed):
    assert same(augment(columns, AugmentSettings(enabled=False), generator(seed)), columns)
    still = AugmentSettings(age_years=0, budget_share=0, hobby_dropout=0, preference_dropout=0)
    assert same(augment(columns, still, generator(seed)), columns)


def test_how_often_words_are_dropped():
    count = 20_000
    columns = repeated(
        count, hobbies=("gardening", "reading", "film"), preferences=("elegant", "useful")
    )
    varied = augment(columns, DEFAULT, generator())
    kept = varied.hobbies.sum(axis=1)
    assert (kept < 3).mean() == pytest.approx(0.30, abs=0.015)
    assert (kept == 1).sum() == pytest.approx((kept == 2).sum(), rel=0.1)
    assert (varied.preferences.sum(axis=1) < 2).mean() == pytest.approx(0.20, abs=0.015)
    # each word is dropped as often as any other
    shares = varied.hobbies.mean(axis=0)[columns.hobbies[0] > 0]
    assert shares == pytest.approx(shares.mean(), abs=0.015)
    both = (kept < 3) & (varied.preferences.sum(axis=1) < 2)
    assert both.mean() == pytest.approx(0.06, abs=0.01)


def test_a_single_word_stays():
    columns = repeated(1000, hobbies=("film",), preferences=())
    varied = augment(columns, ALWAYS, generator())
    assert np.array_equal(varied.hobbies, columns.hobbies)
    assert varied.preferences.sum() == 0


def test_all_of_the_allowed_range_is_used():
    varied = augment(repeated(5000), DEFAULT, generator())
    assert set(varied.age.tolist()) == set(range(35, 46))
    assert varied.budget.min() < 4600 < 5950 < np.median(varied.budget) < 6050 < 7400
    assert varied.budget.max() > 7400


@pytest.mark.parametrize(("age", "lowest", "highest"), [(17, 16, 22), (74, 69, 75), (10, 10, 15)])
def test_ages_near_a_bound(age, lowest, highest):
    """One who is beyond it already may only come nearer."""
    varied = augment(repeated(1000, age=age), DEFAULT, generator())
    assert (varied.age.min(), varied.age.max()) == (lowest, highest)


def test_the_smallest_budget_stays():
    columns = replace(repeated(100), budget=np.ones(100, dtype=np.float32))
    assert set(augment(columns, DEFAULT, generator()).budget.tolist()) == {1.0}


@pytest.mark.parametrize(
    "tree",
    [
        {"age_years": -1},
        {"budget_share": 1.0},
        {"hobby_dropout": 1.1},
        {"preference_dropout": -0.1},
        {"youngest": 0},
        {"oldest": 121},
    ],
)
def test_settings_out_of_range_are_named(tree):
    with pytest.raises(UserError, match=next(iter(tree))):
        validate(AugmentSettings, tree, "a test")
