"""How hard the shipped world is, as specified: what is too easy or hopeless proves nothing."""

from types import SimpleNamespace

import numpy as np
import pytest

from giftrec.judge import Judge, set_f1
from giftrec.oracle import SUBSETS
from giftrec.scenarios.expand import expand
from giftrec.vocabulary import TOOLS
from reccore.data.seeds import derive

COUNT, DRAWS = 300, 8


@pytest.fixture(scope="module")
def measured(world):
    """Mean worths of the choosers on fresh tastes, and the values [N, 32] of all tool subsets."""
    judge = Judge(world, expand(world, COUNT, 99, label=False))
    oracle = judge.oracle
    tastes = oracle.tastes([derive(s.day, "difficulty") for s in judge.scenarios], DRAWS)
    felt = oracle.satisfaction(judge.who, judge.facts, tastes)
    best = oracle.best(judge.who, judge.facts)
    ideal = [
        oracle.worth(
            oracle.clairvoyant(judge.who, judge.facts, tastes[:, t]), felt[:, t : t + 1]
        ).mean()
        for t in range(DRAWS)
    ]
    return SimpleNamespace(
        judge=judge,
        best=oracle.worth(best, felt).mean(),
        clairvoyant=np.mean(ideal),
        tools=judge.tool_values,
    )


@pytest.fixture(scope="module")
def members():
    """[32, 5] which tools each subset has."""
    return np.array([[tool in subset for tool in TOOLS] for subset in SUBSETS], dtype=float)


def test_hidden_tastes_matter(measured):
    assert measured.best <= measured.clairvoyant - 0.05


def test_choosing_matters(measured):
    assert measured.judge.random.mean() <= 0.5 * measured.judge.best.mean()
    assert measured.judge.best.mean() == pytest.approx(measured.best, abs=0.02)


def test_asking_matters(measured):
    assert measured.tools[:, 0].mean() <= 0.75 * measured.judge.best.mean()
    costs = measured.judge.oracle.costs
    knowing_all = (measured.tools + costs)[:, 31].mean()
    assert knowing_all == pytest.approx(measured.judge.best.mean(), abs=0.03)


def test_no_subset_of_tools_is_right_for_all(measured, members):
    right = measured.tools.argmax(axis=1)
    shares = np.bincount(right, minlength=32) / COUNT
    assert shares.max() <= 0.30
    assert (shares >= 0.02).sum() >= 10
    for constant in members:
        chosen = np.tile(constant, (COUNT, 1))
        assert set_f1(chosen, members[right]).mean() <= 0.80


def test_every_tool_is_right_for_some_and_wrong_for_others(measured, members):
    asked = members[measured.tools.argmax(axis=1)].mean(axis=0)
    assert (asked > 0.1).all()
    assert (asked < 0.95).all()


def test_more_known_facts_are_worth_more(measured):
    """On average always; for single recipients but for the noise of 64 imagined worlds."""
    gross = measured.tools + measured.judge.oracle.costs
    gains = []
    for number in range(32):
        for tool in range(5):
            if not number >> tool & 1:
                gains.append(gross[:, number | 1 << tool] - gross[:, number])
                assert gains[-1].mean() > 0
    assert np.quantile(gains, 0.01) > -0.01
    assert np.min(gains) > -0.06
