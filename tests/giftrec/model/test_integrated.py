"""The whole model: each recipient alone, sets without order, gifts without numbers."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recipients import profiles

from giftrec import settings
from giftrec.catalog.world import World, default_world
from giftrec.columns import Columns
from giftrec.model.inputs import Catalogue, Recipients, asked, nothing_known
from giftrec.model.predictor import recommender
from giftrec.money import Money
from giftrec.training import build
from giftrec.vocabulary import TOOLS

PARTS = ("categories", "tools", "similarity")


def predict(model, world, recipients, days=None, tools=None):
    """What a model says of recipients who have asked `tools` [B, 5] (none by default)."""
    who = Recipients.of(Columns.of(recipients, world.vocabulary))
    gifts = Catalogue.of(world, model.settings.text_buckets)
    facts = nothing_known(len(who), len(gifts)) if tools is None else asked(world, days, tools)
    with torch.inference_mode():
        return model(who, gifts, facts)


def figures(said):
    """Every tensor of a prediction by name; those of rewards are [B, G]."""
    found = {name: getattr(said, name) for name in PARTS}
    for reward in ("reward", "before"):
        of = getattr(said, reward)
        found |= {f"{reward}.{f.name}": getattr(of, f.name) for f in fields(of)}
        found[f"{reward}.expected"] = of.expected
    return found


def some_tools(count):
    """Random sets of tools, some of them empty."""
    draw = np.random.default_rng(1).random((count, len(TOOLS)))
    return torch.from_numpy((draw < 0.5).astype(np.float32))


@pytest.fixture(scope="module")
def people(shipped):
    return [s.profile for s in shipped[:16]], [s.day for s in shipped[:16]]


def test_a_recipient_in_a_batch_is_a_recipient_alone(world, lively, people):
    who, days = people
    tools = some_tools(len(who))
    together = figures(predict(lively, world, who, days, tools))
    for n, one in enumerate(who):
        alone = figures(predict(lively, world, [one], days[n : n + 1], tools[n : n + 1]))
        for name, values in alone.items():
            torch.testing.assert_close(values[0], together[name][n], atol=1e-5, rtol=1e-5)


def test_the_order_of_gifts_means_nothing(world, lively, people):
    """Gifts in another order have the same scores, and the same ones are chosen."""
    who, days = people
    order = np.random.default_rng(0).permutation(len(world))
    other = World(tuple(world.gifts[g] for g in order), world.vocabulary, world.seed)
    tools = some_tools(len(who))
    said, again = (figures(predict(lively, w, who, days, tools)) for w in (world, other))
    for name, values in said.items():
        moved = values if name in ("categories", "tools") else values[:, order]
        torch.testing.assert_close(again[name], moved, atol=1e-4, rtol=1e-4)
    slates = []
    for where in (world, other):
        found = recommender(lively, where).say(who, days).slates.tolist()
        slates.append([[where.gifts[g].id for g in slate if g >= 0] for slate in found])
    assert slates[0] == slates[1]
    assert any(slates[0])


@given(profiles(), st.randoms(use_true_random=False))
def test_the_order_of_words_means_nothing(world, lively, profile, draw):
    shuffled = {name: list(getattr(profile, name)) for name in ("hobbies", "preferences")}
    for words in shuffled.values():
        draw.shuffle(words)
    other = profile.model_copy(update={name: tuple(words) for name, words in shuffled.items()})
    said, again = (figures(predict(lively, world, [one])) for one in (profile, other))
    assert all(torch.equal(again[name], values) for name, values in said.items())


@given(st.lists(profiles(), min_size=1, max_size=4), st.integers(0, 31))
def test_every_figure_is_sound_for_any_recipient(world, lively, recipients, subset):
    tools = torch.tensor([[subset >> t & 1 for t in range(len(TOOLS))]] * len(recipients)).float()
    said = predict(lively, world, recipients, list(range(len(recipients))), tools)
    found = figures(said)
    for name, values in found.items():
        certain = name in ("reward.afford", "reward.arrive")  # a known truth is infinite
        assert not values.isnan().any()
        assert certain or values.isfinite().all()
    assert said.categories.shape == (len(recipients), len(world.vocabulary.gift_categories))
    assert said.tools.shape == (len(recipients), len(TOOLS))
    for reward in (said.reward, said.before):
        assert ((reward.expected > -1e-6) & (reward.expected < 1 + 1e-6)).all()
        assert (reward.spread > 0).all()
    assert (said.similarity.abs() < 1 + 1e-5).all()


def test_every_part_of_a_recipient_matters(world, lively, people):
    """Another age, word, relationship, occasion, budget or day moves what is said."""
    (one, *_), _ = people
    words = world.vocabulary
    changes = {
        "age": one.age + 7,
        "hobbies": (next(h for h in words.hobbies if h not in one.hobbies),),
        "preferences": (next(p for p in words.preferences if p not in one.preferences),),
        "relationship": next(r for r in words.relationships if r != one.relationship),
        "occasion": next(o for o in words.occasions if o != one.occasion),
        "budget": Money(minor=one.budget.minor * 2, currency="EUR"),
        "days_left": one.days_left + 5,
    }
    said = figures(predict(lively, world, [one]))
    for name, value in changes.items():
        other = figures(predict(lively, world, [one.model_copy(update={name: value})]))
        for figure in ("categories", "tools", "reward.expected"):
            assert not torch.allclose(said[figure], other[figure], atol=1e-6), (name, figure)


def test_what_is_said_before_asking_does_not_hear_the_facts(world, lively, people):
    who, days = people
    nothing = figures(predict(lively, world, who))
    everything = figures(predict(lively, world, who, days, torch.ones(len(who), len(TOOLS))))
    for name in (*PARTS, "before.expected"):
        assert torch.equal(nothing[name], everything[name])
    assert torch.equal(nothing["before.expected"], nothing["reward.expected"])
    assert not torch.allclose(everything["reward.expected"], nothing["reward.expected"])


def test_a_category_without_gifts_is_not_expected(world, lively, people):
    """Of a world of two categories, the others come last."""
    kept = tuple(g for g in world.gifts if g.category in ("books", "games"))
    small = World(kept, world.vocabulary, world.seed)
    order = predict(lively, small, people[0]).categories.argsort(dim=1, descending=True)
    names = list(world.vocabulary.gift_categories)
    there = {names.index("books"), names.index("games")}
    assert all(set(row[:2]) == there for row in order.tolist())


def test_new_gifts_need_no_training(lively, people):
    """Weights know no gift: a catalogue of any size can be scored."""
    said = predict(lively, default_world(120), people[0])
    assert said.reward.expected.shape == (16, 120)
    assert said.reward.expected[:, 100:].std() > 0


def parameters(preset, world):
    return sum(p.numel() for p in build(settings.resolve(0, preset, {}), world).parameters())


def test_the_reference_preset_is_of_the_size_of_seed_004(world):
    assert parameters("reference", world) == pytest.approx(14_456_244, rel=0.02)


def test_the_compact_preset_is_under_a_million(world):
    assert parameters("compact", world) < 1_000_000


def test_first_weights_are_a_function_of_the_seed(world):
    """Whatever was drawn before; and the caller's random numbers go on as if nothing was built."""
    torch.manual_seed(1)
    first = build(settings.resolve(4, "compact", {}), world).state_dict()
    after = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), after)
    again = build(settings.resolve(4, "compact", {}), world).state_dict()
    other = build(settings.resolve(5, "compact", {}), world).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
