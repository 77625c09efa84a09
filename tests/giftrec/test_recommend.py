"""Recommending: never what cannot be had, only true reasons, honest where there is little."""

import re

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from recipients import profile, profiles

from giftrec import settings
from giftrec.catalog.today import facts_on
from giftrec.catalog.world import World, default_world
from giftrec.model.predictor import recommender as recommender_of
from giftrec.money import Money
from giftrec.recommend import tool_sets
from giftrec.scenarios.files import shipped_scenarios
from giftrec.training import build
from giftrec.vocabulary import TOOLS
from reccore.errors import UserError

MODEST = 40_000  # budgets about those of the scenarios, so that gifts are left out for their price
ANY, DAYS = profiles(MODEST), st.integers(0, 10**9)
FALLBACK = "fits the age and the budget"
STARTS = ("serves", "is ", "made for", "well reviewed", "in demand", "costs")


def recommender(world, lively, ask_above):
    """The lively model with a threshold of its own for asking tools."""
    sizes = lively.settings.model_dump(mode="json") | {"ask_above": ask_above}
    model = build(settings.resolve(0, "compact", {"model": sizes}), world)
    model.load_state_dict(lively.state_dict())
    return recommender_of(model, world)


@pytest.fixture(scope="module")
def asking(world, lively):
    """Asks every tool whatever it may cost."""
    return recommender(world, lively, 1e-9)


@pytest.fixture(scope="module")
def trusting(world, lively):
    """Asks nothing: all it knows is the listing."""
    return recommender(world, lively, 1 - 1e-6)


@pytest.fixture(scope="module")
def usual(world, lively):
    """Asks some tools of some recipients."""
    return recommender(world, lively, 0.5)


@given(ANY, DAYS)
def test_what_cannot_be_had_today_is_not_recommended(world, asking, recipient, day):
    """Over budget with all fees, out of stock or late: by the facts themselves."""
    answer = asking.recommend(recipient, day)
    assert answer.tools == TOOLS
    today = facts_on(world, [day])
    for suggestion in answer.suggestions:
        gift = world.index[suggestion.gift]
        assert today.price[0, gift] + today.fees[0, gift] <= recipient.budget.minor
        assert today.lead_days[0, gift] <= recipient.days_left
        assert suggestion.price == Money(minor=int(today.price[0, gift]), currency="EUR")
    could = (today.price + today.fees <= recipient.budget.minor)[0]
    could &= today.lead_days[0] <= recipient.days_left
    assert len(answer.suggestions) == min(5, could.sum())


@given(ANY, DAYS)
def test_without_asking_the_listing_holds(world, trusting, recipient, day):
    answer = trusting.recommend(recipient, day)
    assert answer.tools == ()
    for suggestion in answer.suggestions:
        listed = world.listing.price[world.index[suggestion.gift]]
        assert suggestion.price.minor == listed <= recipient.budget.minor
    within = int((world.listing.price <= recipient.budget.minor).sum())
    assert len(answer.suggestions) == min(5, within)


@given(ANY, DAYS, st.integers(1, 5))
def test_answers_are_sound(world, usual, recipient, day, k):
    answer = usual.recommend(recipient, day, k)
    gifts = [s.gift for s in answer.suggestions]
    assert len(set(gifts)) == len(gifts) <= k
    assert [s.rank for s in answer.suggestions] == list(range(1, len(gifts) + 1))
    for suggestion in answer.suggestions:
        gift = world.gifts[world.index[suggestion.gift]]
        assert (suggestion.title, suggestion.category) == (gift.title, gift.category)
        assert 0 <= suggestion.expected_satisfaction <= 1
        assert suggestion.reasons
    assert len(set(answer.categories)) == 3
    assert set(answer.categories) <= set(world.vocabulary.gift_categories)
    assert answer.tools == tuple(t for t in TOOLS if t in answer.tools)
    assert answer.day == day
    assert (answer.note is None) == (len(gifts) == k)
    if answer.note:
        assert answer.note.startswith(f"only {len(gifts)} of {k} gifts")


def words(text):
    return [word.replace(" ", "_") for word in text.split(" and ")]


