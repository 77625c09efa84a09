from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recipients import WORDS, profile, profiles

from giftrec.catalog.today import facts_on
from giftrec.catalog.world import World
from giftrec.money import Money
from giftrec.oracle import (
    CATEGORY_TASTE,
    DIVERSITY,
    GIFT_TASTE,
    OCCASION_SENSE,
    RELATIONSHIP_SENSE,
    SLATE,
    SUBSETS,
    Oracle,
    clipped_mean,
)
from giftrec.oracle_kernel import choose_slates
from giftrec.scenarios.cover import random_row
from giftrec.scenarios.expand import recipient
from giftrec.vocabulary import TOOLS
from reccore.data.seeds import derive

DAY = st.integers(0, 10**9)


@pytest.fixture(scope="module")
def oracle(world):
    return Oracle(world)


@pytest.fixture(scope="module")
def usual():
    """Sixty recipients as scenarios have them."""
    return [recipient(random_row(WORDS, 1, n), WORDS, "EUR", 1, n) for n in range(60)]


def richer(some, more):
    budget = Money(minor=some.budget.minor + more, currency="EUR")
    return some.model_copy(update={"budget": budget})


# ---- satisfaction


@given(profiles(), DAY)
def test_satisfaction_is_a_share_and_nothing_where_the_gift_cannot_be_had(world, oracle, some, day):
    who, facts = oracle.recipients([some]), oracle.facts([day])
    felt = oracle.satisfaction(who, facts, oracle.tastes([day], 4))
    assert felt.shape == (1, 4, len(world))
    assert ((felt >= 0) & (felt <= 1)).all()
    for g in range(len(world)):
        affordable = facts.price[0, g] + facts.fees[0, g] <= some.budget.minor
        there = facts.lead_days[0, g] <= some.days_left
        assert oracle.feasible(who, facts)[0, g] == (affordable and there)
        if not (affordable and there):
            assert felt[0, :, g].tolist() == [0] * 4


def test_satisfaction_is_what_is_known_and_tastes(oracle, usual):
    who, facts = oracle.recipients(usual), oracle.facts(range(60))
    tastes = oracle.tastes(range(60), 3)
    felt = oracle.satisfaction(who, facts, tastes)
    n, t, g = (part[0] for part in np.nonzero((felt > 0) & (felt < 1)))
    known = who.pleasure[n, g]
    known += who.quality[n] * facts.quality[n, g] + who.trend[n] * facts.trend[n, g]
    assert felt[n, t, g] == pytest.approx(known + tastes[n, t, g])


@given(profiles(), st.randoms(use_true_random=False), DAY)
def test_the_order_of_words_does_not_matter(oracle, some, random, day):
    shuffled = some.model_copy(
        update={
            name: tuple(random.sample(getattr(some, name), len(getattr(some, name))))
            for name in ("hobbies", "preferences")
        }
    )
    who = oracle.recipients([some, shuffled])
    facts, tastes = oracle.facts([day, day]), oracle.tastes([1, 1], 2)
    one, other = oracle.satisfaction(who, facts, tastes)
    assert one.tolist() == other.tolist()


def test_a_hobby_in_common_pleases_more(world, oracle):
    """And one of the same kind less than that, but more than none."""
    gift = next(
        number
        for number, gift in enumerate(world.gifts)
        if "painting" in gift.hobbies and not {"crafts", "football"} & {*gift.hobbies}
    )
    same, kin, none = (
        oracle.recipients([profile(hobbies=(hobby,))]).pleasure[0, gift]
        for hobby in ("painting", "crafts", "football")
    )
    assert same > kin > none


def test_ages_and_closeness_matter(world, oracle):
    lowest = [gift.ages[0] for gift in world.gifts]
    grown = int(np.argmax(lowest))
    child, adult = (
        oracle.recipients([profile(age=age)]).pleasure[0, grown]
        for age in (lowest[grown] - 10, lowest[grown] + 5)
    )
    assert child < adult
    intimate = int(np.argmax([gift.intimacy for gift in world.gifts]))
    boss, partner = (
        oracle._suits([profile(relationship=who)])[0, intimate] for who in ("boss", "partner")
    )
    assert boss < partner


def test_quality_and_fashion_matter_to_some_more(oracle):
    kinds = {"luxury": "premium", "trendy": "modern", "relaxing": "cosy"}
    who = oracle.recipients([profile(preferences=(word,)) for word in kinds.values()])
    assert who.quality[0] > who.quality[2] > 0
    assert who.trend[1] > who.trend[2] > 0


def test_the_senses_speak_of_known_words():
    assert set(OCCASION_SENSE) == set(WORDS.occasions)
    assert set(RELATIONSHIP_SENSE) == set(WORDS.relationships)
    for likes, dislikes in (*OCCASION_SENSE.values(), *RELATIONSHIP_SENSE.values()):
        assert {*likes, *dislikes} <= set(WORDS.gift_categories)
        assert not set(likes) & set(dislikes)


