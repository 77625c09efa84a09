"""What was heard from people, as the model is taught it."""

import math

import pytest
import torch

from giftrec import settings
from giftrec.learn.heard import Heard, Preferred
from giftrec.model.comparing import Comparisons, comparison_loss
from giftrec.model.inputs import Catalogue
from giftrec.model.task import GiftTask, Lessons
from giftrec.scenarios.augment import AugmentSettings
from giftrec.training import build
from giftrec.vocabulary import TOOLS
from reccore.train.step import check_counts

AS_GIVEN = AugmentSettings(enabled=False)


@pytest.fixture
def heard(world, shipped):
    """For every recipient the fifth gift is preferred to the third."""

    def one(profile):
        a, b = world.gifts[4].id, world.gifts[2].id
        told = {"review_analysis": (1.5, -0.5)}
        preferred = (Preferred(better=a, worse=b, weight=1.0),)
        return Heard(profile=profile, gifts=(a, b), told=told, preferred=preferred)

    return [one(s.profile) for s in shipped[12:42]]


def task_of(world, scenarios, heard):
    sizes = {"width": 16, "profile_hidden": [16], "dropout": 0.0}
    model = build(settings.resolve(1, "compact", {"model": sizes}), world)
    gifts = Catalogue.of(world, model.settings.text_buckets)
    return GiftTask(model, Lessons.of(scenarios, world, heard), gifts, AS_GIVEN, dict)


def drawn(task, rows, seed=0):
    return task.prepare(torch.as_tensor(rows), torch.Generator().manual_seed(seed))


def test_the_loss_is_thurstones():
    mean, spread = torch.tensor([[0.5, 0.2, 0.9]]), torch.tensor([[0.3, 0.4, 0.1]])
    better, worse = torch.tensor([[0, 1]]), torch.tensor([[1, 2]])
    loss = comparison_loss(mean, spread, better, worse, torch.tensor([[0.5, 0.0]]))

    def phi(z):
        return (1 + math.erf(z / math.sqrt(2))) / 2

    assert float(loss) == pytest.approx(-0.5 * math.log(phi(0.3 / 0.5)), rel=1e-5)


def test_rows_that_compare_less_are_filled_with_nothing(world, heard):
    first, second = world.gifts[4].id, world.gifts[2].id
    one = heard[0]
    more = Heard(
        profile=one.profile,
        gifts=(first, second, world.gifts[7].id),
        preferred=(*one.preferred, Preferred(better=first, worse=world.gifts[7].id, weight=0.5)),
    )
    found = Comparisons.of(2, [one, more], world)
    assert found.weight.tolist() == [[0, 0], [0, 0], [1, 0], [1, 0.5]]
    assert found.better[3].tolist() == [4, 4]
    assert found.worse[3].tolist() == [2, 7]


def test_scenarios_are_learned_as_without_feedback(world, shipped, heard):
    """As many draws a batch, and the same terms but the reward's: what was heard is beside them."""
    plain, both = task_of(world, shipped[:12], []), task_of(world, shipped[:12], heard)
    assert plain.rows == both.rows
    alone, beside = drawn(plain, range(12)), drawn(both, range(12))
    for name in ("age", "tools", "categories", "received"):
        assert torch.equal(beside[name][:12], alone[name]), name
    assert len(beside["age"]) > 12
    assert beside["stated"].tolist() == [1.0] * 12 + [0.0] * (len(beside["age"]) - 12)
    terms, counts = both.terms(beside), both.counts(beside)
    check_counts(terms, counts)
    first = {
        name: values if name == "size" else values[:, :12] if name == "told" else values[:12]
        for name, values in beside.items()
    }
    alone_terms = both.terms(first)
    for name in ("category", "tool_diversity", "semantic_matching"):
        assert float(terms[name].sum.detach()) == pytest.approx(
            float(alone_terms[name].sum.detach()), rel=1e-4
        ), name
        assert terms[name].count == 12
    assert terms["reward"].count > 12


def test_what_the_tools_told_is_known_and_nothing_else(world, shipped, heard):
    batch = drawn(task_of(world, shipped[:12], heard), range(12))
    quality = TOOLS.index("review_analysis")
    later = batch["known"][12:]
    assert (later[:, quality] == 1).all()
    assert later.sum(1).eq(1).all()
    assert (batch["told"][quality, 12:, 4] == 1.5).all()
    assert (batch["told"][quality, 12:, 2] == -0.5).all()
    assert batch["told"][:, 12:].ne(0).sum() == 2 * len(later)


def test_what_was_heard_is_believed(world, shipped, heard):
    """Everybody prefers one gift to another: the model comes to expect it of new recipients."""
    from giftrec.model.inputs import Recipients, nothing_known

    def apart(task):
        who = Recipients.of(Lessons.of(shipped[60:90], world).columns)
        with torch.no_grad():
            mean = task.module(who, task.gifts, nothing_known(30, len(world))).reward.mean
        return float((mean[:, 4] - mean[:, 2]).mean())

    task = task_of(world, shipped[:12], heard)
    before = apart(task)
    optimizer = torch.optim.AdamW(task.module.parameters(), lr=2e-3)
    for step in range(60):
        terms = task.terms(drawn(task, range(12), seed=step))
        optimizer.zero_grad()
        (terms["reward"].sum / terms["reward"].count).backward()
        optimizer.step()
    assert apart(task) > before + 0.1