def true_reasons(world, recipient, gift, day, tools):
    """Every pattern a reason can have, and whether one that says so is true."""
    today, kind_of = facts_on(world, [day]), world.vocabulary.hobbies
    g, kinds = world.index[gift.id], {world.vocabulary.hobbies[h] for h in gift.hobbies}
    shared = [h for h in recipient.hobbies if h in gift.hobbies]
    liked = [p for p in recipient.preferences if p in gift.preferences]
    near = [h for h in recipient.hobbies if kind_of[h] in kinds]
    price, fees = (Money(minor=int(c[0, g]), currency="EUR") for c in (today.price, today.fees))
    silent = not {TOOLS[0], TOOLS[2], TOOLS[4]} & {*tools}  # the others speak of good news only
    return {
        r"serves (.+)": lambda found: words(found) == shared != [],
        r"close to (.+)": lambda found: words(found) == near != [] and not shared,
        r"is (.+)": lambda found: words(found) == liked != [],
        r"made for (.+)": lambda found: (
            words(found) == [recipient.occasion] and recipient.occasion in gift.occasions
        ),
        r"costs (.+) today": lambda found: found == str(price) and TOOLS[0] in tools,
        r"shipping and wrapping are (.+)": lambda found: found == str(fees) and TOOLS[4] in tools,
        r"in stock, there in (\d+) days?": lambda found: (
            int(found) == today.lead_days[0, g] <= recipient.days_left and TOOLS[2] in tools
        ),
        r"(well) reviewed of late": lambda _: today.quality[0, g] > 0.5 and TOOLS[1] in tools,
        r"(in) demand right now": lambda _: today.trend[0, g] > 0.5 and TOOLS[3] in tools,
        r"(fits) the age and the budget": lambda _: (
            gift.price <= recipient.budget.minor
            and gift.ages[0] <= recipient.age <= gift.ages[1]
            and silent
        ),
        r"(fits) the budget": lambda _: gift.price <= recipient.budget.minor and silent,
    }


NOTHING_TO_SAY = profile(  # of one of its gifts, though reviews were looked at
    age=11,
    hobbies=(),
    preferences=("eco_friendly", "personal"),
    relationship="partner",
    occasion="birthday",
    budget=Money(minor=9591, currency="EUR"),
    days_left=17,
)


@given(ANY, DAYS)
@example(profile(hobbies=("cooking", "baking"), preferences=("handmade", "local")), 3)
@example(NOTHING_TO_SAY, 0)
def test_every_reason_is_true(world, usual, asking, trusting, recipient, day):
    for speaker in (usual, asking, trusting):
        answer = speaker.recommend(recipient, day)
        for suggestion in answer.suggestions:
            gift = world.gifts[world.index[suggestion.gift]]
            known = true_reasons(world, recipient, gift, day, answer.tools)
            for reason in suggestion.reasons:
                ((pattern, found),) = [
                    (p, m[1]) for p in known if (m := re.fullmatch(p, reason)) is not None
                ]
                assert known[pattern](found), (reason, gift.id)
            assert len(set(suggestion.reasons)) == len(suggestion.reasons)


@given(ANY, DAYS)
def test_what_speaks_for_a_gift_is_said(world, asking, recipient, day):
    """Shared words, the occasion and good news are never left out."""
    today = facts_on(world, [day])
    for suggestion in asking.recommend(recipient, day).suggestions:
        gift, g = world.gifts[world.index[suggestion.gift]], world.index[suggestion.gift]
        said = {s: any(r.startswith(s) for r in suggestion.reasons) for s in STARTS}
        assert said == {
            "serves": bool({*recipient.hobbies} & {*gift.hobbies}),
            "is ": bool({*recipient.preferences} & {*gift.preferences}),
            "made for": recipient.occasion in gift.occasions,
            "well reviewed": today.quality[0, g] > 0.5,
            "in demand": today.trend[0, g] > 0.5,
            "costs": True,
        }


def test_it_is_not_said_to_fit_an_age_that_it_does_not_fit(world, trusting):
    for day in range(20):
        infant = profile(age=1, hobbies=(), preferences=())
        for suggestion in trusting.recommend(infant, day).suggestions:
            youngest, oldest = world.gifts[world.index[suggestion.gift]].ages
            if FALLBACK in suggestion.reasons:
                assert youngest <= infant.age <= oldest


@given(ANY, DAYS, st.integers(1, 4))
def test_fewer_gifts_are_the_first_of_all(usual, recipient, day, k):
    whole = usual.recommend(recipient, day)
    part = usual.recommend(recipient, day, k)
    assert part.suggestions == whole.suggestions[:k]
    assert (part.categories, part.tools) == (whole.categories, whole.tools)


def test_more_gifts_than_five_can_be_had(trusting):
    """Of a rich recipient, to whom all 45 could be given."""
    rich = profile(budget=Money(minor=10**6, currency="EUR"))
    answer = trusting.recommend(rich, k=7)
    assert len(answer.suggestions) == 7 or "budget" not in answer.note