def test_tastes_are_as_wide_as_they_say(world, oracle):
    tastes = oracle.tastes([3], 4000)[0]
    spread = np.hypot(GIFT_TASTE, CATEGORY_TASTE)
    assert tastes.std() == pytest.approx(spread, rel=0.02)
    assert tastes.mean() == pytest.approx(0, abs=0.01)
    correlations = np.corrcoef(tastes.T)
    same = world.categories[:, None] == world.categories[None]
    np.fill_diagonal(correlations, np.nan)
    shared = CATEGORY_TASTE**2 / spread**2
    assert np.nanmean(correlations[same]) == pytest.approx(shared, abs=0.02)
    assert np.nanmean(correlations[~same]) == pytest.approx(0, abs=0.01)
    assert oracle.tastes([3, 4], 2)[0].tolist() == oracle.tastes([3], 2)[0].tolist()
    assert (oracle.tastes([3], 2) != oracle.tastes([4], 2)).all()


# ---- more money


@given(profiles(60_000), st.integers(0, 60_000), DAY)
def test_more_budget_never_lowers_what_can_be_expected(oracle, some, more, day):
    who = oracle.recipients([some, richer(some, more)])
    poor, rich = oracle.expected_satisfaction(who)
    assert (rich >= poor - 1e-12).all()
    facts, tastes = oracle.facts([day, day]), oracle.tastes([day, day], 1)
    slates = oracle.clairvoyant(who, facts, tastes[:, 0])
    worth = oracle.worth(slates, oracle.satisfaction(who, facts, tastes))[:, 0]
    assert worth[1] >= worth[0] - 1e-6


@given(profiles(60_000), st.integers(0, 30))
def test_more_time_never_lowers_what_can_be_expected(oracle, some, more):
    later = some.model_copy(update={"days_left": some.days_left + more})
    hurried, relaxed = oracle.expected_satisfaction(oracle.recipients([some, later]))
    assert (relaxed >= hurried - 1e-12).all()


def test_expected_satisfaction_is_the_mean_over_days_and_tastes(oracle, usual):
    """By drawing: facts of the oracle's days, tastes of many draws."""
    who = oracle.recipients(usual[:3])
    expected = oracle.expected_satisfaction(who)
    days = [derive(oracle.world.seed, "judge", d) for d in range(256)]
    drawn = np.zeros_like(expected)
    for d, day in enumerate(days):
        facts = facts_on(oracle.world, [day] * 3)
        drawn += oracle.satisfaction(who, facts, oracle.tastes([d] * 3, 40)).mean(axis=1)
    np.testing.assert_allclose(drawn / len(days), expected, atol=0.012)


