"""The baselines answer every scenario soundly, from the training scenarios alone."""

from dataclasses import fields

import numpy as np
import pytest
from recipients import profile

from giftrec.answers import Answers
from giftrec.baselines import BASELINES, Baseline, baselines, top
from giftrec.catalog.today import facts_on
from giftrec.catalog.world import World
from giftrec.judge import set_f1
from giftrec.money import Money
from giftrec.schema import Scenario
from giftrec.vocabulary import TOOLS

NAMES = ("random", "popularity", "nearest", "formula", "boosting")


@pytest.fixture(scope="module")
def training(shipped):
    return shipped[:16]


@pytest.fixture(scope="module")
def asked(shipped):
    """Scenarios like the training's, and the same ones with less and less money."""
    some = shipped[16:24]
    poor = [
        Scenario(
            id=f"{s.id}-{minor}",
            profile=s.profile.model_copy(update={"budget": Money(minor=minor, currency="EUR")}),
            day=s.day,
        )
        for s in some
        for minor in (1, 500, 1300, 2000)
    ]
    return (*some, *poor)


@pytest.fixture(scope="module")
def rivals(world, training):
    return baselines(world, training)


@pytest.fixture(scope="module")
def answered(rivals, asked):
    return {name: rival.answer(asked) for name, rival in rivals.items()}


def same(a, b):
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(Answers))


def rows_of(answers, rows):
    return Answers(**{f.name: getattr(answers, f.name)[rows] for f in fields(Answers)})


def test_there_are_five(rivals):
    assert tuple(rivals) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_within_bounds(world, answered, asked, name):
    answers, count = answered[name], len(asked)
    assert answers.categories.shape == (count, len(world.vocabulary.gift_categories))
    assert answers.tool_scores.shape == answers.tools.shape == (count, len(TOOLS))
    assert answers.rewards.shape == answers.allowed.shape == (count, len(world))
    assert answers.tools.dtype == answers.allowed.dtype == np.bool_
    assert np.isfinite(answers.categories).all()
    assert np.isfinite(answers.tool_scores).all()
    assert ((answers.rewards >= 0) & (answers.rewards <= 1)).all()
    assert answers.slates.shape == (count, 5)
    for slate in answers.slates.tolist():
        shown = [g for g in slate if g >= 0]
        assert slate == shown + [-1] * (5 - len(shown))
        assert len(set(shown)) == len(shown)
        assert all(g < len(world) for g in shown)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_known_to_be_impossible_is_shown(world, answered, asked, name):
    """Over budget, out of stock or late, by the tools that were asked; what may be is shown."""
    answers, today = answered[name], facts_on(world, [s.day for s in asked])
    shown = empty = 0
    for n, scenario in enumerate(asked):
        price_known, _, lead_known, _, fees_known = answers.tools[n]
        fits = []
        for g in range(len(world)):
            cost = today.price[n, g] if price_known else world.listing.price[g]
            cost += today.fees[n, g] if fees_known else 0
            late = lead_known and today.lead_days[n, g] > scenario.profile.days_left
            fits.append(cost <= scenario.profile.budget.minor and not late)
            if late:
                assert answers.rewards[n, g] == 0
        assert answers.allowed[n].tolist() == fits
        slate = [g for g in answers.slates[n] if g >= 0]
        assert all(fits[g] for g in slate)
        assert len(slate) == min(5, sum(fits))
        shown, empty = shown + len(slate), empty + (not slate)
    assert shown > 0
    assert empty >= 8, "nothing costs a cent"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "random"])
def test_the_best_that_may_be_shown_is_shown(answered, asked, name):
    answers = answered[name]
    for n in range(len(asked)):
        slate = [g for g in answers.slates[n] if g >= 0]
        rewards = np.where(answers.allowed[n], answers.rewards[n], -1)
        best = sorted(rewards, reverse=True)[: len(slate)]
        assert [rewards[g] for g in slate] == pytest.approx(best)


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_a_function_of_training_and_question(
    world, training, asked, rivals, answered, name
):
    """A second one says the same, whoever else is asked about."""
    assert same(BASELINES[name](world, training).answer(asked), answered[name])
    part = [3, 9]
    alone = rivals[name].answer([asked[n] for n in part])
    expected = rows_of(answered[name], part)
    for field in fields(Answers):
        np.testing.assert_allclose(
            getattr(alone, field.name), getattr(expected, field.name), atol=1e-9
        )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_asked_about_is_not_told(rivals, answered, asked, name):
    """Answers do not change with the right ones that a scenario carries."""
    blank = {"expected_categories": (), "expected_tools": (), "outcomes": ()}
    hidden = [s.model_copy(update=blank) for s in asked]
    assert same(rivals[name].answer(hidden), answered[name])