@given(profiles(1), DAYS)
def test_nothing_for_a_cent_is_said_honestly(usual, recipient, day):
    answer = usual.recommend(recipient, day)
    assert answer.suggestions == ()
    assert answer.note == "only 0 of 5 gifts fit the budget and the day"
    assert len(answer.categories) == 3


def test_a_batch_is_as_good_as_one_by_one(monkeypatch, world, usual):
    """The same gifts, tools and rewards, whatever stands beside; blocks change nothing."""
    some = shipped_scenarios(world).scenarios[:30]
    together = usual.answer(some)
    monkeypatch.setattr("giftrec.recommend.BLOCK", 7)
    blocks = usual.answer(some)
    assert (blocks.slates == together.slates).all()
    assert 0 < together.tools.sum() < together.tools.size
    for n, scenario in enumerate(some):
        alone = usual.recommend(scenario.profile, scenario.day)
        shown = [world.gifts[g].id for g in together.slates[n] if g >= 0]
        assert [s.gift for s in alone.suggestions] == shown
        assert alone.tools == tuple(t for t, on in zip(TOOLS, together.tools[n], strict=True) if on)
        for suggestion in alone.suggestions:
            reward = together.rewards[n, world.index[suggestion.gift]]
            assert suggestion.expected_satisfaction == pytest.approx(reward, abs=1e-4)


def test_answers_are_the_same_while_training(world, usual):
    """Dropout is off while it answers; afterwards the model goes on as it was."""
    one = profile()
    expected = usual.recommend(one)
    usual.predictor.model.train()
    try:
        assert usual.recommend(one) == expected
        assert usual.predictor.model.training
        assert all(p.grad is None for p in usual.predictor.model.parameters())
    finally:
        usual.predictor.model.eval()
    assert usual.recommend(one) == expected
    assert not usual.predictor.model.training


def test_the_day_decides_the_facts(asking):
    first, other = (asking.recommend(profile(), day) for day in (1, 2))
    assert first == asking.recommend(profile(), 1)
    assert [s.price for s in first.suggestions] != [s.price for s in other.suggestions]


def test_more_money_is_never_fewer_gifts(asking):
    counts = [
        len(asking.recommend(profile(budget=Money(minor=minor, currency="EUR"))).suggestions)
        for minor in (500, 1500, 2500, 5000, 20000)
    ]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] == 5


def test_a_world_of_few_gifts_is_told_so(world, lively):
    small = World(world.gifts[:3], world.vocabulary, world.seed)
    rich = profile(budget=Money(minor=10**6, currency="EUR"))
    answer = recommender(small, lively, 1 - 1e-6).recommend(rich)
    assert {s.gift for s in answer.suggestions} == {g.id for g in small.gifts}
    assert answer.note.startswith("only 3 of 5")


def test_gifts_that_were_never_seen_can_be_recommended(lively):
    """The catalogue may grow without training: a new gift can come first."""
    grown = recommender(default_world(200), lively, 0.5)
    some = [s.profile for s in shipped_scenarios(default_world()).scenarios[:20]]
    chosen = grown.say(some, list(range(20))).slates
    assert (chosen >= 45).any()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"hobbies": ("gardning",)}, r"hobbies: unknown hobby 'gardning' \(nearest: gardening"),
        ({"preferences": ("cozy",)}, r"preferences: unknown preference 'cozy' \(nearest: cosy"),
        ({"relationship": "mum"}, "relationship: unknown relationship 'mum'"),
        ({"occasion": "easter"}, "occasion: unknown occasion 'easter'"),
    ],
)
def test_unknown_words_are_refused(usual, changes, problem):
    with pytest.raises(UserError, match=problem):
        usual.recommend(profile(**changes))


def test_a_budget_in_another_currency_is_refused(usual):
    """6000 yen are no 60 euros."""
    with pytest.raises(UserError, match="JPY"):
        usual.recommend(profile(budget=Money(minor=6000, currency="JPY")))


@pytest.mark.parametrize(("ask_above", "sets"), [(0.5, [0, 0, 1]), (0.2, [0, 1, 1])])
def test_tools_are_asked_where_the_chance_is_above_the_threshold(ask_above, sets):
    logits = np.log([1 / 9, 3 / 7, 7 / 3]).astype(np.float32)  # of chances 0.1, 0.3 and 0.7
    padded = np.array([[*logits, -np.inf, -200]] * 2, dtype=np.float32)
    assert tool_sets(padded, ask_above).tolist() == [[*sets, 0, 0]] * 2


def test_answers_leave_the_random_numbers_alone(usual):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    usual.recommend(profile())
    assert torch.equal(torch.rand(2), expected)