@given(st.floats(-3, 3), st.floats(0.05, 1.5))
def test_the_clipped_mean_is_that_of_an_integral(mean, spread):
    x = np.linspace(mean - 9 * spread, mean + 9 * spread, 20_001)
    density = np.exp(-(((x - mean) / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))
    integral = np.trapezoid(np.clip(x, 0, 1) * density, x)
    assert clipped_mean(np.array([mean]), spread)[0] == pytest.approx(integral, abs=1e-6)


# ---- slates


def test_the_worth_of_slates_by_hand(world, oracle):
    games, books = (
        [g for g in range(len(world)) if world.gifts[g].category == name]
        for name in ("games", "books")
    )
    felt = np.zeros((1, 2, len(world)))
    felt[0, 0, games[0]], felt[0, 0, books[0]], felt[0, 1, books[1]] = 0.8, 0.5, 0.4
    for slate, worths in (
        ([games[0], books[0], -1, -1, -1], [0.95 * 0.8 + 0.02, 0.02]),
        ([books[0], books[1], books[2], -1, -1], [0.95 * 0.5 + 0.01, 0.95 * 0.4 + 0.01]),
        ([-1] * 5, [0, 0]),
    ):
        worth = oracle.worth(np.array([slate]), felt)
        assert worth[0].tolist() == pytest.approx(worths)


def test_all_choose_distinct_gifts_and_nobody_beats_the_clairvoyant(oracle, usual):
    who, facts = oracle.recipients(usual), oracle.facts(range(60))
    tastes = oracle.tastes(range(100, 160), 1)
    felt = oracle.satisfaction(who, facts, tastes)
    slates = {
        "clairvoyant": oracle.clairvoyant(who, facts, tastes[:, 0]),
        "best": oracle.best(who, facts),
        "random": oracle.random(who, range(60)),
    }
    worth = {name: oracle.worth(chosen, felt)[:, 0] for name, chosen in slates.items()}
    for name, chosen in slates.items():
        assert chosen.shape == (60, SLATE)
        for slate in chosen.tolist():
            gifts = [g for g in slate if g >= 0]
            assert len(set(gifts)) == len(gifts) > 0
        assert (worth[name] <= worth["clairvoyant"] + 1e-6).all()
    assert worth["random"].mean() < worth["best"].mean() < worth["clairvoyant"].mean()


def test_the_clairvoyants_slate_is_the_best_gift_and_full_diversity(oracle, usual):
    """Even among more gifts that can be had than a chooser otherwise thinks about."""
    free = [richer(some, 10**6).model_copy(update={"days_left": 60}) for some in usual]
    tastes = oracle.tastes(range(60), 1)
    for people in (usual, free):
        who, facts = oracle.recipients(people), oracle.facts(range(60))
        felt = oracle.satisfaction(who, facts, tastes)
        slates = oracle.clairvoyant(who, facts, tastes[:, 0])
        ideal = (1 - DIVERSITY) * felt[:, 0].max(axis=1) + DIVERSITY
        assert oracle.worth(slates, felt)[:, 0] == pytest.approx(ideal)


def test_best_does_not_look_at_the_scenarios_tastes(oracle, usual):
    """And so the same recipient on the same day gets the same, alone or among others."""
    who, facts = oracle.recipients(usual), oracle.facts(range(60))
    alone = oracle.best(oracle.recipients(usual[7:8]), oracle.facts([7]))
    assert oracle.best(who, facts)[7].tolist() == alone[0].tolist()


def test_random_gifts_are_listed_within_the_budget(world, oracle):
    some = [profile(budget=Money(minor=minor, currency="EUR")) for minor in (1, 2000, 100_000)]
    who = oracle.recipients(some)
    shown = set()
    for seed in range(200):
        slates = oracle.random(who, [seed] * 3)
        assert slates[0].tolist() == [-1] * 5
        for row, p in zip(slates[1:], some[1:], strict=True):
            gifts = row[row >= 0]
            assert len(set(gifts)) == len(gifts)
            assert (world.listing.price[gifts] <= p.budget.minor).all()
        shown |= {*slates[2].tolist()}
    assert shown == set(range(len(world)))


def value_of(slate, table, categories, diversity, places):
    """What is maximised, plainly: mean of the best gift, and a little for distinct categories."""
    mean = np.mean([max(table[g][t] for g in slate) for t in range(len(table[0]))])
    return (1 - diversity) * mean + diversity * len({categories[g] for g in slate}) / places


TABLES = st.integers(5, 8).flatmap(
    lambda gifts: st.tuples(
        st.lists(
            st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.8, 1.0]), min_size=4, max_size=4),
            min_size=gifts,
            max_size=gifts,
        ),
        st.lists(st.integers(0, 3), min_size=gifts, max_size=gifts),
    )
)


@given(TABLES, st.integers(1, 3), st.sampled_from([0.0, 0.05, 0.5]))
def test_greedy_slates_are_close_to_the_best_of_all(tables, places, diversity):
    table, categories = tables
    chosen = choose_slates(np.array(table), np.array(categories), diversity, places).tolist()
    assert len(set(chosen)) == places
    reached = value_of(chosen, table, categories, diversity, places)
    best = max(
        value_of(slate, table, categories, diversity, places)
        for slate in combinations(range(len(table)), places)
    )
    assert best * (1 - 1 / np.e) - 1e-6 <= reached <= best + 1e-6
    if places == 1:
        assert reached == pytest.approx(best, abs=1e-6)


def test_places_beyond_the_last_gift_stay_empty():
    chosen = choose_slates(np.array([[0.2], [0.9]]), np.array([0, 1]), DIVERSITY, SLATE)
    assert chosen.tolist() == [1, 0, -1, -1, -1]


# ---- tools


def test_subsets_are_numbered_by_their_bits(oracle):
    assert len(set(SUBSETS)) == 32
    for number, subset in enumerate(SUBSETS):
        assert number == sum(1 << TOOLS.index(tool) for tool in subset)
    assert oracle.costs[0] == 0
    assert oracle.costs[31] == pytest.approx(sum(WORDS.tools.values()))
    assert (oracle.costs[[1, 2, 4, 8, 16]] == list(WORDS.tools.values())).all()


