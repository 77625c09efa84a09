from itertools import combinations

import numpy as np
import pytest
from recipients import profile

from giftrec.catalog.today import facts_on
from giftrec.money import Money
from giftrec.oracle import SUBSETS, Oracle
from giftrec.scenarios.cover import FACTORS, random_row, valid_pairs
from giftrec.scenarios.expand import day_of, expand, label_all, recipient
from giftrec.schema import Scenario
from reccore.errors import UserError


@pytest.fixture(scope="module", autouse=True)
def one_array():
    """One covering array is enough here: each further one that is tried takes two seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("giftrec.scenarios.cover.SALTS", 1)
        yield


@pytest.fixture(scope="module")
def few(world):
    return expand(world, 12, 7)


@pytest.fixture(scope="module")
def many(world):
    """Without labels: more than a covering array needs."""
    return expand(world, 130, 7, label=False)


def levels_of(words, profile):
    """Every level of every factor that a recipient holds; bounds of tiers belong to both."""
    budget = profile.budget.minor / 100
    return {
        "relationship": {profile.relationship},
        "occasion": {profile.occasion},
        "hobby_category": {words.hobbies[h] for h in profile.hobbies},
        "preference_type": {words.preferences[p] for p in profile.preferences},
        "age_group": {words.age_group(profile.age)},
        "budget_tier": {t for t, (a, b) in words.budget_tiers.items() if a <= budget <= b},
        "urgency": {u for u, (a, b) in words.urgencies.items() if a <= profile.days_left <= b},
    }


def test_same_seed_same_scenarios(world, few):
    assert expand(world, 12, 7) == few


def test_another_seed_other_scenarios(world, many):
    other = expand(world, 130, 8, label=False)
    assert not {s.id for s in other} & {s.id for s in many}
    assert not {s.day for s in other} & {s.day for s in many}
    assert [s.profile for s in other] != [s.profile for s in many]


def test_scenarios_are_numbered_and_known(world, few):
    assert [s.id for s in few] == [f"s7-{n:03d}" for n in range(1, 13)]
    assert len({s.day for s in few}) == 12
    for scenario in few:
        scenario.check(world.vocabulary, scenario.id)
        assert scenario.profile.budget.currency == world.currency


def test_labels_are_sound(world, few):
    present = {gift.category for gift in world.gifts}
    for scenario in few:
        assert 1 <= len(scenario.expected_categories) <= 3
        assert len(set(scenario.expected_categories)) == len(scenario.expected_categories)
        assert set(scenario.expected_categories) <= present
        assert scenario.expected_tools in SUBSETS
    assert len({s.expected_tools for s in few}) > 1
    assert len({s.expected_categories for s in few}) > 1


def test_outcomes_are_of_gifts_that_could_be_had(world, few):
    for scenario in few:
        gifts = [world.index[outcome.gift] for outcome in scenario.outcomes]
        assert len(gifts) <= 10
        assert len(set(gifts)) == len(gifts)
        facts = facts_on(world, scenario.day)
        for g in gifts:
            assert facts.price[0, g] + facts.fees[0, g] <= scenario.profile.budget.minor
            assert facts.lead_days[0, g] <= scenario.profile.days_left
    assert max(len(s.outcomes) for s in few) == 10
    assert len({outcome.satisfaction for s in few for outcome in s.outcomes}) > 12


def test_a_label_does_not_depend_on_the_others(world, few):
    assert label_all(world, few[3:5]) == few[3:5]


def test_expected_tools_are_worth_most(world, few):
    oracle = Oracle(world)
    values = oracle.net_tool_values(oracle.recipients([s.profile for s in few]))
    for scenario, row in zip(few, values, strict=True):
        assert row[SUBSETS.index(scenario.expected_tools)] == row.max()


def test_one_who_can_afford_nothing_has_no_outcomes(world):
    poor = profile(budget=Money(minor=1, currency="EUR"))
    (labelled,) = label_all(world, [Scenario(id="poor", profile=poor)])
    assert labelled.outcomes == ()
    assert labelled.expected_tools == ()


def test_recipients_hold_every_valid_pair(world, many):
    held = set()
    for scenario in many:
        levels = levels_of(world.vocabulary, scenario.profile)
        assert all(levels.values())
        held |= {
            (f, a, g, b) for f, g in combinations(FACTORS, 2) for a in levels[f] for b in levels[g]
        }
    assert valid_pairs(world.vocabulary) <= held


def test_impossible_recipients_do_not_occur(world, many):
    for scenario in many:
        levels = levels_of(world.vocabulary, scenario.profile)
        single = {f: next(iter(levels[f])) for f in ("relationship", "occasion", "age_group")}
        assert world.vocabulary.is_possible(**single)


def test_bounds_of_the_tiers_occur(world, many):
    """Every third budget is one; and both bounds of every tier are among them."""
    budgets = [s.profile.budget.minor for s in many]
    bounds = {100 * b for tier in world.vocabulary.budget_tiers.values() for b in tier}
    assert bounds <= set(budgets)
    assert sum(b in bounds for b in budgets) / len(budgets) == pytest.approx(1 / 3, abs=0.03)
    assert len(set(budgets)) > len(budgets) / 2


def test_recipients_are_what_their_row_says(world):
    words = world.vocabulary
    made = []
    for number in range(200):
        row = random_row(words, 5, number)
        one = recipient(row, words, "EUR", 5, number)
        levels = levels_of(words, one)
        assert all(row[factor] in levels[factor] for factor in FACTORS)
        assert 1 <= len(one.hobbies) <= 3
        assert 1 <= len(one.preferences) <= 2
        assert one == recipient(row, words, "EUR", 5, number)
        made.append(one)
    assert {len(p.hobbies) for p in made} == {1, 2, 3}
    assert {len(p.preferences) for p in made} == {1, 2}
    ages = {p.age for p in made}
    for first, last in words.age_groups.values():
        assert ages & set(range(first, last + 1))


def test_days_are_their_own():
    days = [day_of(7, number) for number in range(5000)]
    assert len(set(days)) == 5000
    assert 0 <= min(days) <= max(days) < 10**9
    assert np.mean(days) == pytest.approx(5e8, rel=0.05)


@pytest.mark.parametrize("count", [0, -3])
def test_fewer_than_one_scenario_is_refused(world, count):
    with pytest.raises(UserError, match=f"--count is {count}"):
        expand(world, count, 7)
