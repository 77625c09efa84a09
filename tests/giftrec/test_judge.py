"""Every metric against a slow, obvious loop, and against answers whose worth is certain."""

from dataclasses import replace

import numpy as np
import pytest

from giftrec.answers import Answers
from giftrec.columns import incidence
from giftrec.judge import RANDOM_SLATES, Judge, set_f1
from giftrec.oracle import SUBSETS
from giftrec.vocabulary import TOOLS
from reccore.data.seeds import derive

SOME, TASTES = 12, 32
KINDS = ("category_match", "category_f1", "tool_match", "tool_f1", "tool_regret", "reward_share")


@pytest.fixture(scope="module")
def scenarios(shipped):
    """Some with labels, and one of whom nothing is expected."""
    blank = {"expected_categories": (), "expected_tools": (), "outcomes": ()}
    return (*shipped[:SOME], shipped[SOME].model_copy(update=blank))


@pytest.fixture(scope="module")
def judge(world, scenarios):
    return Judge(world, scenarios)


def random_answers(judge, seed):
    """Sound answers without any sense."""
    draw = np.random.default_rng(seed)
    count, gifts = len(judge.scenarios), len(judge.world)
    slates = np.stack([draw.permutation(gifts)[:5] for _ in range(count)])
    slates[draw.random(slates.shape) < 0.2] = -1
    return Answers(
        categories=draw.random((count, len(judge.world.vocabulary.gift_categories))),
        tool_scores=draw.random((count, len(TOOLS))),
        tools=draw.random((count, len(TOOLS))) < 0.5,
        slates=slates,
        rewards=draw.random((count, gifts)),
        allowed=draw.random((count, gifts)) < 0.7,
    )


@pytest.fixture(scope="module")
def answers(judge):
    return random_answers(judge, 0)


def values(judge, answers):
    return {n: m.value for n, m in judge.verdict(answers).metrics(resamples=0).items()}


@pytest.fixture(scope="module")
def found(judge, answers):
    return values(judge, answers)


def best_of(scores, many):
    """Numbers of the highest scores, the first of equals first."""
    return set(sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:many])


def f1(chosen, expected):
    if not chosen and not expected:
        return 1.0
    hits = len(chosen & expected)
    precision = hits / len(chosen) if chosen else 0.0
    recall = hits / len(expected) if expected else 0.0
    return 2 * precision * recall / (precision + recall) if hits else 0.0


def expected_sets(judge):
    names = list(judge.world.vocabulary.gift_categories)
    for scenario in judge.scenarios:
        categories = {names.index(c) for c in scenario.expected_categories}
        yield categories, {TOOLS.index(t) for t in scenario.expected_tools}


def test_matches_are_a_hit_among_the_first_three_or_two(judge, answers, found):
    match = {"category_match": [], "tool_match": []}
    for n, (categories, tools) in enumerate(expected_sets(judge)):
        first = best_of(answers.categories[n], 3)
        match["category_match"].append(not categories or bool(first & categories))
        first = best_of(answers.tool_scores[n], 2)
        match["tool_match"].append(not tools or bool(first & tools))
    for name, hits in match.items():
        assert found[name] == pytest.approx(np.mean(hits))
        assert 0 < found[name] < 1, "an example that cannot tell right from wrong"


def test_f1_is_that_of_sets(judge, answers, found):
    category, tool = [], []
    for n, (categories, tools) in enumerate(expected_sets(judge)):
        category.append(f1(best_of(answers.categories[n], len(categories)), categories))
        tool.append(f1({int(t) for t in np.flatnonzero(answers.tools[n])}, tools))
    assert found["category_f1"] == pytest.approx(np.mean(category))
    assert found["tool_f1"] == pytest.approx(np.mean(tool))


def test_two_empty_sets_agree_and_one_does_not():
    chosen = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 0], [1, 1, 0]], dtype=float)
    expected = np.array([[0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 1, 1]], dtype=float)
    assert set_f1(chosen, expected).tolist() == [1.0, 0.0, 0.0, 0.5]


def test_regret_is_the_value_lost_by_other_tools_over_what_tools_can_gain(judge, answers, found):
    table = judge.oracle.net_tool_values(judge.who)
    lost = gained = 0.0
    for n, row in enumerate(table):
        mine = tuple(tool for t, tool in enumerate(TOOLS) if answers.tools[n, t])
        lost += max(row) - row[SUBSETS.index(mine)]
        gained += max(row) - row[SUBSETS.index(())]
    assert found["tool_regret"] == pytest.approx(lost / gained, rel=1e-6)
    assert found["tool_regret"] > 0.1


def test_the_expected_tools_leave_no_regret(world, shipped, judge):
    labelled = Judge(world, shipped[:SOME])
    tools = incidence([s.expected_tools for s in labelled.scenarios], TOOLS) > 0
    right = replace(random_answers(labelled, 1), tools=tools, tool_scores=tools.astype(float))
    metrics = values(labelled, right)
    assert metrics["tool_regret"] == pytest.approx(0, abs=1e-9)
    assert metrics["tool_f1"] == metrics["tool_match"] == 1
    none = replace(right, tools=np.zeros_like(tools))
    assert values(labelled, none)["tool_regret"] == pytest.approx(1)


def test_worth_is_the_best_gift_and_a_little_diversity(judge, answers, found):
    """Scenario by scenario, taste by taste, on tastes that nobody has seen."""
    worths = []
    for n, slate in enumerate(answers.slates):
        shown = [g for g in slate if g >= 0]
        kinds = len({judge.world.gifts[g].category for g in shown})
        for t in range(TASTES):
            best = max((judge.satisfaction[n, t, g] for g in shown), default=0.0)
            worths.append(0.95 * best + 0.05 * kinds / 5)
    assert len(worths) == judge.satisfaction[:, :, 0].size
    assert found["worth"] == pytest.approx(np.mean(worths))
    diversity = [
        len({judge.world.gifts[g].category for g in slate if g >= 0}) / 5
        for slate in answers.slates
    ]
    assert found["diversity"] == pytest.approx(np.mean(diversity))