def slow_tool_values(oracle, who, n, days, worlds):
    """For each subset and each day: imagine, choose greedily, and see what it was worth."""
    world = oracle.world
    listed = oracle._promising(who, n)  # its order decides between equals
    today = facts_on(world, [derive(world.seed, "judge", d) for d in range(days)])
    think = facts_on(world, [derive(world.seed, "think", d) for d in range(worlds)])
    decide = oracle.tastes([derive(world.seed, "decide")], worlds)[0]
    judge = oracle.tastes([derive(world.seed, "judge")], worlds)[0]
    budget, left = who.budget[n], who.days_left[n]

    def felt(fact, taste, g):
        known = who.pleasure[n, g] + who.quality[n] * fact["review_analysis"]
        pleased = np.clip(known + who.trend[n] * fact["trend_analyzer"] + taste[:, g], 0, 1)
        within = fact["price_comparison"] + fact["budget_optimizer"] <= budget
        return pleased * (within & (fact["inventory_check"] <= left))

    def mean_worth(rows, slate):
        distinct = len({world.gifts[g].category for g in slate})
        best = np.max([rows[g] for g in slate], axis=0).mean()
        return (1 - DIVERSITY) * best + DIVERSITY * distinct / SLATE

    values = np.zeros(32)
    for number, subset in enumerate(SUBSETS):
        for day in range(days):
            told = {tool: today.column(tool)[day] for tool in TOOLS}
            imagined, true = {}, {}
            for g in listed:
                fact = {
                    tool: told[tool][g] if tool in subset else think.column(tool)[:, g]
                    for tool in TOOLS
                }
                imagined[g] = felt(fact, decide, g)
                true[g] = felt({tool: told[tool][g] for tool in TOOLS}, judge, g)
            slate = []
            for _ in range(min(SLATE, len(listed))):
                rest = [g for g in listed if g not in slate]
                gains = [mean_worth(imagined, [*slate, g]) for g in rest]
                slate.append(rest[int(np.argmax(np.round(gains, 9)))])
            values[number] += mean_worth(true, slate) / days
    return values


@pytest.mark.parametrize("first", range(3))
def test_tool_values_equal_a_slow_version(world, monkeypatch, usual, first):
    monkeypatch.setattr("giftrec.oracle.DAYS", 6)
    monkeypatch.setattr("giftrec.oracle.WORLDS", 10)
    oracle = Oracle(World(world.gifts[first::7], world.vocabulary, world.seed))
    assert 6 <= len(oracle.world) <= 7
    who = oracle.recipients(usual[4 * first : 4 * first + 4])
    values = oracle.tool_values(who)
    for n in range(4):
        np.testing.assert_allclose(values[n], slow_tool_values(oracle, who, n, 6, 10), atol=1e-5)
    assert values.std(axis=1).max() > 0.005  # what is known makes a difference


def test_more_known_facts_never_lower_the_value(world, monkeypatch, usual):
    """But for the noise of the worlds a chooser thinks in: here there are many."""
    monkeypatch.setattr("giftrec.oracle.WORLDS", 512)
    values = Oracle(world).tool_values(Oracle(world).recipients(usual[:6]))
    for number in range(32):
        for more in range(32):
            if number & more == number:
                assert (values[:, more] >= values[:, number] - 0.02).all()
    assert (values[:, 31] > values[:, 0] + 0.02).all()


def test_net_values_take_the_costs_off(oracle, usual):
    who = oracle.recipients(usual[:3])
    gross, net = oracle.tool_values(who), oracle.net_tool_values(who)
    np.testing.assert_allclose(gross - net, np.tile(oracle.costs, (3, 1)), atol=1e-12)
    assert ((gross > 0) & (gross < 1)).all()


def test_a_value_does_not_depend_on_the_other_recipients(oracle, usual):
    among, alone = (oracle.tool_values(oracle.recipients(some)) for some in (usual[:4], usual[3:4]))
    assert among[3].tolist() == alone[0].tolist()


# ---- categories


@given(profiles(60_000))
def test_expected_categories_are_of_the_world(world, oracle, some):
    who = oracle.recipients([some])
    (categories,) = oracle.expected_categories(who)
    assert len(categories) <= 3
    assert bool(categories) == bool(oracle.expected_satisfaction(who).max() > 1e-9)
    assert len(set(categories)) == len(categories)
    assert set(categories) <= {gift.category for gift in world.gifts}


def test_expected_categories_follow_their_best_gifts(world, oracle, usual):
    who = oracle.recipients(usual)
    expected = oracle.expected_satisfaction(who)
    found = oracle.expected_categories(who)
    assert {len(categories) for categories in found} >= {2, 3}
    for row, categories in zip(expected, found, strict=True):
        assert categories[0] == world.gifts[int(row.argmax())].category
        best = {
            name: max(v for v, g in zip(row, world.gifts, strict=True) if g.category == name)
            for name in WORDS.gift_categories
        }
        ranked = sorted(best, key=lambda name: -best[name])[:3]
        assert list(categories) == [n for n in ranked if best[n] >= 0.7 * best[ranked[0]]]


def test_a_world_of_few_categories_expects_no_other(world):
    some = tuple(g for g in world.gifts if g.category in ("games", "books"))
    oracle = Oracle(World(some, world.vocabulary, world.seed))
    (categories,) = oracle.expected_categories(oracle.recipients([profile()]))
    assert 1 <= len(categories) <= 2
    assert set(categories) <= {"games", "books"}