def test_blocks_change_nothing(monkeypatch, rivals, asked, answered):
    monkeypatch.setattr("giftrec.baselines.BLOCK", 7)
    assert same(rivals["formula"].answer(asked), answered["formula"])


def test_the_constant_set_of_tools_fits_best(world, training):
    """Of all 32 sets, none has a higher F1 on the training scenarios."""
    plain = Baseline(world, training)
    found = [set_f1(np.tile(plain.constant, (len(training), 1)).astype(float), plain.tools).mean()]
    for subset in range(32):
        mask = np.array([subset >> t & 1 for t in range(5)], dtype=float)
        found.append(set_f1(np.tile(mask, (len(training), 1)), plain.tools).mean())
    assert found[0] == max(found) > min(found)


def test_popularity_counts(world, training):
    plain = Baseline(world, training)
    names = list(world.vocabulary.gift_categories)
    shares = [np.mean([c in s.expected_categories for s in training]) for c in names]
    assert plain.category_scores(training)[0] == pytest.approx(shares)
    known = [o.satisfaction for s in training for o in s.outcomes]
    for gift, number in world.index.items():
        mine = [o.satisfaction for s in training for o in s.outcomes if o.gift == gift]
        expected = (sum(mine) + 3 * np.mean(known)) / (len(mine) + 3)
        assert plain.received[number] == pytest.approx(expected)


def test_the_nearest_of_a_training_scenario_is_its_like(world, shipped):
    """Of ten copies and others, the copies are the nearest ten."""
    one = shipped[0]
    copies = [one.model_copy(update={"id": f"copy-{n}"}) for n in range(10)]
    nearest = BASELINES["nearest"](world, [*copies, *shipped[1:12]])
    answers = nearest.answer([one])
    names = list(world.vocabulary.gift_categories)
    right = {names[c] for c in np.flatnonzero(answers.categories[0] > 0.99)}
    assert right == set(one.expected_categories)
    asked = {TOOLS[t] for t in np.flatnonzero(answers.tools[0])}
    assert asked == set(one.expected_tools)


def test_boosting_learns_what_it_was_shown(world, training, rivals):
    """On its own training scenarios it orders receptions well; a constant would not."""
    answers = rivals["boosting"].answer(training)
    pairs = [
        (answers.rewards[n, world.index[o.gift]], o.satisfaction)
        for n, s in enumerate(training)
        for o in s.outcomes
    ]
    assert np.corrcoef(*zip(*pairs, strict=True))[0, 1] > 0.5


def test_slates_are_padded_where_there_are_few_gifts(world, training):
    kept = tuple(g for g in world.gifts if g.category == "books")
    assert 0 < len(kept) < 5
    small = World(kept, world.vocabulary, world.seed)
    ids = {gift.id for gift in kept}
    some = [
        s.model_copy(update={"outcomes": tuple(o for o in s.outcomes if o.gift in ids)})
        for s in training
    ]
    for name, rival in baselines(small, some).items():
        slates = rival.answer(some).slates
        assert slates.shape == (len(some), 5), name
        assert (slates[:, len(kept) :] == -1).all(), name


@pytest.mark.parametrize("name", list(BASELINES))
def test_scenarios_without_outcomes_are_enough(world, training, name):
    """Labels alone can be learned from: outcomes are optional in a scenario file."""
    bare = [s.model_copy(update={"outcomes": ()}) for s in training]
    answers = BASELINES[name](world, bare).answer(training)
    assert np.isfinite(answers.rewards).all()


def test_top_is_a_slow_sort():
    draw = np.random.default_rng(0)
    scores, may = draw.integers(0, 4, (30, 7)).astype(float), draw.random((30, 7)) < 0.6
    for row, slate in enumerate(top(scores, may).tolist()):
        best = sorted((g for g in range(7) if may[row, g]), key=lambda g: (-scores[row, g], g))[:5]
        assert slate == best + [-1] * (5 - len(best))


def test_nobody_is_too_young_or_too_poor(rivals):
    """Recipients at the bounds of what a profile may be."""
    odd = [
        Scenario(id=f"odd-{n}", profile=profile(**changes), day=n)
        for n, changes in enumerate(
            [
                {"age": 1, "hobbies": (), "preferences": ()},
                {"age": 120, "days_left": 0},
                {"budget": Money(minor=10**14, currency="EUR"), "days_left": 365},
            ]
        )
    ]
    for name, rival in rivals.items():
        answers = rival.answer(odd)
        assert np.isfinite(answers.rewards).all(), name
        assert (answers.slates[2] >= 0).all(), name