def test_the_share_runs_from_random_slates_to_the_best(world, shipped):
    judge = Judge(world, shipped)
    oracle, who, days = judge.oracle, judge.who, [s.day for s in judge.scenarios]
    nonsense = random_answers(judge, 2)

    def share(slates):
        verdict = judge.verdict(replace(nonsense, slates=slates), tools=False)
        return verdict.value("reward_share")

    assert share(oracle.best(who, judge.facts)) == pytest.approx(1)
    drawn = [
        share(oracle.random(who, [derive(day, "random slate", draw) for day in days]))
        for draw in range(RANDOM_SLATES)
    ]
    assert np.mean(drawn) == pytest.approx(0, abs=1e-9)
    others = [share(oracle.random(who, [day + n for day in days])) for n in range(1, 9)]
    assert np.mean(others) == pytest.approx(0, abs=0.15)
    assert share(np.full((len(shipped), 5), -1)) < 0
    own = judge.satisfaction.mean(axis=1)  # of the tastes they are judged by: better than best
    assert share(np.argsort(-own, axis=1)[:, :5]) > 0.8


def test_perfect_predictions_are_calibrated(judge, answers):
    received = judge.satisfaction.mean(axis=1)
    perfect = values(judge, replace(answers, rewards=received))
    assert perfect["reward_ece"] == pytest.approx(0, abs=1e-12)
    off = values(judge, replace(answers, rewards=np.minimum(received + 0.07, 1)))
    assert off["reward_ece"] == pytest.approx(0.07, abs=0.01)
    assert off["reward_rmse"] > perfect["reward_rmse"] > 0


def test_calibration_and_error_are_those_of_loops(judge, answers, found):
    """Over pairs that could be shown: gaps of ten bins of the predictions, by their size."""
    bins = {b: [] for b in range(10)}
    squares = []
    for n in range(len(judge.scenarios)):
        for g in range(len(judge.world)):
            if not answers.allowed[n, g]:
                continue
            predicted, received = answers.rewards[n, g], judge.satisfaction[n, :, g]
            bins[min(9, int(10 * predicted))].append((predicted, received.mean()))
            squares.append(((received - predicted) ** 2).mean())
    gaps = [
        len(pairs) * abs(np.mean([p - r for p, r in pairs])) for pairs in bins.values() if pairs
    ]
    assert found["reward_ece"] == pytest.approx(sum(gaps) / len(squares))
    assert found["reward_rmse"] == pytest.approx(np.sqrt(np.mean(squares)))


def test_gifts_over_the_budget_are_counted(judge, answers, found):
    """By what the answer knew (a price not asked for is as listed), and by today's full cost."""
    shown = known = today = 0
    for n, scenario in enumerate(judge.scenarios):
        budget = scenario.profile.budget.minor
        for g in answers.slates[n]:
            if g < 0:
                continue
            price, fees = judge.facts.price[n, g], judge.facts.fees[n, g]
            seen = price if answers.tools[n, 0] else judge.world.listing.price[g]
            shown += 1
            known += seen + (fees if answers.tools[n, 4] else 0) > budget
            today += price + fees > budget
    assert found["budget_violations"] == pytest.approx(known / shown)
    assert found["over_budget_today"] == pytest.approx(today / shown)
    assert 0 < known < today


def test_an_empty_slate_breaks_no_budget(judge, answers):
    nothing = values(judge, replace(answers, slates=np.full_like(answers.slates, -1)))
    assert nothing["budget_violations"] == nothing["over_budget_today"] == 0
    assert nothing["worth"] == nothing["diversity"] == 0


def test_quality_is_the_mean_of_two(found):
    both = (found["category_match"] + found["reward_share"]) / 2
    assert found["quality"] == pytest.approx(both)


def test_intervals_hold_the_value(judge, answers):
    for name, metric in judge.verdict(answers).metrics().items():
        assert metric.low <= metric.value <= metric.high, name
        assert name == "budget_violations" or metric.low < metric.high


def test_intervals_are_those_of_scenarios_drawn_again(judge, answers):
    """The slow bootstrap: judge each resample of the scenarios from nothing."""
    verdict = judge.verdict(answers)
    draw = np.random.default_rng(3)
    seen = {name: [] for name in KINDS}
    for _ in range(300):
        rows = draw.integers(0, len(judge.scenarios), len(judge.scenarios))
        again = replace(
            verdict,
            figures={name: column[rows] for name, column in verdict.figures.items()},
            calibration=verdict.calibration[rows],
        )
        for name in KINDS:
            seen[name].append(again.value(name))
    for name, metric in verdict.metrics().items():
        if name in KINDS:
            width = metric.high - metric.low
            low, high = np.quantile(seen[name], [0.025, 0.975])
            assert metric.low == pytest.approx(low, abs=0.25 * width)
            assert metric.high == pytest.approx(high, abs=0.25 * width)


def test_the_same_answers_get_the_same_verdict(world, scenarios, judge, answers, found):
    assert values(judge, answers) == found
    assert values(Judge(world, scenarios), answers) == found
    assert judge.verdict(answers).value("worth") == found["worth"]


def test_the_value_of_tools_can_be_left_out(judge, answers, found):
    quick = judge.verdict(answers, tools=False).metrics(resamples=0)
    assert quick["tool_regret"].value == 0
    for name, value in found.items():
        assert name == "tool_regret" or quick[name].value == value
