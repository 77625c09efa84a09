"""What the trainer is told: draws, loss terms, parameter groups; and that it teaches."""

import numpy as np
import pytest
import torch

from giftrec import settings
from giftrec.catalog.today import facts_on
from giftrec.model.inputs import Catalogue, Recipients
from giftrec.model.task import DRAWS, GiftTask, Lessons
from giftrec.scenarios.augment import AugmentSettings
from giftrec.training import build
from giftrec.vocabulary import TOOLS
from reccore.train.objective import Objective, ObjectiveSettings
from reccore.train.optim import PLAIN, assert_covered, resolve_groups
from reccore.train.step import check_counts

SIZES = {"width": 16, "profile_hidden": [16], "fusion_hidden": 16, "tool_hidden": 16}
AS_GIVEN = AugmentSettings(enabled=False)


@pytest.fixture(scope="module")
def lessons(world, shipped):
    return Lessons.of(shipped[:12], world)


@pytest.fixture
def make(world, lessons):
    """A task on a narrow model without dropout."""

    def task(augmentation=AS_GIVEN, validate=dict, **changes):
        model = build(
            settings.resolve(1, "compact", {"model": {**SIZES, "dropout": 0.0} | changes}), world
        )
        gifts = Catalogue.of(world, model.settings.text_buckets)
        return GiftTask(model, lessons, gifts, augmentation, validate)

    return task


def drawn(task, rows, seed=0):
    return task.prepare(torch.as_tensor(rows), torch.Generator().manual_seed(seed))


def test_lessons_hold_what_the_scenarios_hold_and_nothing_else(world, shipped, lessons):
    """Receptions outside the outcomes are not known: the simulator is never asked."""
    told = {(n, o.gift): o.satisfaction for n, s in enumerate(shipped[:12]) for o in s.outcomes}
    assert len(told) == int((~lessons.received.isnan()).sum()) > 0
    for (row, gift), satisfaction in told.items():
        assert float(lessons.received[row, world.index[gift]]) == pytest.approx(satisfaction)
    categories = world.vocabulary.levels("category")
    for row, scenario in enumerate(shipped[:12]):
        right = {categories[c] for c in lessons.categories[row].nonzero().flatten()}
        assert right == set(scenario.expected_categories)
        asked = {TOOLS[t] for t in lessons.tools[row].nonzero().flatten()}
        assert asked == set(scenario.expected_tools)
    today = facts_on(world, [s.day for s in shipped[:12]])
    for tool, values in zip(TOOLS, lessons.facts.told.numpy(), strict=True):
        np.testing.assert_allclose(values, today.column(tool), rtol=1e-6)


def test_what_is_taught_was_received_and_could_be_had(world, shipped, make):
    """A reception of 0 for want of money or time says nothing of the gift's appeal."""
    batch = drawn(make(), range(12))
    for row, scenario in enumerate(shipped[:12]):
        today = facts_on(world, [scenario.day])
        could = (today.price + today.fees <= scenario.profile.budget.minor)[0]
        could &= today.lead_days[0] <= scenario.profile.days_left
        expected = {o.gift for o in scenario.outcomes if could[world.index[o.gift]]}
        felt = batch["felt"][row].nonzero().flatten()
        assert {world.gifts[g].id for g in felt} == expected


def test_an_epoch_visits_every_scenario_as_often(make):
    task = make()
    assert task.rows == 12 * DRAWS
    whole = drawn(task, range(task.rows))
    ages = task.lessons.columns.age
    assert whole["age"].tolist() == [*ages] * DRAWS


def test_a_batch_is_a_function_of_the_generator(make):
    task = make(AugmentSettings())
    rows = list(range(40))
    first, again, other = drawn(task, rows), drawn(task, rows), drawn(task, rows, seed=1)
    for name, values in first.items():
        same = values == again[name] if name == "size" else torch.equal(values, again[name])
        assert same, name
    for name in ("known", "age", "budget", "hobbies"):
        assert not torch.equal(first[name], other[name]), name
    for name in ("told", "categories", "tools", "received", "relationship", "days_left"):
        assert torch.equal(first[name], other[name]), name


def test_without_augmentation_recipients_are_as_given(make):
    task = make()
    batch, given = drawn(task, range(12)), Recipients.of(task.lessons.columns)
    assert all(torch.equal(batch[name], getattr(given, name)) for name in given.__annotations__)
    assert not torch.equal(drawn(make(AugmentSettings()), range(12))["age"], batch["age"])


def test_everything_from_no_tool_to_all_of_them_is_revealed(make):
    """The model must do with any facts: each tool is as often asked as not."""
    known = drawn(make(), [0] * 2000)["known"]
    assert {*known.sum(1).tolist()} == {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}
    assert ((known.mean(0) - 0.5).abs() < 0.05).all()


def test_the_terms_are_seed_004s_and_their_counts_are_known_before(make):
    task = make()
    assert task.term_names == (
        "category",
        "tool_diversity",
        "reward",
        "semantic_matching",
        "embedding_regularisation",
    )
    batch = drawn(task, range(7))
    terms = task.terms(batch)
    check_counts(terms, task.counts(batch))
    assert {term.count for term in terms.values()} == {7.0}
    assert all(term.sum.isfinite() and term.sum >= 0 for term in terms.values())


def test_every_term_teaches_a_part_of_its_own(make):
    """Gradients reach every parameter, and each term the part that it is named for."""
    task = make()
    with torch.no_grad():  # as built some weights are 0, which blocks others' gradients
        draw = torch.Generator().manual_seed(0)
        for parameter in task.module.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=draw))
    own = {
        "category": "category_matcher.",
        "tool_diversity": "tool_selector.",
        "reward": "reward_predictor.",
        "semantic_matching": "gift_encoder.text",
        "embedding_regularisation": "profile_encoder.relationship",
    }
    names, parameters = zip(*task.module.named_parameters(), strict=True)
    batch = dict(drawn(task, range(24)))
    for words in ("hobbies", "preferences"):  # somebody of whom nothing is known
        batch[words] = batch[words].clone()
        batch[words][0] = 0.0
    terms = task.terms(batch)
    reached = set()
    for name, term in terms.items():
        gradients = torch.autograd.grad(term.sum, parameters, retain_graph=True, allow_unused=True)
        moved = {n for n, g in zip(names, gradients, strict=True) if g is not None and g.any()}
        assert any(n.startswith(own[name]) for n in moved), name
        reached |= moved
    assert reached == set(names)


def test_a_known_budget_teaches_nothing_false(make):
    """Where all is known the loss is finite, though the logits are infinite."""
    task = make()
    batch = dict(drawn(task, range(12)))
    for known in (0.0, 1.0):
        batch["known"] = torch.full_like(batch["known"], known)
        terms = task.terms(batch)
        total = torch.stack([term.sum for term in terms.values()]).sum()
        task.module.zero_grad()
        total.backward()
        assert all(p.grad.isfinite().all() for p in task.module.parameters() if p.grad is not None)


def test_receptions_that_are_not_known_teach_nothing(make):
    """Whatever stands in their place: the batch's zeros are no receptions."""
    task = make()
    batch = dict(drawn(task, range(12)))

    def losses():
        return {name: float(term.sum.detach()) for name, term in task.terms(batch).items()}

    before = losses()
    batch["received"] = torch.where(batch["felt"], batch["received"], 0.77)
    assert losses() == pytest.approx(before, rel=1e-6)
    batch["received"] = torch.where(batch["felt"], 0.77, batch["received"])
    assert losses()["reward"] != pytest.approx(before["reward"], rel=1e-3)


def test_groups_cover_every_parameter_exactly_once(make):
    task = make()
    groups = task.parameter_groups()
    assert_covered(task.module, groups)
    assert sum(p.numel() for g in groups for p in g.parameters) == sum(
        p.numel() for p in task.module.parameters()
    )
    families = {
        "user_profile",
        "category_matching",
        "tool_selection",
        "reward_prediction",
        "main",
    }
    assert {group.name.removesuffix(PLAIN) for group in groups} == families
    by_name = {name: set() for name in families}
    modules = {id(p): n.split(".")[0] for n, p in task.module.named_parameters()}
    for group in groups:
        by_name[group.name.removesuffix(PLAIN)] |= {modules[id(p)] for p in group.parameters}
    assert by_name == {
        "user_profile": {"profile_encoder"},
        "category_matching": {"category_matcher", "category"},
        "tool_selection": {"tool_selector"},
        "reward_prediction": {"reward_predictor"},
        "main": {"gift_encoder", "fusion"},
    }


def test_the_reference_rates_reach_the_five_groups(make):
    """Seed 004's rates by part: the tools' is one and a half times the others'."""
    how = settings.resolve(0, "reference", {}).train
    rules = resolve_groups(make().parameter_groups(), how.groups, how.lr, how.weight_decay)
    rates = {name: group.lr for name, group in how.groups.items()}
    assert len(rates) == 5
    assert None not in rates.values()
    assert {rule.group.name.removesuffix(PLAIN) for rule in rules} == set(rates)
    for rule in rules:
        assert rule.lr == rates[rule.group.name.removesuffix(PLAIN)]
    assert len({rule.lr for rule in rules}) > 1


def test_two_halves_have_the_gradient_of_the_whole(make):
    """The same draws, in one batch of 16 or accumulated over two of 8."""
    task = make(AugmentSettings())
    whole = drawn(task, range(16))
    halves = [
        {
            name: 8 if name == "size" else values[:, part] if name == "told" else values[part]
            for name, values in whole.items()
        }
        for part in (slice(0, 8), slice(8, 16))
    ]
    objective = Objective(ObjectiveSettings(), task.term_names)
    totals = task.counts(whole)

    def gradient(batches):
        task.module.zero_grad()
        for batch in batches:
            objective(task.terms(batch), totals, 1 / len(batches)).backward()
        return {n: p.grad.clone() for n, p in task.module.named_parameters() if p.grad is not None}

    once, twice = gradient([whole]), gradient(halves)
    assert once.keys() == twice.keys()
    for name, expected in once.items():
        torch.testing.assert_close(twice[name], expected, atol=2e-5, rtol=1e-4)
    assert any(g.abs().max() > 1e-3 for g in once.values())


def test_it_learns_twelve_scenarios(make):
    """Every term of the loss falls over 120 steps, but the one that holds weights down."""
    task = make()
    optimizer = torch.optim.AdamW(task.module.parameters(), lr=1e-2)
    look = drawn(task, range(24), seed=99)

    def losses():
        with torch.no_grad():
            return {name: float(t.sum / t.count) for name, t in task.terms(look).items()}

    before = losses()
    for step in range(120):
        terms = task.terms(drawn(task, range(12), seed=step))
        loss = torch.stack([t.sum / t.count for n, t in terms.items() if n[0] != "e"]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = losses()
    for name in ("category", "tool_diversity", "reward", "semantic_matching"):
        assert after[name] < before[name], name
    assert after["category"] < 0.5 * before["category"]
    assert after["tool_diversity"] < 0.5 * before["tool_diversity"]


def test_evaluation_is_the_validation_it_was_given(make):
    task = make(validate=lambda: {"quality": 0.25})
    assert task.evaluate() == {"quality": 0.25}
    assert task.higher_is_better
